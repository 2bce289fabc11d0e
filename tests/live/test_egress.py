"""A whole site, with an ear in its process: whatever it does, it connects where it may."""

import json
import tempfile
import unittest
from pathlib import Path

from tests.live.base import CLUSTER, PORT
from tests.site import Site
from tests.workspace import SEED_ENTITY, Workspace, ready_endpoint

ALICE = "dapi-of-alice-0123456789"
# Python imports this by itself at its start, in every process of the site.
EAR = """
import json, os, sys, threading

def hear(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        what = arguments[1] if event == "socket.connect" else arguments[:2]
        with open(os.environ["EAR_FILE"], "a") as file:
            file.write(json.dumps([event, what, threading.current_thread().name]) + "\\n")

sys.addaudithook(hear)
"""


class EgressTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        Path(folder, "sitecustomize.py").write_text(EAR)
        cls.file = Path(folder, "heard")
        cls.workspace = cls.enterClassContext(Workspace(tokens={ALICE: "alice"}))
        cls.workspace.clients["app"] = "its-secret-0123"
        cls.workspace.endpoints["dolly"] = ready_endpoint("dolly", SEED_ENTITY)
        cls.workspace.add_cluster(CLUSTER, "TERMINATED")
        cls.site = cls.enterClassContext(
            Site(
                PLAYGROUND_WORKSPACE_ORIGINS=cls.workspace.origin,
                PLAYGROUND_DRIVER_ORIGINS=f"{cls.workspace.origin},http://127.0.0.1:1024-65535",
                PYTHONPATH=folder,
                EAR_FILE=str(cls.file),
                HTTP_PROXY="http://127.0.0.1:9",
                HTTPS_PROXY="http://127.0.0.1:9",
                ALL_PROXY="http://127.0.0.1:9",
            )
        )

    def heard(self) -> list:
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def test_nothing_connects_but_calls_and_they_go_where_they_should(self) -> None:
        site, workspace = self.site, self.workspace
        pk = site.api("POST", "/workspaces", {"name": "w", "host": workspace.origin}, status=201)[
            "id"
        ]
        oauth = {"kind": "oauth", "client_id": "app", "client_secret": "its-secret-0123"}
        for credential in (oauth, {"kind": "token", "token": ALICE}):
            site.api("PUT", f"/workspaces/{pk}/credential", credential)
            self.assertTrue(site.api("POST", f"/workspaces/{pk}/check")["ok"])
        site.api("GET", f"/workspaces/{pk}/serving-endpoints")
        site.api("GET", f"/workspaces/{pk}/clusters")
        site.api("PUT", f"/workspaces/{pk}/secrets/s/k", {"value": "v"})
        external = {"name": "gpt", "provider": "openai", "task": "llm/v1/chat"}
        external["openai_config"] = {"openai_api_key": "{{secrets/s/k}}"}
        entities = [{"name": "gpt", "external_model": external}]
        made = {"name": "gpt", "config": {"served_entities": entities}}
        site.api("POST", f"/workspaces/{pk}/serving-endpoints", made)
        site.api("DELETE", f"/workspaces/{pk}/serving-endpoints/gpt")
        for endpoint in (
            {"name": "chat", "kind": "serving", "workspace": pk, "serving_endpoint": "chat"},
            {"name": "found", "kind": "serving", "workspace": pk, "serving_endpoint": "dolly"},
            {"name": "app", "kind": "driver_proxy", "workspace": pk}
            | {"cluster_id": CLUSTER, "port": PORT},
            {"name": "direct", "kind": "driver", "url": f"{workspace.origin}/echo"},
        ):
            pk_ = site.api("POST", "/endpoints", endpoint, status=201)["id"]
            site.api("POST", f"/endpoints/{pk_}/check")
        names = ("chat", "found", "app", "direct", "demo-echo", "demo-poet")
        run = site.wait_for_run(site.start_run("Hi", *names)["id"])
        self.assertEqual({call["status"] for call in run["calls"]}, {"done"}, run)
        site.manage("ask", "Hi", "--endpoint", "demo-echo", "--endpoint", "chat")
        demo = int(site.environment["PLAYGROUND_DEMO_PORT"])
        places = {tuple(what) for event, what, _ in self.heard() if event == "socket.connect"}
        self.assertEqual(places, {("127.0.0.1", workspace.port), ("127.0.0.1", demo)})
        looked_up = {what[0] for event, what, _ in self.heard() if event != "socket.connect"}
        self.assertLessEqual(looked_up, {"127.0.0.1"})

    def test_the_site_itself_is_not_called_though_its_port_is_in_the_range(self) -> None:
        for url in (f"http://127.0.0.1:{self.site.port}/healthz", f"{self.site.url}/api/v1/me"):
            with self.assertRaisesRegex(AssertionError, "playground’s own"):
                self.site.api("POST", "/endpoints", {"name": "me", "kind": "driver", "url": url})
        self.assertNotIn(["127.0.0.1", self.site.port], [what for _, what, _ in self.heard()])
