"""Rights that are lost while a call is queued: the worker asks again, and nothing is sent.

A real site whose people may have one call in flight. Bob's first call keeps his seat until the test
lets it go; his second one, on what Alice shares with him, is queued meanwhile.
"""

import sqlite3
import threading
from contextlib import closing

from tests.live.base import BOB, LiveTestCase
from tests.site import wait_for
from tests.upstream import Exchange, answer

OF = "(SELECT id FROM playground_user WHERE username = ?)"
MEMBERSHIP = f"SELECT role, team_id, user_id FROM playground_membership WHERE user_id IN {OF}"
JOIN = "INSERT INTO playground_membership (role, team_id, user_id) VALUES (?, ?, ?)"
LEAVE = f"DELETE FROM playground_membership WHERE user_id IN {OF}"
ROLE = f"UPDATE playground_membership SET role = ? WHERE user_id IN {OF}"
ACTIVE = "UPDATE playground_user SET is_active = ? WHERE username = ?"
SEALED = f"SELECT sealed FROM playground_credential WHERE owner_id IN {OF}"
SEAL = f"UPDATE playground_credential SET sealed = ? WHERE owner_id IN {OF}"


class RightsLostInTheQueueTests(LiveTestCase):
    environment = {"PLAYGROUND_CALLS_PER_USER": "1"}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site.add_account("bob")
        slow = {"name": "slow", "kind": "driver", "url": f"{cls.upstream.origin}/slow"}
        cls.site.api("POST", "/endpoints", slow, user="bob", status=201)
        cls.team = cls.site.api("GET", "/me")["teams"][0]["id"]

    def setUp(self) -> None:
        self.store_token("bob", BOB)
        shared = {"kind": "serving", "task": "chat", "serving_endpoint": "chat"}
        shared |= {"workspace": self.workspace, "team": self.team, "name": self.id()[-100:]}
        self.endpoint = self.site.api("POST", "/endpoints", shared, status=201)["id"]
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)
        self.upstream.on("/slow", self._hold)

    def _hold(self, exchange: Exchange) -> None:
        self.go_on.wait(30)
        answer("Good.")(exchange)

    def test_101_nothing_lost_and_it_is_sent_with_bobs_own_token(self) -> None:
        """TENANCY-101: what the others are compared with."""
        self.assertEqual(self.queue_then(lambda: None), ("done", None))
        self.assertEqual(self.received(self.id()).token, BOB)

    def test_102_the_endpoint_is_no_longer_shared(self) -> None:
        """TENANCY-102"""
        change = {"team": None}
        self.assert_never_sent(
            "forbidden", lambda: self.site.api("PATCH", f"/endpoints/{self.endpoint}", change)
        )

    def test_103_the_endpoint_was_deleted(self) -> None:
        """TENANCY-103"""
        self.assert_never_sent(
            "forbidden", lambda: self.site.api("DELETE", f"/endpoints/{self.endpoint}")
        )

    def test_104_bob_left_the_team(self) -> None:
        """TENANCY-104"""
        self.put_back_membership_of("bob")
        self.assert_never_sent("forbidden", lambda: self.edit(LEAVE, ("bob",)))

    def test_105_bobs_role_became_viewer(self) -> None:
        """TENANCY-105"""
        self.addCleanup(self.edit, ROLE, ("member", "bob"))
        self.assert_never_sent("forbidden", lambda: self.edit(ROLE, ("viewer", "bob")))

    def test_106_alice_left_the_team_and_took_her_endpoint_along(self) -> None:
        """TENANCY-106"""
        self.put_back_membership_of("alice")
        self.assert_never_sent("forbidden", lambda: self.edit(LEAVE, ("alice",)))

    def test_107_bobs_account_was_deactivated(self) -> None:
        """TENANCY-107"""
        self.addCleanup(self.edit, ACTIVE, (True, "bob"))
        self.assert_never_sent("forbidden", lambda: self.edit(ACTIVE, (False, "bob")))

    def test_108_bob_erased_his_credential(self) -> None:
        """TENANCY-108: Alice's is there, and is not his."""
        path = f"/workspaces/{self.workspace}/credential"
        self.assert_never_sent(
            "no_credential", lambda: self.site.api("DELETE", path, user="bob", status=204)
        )

    def test_109_bobs_credential_row_was_given_alices_ciphertext(self) -> None:
        """TENANCY-109, the row edited directly: it does not open for another row and owner."""
        (sealed,) = self.edit(SEALED, ("alice",))
        self.assert_never_sent("no_credential", lambda: self.edit(SEAL, (*sealed, "bob")))

    # How ------------------------------------------------------------------------------------

    def queue_then(self, lose) -> tuple[str, str | None]:
        """Queue Bob's call, lose something, let it be claimed: its status and error kind."""
        self.site.start_run("keeps the seat", "slow", user="bob")
        wait_for(self._seat_is_taken, 15, lambda: "The first call was not claimed.")
        call = self.site.start_run(self.id(), self.endpoint, user="bob")["calls"][0]
        lose()
        self.assertEqual(self.stored(call["id"])[0], "queued", "It was claimed too early.")
        self.go_on.set()
        wait_for(
            lambda: self.stored(call["id"])[0] in ("done", "failed"),
            20,
            lambda: f"The call did not end: {self.stored(call['id'])}",
        )
        return self.stored(call["id"])

    def assert_never_sent(self, kind: str, lose) -> None:
        self.assertEqual(self.queue_then(lose), ("failed", kind))
        sent = [each for each in self.upstream.requests if self.id().encode() in each.body]
        self.assertEqual(sent, [])

    def put_back_membership_of(self, name: str) -> None:
        """When the test is over."""
        (row,) = self.edit(MEMBERSHIP, (name,))
        self.addCleanup(self.edit, JOIN, row)

    def _seat_is_taken(self) -> bool:
        live = "SELECT id FROM playground_call WHERE status IN ('waiting', 'streaming')"
        return len(self.edit(live)) == 1

    def stored(self, call_id: str) -> tuple[str, str | None]:
        """From the row itself: its owner may not be able to ask any more."""
        query = "SELECT status, json_extract(error, '$.kind') FROM playground_call WHERE id = ?"
        (row,) = self.edit(query, (call_id.replace("-", ""),))
        return row

    def edit(self, statement: str, values: tuple = ()) -> list[tuple]:
        """A direct edit of the database, as by somebody with a shell on the server."""
        file = self.site.data / "playground.sqlite3"
        with closing(sqlite3.connect(file, timeout=20)) as base, base:
            return base.execute(statement, values).fetchall()
