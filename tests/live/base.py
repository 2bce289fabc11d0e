"""A site, a scripted upstream behind it, and one endpoint of each kind that leads there."""

import unittest

from tests.canary import canary
from tests.site import Site
from tests.upstream import Upstream

ALICE, BOB = canary(), canary()
CLUSTER, PORT = "0812-091530-k3v9q2", 7777


class LiveTestCase(unittest.TestCase):
    """`site` runs for the whole class; `upstream` plays the workspace and the driver apps."""

    environment: dict[str, str] = {}  # more of the site's

    @classmethod
    def setUpClass(cls) -> None:
        cls.upstream = cls.enterClassContext(Upstream(tokens={ALICE: "alice", BOB: "bob"}))
        cls.site = cls.enterClassContext(
            Site(
                PLAYGROUND_WORKSPACE_ORIGINS=cls.upstream.origin,
                PLAYGROUND_DRIVER_ORIGINS=f"{cls.upstream.origin},http://127.0.0.1:7600-7999",
                **cls.environment,
            )
        )
        site, team = cls.site, cls.site.api("GET", "/me")["teams"][0]["id"]
        cls.workspace = site.api(
            "POST", "/workspaces", {"name": "prod", "host": cls.upstream.origin}, status=201
        )["id"]
        cls.store_token("alice", ALICE)
        serving = {"kind": "serving", "workspace": cls.workspace, "team": team}
        for endpoint in (
            {"name": "chat", "task": "chat", "serving_endpoint": "chat"} | serving,
            {"name": "dolly", "task": "custom", "serving_endpoint": "dolly"} | serving,
            {"name": "app", "kind": "driver_proxy", "cluster_id": CLUSTER, "port": PORT}
            | {"workspace": cls.workspace},
            {"name": "direct", "kind": "driver", "url": f"{cls.upstream.origin}/"},
        ):
            site.api("POST", "/endpoints", endpoint, status=201)

    @classmethod
    def store_token(cls, user: str, token: str) -> None:
        credential = {"kind": "token", "token": token}
        path = f"/workspaces/{cls.workspace}/credential"
        cls.site.api("PUT", path, credential, user=user, status=200)

    def add_endpoint(self, path: str, behaviour) -> str:
        """An endpoint of kind driver whose upstream behaves like this; its name."""
        self.upstream.on(path, behaviour)
        name = f"{self.id().rsplit('.', 1)[-1]}{path}"[:120]
        url = self.upstream.origin + path
        self.site.api("POST", "/endpoints", {"name": name, "kind": "driver", "url": url})
        return name

    def received(self, marker: str):
        """The one request that carries this text."""
        found = [r for r in self.upstream.requests if marker.encode() in r.body]
        self.assertEqual(len(found), 1, f"{len(found)} requests carry {marker!r}")
        return found[0]
