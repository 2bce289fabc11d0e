"""Why an endpoint has not begun to answer, as its workspace says."""

import unittest

from endpoints import AddressError, Egress, EndpointError, Token, readiness
from endpoints.workspace import WorkspaceApi
from tests.upstream import answer
from tests.workspace import Workspace, ready_endpoint

ALICE = "dapi-alice-0123456789"
CLUSTER = "0812-091530-k3v9q2"
STATES = {
    "NOT_READY": {"ready": "NOT_READY", "config_update": "NOT_UPDATING"},
    "UPDATING": {"ready": "READY", "config_update": "IN_PROGRESS"},
    "CREATING": {"ready": "NOT_READY", "config_update": "IN_PROGRESS"},
    "FAILED": {"ready": "NOT_READY", "config_update": "UPDATE_FAILED"},
}


class ReadinessTests(unittest.TestCase):
    def setUp(self):
        self.workspace = self.enterContext(Workspace(tokens={ALICE: "alice"}))
        egress = Egress(workspace_origins=(self.workspace.origin,))
        self.api = WorkspaceApi(self.workspace.origin, Token(ALICE), egress)

    def reason(self, words: str = "", **more):
        entity = {"state": {"deployment": "READY", "deployment_state_message": words}}
        self.workspace.endpoints["m"] = ready_endpoint("m", entity, **more)
        return readiness.serving_reason(self.api, "m")

    def test_an_endpoint_that_is_up_has_no_reason(self):
        self.assertIsNone(self.reason())

    def test_scaled_to_zero_is_known_by_its_words(self):
        for words in ("Scaled to zero", "Scaling up from zero", "scaling from 0"):
            self.assertEqual(self.reason(words), readiness.SCALED_TO_ZERO)

    def test_each_state_has_its_reason(self):
        for state, reason in {
            "NOT_READY": readiness.UPDATING,
            "UPDATING": readiness.UPDATING,
            "CREATING": readiness.UPDATING,
            "FAILED": readiness.NOT_READY,
        }.items():
            with self.subTest(state):
                self.assertEqual(self.reason(state=STATES[state]), reason)

    def test_a_cluster_by_its_state(self):
        for state, reason in {
            "RUNNING": None,
            "RESIZING": None,
            "PENDING": readiness.CLUSTER_STARTING,
            "RESTARTING": readiness.CLUSTER_STARTING,
            "TERMINATED": readiness.CLUSTER_STOPPED,
            "ERROR": readiness.CLUSTER_STOPPED,
        }.items():
            self.workspace.add_cluster(CLUSTER, state)
            self.assertEqual(readiness.cluster_reason(self.api, CLUSTER), reason)

    def test_what_cannot_be_asked_raises(self):
        self.workspace.on("/api/2.0/serving-endpoints/m", answer({"message": "no"}, 403))
        with self.assertRaises(EndpointError):
            readiness.serving_reason(self.api, "m")
        with self.assertRaises(AddressError):
            readiness.serving_reason(self.api, "../m")

    def test_an_answer_of_any_shape_is_read(self):
        for details in (None, [], "x", {"state": 1}, {"config": {"served_entities": [1]}}):
            self.assertIn(readiness.reason_in(details), (None, *readiness.REASONS))
