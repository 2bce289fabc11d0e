"""Attacks on what an endpoint tells of its workspace: name and host, by every door.

Alice owns a workspace that her team sees. Bob, in it, makes endpoints there and is in a second
team, Bobs, with Charlie, who is its admin and sees nothing of Alice's.
"""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from playground import connecting, drafting
from playground.access import get_visible
from playground.connecting import Refused
from playground.models import Endpoint, Membership, User
from tests.api import ApiTestCase
from tests.canary import canary
from tests.make import make_endpoint, make_run, make_team, make_workspace

NAME, HOST = "prod-of-alice", "adb-77.7.azuredatabricks.net"
ASK = {"prompt": "hi"}
WORDS = "Its workspace is not shared with Bobs"
HTMX = {"HX-Request": "true"}


class PlaceTests(ApiTestCase):
    def setUp(self) -> None:
        self.workspace = make_workspace(self.alice, name=NAME, host=f"https://{HOST}")
        self.serving = {"kind": "serving", "task": "chat", "serving_endpoint": "m"}
        fields = self.serving | {"workspace": self.workspace, "team": self.team}
        self.shared = make_endpoint(self.alice, name="alices", **fields)
        self.bobs = make_endpoint(self.bob, name="bobs", **fields)
        self.second = make_team("Bobs")
        Membership.objects.create(user=self.bob, team=self.second, role=Membership.Role.ADMIN)
        Membership.objects.create(user=self.charlie, team=self.second, role=Membership.Role.ADMIN)

    def page(self, user: User, path: str, data: dict | None = None, **headers) -> HttpResponse:
        self.log_in(user)
        if data is None:
            return self.client.get(path, headers=headers)
        return self.client.post(path, data, headers=headers)

    def told_to(self, user: User) -> list[str]:
        """Everything that tells this person something of Bob's endpoint, as text."""
        pk = str(self.bobs.pk)
        drafting.choose_columns(drafting.draft_of(user), [self.bobs])
        typed = {"role-1": "user", "message-1": "hi", "column": [f"0:{pk}"]}
        run = make_run(user, get_visible(user, Endpoint, pk), status="failed", error=None)
        call = run.calls.get()
        kept = {"name": "bobs", "team": str(self.second.pk)} | self.serving
        answers = [
            self.page(user, reverse("endpoint-list")),
            self.page(user, reverse("endpoint-edit", args=[pk])),
            self.page(user, reverse("endpoint-edit", args=[pk]), kept),
            self.page(user, reverse("endpoint-check", args=[pk]), {}, **HTMX),
            self.page(user, reverse("workspace-list")),
            self.page(user, "/"),
            self.page(user, reverse("column-preview", args=[0]), typed, **HTMX),
            self.page(user, reverse("call-raw", args=[call.pk]), **HTMX),
            self.page(user, run.get_absolute_url()),
            self.page(user, reverse("call-retry", args=[call.pk]), {}, **HTMX),
            self.api(user, "GET", "/endpoints"),
            self.api(user, "GET", f"/endpoints/{pk}"),
            self.api(user, "PATCH", f"/endpoints/{pk}", {"task": None}),
            self.api(user, "PATCH", f"/endpoints/{pk}", {"stream": False}),
            self.api(user, "POST", f"/endpoints/{pk}/check"),
            self.api(user, "POST", f"/endpoints/{pk}/preview", ASK),
            self.api(user, "POST", "/runs", {"variants": [{"endpoint": pk}], **ASK}),
            self.api(user, "GET", "/runs"),
            self.api(user, "GET", "/workspaces"),
        ]
        self.assertFalse([answer for answer in answers if answer.status_code >= 500])
        self.assertContains(answers[0], "bobs")
        return [answer.content.decode() for answer in answers]

    def assert_untold(self, texts: list[str]) -> None:
        for number, text in enumerate(texts):
            for secret in (NAME, HOST, str(self.workspace.pk)):
                self.assertNotIn(secret, text, f"door {number}")

    def test_031_an_endpoint_is_not_shared_with_who_does_not_see_its_workspace(self) -> None:
        """TENANCY-031: by form, API (new and changed) and verb; the mistake is at the team."""
        typed: dict[str, Any] = self.serving | {"name": "bobs", "team": str(self.second.pk)}
        typed |= {"workspace": str(self.workspace.pk)}
        for path in (reverse("endpoint-new"), reverse("endpoint-edit", args=[self.bobs.pk])):
            for wrong in ({"name": "x"}, {"name": "x", "timeout_s": "soon"}):
                answer = self.page(self.bob, path, typed | wrong)
                self.assertContains(answer, WORDS, status_code=422)
        typed["name"] = "new"
        for method, path in (("POST", "/endpoints"), ("PATCH", f"/endpoints/{self.bobs.pk}")):
            answer = self.api(self.bob, method, path, typed)
            self.assert_error(answer, 422, "invalid", field="team", says=WORDS)
        self.bobs.team = self.second
        with self.assertRaisesMessage(Refused, WORDS):
            connecting.save_endpoint(self.bobs)
        self.assertFalse(Endpoint.objects.filter(team=self.second).exists())

    def test_032_only_the_owner_shows_a_workspace_to_another_team(self) -> None:
        """TENANCY-032: no admin of the first team does it, by moving Alice's own endpoint."""
        Membership.objects.create(user=self.alice, team=self.second)
        self.bob.memberships.filter(team=self.team).update(role=Membership.Role.ADMIN)
        path, moved = f"/endpoints/{self.shared.pk}", {"team": str(self.second.pk)}
        answer = self.api(self.bob, "PATCH", path, moved)
        self.assert_error(answer, 422, "invalid", field="team", says=WORDS)
        self.ok(self.api(self.bob, "PATCH", path, {"stream": False}))
        self.ok(self.api(self.alice, "PATCH", path, moved))
        # It is theirs to see now, so Bob may show it to the same people.
        self.ok(self.api(self.bob, "PATCH", f"/endpoints/{self.bobs.pk}", moved))
        seen = self.ok(self.api(self.charlie, "GET", f"/endpoints/{self.bobs.pk}"))
        self.assertEqual(seen["workspace"], str(self.workspace.pk))
        self.assertContains(self.page(self.charlie, reverse("endpoint-list")), NAME)

    def test_033_a_row_that_was_edited_by_hand_tells_nothing(self) -> None:
        """TENANCY-033: Charlie may even edit it, and reads a name and a host nowhere."""
        Endpoint.objects.filter(pk=self.bobs.pk).update(team=self.second)
        self.assert_untold(self.told_to(self.charlie))
        self.charlie.memberships.update(role=Membership.Role.VIEWER)
        self.assert_untold(self.told_to(self.charlie))

    def test_034_a_workspace_that_is_taken_back_is_named_no_more(self) -> None:
        """TENANCY-034: neither to the team nor to Bob, who owns the endpoint and has a token."""
        connecting.save_credential(self.bob, self.workspace, canary())
        self.assertTrue([text for text in self.told_to(self.bob) if NAME in text or HOST in text])
        self.bob.runs.all().delete()
        self.ok(self.api(self.alice, "PATCH", f"/endpoints/{self.shared.pk}", {"team": None}))
        for user in (self.bob, self.vera):
            self.assert_untold(self.told_to(user))
        answer = self.api(self.bob, "PATCH", f"/endpoints/{self.bobs.pk}", {"stream": False})
        self.assert_error(answer, 422, "invalid", field="team", says="Choose Private")
        self.ok(self.api(self.bob, "PATCH", f"/endpoints/{self.bobs.pk}", {"team": None}))
        self.assert_untold(self.told_to(self.bob))
