"""Hostile transforms, at every door: each is contained, and the server goes on as before."""

import os
import resource
import sys
import time
import unittest
from pathlib import Path

from django.test import tag

from endpoints.errors import EndpointError, TransformFailed
from playground import connecting, running, transforming
from playground.asking import prompt_of
from playground.models import Endpoint
from playground.sandbox import MAX_MESSAGE, MAX_PRINTED, SandboxError, sandbox
from tests.attacks.transform_snippets import SNIPPETS
from tests.base import WebTestCase
from tests.make import make_endpoint, make_run

MOST_S = 1.5
MOST_GROWTH_MB = 50
IDENTITY = "def transform_input(**request):\n    return request"
# A few of every group, none of which takes its full time: for doors that all lead to the same room.
QUICK = [each for each in SNIPPETS if "limit" not in each.ends][::6]
SLOW = next(each for each in SNIPPETS if each.id == "TRANSFORM-002")


@tag("attacks")
class SandboxAttackTests(unittest.TestCase):
    def test_there_are_enough_and_every_one_has_its_id(self):
        ids = [snippet.id for snippet in SNIPPETS]
        self.assertGreaterEqual(len(ids), 150)
        self.assertEqual(ids, [f"TRANSFORM-{number:03d}" for number in range(1, len(ids) + 1)])

    def test_every_one_is_contained(self):
        """An error, a limit or a harmless value, within 1.5 s, and no memory of ours is lost."""
        sandbox.call(IDENTITY, "transform_input", {}, whose="a", spread=True)
        before_mb, slowest = resident_mb(), (0.0, "")
        for snippet in SNIPPETS:
            with self.subTest(id=snippet.id, what=snippet.what):
                began = time.monotonic()
                end = self.end_of(snippet.source)
                took = time.monotonic() - began
                slowest = max(slowest, (took, snippet.id))
                self.assertIn(end, snippet.ends)
                self.assertLess(took, MOST_S)
        grown_mb = resident_mb() - before_mb
        words = (
            f"slowest {slowest[1]} {slowest[0]:.2f} s, memory {before_mb:.0f} MB +{grown_mb:.0f}"
        )
        self.assertLess(grown_mb, MOST_GROWTH_MB, words)
        if os.environ.get("SHOW_ATTACKS"):
            print(f"\n{len(SNIPPETS)} snippets: {words} MB", file=sys.stderr)
        # And it answers as before.
        made = sandbox.call(IDENTITY, "transform_input", {"a": 1}, whose="a", spread=True)
        self.assertEqual(made.value, {"a": 1})

    def end_of(self, source: str) -> str:
        try:
            made = sandbox.call(source, "transform_input", {"prompt": "Hi"}, whose="a", spread=True)
        except SandboxError as error:
            self.assertLessEqual(len(error.message), MAX_MESSAGE)
            self.assertLessEqual(len(error.printed.encode()), MAX_PRINTED)
            self.assertTrue(error.message.isprintable())
            if error.line is not None:
                self.assertLessEqual(error.line, source.count("\n") + source.count("\r") + 1)
            return error.kind
        self.assertLessEqual(len(made.printed.encode()), MAX_PRINTED)
        return "harmless"

    def test_nothing_was_touched(self):
        """What the snippets name to write or remove."""
        marker = Path("/tmp/x")
        if marker.exists():
            self.skipTest("/tmp/x belongs to somebody else")
        for snippet in SNIPPETS:
            if "/tmp/x" in snippet.source:
                self.end_of(snippet.source)
        self.assertFalse(marker.exists())


