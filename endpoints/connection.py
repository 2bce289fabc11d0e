"""Connections as urllib3 makes them, but over a line, with TLS, limits on the head, and a proxy."""

import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BufferedReader
from typing import Any

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

from .line import Line, NotConnected
from .policy import Policy

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 100
MAX_CHUNK_LINE_BYTES = 1024
_MAX_PROXY_HEAD_BYTES = 16 * 1024
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?\r?\n", re.DOTALL)


class HeadTooLarge(http.client.HTTPException):
    """The head of an answer, or what comes before or after it, goes on beyond its limits."""


class HeadCut(http.client.HTTPException):
    """The connection ended inside the head, which http.client would take for its end."""


class BadFraming(http.client.HTTPException):
    """A chunk whose size is none. Python's own reading takes signs and underscores for numbers."""


class NoTunnel(Exception):
    """The egress proxy gave no connection to the host; the message goes on after its name.

    No OSError, for the same reason as NotConnected.
    """


class _Head:
    """The lines of one head, as many and as long as they may be, and none without its end."""

    def __init__(self, source: BufferedReader) -> None:
        self._source = source
        self._bytes_left = MAX_HEAD_BYTES
        self._lines_left = MAX_HEADERS + 1  # with the status line, and before http.client's own
        self._is_begun = False

    def readline(self, size: int) -> bytes:
        line = self._source.readline(min(size, self._bytes_left + 1))
        self._bytes_left -= len(line)
        self._lines_left -= 1
        if self._bytes_left < 0 or self._lines_left < 0:
            raise HeadTooLarge
        if not line.endswith(b"\n") and (line or self._is_begun):
            raise HeadCut
        self._is_begun = True
        return line

    def close(self) -> None:
        self._source.close()


class _Answer(http.client.HTTPResponse):
    """An answer whose head, with any 1xx before it, and whose chunks and trailers are bounded."""

    def begin(self) -> None:
        with self._bounded():
            super().begin()

    def _read_next_chunk_size(self) -> int:
        line = self.fp.readline(MAX_CHUNK_LINE_BYTES + 1)
        if not line.endswith(b"\n") and len(line) <= MAX_CHUNK_LINE_BYTES:
            raise http.client.IncompleteRead(line)
        found = _CHUNK_SIZE.fullmatch(line)
        if not found:
            raise BadFraming(line[:32])
        return int(found[1], 16)

    def _read_and_discard_trailer(self) -> None:
        with self._bounded():
            super()._read_and_discard_trailer()

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Within, lines come out of a head."""
        source = self.fp
        head = self.fp = _Head(source)
        try:
            yield
        finally:
            if self.fp is head:  # else it was closed
                self.fp = source


class _Held:
    """Mixed into urllib3's connections: the socket comes from a line. TLS still checks the name."""

    response_class = _Answer
    debuglevel = 0  # whatever http.client's own is set to: it would print headers

    def __init__(self, *args: Any, line: Line, policy: Policy, **options: Any) -> None:
        super().__init__(*args, **options)
        self._line = line
        self._policy = policy

    def _new_conn(self) -> socket.socket:
        origin = self._policy.origin
        if (self._dns_host.strip("[]"), self.port) != (origin.name, origin.port):
            raise ValueError("the connection is to another host than its policy is for")
        if self._policy.proxy is None:
            return self._line.connect(self._policy, self.timeout)
        try:
            sock = self._line.connect(self._policy, self.timeout)
        except NotConnected as error:
            raise NoTunnel("could not be reached") from error
        try:
            _open_tunnel(sock, self._policy)
        except BaseException:
            sock.close()
            raise
        return sock

    def connect(self) -> None:
        super().connect()
        self._line.note_connected()


class HeldHTTP(_Held, HTTPConnection):
    pass


class HeldHTTPS(_Held, HTTPSConnection):
    pass


def _open_tunnel(sock: socket.socket, policy: Policy) -> None:
    """Ask the proxy for a connection to the host; from then on the socket is one to it.

    Raises NoTunnel and OSError.
    """
    place = f"{policy.origin.host}:{policy.origin.port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if policy.proxy.authorization:
        lines.append(f"Proxy-Authorization: {policy.proxy.authorization}")
    sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    head = b""
    while b"\r\n\r\n" not in head:
        data = sock.recv(4096)
        head += data
        if not data or len(head) > _MAX_PROXY_HEAD_BYTES:
            raise NoTunnel("ended the connection")
    status = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    # Nothing may follow: TLS begins with our own words.
    if len(status) < 2 or status[1][:1] != "2" or not head.endswith(b"\r\n\r\n"):
        code = status[1] if len(status) > 1 and status[1].isdigit() else "something else than HTTP"
        raise NoTunnel(f"answered {code}")


@lru_cache(maxsize=8)
def tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    """The usual authorities and the admin's own, read once: it takes some 10 ms."""
    context = create_urllib3_context()
    context.load_verify_locations(certifi.where())
    if ca_bundle:
        context.load_verify_locations(ca_bundle)
    return context
