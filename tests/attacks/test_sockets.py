"""Attacks on the sockets and event streams: SOCKET-001 and on, done to a real site."""

import socket as sockets
import time
from contextlib import suppress

import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.live.base import LiveTestCase
from tests.site import PASSWORD, csrf_in
from tests.upstream import events

AT_ONCE_S = 2.0  # the periodic look comes every 10 s: what is quicker was announced
SIGNED_OUT, NO_SUCH_RUN, FLOOD, TOO_BIG = 4401, 4404, 4429, 1009


class SocketAttackTests(LiveTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site.add_account("carl")
        cls.upstream.on("/slow", events(["word "] * 2400, delay_s=0.05))
        cls.site.api(
            "POST",
            "/endpoints",
            {"name": "slow", "kind": "driver", "url": cls.upstream.url("/slow")},
        )

    def setUp(self) -> None:
        self.run_id = self.site.start_run("private text", "slow")["id"]
        self.addCleanup(self.site.api, "POST", f"/runs/{self.run_id}/stop")
        self.session = self.site.session()

    # Helpers --------------------------------------------------------------------------------

    def listen(self, session: requests.Session | None = None) -> ClientConnection:
        """A socket that has heard something, so that the site knows who listens."""
        socket = self.enterContext(self.site.socket(self.run_id, session or self.session))
        socket.recv(timeout=10)
        return socket

    def close_code(self, socket: ClientConnection, within_s: float = 15.0) -> int | None:
        deadline = time.monotonic() + within_s
        with self.assertRaises(ConnectionClosed) as closed:
            while time.monotonic() < deadline:
                socket.recv(timeout=max(0.1, deadline - time.monotonic()))
        return closed.exception.rcvd and closed.exception.rcvd.code

    def assert_closed_at_once(self, socket: ClientConnection, code: int) -> None:
        began = time.monotonic()
        self.assertEqual(self.close_code(socket), code)
        self.assertLess(time.monotonic() - began, AT_ONCE_S)

    def post(self, session: requests.Session, path: str, **typed: str) -> requests.Response:
        headers = {"X-CSRFToken": session.csrf, "Referer": f"{self.site.url}/"}
        answer = session.post(self.site.url + path, typed, headers=headers, timeout=20)
        self.assertTrue(answer.ok, answer.text[:500])
        return answer

    def change(self, code: str) -> None:
        """What an admin does to alice's account; the site hears of it by the periodic look."""
        alice = "from playground.models import *; alice = User.objects.get(username='alice'); "
        self.site.manage("shell", "--no-imports", "-c", alice + code)

    def handshake(self, **headers: str) -> int:
        """The status that the handshake is answered with; 101 where the socket opens."""
        cookies = "; ".join(f"{c.name}={c.value}" for c in self.session.cookies)
        origin = headers.pop("Origin", self.site.url)
        url = f"ws://127.0.0.1:{self.site.port}/ws/runs/{self.run_id}/"
        try:
            with connect(
                url, origin=origin, additional_headers={"Cookie": cookies} | headers
            ) as socket:
                socket.recv(timeout=5)
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    # Who may listen -------------------------------------------------------------------------

    def test_socket_001_origins_of_other_apps_and_sites_are_refused(self) -> None:
        port = self.site.port
        self.assertEqual(self.handshake(), 101)
        for origin in (
            "http://127.0.0.1:9999",
            f"https://127.0.0.1:{port}",
            f"http://localhost:{port}",
            "http://127.0.0.1",
            f"ws://127.0.0.1:{port}",
            "ftp://127.0.0.1:1",
            "file://127.0.0.1/",
            "http://evil.test",
            f"http://127.0.0.1:{port}@evil.test",
            f"http://127.0.0.1:{port}.evil.test",
            f"http://127.0.0.1:{port}/",
            f"http://127.0.0.1:{port}, http://evil.test",
            "null",
        ):
            with self.subTest(origin=origin):
                self.assertIn(self.handshake(Origin=origin), (400, 403))

    def test_socket_002_a_handshake_without_origin_is_refused(self) -> None:
        self.assertIn(self.handshake(Origin=None), (400, 403))

    def test_socket_003_foreign_hosts_are_a_400_on_every_path(self) -> None:
        hosts = (
            "evil.test",
            "evil.test:{port}",
            "127.0.0.1.evil.test:{port}",
            "",
            "a b",
            "0.0.0.0",
        )
        paths = ("/", "/login/", "/api/v1/me", "/static/js/site.js", "/nothing", "/setup/")
        for host in (each.format(port=self.site.port) for each in hosts):
            for path in paths:
                with self.subTest(host=host, path=path):
                    answer = requests.get(self.site.url + path, headers={"Host": host}, timeout=10)
                    self.assertEqual(answer.status_code, 400)
                    self.assertNotIn("Set-Cookie", answer.headers)
            with self.subTest(host=host, path="socket"):
                self.assertEqual(self.raw_handshake(host), 400)

    def raw_handshake(self, host: str) -> int:
        lines = [f"GET /ws/runs/{self.run_id}/ HTTP/1.1", f"Host: {host}", "Upgrade: websocket"]
        lines += ["Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        lines += ["Sec-WebSocket-Version: 13", f"Origin: http://{host}"]
        lines += ["Cookie: " + "; ".join(f"{c.name}={c.value}" for c in self.session.cookies)]
        with sockets.create_connection(("127.0.0.1", self.site.port), timeout=10) as line:
            line.sendall("\r\n".join([*lines, "", ""]).encode())
            return int(line.recv(65536).split(b" ")[1])

    def test_socket_004_anonymous_colleague_and_stranger_hear_nothing(self) -> None:
        for session, code in (
            (requests.Session(), SIGNED_OUT),
            (self.site.session("carl"), NO_SUCH_RUN),
        ):
            with self.site.socket(self.run_id, session) as socket:
                with self.assertRaises(ConnectionClosed) as closed:
                    socket.recv(timeout=10)
                self.assertEqual(closed.exception.rcvd.code, code)

    def test_socket_005_an_api_token_in_address_or_header_opens_no_socket(self) -> None:
        token = self.site.tokens["alice"]
        url = f"ws://127.0.0.1:{self.site.port}/ws/runs/{self.run_id}/?token={token}"
        headers = {"Authorization": f"Bearer {token}"}
        with connect(url, origin=self.site.url, additional_headers=headers) as socket:
            self.assertEqual(self.close_code(socket), SIGNED_OUT)

    # Who may go on --------------------------------------------------------------------------

    def test_socket_006_signing_out_closes_it_at_once_in_every_tab(self) -> None:
        tabs = [self.listen(), self.listen()]
        others = self.listen(self.site.session())  # the same person elsewhere stays signed in
        self.post(self.session, "/logout/")
        for socket in tabs:
            self.assert_closed_at_once(socket, SIGNED_OUT)
        others.recv(timeout=5)

    def test_socket_007_ending_other_sessions_closes_theirs_at_once(self) -> None:
        elsewhere = self.listen(self.site.session())
        self.post(self.session, "/account/sessions/end/")
        self.assert_closed_at_once(elsewhere, SIGNED_OUT)

    def test_socket_008_a_new_password_closes_it_at_once(self) -> None:
        elsewhere = self.listen(self.site.session())
        new = "another long password"
        self.addCleanup(self.change, f"alice.set_password({PASSWORD!r}); alice.save()")
        typed = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        self.post(self.session, "/account/password/", **typed)
        self.assert_closed_at_once(elsewhere, SIGNED_OUT)

    def test_socket_009_a_deactivated_account_is_closed_within_the_periodic_look(self) -> None:
        socket = self.listen()
        self.addCleanup(self.change, "alice.is_active = True; alice.save()")
        self.change("alice.is_active = False; alice.save()")
        self.assertEqual(self.close_code(socket), SIGNED_OUT)

    def test_socket_010_a_run_that_is_no_longer_yours_is_closed(self) -> None:
        socket = self.listen()
        give = "Run.objects.filter(pk={!r}).update(owner=User.objects.get(username={!r}))"
        self.addCleanup(self.change, give.format(self.run_id, "alice"))
        self.change(give.format(self.run_id, "carl"))
        self.assertEqual(self.close_code(socket), NO_SUCH_RUN)

    def test_socket_011_an_event_stream_ends_with_its_session_at_once(self) -> None:
        address = f"{self.site.url}/api/v1/runs/{self.run_id}/events"
        with self.session.get(address, stream=True, timeout=20) as stream:
            lines = stream.iter_lines()
            self.assertEqual(next(lines), b"event: call")
            leaver = requests.Session()
            leaver.cookies, leaver.csrf = self.session.cookies, self.session.csrf
            began = time.monotonic()
            self.post(leaver, "/logout/")
            for _ in lines:
                pass
            self.assertLess(time.monotonic() - began, AT_ONCE_S)

    def test_socket_012_an_event_stream_ends_with_its_token_at_once(self) -> None:
        made = self.post(self.session, "/account/tokens/", name="leak", scope="read", days="30")
        token = made.text.split('id="new-token"')[1].split('value="')[1].split('"')[0]
        revoke = made.text.split('action="/account/tokens/')[1].split('"')[0]
        address = f"{self.site.url}/api/v1/runs/{self.run_id}/events"
        headers = {"Authorization": f"Bearer {token}"}
        with requests.get(address, headers=headers, stream=True, timeout=20) as stream:
            lines = stream.iter_lines()
            next(lines)
            began = time.monotonic()
            self.session.csrf = csrf_in(made.text)
            self.post(self.session, f"/account/tokens/{revoke}")
            for _ in lines:
                pass
            self.assertLess(time.monotonic() - began, AT_ONCE_S)

    def test_socket_013_another_apps_page_reads_no_event_stream(self) -> None:
        address = f"{self.site.url}/api/v1/runs/{self.run_id}/events"
        for headers in (
            {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:9999"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "http://evil.test"},
            {"Origin": "null"},
        ):
            answer = self.session.get(address, headers=headers, timeout=10, stream=True)
            self.assertEqual(answer.status_code, 403)
            self.assertNotIn("Access-Control-Allow-Origin", answer.headers)

    # How much -------------------------------------------------------------------------------

    def test_socket_014_a_frame_beyond_the_limit_closes_it(self) -> None:
        for size in (65 * 1024, 1_200_000, 20 * 2**20):
            with self.subTest(size=size):
                socket = self.listen()
                with suppress(ConnectionClosed):
                    socket.send("x" * size)
                self.assertIn(self.close_code(socket), (TOO_BIG, None))  # or without a word

    def test_socket_015_a_flood_of_messages_closes_it(self) -> None:
        socket = self.listen()
        with suppress(ConnectionClosed):
            for _ in range(2000):
                socket.send("x" * 1000)
        self.assertEqual(self.close_code(socket), FLOOD)

    def test_socket_016_what_a_page_sends_means_nothing(self) -> None:
        socket = self.listen()
        for text in ('{"type": "call.stop"}', "subscribe run.1", "\0", "[" * 1000, "{}"):
            socket.send(text)
        socket.send(b"\xff\xfe binary")
        self.assertIn("type", socket.recv(timeout=5))
        run = self.site.api("GET", f"/runs/{self.run_id}")
        self.assertEqual(run["status"], "running")

    def test_socket_017_more_than_allowed_are_refused_and_closed_ones_make_room(self) -> None:
        limit = 50
        sockets = [self.listen() for _ in range(limit)]
        with self.site.socket(self.run_id, self.session) as extra:
            self.assertEqual(self.close_code(extra), FLOOD)
        address = f"{self.site.url}/api/v1/runs/{self.run_id}/events"
        headers = {"Authorization": f"Bearer {self.site.tokens['alice']}"}
        answer = requests.get(address, headers=headers, timeout=10)
        self.assertEqual((answer.status_code, answer.json()["error"]["kind"]), (429, "too_many"))
        self.assertIn("Retry-After", answer.headers)
        for socket in sockets[:5]:
            socket.close()
        time.sleep(0.5)
        self.listen()

    def test_socket_018_paths_that_are_no_socket_are_refused(self) -> None:
        for path in ("/ws/", "/ws/runs/1/", "/ws/runs/../", "/", f"/ws/runs/{self.run_id}"):
            with self.subTest(path), self.assertRaises(InvalidStatus):
                connect(f"ws://127.0.0.1:{self.site.port}{path}", origin=self.site.url)
