"""How long a sign-in lasts, how it is ended elsewhere, and what needs the password once more."""

from contextlib import contextmanager
from datetime import timedelta
from unittest import mock

from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from playground import entering, guessing
from playground.models import ApiToken, Credential, Workspace
from tests.base import WebTestCase
from tests.make import PASSWORD, TOKEN, make_workspace

HOUR, DAY = 3600, 24 * 3600
LOGIN = "/login/"


class SessionTestCase(WebTestCase):
    def setUp(self) -> None:
        self.now = int(timezone.now().timestamp())
        self.log_in(self.alice)

    @contextmanager
    def later(self, seconds: int):
        """As if so much time had gone by since the sign-in."""
        with mock.patch.object(entering.time, "time", lambda: self.now + seconds):
            yield

    def is_signed_in(self, client: Client | None = None) -> bool:
        return (client or self.client).get("/account/").status_code == 200


class SessionAgeTests(SessionTestCase):
    def test_it_ends_after_twelve_hours_without_use(self) -> None:
        with self.later(12 * HOUR - 60):
            self.assertTrue(self.is_signed_in())
        with self.later(24 * HOUR - 120):  # counted anew from the last use
            self.assertTrue(self.is_signed_in())
        with self.later(36 * HOUR):
            self.assertFalse(self.is_signed_in())

    def test_it_ends_after_seven_days_however_it_is_used(self) -> None:
        for hours in range(6, 7 * 24 + 1, 6):
            with self.later(hours * HOUR):
                self.assertTrue(self.is_signed_in(), f"after {hours} h")
        with self.later(7 * DAY + 60):
            self.assertFalse(self.is_signed_in())

    def test_the_stored_row_ends_with_it_so_that_sockets_find_it_gone(self) -> None:
        row = Session.objects.get()
        until = row.expire_date - timezone.now()
        self.assertLessEqual(until, timedelta(hours=12))
        self.assertGreater(until, timedelta(hours=11))
        with self.later(6 * DAY + 23 * HOUR):
            self.is_signed_in()  # too late: it ended long ago
        self.assertFalse(Session.objects.filter(pk=row.pk).exists())

    def test_it_is_written_seldom(self) -> None:
        self.is_signed_in()  # the page's CSRF token is stored with the first one
        before = Session.objects.get().session_data
        with self.later(60):
            self.is_signed_in()
            self.assertEqual(Session.objects.get().session_data, before)
        with self.later(301):
            self.is_signed_in()
            self.assertNotEqual(Session.objects.get().session_data, before)

    def test_the_cookie_lasts_no_longer_than_the_session(self) -> None:
        response = Client().post(LOGIN, {"username": "alice", "password": PASSWORD})
        (cookie,) = response.cookies.values()
        self.assertEqual(cookie["max-age"], 12 * HOUR)
        self.assertTrue(cookie["httponly"])

    def test_an_ended_session_is_led_to_the_sign_in(self) -> None:
        with self.later(13 * HOUR):
            response = self.client.get("/account/")
        self.assertRedirects(response, f"{LOGIN}?next=/account/", fetch_redirect_response=False)
        self.assertEqual(self.client.get("/api/v1/me").status_code, 401)


