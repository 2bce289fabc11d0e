"""Sign in and out: one message for every wrong pair, and no way out through `next`."""

from django.test import Client
from django.urls import reverse

from tests.base import WebTestCase
from tests.make import PASSWORD

LOGIN = "/login/"
GOOD = {"username": "alice", "password": PASSWORD}


class LoginTests(WebTestCase):
    def test_signs_in_and_opens_the_playground(self) -> None:
        self.assertContains(self.client.get(LOGIN), "Sign in")
        response = self.client.post(LOGIN, GOOD)
        self.assertRedirects(response, reverse("playground"), fetch_redirect_response=False)

    def test_every_page_leads_to_the_sign_in_and_back(self) -> None:
        for name in ("playground", "endpoint-list", "workspace-list", "account"):
            with self.subTest(page=name):
                path = reverse(name)
                response = Client().get(path)
                self.assertRedirects(response, f"{LOGIN}?next={path}")

    def test_next_is_honoured(self) -> None:
        response = self.client.post(LOGIN, GOOD | {"next": "/endpoints/"})
        self.assertRedirects(response, "/endpoints/")

    def test_next_to_another_site_is_not(self) -> None:
        for target in ("https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)"):
            with self.subTest(next=target):
                response = Client().post(LOGIN, GOOD | {"next": target})
                self.assertEqual(response["Location"], reverse("playground"))
                self.assertNotContains(Client().get(LOGIN, {"next": target}), "evil.test")

    def test_unknown_user_and_wrong_password_read_the_same(self) -> None:
        def page(username: str, password: str) -> str:
            response = Client().post(LOGIN, {"username": username, "password": password})
            self.assertEqual(response.status_code, 422)
            return response.content.decode().replace(username, "NAME")

        def without_csrf(text: str) -> str:
            return "\n".join(line for line in text.splitlines() if "csrf" not in line)

        wrong, unknown = page("alice", "not-her-password"), page("zzzzz", "not-her-password")
        self.assertEqual(without_csrf(wrong), without_csrf(unknown))
        self.assertIn("That user name and password don’t match", wrong)
        self.assertNotIn("not-her-password", wrong)

    def test_inactive_account_reads_the_same_too(self) -> None:
        self.alice.is_active = False
        self.alice.save()
        response = self.client.post(LOGIN, GOOD)
        self.assertContains(response, "don’t match", status_code=422)

    def test_the_user_name_is_kept_after_a_mistake(self) -> None:
        response = self.client.post(LOGIN, GOOD | {"password": "wrong"})
        self.assertContains(response, 'value="alice"', status_code=422)

    def test_signing_in_changes_the_session_key(self) -> None:
        self.client.get(LOGIN)
        before = self.client.session.session_key
        self.client.post(LOGIN, GOOD)
        self.assertNotEqual(self.client.session.session_key, before)

    def test_who_is_signed_in_already_goes_on(self) -> None:
        self.log_in(self.alice)
        self.assertRedirects(
            self.client.get(LOGIN), reverse("playground"), fetch_redirect_response=False
        )

    def test_csrf_is_enforced(self) -> None:
        self.assert_csrf_enforced(LOGIN, GOOD)


class LogoutTests(WebTestCase):
    def test_signs_out(self) -> None:
        self.log_in(self.alice)
        self.assertRedirects(self.client.post(reverse("logout")), LOGIN)
        self.assertNotIn("_auth_user_id", self.client.session)

    def test_a_link_cannot_sign_anybody_out(self) -> None:
        self.log_in(self.alice)
        self.assertEqual(self.client.get(reverse("logout")).status_code, 405)


class HeaderTests(WebTestCase):
    """What every page sends along, before and after the sign-in."""

    PAGES = ("account", "endpoint-list", "endpoint-new", "workspace-list")

    def test_pages_carry_a_strict_policy(self) -> None:
        self.log_in(self.alice)
        for response in [Client().get(LOGIN), *(self.client.get(reverse(p)) for p in self.PAGES)]:
            with self.subTest(path=response.request["PATH_INFO"]):
                policy = response["Content-Security-Policy"]
                self.assertIn("default-src 'none'", policy)
                self.assertIn("frame-ancestors 'none'", policy)
                self.assertNotIn("unsafe", policy)
                self.assertEqual(response["X-Content-Type-Options"], "nosniff")
                self.assertEqual(response["Referrer-Policy"], "same-origin")
                self.assertEqual(response["X-Frame-Options"], "DENY")
                self.assertIn("no-store", response["Cache-Control"])

    def test_pages_hold_nothing_that_the_policy_forbids(self) -> None:
        self.log_in(self.alice)
        for name in self.PAGES:
            page = self.client.get(reverse(name)).content.decode()
            with self.subTest(page=name):
                self.assertNotRegex(page, r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:")
                # The words of the scripts are data: a block of JSON runs nothing.
                data = r' id="words" type="application/json"'
                self.assertNotRegex(page, rf"<script(?!{data}>)(?![^>]*\ssrc=)")

    def test_the_session_cookie_is_out_of_reach_of_scripts(self) -> None:
        response = self.client.post(LOGIN, GOOD)
        (cookie,) = response.cookies.values()
        self.assertTrue(cookie["httponly"])
        self.assertEqual(cookie["samesite"], "Lax")
