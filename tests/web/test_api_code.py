"""GET /runs/<id>/code: code that repeats a call, without its secret."""

import shlex
from itertools import product
from urllib.parse import urlsplit
from uuid import uuid4

from endpoints.code import FORMATS
from playground.requesting import request_of
from tests.api import ApiTestCase
from tests.make import HOST, TOKEN, make_endpoint, make_run, make_workspace


class CodeTests(ApiTestCase):
    def setUp(self):
        self.workspace = make_workspace(self.alice, token=TOKEN)
        self.chat = make_endpoint(
            self.alice,
            name="chat",
            kind="serving",
            task="chat",
            workspace=self.workspace,
            serving_endpoint="chat-1",
        )
        self.run_ = make_run(self.alice, self.chat, status="done")
        self.call = self.run_.calls.get()
        self.call.request = dict(vars(request_of(self.call)))
        self.call.save()

    def code(self, user, **query):
        asked = {"call": str(self.call.pk), "format": "curl"} | query
        text = "&".join(f"{name}={value}" for name, value in asked.items() if value is not None)
        return self.api(user, "GET", f"/runs/{self.run_.pk}/code?{text}")

    def test_every_format_holds_the_prompt_and_no_secret(self):
        for format in FORMATS:
            with self.subTest(format):
                answer = self.ok(self.code(self.alice, format=format))
                self.assertEqual(answer["format"], format)
                self.assertIn("How are you?", answer["code"])
                self.assertIn("chat-1", answer["code"])
                self.assertIn("DATABRICKS_TOKEN", answer["code"])
                self.assertNotIn(TOKEN, answer["code"])

    def test_it_repeats_what_was_sent_wherever_the_workspace_is_now(self):
        self.workspace.host = "https://adb-9.9.azuredatabricks.net"
        self.workspace.save()
        self.assertIn(HOST, self.ok(self.code(self.alice))["code"])

    def test_a_call_that_was_not_sent_yet_gives_what_it_will_send(self):
        sent = self.ok(self.code(self.alice))["code"]
        self.call.request, self.call.status = None, "queued"
        self.call.save()
        self.assertEqual(self.ok(self.code(self.alice))["code"], sent)

    def test_drivers_and_driver_proxies(self):
        fields = {"cluster_id": "0812-091530-k3v9q2", "port": 7777, "path": "/say"}
        proxy = make_endpoint(
            self.alice, name="app", kind="driver_proxy", workspace=self.workspace, **fields
        )
        driver = make_endpoint(self.alice, name="here", url="http://127.0.0.1:7777/there")
        for endpoint, says in (
            (proxy, "/driver-proxy-api/o/0/0812-091530-k3v9q2/7777/say"),
            (driver, "http://127.0.0.1:7777/there"),
        ):
            self.run_ = make_run(self.alice, endpoint)
            self.call = self.run_.calls.get()
            self.assertIn(says, self.ok(self.code(self.alice))["code"])

    def test_it_asks_the_very_address_that_was_asked(self):
        """Whatever path the task adds to an app's own, such as a chat agent's."""
        proxy = {"kind": "driver_proxy", "workspace": self.workspace, "port": 7777}
        proxy |= {"cluster_id": "0812-091530-k3v9q2"}
        kinds = [{"kind": "driver", "url": f"http://127.0.0.1:7777{path}"} for path in ("/", "/v1")]
        kinds += [proxy | {"path": path} for path in ("/", "/v1", "/say/", "/a/$x'y")]
        tasks = [{"task": task} for task in ("chat", "completions", "custom", "embeddings")]
        tasks += [{"task": "responses", "format": name} for name in ("responses", "chat_agent")]
        for number, (kind, task) in enumerate(product(kinds, tasks)):
            endpoint = make_endpoint(self.alice, name=f"e{number}", **kind, **task)
            self.run_ = make_run(self.alice, endpoint)
            self.call = self.run_.calls.get()
            url = urlsplit(request_of(self.call).url)
            host = f"{url.scheme}://{url.netloc}" if endpoint.kind == "driver" else ""
            with self.subTest(kind=kind, task=task):
                code = self.ok(self.code(self.alice))["code"]
                self.assertIn(f"{shlex.quote(host + url.path)} \\\n", code)
                code = self.ok(self.code(self.alice, format="requests"))["code"]
                self.assertIn(f'"{host}{url.path}"\n', code)

    def test_a_workspace_that_is_gone_is_said(self):
        run = make_run(self.bob, self.chat)
        self.run_, self.call = run, run.calls.get()
        self.assert_error(self.code(self.bob), 422, "invalid", field="call", says="no longer")

    def test_what_is_asked_wrongly_is_422(self):
        for query, field in (
            ({"format": "perl"}, "format"),
            ({"format": None}, "format"),
            ({"call": "7"}, "call"),
            ({"call": None}, "call"),
            ({"cal": "7"}, "cal"),
        ):
            with self.subTest(query):
                self.assert_error(self.code(self.alice, **query), 422, "invalid", field=field)

    def test_others_and_other_runs_calls_are_404(self):
        for user in (self.bob, self.charlie):
            self.assert_error(self.code(user), 404, "not_found")
        self.assert_error(self.code(None), 401, "unauthorized")
        other = make_run(self.alice, self.chat).calls.get()
        self.assert_error(self.code(self.alice, call=other.pk), 404, "not_found")
        self.assert_error(self.code(self.alice, call=uuid4()), 404, "not_found")
