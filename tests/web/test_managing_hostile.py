"""A workspace that answers anything at all: every page and route copes, none of them fails."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpResponse
from django.test import override_settings
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground.models import Endpoint
from tests.api import ApiTestCase
from tests.make import make_workspace
from tests.upstream import raw
from tests.workspace import Workspace

ALICE = "dapi-of-alice-0123456789"
CLUSTER = "0812-091530-k3v9q2"
ENDPOINTS, CLUSTERS = "/api/2.0/serving-endpoints", "/api/2.1/clusters"
SECRETS, ME = "/api/2.0/secrets", "/api/2.0/preview/scim/v2/Me"
PATHS = (
    ENDPOINTS,
    f"{ENDPOINTS}/dolly",
    f"{ENDPOINTS}/dolly/openapi",
    f"{CLUSTERS}/list",
    f"{CLUSTERS}/get",
    f"{CLUSTERS}/start",
    f"{SECRETS}/put",
    f"{SECRETS}/list",
    f"{SECRETS}/scopes/create",
    ME,
)
HALF, LONG = "a\ud800b", "x" * 100_000
READY = {"ready": "READY"}

DETAILS = [
    {"name": "dolly", **more}
    for more in (
        {"config": {"served_entities": 5}},
        {"config": {"served_entities": True}},
        {"config": {"served_entities": "abc"}},
        {"config": {"served_entities": {"a": 1}}},
        {"config": 5, "pending_config": [], "state": "x", "task": ["y"], "endpoint_type": {}},
        {"config": {"served_entities": [{"name": HALF, "entity_name": LONG}]}, "state": READY},
        {"config": {"served_entities": [{"name": LONG}] * 3}, "task": HALF},
        {"config": {"served_entities": [{"state": {"deployment_state_message": HALF + LONG}}]}},
        {"state": {"ready": [], "config_update": {"a": HALF}}},
    )
] + [{"name": name} for name in ("a/b", "", "..", HALF, "other", "x" * 70, None, 5, ["dolly"])]
CLUSTER_ROWS = [
    {"cluster_id": CLUSTER, **more}
    for more in (
        {"cluster_name": HALF},
        {"cluster_name": LONG, "state": "TERMINATED", "state_message": LONG},
        {"cluster_name": ["x"], "state": 5, "state_message": {}, "single_user_name": 7},
        {"cluster_name": "a", "state": HALF},
        {"cluster_name": "a", "state": "PENDING", "state_message": HALF},
    )
] + [{"cluster_id": each} for each in ("a/b", "", "..", HALF, LONG, 5, None)]
ODD = [None, True, 5, 1e300, "text", HALF, [], {}, [5], [None], {"a": 1}]

CALM = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KEYS = """name state ready config config_update served_entities external_model entity_name task
endpoint_type deployment_state_message pending_config cluster_id cluster_name state_message
single_user_name clusters next_page_token endpoints secrets scopes key userName error_code message
paths"""
TEXTS = st.sampled_from(
    [
        "dolly",
        CLUSTER,
        "READY",
        "TERMINATED",
        "a/b",
        "",
        HALF,
        "<script>",
        "RESOURCE_DOES_NOT_EXIST",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda each: (
        st.lists(each, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS.split()), each, max_size=5)
    ),
    max_leaves=25,
)


class HostileTests(ApiTestCase):
    def setUp(self) -> None:
        self.there = self.enterContext(Workspace(tokens={ALICE: "alice"}))
        self.enterContext(override_settings(WORKSPACE_ORIGINS=[self.there.origin]))
        self.workspace = make_workspace(self.alice, host=self.there.origin, token=ALICE)
        self.log_in(self.alice)

    def page(self, name: str, *more: str) -> str:
        return reverse(name, args=[self.workspace.pk, *more])

    def doors(self) -> list[tuple[str, Callable[[], HttpResponse]]]:
        """Every way to ask the workspace itself something."""
        return [*self.pages(), *self.routes()]

    def pages(self) -> list[tuple[str, Callable[[], HttpResponse]]]:
        get, post, path = self.client.get, self.client.post, self.page
        typed = {"name": "dolly", "provider": "anthropic", "model": "m", "task": "chat"}
        typed |= {f"anthropic_api_key-{part}": "abcdefgh" for part in ("scope", "key", "value")}
        sure = {"typed_name": "dolly"}
        chosen = {"workspace": str(self.workspace.pk)}
        choices = [chosen | {"cluster_id": each} for each in (CLUSTER, "", "a/b")]
        return [
            ("endpoint list", lambda: get(path("serving-endpoint-list"))),
            ("endpoint one", lambda: get(path("serving-endpoint", "dolly"))),
            ("endpoint add", lambda: post(path("found-add"), {"name": "dolly"}, follow=True)),
            ("endpoint secret wizard", lambda: post(path("serving-endpoint-new"), typed)),
            ("endpoint delete", lambda: post(path("serving-endpoint-delete", "dolly"), sure)),
            ("endpoint names", lambda: get(reverse("found-names"), chosen)),
            ("cluster list", lambda: get(reverse("cluster-choice"), choices[0])),
            ("cluster list", lambda: get(reverse("cluster-choice"), choices[1])),
            ("cluster list", lambda: get(reverse("cluster-choice"), choices[2])),
            ("cluster one", lambda: get(path("cluster-state", CLUSTER))),
            ("cluster start", lambda: post(path("cluster-start", CLUSTER))),
            ("check", lambda: post(path("workspace-check"), follow=True)),
        ]

    def routes(self) -> list[tuple[str, Callable[[], HttpResponse]]]:
        config = {"served_entities": [{"name": "a", "entity_name": "b"}]}
        endpoint = {"name": "new", "kind": "serving", "serving_endpoint": "dolly"}
        endpoint |= {"workspace": str(self.workspace.pk)}
        here = f"/workspaces/{self.workspace.pk}"
        found, clusters = f"{here}/serving-endpoints", f"{here}/clusters"
        asked = [
            ("endpoint list", "GET", found, None),
            ("endpoint one", "GET", f"{found}/dolly", None),
            ("endpoint make", "POST", found, {"name": "dolly", "config": config}),
            ("endpoint delete", "DELETE", f"{found}/dolly", None),
            ("endpoint found out", "POST", "/endpoints", endpoint),
            ("secret", "PUT", f"{here}/secrets/a/b", {"value": "abcdefgh"}),
            ("cluster list", "GET", clusters, None),
            ("cluster one", "GET", f"{clusters}/{CLUSTER}", None),
            ("cluster start", "POST", f"{clusters}/{CLUSTER}/start", None),
            ("check", "POST", f"{here}/check", None),
        ]
        return [(f"api {name}", partial(self.api, self.alice, *rest)) for name, *rest in asked]

    def answer(self, value: Any, status: int = 200) -> None:
        """The workspace says this, whatever it is asked."""
        self.answer_bytes(json.dumps(value).encode(), status)

    def answer_bytes(self, body: bytes, status: int = 200, kind: str = "application/json") -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        for path in PATHS:
            self.there.on(path, raw(head.encode() + body))

    def assert_no_door_fails(self, about: str = "") -> None:
        """None at all, or none of those whose name says what they are about."""
        for name, door in self.doors():
            if about not in name:
                continue
            response = door()
            words = f"{name}: {response.status_code} {response.content[-300:]!r}"
            self.assertNotEqual(response.status_code, 500, words)
            self.assertLess(len(response.content), 1_000_000, name)
            self.assertNotIn(b"<script>a", response.content)

    def test_details_of_any_shape(self) -> None:
        for value in [*ODD, *DETAILS]:
            with self.subTest(value=str(value)[:80]):
                self.answer(value)
                self.assert_no_door_fails("" if value in ODD else "endpoint")

    def test_lists_of_any_shape(self) -> None:
        for rows in [*ODD, DETAILS, CLUSTER_ROWS, *CLUSTER_ROWS]:
            rows = [rows] if isinstance(rows, dict) else rows
            with self.subTest(rows=str(rows)[:80]):
                self.answer({"endpoints": rows, "clusters": rows, "secrets": rows})
                self.assert_no_door_fails("list")

    def test_a_list_of_a_hundred_thousand_is_cut_and_says_so(self) -> None:
        self.answer({"endpoints": [{"name": f"e{number}"} for number in range(100_000)]})
        response = self.client.get(self.page("serving-endpoint-list"))
        self.assertContains(response, "the first 1000 by name")
        self.assertEqual(response.content.count(b"found__item"), 1000)
        self.assert_no_door_fails("endpoint list")

    def test_clusters_of_any_shape(self) -> None:
        for value in CLUSTER_ROWS:
            with self.subTest(value=str(value)[:80]):
                self.answer(value)
                self.assert_no_door_fails("cluster")

    def test_bodies_that_are_no_answer(self) -> None:
        deep = b'{"endpoints":' + b"[" * 5000 + b"]" * 5000 + b"}"
        less = b'{"name":"dolly","state":' + b"[" * 400 + b"]" * 400 + b"}"
        for body, kind in (
            (deep, "application/json"),
            (less, "application/json"),
            (b"", "application/json"),
            (b"null", "application/json"),
            (b"{" * 10, "application/json"),
            (b'{"name": NaN}', "application/json"),
            (b"<!doctype html><title>Databricks - Sign In</title>", "text/html"),
            (b"\xff\xfe\x00", "application/json"),
            (b'"' + b"x" * 5_000_000 + b'"', "application/json"),
        ):
            with self.subTest(body=body[:40]):
                for status in (200, 404):
                    self.answer_bytes(body, status, kind)
                    self.assert_no_door_fails()

    def test_any_json(self) -> None:
        @CALM
        @given(JSON, st.sampled_from((200, 200, 200, 400, 404)))
        def ask(value: Any, status: int) -> None:
            Endpoint.objects.all().delete()
            self.answer(value, status)
            self.assert_no_door_fails()

        ask()
