"""The table of roles in docs/sharing.md, cell by cell, with real people."""

import re
from pathlib import Path

from django.db import transaction
from django.urls import reverse

from playground import sharing, teaming
from playground.access import can_edit, can_run, credential_of, visible_to
from playground.connecting import Refused, save_endpoint
from playground.models import Call, Credential, Endpoint, Membership, Run
from tests.api import ApiTestCase
from tests.make import TOKEN, make_endpoint, make_run, make_user, make_workspace

DOC = Path(__file__).resolve().parents[2] / "docs" / "sharing.md"
ROLES = ("not in the team", "viewer", "member", "admin")


def table() -> dict[str, dict[str, bool]]:
    """What -> role -> whether, as the page says."""
    text = DOC.read_text().partition("## What each role can do")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in
            re.findall(r"^\|.*\|$", text, re.M)]  # fmt: skip
    (_, *names), _, *rows = rows
    return {
        what: {
            name: {"yes": True, "no": False}[cell] for name, cell in zip(names, cells, strict=True)
        }
        for what, *cells in rows
    }


class RolesTests(ApiTestCase):
    def setUp(self) -> None:
        admin = make_user("amy", team=self.team, role=Membership.Role.ADMIN)
        self.people = dict(zip(ROLES, (self.charlie, self.vera, self.bob, admin), strict=True))
        self.workspace = make_workspace(self.alice, team=self.team, token=TOKEN)
        self.endpoint = make_endpoint(self.alice, name="of-alice", team=self.team)
        self.open = make_run(self.alice, self.endpoint, status="done", text="Answer")
        self.going = make_run(self.alice, self.endpoint)
        for run in (self.open, self.going):
            sharing.share_run(self.alice, run, self.team)
        self.invitation, _ = teaming.invite(self.alice, self.team, "x@example.org", "viewer")
        self.alice.email = "alice@example.org"
        self.alice.save()

    def test_every_cell(self) -> None:
        said = table()
        self.assertEqual(set(said), set(TRIALS), "docs/sharing.md and TRIALS differ.")
        for what, cells in said.items():
            self.assertEqual(tuple(cells), ROLES)
            for role, expected in cells.items():
                with self.subTest(what, role=role), transaction.atomic():
                    done = {bool(each) for each in TRIALS[what](self, self.people[role])}
                    transaction.set_rollback(True)
                    self.assertEqual(done, {expected})

    # What a trial asks: whether it went well, as the one who asks is told. --------------------

    def asks(self, user, method: str, path: str, body=None) -> bool:
        answer = self.api(user, method, path, body)
        self.assertIn(answer.status_code, (200, 201, 204, 403, 404, 422), answer.content)
        return answer.status_code < 300

    def posts(self, user, name: str, *args, **data) -> bool:
        self.log_in(user)
        return self.client.post(reverse(name, args=args), data).status_code < 400

    def gets(self, user, path: str) -> str:
        self.log_in(user)
        answer = self.client.get(path)
        return answer.text if answer.status_code == 200 else ""

    def team_path(self, below: str = "") -> str:
        return f"/teams/{self.team.pk}{below}"

    def sees_endpoints(self, user):
        yield "of-alice" in self.gets(user, "/endpoints/")
        yield self.asks(user, "GET", f"/endpoints/{self.endpoint.pk}")

    def sees_runs(self, user):
        yield self.gets(user, self.open.get_absolute_url())
        yield self.asks(user, "GET", f"/runs/{self.open.pk}")
        yield self.asks(user, "GET", f"/calls/{self.open.calls.get().pk}")

    def watches(self, user):
        """The socket asks this before it shows anything; test_socket.py and the matrix open one."""
        yield visible_to(user, Run).filter(pk=self.going.pk).exists()
        yield visible_to(user, Call).filter(run=self.going).exists()

    def forks(self, user):
        yield self.asks(user, "POST", f"/runs/{self.open.pk}/fork")
        yield self.asks(user, "GET", f"/runs/{self.open.pk}/export?format=md")
        yield self.asks(user, "PUT", f"/calls/{self.open.calls.get().pk}/vote", {"value": 1})

    def sees_members(self, user):
        yield self.asks(user, "GET", self.team_path("/members"))
        yield "alice" in self.gets(user, f"{reverse('team')}?team={self.team.pk}")

    def leaves(self, user):
        yield self.posts(user, "team-leave", self.team.pk)

    def runs(self, user):
        body = {"prompt": "Hi", "variants": [{"endpoint": str(self.endpoint.pk)}]}
        yield self.asks(user, "POST", "/runs", body)
        yield can_run(user, self.endpoint)

    def shares_runs(self, user):
        own = make_run(user, make_endpoint(user, name="own"), status="done")
        yield self.asks(user, "PATCH", f"/runs/{own.pk}", {"team": str(self.team.pk)})

    def shares_endpoints(self, user):
        body = {"name": "own", "kind": "driver", "url": "http://127.0.0.1:7777/"}
        yield self.asks(user, "POST", "/endpoints", body | {"team": str(self.team.pk)})
        try:
            save_endpoint(make_endpoint(user, name="mine"), user)
            mine = Endpoint.objects.get(name="mine", owner=user)
            mine.team = self.team
            save_endpoint(mine, user)
            yield True
        except Refused:
            yield False

    def changes_endpoints(self, user):
        yield self.asks(user, "PATCH", f"/endpoints/{self.endpoint.pk}", {"name": "renamed"})
        yield self.asks(user, "DELETE", f"/endpoints/{self.endpoint.pk}")

    def sees_addresses(self, user):
        yield "alice@example.org" in self.gets(user, f"{reverse('team')}?team={self.team.pk}")

    def manages(self, user):
        yield self.asks(user, "PATCH", self.team_path(), {"name": "Renamed"})
        yield self.asks(user, "PATCH", self.team_path("/members/alice"), {"role": "viewer"})
        yield self.asks(user, "DELETE", self.team_path("/members/alice"))

    def invites(self, user):
        yield self.asks(user, "POST", self.team_path("/invitations"), {"email": "y@example.org"})
        yield self.asks(user, "GET", self.team_path("/invitations"))
        yield self.asks(user, "DELETE", f"/invitations/{self.invitation.pk}")

    def audits(self, user):
        yield self.asks(user, "GET", self.team_path("/audit"))
        yield self.gets(user, f"{reverse('audit')}?team={self.team.pk}")
        yield self.gets(user, f"{reverse('audit-export')}?team={self.team.pk}")

    def changes_runs(self, user):
        yield self.asks(user, "POST", f"/runs/{self.going.pk}/stop")
        yield self.asks(user, "PATCH", f"/runs/{self.open.pk}", {"title": "renamed"})
        yield self.asks(user, "PATCH", f"/runs/{self.open.pk}", {"team": None})
        yield self.asks(user, "POST", f"/runs/{self.open.pk}/links", {"days": 7})
        yield self.asks(user, "DELETE", f"/runs/{self.open.pk}")

    def uses_credentials(self, user):
        theirs = credential_of(self.alice, self.workspace)
        yield visible_to(user, Credential).filter(pk=theirs.pk).exists()
        yield can_edit(user, theirs)
        yield credential_of(user, self.workspace) is not None
        yield TOKEN[-4:] in self.gets(user, "/workspaces/")


TRIALS = {
    "see endpoints that are shared with the team": RolesTests.sees_endpoints,
    "see shared runs: prompt, answers, requests, responses": RolesTests.sees_runs,
    "watch a shared run while it streams": RolesTests.watches,
    "fork a shared run, export it, vote on its answers": RolesTests.forks,
    "see who is in the team": RolesTests.sees_members,
    "leave the team": RolesTests.leaves,
    "run a shared endpoint": RolesTests.runs,
    "share own runs with the team": RolesTests.shares_runs,
    "share own endpoints with the team": RolesTests.shares_endpoints,
    "change or delete somebody's shared endpoint": RolesTests.changes_endpoints,
    "see the e-mail addresses of members": RolesTests.sees_addresses,
    "rename the team, change roles, remove members": RolesTests.manages,
    "invite, see and revoke open invitations": RolesTests.invites,
    "read and export the audit log": RolesTests.audits,
    "stop, change, share or delete somebody's shared run": RolesTests.changes_runs,
    "see, use or change somebody's credential": RolesTests.uses_credentials,
}
