"""What an API token may do: no more than its scope, no more than its person, no longer than set."""

from io import StringIO

from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from playground.models import ApiToken
from tests.api import ApiTestCase
from tests.make import make_endpoint


class TokenScopeTests(ApiTestCase):
    def call(self, method: str, path: str, body: str = "{}", **token):
        _, secret = ApiToken.make(self.alice, "ci", **token)
        return Client().generic(
            method,
            f"/api/v1{path}",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )

    def test_a_reading_token_reads(self) -> None:
        for path in ("/me", "/runs", "/endpoints", "/workspaces"):
            self.ok(self.call("GET", path, scope="read"))

    def test_a_reading_token_changes_nothing(self) -> None:
        nowhere = "00000000-0000-4000-8000-000000000000"
        for method, path in (
            ("POST", "/runs"),
            ("POST", "/endpoints"),
            ("POST", "/workspaces"),
            ("POST", f"/runs/{nowhere}/stop"),
            ("POST", f"/calls/{nowhere}/retry"),
            ("POST", f"/endpoints/{nowhere}/check"),
            ("PATCH", f"/endpoints/{nowhere}"),
            ("PUT", f"/workspaces/{nowhere}/credential"),
            ("DELETE", f"/endpoints/{nowhere}"),
        ):
            with self.subTest(method=method, path=path):
                response = self.call(method, path, scope="read")
                self.assert_error(response, 403, "forbidden", says="only read")

    def test_a_running_token_may_do_what_its_person_may(self) -> None:
        body = '{"name": "x", "kind": "driver", "url": "http://127.0.0.1:7777/"}'
        self.ok(self.call("POST", "/endpoints", body, scope="run"), 201)

    def test_no_token_may_do_more_than_its_person(self) -> None:
        theirs = make_endpoint(self.charlie)
        for scope in ("read", "run"):
            self.assert_error(
                self.call("GET", f"/endpoints/{theirs.pk}", scope=scope), 404, "not_found"
            )

    def test_a_token_ends_on_its_day(self) -> None:
        row, token = ApiToken.make(self.alice, "ci", days=30)
        headers = {"Authorization": f"Bearer {token}"}
        self.ok(Client().get("/api/v1/me", headers=headers))
        ApiToken.objects.update(expires_at=timezone.now())
        response = Client().get("/api/v1/me", headers=headers)
        self.assert_error(response, 401, "unauthorized", says="expired")
        self.log_in(self.alice)
        self.assertContains(self.client.get("/account/"), "Expired")

    def test_the_account_page_makes_both_kinds(self) -> None:
        self.log_in(self.alice)
        for scope, days in (("read", "30"), ("run", "")):
            typed = {"name": f"for {scope}", "scope": scope, "days": days}
            self.assertEqual(self.client.post("/account/tokens/", typed).status_code, 302)
        read, run = ApiToken.objects.order_by("created_at")
        self.assertEqual((read.scope, run.scope), ("read", "run"))
        self.assertEqual((read.expires_at - timezone.now()).days, 29)
        self.assertIsNone(run.expires_at)
        page = self.client.get("/account/")
        self.assertContains(page, "only read")
        for wrong in ({"scope": "admin"}, {"days": "4000"}, {"days": "-1"}):
            typed = {"name": "x", "scope": "run", "days": "30"} | wrong
            self.assertEqual(self.client.post("/account/tokens/", typed).status_code, 422)

    def test_the_command_makes_both_kinds(self) -> None:
        quiet = {"stdout": StringIO(), "stderr": StringIO()}
        call_command("createtoken", "alice", scope="read", days=7, **quiet)
        call_command("createtoken", "alice", **quiet)
        read, run = ApiToken.objects.order_by("created_at")
        self.assertEqual((read.scope, (read.expires_at - timezone.now()).days), ("read", 6))
        self.assertEqual((run.scope, run.expires_at), ("run", None))
