"""Attacks on what belongs to others, by id: nested ids, fields nobody may set, side channels.

Alice owns; Bob is in her team; Vera only reads there; Amy administers it; Charlie is a stranger.
"""

import base64
import json
from typing import Any
from uuid import uuid4

from django.http import HttpResponse
from django.urls import reverse

from playground import connecting, drafting, running, voting
from playground.access import editable_by, visible_to
from playground.api.event_stream import read_positions
from playground.api.pages import number_cursor
from playground.connecting import Refused
from playground.models import Call, Draft, Endpoint, Membership, Run, RunEntry, Vote, Workspace
from playground.running import Variant
from tests.api import ApiTestCase
from tests.canary import canary
from tests.make import make_endpoint, make_run, make_team, make_user, make_workspace

from .sameness import plain

ASK = [{"role": "user", "content": "How are you?"}]
SECRET_NAME = "alices-secret-name"
HTMX = {"HX-Request": "true"}
COUNT = 'data-label="Endpoints"><span>{}<'


class TenancyTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.amy = make_user("amy", team=self.team, role=Membership.Role.ADMIN)
        self.workspace = make_workspace(self.alice, name="prod-of-alice")
        self.private = make_endpoint(self.alice, name=SECRET_NAME, **self.serving())
        self.run_ = make_run(self.alice, self.private, status="done", text="Alice’s answer")
        self.call = self.run_.calls.get()

    def serving(self, workspace: Workspace | None = None) -> dict[str, Any]:
        workspace = workspace or self.workspace
        return {"kind": "serving", "task": "chat", "serving_endpoint": "m", "workspace": workspace}

    def share(self, **fields: Any) -> Endpoint:
        """An endpoint of Alice's that her team sees, and with it her workspace."""
        return make_endpoint(self.alice, **{"name": "shared", "team": self.team} | fields)

    def page(self, user, path: str, data: dict | None = None, **headers: str) -> HttpResponse:
        self.log_in(user)
        if data is None:
            return self.client.get(path, headers=headers)
        return self.client.post(path, data, headers=headers)


