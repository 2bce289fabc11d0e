"""Every word that people read can be translated, and is, in the languages that are offered.

`make messages` brings the catalogs up to date with the code, and compiles them.
"""

import gettext
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import polib
from django.conf import settings
from django.template.base import Lexer, TokenType
from django.utils.translation import to_locale
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
LOCALES = ("es", "zh_Hans", "ko")
KEYWORDS = (
    *("gettext_lazy", "pgettext:1c,2", "pgettext_lazy:1c,2", "npgettext:1c,2,3"),
    *("ngettext_lazy:1,2", "gettext_noop"),
)
PARTS = re.compile(r"%\(\w+\)s|\{\w+\}|</?\w+[^>]*>")

# Text of the templates that is the same in every language: names, units, what is typed.
NAMES = {
    *("Prompt Playground", "· Prompt Playground", "Markdown", "JSON", "TTFT", "s", "pp_••••••••"),
    *("user", "assistant", "app app--fixed"),  # keys and classes, not read
    *("v", "production"),  # before a number of a version; an alias
}
UNREAD = {"code", "kbd", "pre", "script", "style", "svg", "textarea"}  # elements
READ = ("alt", "aria-label", "aria-valuetext", "data-label", "placeholder", "title")  # attributes
CODE = re.compile(r"[\[{]")  # an attribute that begins so shows JSON


def catalog(locale: str) -> polib.POFile:
    return polib.pofile(str(folder(locale) / "django.po"))


def folder(locale: str) -> Path:
    return ROOT / "locale" / locale / "LC_MESSAGES"


def key(entry: polib.POEntry) -> tuple[str | None, str]:
    return entry.msgctxt, entry.msgid


def sentences(entry: polib.POEntry) -> list[str]:
    return [*entry.msgstr_plural.values()] if entry.msgid_plural else [entry.msgstr]


@unittest.skipUnless(shutil.which("xgettext"), "GNU gettext is not installed")
class CompleteTests(unittest.TestCase):
    """What is marked in the code is in each catalog, and nothing else."""

    def test_catalogs_hold_what_the_code_says(self) -> None:
        said = self.extracted()
        self.assertGreater(len(said), 500)
        for locale in LOCALES:
            with self.subTest(locale=locale):
                held = {key(entry) for entry in catalog(locale)}
                self.assertEqual((said - held, held - said), (set(), set()), "Run make messages.")

    def extracted(self) -> set:
        with tempfile.TemporaryDirectory() as name:
            sources = Path(name) / "sources"
            for path in sorted((ROOT / "playground").rglob("*.py")):
                self.keep(sources, path, path.read_text())
            for path in sorted((ROOT / "templates").rglob("*.html")):
                self.keep(sources, path, templatize(path.read_text()))
            files = [str(path) for path in sources.rglob("*") if path.is_file()]
            options = [f"--keyword={keyword}" for keyword in KEYWORDS]
            target = Path(name) / "all.po"
            subprocess.run(
                ["xgettext", "--language=Python", "--from-code=UTF-8", "-o", target]
                + options
                + files,
                check=True,
                capture_output=True,
            )
            return {key(entry) for entry in polib.pofile(str(target))}

    @staticmethod
    def keep(sources: Path, path: Path, text: str) -> None:
        place = sources / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


