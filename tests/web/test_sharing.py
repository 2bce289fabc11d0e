"""Sharing a run: with a team, by a link; its title, tags and notes; forks; deleted and back."""

import re
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from playground import deleting, drafting, filing, forking, running, sharing
from playground.connecting import Refused
from playground.models import Call, Endpoint, Membership, Run, RunLink
from playground.models.deletable import KEPT_S
from tests.base import WebTestCase
from tests.make import make_endpoint, make_run, make_user

HTMX = {"HX-Request": "true"}


class SharingTestCase(WebTestCase):
    def setUp(self) -> None:
        self.endpoint = make_endpoint(self.alice, name="shared", team=self.team)
        self.run_ = make_run(
            self.alice,
            self.endpoint,
            status="done",
            prompt="Why is the sky blue?",
            text="Rayleigh.",
        )
        self.log_in(self.alice)

    def post(self, name: str, row=None, **data):
        """As the page does it."""
        path = reverse(name, args=[(row or self.run_).pk])
        return self.client.post(path, data, headers=HTMX)

    def page(self, user=None):
        if user is not None:
            self.log_in(user)
        return self.client.get(self.run_.get_absolute_url())

    def share(self, team=None) -> None:
        sharing.share_run(self.alice, self.run_, team or self.team)


class TeamTests(SharingTestCase):
    def test_a_team_mate_sees_it_once_it_is_shared_and_not_after(self) -> None:
        self.assertEqual(self.page(self.bob).status_code, 404)
        self.log_in(self.alice)
        answer = self.post("run-share", team=self.team.pk)
        self.assertContains(answer, '<span class="clip" dir="auto">Acme</span>')
        page = self.page(self.bob)
        self.assertContains(page, "Why is the sky blue?")
        self.assertContains(page, "Rayleigh.")
        self.log_in(self.alice)
        self.post("run-share", team="")
        self.assertEqual(self.page(self.bob).status_code, 404)

    def test_who_only_looks_has_no_form_and_no_live_button(self) -> None:
        self.share()
        page = self.page(self.bob)
        for name in ("run-describe", "run-share", "link-make", "run-delete"):
            self.assertNotContains(page, reverse(name, args=[self.run_.pk]))
        self.assertRegex(page.text, r"data-retry[^>]*disabled")
        self.log_in(self.alice)
        self.assertNotRegex(self.page().text, r"data-retry[^>]*disabled")

    def test_who_leaves_the_team_takes_it_along(self) -> None:
        self.share()
        Membership.objects.filter(user=self.alice).delete()
        self.assertEqual(self.page(self.bob).status_code, 404)

    def test_not_to_a_team_one_only_reads_in_or_has_left(self) -> None:
        mine = make_run(self.vera, self.endpoint, status="done", text="x")
        with self.assertRaises(Refused):
            sharing.share_run(self.vera, mine, self.team)
        Membership.objects.filter(user=self.alice).delete()
        with self.assertRaises(Refused) as refused:
            sharing.share_run(self.alice, self.run_, self.team)
        self.assertIn("no member of “Acme”", refused.exception.message)
        self.run_.refresh_from_db()
        self.assertIsNone(self.run_.team)

    def test_a_team_nobody_told_of_is_a_404(self) -> None:
        self.assertEqual(self.post("run-share", team=self.other_team.pk).status_code, 404)


class DescribeTests(SharingTestCase):
    def test_title_tags_and_notes_are_kept_and_shown(self) -> None:
        self.post("run-describe", title=" Sky,  blue ", tags="physics, sky ,PHYSICS,", notes="a\nb")
        self.run_.refresh_from_db()
        self.assertEqual(self.run_.title, "Sky, blue")
        self.assertEqual(self.run_.tags, ["physics", "sky"])
        self.assertEqual(self.run_.notes, "a\nb")
        self.assertContains(self.page(), '<h1><span dir="auto">Sky, blue</span></h1>')

    def test_an_empty_title_is_the_prompt_again(self) -> None:
        filing.describe_run(self.run_, title="Sky")
        self.post("run-describe", title="", tags="", notes="")
        self.run_.refresh_from_db()
        self.assertEqual(self.run_.title, "Why is the sky blue?")

    def test_what_is_too_long_is_said_beside_its_field_and_nothing_is_lost_or_kept(self) -> None:
        answer = self.post("run-describe", title="t", tags="x" * 41, notes="my notes")
        self.assertEqual(answer.status_code, 422)
        self.assertContains(answer, "at most 40 characters; this one has 41", status_code=422)
        self.assertContains(answer, "my notes", status_code=422)
        self.run_.refresh_from_db()
        self.assertEqual((self.run_.name, self.run_.notes), ("", ""))

    def test_thirteen_tags_are_refused(self) -> None:
        with self.assertRaises(Refused):
            filing.describe_run(self.run_, tags=[str(number) for number in range(13)])


