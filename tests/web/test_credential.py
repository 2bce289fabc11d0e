"""One's own token for a workspace: replaced, erased, never shown, never another person's."""

import base64

from django.test import override_settings
from django.urls import reverse

from playground.access import credential_of
from playground.connecting import reveal
from playground.models import Credential
from tests.base import WebTestCase
from tests.canary import canary
from tests.make import HOST, TOKEN, make_workspace
from tests.upstream import Upstream
from tests.workspace import Workspace as FakeWorkspace

from .test_workspace import share_an_endpoint

NEW = canary()


class CredentialTestCase(WebTestCase):
    def setUp(self) -> None:
        self.upstream = self.enterContext(Upstream(tokens={TOKEN: "alice", NEW: "alice"}))
        self.enterContext(override_settings(WORKSPACE_ORIGINS=[self.upstream.origin]))
        self.workspace = make_workspace(self.alice, host=self.upstream.origin, token=TOKEN)
        self.save_path = reverse("credential-save", args=[self.workspace.pk])
        self.delete_path = reverse("credential-delete", args=[self.workspace.pk])
        self.log_in(self.alice)


class CredentialSaveTests(CredentialTestCase):
    def test_replaces_the_token_and_checks_it(self) -> None:
        response = self.client.post(self.save_path, {"token": NEW}, follow=True)
        self.assertContains(response, "Works</span>")
        self.assertNotContains(response, NEW)
        credential = Credential.objects.get()
        self.assertEqual(reveal(credential, "test").reveal(), NEW)
        self.assertEqual(credential.hint, NEW[-4:])

    def test_an_empty_or_impossible_token_changes_nothing(self) -> None:
        for token in ("", "sh0rt", "two words here", "dapi\r\nHost: evil.test", "töken-with-ö"):
            with self.subTest(token=token):
                response = self.client.post(self.save_path, {"token": token})
                self.assertContains(response, 'id="credential-token_error"', status_code=422)
                if token:
                    self.assertNotContains(response, token, status_code=422)
        self.assertEqual(reveal(Credential.objects.get(), "test").reveal(), TOKEN)

    def test_a_team_mate_stores_one_of_his_own_beside_it(self) -> None:
        share_an_endpoint(self.workspace, self.team)
        self.log_in(self.bob)
        self.client.post(self.save_path, {"token": NEW})
        self.assertEqual(reveal(credential_of(self.bob, self.workspace), "test").reveal(), NEW)
        self.assertEqual(reveal(credential_of(self.alice, self.workspace), "test").reveal(), TOKEN)

    def test_a_stranger_gets_404(self) -> None:
        self.log_in(self.charlie)
        self.assertEqual(self.client.post(self.save_path, {"token": NEW}).status_code, 404)
        self.assertEqual(Credential.objects.count(), 1)

    def test_csrf_is_enforced(self) -> None:
        self.assert_csrf_enforced(self.save_path, {"token": NEW}, user=self.alice)


