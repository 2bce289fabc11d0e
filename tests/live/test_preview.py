"""What a preview shows is what goes over the wire; code for a call sends the same once more."""

import json
import os
import subprocess
import sys
from urllib.parse import urlsplit

from endpoints.outgoing import encoded
from tests.live.base import ALICE, LiveTestCase
from tests.upstream import Received

ENDPOINTS = ("chat", "dolly", "app", "direct", "bge")
PROMPT = 'How are you, {{who}}? 你好 "quoted" \u2028'


class PreviewTests(LiveTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        serving = {"kind": "serving", "workspace": cls.workspace, "serving_endpoint": "bge"}
        cls.site.api("POST", "/endpoints", {"name": "bge", "task": "embeddings"} | serving)
        cls.ids = {each["name"]: each["id"] for each in cls.site.api("GET", "/endpoints")["items"]}

    def asked(self, name: str) -> dict:
        """The prompt and the settings of one column; embeddings take no stop."""
        asked = {"params": {"temperature": 0.1, "beta": {"a": [1, None]}}, "stop": ["END", "\n"]}
        return {"params": {"dimensions": 8}} if name == "bge" else asked

    def preview(self, name: str) -> dict:
        body = {"prompt": PROMPT, "variables": {"who": name}} | self.asked(name)
        return self.site.api("POST", f"/endpoints/{self.ids[name]}/preview", body)["request"]

    def run_it(self, name: str) -> tuple[dict, Received]:
        """The call once it is over, and the one request that it was."""
        before = len(self.upstream.requests)
        variant = {"endpoint": name} | self.asked(name)
        run = self.site.start_run(PROMPT, variant, variables={"who": name})
        [call] = self.site.wait_for_run(run["id"])["calls"]
        self.assertEqual(call["status"], "done", call["error"])
        [received] = self.upstream.requests[before:]
        return call, received

    def test_the_preview_is_what_is_sent_to_the_byte(self):
        for name in ENDPOINTS:
            with self.subTest(name):
                before = len(self.upstream.requests)
                shown = self.preview(name)
                self.assertEqual(len(self.upstream.requests), before)
                call, sent = self.run_it(name)
                self.assertEqual(encoded(shown["body"]), sent.body)
                self.assertEqual(
                    (shown["method"], urlsplit(shown["url"]).path), ("POST", sent.path)
                )
                secret = shown["headers"].pop("Authorization", "Bearer")
                self.assertEqual(shown["headers"], {n: sent.headers[n] for n in shown["headers"]})
                self.assertEqual(secret.split()[0], "Bearer")
                self.assertNotIn(ALICE, json.dumps(shown) + secret)
                stored = self.site.api("GET", f"/calls/{call['id']}")["request"]
                self.assertEqual(encoded(stored["body"]), sent.body)

    def test_code_for_a_call_sends_its_body_again(self):
        for name in ENDPOINTS:
            call, sent = self.run_it(name)
            for format, command in (("curl", ["bash"]), ("requests", [sys.executable, "-"])):
                with self.subTest(f"{name}: {format}"):
                    path = f"/runs/{call['run']}/code?call={call['id']}&format={format}"
                    code = self.site.api("GET", path)["code"]
                    self.assertNotIn(ALICE, code)
                    before = len(self.upstream.requests)
                    done = self.execute(command, code)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    [again] = self.upstream.requests[before:]
                    self.assertEqual((again.path, again.json), (sent.path, sent.json))
                    self.assertEqual(again.token, sent.token)

    def execute(self, command: list[str], code: str) -> subprocess.CompletedProcess:
        environment = {
            "PATH": os.environ["PATH"],
            "DATABRICKS_HOST": self.upstream.origin,
            "DATABRICKS_TOKEN": ALICE,
        }
        return subprocess.run(
            command, input=code, env=environment, capture_output=True, text=True, timeout=30
        )