class LinkTests(SharingTestCase):
    def link(self, days: int = 7) -> str:
        answer = self.post("link-make", days=days)
        return re.search(r'value="(http[^"]+/runs/shared/#[^"]+)"', answer.text)[1]

    def shown(self, link: str):
        self.client.logout()
        return self.client.post(reverse("shared-run"), {"link": link})

    def test_it_shows_prompt_and_answer_to_anybody_and_nothing_else(self) -> None:
        Call.objects.update(request={"url": "https://seekret.example"}, response={"x": "seekret"})
        page = self.shown(self.link())
        self.assertContains(page, "Why is the sky blue?")
        self.assertContains(page, "Rayleigh.")
        for secret in (
            "seekret",
            str(self.run_.pk),
            self.endpoint.url,
            self.run_.calls.get().place,
        ):
            self.assertNotContains(page, secret)
        self.assertEqual(self.client.get(self.run_.get_absolute_url()).status_code, 302)

    def test_it_is_shown_once_and_only_a_hash_is_kept(self) -> None:
        token = self.link().rpartition("#")[2]
        self.assertNotContains(self.page(), token)
        row = RunLink.objects.get()
        self.assertNotIn(token, str(vars(row)))
        self.assertEqual(row.digest, RunLink.digest_of(token))

    def test_revoked_ended_deleted_or_wrong_it_shows_nothing(self) -> None:
        revoked, ended, deleted = self.link(), self.link(), self.link()
        first, second, _ = RunLink.objects.order_by("created_at")
        self.assertEqual(self.post("link-revoke", first).status_code, 200)
        RunLink.objects.filter(pk=second.pk).update(expires_at=timezone.now())
        for link in (revoked, ended, "nothing", "http://x/#", "#" + "a" * 43):
            page = self.shown(link)
            self.assertContains(page, "This link shows nothing", status_code=404)
            self.assertNotContains(page, "Rayleigh", status_code=404)
        self.assertEqual(self.shown(deleted).status_code, 200)
        deleting.delete_run(self.alice, self.run_)
        self.assertEqual(self.shown(deleted).status_code, 404)

    def test_days_that_are_not_offered_are_refused(self) -> None:
        for days in ("0", "8", "-1", "x", "99999999999999999999"):
            self.assertEqual(self.post("link-make", days=days).status_code, 422)
        self.assertFalse(RunLink.objects.exists())

    def test_opening_it_runs_nothing_and_its_get_asks_for_the_link(self) -> None:
        before = Call.objects.count()
        self.shown(self.link())
        self.assertEqual(Call.objects.count(), before)
        self.assertContains(self.client.get(reverse("shared-run")), 'name="link"')

    def test_a_bad_face_of_a_model_stays_text(self) -> None:
        Call.objects.update(text="<script>alert(1)</script>")
        page = self.shown(self.link())
        self.assertContains(page, "&lt;script&gt;alert(1)&lt;/script&gt;")


