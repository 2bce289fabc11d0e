"""One's own account: theme, password, API tokens."""

from django.test import Client
from django.urls import reverse

from playground.models import ApiToken
from tests.base import WebTestCase
from tests.make import PASSWORD

NEW = "another-fine-password"


class AccountTestCase(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)


class AccountPageTests(AccountTestCase):
    def test_shows_who_one_is(self) -> None:
        response = self.client.get("/account/")
        self.assertContains(response, "alice")
        self.assertContains(response, "Sign out")

    def test_csrf_is_enforced(self) -> None:
        for name in ("theme-save", "password-save", "token-make", "logout"):
            with self.subTest(page=name):
                self.assert_csrf_enforced(reverse(name), user=self.alice)

    def test_changes_come_by_post_only(self) -> None:
        for name in ("theme-save", "password-save", "token-make"):
            with self.subTest(page=name):
                self.assertEqual(self.client.get(reverse(name)).status_code, 405)


class ThemeTests(AccountTestCase):
    def test_is_stored_and_rendered(self) -> None:
        self.client.post("/account/theme/", {"theme": "dark"})
        self.assertContains(self.client.get("/account/"), 'data-theme="dark"')
        self.client.post("/account/theme/", {"theme": ""})
        self.assertNotContains(self.client.get("/account/"), "data-theme=")

    def test_answers_script_with_nothing_and_people_with_the_page(self) -> None:
        theme = {"theme": "light"}
        by_script = self.client.post("/account/theme/", theme, headers={"HX-Request": "true"})
        self.assertEqual((by_script.status_code, by_script.content), (204, b""))
        self.assertRedirects(self.client.post("/account/theme/", theme), "/account/")

    def test_an_unknown_theme_is_refused(self) -> None:
        for theme in ({"theme": "solar"}, {}):
            response = self.client.post("/account/theme/", theme)
            self.assertEqual(response.status_code, 422)
        self.alice.refresh_from_db()
        self.assertEqual(self.alice.theme, "")


class KeysTests(AccountTestCase):
    def test_single_letters_are_switched_off_and_on(self) -> None:
        self.assertNotContains(self.client.get("/"), 'data-keys="off"')
        self.client.post("/account/keys/", {})
        self.assertContains(self.client.get("/"), 'data-keys="off"')
        self.client.post("/account/keys/", {"has_keys": "on"})
        self.assertNotContains(self.client.get("/"), 'data-keys="off"')


class PasswordTests(AccountTestCase):
    def change(self, old: str = PASSWORD, new: str = NEW, again: str = NEW):
        return self.client.post(
            "/account/password/",
            {"old_password": old, "new_password1": new, "new_password2": again},
        )

    def test_is_changed_and_this_session_goes_on(self) -> None:
        self.assertRedirects(self.change(), "/account/")
        self.assertEqual(self.client.get("/account/").status_code, 200)
        self.assertTrue(Client().login(username="alice", password=NEW))

    def test_every_other_session_ends(self) -> None:
        elsewhere = Client()
        elsewhere.force_login(self.alice)
        self.change()
        self.assertRedirects(elsewhere.get("/account/"), "/login/?next=/account/")

    def test_mistakes_are_explained_and_change_nothing(self) -> None:
        cases = {
            "old_password": {"old": "wrong"},
            "new_password2": {"again": "something-else"},
        }
        for field, typed in cases.items():
            with self.subTest(field=field):
                response = self.change(**typed)
                self.assertContains(response, f'id="id_{field}_error"', status_code=422)
                self.assertNotContains(response, NEW, status_code=422)
        self.assertContains(self.change(new="short", again="short"), "too short", status_code=422)
        self.assertTrue(Client().login(username="alice", password=PASSWORD))


class TokenTests(AccountTestCase):
    def make(self, name: str = "nightly"):
        return self.client.post("/account/tokens/", {"name": name, "scope": "run", "days": ""})

    def test_is_shown_once_and_only_its_hash_is_kept(self) -> None:
        self.assertRedirects(self.make(), "/account/", fetch_redirect_response=False)
        page = self.client.get("/account/")
        shown = page.context["made"]["token"]
        self.assertContains(page, shown)
        self.assertIn("no-store", page["Cache-Control"])
        row = ApiToken.objects.get()
        self.assertEqual(row.digest, ApiToken.digest_of(shown))
        later = self.client.get("/account/")
        self.assertContains(later, "nightly")
        self.assertContains(later, row.hint)
        self.assertNotContains(later, shown)
        self.assertNotIn(shown, str(dict(self.client.session)))

    def test_a_name_is_needed(self) -> None:
        for name in ("", "   ", "x" * 121):
            with self.subTest(name=name):
                response = self.make(name)
                self.assertContains(response, 'id="id_name_error"', status_code=422)
        self.assertFalse(ApiToken.objects.exists())

    def test_is_revoked(self) -> None:
        row, _ = ApiToken.make(self.alice, "nightly")
        self.assertRedirects(self.client.post(f"/account/tokens/{row.pk}/revoke/"), "/account/")
        self.assertFalse(ApiToken.objects.exists())

    def test_a_token_of_others_is_neither_seen_nor_revoked(self) -> None:
        row, _ = ApiToken.make(self.bob, "bobs own")
        self.assertNotContains(self.client.get("/account/"), "bobs own")
        response = self.client.post(f"/account/tokens/{row.pk}/revoke/")
        self.assertEqual(response.status_code, 404)
        self.assertTrue(ApiToken.objects.exists())
