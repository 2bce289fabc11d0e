"""Runs through the API: start, read, list, stop."""

import json
import uuid
from datetime import timedelta

from django.test import override_settings
from django.utils import timezone

from playground import searching
from playground.models import Call, Run
from tests.api import ApiTestCase
from tests.make import make_endpoint, make_run

CALL_CARD = {
    "thread",
    "without",
    "id",
    "run",
    "letter",
    "repetition",
    "attempt",
    "endpoint",
    "endpoint_name",
    "status",
    "text",
    "reasoning",
    "tool_calls",
    "choices",
    "vector",
    "vectors",
    "custom_outputs",
    "error",
    "finish_reason",
    "vote",
    "usage",
    "cost",
    "cost_is_estimate",
    "queued_ms",
    "cold_ms",
    "ttft_ms",
    "latency_ms",
    "tokens_per_s",
    "created_at",
}
ANSWER = {"text", "reasoning", "tool_calls", "choices", "vector", "vectors", "custom_outputs"}
ANSWER |= {"error", "finish_reason", "thread", "without", "vote"}


class RunTestCase(ApiTestCase):
    def start(self, user, body):
        return self.api(user, "POST", "/runs", body)


class RunStartTests(RunTestCase):
    def setUp(self):
        self.echo = make_endpoint(self.alice, name="echo", params={"temperature": 0.5}, stop=["."])
        self.poet = make_endpoint(self.alice, name="poet", team=self.team)

    def test_a_prompt_goes_to_every_variant(self):
        body = {
            "prompt": "你好吗？",
            "variants": [
                {"endpoint": "echo", "params": {"max_tokens": 9}, "stop": []},
                {"endpoint": str(self.poet.pk), "repetitions": 2},
            ],
        }
        run = self.ok(self.start(self.alice, body), 201)
        self.assertLessEqual({"id", "url", "status", "calls"}, set(run))
        self.assertEqual(run["url"], f"http://testserver/runs/{run['id']}/")
        self.assertEqual(run["status"], "running")
        self.assertEqual(run["messages"], [{"role": "user", "content": "你好吗？"}])
        self.assertEqual(
            [(c["letter"], c["repetition"], c["endpoint_name"]) for c in run["calls"]],
            [("A", 1, "echo"), ("B", 1, "poet"), ("B", 2, "poet")],
        )
        self.assertEqual(set(run["calls"][0]), CALL_CARD)
        self.assertEqual({c["status"] for c in run["calls"]}, {"queued"})
        self.assertEqual(self.ok(self.api(self.alice, "GET", f"/runs/{run['id']}")), run)
        first = Call.objects.get(pk=run["calls"][0]["id"])
        self.assertEqual((first.params, first.stop), ({"temperature": 0.5, "max_tokens": 9}, []))

    def test_messages_and_variables(self):
        body = {
            "messages": [
                {"role": "system", "content": "Be {{mood}}."},
                {"role": "user", "content": "Hello {{name}}, {{unknown}}"},
            ],
            "variables": {"mood": "brief", "name": "{{mood}}"},
            "variants": [{"endpoint": "echo"}],
        }
        run = self.ok(self.start(self.alice, body), 201)
        self.assertEqual(
            [m["content"] for m in run["messages"]], ["Be brief.", "Hello {{mood}}, {{unknown}}"]
        )

    def test_an_own_name_comes_before_a_shared_one(self):
        mine = make_endpoint(self.bob, name="poet")
        body = {"prompt": "hi", "variants": [{"endpoint": "poet"}]}
        run = self.ok(self.start(self.bob, body), 201)
        self.assertEqual(run["calls"][0]["endpoint"], str(mine.pk))
        mine.delete()
        run = self.ok(self.start(self.bob, body), 201)
        self.assertEqual(run["calls"][0]["endpoint"], str(self.poet.pk))

    def test_the_same_key_is_the_same_run(self):
        body = {"prompt": "hi", "variants": [{"endpoint": "echo"}], "idempotency_key": "k1"}
        first = self.ok(self.start(self.alice, body), 201)
        self.assertEqual(self.ok(self.start(self.alice, body), 201), first)
        self.assertEqual((Run.objects.count(), Call.objects.count()), (1, 1))
        other = self.start(self.alice, body | {"prompt": "something else"})
        self.assert_error(other, 409, "conflict", says="key")
        theirs = self.ok(self.start(self.bob, body | {"variants": [{"endpoint": "poet"}]}), 201)
        self.assertNotEqual(theirs["id"], first["id"])

    def test_bad_input_names_the_field_and_starts_nothing(self):
        variants = [{"endpoint": "echo"}]
        for body, field, says in (
            ({"variants": variants}, "prompt", "either"),
            ({"prompt": "a", "messages": [], "variants": variants}, "prompt", "either"),
            ({"prompt": "", "variants": variants}, "prompt", "empty"),
            ({"prompt": " \n\t", "variants": variants}, "prompt", "empty"),
            ({"prompt": 7, "variants": variants}, "prompt", "text"),
            ({"prompt": ["a", "b"], "variants": variants}, "prompt", "text"),
            ({"prompt": {"a": 1}, "variants": variants}, "prompt", "text"),
            ({"messages": [], "variants": variants}, "messages", "message"),
            ({"messages": "a", "variants": variants}, "messages", "list"),
            ({"messages": [7], "variants": variants}, "messages.0", "object"),
            (
                {"messages": [{"role": "user"}], "variants": variants},
                "messages.0.content",
                "needs a content",
            ),
            (
                {"messages": [{"role": "x", "content": "a"}], "variants": variants},
                "messages",
                "role",
            ),
            ({"prompt": "a"}, "variants", "missing"),
            ({"prompt": "a", "variants": []}, "variants", "at least one"),
            ({"prompt": "a", "variants": variants * 51}, "variants", "at most 50"),
            (
                {"prompt": "a", "variants": [{"endpoint": "echo", "repetitions": 51}]},
                "variants",
                "",
            ),
            ({"prompt": "a", "variants": [{"endpoint": "echo", "repetitions": 0}]}, "variants", ""),
            (
                {"prompt": "a", "variants": [{"endpoint": "echo", "repetitions": 10}] * 6},
                "variants",
                "at most 50",
            ),
            ({"prompt": "a", "variants": "echo"}, "variants", "list"),
            ({"prompt": "a", "variants": [{}]}, "variants.0.endpoint", "missing"),
            ({"prompt": "a", "variants": [{"endpoint": 7}]}, "variants.0.endpoint", "text"),
            (
                {"prompt": "a", "variants": [*variants, {"endpoint": "nobody"}]},
                "variants.1.endpoint",
                "nobody",
            ),
            (
                {"prompt": "a", "variants": [{"endpoint": "../../api/2.0/token/create#"}]},
                "variants.0.endpoint",
                "no endpoint",
            ),
            (
                {"prompt": "a", "variants": [{"endpoint": str(uuid.uuid4())}]},
                "variants.0.endpoint",
                "",
            ),
            (
                {"prompt": "a", "variants": [{"endpoint": "echo", "params": "x"}]},
                "variants.0.params",
                "object",
            ),
            (
                {"prompt": "a", "variants": [{"endpoint": "echo", "params": {"stop": "x"}}]},
                "params",
                "stop",
            ),
            (
                {"prompt": "a", "variants": [{"endpoint": "echo", "stop": "."}]},
                "variants.0.stop",
                "",
            ),
            ({"prompt": "a", "variants": [{"endpoint": "echo", "stop": [""]}]}, "stop", ""),
            (
                {"prompt": "a", "variants": [{"endpoint": "echo", "repetitions": "2"}]},
                "variants.0.repetitions",
                "whole number",
            ),
            ({"prompt": "a", "variants": [{"endpoint": "echo", "url": "x"}]}, "variants.0.url", ""),
            ({"prompt": "a", "variants": variants, "variables": {"a": 1}}, "variables.a", "text"),
            ({"prompt": "a", "variants": variants, "team": "Acme"}, "team", ""),
            (
                {"prompt": "a", "variants": variants, "idempotency_key": "k" * 101},
                "idempotency_key",
                "",
            ),
        ):
            with self.subTest(json.dumps(body)[:80]):
                response = self.start(self.alice, body)
                self.assert_error(response, 422, "invalid", field=field, says=says)
        self.assertFalse(Run.objects.exists())

    def test_a_prompt_of_a_megabyte_is_too_large(self):
        variants = [{"endpoint": "echo"}]
        response = self.start(self.alice, {"prompt": "x" * 2**20, "variants": variants})
        self.assert_error(response, 413, "too_large", field="prompt", says="1,024 KB")
        response = self.start(self.alice, {"prompt": "x" * 2**22, "variants": variants})
        self.assert_error(response, 413, "too_large")
        self.assertFalse(Run.objects.exists())

    def test_somebody_elses_endpoint_does_not_exist(self):
        for asked in ("echo", str(self.echo.pk), "poet", str(self.poet.pk)):
            with self.subTest(asked):
                body = {"prompt": "hi", "variants": [{"endpoint": asked}]}
                response = self.start(self.charlie, body)
                self.assert_error(response, 422, "invalid", field="variants.0.endpoint")

    def test_a_viewer_may_not_run(self):
        body = {"prompt": "hi", "variants": [{"endpoint": "poet"}]}
        self.assert_error(self.start(self.vera, body), 403, "forbidden", says="role")
        self.assertFalse(Run.objects.exists())

    def test_the_bell_rings_when_the_run_is_stored(self):
        body = {"prompt": "hi", "variants": [{"endpoint": "echo"}]}
        with self.captureOnCommitCallbacks() as callbacks:
            self.ok(self.start(self.alice, body), 201)
        self.assertEqual(len(callbacks), 1)


