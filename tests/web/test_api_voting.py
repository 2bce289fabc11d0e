"""PUT /calls/{id}/vote: what one says of an answer, and where the API tells it again."""

from playground.models import ApiToken, Vote
from tests.api import ApiTestCase
from tests.make import make_endpoint, make_run


class ApiVotingTests(ApiTestCase):
    def setUp(self) -> None:
        endpoint = make_endpoint(self.alice)
        self.run_ = make_run(self.alice, endpoint, endpoint, status="done", text="An answer")
        self.first, self.second = self.run_.calls.all()

    def vote(self, body, call=None, user=None):
        path = f"/calls/{(call or self.first).pk}/vote"
        return self.api(user or self.alice, "PUT", path, body)

    def test_it_answers_the_call_with_the_vote(self) -> None:
        self.assertIsNone(self.ok(self.api(self.alice, "GET", f"/calls/{self.first.pk}"))["vote"])
        for body, vote in (
            ({"value": 1}, {"value": 1, "best": False}),
            ({"value": -1, "best": True}, {"value": -1, "best": True}),
            ({"value": 0}, {"value": 0, "best": True}),
            ({"value": 1, "best": None}, {"value": 1, "best": True}),
            ({"value": 0, "best": False}, None),
        ):
            with self.subTest(body):
                call = self.ok(self.vote(body))
                self.assertEqual(call["vote"], vote)
                self.assertEqual(call["text"], "An answer")
                path = f"/calls/{self.first.pk}"
                self.assertEqual(self.ok(self.api(self.alice, "GET", path)), call)
        self.assertFalse(Vote.objects.exists())

    def test_the_best_moves_and_the_run_tells_every_vote(self) -> None:
        self.vote({"value": 1, "best": True})
        self.vote({"value": -1, "best": True}, self.second)
        run = self.ok(self.api(self.alice, "GET", f"/runs/{self.run_.pk}"))
        votes = [call["vote"] for call in run["calls"]]
        self.assertEqual(votes, [{"value": 1, "best": False}, {"value": -1, "best": True}])

    def test_wrong_values_are_refused_by_name(self) -> None:
        for body, field in (
            ({"value": 2}, "value"),
            ({"value": True}, "value"),
            ({"value": "1"}, "value"),
            ({"value": None}, "value"),
            ({}, "value"),
            ({"best": True}, "value"),
            ({"value": 1, "best": 1}, "best"),
            ({"value": 1, "comment": "x"}, "comment"),
            ({"value": 1, "user": "bob"}, "user"),
        ):
            with self.subTest(body):
                self.assert_error(self.vote(body), 422, "invalid", field=field)
        self.assertFalse(Vote.objects.exists())

    def test_what_has_not_ended_or_has_no_answer_is_not_voted_on(self) -> None:
        endpoint = make_endpoint(self.alice, name="other")
        going = make_run(self.alice, endpoint, status="streaming", text="So far").calls.get()
        self.assert_error(self.vote({"value": 1}, going), 409, "conflict", says="still going")
        empty = make_run(self.alice, endpoint, status="failed").calls.get()
        refused = self.vote({"value": 1}, empty)
        self.assert_error(refused, 422, "invalid", field="call", says="no answer")

    def test_others_cannot(self) -> None:
        for user in (self.bob, self.vera, self.charlie):
            self.assert_error(self.vote({"value": 1}, user=user), 404, "not_found")
        self.assertFalse(Vote.objects.exists())

    def test_a_token_that_may_only_read_reads_the_vote_and_gives_none(self) -> None:
        self.vote({"value": 1})
        _, token = ApiToken.make(self.alice, "reader", scope=ApiToken.Scope.READ)
        headers = {"Authorization": f"Bearer {token}"}
        path = f"/api/v1/calls/{self.first.pk}"
        answer = self.client.get(path, headers=headers)
        self.assertEqual(self.ok(answer)["vote"], {"value": 1, "best": False})
        body = {"value": -1}
        refused = self.client.put(f"{path}/vote", body, "application/json", headers=headers)
        self.assert_error(refused, 403, "forbidden", says="may only read")
        self.assertEqual(Vote.objects.get().value, 1)
