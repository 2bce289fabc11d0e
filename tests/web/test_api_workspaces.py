"""Workspaces and credentials through the API."""

from django.test import override_settings

from playground.models import Credential, Workspace
from tests.api import ApiTestCase
from tests.canary import canary
from tests.make import HOST, TOKEN, make_endpoint, make_workspace
from tests.upstream import Upstream

OTHER_TOKEN = canary()


class WorkspaceTests(ApiTestCase):
    def test_make_answers_the_normalised_host(self):
        body = {"name": "prod-eu", "host": "ADB-1.2.azuredatabricks.net/?o=123#x"}
        made = self.ok(self.api(self.alice, "POST", "/workspaces", body), 201)
        self.assertEqual(
            made, {"id": made["id"], "name": "prod-eu", "host": HOST, "credential": None}
        )
        self.assertEqual(self.ok(self.api(self.alice, "GET", f"/workspaces/{made['id']}")), made)
        listed = self.ok(self.api(self.alice, "GET", "/workspaces"))
        self.assertEqual(listed, {"items": [made], "next": None})

    def test_bad_workspaces_name_the_field(self):
        make_workspace(self.alice)
        good = {"name": "w", "host": HOST}
        for change, field in (
            ({"host": "https://evil.example.com"}, "host"),
            ({"host": "https://x@adb-1.2.azuredatabricks.net"}, "host"),
            ({"host": "http://adb-1.2.azuredatabricks.net"}, "host"),
            ({"host": ""}, "host"),
            ({"host": 7}, "host"),
            ({"host": None}, "host"),
            ({"host": "a" * 301}, "host"),
            ({"name": "  "}, "name"),
            ({"name": "prod-eu"}, "name"),
            ({"name": "two\nlines"}, "name"),
            ({"owner": str(self.bob.pk)}, "owner"),
            ({"token": TOKEN}, "token"),
        ):
            with self.subTest(change):
                response = self.api(self.alice, "POST", "/workspaces", good | change)
                self.assert_error(response, 422, "invalid", field=field)
                self.assertNotIn(TOKEN, response.content.decode())

    def test_change_and_delete(self):
        workspace = make_workspace(self.alice)
        path = f"/workspaces/{workspace.pk}"
        changed = self.ok(self.api(self.alice, "PATCH", path, {"name": "prod-us"}))
        self.assertEqual((changed["name"], changed["host"]), ("prod-us", HOST))
        self.assertIsNone(self.ok(self.api(self.alice, "DELETE", path), 204))
        self.assert_error(self.api(self.alice, "GET", path), 404, "not_found")

    def test_a_new_host_drops_the_credential(self):
        workspace = make_workspace(self.alice, token=TOKEN)
        path = f"/workspaces/{workspace.pk}"
        changed = self.ok(
            self.api(self.alice, "PATCH", path, {"host": "https://adb-9.9.azuredatabricks.net"})
        )
        self.assertIsNone(changed["credential"])
        self.assertFalse(Credential.objects.exists())

    def test_a_new_host_has_a_workspace_number_of_its_own(self):
        body = {"name": "prod-eu", "host": f"{HOST}/?o=123"}
        made = self.ok(self.api(self.alice, "POST", "/workspaces", body), 201)
        path = f"/workspaces/{made['id']}"
        for change, number in (
            ({"name": "prod"}, "123"),
            ({"host": f"{HOST}/"}, "123"),
            ({"host": "https://adb-9.9.azuredatabricks.net"}, "0"),
            ({"host": "https://adb-8.8.azuredatabricks.net/?o=8"}, "8"),
        ):
            self.ok(self.api(self.alice, "PATCH", path, change))
            self.assertEqual(Workspace.objects.get().org_id, number)

    def test_a_workspace_in_use_is_kept(self):
        workspace = make_workspace(self.alice)
        make_endpoint(
            self.alice, name="dolly", kind="serving", serving_endpoint="d", workspace=workspace
        )
        response = self.api(self.alice, "DELETE", f"/workspaces/{workspace.pk}")
        self.assert_error(response, 422, "invalid", field="workspace", says="dolly")
        self.assertTrue(Workspace.objects.filter(pk=workspace.pk).exists())

    def test_a_stranger_gets_404_for_everything(self):
        workspace = make_workspace(self.alice, token=TOKEN)
        path = f"/workspaces/{workspace.pk}"
        for method, below, body in (
            ("GET", "", None),
            ("PATCH", "", {"name": "mine"}),
            ("DELETE", "", None),
            ("PUT", "/credential", {"kind": "token", "token": OTHER_TOKEN}),
            ("DELETE", "/credential", None),
            ("POST", "/check", None),
        ):
            for user in (self.charlie, self.bob):
                with self.subTest(f"{user.username} {method} {below}"):
                    response = self.api(user, method, path + below, body)
                    self.assert_error(response, 404, "not_found", says="No such workspace")
        self.assertEqual(self.ok(self.api(self.charlie, "GET", "/workspaces"))["items"], [])
        self.assertEqual(Credential.objects.get().owner, self.alice)

    def test_who_sees_it_through_a_shared_endpoint_may_not_change_it(self):
        workspace = self.shared_workspace()
        path = f"/workspaces/{workspace.pk}"
        self.assertEqual(self.ok(self.api(self.bob, "GET", path))["name"], "prod-eu")
        response = self.api(
            self.bob, "PATCH", path, {"host": "https://adb-6.6.azuredatabricks.net"}
        )
        self.assert_error(response, 403, "forbidden", says="alice")
        self.assert_error(self.api(self.bob, "DELETE", path), 403, "forbidden")

    def shared_workspace(self) -> Workspace:
        workspace = make_workspace(self.alice, token=TOKEN)
        make_endpoint(
            self.alice,
            kind="serving",
            serving_endpoint="dolly",
            workspace=workspace,
            team=self.team,
        )
        return workspace


