"""The second line, for a process that serves many people: what slips past the first is refused.

Python tells an audit hook of every connection before it is made. While a thread sends a request,
it may connect to the addresses that were judged for this very request, and to nothing else, whoever
in the libraries below tries. Connections that C code makes by itself are not seen.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import egress
from .errors import EgressDenied

_log = logging.getLogger(__name__)
_is_installed = False


class _Sending(threading.local):
    """What this thread may connect to; None while it sends nothing."""

    permitted: set[Any] | None = None


_sending = _Sending()


def install() -> None:
    """For the rest of this process; also from here on every call needs its egress."""
    global _is_installed
    egress.require()
    if not _is_installed:
        _is_installed = True
        sys.addaudithook(_hear)


@contextmanager
def sending() -> Iterator[None]:
    """Around whatever sends a request: this thread connects where `permit` says, nowhere else."""
    before, _sending.permitted = _sending.permitted, set()
    try:
        yield
    finally:
        _sending.permitted = before


def permit(address: Any) -> None:
    """An address that was judged, as `socket.connect` takes it."""
    if _sending.permitted is not None:
        _sending.permitted.add(address)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    # Called for every import, open file and much else: the first comparison is all that costs.
    if event != "socket.connect":
        return
    permitted = _sending.permitted
    if permitted is not None and arguments[1] not in permitted:
        _log.error("Refused a connection to %r while a request was sent.", arguments[1])
        raise EgressDenied(
            "url",
            "Something tried to connect to another address than the one of the endpoint.",
            hint="Tell the people who run this server; its log has more.",
        )
