"""Whatever an upstream sends, a call ends: soon, as the right error, without a second request.

Each case is answered to a driver's client over http, to a serving endpoint's over TLS and, where it
is about HTTP alone, to the workspace's API.
"""

import logging
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from endpoints import Egress, EndpointError, Limits, Text, Token, client_for
from endpoints.workspace import WorkspaceApi
from tests.attacks import upstreams as cases
from tests.attacks.base import Sentinel
from tests.attacks.upstreams import Hostile
from tests.certificates import certificate_file
from tests.upstream import Upstream

TOKEN = cases.TOKEN_AT_RISK.decode()
PATIENT = Limits(connect_s=5, idle_s=5, total_s=10)
SHORT = Limits(connect_s=5, idle_s=0.5, total_s=1)
SLACK_S = 10  # this machine may be busy; what hangs would take for ever
AT_ONCE = 6


class Outcome(NamedTuple):
    kind: str
    said: str
    took_s: float
    requests: int


class HostileTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.sentinel = cls.enterClassContext(Sentinel())
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        certificate = certificate_file(folder)
        cls.plain = cls.enterClassContext(Upstream())
        cls.secure = cls.enterClassContext(Upstream(certificate=certificate))
        origins = (cls.plain.origin, cls.secure.origin)
        cls.egress = Egress(origins, origins, ca_bundle=certificate)
        for upstream in (cls.plain, cls.secure):
            upstream.sentinel_port = cls.sentinel.port
        logging.disable(logging.WARNING)
        cls.addClassCleanup(logging.disable, logging.NOTSET)

    def assert_outcomes(self, table: tuple[Hostile, ...], *doors) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            asked = [(case, door, pool.submit(door, case)) for case in table for door in doors]
        for case, door, outcome in asked:
            with self.subTest(case.id, what=case.what, door=door.__name__):
                found = outcome.result()
                self.assertIn(found.kind, case.kinds, found.said)
                self.assertLess(found.took_s, _limits(case).total_s + SLACK_S)
                if door != self.driver:  # which sends no token
                    self.assertNotIn(TOKEN, found.said)
                self.assertEqual(found.requests, 1)
        self.assertEqual(self.sentinel.visits, 0)

    def test_heads(self) -> None:
        self.assert_outcomes(cases.HEADS, self.driver, self.serving, self.workspace)

    def test_framing(self) -> None:
        self.assert_outcomes(cases.FRAMES, self.driver, self.serving, self.workspace)

    def test_bodies(self) -> None:
        self.assert_outcomes(cases.BODIES, self.driver, self.serving)

    def test_statuses(self) -> None:
        self.assert_outcomes(cases.STATUSES, self.driver, self.serving, self.workspace)

    def test_streams(self) -> None:
        self.assert_outcomes(cases.STREAMS, self.driver, self.serving)

    def test_every_case_has_an_id_of_its_own(self) -> None:
        tables = (cases.HEADS, cases.FRAMES, cases.BODIES, cases.STATUSES, cases.STREAMS)
        ids = [case.id for table in tables for case in table]
        self.assertEqual(len(ids), len(set(ids)))

    # Doors ----------------------------------------------------------------------------------

    def driver(self, case: Hostile) -> Outcome:
        """An app asked directly, as a chat, over http."""
        for path in (f"/{case.id}", f"/{case.id}/v1/chat/completions"):
            self.plain.on(path, case.behave)
        url = self.plain.url(f"/{case.id}")
        client = client_for(
            "driver", task="chat", url=url, egress=self.egress, limits=_limits(case)
        )
        return self.outcome(self.plain, case, lambda: self.text(client))

    def serving(self, case: Hostile) -> Outcome:
        """A serving endpoint with a token, over TLS."""
        self.secure.serve(case.id, case.behave)
        client = client_for(
            "serving",
            host=self.secure.origin,
            serving_endpoint=case.id,
            credential=Token(TOKEN),
            egress=self.egress,
            limits=_limits(case),
        )
        return self.outcome(self.secure, case, lambda: self.text(client))

    def workspace(self, case: Hostile) -> Outcome:
        """The workspace's API, with a token, over http."""
        path = f"/api/2.0/{case.id}"
        self.plain.on(path, case.behave)
        api = WorkspaceApi(self.plain.origin, Token(TOKEN), self.egress, _limits(case))
        return self.outcome(self.plain, case, lambda: str(api.post(path, {})), path)

    def text(self, client) -> str:
        return "".join(event.text for event in client.stream("x") if isinstance(event, Text))

    def outcome(self, upstream: Upstream, case: Hostile, ask, path: str = "") -> Outcome:
        began = time.monotonic()
        try:
            kind, said = "text", ask()
        except EndpointError as error:
            kind, said = error.kind, f"{error.message} {error.hint} {error.response}"
        took_s = time.monotonic() - began
        mine = [r for r in list(upstream.requests) if case.id in r.path.split("/")]
        mine = (
            [r for r in mine if r.path == path]
            if path
            else [r for r in mine if "api" not in r.path]
        )
        return Outcome(kind, said, took_s, len(mine))


def _limits(case: Hostile) -> Limits:
    return SHORT if "timeout" in case.kinds else PATIENT
