"""A small egress proxy on a real socket: CONNECT alone, names looked up in a table of its own.

with Proxy({"adb-1.azuredatabricks.net": upstream.port}) as proxy:
    ...                             # proxy.url
    proxy.asked[-1].place           # adb-1.azuredatabricks.net:443
"""

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
TAKEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Asked(NamedTuple):
    place: str
    head: str


class Proxy:
    """`answers` replaces what it says for one host: bytes to send, or a function of the socket."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self.ports = ports
        self.answers: dict[str, bytes | Callable[[socket.socket], None]] = {}
        self.asked: list[Asked] = []
        self.seen = b""  # what went through towards the hosts

    def __enter__(self) -> "Proxy":
        self._server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.close()

    @property
    def port(self) -> int:
        return self._server.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(visitor,), daemon=True).start()

    def _talk(self, visitor: socket.socket) -> None:
        with visitor, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and (data := visitor.recv(4096)):
                head += data
            place = head.split(b" ", 2)[1].decode()
            self.asked.append(Asked(place, head.decode()))
            host = place.rpartition(":")[0]
            answer = self.answers.get(host, TAKEN if host in self.ports else REFUSED)
            if callable(answer):
                answer(visitor)
                return
            visitor.sendall(answer)
            if answer == TAKEN:
                self._carry(visitor, self.ports[host])

    def _carry(self, visitor: socket.socket, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as host:
            back = threading.Thread(target=_copy, args=(host, visitor), daemon=True)
            back.start()
            while data := visitor.recv(65_536):
                self.seen += data
                host.sendall(data)
            host.shutdown(socket.SHUT_WR)
            back.join(5)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
