"""Workspaces: add, check, change and delete, each person with a token of their own."""

from django.test import override_settings
from django.urls import reverse

from playground.access import credential_of
from playground.connecting import reveal
from playground.models import Credential, Endpoint, Workspace
from tests.base import WebTestCase
from tests.canary import canary
from tests.make import HOST, TOKEN, make_endpoint, make_workspace
from tests.upstream import Upstream, page

LIST = "/workspaces/"
BOBS, NOBODYS = canary(), canary()
OTHER_HOST = "https://adb-3.4.azuredatabricks.net"
HTMX = {"HX-Request": "true"}


def share_an_endpoint(workspace: Workspace, team, **fields) -> Endpoint:
    """What shows a workspace to the team."""
    fields = {"name": "dolly", "serving_endpoint": "dolly", "task": "chat"} | fields
    return make_endpoint(workspace.owner, kind="serving", workspace=workspace, team=team, **fields)


class FakeWorkspaceTestCase(WebTestCase):
    """A workspace on a real socket that knows Alice's and Bob's tokens."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.upstream = cls.enterClassContext(
            Upstream(tokens={TOKEN: "alice@acme.example", BOBS: "bob@acme.example"})
        )
        cls.enterClassContext(override_settings(WORKSPACE_ORIGINS=[cls.upstream.origin]))
        super().setUpClass()


class WorkspaceListTests(WebTestCase):
    def test_shows_what_one_has_and_never_the_token(self) -> None:
        make_workspace(self.alice, token=TOKEN)
        self.log_in(self.alice)
        response = self.client.get(LIST)
        self.assertContains(response, "prod-eu")
        self.assertContains(response, "adb-1.2.azuredatabricks.net")
        self.assertContains(response, "••••••••" + TOKEN[-4:])
        self.assertNotContains(response, TOKEN)
        self.assertNotContains(response, TOKEN[:12])

    def test_says_what_a_workspace_is_for_while_there_is_none(self) -> None:
        self.log_in(self.alice)
        self.assertContains(self.client.get(LIST), "No workspace yet")

    def test_shows_a_team_mate_the_workspace_of_a_shared_endpoint_without_the_hint(self) -> None:
        share_an_endpoint(make_workspace(self.alice, token=TOKEN), self.team)
        self.log_in(self.bob)
        response = self.client.get(LIST)
        self.assertContains(response, "prod-eu")
        self.assertContains(response, "No credential yet")
        self.assertNotContains(response, "••••" + TOKEN[-4:])

    def test_a_stranger_sees_nothing(self) -> None:
        share_an_endpoint(make_workspace(self.alice, token=TOKEN), self.team)
        self.log_in(self.charlie)
        self.assertContains(self.client.get(LIST), "No workspace yet")

    def test_counts_only_endpoints_that_one_may_see(self) -> None:
        workspace = make_workspace(self.alice)
        share_an_endpoint(workspace, self.team)
        share_an_endpoint(workspace, None, name="private")
        self.log_in(self.bob)
        (line,) = self.client.get(LIST).context["list"].lines
        self.assertEqual(line.endpoint_count, 1)

    def test_names_are_escaped(self) -> None:
        make_workspace(self.alice, name="<script>alert(1)</script>")
        self.log_in(self.alice)
        self.assertNotContains(self.client.get(LIST), "<script>alert")


class WorkspaceAddTests(FakeWorkspaceTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)

    def add(self, name: str = "prod-eu", host: str = "", token: str = ""):
        return self.client.post(LIST, {"name": name, "host": host, "token": token})

    def test_without_a_token(self) -> None:
        self.assertRedirects(self.add(host="adb-1.2.azuredatabricks.net"), LIST)
        workspace = Workspace.objects.get()
        self.assertEqual((workspace.host, workspace.owner), (HOST, self.alice))
        self.assertFalse(Credential.objects.exists())

    def test_a_pasted_link_is_cut_to_its_host_and_its_number_remembered(self) -> None:
        self.add(host="  https://ADB-1.2.azuredatabricks.net/?o=8675309#job/1 ")
        workspace = Workspace.objects.get()
        self.assertEqual((workspace.host, workspace.org_id), (HOST, "8675309"))

    def test_with_a_token_it_is_sealed_and_checked_at_once(self) -> None:
        response = self.client.post(
            LIST,
            {"name": "prod-eu", "host": self.upstream.origin, "token": f" {TOKEN}\n"},
            follow=True,
        )
        self.assertContains(
            response,
            'Works</span><span class="muted small clip" title="alice@acme.example">as alice@',
        )
        self.assertContains(response, "Saved prod-eu.", count=1)
        credential = credential_of(self.alice, Workspace.objects.get())
        self.assertEqual(reveal(credential, "test").reveal(), TOKEN)
        self.assertNotIn(TOKEN.encode(), bytes(credential.sealed))
        self.assertTrue(credential.is_ok)

    def test_a_token_that_does_not_work_is_kept_and_said_to_fail(self) -> None:
        response = self.client.post(
            LIST,
            {"name": "prod-eu", "host": self.upstream.origin, "token": NOBODYS},
            follow=True,
        )
        self.assertContains(response, "Failed")
        self.assertNotContains(response, NOBODYS)
        self.assertIs(Credential.objects.get().is_ok, False)

    def test_mistakes_are_explained_with_values_kept_except_the_token(self) -> None:
        cases = [
            ("name", {"name": "  ", "host": HOST}),
            ("host", {"host": ""}),
            ("host", {"host": "https://evil.test"}),
            ("host", {"host": "http://adb-1.2.azuredatabricks.net"}),
            ("host", {"host": "https://user:pw@adb-1.2.azuredatabricks.net"}),
            ("host", {"host": "http://169.254.169.254/latest"}),
            ("token", {"host": HOST, "token": "tok en with blanks"}),
            ("token", {"host": HOST, "token": "dapi\n12345678"}),
            ("token", {"host": HOST, "token": "sh0rt"}),
        ]
        for field, typed in cases:
            with self.subTest(**typed):
                response = self.add(**typed)
                self.assertContains(response, f'id="id_{field}_error"', status_code=422)
                if typed.get("token"):
                    self.assertNotContains(response, typed["token"], status_code=422)
                    self.assertContains(response, f'value="{HOST}"', status_code=422)
                self.assertFalse(Workspace.objects.exists())

    def test_a_host_that_the_admin_does_not_allow_names_the_setting(self) -> None:
        response = self.add(host="http://127.0.0.1:1")
        self.assertContains(response, "PLAYGROUND_WORKSPACE_ORIGINS", status_code=422)

    def test_a_second_one_of_the_same_name_is_refused(self) -> None:
        make_workspace(self.alice)
        response = self.add(host=HOST)
        self.assertContains(response, "You already have", status_code=422)

    def test_csrf_is_enforced(self) -> None:
        self.assert_csrf_enforced(LIST, {"name": "x", "host": HOST}, user=self.alice)


class WorkspaceCheckTests(FakeWorkspaceTestCase):
    def setUp(self) -> None:
        self.workspace = make_workspace(self.alice, host=self.upstream.origin, token=TOKEN)
        self.path = reverse("workspace-check", args=[self.workspace.pk])
        self.log_in(self.alice)

    def test_says_who_one_is_there(self) -> None:
        response = self.client.post(self.path, headers=HTMX)
        self.assertContains(response, f'id="workspace-{self.workspace.pk}"')
        self.assertContains(response, "alice@acme.example")
        self.assertNotContains(response, TOKEN)
        self.assertEqual(self.upstream.requests[-1].token, TOKEN)

    def test_without_script_it_leads_back_to_the_list(self) -> None:
        response = self.client.post(self.path, follow=True)
        self.assertContains(response, "Works</span>")

    def test_a_failure_is_told_once_in_its_row_with_what_to_do(self) -> None:
        Credential.objects.all().delete()
        self.client.post(self.path)
        self.assertContains(self.client.get(LIST), "then check again", count=1)
        self.assertNotContains(self.client.get(LIST), "check again")

    def test_each_person_is_checked_with_their_own_token(self) -> None:
        share_an_endpoint(self.workspace, self.team)
        self.log_in(self.bob)
        asked = len(self.upstream.requests)
        response = self.client.post(self.path, follow=True)
        self.assertContains(response, "You have no token for the workspace")
        self.assertEqual(len(self.upstream.requests), asked)  # no token of his, no request
        self.client.post(reverse("credential-save", args=[self.workspace.pk]), {"token": BOBS})
        response = self.client.post(self.path, headers=HTMX)
        self.assertContains(response, "bob@acme.example")
        self.assertEqual(self.upstream.requests[-1].token, BOBS)

    def test_a_sign_in_page_in_place_of_an_answer_is_explained(self) -> None:
        with Upstream() as elsewhere, override_settings(WORKSPACE_ORIGINS=[elsewhere.origin]):
            elsewhere.on("/api/2.0/preview/scim/v2/Me", page())
            workspace = make_workspace(self.alice, name="b", host=elsewhere.origin, token=TOKEN)
            path = reverse("workspace-check", args=[workspace.pk])
            response = self.client.post(path, headers=HTMX)
        self.assertContains(response, "Failed")
        self.assertContains(response, "sign-in page")

    def test_a_stranger_gets_404(self) -> None:
        self.log_in(self.charlie)
        self.assertEqual(self.client.post(self.path).status_code, 404)

    def test_by_post_only(self) -> None:
        self.assertEqual(self.client.get(self.path).status_code, 405)


class WorkspaceEditTests(FakeWorkspaceTestCase):
    def setUp(self) -> None:
        self.workspace = make_workspace(self.alice, token=TOKEN)
        self.path = reverse("workspace-edit", args=[self.workspace.pk])
        self.log_in(self.alice)

    def save(self, name: str = "prod-eu", host: str = HOST, token: str = ""):
        return self.client.post(self.path, {"name": name, "host": host, "token": token})

    def test_a_new_name_keeps_the_token(self) -> None:
        self.assertRedirects(self.save(name="prod"), LIST)
        self.workspace.refresh_from_db()
        self.assertEqual(self.workspace.name, "prod")
        self.assertEqual(reveal(credential_of(self.alice, self.workspace), "test").reveal(), TOKEN)

    def test_another_host_needs_the_token_again(self) -> None:
        response = self.save(host=OTHER_HOST)
        self.assertContains(response, "The host changed", status_code=422)
        self.assertContains(response, f'value="{OTHER_HOST}"', status_code=422)
        self.workspace.refresh_from_db()
        self.assertEqual(self.workspace.host, HOST)
        self.assertEqual(reveal(credential_of(self.alice, self.workspace), "test").reveal(), TOKEN)

    def test_another_host_with_its_token_replaces_both(self) -> None:
        self.save(host=self.upstream.origin, token=BOBS)
        self.workspace.refresh_from_db()
        self.assertEqual(self.workspace.host, self.upstream.origin)
        credential = credential_of(self.alice, self.workspace)
        self.assertEqual(reveal(credential, "test").reveal(), BOBS)

    def test_the_same_host_written_otherwise_is_no_change(self) -> None:
        self.assertRedirects(self.save(host="ADB-1.2.azuredatabricks.net/?o=1"), LIST)

    def test_another_host_erases_the_tokens_of_colleagues(self) -> None:
        share_an_endpoint(self.workspace, self.team)
        Credential.objects.create(owner=self.bob, workspace=self.workspace, sealed=b"x", hint="x")
        self.save(host=self.upstream.origin, token=TOKEN)
        self.assertFalse(Credential.objects.filter(owner=self.bob).exists())

    def test_mistakes_are_explained_with_values_kept(self) -> None:
        response = self.save(name="renamed", host="https://evil.test")
        self.assertContains(response, 'id="id_host_error"', status_code=422)
        self.assertContains(response, 'value="renamed"', status_code=422)
        self.assertContains(response, "<h1>prod-eu</h1>", status_code=422)

    def test_the_page_never_holds_the_token(self) -> None:
        self.assertNotContains(self.client.get(self.path), TOKEN)

    def test_a_team_mate_sees_it_but_cannot_change_it(self) -> None:
        share_an_endpoint(self.workspace, self.team)
        for user in (self.bob, self.vera):
            with self.subTest(user=user.username):
                self.log_in(user)
                response = self.client.get(self.path)
                self.assertContains(response, "alice owns it")
                self.assertNotContains(response, 'name="host"')
                self.assertEqual(self.save(name="mine now").status_code, 403)
        self.workspace.refresh_from_db()
        self.assertEqual(self.workspace.name, "prod-eu")

    def test_a_stranger_gets_404(self) -> None:
        self.log_in(self.charlie)
        self.assertEqual(self.client.get(self.path).status_code, 404)
        self.assertEqual(self.save(name="mine now").status_code, 404)


class WorkspaceDeleteTests(WebTestCase):
    def setUp(self) -> None:
        self.workspace = make_workspace(self.alice, token=TOKEN)
        self.path = reverse("workspace-delete", args=[self.workspace.pk])
        self.log_in(self.alice)

    def test_asks_for_the_name_first(self) -> None:
        self.assertContains(self.client.get(self.path), "Type prod-eu to confirm")
        for typed in ("", "prod", "Prod-EU"):
            with self.subTest(typed=typed):
                response = self.client.post(self.path, {"typed_name": typed})
                self.assertContains(response, "exactly as it is written", status_code=422)
        self.assertTrue(Workspace.objects.exists())

    def test_takes_the_stored_tokens_along(self) -> None:
        self.assertRedirects(self.client.post(self.path, {"typed_name": "prod-eu"}), LIST)
        self.assertFalse(Workspace.objects.exists())
        self.assertFalse(Credential.objects.exists())

    def test_endpoints_that_use_it_go_first(self) -> None:
        share_an_endpoint(self.workspace, None)
        self.assertContains(self.client.get(self.path), "dolly")
        response = self.client.post(self.path, {"typed_name": "prod-eu"})
        self.assertContains(response, "Delete them first", status_code=422)
        self.assertTrue(Workspace.objects.exists())

    def test_a_team_mate_cannot(self) -> None:
        share_an_endpoint(self.workspace, self.team)
        self.log_in(self.bob)
        self.assertEqual(self.client.get(self.path).status_code, 403)
        self.assertEqual(self.client.post(self.path, {"typed_name": "prod-eu"}).status_code, 403)

    def test_a_stranger_gets_404(self) -> None:
        self.log_in(self.charlie)
        self.assertEqual(self.client.get(self.path).status_code, 404)
        self.assertEqual(self.client.post(self.path, {"typed_name": "prod-eu"}).status_code, 404)


class OfferTests(FakeWorkspaceTestCase):
    def setUp(self) -> None:
        self.enterContext(
            override_settings(DATABRICKS_HOST=self.upstream.origin, DATABRICKS_TOKEN=TOKEN)
        )

    def test_the_first_account_takes_it_with_one_button(self) -> None:
        self.log_in(self.alice)
        self.assertContains(self.client.get(LIST), "with the token from the environment")
        self.assertFalse(Workspace.objects.exists())
        response = self.client.post(LIST, {"accept-offer": "yes"}, follow=True)
        self.assertContains(response, "alice@acme.example")
        self.assertNotContains(response, TOKEN)
        self.assertNotContains(response, "with the token from the environment")
        self.assertEqual(Credential.objects.get().owner, self.alice)

    def test_nobody_else_is_offered_it(self) -> None:
        self.log_in(self.bob)
        self.assertNotContains(self.client.get(LIST), "from the environment")
        self.client.post(LIST, {"accept-offer": "yes"})
        self.assertFalse(Credential.objects.exists())