class NestedIdTests(TenancyTestCase):
    """Something of mine that names something of yours."""

    def test_001_my_endpoint_cannot_be_put_on_anothers_workspace(self) -> None:
        """TENANCY-001, by form, API (new and changed) and verb."""
        body = {"name": "mine", "kind": "serving", "task": "chat", "serving_endpoint": "m"}
        form = body | {"workspace": self.workspace.pk}
        self.assertContains(
            self.page(self.charlie, reverse("endpoint-new"), form),
            "Choose one of the workspaces you can see.",
            status_code=422,
        )
        mine = make_endpoint(self.charlie)
        named = {"workspace": str(self.workspace.pk)}
        for method, path, sent in (
            ("POST", "/endpoints", body | named),
            (
                "PATCH",
                f"/endpoints/{mine.pk}",
                {"kind": "serving", "serving_endpoint": "m"} | named,
            ),
        ):
            answer = self.api(self.charlie, method, path, sent)
            self.assert_error(answer, 422, "invalid", field="workspace", says="No such workspace")
        with self.assertRaises(Refused):
            connecting.save_endpoint(Endpoint(owner=self.charlie, name="x", **self.serving()))
        self.assertFalse(self.charlie.endpoints.exclude(workspace=None).exists())

    def test_002_anothers_endpoint_by_id_is_as_unknown_as_one_that_does_not_exist(self) -> None:
        """TENANCY-002, by form, preview, API and verb."""

        def said(user, pk) -> list[str]:
            column = {"message-1": "hi", "column": f"0:{pk}"}
            answers = [
                self.page(user, reverse("run-start"), column, **HTMX),
                self.page(user, reverse("column-preview", args=[0]), column, **HTMX),
                self.page(user, reverse("columns-choose"), {"endpoint": str(pk)}, **HTMX),
                self.api(user, "POST", "/runs", variants(pk)),
                self.api(user, "GET", f"/runs?endpoint={pk}"),
            ]
            return [f"{a.status_code} {a.content.decode()}".replace(str(pk), "ID") for a in answers]

        for user in (self.bob, self.charlie):
            with self.subTest(user=user):
                missing, foreign = said(user, uuid4()), said(user, self.private.pk)
                self.assertEqual([plain(each) for each in foreign], [plain(m) for m in missing])
                self.assertNotIn(SECRET_NAME, "".join(foreign))
        with self.assertRaises(Refused):
            running.start_run(self.charlie, ASK, [Variant(self.private)])
        self.assertEqual(Run.objects.exclude(owner=self.alice).count(), 0)

    def test_003_anothers_endpoint_by_name_is_as_unknown_as_any_name(self) -> None:
        """TENANCY-003"""
        foreign = self.api(self.charlie, "POST", "/runs", variants(SECRET_NAME)).content.decode()
        missing = self.api(self.charlie, "POST", "/runs", variants("nosuchname")).content.decode()
        self.assertEqual(foreign.replace(SECRET_NAME, "N"), missing.replace("nosuchname", "N"))

    def test_004_a_name_means_my_own_endpoint_before_a_colleagues(self) -> None:
        """TENANCY-004: nobody slips theirs under a name that I use."""
        self.share(name="gpt")
        mine = make_endpoint(self.bob, name="gpt", url="http://127.0.0.1:7777/bobs")
        run = self.ok(self.api(self.bob, "POST", "/runs", variants("gpt")), 201)
        self.assertEqual(run["calls"][0]["endpoint"], str(mine.pk))

    def test_005_my_run_does_not_open_anothers_call(self) -> None:
        """TENANCY-005: the code of a call goes through the run that it belongs to."""
        mine = make_run(self.bob, make_endpoint(self.bob), status="done")
        path = f"/runs/{mine.pk}/code?format=curl&call="
        foreign = self.api(self.bob, "GET", f"{path}{self.call.pk}")
        missing = self.api(self.bob, "GET", f"{path}{uuid4()}")
        self.assertEqual(
            (foreign.status_code, foreign.content), (missing.status_code, missing.content)
        )
        self.assertEqual(foreign.status_code, 404)

    def test_006_a_draft_that_names_anothers_endpoint_shows_and_sends_nothing_of_it(self) -> None:
        """TENANCY-006, the row edited directly."""
        column = {"position": 0, "endpoint": str(self.private.pk)}
        Draft.objects.create(owner=self.charlie, columns=[column])
        self.assertNotContains(self.page(self.charlie, "/"), SECRET_NAME)
        started = {"message-1": "hi", "column": f"0:{self.private.pk}"}
        answer = self.page(self.charlie, reverse("run-start"), started, **HTMX)
        self.assertEqual(answer.status_code, 422)
        self.assertEqual(drafting.columns_of(self.charlie, drafting.draft_of(self.charlie)), [])

    def test_007_calls_of_others_are_not_stopped_or_tried_again(self) -> None:
        """TENANCY-007, by page and API; nothing changes."""
        queued = make_run(self.alice, self.private).calls.get()
        for user in (self.bob, self.amy, self.charlie):
            for name in ("call-stop", "call-retry", "run-stop"):
                for call in (queued, self.call):
                    pk = call.run_id if name == "run-stop" else call.pk
                    self.assertEqual(self.page(user, reverse(name, args=[pk]), {}).status_code, 404)
                    noun, verb = name.split("-")
                    answer = self.api(user, "POST", f"/{noun}s/{pk}/{verb}")
                    self.assert_error(answer, 404, "not_found")
        statuses = list(Call.objects.order_by("created_at").values_list("status", "is_stop_asked"))
        self.assertEqual(statuses, [("done", False), ("queued", False)])

    def test_007_nobody_votes_on_what_they_do_not_see_or_reads_the_votes(self) -> None:
        """TENANCY-007, for votes: by page, API and the rows themselves."""
        voting.vote(self.alice, self.call, voting.UP)
        voting.mark_best(self.alice, self.call, True)
        for user in (self.bob, self.amy, self.charlie):
            for said in ({"value": "-1"}, {"best": "1"}):
                path = reverse("call-vote", args=[self.call.pk])
                self.assertEqual(self.page(user, path, said).status_code, 404)
            answer = self.api(user, "PUT", f"/calls/{self.call.pk}/vote", {"value": -1})
            missing = self.api(user, "PUT", f"/calls/{uuid4()}/vote", {"value": -1})
            self.assert_error(answer, 404, "not_found")
            self.assertEqual(answer.content, missing.content)
            self.assertFalse(visible_to(user, Vote).exists())
            self.assertFalse(editable_by(user, Vote).exists())
        vote = Vote.objects.get()
        self.assertEqual((vote.user, vote.value, vote.is_best), (self.alice, 1, True))

    def test_008_events_of_anothers_run_are_not_told(self) -> None:
        """TENANCY-008: neither by its id, nor by the place that an event of it was at."""
        answer = self.api(self.bob, "GET", f"/runs/{self.run_.pk}/events")
        self.assert_error(answer, 404, "not_found")
        kept = json.dumps({str(self.call.pk)[:8]: 5}).encode()
        at = base64.urlsafe_b64encode(kept).decode().rstrip("=")
        mine = make_run(self.bob, make_endpoint(self.bob))
        self.assertEqual(read_positions(mine, at), {})

    def test_009_a_key_that_another_person_used_answers_nothing_of_theirs(self) -> None:
        """TENANCY-009: idempotency keys are each person's own."""
        make_endpoint(self.bob, name="b")
        make_endpoint(self.alice, name="a")
        sent = variants("a") | {"idempotency_key": "k"}
        first = self.ok(self.api(self.alice, "POST", "/runs", sent), 201)
        second = self.ok(
            self.api(self.bob, "POST", "/runs", variants("b") | {"idempotency_key": "k"}), 201
        )
        self.assertNotEqual(first["id"], second["id"])


