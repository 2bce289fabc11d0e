"""The first start: one account, made with the code from the terminal, and the way to it."""

import tempfile
from pathlib import Path

from django.test import Client, TestCase, override_settings
from django.urls import reverse

from playground import starting
from playground.models import Endpoint, Membership, Team, User
from tests.make import make_user

SETUP = "/setup/"
GOOD = {"username": "ana", "password": "a-fine-long-password", "code": ""}


class SetUpTestCase(TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.enterContext(override_settings(DATA_DIR=self.folder))
        self.code = starting.setup_code()
        self.good = GOOD | {"code": self.code}


class SetUpTests(SetUpTestCase):
    def test_makes_an_admin_with_team_and_demos_and_signs_in(self) -> None:
        response = self.client.post(SETUP, self.good)
        self.assertRedirects(response, reverse("playground"), fetch_redirect_response=False)
        user = User.objects.get()
        self.assertEqual(self.client.session["_auth_user_id"], str(user.pk))
        self.assertTrue(user.is_superuser)
        self.assertEqual(user.memberships.get().role, Membership.Role.ADMIN)
        self.assertEqual(Team.objects.count(), 1)
        self.assertEqual(
            list(Endpoint.objects.filter(is_demo=True).values_list("name", flat=True)),
            ["demo-echo", "demo-poet"],
        )

    def test_every_page_leads_here_until_an_account_exists(self) -> None:
        for path in ("/", "/endpoints/", "/workspaces/", "/account/", "/login/", "/nowhere/"):
            with self.subTest(path=path):
                self.assertRedirects(self.client.get(path), SETUP)

    def test_the_printed_link_fills_in_the_code(self) -> None:
        response = self.client.get(SETUP, {"code": self.code})
        self.assertContains(response, f'value="{self.code}"')
        self.assertContains(response, "readonly")

    def test_without_a_code_the_form_says_where_it_is(self) -> None:
        response = self.client.get(SETUP)
        self.assertContains(response, "printed in the terminal where the site was started")
        self.assertNotContains(response, self.code)

    def test_a_user_name_with_a_blank_is_told_what_one_is_made_of(self) -> None:
        response = self.client.post(SETUP, self.good | {"username": "ana maria"})
        self.assertContains(response, "without blanks", count=1, status_code=422)
        self.assertFalse(User.objects.exists())

    def test_the_code_works_once(self) -> None:
        self.client.post(SETUP, self.good)
        response = Client().post(SETUP, self.good | {"username": "second"})
        self.assertRedirects(response, reverse("login"))
        self.assertEqual(User.objects.count(), 1)

    def test_afterwards_it_leads_to_the_sign_in(self) -> None:
        make_user("ana")
        self.assertRedirects(self.client.get(SETUP), reverse("login"))

    def test_csrf_is_enforced(self) -> None:
        strict = Client(enforce_csrf_checks=True)
        with self.assertLogs("django.security.csrf", "WARNING"):
            self.assertEqual(strict.post(SETUP, self.good).status_code, 403)
        self.assertFalse(User.objects.exists())


class SetUpMistakeTests(SetUpTestCase):
    def refused(self, **changes) -> str:
        response = self.client.post(SETUP, self.good | changes)
        self.assertEqual(response.status_code, 422)
        self.assertFalse(User.objects.exists())
        return response.content.decode()

    def test_a_wrong_or_missing_code_is_explained_and_the_name_kept(self) -> None:
        for code in ("", "wrong", self.code + "x", self.code[:-1]):
            with self.subTest(code=code):
                page = self.refused(code=code)
                self.assertIn("not the one printed in the terminal", page)
                self.assertIn('value="ana"', page)

    def test_a_weak_password_is_explained_and_never_rendered_back(self) -> None:
        for password in ("", "short", "12345678901", "password123"):
            with self.subTest(password=password):
                page = self.refused(password=password)
                self.assertIn('id="id_password_error"', page)
                self.assertNotIn(f'value="{password}"', page)

    def test_a_bad_user_name_is_explained_at_its_field(self) -> None:
        for name in ("", "two words", "a/b", "x" * 151):
            with self.subTest(name=name):
                self.assertIn('id="id_username_error"', self.refused(username=name))

    def test_the_first_mistake_takes_the_focus(self) -> None:
        page = self.refused(code="wrong")
        self.assertEqual(page.count("autofocus"), 1)
        self.assertRegex(page, r'name="code"[^>]*autofocus')


@override_settings(DATABRICKS_HOST="https://adb-9.9.azuredatabricks.net", DATABRICKS_TOKEN="x" * 12)
class OfferTests(SetUpTestCase):
    def test_the_page_says_that_a_workspace_will_be_offered(self) -> None:
        response = self.client.get(SETUP)
        self.assertContains(response, "adb-9.9.azuredatabricks.net")
        self.assertNotContains(response, "x" * 12)

    def test_nothing_is_stored_before_somebody_says_so(self) -> None:
        self.client.post(SETUP, self.good)
        self.assertFalse(User.objects.get().workspaces.exists())
        self.assertContains(self.client.get("/workspaces/"), "with the token from the environment")
