"""What one connection has to obey: its name is looked up once, and every address is judged.

The socket then goes to an address that was judged, so that a name which answers differently the
next time changes nothing.
"""

import logging
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .addresses import Origin
from .errors import EgressDenied
from .networks import Place, Zone, is_number, place_of, unmapped

MAX_ADDRESSES = 4  # of one name, to be tried in turn
_EVERY_ADDRESS = ("0.0.0.0", "::")
_log = logging.getLogger(__name__)

AddressInfo = tuple[Any, ...]  # as socket.getaddrinfo gives it


@dataclass(frozen=True)
class Proxy:
    """An egress proxy: it looks names up and connects, so it must be trusted to refuse."""

    name: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    def find(self) -> list[AddressInfo]:
        return look_up(self.name, self.port)


@dataclass(frozen=True)
class Policy:
    """Which addresses one exchange may connect to.

    `zones` are those that may hold one. `own` are this server's own places, denied at every
    address of this machine that they listen at. `is_driver`: no workspace's token goes there.
    """

    origin: Origin
    zones: frozenset[Zone]
    is_driver: bool
    own: tuple[tuple[str, int], ...] = ()
    ca_bundle: str | None = None
    proxy: Proxy | None = None

    @property
    def needs_look_up(self) -> bool:
        """Whether to find the addresses may take a while."""
        if self.proxy is None and is_number(self.origin.name):
            return any(port == self.origin.port and not is_number(host) for host, port in self.own)
        return self.proxy is None or not is_number(self.proxy.name)

    def find(self) -> list[AddressInfo]:
        """The addresses to try, all of them judged; those of the proxy where there is one.

        Raises EgressDenied, and OSError when the look-up fails.
        """
        if (self.origin.name, self.origin.port) in self.own:
            raise self._denied_as_own()
        if self.proxy is not None:
            return self.proxy.find()[:MAX_ADDRESSES]
        found = look_up(self.origin.name, self.origin.port)
        for info in found:
            self._require_allowed(info[4][0])
        return found[:MAX_ADDRESSES]

    def check_peer(self, sock: socket.socket, address: Any) -> None:
        """Raise EgressDenied unless a connected socket leads where it was meant to."""
        if sock.getpeername()[:2] != tuple(address[:2]):
            raise self._denied("another machine than it named", "Try again later.")

    def _require_allowed(self, address: str) -> None:
        place = place_of(address)
        if place.zone not in self.zones:
            # The address is for the log alone: the names of a private network are nobody's.
            _log.warning("Egress denied: %s leads to %s, %s.", self.origin, address, place.words)
            raise self._denied(place.words, self._hint(place))
        if any(_is_at(address, self.origin.port, own) for own in self.own):
            raise self._denied_as_own()

    def _hint(self, place: Place) -> str:
        setting = "PLAYGROUND_DRIVER_ORIGINS" if self.is_driver else "PLAYGROUND_WORKSPACE_ORIGINS"
        is_workspace = self.origin.is_databricks and not self.is_driver
        if place.zone is Zone.NEVER or (is_workspace and place.zone is Zone.LOOPBACK):
            return "No setting allows that address; check what the name stands for."
        if is_workspace:
            return (
                "If the workspace is behind Private Link, ask the admin to set "
                "PLAYGROUND_PRIVATE_WORKSPACES=1."
            )
        if is_number(self.origin.name):
            return f"Ask the admin to add {self.origin} to {setting}."
        return f"Ask the admin to add the number of that address to {setting}, and use it here."

    def _denied(self, where: str, hint: str) -> EgressDenied:
        is_there = "is" if is_number(self.origin.name) else "leads to"
        field = "url" if self.is_driver else "host"
        what = f"This server may not connect to {self.origin}, which {is_there} {where}."
        return EgressDenied(field, what, hint=hint)

    def _denied_as_own(self) -> EgressDenied:
        return self._denied(
            "the playground’s own: the site, its database or its Redis",
            "No setting allows that; an app needs a port of its own.",
        )


def look_up(host: str, port: int) -> list[AddressInfo]:
    """What the system says about a name. Raises OSError, also for a text that can be no name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from error
    return [info for info in found if info[0] in (socket.AF_INET, socket.AF_INET6)]


def _is_at(address: str, port: int, own: tuple[str, int]) -> bool:
    """Whether what listens at a host and port of ours can be reached there.

    What listens on this machine is denied at every address of it: it may listen on more than one.
    An own name that cannot be looked up may be anywhere, and is denied.
    """
    host, own_port = own
    if port != own_port:
        return False
    try:
        numbers = [info[4][0] for info in look_up(host, own_port)]
    except OSError:
        return True
    if unmapped(address) in map(unmapped, numbers):
        return True
    return _is_of_this_machine(address) and any(map(_is_of_this_machine, numbers))


def _is_of_this_machine(address: str) -> bool:
    address = unmapped(address)
    if address in _EVERY_ADDRESS or place_of(address).zone is Zone.LOOPBACK:
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))  # nobody can, but who has the address
        return True
    return False