class MassAssignmentTests(TenancyTestCase):
    """Fields that nobody may set."""

    HIDDEN = {
        "owner": "bob",
        "owner_id": "1",
        "id": str(uuid4()),
        "pk": "1",
        "version": 99,
        "is_demo": True,
        "created_at": "2020-01-01T00:00:00Z",
        "_state": {"adding": True},
        "__class__": "Endpoint",
        "team_id": "1",
        "workspace_id": "1",
    }

    def test_010_the_api_refuses_every_field_that_is_not_to_be_set(self) -> None:
        """TENANCY-010: owner, id, version and the like, on every body that the API takes."""
        driver = {"name": "n", "kind": "driver", "url": "http://127.0.0.1:7777/"}
        for method, path, body in (
            ("PATCH", f"/endpoints/{self.private.pk}", {}),
            ("POST", "/endpoints", driver),
            ("PATCH", f"/workspaces/{self.workspace.pk}", {}),
            ("POST", "/workspaces", {"name": "n", "host": "https://adb-5.5.azuredatabricks.net"}),
            (
                "PUT",
                f"/workspaces/{self.workspace.pk}/credential",
                {"kind": "token", "token": canary()},
            ),
            ("POST", "/runs", variants(self.private.pk)),
        ):
            for field, value in self.HIDDEN.items():
                with self.subTest(method=method, path=path, field=field):
                    answer = self.api(self.alice, method, path, body | {field: value})
                    self.assert_error(answer, 422, "invalid", field=field)
        self.assert_untouched()

    def test_011_a_form_ignores_every_field_that_it_does_not_show(self) -> None:
        """TENANCY-011"""
        shared = self.share(**self.serving())
        typed = {"name": "shared", "kind": "serving", "task": "chat", "serving_endpoint": "m"}
        typed |= {k: str(v) for k, v in self.HIDDEN.items()}
        typed |= {"workspace": self.workspace.pk, "stream": "on"}
        path = reverse("endpoint-edit", args=[shared.pk])
        self.assertEqual(self.page(self.alice, path, typed).status_code, 302)
        after = Endpoint.objects.get(pk=shared.pk)
        self.assertEqual(
            (after.owner, after.version, after.is_demo, after.created_at),
            (self.alice, shared.version, False, shared.created_at),
        )
        typed = {"name": "renamed", "host": self.workspace.host, "owner": self.bob.pk}
        self.page(self.alice, reverse("workspace-edit", args=[self.workspace.pk]), typed)
        self.assertEqual(Workspace.objects.get(pk=self.workspace.pk).owner, self.alice)
        self.assert_untouched()

    def test_012_an_id_in_a_body_overwrites_nobodys_row(self) -> None:
        """TENANCY-012: what is sent or imported is always a new row of the sender's."""
        driver = {"name": SECRET_NAME, "kind": "driver", "url": "http://127.0.0.1:7777/"}
        sent = driver | {"id": str(self.private.pk)}
        self.assert_error(
            self.api(self.charlie, "POST", "/endpoints", sent), 422, "invalid", field="id"
        )
        self.page(self.charlie, reverse("endpoint-new"), driver | {"task": "custom"} | sent)
        mine = self.charlie.endpoints.get()
        self.assertNotEqual(mine.pk, self.private.pk)
        self.assert_untouched()

    def test_013_a_team_that_one_is_not_in_cannot_be_shared_with(self) -> None:
        """TENANCY-013, by form and API; and it is as unknown as one that does not exist."""
        mine = make_endpoint(self.charlie, name="bait")
        for pk in (self.team.pk, uuid4()):
            answer = self.api(self.charlie, "PATCH", f"/endpoints/{mine.pk}", {"team": str(pk)})
            self.assert_error(answer, 422, "invalid", field="team", says="not in that team")
            typed = {"name": "bait", "kind": "driver", "task": "custom", "url": mine.url}
            answer = self.page(
                self.charlie, reverse("endpoint-edit", args=[mine.pk]), typed | {"team": pk}
            )
            self.assertContains(answer, "Choose one of your own teams", status_code=422)
        self.assertIsNone(Endpoint.objects.get(pk=mine.pk).team)

    def assert_untouched(self) -> None:
        now = Endpoint.objects.get(pk=self.private.pk)
        self.assertEqual(
            (now.owner, now.name, now.version), (self.alice, SECRET_NAME, self.private.version)
        )
        self.assertFalse(self.bob.endpoints.exists() or self.bob.workspaces.exists())