class ForkTests(SharingTestCase):
    def fork(self, user, run: Run) -> list[str]:
        return forking.fork_run(user, drafting.draft_of(user), run)

    def test_prompt_variables_parameters_and_columns_come_along(self) -> None:
        variants = [
            running.Variant(self.endpoint, {"temperature": 0.2, "top_k": 3}, ["\n"], position=0),
            running.Variant(
                self.endpoint,
                {"temperature": 0.9, "top_k": 3},
                ["\n"],
                2,
                position=2,
                own={"temperature": 0.9},
            ),
        ]
        messages = [{"role": "user", "content": "Hi {{name}}"}]
        run = running.start_run(self.alice, messages, variants, variables={"name": "Ana"})
        self.assertEqual(self.fork(self.bob, run) + self.fork(self.alice, run), [])
        draft = drafting.draft_of(self.alice)
        self.assertEqual(draft.messages, messages)
        self.assertEqual(draft.variables, {"name": "Ana"})
        self.assertEqual((draft.params, draft.stop), ({"temperature": "0.2"}, ["\\n"]))
        self.assertEqual(draft.columns[1]["own"], {"temperature": 0.9})
        self.assertEqual(draft.columns[1]["repetitions"], 2)
        self.assertEqual([c["position"] for c in draft.columns], [0, 2])

    def test_what_all_columns_share_goes_to_the_panel(self) -> None:
        variants = [running.Variant(self.endpoint, {"temperature": 0.2, "top_k": 3}, position=0)]
        run = running.start_run(self.alice, [{"role": "user", "content": "Hi"}], variants)
        self.fork(self.alice, run)
        draft = drafting.draft_of(self.alice)
        self.assertEqual(draft.params, {"temperature": "0.2"})
        self.assertEqual(draft.extra, '{\n  "top_k": 3\n}')
        sent = drafting.variants_of(self.alice, draft, [f"0:{self.endpoint.pk}"])
        self.assertEqual(sent[0].params, {"temperature": 0.2, "top_k": 3})

    def test_the_draft_before_it_comes_back(self) -> None:
        draft = drafting.draft_of(self.bob)
        draft.messages = [{"role": "user", "content": "My own words"}]
        draft.save()
        self.share()
        self.log_in(self.bob)
        answer = self.client.post(reverse("run-fork", args=[self.run_.pk]))
        self.assertRedirects(answer, "/", fetch_redirect_response=False)
        self.assertContains(self.client.get("/"), "Bring it back")
        self.assertContains(self.client.get("/"), "Why is the sky blue?")
        self.client.post(reverse("draft-restore"))
        self.assertContains(self.client.get("/"), "My own words")
        self.assertNotContains(self.client.get("/"), "Bring it back")

    def test_columns_one_cannot_run_are_named_and_left_out(self) -> None:
        private = make_endpoint(self.alice, name="private-one")
        run = make_run(self.alice, self.endpoint, private, status="done", text="x")
        sharing.share_run(self.alice, run, self.team)
        left = self.fork(self.bob, run)
        self.assertEqual(left, ["Column B is left out: you cannot run “private-one”."])
        self.assertEqual([c["position"] for c in drafting.draft_of(self.bob).columns], [0])

    def test_the_run_that_comes_of_it_says_where_it_comes_from(self) -> None:
        self.share()
        self.fork(self.bob, self.run_)
        self.log_in(self.bob)
        self.client.post(
            "/runs/start/",
            {"message-1": "And the sea?", "column": f"0:{self.endpoint.pk}"},
            headers=HTMX,
        )
        run = Run.objects.get(owner=self.bob)
        self.assertEqual(run.forked_from, self.run_)
        page = self.client.get(run.get_absolute_url())
        self.assertContains(page, self.run_.get_absolute_url())
        sharing.share_run(self.alice, self.run_, None)
        self.assertNotContains(
            self.client.get(run.get_absolute_url()), self.run_.get_absolute_url()
        )

    def test_forking_starts_nothing(self) -> None:
        before = Call.objects.count()
        self.post("run-fork")
        self.assertEqual(Call.objects.count(), before)

    def test_messages_the_form_cannot_hold_keep_their_words_and_are_named(self) -> None:
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        messages = [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "well", "tool_calls": [call]},
        ]
        run = make_run(self.alice, self.endpoint, messages=messages, status="done")
        left = self.fork(self.alice, run)
        self.assertEqual(len(left), 1)
        self.assertIn("only the words", left[0])


class DeleteTests(SharingTestCase):
    def delete(self, run: Run | None = None) -> None:
        deleting.delete_run(self.alice, run or self.run_)

    def test_it_is_gone_for_everybody_and_comes_back(self) -> None:
        self.share()
        self.post("run-delete")
        self.assertEqual(self.page().status_code, 404)
        self.assertEqual(self.page(self.bob).status_code, 404)
        call = self.run_.calls.get()
        self.log_in(self.alice)
        self.assertEqual(self.client.get(f"/calls/{call.pk}/raw/").status_code, 404)
        self.post("run-restore")
        self.assertEqual(self.page(self.bob).status_code, 200)

    def test_nobody_else_brings_it_back(self) -> None:
        self.share()
        self.delete()
        for user in (self.bob, self.charlie):
            self.log_in(user)
            self.assertEqual(self.post("run-restore").status_code, 404)

    def test_after_a_while_it_is_gone_for_good(self) -> None:
        self.delete()
        deleting.purge_deleted()
        self.assertTrue(Run.deleted.exists())
        late = timezone.now() - timedelta(seconds=KEPT_S + 1)
        Run.deleted.update(deleted_at=late)
        self.assertEqual(self.post("run-restore").status_code, 404)
        deleting.purge_deleted()
        self.assertFalse(Run.deleted.exists() or Call.objects.exists())
        self.assertTrue(Endpoint.objects.exists())

    def test_a_running_one_is_stopped(self) -> None:
        run = make_run(self.alice, self.endpoint)
        self.delete(run)
        self.assertEqual(run.calls.get().status, "stopped")

    def test_a_deactivated_owner_is_shown_no_more_by_link(self) -> None:
        owner = make_user("olaf", team=self.team)
        run = make_run(owner, self.endpoint, status="done", text="x")
        _, token = sharing.make_link(owner, run, 7)
        self.assertEqual(self.client.post("/runs/shared/", {"link": token}).status_code, 200)
        owner.is_active = False
        owner.save()
        self.assertEqual(self.client.post("/runs/shared/", {"link": token}).status_code, 404)
