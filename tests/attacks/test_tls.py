"""No token leaves before the other side has proved who it is, and a handshake does not last."""

import logging
import socket
import ssl
import struct
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from contextlib import contextmanager, suppress

from endpoints import Egress, EndpointError, Limits, Token, client_for
from tests.attacks.base import names
from tests.certificates import certificate_file
from tests.upstream import Upstream

CONNECT_S = 1
SLACK_S = 10
Talk = Callable[[socket.socket], None]


@contextmanager
def listener(talk: Talk):
    """The origin, over https, of somebody who speaks no TLS, or badly."""
    server = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                visitor, _ = server.accept()
                with visitor, suppress(OSError):
                    heard.append(visitor.recv(65_536))
                    talk(visitor)

    threading.Thread(target=serve, daemon=True).start()
    with server:
        yield f"https://127.0.0.1:{server.getsockname()[1]}", heard


def hang(visitor: socket.socket) -> None:
    visitor.recv(65_536)


def drip(visitor: socket.socket) -> None:
    """A record of 16 KiB that is announced, and comes at a byte every 50 ms."""
    visitor.sendall(b"\x16\x03\x03\x40\x00")
    while True:
        visitor.sendall(b"\x00")
        time.sleep(0.05)


def reset(visitor: socket.socket) -> None:
    visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def say(data: bytes) -> Talk:
    return lambda visitor: visitor.sendall(data)


BAD_HANDSHAKES: tuple[tuple[str, str, Talk, str], ...] = (
    ("TLS-101", "says nothing", hang, "timeout"),
    ("TLS-102", "drips its hello", drip, "timeout"),
    ("TLS-103", "resets", reset, "connection"),
    ("TLS-104", "closes", say(b""), "connection tls"),
    ("TLS-105", "speaks http", say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "tls"),
    ("TLS-106", "speaks anything", say(b"\xff" * 4096), "tls"),
    ("TLS-107", "sends an alert", say(b"\x15\x03\x03\x00\x02\x02\x28"), "tls"),
    ("TLS-108", "sends zeros", say(b"\0" * 4096), "tls"),
    ("TLS-109", "speaks ssh", say(b"SSH-2.0-OpenSSH_9.2\r\n"), "tls"),
    (
        "TLS-110",
        "sends a record that is too long",
        say(b"\x16\x03\x03\xff\xff" + b"a" * 70_000),
        "tls",
    ),
)


class TlsAttackTests(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        logging.disable(logging.WARNING)
        self.addCleanup(logging.disable, logging.NOTSET)

    def failure(self, host: str, trusted: str | None = None) -> str:
        client = client_for(
            "serving",
            host=host,
            serving_endpoint="chat",
            credential=Token("dapi-attacked-0123456789"),
            egress=Egress(workspace_origins=(host,), ca_bundle=trusted, private_workspaces=True),
            limits=Limits(connect_s=CONNECT_S, idle_s=30, total_s=60),
        )
        with self.assertRaises(EndpointError) as caught:
            list(client.stream("x"))
        return caught.exception.kind

    def test_handshakes_that_are_none(self) -> None:
        for id, what, talk, kinds in BAD_HANDSHAKES:
            with self.subTest(id, what=what), listener(talk) as (origin, heard):
                began = time.monotonic()
                self.assertIn(self.failure(origin), kinds.split())
                self.assertLess(time.monotonic() - began, CONNECT_S + SLACK_S)
                self.assertNotIn(b"dapi-attacked", b"".join(heard))

    def test_certificates_that_prove_nothing(self) -> None:
        good = certificate_file(self.folder)
        for id, what, certificate, trusted in (
            ("TLS-201", "self-signed", good, None),
            ("TLS-202", "expired", certificate_file(self.folder, days=(-9, -2)), ...),
            ("TLS-203", "not valid yet", certificate_file(self.folder, days=(2, 9)), ...),
            ("TLS-204", "for another address", certificate_file(self.folder, "127.0.0.2"), ...),
            ("TLS-205", "for a name", certificate_file(self.folder, "localhost"), ...),
            ("TLS-206", "of another authority", good, certificate_file(self.folder, "other")),
        ):
            with self.subTest(id, what=what), Upstream(certificate=certificate) as upstream:
                trusted = certificate if trusted is ... else trusted
                self.assertEqual(self.failure(upstream.origin, trusted), "tls")
                self.assertEqual(upstream.requests, [])

    def test_the_name_is_checked_and_not_the_address_that_it_led_to(self) -> None:
        certificate = certificate_file(self.folder, "other.localhost")
        here = names({"app.localhost": ["127.0.0.1"], "other.localhost": ["127.0.0.1"]})
        with Upstream(certificate=certificate) as upstream, here:
            mine = f"https://app.localhost:{upstream.port}"
            self.assertEqual(self.failure(mine, certificate), "tls")
            self.assertEqual(upstream.requests, [])
            theirs = f"https://other.localhost:{upstream.port}"
            client = client_for(
                "serving",
                host=theirs,
                serving_endpoint="chat",
                credential=Token("dapi-attacked-0123456789"),
                egress=Egress((theirs,), ca_bundle=certificate),
            )
            self.assertEqual(list(client.stream("x"))[-1].finish_reason, "stop")

    def test_old_versions_are_not_spoken(self) -> None:
        certificate = certificate_file(self.folder)
        with Upstream(certificate=certificate) as upstream:
            context = upstream._server.tls
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = ssl.TLSVersion.TLSv1_1
            self.assertEqual(self.failure(upstream.origin, certificate), "tls")
            self.assertEqual(upstream.requests, [])