class CredentialTests(ApiTestCase):
    def test_a_secret_comes_in_and_never_goes_out(self):
        workspace = make_workspace(self.alice)
        path = f"/workspaces/{workspace.pk}"
        response = self.api(
            self.alice, "PUT", f"{path}/credential", {"kind": "token", "token": TOKEN}
        )
        self.assertEqual(self.ok(response), {"kind": "token", "hint": TOKEN[-4:]})
        self.assertNotIn(TOKEN, response.content.decode())
        for each in (path, "/workspaces"):
            self.assertNotIn(TOKEN, self.api(self.alice, "GET", each).content.decode())
        shown = self.ok(self.api(self.alice, "GET", path))["credential"]
        self.assertEqual(
            shown, {"kind": "token", "hint": TOKEN[-4:], "checked_at": None, "ok": None}
        )

    def test_everybody_has_an_own_one(self):
        workspace = WorkspaceTests.shared_workspace(self)
        path = f"/workspaces/{workspace.pk}"
        self.assertIsNone(self.ok(self.api(self.bob, "GET", path))["credential"])
        body = {"kind": "token", "token": OTHER_TOKEN}
        self.ok(self.api(self.bob, "PUT", f"{path}/credential", body))
        self.assertEqual(
            self.ok(self.api(self.alice, "GET", path))["credential"]["hint"], TOKEN[-4:]
        )
        self.ok(self.api(self.bob, "DELETE", f"{path}/credential"), 204)
        self.assertEqual(Credential.objects.get().owner, self.alice)
        self.ok(self.api(self.bob, "DELETE", f"{path}/credential"), 204)

    def test_bad_credentials_name_the_field_and_are_not_repeated(self):
        path = f"/workspaces/{make_workspace(self.alice).pk}/credential"
        for body, field, says in (
            ({"kind": "basic", "token": TOKEN}, "kind", 'must be "token" or "oauth"'),
            ({"kind": "oauth", "client_id": "a"}, "client_secret", "missing"),
            ({"kind": "oauth", "client_secret": TOKEN}, "client_id", "missing"),
            ({"kind": "oauth", "client_id": "a:b", "client_secret": TOKEN}, "client_id", ""),
            ({"kind": "oauth", "client_id": "a", "client_secret": "x y"}, "client_secret", ""),
            ({"kind": "oauth", "token": TOKEN}, "token", "no part"),
            ({"kind": "token", "token": TOKEN, "client_id": "a"}, "client_id", "no part"),
            ({"kind": "token"}, "token", "missing"),
            ({"kind": "token", "token": TOKEN + "\n"}, "token", ""),
            ({"kind": "token", "token": TOKEN[:8] + "\r\nX-Evil: 1"}, "token", ""),
            ({"kind": "token", "token": ""}, "token", ""),
            ({"kind": "token", "token": 12345678}, "token", ""),
            ({"kind": "token", "token": TOKEN, "owner": "bob"}, "owner", ""),
        ):
            with self.subTest(field=field, says=says):
                response = self.api(self.alice, "PUT", path, body)
                self.assert_error(response, 422, "invalid", field=field, says=says)
                self.assertNotIn(TOKEN[:8], response.content.decode())
        self.assertFalse(Credential.objects.exists())


class WorkspaceCheckTests(ApiTestCase):
    def test_check_says_who_you_are_there(self):
        with self.workspace_upstream() as upstream:
            workspace = make_workspace(self.alice, host=upstream.origin, token=TOKEN)
            path = f"/workspaces/{workspace.pk}"
            self.assertEqual(
                self.ok(self.api(self.alice, "POST", f"{path}/check")),
                {"ok": True, "user_name": "alice"},
            )
            self.assertEqual(upstream.requests[-1].token, TOKEN)
            self.assertTrue(self.ok(self.api(self.alice, "GET", path))["credential"]["ok"])

    def test_check_says_why_not(self):
        with self.workspace_upstream() as upstream:
            workspace = make_workspace(self.alice, host=upstream.origin, token=OTHER_TOKEN)
            response = self.api(self.alice, "POST", f"/workspaces/{workspace.pk}/check")
            answer = self.ok(response)
            self.assertFalse(answer["ok"])
            self.assertLessEqual({"kind", "message", "hint"}, set(answer["error"]))
            self.assertNotIn(OTHER_TOKEN, response.content.decode())

    def test_check_without_a_credential_asks_for_one(self):
        workspace = make_workspace(self.alice)
        answer = self.ok(self.api(self.alice, "POST", f"/workspaces/{workspace.pk}/check"))
        self.assertEqual((answer["ok"], answer["error"]["kind"]), (False, "no_credential"))

    def workspace_upstream(self) -> Upstream:
        upstream = Upstream(tokens={TOKEN: "alice"})
        self.enterContext(override_settings(WORKSPACE_ORIGINS=[upstream.origin]))
        return upstream
