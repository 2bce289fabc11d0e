"""In which language pages, the API and sockets speak."""

from pathlib import Path
from tempfile import TemporaryDirectory

import polib
from django.conf import settings
from django.test import SimpleTestCase, override_settings
from django.urls import reverse

from playground.consumers import RunConsumer
from playground.languages import language_for
from playground.models import Call
from tests.base import WebTestCase
from tests.make import make_call, make_endpoint, make_run

ALL = [("en", "English"), ("es", "Español"), ("zh-hans", "简体中文"), ("ko", "한국어")]
KOREAN = {"Accept-Language": "ko-KR,ko;q=0.9,en;q=0.8"}
NOT_STRONG = "contraseña"  # in Django's own words on passwords


class ChosenLanguageTests(SimpleTestCase):
    """What a browser asks for is answered by the nearest language there is."""

    @override_settings(LANGUAGES=ALL)
    def test_of_a_browser(self) -> None:
        for accepted, language in (
            ("", "en"),
            ("de", "en"),
            ("*", "en"),
            ("es-MX,es;q=0.9", "es"),
            ("zh-CN", "zh-hans"),
            ("zh-Hans-CN", "zh-hans"),
            ("de;q=0.5, ko", "ko"),
            ("\x00;;q=,", "en"),
        ):
            with self.subTest(accepted=accepted):
                self.assertEqual(language_for(None, accepted), language)

    @override_settings(LANGUAGES=ALL[:1])
    def test_is_one_that_is_offered(self) -> None:
        self.assertEqual(language_for(None, "ko"), "en")


@override_settings(LANGUAGES=ALL)
class LanguageTests(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)

    def save(self, language: str):
        return self.client.post("/account/language/", {"language": language})

    def test_is_the_browsers_until_one_is_chosen(self) -> None:
        page = self.client.get("/account/", headers=KOREAN)
        self.assertContains(page, '<html lang="ko" dir="ltr"')
        self.assertIn("Accept-Language", page["Vary"])
        self.assertRedirects(self.save("es"), "/account/")
        self.assertContains(self.client.get("/account/", headers=KOREAN), '<html lang="es"')
        self.save("")
        self.assertContains(self.client.get("/account/", headers=KOREAN), '<html lang="ko"')

    def test_is_chosen_on_the_account_page(self) -> None:
        self.save("ko")
        page = self.client.get("/account/")
        self.assertContains(page, '<option value="ko" lang="ko" selected>한국어</option>')

    @override_settings(LANGUAGES=ALL[:1])
    def test_is_not_asked_where_there_is_no_choice(self) -> None:
        self.assertNotContains(self.client.get("/account/"), "/account/language/")

    def test_an_unknown_one_is_refused(self) -> None:
        for data in ({"language": "tlh"}, {}):
            with self.subTest(data=data):
                response = self.client.post("/account/language/", data)
                self.assertEqual(response.status_code, 422)
        self.alice.refresh_from_db()
        self.assertEqual(self.alice.language, "")

    def test_comes_by_post_with_a_token_only(self) -> None:
        self.assertEqual(self.client.get("/account/language/").status_code, 405)
        self.assert_csrf_enforced(reverse("language-save"), user=self.alice)

    def test_one_that_is_no_longer_offered_is_left(self) -> None:
        self.save("es")
        with override_settings(LANGUAGES=ALL[:1]):
            self.assertContains(self.client.get("/account/"), '<html lang="en"')

    def test_forms_complain_in_it(self) -> None:
        """Django has its own catalogs for what it says."""
        self.save("es")
        data = {"old_password": "x", "new_password1": "a", "new_password2": "a"}
        page = self.client.post("/account/password/", data)
        self.assertContains(page, NOT_STRONG, status_code=422)

    def test_the_api_speaks_english(self) -> None:
        self.save("es")
        spanish = {"Accept-Language": "es"}
        answer = self.client.get("/api/v1/runs/none", headers=spanish)
        plain = self.client.get("/api/v1/runs/none")
        self.assertEqual(answer.content, plain.content)
        self.assertNotIn("Content-Language", answer)


class TranslatedTests(WebTestCase):
    """With a catalog that puts every sentence in guillemets, as Spanish."""

    @classmethod
    def setUpClass(cls) -> None:
        folder = Path(cls.enterClassContext(TemporaryDirectory()))
        place = folder / "es" / "LC_MESSAGES"
        place.mkdir(parents=True)
        guillemets().save_as_mofile(str(place / "django.mo"))
        cls.enterClassContext(override_settings(LANGUAGES=ALL, LOCALE_PATHS=[folder]))
        super().setUpClass()

    def setUp(self) -> None:
        self.alice.language = "es"
        self.alice.save()
        self.log_in(self.alice)
        self.call = make_call(
            make_run(self.alice),
            make_endpoint(self.alice, name="mine"),
            status=Call.Status.DONE,
            text="An answer",
            latency_ms=12345,
            usage={"input_tokens": 1234, "output_tokens": 5},
        )

    def test_pages_say_it(self) -> None:
        page = self.client.get("/").text
        self.assertIn("<h1>«Playground»</h1>", page)
        self.assertIn('"run": "\\u00abRun\\u00bb"', page)
        self.assertRegex(page, r"«(One text|Extra JSON|Temperature)»")
        for name in ("account", "endpoint-list", "endpoint-new", "workspace-list"):
            with self.subTest(page=name):
                page = self.client.get(reverse(name))
                self.assertContains(page, "<span>«Endpoints»</span>")

    def test_numbers_are_written_as_its_people_do_but_not_for_programs(self) -> None:
        page = self.client.get(self.call.run.get_absolute_url()).text
        self.assertIn("12,3 s", page)
        self.assertIn("<dd>1.234</dd>", page)
        self.assertIn('step="0.05"', self.client.get("/").text)
        self.assertNotRegex(page, r'(data-\w+|value|min|max|step|x|width)="\d+,\d')

    def test_refusals_say_it(self) -> None:
        page = self.client.post("/runs/start/", {"message-1": "Hi"}, headers={"HX-Request": "true"})
        self.assertContains(page, "«Choose at least one endpoint", status_code=422)

    def test_what_comes_by_the_socket_says_it(self) -> None:
        consumer = RunConsumer()
        consumer.scope = {"user": self.alice, "headers": [(b"accept-language", b"ko")]}
        html = consumer._in_words("runs/_call.html", {"call": self.call})
        self.assertIn("«Done»", html)

    def test_programs_are_answered_in_english(self) -> None:
        run = {"prompt": "Hi", "variants": []}
        answer = self.client.post(
            "/api/v1/runs", run, content_type="application/json", headers={"Accept-Language": "es"}
        )
        self.assertNotIn("«", answer.text)
        shown = self.client.get(
            f"/api/v1/runs/{self.call.run_id}", headers={"Accept-Language": "es"}
        )
        self.assertContains(shown, '"text"')
        self.assertNotContains(shown, "«")


def guillemets() -> polib.POFile:
    """Every sentence of the catalogs, marked."""
    catalog = polib.pofile(str(settings.BASE_DIR / "locale" / "es" / "LC_MESSAGES" / "django.po"))
    for entry in catalog:
        if entry.msgid in ("j M Y", "j M Y, H:i", "j M, H:i"):
            continue
        if entry.msgid_plural:
            forms = (entry.msgid, entry.msgid_plural)
            entry.msgstr_plural = {at: f"«{form}»" for at, form in enumerate(forms)}
        else:
            entry.msgstr = f"«{entry.msgid}»"
    return catalog
