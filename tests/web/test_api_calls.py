"""Calls through the API: read, stop, retry."""

from playground.models import Call, Membership
from tests.api import ApiTestCase
from tests.make import make_endpoint, make_run

PRODUCT_FIELDS = {
    "id",
    "run",
    "letter",
    "endpoint",
    "status",
    "text",
    "error",
    "finish_reason",
    "usage",
    "cost",
    "queued_ms",
    "cold_ms",
    "ttft_ms",
    "latency_ms",
    "tokens_per_s",
    "request",
    "response",
}


class CallTests(ApiTestCase):
    def test_a_done_call_tells_everything(self):
        endpoint = make_endpoint(self.alice)
        run = make_run(
            self.alice,
            endpoint,
            status="done",
            text="Fine.",
            usage={"input_tokens": 4, "output_tokens": 20},
            finish_reason="stop",
            ttft_ms=100,
            latency_ms=600,
            request={"method": "POST"},
            response={"status": 200},
        )
        call = self.read(run.calls.get())
        self.assertLessEqual(PRODUCT_FIELDS, set(call))
        expected = {
            "run": str(run.pk),
            "letter": "A",
            "attempt": 1,
            "repetition": 1,
            "endpoint": str(endpoint.pk),
            "endpoint_name": "echo",
            "status": "done",
            "text": "Fine.",
            "error": None,
            "usage": {"input_tokens": 4, "output_tokens": 20},
            "cost": None,
            "cold_ms": None,
            "ttft_ms": 100,
            "latency_ms": 600,
            "tokens_per_s": 40.0,
            "request": {"method": "POST"},
            "response": {"status": 200},
        }
        self.assertEqual({name: call[name] for name in expected}, expected)
        self.assertIsInstance(call["queued_ms"], int)

    def test_a_failed_call_says_why_and_keeps_its_text(self):
        error = {"kind": "upstream", "message": "It failed.", "hint": "Retry."}
        run = make_run(
            self.alice,
            make_endpoint(self.alice),
            status="failed",
            text="half",
            error=error | {"upstream_status": 500},
        )
        call = self.read(run.calls.get())
        self.assertEqual(call["error"], error | {"upstream_status": 500})
        self.assertEqual(call["text"], "half")
        run.calls.update(error=error)
        self.assertEqual(self.read(run.calls.get())["error"], error)

    def test_what_is_unknown_is_null(self):
        run = make_run(self.alice, make_endpoint(self.alice), status="streaming", text="so far")
        call = self.read(run.calls.get())
        for name in ("usage", "ttft_ms", "latency_ms", "tokens_per_s", "request", "finish_reason"):
            self.assertIsNone(call[name], name)
        run.calls.update(usage={"output_tokens": 3})
        self.assertEqual(
            self.read(run.calls.get())["usage"], {"input_tokens": None, "output_tokens": 3}
        )

    def test_calls_are_their_owners_alone(self):
        run = make_run(self.alice, make_endpoint(self.alice, team=self.team), status="done")
        path = f"/calls/{run.calls.get().pk}"
        for user in (self.bob, self.charlie):
            for method, below in (("GET", ""), ("POST", "/stop"), ("POST", "/retry")):
                with self.subTest(f"{user.username} {below}"):
                    response = self.api(user, method, path + below)
                    self.assert_error(response, 404, "not_found", says="No such call")
        self.assertEqual(run.calls.count(), 1)

    def read(self, call: Call) -> dict:
        return self.ok(self.api(self.alice, "GET", f"/calls/{call.pk}"))


class CallStopTests(ApiTestCase):
    def test_a_queued_call_stops_without_a_worker(self):
        run = make_run(self.alice, make_endpoint(self.alice))
        call = self.stop(run.calls.get())
        self.assertEqual(call["status"], "stopped")

    def test_a_streaming_call_is_asked_to_stop(self):
        run = make_run(self.alice, make_endpoint(self.alice), status="streaming", worker="w!1")
        self.assertEqual(self.stop(run.calls.get())["status"], "streaming")
        self.assertTrue(run.calls.get().is_stop_asked)

    def test_stopping_what_is_over_changes_nothing(self):
        run = make_run(self.alice, make_endpoint(self.alice), status="done", text="all of it")
        call = self.stop(run.calls.get())
        self.assertEqual((call["status"], call["text"]), ("done", "all of it"))

    def stop(self, call: Call) -> dict:
        return self.ok(self.api(self.alice, "POST", f"/calls/{call.pk}/stop"))


class CallRetryTests(ApiTestCase):
    def test_retry_is_a_new_call_and_keeps_the_old_one(self):
        run = make_run(self.alice, make_endpoint(self.alice), status="failed", text="half")
        old = run.calls.get()
        new = self.ok(self.retry(self.alice, old), 201)
        self.assertEqual((new["attempt"], new["letter"], new["status"]), (2, "A", "queued"))
        self.assertEqual(new["run"], str(run.pk))
        calls = self.ok(self.api(self.alice, "GET", f"/runs/{run.pk}"))["calls"]
        self.assertEqual([c["id"] for c in calls], [str(old.pk), new["id"]])
        self.assertEqual(calls[0]["text"], "half")

    def test_a_call_that_still_goes_is_a_409(self):
        run = make_run(self.alice, make_endpoint(self.alice), status="streaming")
        self.assert_error(self.retry(self.alice, run.calls.get()), 409, "conflict", says="Stop it")

    def test_a_second_retry_at_once_is_a_409(self):
        call = make_run(self.alice, make_endpoint(self.alice), status="failed").calls.get()
        self.ok(self.retry(self.alice, call), 201)
        self.assert_error(self.retry(self.alice, call), 409, "conflict")

    def test_a_deleted_endpoint_is_a_422(self):
        endpoint = make_endpoint(self.alice)
        call = make_run(self.alice, endpoint, status="failed").calls.get()
        endpoint.delete()
        response = self.retry(self.alice, call)
        self.assert_error(response, 422, "invalid", field="endpoint", says="deleted")

    def test_who_lost_the_right_to_run_may_not_retry(self):
        endpoint = make_endpoint(self.alice, team=self.team)
        call = make_run(self.bob, endpoint, status="failed").calls.get()
        Membership.objects.filter(user=self.bob).update(role=Membership.Role.VIEWER)
        self.assert_error(self.retry(self.bob, call), 403, "forbidden", says="role")
        Membership.objects.filter(user=self.bob).delete()
        self.assert_error(self.retry(self.bob, call), 403, "forbidden", says="role")

    def retry(self, user, call: Call):
        return self.api(user, "POST", f"/calls/{call.pk}/retry")
