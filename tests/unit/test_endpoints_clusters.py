"""Clusters: all pages of the list, one's state, and a start that does not mind being late."""

import time
import unittest
from dataclasses import replace

from endpoints import AddressError, Egress, EndpointError, Limits, Token, clusters
from endpoints.workspace import WorkspaceApi
from tests.upstream import answer
from tests.workspace import Workspace

ALICE = "dapi-alice-0123456789"
ID = "0812-091530-k3v9q2"
OTHER = "0812-091530-abcd1"


class ClusterTests(unittest.TestCase):
    def setUp(self):
        self.workspace = self.enterContext(Workspace(tokens={ALICE: "alice"}))
        egress = Egress(workspace_origins=(self.workspace.origin,))
        self.api = WorkspaceApi(self.workspace.origin, Token(ALICE), egress)

    def failure(self, act, *args):
        with self.assertRaises(EndpointError) as caught:
            act(self.api, *args)
        return caught.exception.kind

    def test_every_page_is_read_and_running_ones_come_first(self):
        for number, state in enumerate(("TERMINATED", "RUNNING", "PENDING", "RESIZING", "ERROR")):
            self.workspace.add_cluster(f"0812-091530-abc{number}", state, cluster_name=f"c{number}")
        found = clusters.list_clusters(self.api)
        self.assertEqual([each.name for each in found], ["c1", "c3", "c0", "c2", "c4"])
        self.assertEqual(len(self.workspace.requests), 3)
        self.assertIn("page_token=p%3D2", self.workspace.requests[1].path)
        self.assertIn(
            "filter_by.cluster_sources=UI&filter_by.cluster_sources=API",
            self.workspace.requests[0].path,
        )

    def test_a_workspace_without_clusters_has_an_empty_list(self):
        self.assertEqual(clusters.list_clusters(self.api), [])

    def test_a_list_that_never_ends_is_ended(self):
        page = {"clusters": [{"cluster_id": ID}], "next_page_token": "again"}
        self.workspace.on("/api/2.1/clusters/list", answer(page))
        self.assertEqual(len(clusters.list_clusters(self.api)), 50)

    def test_a_list_of_many_pages_takes_no_longer_than_one_request_may(self):
        page = {"clusters": [{"cluster_id": ID}], "next_page_token": "again"}

        def slow(exchange):
            exchange.wait(0.2)
            exchange.send_json(page)

        self.workspace.on("/api/2.1/clusters/list", slow)
        started = time.monotonic()
        with self.assertRaises(EndpointError) as caught:
            clusters.list_clusters(replace(self.api, limits=Limits(total_s=1)))
        self.assertEqual(caught.exception.kind, "timeout")
        self.assertLess(time.monotonic() - started, 3)

    def test_a_list_without_measure_is_cut(self):
        page = {"clusters": [{"cluster_id": ID}] * 3000, "next_page_token": "again"}
        self.workspace.on("/api/2.1/clusters/list", answer(page))
        self.assertEqual(len(clusters.list_clusters(self.api)), 1000)
        self.assertEqual(len(self.workspace.requests), 1)

    def test_what_could_not_be_asked_for_is_left_out_and_words_are_one_short_line(self):
        odd = [{"cluster_id": each} for each in ("a/b", "", 5, None, f"{ID}\n")]
        long = {"cluster_id": ID, "cluster_name": "a\nb" + "x" * 5000, "state": "RUN\tNING"}
        self.workspace.on("/api/2.1/clusters/list", answer({"clusters": [*odd, long, 5, None]}))
        (cluster,) = clusters.list_clusters(self.api)
        self.assertTrue(cluster.name.startswith("a bxxx"))
        self.assertLess(len(cluster.name), 500)
        self.assertEqual(cluster.state, "RUN NING")

    def test_the_id_that_was_asked_for_stands(self):
        self.workspace.on("/api/2.1/clusters/get", answer({"cluster_id": "../x", "state": "ERROR"}))
        self.assertEqual(clusters.get_cluster(self.api, ID).cluster_id, ID)

    def test_one_tells_its_state_in_words_and_its_single_user(self):
        self.workspace.add_cluster(ID, "TERMINATED", single_user_name="bob@example.com")
        cluster = clusters.get_cluster(self.api, ID)
        self.assertEqual(
            (cluster.words, cluster.is_running, cluster.can_start), ("Stopped", False, True)
        )
        self.assertEqual(cluster.single_user, "bob@example.com")

    def test_a_stopped_one_is_started(self):
        self.workspace.add_cluster(ID, "TERMINATED")
        cluster = clusters.start_cluster(self.api, ID)
        self.assertEqual((cluster.state, cluster.can_start), ("PENDING", False))
        sent = self.workspace.requests[0]
        self.assertEqual(
            (sent.method, sent.path, sent.json),
            ("POST", "/api/2.1/clusters/start", {"cluster_id": ID}),
        )

    def test_one_that_runs_or_starts_already_is_fine(self):
        for state in ("RUNNING", "PENDING", "RESTARTING", "RESIZING"):
            self.workspace.add_cluster(ID, state)
            self.assertEqual(clusters.start_cluster(self.api, ID).state, state)

    def test_one_that_is_stopping_cannot_be_started(self):
        self.workspace.add_cluster(ID, "TERMINATING")
        self.assertIn(self.failure(clusters.start_cluster, ID), ("bad_request", "cluster_stopped"))

    def test_an_unknown_one_is_told(self):
        self.assertEqual(self.failure(clusters.get_cluster, OTHER), "bad_request")
        self.assertEqual(self.failure(clusters.start_cluster, OTHER), "bad_request")

    def test_what_is_no_id_is_never_sent(self):
        for text in ("", "../x", f"{ID}&x=1", f"{ID}\n", None):
            with self.assertRaises(AddressError):
                clusters.get_cluster(self.api, text)
            with self.assertRaises(AddressError):
                clusters.start_cluster(self.api, text)
        self.assertEqual(self.workspace.requests, [])

    def test_other_shapes_are_bad_responses(self):
        for path, act, args in (
            ("list", clusters.list_clusters, ()),
            ("get", clusters.get_cluster, (ID,)),
        ):
            for value in ([], "x", {"clusters": 5}):
                self.workspace.on(f"/api/2.1/clusters/{path}", answer(value))
                self.assertEqual(self.failure(act, *args), "bad_response")
