"""What is deleted can be taken back for a moment, by who deleted it; then it is gone for good."""

import asyncio
from datetime import timedelta

from asgiref.sync import sync_to_async
from django.test import TransactionTestCase
from django.urls import reverse
from django.utils import timezone

from playground import deleting, drafting
from playground.access import visible_to
from playground.connecting import Refused, save_credential
from playground.models import Call, Credential, Endpoint, EndpointConfirmation, Workspace
from playground.models.deletable import KEPT_S
from playground.worker import CallWorker
from tests.api import ApiTestCase
from tests.base import WebTestCase
from tests.make import TOKEN, make_endpoint, make_run, make_user, make_workspace

HTMX = {"HX-Request": "true"}


def wait_until_gone() -> None:
    """As if the time in which it can be taken back were over."""
    past = timezone.now() - timedelta(seconds=KEPT_S + 1)
    for model in (Endpoint, Workspace):
        model.deleted.update(deleted_at=past)


class EndpointTests(WebTestCase):
    def setUp(self) -> None:
        self.endpoint = make_endpoint(self.alice, name="dolly", team=self.team)
        self.log_in(self.alice)

    def path(self, name: str) -> str:
        return reverse(f"endpoint-{name}", args=[self.endpoint.pk])

    def test_nobody_sees_a_deleted_one(self) -> None:
        draft = drafting.draft_of(self.bob)
        drafting.choose_columns(draft, [self.endpoint])
        self.client.post(self.path("delete"))
        for user in (self.alice, self.bob):
            self.log_in(user)
            self.assertFalse(visible_to(user, Endpoint).exists())
            self.assertEqual(self.client.get(self.path("edit")).status_code, 404)
            self.assertEqual(self.client.post(self.path("check")).status_code, 404)
        self.assertEqual(drafting.columns_of(self.bob, draft), [])
        with self.assertRaisesMessage(Refused, "is not there any more"):
            drafting.variants_of(self.bob, draft, [f"0:{self.endpoint.pk}"])

    def test_it_comes_back_as_it_was_with_its_column(self) -> None:
        draft = drafting.draft_of(self.alice)
        drafting.choose_columns(draft, [self.endpoint])
        drafting.set_own(draft, draft.columns[0], {"temperature": 0.5})
        call = make_run(self.alice, self.endpoint, status="done").calls.get()
        page = self.client.post(self.path("delete"), follow=True)
        self.assertContains(page, self.path("restore"))
        page = self.client.post(self.path("restore"), follow=True)
        self.assertContains(page, "Restored dolly.")
        self.assertEqual(Endpoint.objects.get().team, self.team)
        (column,) = drafting.columns_of(self.alice, draft)
        self.assertEqual(column.own_settings, {"temperature": 0.5})
        self.assertTrue(Call.objects.get(pk=call.pk).has_endpoint)
        self.assertEqual(self.client.post(self.path("restore")).status_code, 404)

    def test_in_the_list_it_goes_and_comes_by_itself(self) -> None:
        make_endpoint(self.alice, name="other")
        here = HTMX | {"HX-Current-URL": "http://testserver/endpoints/?q=dol&sort=-name"}
        answer = self.client.post(self.path("delete"), headers=here)
        self.assertNotContains(answer, f'id="endpoint-{self.endpoint.pk}"')
        self.assertContains(answer, "0 of 1 endpoint")
        self.assertContains(answer, f'hx-post="{self.path("restore")}"')
        answer = self.client.post(self.path("restore"), headers=here)
        self.assertContains(answer, "1 of 2 endpoints")
        self.assertEqual(answer["HX-Replace-Url"], "/endpoints/?q=dol&sort=-name")
        self.assertIn(f"endpoint-{self.endpoint.pk}", answer["HX-Trigger-After-Settle"])

    def test_only_who_deleted_it_takes_it_back(self) -> None:
        self.client.post(self.path("delete"))
        for user in (self.bob, self.vera, self.charlie):
            self.log_in(user)
            self.assertEqual(self.client.post(self.path("restore")).status_code, 404)
            self.assertNotContains(self.client.get("/endpoints/"), "dolly")
        self.assertFalse(Endpoint.objects.exists())

    def test_an_admin_who_deleted_it_loses_that_with_the_role(self) -> None:
        theirs = make_endpoint(self.bob, name="bobs", team=self.team)
        self.client.post(reverse("endpoint-delete", args=[theirs.pk]))
        self.alice.memberships.update(role="member")
        path = reverse("endpoint-restore", args=[theirs.pk])
        self.assertEqual(self.client.post(path).status_code, 404)
        self.alice.memberships.update(role="admin")
        self.assertEqual(self.client.post(path).status_code, 302)

    def test_its_name_is_free_and_a_second_one_of_it_stays_away(self) -> None:
        self.client.post(self.path("delete"))
        make_endpoint(self.alice, name="dolly")
        page = self.client.post(self.path("restore"), follow=True)
        self.assertContains(page, "you have another one of that name by now")
        self.assertNotEqual(Endpoint.objects.get().pk, self.endpoint.pk)

    def test_then_it_is_gone_for_good(self) -> None:
        self.endpoint.transform_output = "def transform_output(response):\n    return response"
        self.endpoint.save()
        EndpointConfirmation.objects.create(
            user=self.bob, endpoint=self.endpoint, fingerprint=self.endpoint.transforms_fingerprint
        )
        call = make_run(self.alice, self.endpoint, status="done", text="kept").calls.get()
        self.client.post(self.path("delete"))
        deleting.purge_deleted()
        self.assertTrue(Endpoint.deleted.exists())
        wait_until_gone()
        self.assertEqual(self.client.post(self.path("restore")).status_code, 404)
        deleting.purge_deleted()
        self.assertFalse(Endpoint.deleted.exists())
        self.assertFalse(EndpointConfirmation.objects.exists())
        call.refresh_from_db()
        self.assertEqual((call.text, call.endpoint), ("kept", None))

    def test_the_next_delete_takes_away_the_old_ones(self) -> None:
        self.client.post(self.path("delete"))
        wait_until_gone()
        deleting.delete_endpoint(self.alice, make_endpoint(self.alice, name="other"))
        self.assertEqual([each.name for each in Endpoint.deleted.all()], ["other"])

    def test_a_run_of_it_offers_no_retry_and_no_edit(self) -> None:
        run = make_run(self.alice, self.endpoint, status="failed", error={"kind": "upstream"})
        path = reverse("run-detail", args=[run.pk])
        edit = f'href="{self.path("edit")}'
        self.assertContains(self.client.get(path), edit)
        self.client.post(self.path("delete"))
        self.assertNotContains(self.client.get(path), edit)
        retry = reverse("call-retry", args=[run.calls.get().pk])
        answer = self.client.post(retry, headers=HTMX)
        self.assertContains(answer, "was deleted", status_code=422)

    def test_both_only_by_post_and_with_the_token(self) -> None:
        for name in ("delete", "restore"):
            self.assertEqual(self.client.get(self.path(name)).status_code, 405)
            self.assert_csrf_enforced(self.path(name), user=self.alice)


