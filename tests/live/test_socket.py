"""Who may listen to a run's socket."""

import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.live.base import LiveTestCase
from tests.upstream import events


class RunSocketTests(LiveTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.run_id = cls.site.start_run("hello", "direct")["id"]
        cls.alice = cls.site.session()

    def close_code(self, socket) -> int:
        with self.assertRaises(ConnectionClosed) as closed:
            while True:
                socket.recv(timeout=10)
        return closed.exception.rcvd.code

    def test_owner_hears_the_run_to_its_end(self):
        with self.site.socket(self.run_id, self.alice) as socket:
            self.assertEqual(self.close_code(socket), 1000)

    def test_colleague_and_stranger_are_told_that_there_is_no_such_run(self):
        self.site.add_account("carl")
        with self.site.socket(self.run_id, self.site.session("carl")) as socket:
            self.assertEqual(self.close_code(socket), 4404)

    def test_anonymous_is_told_to_sign_in(self):
        with self.site.socket(self.run_id, requests.Session()) as socket:
            self.assertEqual(self.close_code(socket), 4401)

    def test_signing_out_closes_the_socket(self):
        slow = self.add_endpoint("/slow", events(["word "] * 600, delay_s=0.05))
        run = self.site.start_run("private text", slow)
        session = self.site.session()
        with self.site.socket(run["id"], session) as socket:
            headers = {"X-CSRFToken": session.csrf, "Referer": f"{self.site.url}/"}
            session.post(f"{self.site.url}/logout/", headers=headers, timeout=10)
            self.assertEqual(self.close_code(socket), 4401)
        self.site.api("POST", f"/runs/{run['id']}/stop")

    def test_other_origins_are_refused_even_with_the_cookie(self):
        for origin in (
            "http://127.0.0.1:9999",
            f"https://127.0.0.1:{self.site.port}x",
            f"http://localhost:{self.site.port}",
            "ftp://127.0.0.1:1",
            "file://127.0.0.1/",
            "http://evil.test",
            "null",
        ):
            with self.subTest(origin=origin), self.assertRaises(InvalidStatus) as refused:
                self.site.socket(self.run_id, self.alice, origin=origin)
            self.assertIn(refused.exception.response.status_code, (400, 403))