class ServicePrincipalTests(CredentialTestCase):
    """An OAuth client id and secret in place of the token."""

    CLIENT, SECRET = "1a2b3c4d-0000-0000-0000-1a2b3c4d5e6f", canary("dose")

    def setUp(self) -> None:
        super().setUp()
        self.there = self.enterContext(FakeWorkspace(tokens={}))
        self.there.clients[self.CLIENT] = self.SECRET
        self.there.token_ending = canary("-")
        self.enterContext(override_settings(WORKSPACE_ORIGINS=[self.there.origin]))
        self.workspace.host = self.there.origin
        self.workspace.save()

    def typed(self, **more) -> dict:
        typed = {"sign_in": "oauth", "client_id": self.CLIENT, "client_secret": self.SECRET}
        return typed | more

    def test_takes_the_place_of_the_token_and_is_checked(self) -> None:
        response = self.client.post(self.save_path, self.typed(), follow=True)
        self.assertContains(response, "1a2b…5e6f · ••••••••")
        self.assertContains(response, self.CLIENT)  # the user name, as the workspace has it
        self.assertNotContains(response, self.SECRET)
        credential = Credential.objects.get()
        self.assertTrue(credential.is_ok)
        self.assertNotIn(self.SECRET.encode(), bytes(credential.sealed))
        page = self.client.get(reverse("workspace-edit", args=[self.workspace.pk]))
        self.assertNotContains(page, self.SECRET)

    def test_a_workspace_is_added_with_it(self) -> None:
        typed = self.typed(name="dev", host=self.there.origin)
        response = self.client.post(reverse("workspace-list"), typed, follow=True)
        self.assertContains(response, "Saved dev.")
        self.assertEqual(Credential.objects.get(workspace__name="dev").client_id, self.CLIENT)

    def test_a_new_name_keeps_it(self) -> None:
        self.client.post(self.save_path, self.typed())
        path = reverse("workspace-edit", args=[self.workspace.pk])
        self.assertNotContains(self.client.get(path), 'id="id_client_id" value=')
        typed = {"name": "renamed", "host": self.there.origin, "sign_in": "oauth"}
        self.assertRedirects(self.client.post(path, typed), reverse("workspace-list"))
        self.assertEqual(Credential.objects.get().client_id, self.CLIENT)

    def test_mistakes_are_at_their_field_with_the_client_id_kept(self) -> None:
        for change, field in (
            ({"client_id": ""}, "client_id"),
            ({"client_id": "a:b"}, "client_id"),
            ({"client_secret": ""}, "client_secret"),
            ({"client_secret": "two words"}, "client_secret"),
        ):
            with self.subTest(**change):
                response = self.client.post(self.save_path, self.typed(**change))
                self.assertContains(response, f'id="credential-{field}_error"', status_code=422)
                self.assertNotContains(response, self.SECRET, status_code=422)
                if "client_secret" in change:
                    self.assertContains(response, f'value="{self.CLIENT}"', status_code=422)
        self.assertEqual(Credential.objects.get().kind, "token")

    def test_is_not_stored_for_a_host_that_changed_meanwhile(self) -> None:
        typed = self.typed(seen_host="https://adb-9.9.azuredatabricks.net")
        response = self.client.post(self.save_path, typed)
        self.assertContains(response, "Nothing was stored", status_code=422)


class CredentialMovedTests(CredentialTestCase):
    """A ciphertext that is not where it was sealed, or whose key is gone, sends nothing."""

    def assert_asks_for_the_token_again(self) -> None:
        path = reverse("workspace-check", args=[self.workspace.pk])
        response = self.client.post(path, follow=True)
        self.assertContains(response, "Type the token again")
        self.assertEqual(self.upstream.requests, [])

    def test_copied_from_another_owner(self) -> None:
        share_an_endpoint(self.workspace, self.team)
        sealed = Credential.objects.get().sealed
        Credential.objects.create(owner=self.bob, workspace=self.workspace, sealed=sealed, hint="x")
        self.log_in(self.bob)
        self.assert_asks_for_the_token_again()

    def test_under_another_host(self) -> None:
        self.workspace.host = HOST
        self.workspace.save()
        self.assert_asks_for_the_token_again()

    def test_with_another_key(self) -> None:
        self.enterContext(
            override_settings(MASTER_KEYS="other:" + base64.b64encode(b"k" * 32).decode())
        )
        self.assert_asks_for_the_token_again()


class CredentialDeleteTests(CredentialTestCase):
    def test_erases_ones_own_only(self) -> None:
        share_an_endpoint(self.workspace, self.team)
        self.log_in(self.bob)
        self.client.post(self.delete_path)
        self.assertIsNotNone(credential_of(self.alice, self.workspace))
        self.log_in(self.alice)
        self.client.post(self.delete_path)
        self.assertIsNone(credential_of(self.alice, self.workspace))

    def test_a_stranger_gets_404(self) -> None:
        self.log_in(self.charlie)
        self.assertEqual(self.client.post(self.delete_path).status_code, 404)

    def test_by_post_only(self) -> None:
        self.assertEqual(self.client.get(self.delete_path).status_code, 405)