class WorkspaceTests(WebTestCase):
    def setUp(self) -> None:
        self.workspace = make_workspace(self.alice, team=self.team)
        self.log_in(self.alice)

    def path(self, name: str) -> str:
        return reverse(f"workspace-{name}", args=[self.workspace.pk])

    def test_without_a_credential_it_goes_at_once_and_comes_back(self) -> None:
        self.assertContains(self.client.get("/workspaces/"), f'hx-post="{self.path("delete")}"')
        page = self.client.post(self.path("delete"), follow=True)
        self.assertContains(page, self.path("restore"))
        for user in (self.alice, self.bob):
            self.log_in(user)
            self.assertEqual(self.client.get(self.path("edit")).status_code, 404)
        self.log_in(self.alice)
        self.assertContains(self.client.post(self.path("restore"), follow=True), "Restored prod-eu")
        self.assertEqual(Workspace.objects.get(), self.workspace)

    def test_with_anybodys_credential_the_name_is_typed_and_it_is_final(self) -> None:
        save_credential(self.bob, self.workspace, TOKEN)
        self.assertContains(self.client.get("/workspaces/"), f'href="{self.path("delete")}"')
        self.assertContains(self.client.get(self.path("delete")), "Type prod-eu to confirm")
        self.assertEqual(self.client.post(self.path("delete")).status_code, 422)
        self.assertTrue(Workspace.objects.exists())
        page = self.client.post(self.path("delete"), {"typed_name": "prod-eu"}, follow=True)
        self.assertNotContains(page, self.path("restore"))
        self.assertFalse(Workspace.deleted.exists())
        self.assertFalse(Credential.objects.exists())
        self.assertEqual(self.client.post(self.path("restore")).status_code, 404)

    def test_a_credential_that_came_meanwhile_leads_from_the_list_to_the_question(self) -> None:
        save_credential(self.bob, self.workspace, TOKEN)
        answer = self.client.post(self.path("delete"), headers=HTMX)
        self.assertEqual(answer["HX-Redirect"], self.path("delete"))
        self.assertTrue(Credential.objects.exists())

    def test_only_who_deleted_it_takes_it_back(self) -> None:
        self.client.post(self.path("delete"))
        for user in (self.bob, self.vera, self.charlie):
            self.log_in(user)
            self.assertEqual(self.client.post(self.path("restore")).status_code, 404)

    def test_its_endpoints_go_first_and_come_back_after_it(self) -> None:
        serving = {"kind": "serving", "workspace": self.workspace, "serving_endpoint": "dolly"}
        endpoint = make_endpoint(self.alice, name="dolly", task="chat", **serving)
        page = self.client.post(self.path("delete"))
        self.assertContains(page, "Delete them first", status_code=422)
        self.client.post(reverse("endpoint-delete", args=[endpoint.pk]))
        self.client.post(self.path("delete"))
        restore = reverse("endpoint-restore", args=[endpoint.pk])
        page = self.client.post(restore, follow=True)
        self.assertContains(page, "its workspace was deleted too")
        self.client.post(self.path("restore"))
        self.client.post(restore)
        self.assertEqual(Endpoint.objects.get().workspace, self.workspace)

    def test_a_final_one_takes_along_the_endpoints_that_were_deleted(self) -> None:
        save_credential(self.alice, self.workspace, TOKEN)
        serving = {"kind": "serving", "workspace": self.workspace, "serving_endpoint": "dolly"}
        endpoint = make_endpoint(self.alice, name="dolly", task="chat", **serving)
        self.client.post(reverse("endpoint-delete", args=[endpoint.pk]))
        self.client.post(self.path("delete"), {"typed_name": "prod-eu"})
        self.assertFalse(Workspace.objects.exists() or Workspace.deleted.exists())
        self.assertFalse(Endpoint.deleted.exists())

    def test_then_it_is_gone_for_good(self) -> None:
        serving = {"kind": "serving", "workspace": self.workspace, "serving_endpoint": "dolly"}
        endpoint = make_endpoint(self.alice, name="dolly", task="chat", **serving)
        self.client.post(reverse("endpoint-delete", args=[endpoint.pk]))
        self.client.post(self.path("delete"))
        wait_until_gone()
        deleting.purge_deleted()
        self.assertFalse(Endpoint.deleted.exists() or Workspace.deleted.exists())


