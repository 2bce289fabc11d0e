"""A connection that any thread can end at once, in every phase: the Stop button and the deadline.

Closing a response from another thread does not wake a blocked read. Shutting down the socket does,
so a duplicate of it is held from before it connects.
"""

import errno
import heapq
import itertools
import os
import queue
import socket
import threading
import time
from contextlib import suppress
from typing import Any, Protocol

from urllib3.util.wait import wait_for_write

from . import guard
from .errors import EgressDenied
from .policy import AddressInfo


class NotConnected(Exception):
    """No connection was made; the cause is the OSError that says why.

    No OSError itself, because urllib3 takes a connection reset, even this early, for one of a
    server that has answered already.
    """


class Route(Protocol):
    """Where a line may go: a `policy.Policy`."""

    @property
    def needs_look_up(self) -> bool: ...

    def find(self) -> list[AddressInfo]: ...

    def check_peer(self, sock: socket.socket, address: Any) -> None: ...


class Stopper:
    """Ends calls from another thread, whatever they are doing; pulled once, it stays pulled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: set[Line] = set()
        self.is_stopped = False

    def stop(self) -> None:
        """End every call that this stopper was given to, and any that it is still given to."""
        with self._lock:
            self.is_stopped = True
            lines = tuple(self._lines)
        for line in lines:
            line.cut()

    def attach(self, line: "Line") -> None:
        with self._lock:
            self._lines.add(line)

    def detach(self, line: "Line") -> None:
        with self._lock:
            self._lines.discard(line)


class Line:
    """The socket of one exchange from before it connects, so that it can be cut at any moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._looked_up: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.is_connected = False
        self.is_cut = False
        self.is_out_of_time = False

    def connect(self, route: Route, timeout_s: float) -> socket.socket:
        """A connected socket to the first address that takes it, all within that time.

        Raises NotConnected, and EgressDenied for a route that may not be taken.
        """
        until = time.monotonic() + timeout_s
        try:
            sock = self._first_taken(route, self._found(route, timeout_s), until)
        except OSError as error:
            raise NotConnected(str(error)) from error
        sock.settimeout(timeout_s)
        return sock

    def note_connected(self) -> None:
        """The connection stands, TLS and all: from here on silence is the endpoint's."""
        with self._lock:
            self.is_connected = True

    def give_up_connecting(self) -> None:
        """The same as running out of time, unless the connection stands by now."""
        with self._lock:
            if self.is_connected:
                return
            self.is_out_of_time = True
        self.cut()

    def cut(self) -> None:
        """End the exchange: whatever waits on its socket or for its host name wakes up at once."""
        with self._lock:
            self.is_cut = True
            self._looked_up.put(OSError("cut"))
            self._shut()

    def run_out_of_time(self) -> None:
        self.is_out_of_time = True
        self.cut()

    def close(self) -> None:
        with self._lock:
            self.is_cut = True
            self._shut()
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def _first_taken(self, route: Route, found: list[AddressInfo], until: float) -> socket.socket:
        failure = OSError("no address")
        for number, (family, kind, protocol, _, address) in enumerate(found):
            # Each address gets its share of the time that is left: one may lead nowhere.
            share_s = max(0.0, until - time.monotonic()) / (len(found) - number)
            sock = socket.socket(family, kind, protocol)
            try:
                guard.permit(address)
                self._connect(sock, address, share_s)
                route.check_peer(sock, address)
                return sock
            except BaseException as error:
                sock.close()
                if not isinstance(error, OSError):
                    raise
                failure = error
        raise failure

    def _connect(self, sock: socket.socket, address: Any, timeout_s: float) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        failed = sock.connect_ex(address)
        # Held only now: to shut a socket that has not begun to connect does nothing.
        self._hold(sock)
        if failed == errno.EINPROGRESS:
            if not wait_for_write(sock, timeout_s):
                raise TimeoutError("the connection took too long")
            failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed or self.is_cut:
            raise OSError(failed or errno.ECONNABORTED, os.strerror(failed or errno.ECONNABORTED))

    def _hold(self, sock: socket.socket) -> None:
        # A duplicate, because TLS takes the original apart, and a closed number may be used anew.
        with self._lock:
            if self.is_cut:
                raise OSError("cut")
            if self._socket is not None:
                self._socket.close()
            self._socket = sock.dup()

    def _shut(self) -> None:
        if self._socket is None:
            return
        with suppress(OSError):  # not connected any more: nothing waits on it
            self._socket.shutdown(socket.SHUT_RDWR)

    def _found(self, route: Route, timeout_s: float) -> list[AddressInfo]:
        if not route.needs_look_up:
            return route.find()
        # A look-up cannot be interrupted, so it waits in a thread of its own.
        threading.Thread(
            target=lambda: self._looked_up.put(_found_or_error(route)), daemon=True
        ).start()
        try:
            found = self._looked_up.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError("looking up the name took too long") from None
        if isinstance(found, Exception):
            raise found
        return found


class Deadline:
    """Ends a line when its time is over, unless it is cancelled before."""

    def __init__(self, line: Line, seconds: float) -> None:
        self._line: Line | None = line
        _DEADLINES.add(time.monotonic() + seconds, self)

    def cancel(self) -> None:
        self._line = None  # the heap may keep this for a while, and must not keep the line
        _DEADLINES.note_cancelled()

    @property
    def is_cancelled(self) -> bool:
        return self._line is None

    def arrive(self) -> None:
        if line := self._line:
            line.run_out_of_time()


class ConnectDeadline(Deadline):
    """Ends a line that does not stand by then: a handshake may trickle and never be silent."""

    def arrive(self) -> None:
        if line := self._line:
            line.give_up_connecting()


class _Deadlines:
    """All deadlines, watched by one thread: a timer for each call would be a thread for each."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._heap: list[tuple[float, int, Deadline]] = []
        self._numbers = itertools.count()
        self._cancelled = 0
        self._thread: threading.Thread | None = None

    def add(self, at: float, deadline: Deadline) -> None:
        with self._news:
            heapq.heappush(self._heap, (at, next(self._numbers), deadline))
            if self._thread is None or not self._thread.is_alive():  # a fork leaves it behind
                self._thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                self._thread.start()
            elif self._heap[0][2] is deadline:
                self._news.notify()

    def note_cancelled(self) -> None:
        with self._news:
            self._cancelled += 1
            if self._cancelled > 64 + len(self._heap) // 2:
                self._heap = [each for each in self._heap if not each[2].is_cancelled]
                heapq.heapify(self._heap)
                self._cancelled = 0

    def _watch(self) -> None:
        while True:
            self._next().arrive()

    def _next(self) -> Deadline:
        """Wait for the next deadline to be due."""
        with self._news:
            while True:
                wait_s = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._heap)[2]
                self._news.wait(None if wait_s is None else min(wait_s, threading.TIMEOUT_MAX))


_DEADLINES = _Deadlines()


def _found_or_error(route: Route) -> list[AddressInfo] | Exception:
    try:
        return route.find()
    except (OSError, EgressDenied) as error:
        return error
