"""The static rules hold, and each of them catches what it is there for."""

import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

from tests import rules

ROOT = Path(__file__).resolve().parents[2]
RUFF = shutil.which("ruff", path=str(Path(sys.executable).parent))

# path, what is planted there, the rule that must name it
PLANTED = [
    ("playground/views/x.py", "Run.objects.get(pk=pk)", rules.ROWS),
    ("playground/views/x.py", "User.objects.filter(username=name)", rules.ROWS),
    ("playground/api/x.py", "def f():\n    return Call.objects.all()", rules.ROWS),
    ("playground/consumers.py", "await Run._default_manager.aget(pk=pk)", rules.ROWS),
    ("playground/worker.py", "rows = Credential.objects", rules.ROWS),
    ("playground/running.py", "def other():\n    Endpoint.objects.get(pk=pk)", rules.ROWS),
    ("playground/management/commands/x.py", "Endpoint.objects.get(name=name)", rules.ROWS),
    ("playground/views/x.py", "get_object_or_404(Endpoint, pk=pk)", rules.ROWS),
    ("playground/views/x.py", "shortcuts.get_object_or_404(Endpoint, pk=pk)", rules.ROWS),
    ("playground/views/x.py", "apps.get_model('playground', 'Run')", rules.ROWS),
    ("playground/running.py", "visible_to(u, Run).extra(where=[typed])", rules.SQL),
    ("playground/running.py", "rows.raw('SELECT 1')", rules.SQL),
    ("playground/running.py", "with connection.cursor() as c: pass", rules.SQL),
    ("playground/worker.py", "os.environ['DATABRICKS_TOKEN'] = token", rules.ENVIRON),
    ("playground/worker.py", "del os.environ['A']", rules.ENVIRON),
    ("endpoints/oauth.py", "os.environ.update(A='b')", rules.ENVIRON),
    ("endpoints/oauth.py", "os.putenv('A', 'b')", rules.ENVIRON),
    ("endpoints/oauth.py", "import requests", rules.HTTP),
    ("endpoints/oauth.py", "from requests.adapters import HTTPAdapter", rules.HTTP),
    ("playground/managing.py", "from urllib import request", rules.HTTP),
    ("playground/managing.py", "import urllib.request as r", rules.HTTP),
    ("playground/templatetags/x.py", "SafeString(text)", rules.MARKUP),
    ("templates/x.html", "<p>{{ call.text|safe }}</p>", rules.MARKUP),
    ("templates/x.html", "{{ texts | safeseq }}", rules.MARKUP),
    ("templates/x.html", "{% autoescape off %}", rules.MARKUP),
    ("static/js/x.js", "eval(text)", rules.SCRIPT),
    ("static/js/x.js", "new Function('a', text)", rules.SCRIPT),
    ("static/js/x.js", "setTimeout('go()', 1)", rules.SCRIPT),
    ("playground/views/x.py", "mark_safe(text)  # noqa: S308", rules.NOQA),
    ("playground/views/x.py", "import pickle  # noqa: E402, TID251", rules.NOQA),
]

# As above, for what ruff finds.
FOR_RUFF = """
import pickle  # TID251
import cloudpickle  # TID251
import dill  # TID251
import joblib  # TID251
import shelve  # TID251
import marshal  # TID251
from pickle import loads  # TID251
from yaml import load  # TID251
from django.views.decorators.csrf import csrf_exempt  # TID251
from django.db.models.expressions import RawSQL  # TID251
pickle.loads(text)  # S301
marshal.loads(text)  # S302
eval(text)  # S307
exec(text)  # S102
mark_safe(text)  # S308
yaml.load(text)  # S506
requests.get(url, verify=False)  # S501
subprocess.run(text, shell=True)  # S602
os.system(text)  # S605
hashlib.md5(text)  # S324
query = "SELECT * FROM runs WHERE id = '%s'" % text  # S608
Run.objects.extra(where=[text])  # S610
RawSQL(text, [])  # S611
"""
IMPORTS = """import hashlib, os, subprocess, requests, yaml
from django.utils.safestring import mark_safe
"""


class RulesTests(unittest.TestCase):
    def test_the_repository_breaks_none(self) -> None:
        self.assertEqual(list(map(str, rules.breaches())), [])

    def test_each_rule_names_what_was_planted_by_file_and_line(self) -> None:
        for path, planted, rule in PLANTED:
            with self.subTest(path=path, planted=planted):
                found = list(rules.breaches_in(path, f"\n{planted}\n"))
                self.assertEqual([each.rule for each in found], [rule])
                self.assertEqual(found[0].line, 1 + len(planted.splitlines()))
                self.assertFalse(rules.is_allowed(found[0]), "An exception covers this.")
                self.assertRegex(str(found[0]), f"^{re.escape(path)}:[23]: ")

    def test_what_is_like_it_and_harmless_passes(self) -> None:
        for path, text in (
            ("playground/views/x.py", "visible_to(user, Run).filter(pk=pk)"),
            ("playground/views/x.py", "Workspace.objects.none()"),
            ("playground/running.py", "Call.objects.bulk_create(calls)"),
            ("playground/starting.py", "User.objects.exists()"),
            ("playground/access.py", "model.objects.filter(rule)"),
            ("playground/access.py", "Run.objects.all()"),
            ("playground/settings.py", "os.environ.get('PORT')"),
            ("playground/x.py", "from django.http import HttpRequest"),
            ("templates/x.html", "<p>{{ safe_text }} autoescape</p>"),
            ("static/js/x.js", "setTimeout(() => retrieval(1), 5)"),
            ("playground/x.py", "mark_safe(x)  # noqa: S308 - escaped just above"),
            ("playground/x.py", "import requests_like  # noqa: E402"),
        ):
            with self.subTest(text=text):
                self.assertEqual(list(rules.breaches_in(path, text)), [])

    def test_no_exception_reaches_into_pages_api_sockets_or_worker(self) -> None:
        rooms = [place for place in rules.ALLOWED[rules.ROWS] if place.split(".")[0] in rules.ROOMS]
        self.assertEqual(rooms, [])

    def test_an_exception_that_nothing_needs_is_a_breach(self) -> None:
        with mock.patch.dict(rules.ALLOWED[rules.SQL], {"nowhere.at_all": "for no reason at all"}):
            (breach,) = rules.breaches()
        self.assertIn("nowhere.at_all", str(breach))

    def test_every_exception_has_its_reason(self) -> None:
        for places in rules.ALLOWED.values():
            for place, reason in places.items():
                self.assertGreater(len(reason.split()), 3, place)


@unittest.skipUnless(RUFF, "ruff is not installed (requirements-dev.txt has it)")
class RuffTests(unittest.TestCase):
    def test_ruff_catches_the_rest(self) -> None:
        found = self.found_in(IMPORTS + FOR_RUFF)
        for number, line in enumerate((IMPORTS + FOR_RUFF).splitlines(), 1):
            code = line.partition("#")[2].strip()
            if code:
                with self.subTest(line=line):
                    self.assertIn((number, code), found)

    def found_in(self, text: str) -> set[tuple[int, str]]:
        """(line, code) of what ruff says about this as a module of the playground."""
        command = [
            RUFF,
            "check",
            "--output-format=concise",
            "--stdin-filename=playground/x.py",
            "-",
        ]
        said = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True).stdout
        return {(int(line), code) for line, code in re.findall(r":(\d+):\d+: ([A-Z]+\d+)", said)}
