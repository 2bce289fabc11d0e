"""Who may call the API, and how it says no."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from playground.models import ApiToken
from tests.api import ApiTestCase
from tests.make import make_endpoint


class ApiTokenTests(ApiTestCase):
    def test_a_token_answers_as_its_owner(self):
        me = self.ok(self.api(self.bob, "GET", "/me"))
        team = {"id": str(self.team.id), "name": "Acme", "role": "member"}
        self.assertEqual(me, {"username": "bob", "teams": [team]})

    def test_no_token_is_a_401_in_json(self):
        response = self.api(None, "GET", "/me")
        self.assert_error(response, 401, "unauthorized", says="API token")
        self.assertEqual(response["WWW-Authenticate"], "Bearer")

    def test_wrong_tokens_are_refused(self):
        row, token = ApiToken.make(self.alice, "laptop")
        for wrong in ("", "pp_", token[:-1], token.upper(), row.digest, "pp_" + "x" * 5000, "pp_é"):
            with self.subTest(wrong[:20]):
                self.assert_error(self.get_me(f"Bearer {wrong}"), 401, "unauthorized")

    def test_a_revoked_token_is_refused(self):
        row, token = ApiToken.make(self.alice, "laptop")
        self.ok(self.get_me(f"Bearer {token}"))
        row.delete()
        self.assert_error(self.get_me(f"Bearer {token}"), 401, "unauthorized")

    def test_an_inactive_account_is_refused(self):
        _, token = ApiToken.make(self.alice, "laptop")
        self.alice.is_active = False
        self.alice.save()
        self.assert_error(self.get_me(f"Bearer {token}"), 401, "unauthorized")

    def test_a_wrong_token_is_refused_whatever_cookie_comes_with_it(self):
        self.log_in(self.alice)
        response = self.client.get("/api/v1/me", headers={"Authorization": "Bearer pp_wrong"})
        self.assert_error(response, 401, "unauthorized")

    def test_use_is_noted_at_most_once_a_minute(self):
        row, token = ApiToken.make(self.alice, "laptop")
        self.get_me(f"Bearer {token}")
        row.refresh_from_db()
        first = row.used_at
        self.assertIsNotNone(first)
        self.get_me(f"Bearer {token}")
        row.refresh_from_db()
        self.assertEqual(row.used_at, first)
        ApiToken.objects.filter(pk=row.pk).update(used_at=timezone.now() - timedelta(minutes=2))
        self.get_me(f"Bearer {token}")
        row.refresh_from_db()
        self.assertGreater(row.used_at, first)

    def get_me(self, authorization: str):
        return Client().get("/api/v1/me", headers={"Authorization": authorization})


class SessionTests(ApiTestCase):
    def test_the_session_cookie_will_do_for_reading(self):
        self.log_in(self.alice)
        self.assertEqual(self.ok(self.client.get("/api/v1/me"))["username"], "alice")

    def test_a_change_by_cookie_needs_the_csrf_token(self):
        endpoint = make_endpoint(self.alice)
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(self.alice)
        response = strict.delete(f"/api/v1/endpoints/{endpoint.pk}")
        self.assert_error(response, 403, "forbidden", says="X-CSRFToken")
        self.assertEqual(
            self.ok(self.api(self.alice, "GET", "/endpoints"))["items"][0]["name"], "echo"
        )

    def test_a_change_by_token_needs_no_csrf_token(self):
        endpoint = make_endpoint(self.alice)
        _, token = ApiToken.make(self.alice, "laptop")
        strict = Client(enforce_csrf_checks=True)
        response = strict.delete(
            f"/api/v1/endpoints/{endpoint.pk}", headers={"Authorization": f"Bearer {token}"}
        )
        self.assertEqual(response.status_code, 204)

    def test_an_anonymous_change_is_a_401_not_a_matter_of_csrf(self):
        response = Client(enforce_csrf_checks=True).post("/api/v1/runs", {}, "application/json")
        self.assert_error(response, 401, "unauthorized")

    def test_answers_are_not_kept_by_anyone(self):
        self.log_in(self.alice)
        self.assertEqual(self.client.get("/api/v1/me")["Cache-Control"], "no-store")
        self.assertEqual(self.api(self.alice, "GET", "/me")["Cache-Control"], "no-store")


class NowhereTests(ApiTestCase):
    def test_an_unknown_address_is_a_404_in_json(self):
        for path in ("/nothing", "/me/", "/runs/not-an-id", "/endpoints/1", "/runs//events"):
            with self.subTest(path):
                self.assert_error(self.api(self.alice, "GET", path), 404, "not_found")

    def test_routes_of_later_versions_do_not_exist(self):
        workspace = "00000000-0000-4000-8000-000000000000"
        path = f"/runs/{workspace}/fork"
        self.assert_error(self.api(self.alice, "POST", path), 404, "not_found")

    def test_a_wrong_method_is_a_405_in_json(self):
        response = self.api(self.alice, "DELETE", "/me")
        self.assert_error(response, 405, "method_not_allowed", says="GET")
        self.assertEqual(response["Allow"], "GET")
