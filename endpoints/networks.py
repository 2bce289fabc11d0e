"""What an address is to us: public, private, this machine, or one that is never connected to.

An explicit list, judged on numbers and never on names. Python's own `is_global` and `is_private`
change between versions and call some of these public: an IPv4 address inside an IPv6 one, for
example, or the address at which Azure answers its machines.
"""

from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple


class Zone(IntEnum):
    """Where an address lies, the more dangerous the higher."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    NEVER = 3


class Place(NamedTuple):
    """A zone, and in words what is there: "a private address"."""

    zone: Zone
    words: str


_PUBLIC = Place(Zone.PUBLIC, "a public address")
_PRIVATE = Place(Zone.PRIVATE, "a private address")
_LOOPBACK = Place(Zone.LOOPBACK, "the server itself")
_LINK_LOCAL = Place(Zone.NEVER, "a link-local address")
_METADATA = Place(Zone.NEVER, "a cloud’s metadata service")
_UNSPECIFIED = Place(Zone.NEVER, "an unspecified address")
_MULTICAST = Place(Zone.NEVER, "a multicast address")
_RESERVED = Place(Zone.NEVER, "a reserved address")
_WRAPPED = Place(Zone.NEVER, "an address that hides another one")

# The first that holds an address decides.
_PLACES: tuple[tuple[IPv4Network | IPv6Network, Place], ...] = tuple(
    (ip_network(network), place)
    for networks, place in (
        # AWS, Google, Azure and others answer at 169.254.169.254, which is link-local anyway.
        ("168.63.129.16/32 100.100.100.200/32 192.0.0.192/32", _METADATA),
        ("fd00:ec2::/32 fd20:ce::/32", _METADATA),
        ("169.254.0.0/16 fe80::/10", _LINK_LOCAL),
        ("127.0.0.0/8 ::1/128", _LOOPBACK),
        ("0.0.0.0/8 ::/128", _UNSPECIFIED),
        ("10.0.0.0/8 172.16.0.0/12 192.168.0.0/16", _PRIVATE),
        ("100.64.0.0/10", _PRIVATE),  # of a carrier, and of many a cloud's private network
        ("fc00::/7", _PRIVATE),
        ("224.0.0.0/4 ff00::/8", _MULTICAST),
        # Documentation, benchmarks, protocols' own, relays of 6to4, what is kept for later.
        ("192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20", _RESERVED),
        ("192.0.0.0/24 192.88.99.0/24 198.18.0.0/15 240.0.0.0/4", _RESERVED),
        ("2001::/32 2002::/16", _WRAPPED),  # Teredo and 6to4: no model is served at one
        ("2001::/23", _RESERVED),
        ("0.0.0.0/0 2000::/3", _PUBLIC),
        ("::/0", _RESERVED),  # site-local fec0::/10 and v4-compatible ::/96 among them
    )
    for network in networks.split()
)
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


@lru_cache(maxsize=1024)
def place_of(text: str) -> Place:
    """What is at a numeric address, as `getaddrinfo` gives it. Raises ValueError for a name."""
    address = ip_address(text)
    if isinstance(address, IPv4Address):
        return _listed(address)
    if address.ipv4_mapped is not None:  # connecting to it is connecting to the one inside
        return _listed(address.ipv4_mapped)
    inner = _wrapped(address)
    if inner is not None and _listed(inner).zone is not Zone.PUBLIC:
        return _WRAPPED
    return _PUBLIC if inner is not None and address in _NAT64 else _listed(address)


def is_number(host: str) -> bool:
    """Whether a host is an address in its usual notation, rather than a name to look up."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def unmapped(text: str) -> str:
    """The address in one notation, an IPv4 one also where it came as `::ffff:127.0.0.1`."""
    address = ip_address(text)
    return str(getattr(address, "ipv4_mapped", None) or address)


def _listed(address: IPv4Address | IPv6Address) -> Place:
    return next(place for network, place in _PLACES if address in network)


def _wrapped(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a gateway would take out of this one, by NAT64 or ISATAP."""
    if address in _NAT64 or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
