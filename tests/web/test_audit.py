"""The audit log: what is noted, who reads it, searches, pages, the file; what is never in it."""

import csv
import io
from datetime import timedelta

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from playground import auditing, connecting, sharing, teaming
from playground.models import AuditEvent, Membership
from tests.api import ApiTestCase
from tests.canary import canary
from tests.make import make_endpoint, make_run, make_team, make_user, make_workspace

Verb = AuditEvent.Verb
JOURNEY = """team.made team.renamed member.invited invitation.revoked member.invited member.joined
role.changed member.left member.invited member.joined member.removed"""
PROMPT = "the-prompt-that-no-log-has"


class AuditTestCase(ApiTestCase):
    def noted(self) -> list[str]:
        """What this team's log has, the oldest first."""
        return [event.verb for event in reversed(self.team.audit_events.all())]

    def log(self, user=None, **query):
        self.log_in(user or self.alice)
        return self.client.get(reverse("audit"), {"team": self.team.pk} | query)

    def note(self, verb: str = Verb.RUN_SHARED, name: str = "", by=None, team=None) -> None:
        team = team or self.team
        auditing.note(team, by or self.alice, verb, team, name)


class NotedTests(AuditTestCase):
    def test_what_becomes_of_a_shared_endpoint(self) -> None:
        endpoint = make_endpoint(self.alice, name="echo")
        save = connecting.save_endpoint
        endpoint.params = {"top_k": 1}
        save(endpoint, self.alice)
        self.assertEqual(self.noted(), [])  # it was private
        endpoint.team = self.team
        save(endpoint, self.alice)
        endpoint.params = {"system": PROMPT}
        save(endpoint, self.alice)
        save(endpoint, self.alice)  # nothing is other than before
        endpoint.team = None
        save(endpoint, self.alice)
        endpoint.team = self.team
        save(endpoint, self.alice)
        self.log_in(self.alice)
        self.client.post(reverse("endpoint-delete", args=[endpoint.pk]))
        verbs = ["shared", "changed", "unshared", "shared", "deleted"]
        self.assertEqual(self.noted(), [f"endpoint.{verb}" for verb in verbs])
        changed = AuditEvent.objects.get(verb=Verb.ENDPOINT_CHANGED)
        self.assertEqual(changed.detail, {"fields": ["params"]})
        self.assertEqual((changed.object_name, changed.actor), ("echo", self.alice))

    def test_credentials_of_a_shared_workspace_and_of_no_private_one(self) -> None:
        private = make_workspace(
            self.bob, name="private", host="https://adb-9.9.azuredatabricks.net"
        )
        connecting.save_credential(self.bob, private, canary())
        shared = make_workspace(self.alice)
        serving = {"kind": "serving", "task": "chat", "serving_endpoint": "m"}
        make_endpoint(self.alice, workspace=shared, team=self.team, **serving)
        second = make_team("Second")  # sees it as well, but has nothing to do with Bob
        Membership.objects.create(user=self.alice, team=second, role="admin")
        make_endpoint(self.alice, name="2", workspace=shared, team=second, **serving)
        connecting.save_credential(self.bob, shared, canary())
        self.api(self.bob, "DELETE", f"/workspaces/{shared.pk}/credential")
        self.assertEqual(self.noted(), ["credential.saved", "credential.deleted"])
        saved = AuditEvent.objects.get(verb=Verb.CREDENTIAL_SAVED)
        self.assertEqual((saved.actor, saved.object_name), (self.bob, "prod-eu"))
        self.assertEqual(saved.detail, {"kind": "token"})
        self.assertFalse(second.audit_events.exists())

    def test_a_run_shared_linked_exported_and_taken_back(self) -> None:
        run = make_run(self.alice, make_endpoint(self.alice), status="done", prompt=PROMPT)
        self.ok(self.api(self.alice, "PATCH", f"/runs/{run.pk}", {"team": str(self.team.pk)}))
        run.refresh_from_db()
        link, _ = sharing.make_link(self.alice, run, 7)
        sharing.revoke_link(self.alice, link)
        self.api(self.bob, "GET", f"/runs/{run.pk}/export?format=csv")
        sharing.share_run(self.alice, run, None)
        self.assertEqual(
            self.noted(),
            ["run.shared", "link.made", "link.revoked", "run.exported", "run.unshared"],
        )
        self.assertEqual(AuditEvent.objects.get(verb=Verb.RUN_EXPORTED).actor, self.bob)

    def test_what_becomes_of_the_team_and_its_people(self) -> None:
        team = teaming.make_team(self.alice, "New")
        teaming.rename_team(self.alice, team, "Newer")
        invitation, _ = teaming.invite(self.alice, team, "a@example.org", "member")
        teaming.revoke_invitation(self.alice, invitation)
        _, code = teaming.invite(self.alice, team, "b@example.org", "viewer")
        place = teaming.accept_invitation(self.bob, code)
        teaming.change_role(self.alice, place, "admin")
        teaming.leave_team(self.alice, team)
        _, code = teaming.invite(self.bob, team, "v@example.org", "viewer")
        place = teaming.accept_invitation(self.vera, code)
        teaming.remove_member(self.bob, place)
        self.assertEqual(
            [event.verb for event in reversed(team.audit_events.all())],
            JOURNEY.split(),
        )
        change = team.audit_events.get(verb=Verb.ROLE_CHANGED)
        self.assertEqual(change.detail, {"role": "admin", "before": "viewer"})
        self.assertEqual(change.object_name, "bob")

    def test_a_change_that_is_taken_back_is_not_noted(self) -> None:
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            teaming.rename_team(self.alice, self.team, "Other name")
            raise ZeroDivisionError
        self.assertEqual(self.noted(), [])

    def test_no_secret_and_no_word_of_a_prompt_is_ever_in_it(self) -> None:
        token, key = canary(), "value-of-a-parameter"
        workspace = make_workspace(self.alice, team=self.team)
        connecting.save_credential(self.alice, workspace, token)
        endpoint = make_endpoint(self.alice, team=self.team)
        endpoint.params = {"system": PROMPT, "key": key}
        connecting.save_endpoint(endpoint, self.alice)
        run = make_run(self.alice, endpoint, status="done", prompt=PROMPT)
        sharing.share_run(self.alice, run, self.team)
        _, link = sharing.make_link(self.alice, run, 7)
        _, code = teaming.invite(self.alice, self.team, "a@example.org", "member")
        self.api(self.alice, "GET", f"/runs/{run.pk}/export?format=json")
        page = self.log().text
        file = self.client.get(reverse("audit-export"), {"team": self.team.pk}).text
        answer = self.api(self.alice, "GET", f"/teams/{self.team.pk}/audit").text
        rows = str(list(AuditEvent.objects.values()))
        self.assertGreaterEqual(len(self.noted()), 6)
        for secret in (token, token[-4:], key, PROMPT, link, code):
            for where in (page, file, answer, rows):
                self.assertNotIn(secret, where)