class CatalogTests(unittest.TestCase):
    def test_all_languages_have_the_same_sentences(self) -> None:
        first, *others = ({key(entry) for entry in catalog(locale)} for locale in LOCALES)
        for other in others:
            self.assertEqual(first ^ other, set())

    def test_an_offered_language_is_complete(self) -> None:
        offered = [to_locale(code) for code, _ in settings.LANGUAGES if code != "en"]
        self.assertLessEqual(set(offered), set(LOCALES))
        for locale in offered:
            for entry in catalog(locale):
                with self.subTest(locale=locale, msgid=entry.msgid):
                    self.assertTrue(all(sentences(entry)) and sentences(entry), "Not translated.")
                    self.assertFalse(entry.fuzzy, "Only guessed.")

    def test_parts_are_those_of_the_english_sentence(self) -> None:
        for locale in LOCALES:
            for entry in catalog(locale):
                with self.subTest(locale=locale, msgid=entry.msgid):
                    for sentence in filter(None, sentences(entry)):
                        self.assertIn(self.parts(sentence), self.parts_of(entry))
                        if '"' not in entry.msgid:  # it may stand in an attribute
                            self.assertNotIn('"', sentence)

    def parts_of(self, entry: polib.POEntry) -> list[list[str]]:
        return [self.parts(text) for text in (entry.msgid, entry.msgid_plural) if text]

    @staticmethod
    def parts(sentence: str) -> list[str]:
        return sorted(PARTS.findall(sentence))

    def test_the_compiled_catalog_says_the_same(self) -> None:
        for locale in LOCALES:
            with self.subTest(locale=locale), (folder(locale) / "django.mo").open("rb") as file:
                compiled = gettext.GNUTranslations(file)
                for entry in catalog(locale).translated_entries():
                    self.assertEqual(self.compiled(compiled, entry), sentences(entry))

    @staticmethod
    def compiled(found: gettext.GNUTranslations, entry: polib.POEntry) -> list[str]:
        msgid = entry.msgid if entry.msgctxt is None else f"{entry.msgctxt}\x04{entry.msgid}"
        if entry.msgid_plural:
            return [found._catalog[msgid, form] for form in entry.msgstr_plural]
        return [found._catalog[msgid]]


class MarkTests(unittest.TestCase):
    """Templates say nothing that is not marked."""

    def test_no_text_of_a_template_is_unmarked(self) -> None:
        unmarked = [
            f"{path.relative_to(ROOT)}: {text}"
            for path in sorted((ROOT / "templates").rglob("*.html"))
            if path.parent.name != "styleguide"  # for those who change the pages, in English
            for text in texts_in(path.read_text())
        ]
        self.assertEqual(unmarked, [])

    def test_would_find_some(self) -> None:
        for template, found in (
            ("<p>Hello <b>you</b></p>", ["Hello", "you"]),
            ('<a title="Open it">{% translate "Open" %}</a>', ["Open it"]),
            ('<a title="{% if x %}Open{% else %}{% translate "No" %}{% endif %}">1</a>', ["Open"]),
            ("{% block title %}Welcome {{ name }}{% endblock %}", ["Welcome"]),
            ("{% blocktranslate %}Hi <b>you</b>{% endblocktranslate %}{# A note #} · 3", []),
            ('{% include "a.html" with title="Not saved" %}', ["Not saved"]),
            ('{{ form.name|default:"Nobody" }}', ["Nobody"]),
        ):
            with self.subTest(template=template):
                self.assertEqual(texts_in(template), found)


def texts_in(template: str) -> list[str]:
    """What a page made of it would say in English alone."""
    found, html, is_marked = [], [], False
    for token in Lexer(template).tokenize():
        if token.token_type is TokenType.TEXT:
            html.append("" if is_marked else token.contents)
        elif token.token_type is TokenType.BLOCK and "blocktranslate" in token.split_contents()[0]:
            is_marked = not token.contents.startswith("end")
        elif token.token_type is not TokenType.COMMENT:
            html.append("\0")
            found += _spoken_arguments(token.contents)
    html, unread = "".join(html), []
    for part in re.split(r"(<[^<>]*>)", html):
        tag = re.match(r"<[!/]?(\w+)", part)
        if not tag:
            found += [] if unread else part.split("\0")
            continue
        if tag[1] in UNREAD and not part.endswith("/>"):
            unread = unread[:-1] if part.startswith("</") else [*unread, tag[1]]
        values = re.findall(rf'\s(?:{"|".join(READ)})="([^"]*)"', part)
        found += [text for value in values for text in value.split("\0")]
    texts = [re.sub(r"&#?\w+;", "", text).strip() for text in found]
    return [t for t in texts if re.search(r"[^\W\d_]", t) and t not in NAMES and not CODE.match(t)]


def _spoken_arguments(contents: str) -> list[str]:
    """Texts given to a part, or instead of what is missing, and not marked by _()."""
    names = "aside|hint|label|placeholder|title|to"
    given = re.findall(rf'\b(?:{names})="([^"]*)"', contents)
    return given + re.findall(r'\|default(?:_if_none)?:"([^"]*)"', contents)
