"""POST /calls/<id>/vote/: a thumb for an answer, and the best of its run, from each person."""

from uuid import uuid4

from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from playground import voting
from playground.access import visible_to
from playground.connecting import Refused
from playground.models import Call, Vote
from playground.running import Conflict
from tests.base import WebTestCase
from tests.make import make_call, make_endpoint, make_run


class VotingTestCase(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)
        self.endpoint = make_endpoint(self.alice)
        self.run_ = make_run(
            self.alice, self.endpoint, self.endpoint, status=Call.Status.DONE, text="An answer"
        )
        self.first, self.second = self.run_.calls.all()

    def vote(self, call: Call | None = None, **said):
        return self.client.post(f"/calls/{(call or self.first).pk}/vote/", said)

    def said(self, call: Call | None = None, user=None) -> tuple[int | None, bool]:
        seen = visible_to(user or self.alice, Call).get(pk=(call or self.first).pk)
        return seen.own_vote, seen.is_best


class ThumbTests(VotingTestCase):
    def test_a_thumb_is_given_turned_and_taken_back(self) -> None:
        self.assertEqual(self.said(), (None, False))
        for value, kept in (("1", 1), ("-1", -1), ("-1", -1)):
            self.assertEqual(self.vote(value=value).status_code, 204)
            self.assertEqual(self.said(), (kept, False))
        self.assertEqual(Vote.objects.count(), 1)
        self.assertEqual(self.vote(value="0").status_code, 204)
        self.assertEqual(self.said(), (None, False))
        self.assertEqual(Vote.objects.count(), 0)

    def test_anything_else_is_refused_and_changes_nothing(self) -> None:
        self.vote(value="1")
        for said in ({"value": "2"}, {"value": ""}, {"value": "up"}, {}):
            response = self.vote(**said)
            self.assertContains(response, "A vote is 1, -1 or 0.", status_code=422)
        self.assertEqual(self.said(), (1, False))

    def test_only_what_has_ended_with_an_answer_is_voted_on(self) -> None:
        for fields, refusal in (
            ({"status": "queued"}, Conflict),
            ({"status": "streaming", "text": "So far"}, Conflict),
            ({"status": "failed"}, Refused),
            ({"status": "done"}, Refused),
        ):
            with self.subTest(**fields):
                call = make_call(self.run_, self.endpoint, **fields)
                self.assertEqual(self.vote(call, value="1").status_code, 422)
                self.assertEqual(self.vote(call, best="1").status_code, 422)
                with self.assertRaises(refusal):
                    voting.vote(self.alice, call, voting.UP)
        for fields in (
            {"status": "stopped", "text": "A part"},
            {"status": "failed", "text": "A part"},
            {"status": "done", "vectors": [[0.5, 1.0]]},
        ):
            with self.subTest(**fields):
                call = make_call(self.run_, self.endpoint, **fields)
                self.assertEqual(self.vote(call, value="-1").status_code, 204)

    def test_others_get_404_as_for_what_is_missing(self) -> None:
        for somebody in (self.bob, self.vera, self.charlie):
            self.log_in(somebody)
            self.assertEqual(self.vote(value="1").status_code, 404)
            self.assertEqual(self.vote(best="1").status_code, 404)
            missing = self.client.post(f"/calls/{uuid4()}/vote/", {"value": "1"})
            self.assertEqual(missing.status_code, 404)
        self.assertEqual(Vote.objects.count(), 0)

    def test_only_post_with_its_token_is_answered(self) -> None:
        path = f"/calls/{self.first.pk}/vote/"
        self.assertEqual(self.client.get(path).status_code, 405)
        self.assert_csrf_enforced(path, {"value": "1"}, user=self.alice)
        self.assertEqual(Vote.objects.count(), 0)


class BestTests(VotingTestCase):
    def test_the_best_moves_and_leaves_the_thumbs(self) -> None:
        self.vote(self.first, value="1")
        self.vote(self.first, best="1")
        self.assertEqual(self.said(self.first), (1, True))
        self.vote(self.second, best="1")
        self.assertEqual(self.said(self.first), (1, False))
        self.assertEqual(self.said(self.second), (0, True))
        self.vote(self.first, best="1")
        self.assertEqual(self.said(self.second), (None, False))  # it said nothing any more
        self.vote(self.first, best="0")
        self.assertEqual(self.said(self.first), (1, False))

    def test_every_run_has_its_own_best(self) -> None:
        again = make_run(self.alice, self.endpoint, status="done", text="Another").calls.get()
        self.vote(self.first, best="1")
        self.vote(again, best="1")
        self.assertEqual(self.said(self.first), (0, True))
        self.assertEqual(self.said(again), (0, True))

    def test_it_is_the_best_to_one_person_alone(self) -> None:
        Vote.objects.create(call=self.second, user=self.bob, is_best=True)
        self.assertEqual(self.said(self.second), (None, False))
        self.vote(self.first, best="1")
        self.assertTrue(Vote.objects.get(user=self.bob).is_best)

    def test_an_earlier_attempt_keeps_its_votes(self) -> None:
        self.vote(self.first, value="-1")
        again = make_call(
            self.run_, self.endpoint, position=0, attempt=2, status="done", text="Better"
        )
        self.assertEqual(self.said(again), (None, False))
        self.vote(again, value="1")
        self.assertEqual(self.said(self.first), (-1, False))

    def test_the_table_takes_no_second_vote_and_none_that_says_nothing(self) -> None:
        self.vote(value="1")
        for fields in (
            {"call": self.first, "value": -1},
            {"call": self.second},
            {"call": self.second, "value": 2},
        ):
            with self.subTest(**fields), self.assertRaises(IntegrityError), transaction.atomic():
                Vote.objects.create(user=self.alice, **fields)


class ShownTests(VotingTestCase):
    """The controls, on the run's page and on the playground."""

    def button(self, page: str, name: str) -> str:
        return page.split(f'id="{name}"')[1].split(">")[0]

    def test_the_page_shows_what_one_said(self) -> None:
        self.vote(self.first, value="1")
        self.vote(self.second, best="1")
        page = self.client.get(f"/runs/{self.run_.pk}/").text
        for name, is_pressed in {
            "col-a-up": True,
            "col-a-down": False,
            "col-a-best": False,
            "col-b-up": False,
            "col-b-best": True,
        }.items():
            self.assertIn(f'aria-pressed="{str(is_pressed).lower()}"', self.button(page, name))
            self.assertNotIn("disabled", self.button(page, name))
        self.assertIn('aria-label="A: good answer"', self.button(page, "col-a-up"))
        self.assertIn('data-voted="up "', page)
        self.assertEqual(page.count("is-chosen"), 1)

    def test_what_has_no_answer_yet_has_no_vote(self) -> None:
        going = make_run(self.alice, self.endpoint, status="streaming", text="So far")
        page = self.client.get(f"/runs/{going.pk}/").text
        for name in ("col-a-up", "col-a-down", "col-a-best"):
            self.assertIn("disabled", self.button(page, name))

    def test_votes_cost_no_queries(self) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                self.client.get(f"/runs/{self.run_.pk}/")
            return len(captured)

        queries()  # the first page of a person makes their draft
        before = queries()
        for position in range(2, 8):
            call = make_call(
                self.run_, self.endpoint, position=position, status="done", text="An answer"
            )
            voting.vote(self.alice, call, voting.UP)
        self.assertEqual(queries(), before)