class RunReadTests(RunTestCase):
    def test_runs_are_their_owners_alone(self):
        run = make_run(self.alice, make_endpoint(self.alice, team=self.team))
        for user in (self.bob, self.charlie):
            for method, below in (("GET", ""), ("GET", "/events"), ("POST", "/stop")):
                with self.subTest(f"{user.username} {method} {below}"):
                    response = self.api(user, method, f"/runs/{run.pk}{below}")
                    self.assert_error(response, 404, "not_found", says="No such run")
            self.assertEqual(self.ok(self.api(user, "GET", "/runs"))["items"], [])

    def test_missing_and_foreign_answer_the_same(self):
        run = make_run(self.alice, make_endpoint(self.alice))
        foreign = self.api(self.charlie, "GET", f"/runs/{run.pk}")
        missing = self.api(self.charlie, "GET", f"/runs/{uuid.uuid4()}")
        self.assertEqual(foreign.content, missing.content)

    def test_text_comes_back_code_point_for_code_point(self):
        text = '你好吗？ 👩‍👩‍👧 é e\u0301 \u2028 <script>alert("1")</script>\n\ttail '
        run = make_run(self.alice, make_endpoint(self.alice), status="done", text=text)
        self.assertEqual(
            self.ok(self.api(self.alice, "GET", f"/runs/{run.pk}"))["calls"][0]["text"], text
        )

    def test_stop_stops_what_still_goes(self):
        endpoint = make_endpoint(self.alice)
        run = make_run(self.alice, endpoint, endpoint, status="queued")
        run.calls.filter(position=1).update(status="done", text="ready")
        stopped = self.ok(self.api(self.alice, "POST", f"/runs/{run.pk}/stop"))
        self.assertEqual([c["status"] for c in stopped["calls"]], ["stopped", "done"])
        self.assertEqual(stopped["status"], "ended")
        self.ok(self.api(self.alice, "POST", f"/runs/{run.pk}/stop"))