class SharingTests(TenancyTestCase):
    """What sharing opens, and that taking it back closes it."""

    def test_014_an_admin_cannot_carry_a_colleagues_endpoint_into_another_team(self) -> None:
        """TENANCY-014: its owner is not in that team, so nobody there sees it."""
        shared = self.share()
        side = make_team("Side")
        for user in (self.amy, self.charlie):
            Membership.objects.create(user=user, team=side, role=Membership.Role.ADMIN)
        self.ok(self.api(self.amy, "PATCH", f"/endpoints/{shared.pk}", {"team": str(side.pk)}))
        self.assert_error(
            self.api(self.charlie, "GET", f"/endpoints/{shared.pk}"), 404, "not_found"
        )

    def test_015_an_admin_cannot_point_a_colleagues_endpoint_out_of_their_reach(self) -> None:
        """TENANCY-015"""
        shared = self.share(**self.serving())
        amys = make_workspace(self.amy, name="amys", host="https://adb-6.6.azuredatabricks.net")
        sent = {"workspace": str(amys.pk)}
        answer = self.api(self.amy, "PATCH", f"/endpoints/{shared.pk}", sent)
        self.assert_error(answer, 422, "invalid", field="workspace", says="not shared with alice")

    def test_016_an_unshared_workspace_stays_open_by_nobody_elses_endpoint(self) -> None:
        """TENANCY-016: Bob made an endpoint on it and shared that; Alice takes hers back."""
        shared = self.share(**self.serving())
        other = make_team("Bobs")
        for user in (self.bob, self.charlie):
            Membership.objects.create(user=user, team=other)
        make_endpoint(self.bob, name="bobs", team=other, **self.serving())
        path = f"/workspaces/{self.workspace.pk}"
        self.assert_error(self.api(self.charlie, "GET", path), 404, "not_found")
        self.ok(self.api(self.bob, "GET", path))
        self.ok(self.api(self.alice, "PATCH", f"/endpoints/{shared.pk}", {"team": None}))
        self.assert_error(self.api(self.bob, "GET", path), 404, "not_found")
        checked = self.ok(self.api(self.bob, "POST", f"/endpoints/{bobs_id(self.bob)}/check"))
        self.assertEqual(checked["error"]["kind"], "forbidden")

    def test_017_who_leaves_sees_nothing_more_and_takes_along_what_was_theirs(self) -> None:
        """TENANCY-017"""
        alices, bobs = self.share(), make_endpoint(self.bob, name="b", team=self.team)
        self.bob.memberships.all().delete()
        self.assert_error(self.api(self.bob, "GET", f"/endpoints/{alices.pk}"), 404, "not_found")
        self.assert_error(self.api(self.alice, "GET", f"/endpoints/{bobs.pk}"), 404, "not_found")
        self.assert_error(self.api(self.bob, "POST", "/runs", variants(alices.pk)), 422, "invalid",
                          field="variants.0.endpoint")  # fmt: skip

    def test_018_a_role_that_shrinks_stops_the_next_run_at_once(self) -> None:
        """TENANCY-018: also a retry, on the page and in the API."""
        shared = self.share()
        call = make_run(self.bob, shared, status="done").calls.get()
        self.bob.memberships.update(role=Membership.Role.VIEWER)
        for path, body in (("/runs", variants(shared.pk)), (f"/calls/{call.pk}/retry", None)):
            self.assert_error(self.api(self.bob, "POST", path, body), 403, "forbidden")
        answer = self.page(self.bob, reverse("call-retry", args=[call.pk]), {}, **HTMX)
        self.assertEqual(answer.status_code, 422)
        self.assertEqual(self.bob.runs.count(), 1)

    def test_019_a_shared_endpoint_never_runs_with_its_authors_credential(self) -> None:
        """TENANCY-019: checked without one of his own, Bob is asked for his."""
        connecting.save_credential(self.alice, self.workspace, canary())
        shared = self.share(**self.serving())
        checked = self.ok(self.api(self.bob, "POST", f"/endpoints/{shared.pk}/check"))
        self.assertEqual(checked["error"]["kind"], "no_credential")
        for user in (self.bob, self.amy):
            shown = self.ok(self.api(user, "GET", f"/workspaces/{self.workspace.pk}"))
            self.assertIsNone(shown["credential"])

    def test_020_being_superuser_opens_nothing(self) -> None:
        """TENANCY-020: the matrix has every address; here are the lists."""
        root = make_user("root")
        root.is_superuser = root.is_staff = True
        root.save()
        self.share(**self.serving())
        for noun in ("endpoints", "workspaces", "runs"):
            self.assertEqual(self.ok(self.api(root, "GET", f"/{noun}"))["items"], [])


