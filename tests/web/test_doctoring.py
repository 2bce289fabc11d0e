"""The request doctor: what was refused, sending without it, and what is remembered of it."""

from playground import drafting, running
from playground.models import Call, Draft, Endpoint
from tests.api import ApiTestCase
from tests.make import make_endpoint, make_run

HTMX = {"HTTP_HX_REQUEST": "true"}


def refusal(field: str) -> dict:
    return {"kind": "bad_request", "message": "Unknown field.", "hint": "Leave it.", "field": field}


class DoctorTests(ApiTestCase):
    def setUp(self):
        self.log_in(self.alice)
        self.endpoint = make_endpoint(self.alice, name="picky", params={"top_k": 3}, stop=["."])
        run = make_run(self.alice, self.endpoint, overrides={"seed": 7, "temperature": 0.5})
        self.call = run.calls.get()
        drafting.choose_columns(drafting.draft_of(self.alice), [self.endpoint])
        Draft.objects.update(run=run)

    def end(self, call: Call, **result) -> Call:
        """As a worker does."""
        Call.objects.filter(pk=call.pk).update(status="waiting", worker="w")
        call = Call.objects.get(pk=call.pk)
        for name, value in result.items():
            setattr(call, name, value)
        self.assertTrue(running.end_call("w", call))
        return Call.objects.get(pk=call.pk)

    def refuse(self, field: str) -> Call:
        return self.end(self.call, status="failed", error=refusal(field))

    def remembered(self) -> set[str]:
        return set(Endpoint.objects.get().refused)

    def test_the_column_offers_to_send_without_the_field(self):
        self.refuse("seed")
        self.assertContains(self.client.get("/"), "Send without seed")
        card = self.client.post(f"/calls/{self.call.pk}/retry/?without=seed", **HTMX)
        again = Call.objects.get(attempt=2)
        self.assertEqual(again.params, {"top_k": 3, "temperature": 0.5})
        self.assertContains(card, "without seed")

    def test_a_field_of_the_endpoint_and_stop_are_left_out_too_and_stay_out(self):
        for field, left in (("params.top_k", "top_k"), ("stop", "stop")):
            call = self.refuse(field)
            call = running.retry_call(self.alice, call, [left])
            call = self.end(call, status="failed", error={"kind": "timeout"})
            call = running.retry_call(self.alice, call)
            self.assertEqual(call.without, [left])
            self.assertNotIn("top_k" if left == "top_k" else "stop", {*call.params, *call.stop})
            Call.objects.filter(attempt__gt=1).delete()
        self.assertEqual(call.stop, [])

    def test_what_was_not_sent_is_not_offered(self):
        for field in ("messages", "top_p", "", None, 7):
            with self.subTest(field):
                self.refuse(field)
                self.assertNotContains(self.client.get("/"), "Send without")
        self.assertEqual(self.remembered(), set())
        answer = self.client.post(f"/calls/{self.call.pk}/retry/?without=top_p", **HTMX)
        self.assertContains(answer, "was not sent", status_code=422)

    def test_it_is_remembered_until_it_is_taken_or_the_endpoint_changes(self):
        self.refuse("seed")
        self.assertEqual(self.remembered(), {"seed"})
        self.assertContains(self.client.get(f"/endpoints/{self.endpoint.pk}/"), "Refused fields")
        Draft.objects.update(run=None)
        self.assertContains(self.client.get("/"), "It refused <code>seed</code>", html=False)

        self.end(self.call, status="done", error=None)
        self.assertEqual(self.remembered(), set())
        self.refuse("seed")
        form = {"name": "picky", "kind": "driver", "url": "http://127.0.0.1:7779/"}
        changed = self.api(self.alice, "PATCH", f"/endpoints/{self.endpoint.pk}", form)
        self.assertEqual(changed.json()["refused"], {})

    def test_a_field_may_be_called_as_it_likes(self):
        params = {"items": 3, "keys": 1}
        Endpoint.objects.update(params=params, refused=dict.fromkeys(params, "2026-11-21"))
        Call.objects.update(overrides=params)
        Draft.objects.update(run=None)
        for path in ("/", f"/endpoints/{self.endpoint.pk}/", f"/runs/{self.call.run_id}/"):
            self.assertContains(self.client.get(path), "items")
        Endpoint.objects.update(team=self.team)
        self.log_in(self.bob)
        self.assertContains(self.client.get(f"/endpoints/{self.endpoint.pk}/"), "items")

    def test_by_the_api(self):
        self.refuse("seed")
        answer = self.api(self.alice, "POST", f"/calls/{self.call.pk}/retry?without=seed")
        self.assertEqual((answer.status_code, answer.json()["without"]), (201, ["seed"]))
        seen = self.api(self.alice, "GET", f"/endpoints/{self.endpoint.pk}").json()
        self.assertEqual(set(seen["refused"]), {"seed"})