class RunListTests(RunTestCase):
    def test_newest_first_in_pages_that_new_runs_do_not_shift(self):
        endpoint = make_endpoint(self.alice)
        made = [str(make_run(self.alice, endpoint).pk) for _ in range(5)]
        page = self.ok(self.api(self.alice, "GET", "/runs?limit=2"))
        seen = [run["id"] for run in page["items"]]
        make_run(self.alice, endpoint)
        while page["next"]:
            page = self.ok(self.api(self.alice, "GET", f"/runs?limit=2&cursor={page['next']}"))
            seen += [run["id"] for run in page["items"]]
        self.assertEqual(seen, made[::-1])

    def test_runs_of_one_moment_are_not_lost_between_pages(self):
        endpoint = make_endpoint(self.alice)
        made = {str(make_run(self.alice, endpoint).pk) for _ in range(5)}
        Run.objects.update(created_at=timezone.now())
        searching.index_all(Run.objects.all())
        page, seen = {"next": ""}, []
        while page["next"] is not None:
            page = self.ok(self.api(self.alice, "GET", f"/runs?limit=1&cursor={page['next']}"))
            seen += [run["id"] for run in page["items"]]
        self.assertEqual((len(seen), set(seen)), (5, made))

    def test_items_are_light(self):
        make_run(self.alice, make_endpoint(self.alice), status="done", text="long", request={})
        item = self.ok(self.api(self.alice, "GET", "/runs"))["items"][0]
        facts = {"id", "url", "status", "title", "created_at", "calls", "author", "tags", "team"}
        self.assertEqual(set(item), facts)
        self.assertEqual(set(item["calls"][0]), CALL_CARD - ANSWER)

    def test_the_number_of_queries_does_not_grow_with_the_runs(self):
        endpoint = make_endpoint(self.alice)
        for _ in range(10):
            make_run(self.alice, endpoint, endpoint)
        self.log_in(self.alice)
        # any account at all? session, person, teams, the index, runs, calls
        with self.assertNumQueries(7):
            self.client.get("/api/v1/runs")

    def test_filters(self):
        echo, poet = make_endpoint(self.alice), make_endpoint(self.alice, name="poet")
        done = str(make_run(self.alice, echo, status="done").pk)
        failed = str(make_run(self.alice, poet, status="failed").pk)
        going = str(make_run(self.alice, echo, poet).pk)
        old = make_run(self.alice, poet, status="done")
        Run.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=9))
        searching.index_run(Run.objects.get(pk=old.pk))
        since = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for query, found in (
            ("endpoint=echo", [going, done]),
            (f"endpoint={poet.pk}", [going, failed, str(old.pk)]),
            ("endpoint=nobody", []),
            ("status=running", [going]),
            ("status=ended", [failed, done, str(old.pk)]),
            ("status=failed", [failed]),
            (f"since={since}", [going, failed, done]),
            (f"until={since}", [str(old.pk)]),
            (f"until={since}&status=failed", []),
            ("author=alice", [going, failed, done, str(old.pk)]),
            ("author=bob", []),
            ("q=echo", [going, done]),
            ("q=how+are&status=failed", [failed]),
            ("tag=none", []),
            ("vote=up", []),
            ("cost=0.01", []),
        ):
            with self.subTest(query):
                items = self.ok(self.api(self.alice, "GET", f"/runs?{query}"))["items"]
                self.assertEqual([run["id"] for run in items], found)

    def test_bad_queries_name_the_parameter(self):
        for query, field in (
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=many", "limit"),
            ("cursor=nonsense", "cursor"),
            ("cursor=W10", "cursor"),
            ("cursor=é", "cursor"),
            ("status=tired", "status"),
            ("since=yesterday", "since"),
            ("stauts=done", "stauts"),
        ):
            with self.subTest(query):
                response = self.api(self.alice, "GET", f"/runs?{query}")
                self.assert_error(response, 422, "invalid", field=field)


class InternalErrorTests(RunTestCase):
    @override_settings(MAX_PROMPT_BYTES="broken on purpose")
    def test_what_nobody_foresaw_is_logged_and_told_without_details(self):
        make_endpoint(self.alice)
        with (
            self.assertLogs("playground.api.errors", "ERROR") as logs,
            self.assertLogs("django.request", "ERROR"),
        ):
            response = self.start(self.alice, {"prompt": "a", "variants": [{"endpoint": "echo"}]})
        self.assert_error(response, 500, "internal")
        self.assertNotIn("broken", response.content.decode())
        self.assertIn("TypeError", logs.output[0])