class SideChannelTests(TenancyTestCase):
    """Counts, suggestions, filters and cursors say nothing about rows of others."""

    def test_021_counts_count_what_one_sees(self) -> None:
        """TENANCY-021: the number beside a lent workspace, and why it cannot be deleted."""
        self.share(**self.serving())
        self.assertContains(self.page(self.alice, "/workspaces/"), COUNT.format(2))
        bobs_page = self.page(self.bob, "/workspaces/")
        self.assertContains(bobs_page, COUNT.format(1))
        self.assertNotContains(bobs_page, COUNT.format(2))
        make_endpoint(self.bob, name="bobs-secret", **self.serving())
        Endpoint.objects.filter(owner=self.alice).delete()
        answer = self.api(self.alice, "DELETE", f"/workspaces/{self.workspace.pk}")
        self.assert_error(answer, 422, "invalid", field="workspace", says="a colleague’s")
        self.assertNotIn("bobs-secret", answer.content.decode())

    def test_022_suggestions_for_anothers_workspace_are_those_for_none(self) -> None:
        """TENANCY-022: names of serving endpoints and clusters while one types."""
        for name in ("found-names", "cluster-choice"):
            path = f"{reverse(name)}?workspace="
            answers = [
                plain(self.page(self.charlie, path + each).content.decode())
                for each in (str(self.workspace.pk), str(uuid4()), "", "x")
            ]
            self.assertEqual(len(set(answers)), 1, answers)

    def test_023_filters_find_nothing_of_others(self) -> None:
        """TENANCY-023: by author, endpoint, status and time; unknown and foreign answer alike."""
        self.share()
        make_run(self.bob, make_endpoint(self.bob), status="done")
        for query in (
            "author=alice",
            "author=nobody",
            f"endpoint={self.private.pk}",
            f"endpoint={SECRET_NAME}",
            f"endpoint={uuid4()}",
            "endpoint=shared",
        ):
            with self.subTest(query=query):
                answer = self.ok(self.api(self.bob, "GET", f"/runs?{query}"))
                self.assertEqual(answer, {"items": [], "next": None})
        for query in ("status=done", "status=ended", "since=2000-01-01T00:00:00Z", "author=bob"):
            items = self.ok(self.api(self.bob, "GET", f"/runs?{query}"))["items"]
            self.assertEqual(len(items), 1, query)

    def test_024_a_cursor_made_of_anothers_row_leads_to_my_own_rows_only(self) -> None:
        """TENANCY-024"""
        cursor = number_cursor(RunEntry.objects.get(run=self.run_).number + 1)
        mine = self.ok(self.api(self.alice, "GET", f"/runs?cursor={cursor}"))
        self.assertEqual([run["id"] for run in mine["items"]], [str(self.run_.pk)])
        answer = self.ok(self.api(self.bob, "GET", f"/runs?cursor={cursor}"))
        self.assertEqual(answer, {"items": [], "next": None})

    def test_025_my_name_may_be_the_same_as_anothers(self) -> None:
        """TENANCY-025: “you already have” is never said about a name of somebody else's."""
        driver = {"name": SECRET_NAME, "kind": "driver", "url": "http://127.0.0.1:7777/"}
        self.ok(self.api(self.charlie, "POST", "/endpoints", driver), 201)
        host = "https://adb-5.5.azuredatabricks.net"
        body = {"name": self.workspace.name, "host": host}
        self.ok(self.api(self.charlie, "POST", "/workspaces", body), 201)

    def test_026_ids_cannot_be_counted(self) -> None:
        """TENANCY-026: every id that an address names is a random UUID."""
        for row in (self.private, self.workspace, self.run_, self.call, self.team, self.alice):
            self.assertEqual(row.pk.version, 4, row)


def variants(endpoint) -> dict[str, Any]:
    return {"prompt": "How are you?", "variants": [{"endpoint": str(endpoint)}]}


def bobs_id(bob):
    return bob.endpoints.get(name="bobs").pk