class OtherSessionsTests(SessionTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.elsewhere = Client()
        self.elsewhere.force_login(self.alice)

    def test_all_others_end_and_this_one_goes_on(self) -> None:
        bob = Client()
        bob.force_login(self.bob)
        response = self.client.post(reverse("sessions-end"), follow=True)
        self.assertContains(response, "signed out everywhere else")
        self.assertTrue(self.is_signed_in())
        self.assertFalse(self.is_signed_in(self.elsewhere))
        self.assertTrue(self.is_signed_in(bob))

    def test_api_tokens_stay(self) -> None:
        _, token = ApiToken.make(self.alice, "nightly")
        self.client.post(reverse("sessions-end"))
        headers = {"Authorization": f"Bearer {token}"}
        self.assertEqual(Client().get("/api/v1/me", headers=headers).status_code, 200)

    def test_the_key_of_the_session_changes(self) -> None:
        before = self.client.session.session_key
        self.client.post(reverse("sessions-end"))
        self.assertNotEqual(self.client.session.session_key, before)

    def test_only_by_post_with_the_token(self) -> None:
        self.assertEqual(self.client.get(reverse("sessions-end")).status_code, 405)
        self.assert_csrf_enforced(reverse("sessions-end"), user=self.alice)

    def test_who_shows_them_something_is_told(self) -> None:
        told = "playground.announcing.person_changed_soon"
        with mock.patch(told) as tell, self.captureOnCommitCallbacks(execute=True):
            self.client.post(reverse("sessions-end"))
        tell.assert_called_with(self.alice.pk)


class SignOutTests(SessionTestCase):
    def test_what_the_browser_kept_is_cleared_but_not_others_cookies(self) -> None:
        response = self.client.post(reverse("logout"))
        self.assertEqual(response["Clear-Site-Data"], '"cache", "storage"')
        self.assertFalse(Session.objects.exists())

    def test_who_shows_them_something_is_told_when_the_session_is_gone(self) -> None:
        def look(user_id) -> None:
            self.assertEqual(user_id, self.alice.pk)
            self.assertFalse(Session.objects.exists())

        with mock.patch("playground.announcing.person_changed_soon", side_effect=look) as tell:
            self.client.post(reverse("logout"))
        tell.assert_called_once()


class ProofTests(SessionTestCase):
    """Who signed in a while ago shows once more that it is them, before a key is made or stored."""

    TOKEN_FORM = {"name": "nightly", "scope": "run", "days": "30"}

    def setUp(self) -> None:
        super().setUp()
        self.workspace = make_workspace(self.alice)

    def make_token(self, **typed: str):
        return self.client.post("/account/tokens/", self.TOKEN_FORM | typed)

    def test_soon_after_the_sign_in_nothing_is_asked(self) -> None:
        with self.later(14 * 60):
            page = self.client.get("/account/").content.decode()
            self.assertRegex(page, r'<div class="proof" data-proof-in="\d+" hidden>')
            self.assertEqual(self.make_token().status_code, 302)

    def test_a_form_that_was_opened_in_time_may_be_filled_in_at_leisure(self) -> None:
        with self.later(29 * 60):
            self.assertEqual(self.make_token().status_code, 302)

    def test_later_the_form_asks_and_the_password_is_needed(self) -> None:
        with self.later(31 * 60):
            self.assertContains(self.client.get("/account/"), '<div class="proof">')
            response = self.make_token()
            self.assertContains(response, "Type your password, too", status_code=422)
            self.assertContains(response, 'value="nightly"', status_code=422)
            self.assertFalse(ApiToken.objects.exists())
            self.assertEqual(self.make_token(your_password=PASSWORD).status_code, 302)
            self.assertEqual(ApiToken.objects.get().name, "nightly")

    def test_one_proof_is_enough_for_a_while(self) -> None:
        with self.later(31 * 60):
            self.make_token(your_password=PASSWORD)
            self.assertEqual(self.make_token().status_code, 302)

    def test_a_wrong_password_is_no_proof_and_is_never_shown(self) -> None:
        with self.later(31 * 60):
            response = self.make_token(your_password="not-her-password")
        self.assertContains(response, "That is not your password", status_code=422)
        self.assertNotContains(response, "not-her-password", status_code=422)
        self.assertFalse(ApiToken.objects.exists())

    def test_the_password_of_somebody_else_is_no_proof(self) -> None:
        self.bob.set_password("bobs-own-password")
        self.bob.save()
        with self.later(31 * 60):
            response = self.make_token(your_password="bobs-own-password")
        self.assertEqual(response.status_code, 422)

    def test_an_open_session_is_no_place_to_guess_the_password(self) -> None:
        with self.later(31 * 60):
            for number in range(guessing.PER_NAME):
                self.make_token(your_password=f"guess-{number}")
            response = self.make_token(your_password=PASSWORD)
        self.assertContains(response, "Try again in 15 minutes", status_code=422)
        wrong = {"old_password": PASSWORD, "new_password1": "x" * 20, "new_password2": "x" * 20}
        response = self.client.post("/account/password/", wrong)
        self.assertContains(response, "Try again in 15 minutes", status_code=422)

    def test_right_passwords_are_no_guesses(self) -> None:
        for number in range(2 * guessing.PER_NAME):
            with self.later((number + 1) * 31 * 60):
                self.assertEqual(self.make_token(your_password=PASSWORD).status_code, 302)

    def test_credentials_need_it_by_every_form(self) -> None:
        pk = self.workspace.pk
        host = {"name": "prod", "host": "https://adb-2.3.azuredatabricks.net"}
        paths = {
            reverse("credential-save", args=[pk]): {"token": TOKEN},
            reverse("workspace-edit", args=[pk]): host | {"token": TOKEN},
            reverse("workspace-list"): host | {"token": TOKEN, "name": "another"},
        }
        with self.later(31 * 60):
            for path, typed in paths.items():
                with self.subTest(path):
                    response = self.client.post(path, typed)
                    self.assertContains(response, "Type your password, too", status_code=422)
                    self.assertNotContains(response, TOKEN, status_code=422)
        self.assertFalse(Credential.objects.exists())
        self.assertEqual(Workspace.objects.count(), 1)

    def test_a_name_alone_needs_no_password(self) -> None:
        path = reverse("workspace-edit", args=[self.workspace.pk])
        with self.later(31 * 60):
            response = self.client.post(path, {"name": "new name", "host": self.workspace.host})
        self.assertEqual(response.status_code, 302)

    def test_the_api_asks_it_of_a_session_and_not_of_a_token(self) -> None:
        path = f"/api/v1/workspaces/{self.workspace.pk}/credential"
        body = {"kind": "token", "token": TOKEN}
        with self.later(31 * 60):
            response = self.client.put(path, body, "application/json")
            self.assertContains(response, "signed in too long ago", status_code=403)
            headers = {"Authorization": f"Bearer {ApiToken.make(self.alice, 'ci')[1]}"}
            response = Client().put(path, body, "application/json", headers=headers)
            self.assertEqual(response.status_code, 200)
