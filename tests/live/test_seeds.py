"""The ways of LangChain's Databricks page, from the API and by `manage.py ask`.

Its transforms of requests and answers are in `test_transforms`.
"""

import unittest

from tests.canary import canary
from tests.site import Site
from tests.upstream import Received
from tests.workspace import (
    SEED_CLUSTER,
    SEED_EMBEDDING,
    SEED_PORT,
    SEED_VECTOR,
    Workspace,
    plant_seeds,
)

TOKEN = canary()
OPENAI_KEY = canary("sk-")
PROMPT = "How are you?"
ANSWER = "Good. You wrote: How are you?"


class SeedsTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.there = cls.enterClassContext(Workspace(tokens={TOKEN: "alice"}))
        origin = cls.there.origin
        cls.site = cls.enterClassContext(Site(PLAYGROUND_WORKSPACE_ORIGINS=origin))
        workspace = cls.site.api("POST", "/workspaces", {"name": "mine", "host": origin})
        cls.workspace, cls.path = workspace["id"], f"/workspaces/{workspace['id']}"
        cls.site.api("PUT", f"{cls.path}/credential", {"kind": "token", "token": TOKEN})
        plant_seeds(cls.there)

    def add(self, name: str, **fields) -> dict:
        """An endpoint of the workspace; its task is found out where none is given."""
        body = {"name": name, "workspace": self.workspace} | fields
        return self.site.api("POST", "/endpoints", body, status=201)

    def run_it(self, prompt: str, endpoint: str, **settings) -> tuple[dict, Received]:
        """Through the API: the call once it is over, and the request that reached the endpoint."""
        run = self.site.start_run(prompt, {"endpoint": endpoint} | settings)
        [call] = self.site.wait_for_run(run["id"])["calls"]
        self.assertEqual(call["status"], "done", call["error"])
        return self.site.api("GET", f"/calls/{call['id']}"), self.there.requests[-1]

    def ask(self, prompt: str, endpoint: str, *options: str) -> tuple[str, Received]:
        """By the command: what it printed, and the request that reached the endpoint."""
        done = self.site.manage("ask", prompt, "--endpoint", endpoint, *options)
        return done.stdout, self.there.requests[-1]

    def test_an_external_model_is_created_and_chats(self):
        site, path = self.site, self.path
        site.api("PUT", f"{path}/secrets/llm/openai-api-key", {"value": OPENAI_KEY}, status=204)
        self.assertEqual(self.there.secrets, {"llm": {"openai-api-key": OPENAI_KEY}})
        external_model = {
            "name": "gpt-4",
            "provider": "openai",
            "task": "llm/v1/chat",
            "openai_config": {"openai_api_key": "{{secrets/llm/openai-api-key}}"},
        }
        served = [{"name": "my-chat", "external_model": external_model}]
        made = {"name": "my-chat", "config": {"served_entities": served}}
        site.api("POST", f"{path}/serving-endpoints", made, status=201)
        self.there.make_ready("my-chat")

        added = self.add("my-chat", kind="serving", serving_endpoint="my-chat")
        self.assertEqual((added["task"], added["warnings"]), ("chat", []))
        body = {"messages": [{"role": "user", "content": "hello"}], "temperature": 0.1}
        call, sent = self.run_it("hello", "my-chat", params={"temperature": 0.1})
        self.assertEqual(call["text"], "Good. You wrote: hello")
        self.assertEqual(sent.json, body | {"stream": True})
        text, sent = self.ask("hello", "my-chat", "--param", "temperature=0.1")
        self.assertEqual(text, "Good. You wrote: hello\n")
        self.assertEqual(sent.json, body | {"stream": True})
        self.assertNotIn(OPENAI_KEY, site.log())

    def test_a_foundation_model_embeds(self):
        added = self.add("bge", kind="serving", serving_endpoint=SEED_EMBEDDING)
        self.assertEqual((added["task"], added["warnings"]), ("embeddings", []))
        call, sent = self.run_it("hello", "bge")
        self.assertEqual(call["vector"], SEED_VECTOR)
        self.assertEqual(sent.json, {"input": ["hello"]})
        text, sent = self.ask("hello", "bge")
        self.assertIn("1024 dimensions", text)
        self.assertIn("0.05106, 0.007221, 0.00388", text)
        self.assertEqual(sent.json, {"input": ["hello"]})

    def test_a_custom_model_with_stop_and_parameters(self):
        added = self.add("dolly", kind="serving", serving_endpoint="dolly")
        self.assertEqual((added["task"], added["format"]), ("custom", "dataframe_records"))
        record = {"prompt": PROMPT, "stop": []}
        for settings, options, text, more in (
            ({}, (), ANSWER, {}),
            ({"stop": ["."]}, ("--stop", "."), "Good", {"stop": ["."]}),
            (
                {"stop": ["."], "params": {"temperature": 0.1}},
                ("--stop", ".", "--param", "temperature=0.1"),
                "Good",
                {"stop": ["."], "temperature": 0.1},
            ),
        ):
            with self.subTest(settings):
                call, sent = self.run_it(PROMPT, "dolly", **settings)
                self.assertEqual(call["text"], text)
                self.assertEqual(sent.json, {"dataframe_records": [record | more]})
                self.assertEqual(sent.token, TOKEN)
                printed, sent = self.ask(PROMPT, "dolly", *options)
                self.assertEqual(printed, f"{text}\n")
                self.assertEqual(sent.json, {"dataframe_records": [record | more]})

    def test_a_driver_proxy_app_with_and_without_extra_parameters(self):
        [cluster] = self.site.api("GET", f"{self.path}/clusters")
        self.assertEqual((cluster["cluster_id"], cluster["state"]), (SEED_CLUSTER, "RUNNING"))
        app = {"kind": "driver_proxy", "cluster_id": SEED_CLUSTER, "port": SEED_PORT}
        self.add("app", **app)
        self.add("warm app", **app, params={"temperature": 0.1})
        for endpoint, settings, options, text, body in (
            ("app", {}, (), ANSWER, {}),
            ("app", {"stop": ["."]}, ("--stop", "."), "Good", {"stop": ["."]}),
            ("warm app", {}, (), ANSWER, {"temperature": 0.1}),
            (
                "warm app",
                {"params": {"max_new_tokens": 9}},
                ("--param", "max_new_tokens=9"),
                ANSWER,
                {"temperature": 0.1, "max_new_tokens": 9},
            ),
        ):
            with self.subTest(endpoint=endpoint, settings=settings):
                call, sent = self.run_it(PROMPT, endpoint, **settings)
                self.assertEqual(call["text"], text)
                self.assertEqual(sent.json, {"prompt": PROMPT} | body)
                self.assertEqual(sent.path, f"/driver-proxy-api/o/0/{SEED_CLUSTER}/{SEED_PORT}")
                self.assertEqual(sent.token, TOKEN)
                printed, sent = self.ask(PROMPT, endpoint, *options)
                self.assertEqual(printed, f"{text}\n")
                self.assertEqual(sent.json, {"prompt": PROMPT} | body)
