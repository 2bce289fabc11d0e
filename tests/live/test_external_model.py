"""An external model, from nothing to an answer: secret, serving endpoint, endpoint, run."""

import unittest

from tests.canary import canary
from tests.site import Site
from tests.workspace import Workspace

ALICE, CLIENT = canary(), "1a2b3c4d-0000-0000-0000-1a2b3c4d5e6f"
CLIENT_SECRET, VALUE = canary("dose"), canary("sk-proj-")
MODEL = {
    "name": "gpt-4o-mini",
    "provider": "openai",
    "task": "llm/v1/chat",
    "openai_config": {"openai_api_key": "{{secrets/llm/openai}}"},
}


class ExternalModelTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.there = cls.enterClassContext(Workspace(tokens={ALICE: "alice"}))
        cls.there.clients[CLIENT] = CLIENT_SECRET
        cls.there.token_ending = canary("-")
        cls.site = cls.enterClassContext(Site(PLAYGROUND_WORKSPACE_ORIGINS=cls.there.origin))

    def test_is_created_through_the_site_and_answers_a_run(self) -> None:
        for name, credential in (
            ("token", {"kind": "token", "token": ALICE}),
            ("oauth", {"kind": "oauth", "client_id": CLIENT, "client_secret": CLIENT_SECRET}),
        ):
            with self.subTest(credential=name):
                self.make_and_ask(name, credential)
        for secret in (ALICE, CLIENT_SECRET, VALUE, "oauth-"):
            self.assertNotIn(secret, self.site.log())
        asked = [each.path for each in self.there.requests]
        self.assertLessEqual(asked.count("/oidc/v1/token"), 1)

    def make_and_ask(self, name: str, credential: dict) -> None:
        api = self.site.api
        made = api("POST", "/workspaces", {"name": name, "host": self.there.origin}, status=201)
        path = f"/workspaces/{made['id']}"
        api("PUT", f"{path}/credential", credential, status=200)
        api("PUT", f"{path}/secrets/llm/openai", {"value": VALUE}, status=204)
        config = {"served_entities": [{"name": name, "external_model": MODEL}]}
        state = api("POST", f"{path}/serving-endpoints", {"name": name, "config": config})["state"]
        self.assertFalse(state["ready"])
        self.assertEqual(self.there.secrets["llm"]["openai"], VALUE)
        self.there.make_ready(name)
        self.assertTrue(api("GET", f"{path}/serving-endpoints/{name}")["state"]["ready"])
        endpoint = {"name": name, "kind": "serving", "workspace": made["id"]}
        added = api("POST", "/endpoints", endpoint | {"serving_endpoint": name}, status=201)
        self.assertEqual((added["task"], added["warnings"]), ("chat", []))
        run = self.site.wait_for_run(self.site.start_run("How are you?", name)["id"])
        (call,) = run["calls"]
        self.assertEqual((call["status"], call["error"]), ("done", None))
        self.assertTrue(call["text"])