class ReadingTests(AuditTestCase):
    def test_only_admins_of_the_team_read_it(self) -> None:
        self.note(name="of-acme")
        path = f"/teams/{self.team.pk}/audit"
        expected = {self.alice: 200, self.bob: 403, self.vera: 403, self.charlie: 404}
        for user, status in expected.items():
            self.assertEqual(self.log(user).status_code, status)
            export = self.client.get(reverse("audit-export"), {"team": self.team.pk})
            self.assertEqual(export.status_code, status)
            self.assertEqual(self.api(user, "GET", path).status_code, status)

    def test_one_log_says_nothing_of_another_team(self) -> None:
        second = make_team("Second")
        Membership.objects.create(user=self.alice, team=second, role="admin")
        self.note(name="of-second", team=second)
        self.note(name="of-acme", by=make_user("zoe"))
        page = self.log()
        self.assertContains(page, "of-acme")
        self.assertNotContains(page, "of-second")
        self.assertNotContains(self.log(team=second.pk), "zoe")

    def test_filters_by_person_verb_name_and_day_and_keeps_them(self) -> None:
        self.note(Verb.RUN_SHARED, "poem", by=self.bob)
        self.note(Verb.LINK_MADE, "novel")
        old = AuditEvent.objects.get(object_name="novel")
        AuditEvent.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=9))
        day = f"{timezone.now() - timedelta(days=3):%Y-%m-%d}"
        for query, shown in {
            ("actor", "bob"): "poem",
            ("verb", "link.made"): "novel",
            ("object", "POE"): "poem",
            ("since", day): "poem",
            ("until", day): "novel",
        }.items():
            page = self.log(**dict([query]))
            hidden = {"poem": "novel", "novel": "poem"}[shown]
            self.assertContains(page, f">{shown}</span>")
            self.assertNotContains(page, f">{hidden}</span>")
            self.assertContains(page, "Clear")
            self.assertIn(f"{query[0]}=", page.text.partition("audit/export/?")[2][:200])
        self.assertContains(self.log(object="drama"), "Nothing fits")

    def test_a_filter_that_cannot_be_read_shows_nothing(self) -> None:
        self.note(name="poem")
        for query in ({"since": "yesterday"}, {"verb": "run.sold"}, {"cursor": "x"}):
            answer = self.log(**query)
            self.assertEqual(answer.status_code, 422)
            self.assertNotContains(answer, ">poem</span>", status_code=422)

    def test_pages_follow_each_other_without_gap_or_repeat(self) -> None:
        for number in range(120):
            self.note(name=f"n{number:03}", by=self.bob)
        seen, query = [], {"actor": "bob"}
        while True:
            page = self.log(**query)
            seen += [event.object_name for event in page.context["events"]]
            if not page.context["older"]:
                break
            self.assertIn("actor=bob", page.context["older"])
            query = dict(each.split("=") for each in page.context["older"].split("&"))
            self.note(name="newer", by=self.bob)
        self.assertEqual(seen, [f"n{number:03}" for number in reversed(range(120))])

    def test_the_file_has_what_the_filter_leaves_and_no_formula(self) -> None:
        self.note(name='=HYPERLINK("http://x")')
        self.note(Verb.LINK_MADE, "left out")
        answer = self.client_get_csv(verb="run.shared")
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        self.assertEqual(rows[0][:3], ["at", "actor", "verb"])
        self.assertEqual([row[5] for row in rows[1:]], ['\'=HYPERLINK("http://x")'])
        self.assertIn("attachment", answer["Content-Disposition"])

    def client_get_csv(self, **query):
        self.log_in(self.alice)
        return self.client.get(reverse("audit-export"), {"team": self.team.pk} | query)

    def test_lines_of_who_is_gone_stay_with_the_name(self) -> None:
        zoe = make_user("zoe")
        self.note(name="poem", by=zoe)
        zoe.delete()
        self.assertContains(self.log(), "zoe")

    def test_nobody_changes_it(self) -> None:
        self.note()
        for user in (self.alice, self.bob):
            path = f"/teams/{self.team.pk}/audit"
            for method in ("POST", "PATCH", "DELETE"):
                self.assertEqual(self.api(user, method, path).status_code, 405)
