# `make run` and `make test` need Python 3.11+ and make; everything else they install themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export HOST ?= 127.0.0.1
export PORT ?= 8000

.PHONY: run test bench pictures lint format messages chromium clean

run: $(VENV)/.installed
	@exec $(BIN)/python manage.py serve

# TESTS="tests.web tests.unit.test_diff" for some of them.
test: $(VENV)/.installed-dev chromium
	$(BIN)/python $(if $(TESTS),manage.py test --parallel=1 $(TESTS),-m tests.halves)

bench: $(VENV)/.installed-dev
	$(BIN)/python -m bench

pictures: $(VENV)/.installed-dev chromium
	$(BIN)/python -m tests.pictures $(PAGES)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tests.rules

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The catalogs of the languages, from what the code says now; needs GNU gettext. Both forms are kept
# in git, because a site has no gettext to make .mo of .po.
LANGUAGES := es zh_Hans ko
messages: $(VENV)/.installed-dev
	$(BIN)/python manage.py makemessages $(LANGUAGES:%=--locale=%) --ignore=$(VENV) \
	  --no-location --no-obsolete --no-wrap
	for language in $(LANGUAGES); do \
	  folder=locale/$$language/LC_MESSAGES; \
	  msgattrib --sort-output --no-wrap --no-location $$folder/django.po \
	    | grep -v '^"POT-Creation-Date' > $$folder/sorted.po && \
	  mv $$folder/sorted.po $$folder/django.po && \
	  msgfmt --check -o $$folder/django.mo $$folder/django.po || exit 1; \
	done

clean:
	rm -rf $(VENV)

# compileall: nothing is compiled on the first request, and mlflow's first import is fast.
$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed. Set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m compileall -q endpoints playground
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# Browser tests drive the system's Chromium. Where it cannot be had they are skipped, and say so.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  command -v google-chrome >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    echo "Installing Chromium for the browser tests" && \
	    apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk >/dev/null; } || \
	  echo "No Chromium here: browser tests will be skipped. Install the package 'chromium'."
