"""A call that waits for long says why: its workspace is asked, once, as the person who runs it."""

from tests.live.base import ALICE, CLUSTER, LiveTestCase
from tests.site import wait_for
from tests.upstream import answer, hang_before_headers
from tests.workspace import ready_endpoint

SERVING = "/api/2.0/serving-endpoints/cold"
ASLEEP = {"state": {"deployment": "READY", "deployment_state_message": "Scaled to zero"}}


class WaitingTests(LiveTestCase):
    def test_a_long_wait_is_explained_once(self):
        site, upstream = self.site, self.upstream
        upstream.serve("cold", hang_before_headers)
        upstream.on(SERVING, answer(ready_endpoint("cold", ASLEEP)))
        cluster = {"cluster_id": CLUSTER, "cluster_name": "c", "state": "PENDING"}
        upstream.on("/api/2.1/clusters/get", answer(cluster))
        upstream.apps = {(CLUSTER, 7777): hang_before_headers}
        self.addCleanup(setattr, upstream, "apps", None)
        where = {"workspace": self.workspace, "kind": "serving", "task": "chat"}
        site.api("POST", "/endpoints", where | {"name": "cold", "serving_endpoint": "cold"})
        direct = self.add_endpoint("/hangs", hang_before_headers)

        run = site.start_run("wake up", "cold", "app", direct, "chat")
        page = f"{site.url}/runs/{run['id']}/"
        session = site.session()

        def shown() -> str:
            return session.get(page, timeout=10).text

        wait_for(lambda: "had scaled to zero" in shown(), 20, shown)
        wait_for(lambda: "The cluster is starting" in shown(), 20, shown)
        self.assertIn("No answer yet from direct URL", shown())
        asked = [each for each in upstream.requests if each.path == SERVING]
        self.assertEqual([each.token for each in asked], [ALICE])
        calls = site.api("GET", f"/runs/{run['id']}")["calls"]
        self.assertEqual([call["status"] for call in calls[:3]], ["waiting"] * 3)
        site.api("POST", f"/runs/{run['id']}/stop")
