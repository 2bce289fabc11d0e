"""What attacks are made of: a resolver that lies, listeners nobody may reach, ears for connects."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from unittest import mock

Addresses = Sequence[str] | Callable[[], Sequence[str]]


class Ears:
    """Every connection that Python makes while it listens, refused ones and failed ones too."""

    def __init__(self) -> None:
        self._heard: list | None = None
        self._is_hung_up = False

    @contextmanager
    def listening(self) -> Iterator[list]:
        """`with EARS.listening() as connects:` - a list of addresses that grows."""
        if not self._is_hung_up:
            self._is_hung_up = True
            sys.addaudithook(self._hear)  # it stays for the life of the process
        before, self._heard = self._heard, []
        try:
            yield self._heard
        finally:
            self._heard = before

    def _hear(self, event: str, arguments: tuple) -> None:
        if event == "socket.connect" and self._heard is not None:
            self._heard.append(arguments[1])


EARS = Ears()


@contextmanager
def names(answers: Mapping[str, Addresses]) -> Iterator[list[str]]:
    """A DNS of our own: these names have these addresses, numbers are themselves, else nothing is.

    A function as an answer is asked at every look-up. Gives the names that were looked up.
    """
    real = socket.getaddrinfo
    asked: list[str] = []

    def look_up(host, port, family=0, type=0, proto=0, flags=0):
        name = host.decode() if isinstance(host, bytes) else host
        if name == "localhost":
            return real(host, port, family, type, proto, flags)
        if name not in answers:
            return real(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)
        asked.append(name)
        found = answers[name]
        return [
            info
            for address in (found() if callable(found) else found)
            for info in real(address, port, family, type, proto, socket.AI_NUMERICHOST)
        ]

    with mock.patch("socket.getaddrinfo", look_up):
        yield asked


class Sentinel:
    """Listens on loopback, IPv4 and IPv6 on one port, and counts who comes. Nobody may."""

    def __init__(self) -> None:
        self.visits = 0
        self._stack = ExitStack()

    def __enter__(self) -> "Sentinel":
        first = socket.create_server(("127.0.0.1", 0))
        self.port = first.getsockname()[1]
        listeners = [first]
        with suppress(OSError):  # a machine without IPv6, or one where somebody has the port
            listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for listener in listeners:
            self._stack.enter_context(listener)
            threading.Thread(target=self._count, args=(listener,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def _count(self, listener: socket.socket) -> None:
        while True:
            try:
                visitor, _ = listener.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()
