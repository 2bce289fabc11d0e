"""Attacks on the server itself, from outside and without an account: SERVER-001 and on.

Each is done to a real site; what it may cost is read from /proc, and others are served meanwhile.
"""

import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time
import unittest
from contextlib import ExitStack, suppress
from pathlib import Path

import requests

from tests.site import ROOT, Site, csrf_in, free_port, wait_for

MIB = 2**20
BODY_LIMIT = 4 * MIB


class ServerAttackTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.site = cls.enterClassContext(Site())
        cls.session = cls.site.session()
        for _ in range(3):
            cls.session.get(f"{cls.site.url}/account/", timeout=10)

    # Helpers --------------------------------------------------------------------------------

    def connect(self, timeout_s: float = 20.0) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self.site.port), timeout=timeout_s)
        self.addCleanup(line.close)
        return line

    def head(
        self, path: str, *headers: str, method: str = "POST", host: str | None = None
    ) -> bytes:
        host = f"127.0.0.1:{self.site.port}" if host is None else host
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
        return "\r\n".join(lines).encode()

    def answer(self, line: socket.socket) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of what comes until the server closes its side."""
        received = b""
        with suppress(ConnectionResetError):
            while chunk := line.recv(65536):
                received += chunk
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(each.split(": ", 1) for each in lines if ": " in each)
        return int(first.split(" ")[1]) if first else 0, headers, body

    def send(self, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
        line = self.connect()
        with suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                line.sendall(part)
        return self.answer(line)

    def memory_mib(self) -> float:
        status = Path(f"/proc/{self.site.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def peak_mib(self) -> float:
        status = Path(f"/proc/{self.site.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def reset_peak(self) -> None:
        Path(f"/proc/{self.site.process.pid}/clear_refs").write_text("5")

    def assert_serves(self, within_s: float = 1.0, times: int = 20) -> None:
        """Somebody else's page, meanwhile: 19 of 20 within a second."""
        took = []
        for _ in range(times):
            began = time.monotonic()
            answer = self.session.get(f"{self.site.url}/account/", timeout=20)
            took.append(time.monotonic() - began)
            self.assertEqual(answer.status_code, 200)
        self.assertLess(statistics.quantiles(took, n=20)[18], within_s, took)

    # Bodies ---------------------------------------------------------------------------------

    def test_server_001_ten_bodies_of_200_mib_cost_next_to_nothing(self) -> None:
        self.reset_peak()
        before = self.memory_mib()

        def flood() -> None:
            line = socket.create_connection(("127.0.0.1", self.site.port), timeout=30)
            with line, suppress(OSError):
                line.sendall(self.head("/login/", f"Content-Length: {200 * MIB}"))
                for _ in range(200):
                    line.sendall(bytes(MIB))

        floods = [threading.Thread(target=flood) for _ in range(10)]
        for each in floods:
            each.start()
        self.assert_serves()
        for each in floods:
            each.join()
        self.assertLess(self.peak_mib() - before, 40)

    def test_server_002_an_announced_length_is_refused_before_the_body_comes(self) -> None:
        for path, content_type in (("/login/", "text/html"), ("/api/v1/runs", "application/json")):
            with self.subTest(path):
                began = time.monotonic()
                status, headers, body = self.send(self.head(path, f"Content-Length: {200 * MIB}"))
                self.assertEqual(status, 413)
                self.assertLess(time.monotonic() - began, 3)
                self.assertTrue(headers["Content-Type"].startswith(content_type))
                self.assertEqual(headers["Connection"], "close")
                self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
                self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
                if content_type == "application/json":
                    self.assertEqual(json.loads(body)["error"]["kind"], "too_large")
                else:
                    self.assertIn(b"too long to send", body)

    def test_server_003_a_chunked_body_is_measured_while_it_comes(self) -> None:
        self.reset_peak()
        before = self.memory_mib()
        chunk = b"%x\r\n%s\r\n" % (MIB, bytes(MIB))
        head = self.head("/api/v1/runs", "Transfer-Encoding: chunked")
        status, _, body = self.send(head, *[chunk] * 64)
        self.assertEqual(status, 413)
        self.assertEqual(json.loads(body)["error"]["kind"], "too_large")
        self.assertLess(self.peak_mib() - before, 30)

    def test_server_004_an_understated_length_ends_the_request_there(self) -> None:
        before = self.memory_mib()
        head = self.head("/login/", "Content-Length: 10", "Content-Type: text/plain")
        status, _, _ = self.send(head, bytes(10), b"A" * 8 * MIB)
        self.assertEqual(status, 403)
        self.assert_serves(times=5)
        self.assertLess(self.memory_mib() - before, 20)

    def test_server_005_what_follows_an_understated_length_is_no_request_of_somebody(self) -> None:
        """The rest is read as a request of its own, without cookie: nothing is smuggled."""
        smuggled = self.head("/account/", "Connection: close", method="GET")
        status, _, body = self.send(self.head("/nothing", "Content-Length: 3"), b"abc" + smuggled)
        self.assertNotIn(b"Sign out", body)
        self.assertEqual(body.count(b"HTTP/1.1 302"), 1)

    def test_server_006_two_lengths_or_a_length_and_chunks_are_no_request(self) -> None:
        for headers in (
            ("Content-Length: 5", "Content-Length: 6"),
            ("Content-Length: 5", "Transfer-Encoding: chunked"),
            ("Transfer-Encoding: chunked", "Content-Length: 5"),
            ("Content-Length: -1",),
            ("Content-Length: 5x",),
            ("Content-Length: 0x10",),
            ("Transfer-Encoding: gzip",),
            ("Transfer-Encoding: chunked, identity",),
        ):
            with self.subTest(headers=headers):
                self.assertEqual(self.send(self.head("/login/", *headers), b"hello")[0], 400)

    def test_server_007_a_body_within_the_limit_comes_through(self) -> None:
        body = json.dumps({"prompt": "x" * (BODY_LIMIT - 1000), "variants": []}).encode()
        headers = {"Authorization": f"Bearer {self.site.tokens['alice']}"}
        url = f"{self.site.url}/api/v1/runs"
        answer = requests.post(url, data=body, headers=headers, timeout=20)
        self.assertEqual((answer.status_code, answer.json()["error"]["kind"]), (413, "too_large"))
        self.assertEqual(answer.json()["error"]["field"], "prompt")  # the site itself said so

    def test_server_008_bombs_of_tiny_chunks_and_of_form_fields_are_survived(self) -> None:
        before = self.memory_mib()
        head = self.head("/api/v1/runs", "Transfer-Encoding: chunked", "Connection: close")
        status, _, _ = self.send(head, b"1\r\nx\r\n" * 200_000, b"0\r\n\r\n")
        self.assertEqual(status, 401)
        form = "&".join(f"a{number}=" for number in range(300_000))
        answer = requests.post(f"{self.site.url}/login/", form, timeout=20)
        self.assertIn(answer.status_code, (400, 403))
        self.assertLess(self.memory_mib() - before, 60)

    # Slow ones ------------------------------------------------------------------------------

    def test_server_009_a_thousand_idle_sockets_are_let_go(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with ExitStack() as stack:
            idle = [stack.enter_context(self.connect()) for _ in range(1000)]
            self.assert_serves()
            wait_for(lambda: self.open_lines() < 100, 20, lambda: f"{self.open_lines()} are open")
            self.assertEqual(idle[0].recv(1), b"")
        self.assertLess(self.memory_mib(), 512)

    def test_server_010_five_hundred_slow_headers_end_within_seconds(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        slow = [self.connect() for _ in range(500)]
        began, is_over = time.monotonic(), threading.Event()

        def drip() -> None:
            for line in slow:
                line.sendall(b"GET / HTTP/1.1\r\n")
            while not is_over.wait(1.0):
                for line in slow:
                    with suppress(OSError):
                        line.sendall(b"X-a: b\r\n")

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            self.assert_serves()
            wait_for(lambda: self.open_lines() < 100, 25, lambda: f"{self.open_lines()} are open")
            self.assertLess(time.monotonic() - began, 25)
        finally:
            is_over.set()
            dripping.join()

    def test_server_011_a_header_that_never_ends_is_cut(self) -> None:
        """And told: the rest is read and dropped, so that no reset takes the answer away."""
        head = self.head("/", method="GET")[:-2]
        for start, junk in (
            (head, b"X-a: " + b"b" * MIB),
            (head, b"X-a: b\r\n" * 20_000),
            (b"", b"A" * MIB),
            (b"HELLO\r\n", bytes(MIB)),
        ):
            with self.subTest(junk[:10]):
                status, headers, body = self.send(start, junk)
                self.assertEqual((status, headers["Connection"]), (400, "close"))
                self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
                self.assertIn(b"could not read", body)

    def test_server_015_a_request_that_stops_half_way_is_told_so(self) -> None:
        lines = [self.connect() for _ in range(3)]
        lines[0].sendall(b"GET /acc")
        lines[1].sendall(self.head("/api/v1/me", method="GET")[:-2])
        for line, content_type in zip(lines, ("text/plain", "application/json"), strict=False):
            status, headers, _ = self.answer(line)
            self.assertEqual(status, 408)
            self.assertTrue(headers["Content-Type"].startswith(content_type))
        # A browser that connected ahead of a request would take an answer for that of the request.
        self.assertEqual(self.answer(lines[2])[0], 0)

    def test_server_012_answers_that_nobody_reads_are_let_go(self) -> None:
        page = requests.get(
            f"{self.site.url}/api/v1/docs", cookies=self.session.cookies, timeout=10
        )
        big = page.text.split('src="')[1].split('"')[0]  # Swagger's bundle, more than a megabyte
        before = self.memory_mib()
        lines = []
        for _ in range(40):
            line = socket.socket()
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.connect(("127.0.0.1", self.site.port))
            line.sendall(self.head(big, method="GET"))
            self.addCleanup(line.close)
            lines.append(line)
        time.sleep(2)
        self.assert_serves()
        wait_for(lambda: self.open_lines() < 20, 60, lambda: f"{self.open_lines()} are open")
        self.assertLess(self.memory_mib() - before, 100)

    def test_server_013_who_reads_slowly_gets_all(self) -> None:
        page = requests.get(
            f"{self.site.url}/api/v1/docs", cookies=self.session.cookies, timeout=10
        )
        big = page.text.split('src="')[1].split('"')[0]
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(20)
        line.connect(("127.0.0.1", self.site.port))
        self.addCleanup(line.close)
        line.sendall(self.head(big, "Connection: close", method="GET"))
        received, began = b"", time.monotonic()
        while chunk := line.recv(65536):
            received += chunk
            if time.monotonic() - began < 35:
                time.sleep(0.05)
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        self.assertEqual(len(body), length)

    def test_server_014_a_flood_of_sign_ins_leaves_room_for_others(self) -> None:
        """Most are refused unlooked at, and of the rest two at a time are hashed."""
        visitor = requests.Session()
        page = visitor.get(f"{self.site.url}/login/", timeout=10)
        token = csrf_in(page.text)
        cookie = "; ".join(f"{each.name}={each.value}" for each in visitor.cookies)
        statuses = []

        def sign_in(number: int) -> None:
            body = f"csrfmiddlewaretoken={token}&username=name{number}&password=guess".encode()
            headers = [f"Content-Length: {len(body)}", f"Cookie: {cookie}", "Connection: close"]
            headers += ["Content-Type: application/x-www-form-urlencoded"]
            line = socket.create_connection(("127.0.0.1", self.site.port), timeout=120)
            with line:
                line.sendall(self.head("/login/", *headers) + body)
                statuses.append(self.answer(line)[0])

        flood = [threading.Thread(target=sign_in, args=(number,)) for number in range(150)]
        for each in flood:
            each.start()
        self.assert_serves(times=60)
        for each in flood:
            each.join()
        self.assertEqual(set(statuses), {422, 429})
        self.assertLessEqual(statuses.count(422), 50)
        self.assertLess(self.memory_mib(), 512)

    def open_lines(self) -> int:
        """Connections that the server holds."""
        port = f":{self.site.port:04X}"
        rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return sum(row.split()[1].endswith(port) and row.split()[3] == "01" for row in rows)


FAILING = """
import django
django.setup()
from playground.server import make_server

async def application(scope, receive, send):
    if scope["type"] == "http" and scope["path"] == "/half":
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise ValueError("as asked")

make_server(application).run()
"""


class HalfAnswerTests(unittest.TestCase):
    def test_server_016_an_answer_that_fails_half_way_is_cut_and_harms_no_other(self) -> None:
        port = free_port()
        environment = os.environ | {"HOST": "127.0.0.1", "PORT": str(port)}
        environment["DJANGO_SETTINGS_MODULE"] = "playground.settings"
        server = subprocess.Popen(
            [sys.executable, "-c", FAILING], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
        )
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(port), 30, lambda: "The server did not start.")
        for _ in range(2):
            with self.assertRaises(requests.exceptions.ChunkedEncodingError):
                requests.get(f"{url}/half", timeout=20)
            answer = requests.get(f"{url}/api/whole", timeout=20)
            self.assertEqual(answer.status_code, 500)
            self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
