"""A stored secret is for one host: whoever changes that, by whichever door, has it typed again.

The doors are the form, the API and a row edited in the database. Nothing of the old secret goes to
the new host, and everybody is told what to do.
"""

from django.test import override_settings
from django.urls import reverse

from endpoints import EndpointError
from endpoints.errors import NoCredential
from playground import connecting
from playground.access import credential_of
from playground.models import Credential, Workspace
from tests.api import ApiTestCase
from tests.make import TOKEN, make_call, make_endpoint, make_run, make_workspace
from tests.upstream import Upstream

OTHER = "dapi-for-the-new-host-01"
BOBS = "dapi-bobs-for-the-old-host"


class HostChangeTestCase(ApiTestCase):
    """Alice's workspace at one upstream; `thief` is the other host it is pointed to."""

    def setUp(self) -> None:
        self.home, self.thief = (self.enterContext(Upstream()) for _ in range(2))
        origins = [self.home.origin, self.thief.origin]
        self.enterContext(override_settings(WORKSPACE_ORIGINS=origins))
        self.workspace = make_workspace(self.alice, host=self.home.origin, token=TOKEN)
        self.endpoint = make_endpoint(
            self.alice,
            kind="serving",
            workspace=self.workspace,
            serving_endpoint="dolly",
            team=self.team,
        )
        connecting.save_credential(self.bob, self.workspace, BOBS)
        self.path = f"/workspaces/{self.workspace.pk}"
        self.log_in(self.alice)

    def run_fails(self, user) -> EndpointError:
        """What a call that this person queued before ends with."""
        call = make_call(make_run(user), self.endpoint)
        call.run.owner.refresh_from_db()
        with self.assertRaises(NoCredential) as caught:
            connecting.client_for_call(call)
        return caught.exception

    def assert_nothing_went_out(self) -> None:
        for upstream in (self.home, self.thief):
            self.assertEqual([each.headers.get("Authorization") for each in upstream.requests], [])

    def list_page(self, user) -> str:
        self.log_in(user)
        return self.client.get(reverse("workspace-list")).content.decode()


class FormTests(HostChangeTestCase):
    def save(self, **typed):
        form = {"name": "prod-eu", "host": self.thief.origin, **typed}
        return self.client.post(reverse("workspace-edit", args=[self.workspace.pk]), form)

    def test_without_the_secret_nothing_is_changed(self) -> None:
        response = self.save()
        self.assertContains(response, "The host changed: type the token again", status_code=422)
        self.workspace.refresh_from_db()
        self.assertEqual(self.workspace.host, self.home.origin)
        self.assertEqual(Credential.objects.count(), 2)
        self.assert_nothing_went_out()

    def test_with_it_only_the_new_one_goes_to_the_new_host(self) -> None:
        self.save(token=OTHER)
        self.assertEqual({each.token for each in self.thief.requests}, {OTHER})
        self.assertEqual(self.home.requests, [])

    def test_colleagues_are_asked_for_theirs(self) -> None:
        self.save(token=OTHER)
        self.assertIsNone(credential_of(self.bob, self.workspace))
        self.assertIn("No credential yet", self.list_page(self.bob))
        self.assertIn("no token for the workspace", str(self.run_fails(self.bob)))

    def test_a_client_secret_is_asked_for_likewise(self) -> None:
        connecting.save_oauth(self.alice, self.workspace, "app-1", "dose-client-secret-1")
        response = self.save(sign_in="oauth")
        self.assertContains(response, "type the client id and secret again", status_code=422)
        self.assert_nothing_went_out()


class ApiTests(HostChangeTestCase):
    def test_the_answer_has_no_credential_and_calls_say_so(self) -> None:
        changed = self.ok(self.api(self.alice, "PATCH", self.path, {"host": self.thief.origin}))
        self.assertIsNone(changed["credential"])
        for user in (self.alice, self.bob):
            self.assertIn("no token for the workspace", str(self.run_fails(user)))
            self.assertIn("No credential yet", self.list_page(user))
        checked = self.ok(self.api(self.alice, "POST", f"{self.path}/check"))
        self.assertEqual((checked["ok"], checked["error"]["kind"]), (False, "no_credential"))
        self.assertFalse(Credential.objects.exists())
        self.assert_nothing_went_out()

    def test_the_old_host_again_does_not_bring_it_back(self) -> None:
        for host in (self.thief.origin, self.home.origin):
            changed = self.ok(self.api(self.alice, "PATCH", self.path, {"host": host}))
        self.assertIsNone(changed["credential"])

    def test_a_host_that_is_refused_keeps_it(self) -> None:
        response = self.api(self.alice, "PATCH", self.path, {"host": "https://evil.test"})
        self.assert_error(response, 422, "invalid", field="host")
        self.assertEqual(Credential.objects.count(), 2)


class RowTests(HostChangeTestCase):
    """Somebody edits the tables: the cipher itself refuses."""

    def assert_unusable(self, user) -> None:
        path = f"{self.path}/check"
        checked = self.ok(self.api(user, "POST", path))
        self.assertEqual((checked["ok"], checked["error"]["kind"]), (False, "no_credential"))
        self.assertIn("Type the token again", checked["error"]["hint"])
        self.assertIs(self.ok(self.api(user, "GET", self.path))["credential"]["ok"], False)
        page = self.list_page(user)
        self.assertIn("Needed again", page)
        self.assertNotIn("Works</span>", page)
        edit = self.client.get(reverse("workspace-edit", args=[self.workspace.pk]))
        self.assertContains(edit, "Needed again")
        self.run_fails(user)
        self.assert_nothing_went_out()

    def test_another_host(self) -> None:
        Credential.objects.update(is_ok=True, checked_at="2026-11-01T00:00:00Z")
        self.assertIn("Works</span>", self.list_page(self.alice))
        Workspace.objects.update(host=self.thief.origin)
        for user in (self.alice, self.bob):
            self.assert_unusable(user)
        self.assertIn("was not sealed for", str(self.run_fails(self.alice)))
        self.assertIn(self.thief.origin, str(self.run_fails(self.alice)))

    def test_another_workspace(self) -> None:
        elsewhere = make_workspace(self.alice, name="thief", host=self.thief.origin)
        Credential.objects.filter(owner=self.alice).update(workspace=elsewhere)
        self.path, self.workspace = f"/workspaces/{elsewhere.pk}", elsewhere
        self.endpoint.workspace = elsewhere
        self.endpoint.save()
        self.assert_unusable(self.alice)

    def test_another_owner(self) -> None:
        Credential.objects.filter(owner=self.bob).delete()
        Credential.objects.filter(owner=self.alice).update(owner=self.bob)
        self.assert_unusable(self.bob)

    def test_another_kind(self) -> None:
        """A client secret would go out as a bearer token."""
        connecting.save_oauth(self.alice, self.workspace, "app-1", "dose-client-secret-1")
        Credential.objects.filter(owner=self.alice).update(kind="token")
        self.assert_unusable(self.alice)

    def test_typed_again_it_works_at_the_new_host_alone(self) -> None:
        Workspace.objects.update(host=self.thief.origin)
        self.ok(
            self.api(
                self.alice, "PUT", f"{self.path}/credential", {"kind": "token", "token": OTHER}
            )
        )
        self.assertTrue(self.ok(self.api(self.alice, "POST", f"{self.path}/check"))["ok"])
        self.assertEqual({each.token for each in self.thief.requests}, {OTHER})
        self.assertNotIn("Needed again", self.list_page(self.alice))