class ApiTests(ApiTestCase):
    def test_deleted_is_not_there_any_more(self) -> None:
        endpoint, workspace = make_endpoint(self.alice), make_workspace(self.alice)
        for noun, row in (("endpoints", endpoint), ("workspaces", workspace)):
            path = f"/{noun}/{row.pk}"
            self.assertEqual(self.api(self.alice, "DELETE", path).status_code, 204)
            for method in ("GET", "PATCH", "DELETE"):
                self.assertEqual(self.api(self.alice, method, path, {}).status_code, 404)
            self.assertEqual(self.api(self.alice, "GET", f"/{noun}").json()["items"], [])


class ColumnTests(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)
        self.one, self.two = (make_endpoint(self.alice, name=name) for name in ("one", "two"))
        draft = drafting.draft_of(self.alice)
        drafting.choose_columns(draft, [self.one, self.two])
        drafting.set_own(draft, draft.columns[0], {"temperature": 0.5}, 2)

    def columns(self) -> list[tuple]:
        columns = drafting.draft_of(self.alice).columns
        return [(each["position"], each.get("own"), each.get("repetitions")) for each in columns]

    def act(self, name: str, position: int):
        return self.client.post(reverse(f"column-{name}", args=[position]), headers=HTMX)

    def test_comes_back_to_its_place_with_its_settings(self) -> None:
        before = self.columns()
        answer = self.act("remove", 0)
        self.assertContains(answer, reverse("column-restore", args=[0]))
        self.assertEqual(len(self.columns()), 1)
        answer = self.act("restore", 0)
        self.assertIn("col-a", answer["HX-Trigger-After-Settle"])
        self.assertEqual(self.columns(), before)

    def test_several_come_back_in_any_order(self) -> None:
        before = self.columns()
        self.act("remove", 0)
        self.act("remove", 1)
        self.act("restore", 0)
        self.act("restore", 1)
        self.assertEqual(sorted(self.columns(), key=str), sorted(before, key=str))

    def test_a_letter_that_is_taken_by_now_stays_with_who_has_it(self) -> None:
        self.act("remove", 0)
        draft = drafting.draft_of(self.alice)
        drafting.add_column(self.alice, draft, make_endpoint(self.alice, name="three"))
        self.act("restore", 0)
        self.assertEqual(sorted(each[0] for each in self.columns()), [0, 1, 2])

    def test_what_is_not_there_is_refused_and_nobody_elses_is(self) -> None:
        self.assertEqual(self.act("restore", 0).status_code, 422)
        self.act("remove", 0)
        self.log_in(self.charlie)
        self.assertEqual(self.act("restore", 0).status_code, 422)
        self.log_in(self.alice)
        self.assertEqual(self.act("restore", 0).status_code, 200)
        self.assertEqual(self.act("restore", 0).status_code, 422)


class WorkerTests(TransactionTestCase):
    async def test_a_worker_purges_as_it_beats(self) -> None:
        user = await sync_to_async(make_user)("alice")
        endpoint = await sync_to_async(make_endpoint)(user)
        await sync_to_async(deleting.delete_endpoint)(user, endpoint)
        await sync_to_async(wait_until_gone)()
        async with CallWorker().working():
            for _ in range(200):
                if not await Endpoint.deleted.aexists():
                    return
                await asyncio.sleep(0.05)
        self.fail("It is still there.")
