"""In which language pages, the API and sockets speak."""

from django.test import SimpleTestCase, override_settings
from django.urls import reverse

from playground.languages import language_for
from tests.base import WebTestCase

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