@tag("attacks")
class DoorTests(WebTestCase):
    """The form, the API, the editor's “Try it”, a row changed by hand: none runs it out here."""

    def setUp(self):
        self.log_in(self.alice)

    def form(self, source: str) -> dict:
        return {
            "kind": "driver", "name": "hostile", "url": "http://127.0.0.1:7777/",
            "task": "custom", "transform_input": source,
        }  # fmt: skip

    def test_the_form_saves_none_that_cannot_be_read(self):
        for snippet in (*QUICK, SLOW):
            with self.subTest(id=snippet.id):
                answer = self.client.post("/endpoints/new/", self.form(snippet.source))
                self.assertIn(answer.status_code, (302, 422))
                if answer.status_code == 422 and snippet.source.strip():
                    self.assertContains(answer, "id_transform_input_error", status_code=422)
                Endpoint.objects.all().delete()

    def test_the_api_names_the_field(self):
        for snippet in (*QUICK, SLOW):
            if "\0" in snippet.source:
                continue  # no such text is read at all
            with self.subTest(id=snippet.id):
                body = {"name": "hostile", "kind": "driver", "url": "http://127.0.0.1:7777/"}
                body |= {"transform_input": snippet.source}
                answer = self.client.post("/api/v1/endpoints", body, "application/json")
                self.assertIn(answer.status_code, (201, 422), answer.content)
                if answer.status_code == 422:
                    self.assertEqual(answer.json()["error"]["field"], "transform_input")
                Endpoint.objects.all().delete()

    def test_try_it_shows_what_happened_escaped(self):
        for snippet in (*QUICK, SLOW):
            with self.subTest(id=snippet.id):
                answer = self.client.post(
                    "/endpoints/transforms/try/",
                    self.form(snippet.source),
                    headers={"HX-Request": "true"},
                )
                self.assertEqual(answer.status_code, 200)
                self.assertNotContains(answer, "<script>")

    def test_a_row_changed_by_hand_runs_for_nobody_who_has_not_read_it(self):
        endpoint = make_endpoint(self.alice, team=self.team)
        Endpoint.objects.update(transform_input=IDENTITY)
        endpoint.refresh_from_db()
        for user in (self.alice, self.bob):
            with self.assertRaises(transforming.Unconfirmed):
                running.start_run(
                    user, [{"role": "user", "content": "Hi"}], [running.Variant(endpoint)]
                )
            run = make_run(user, endpoint)  # as a row, too
            with self.assertRaises(EndpointError) as caught:
                connecting.client_for_call(run.calls.get())
            self.assertEqual(caught.exception.kind, "forbidden")

    def test_a_row_changed_by_hand_is_contained_when_it_runs(self):
        endpoint = make_endpoint(self.alice)
        for snippet in (*QUICK, SLOW):
            if not snippet.source.strip() or "\0" in snippet.source:
                continue  # no transform, or nothing that PostgreSQL stores
            with self.subTest(id=snippet.id):
                Endpoint.objects.update(transform_input=snippet.source, limit_hits=0)
                endpoint.refresh_from_db()
                transforming.confirm(self.alice, endpoint, endpoint.transforms_fingerprint)
                call = make_run(self.alice, endpoint).calls.get()
                client = connecting.client_for_call(call)
                try:
                    client.plan(prompt_of(call))
                except TransformFailed as error:
                    self.assertEqual(error.kind, "transform_input")

    def test_hostile_answers_reach_a_transform_as_values_only(self):
        source = "def transform_output(response):\n    return str(len(str(response)))"
        endpoint = make_endpoint(self.alice, transform_output=source)
        transforming.confirm(self.alice, endpoint, endpoint.transforms_fingerprint)
        functions = transforming.functions_for(self.alice, endpoint, endpoint.config())
        deep = []
        for _ in range(400):
            deep = [deep]
        for answer in (
            "x" * 2_000_000,
            {"__class__": "x", "__reduce__": ["os.system", "id"], "lc": 1},
            [[[]] * 1000] * 100,
            deep,
            10**4000,
            "\ud800",
            '"""\n\nimport os\nos.system("id")\n"""',
            "_pg_arg = 1",
            {"'''": '"""', "\\": "\\", "\n": "\r\n\u2028"},
        ):
            try:
                self.assertTrue(functions["transform_output"](answer).isdigit())
            except TransformFailed as error:
                self.assertIn(error.reason, ("too_large", "error"))


def resident_mb() -> float:
    """What this process holds now; where the system does not say, the most it ever held."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
