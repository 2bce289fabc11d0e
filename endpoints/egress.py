"""Where this process may connect to: by name when an address is typed, by number when it is used.

An `Egress` is the admin's choice, the same for everybody. From it comes, for each exchange, the
`Policy` that its connection has to obey. On a site nobody can forget it: see `guard`.
"""

import base64
import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import unquote

from .addresses import Origin, origin_of, port, split
from .networks import Zone, is_number, place_of
from .policy import Policy, Proxy

_RANGE = re.compile(r"(?P<origin>.+?)(?::(?P<first>[0-9]{1,5})-(?P<last>[0-9]{1,5}))?/?")
_NETWORK = re.compile(
    r"(?P<scheme>https?://)(?P<number>[0-9.]+|\[[0-9a-f:.]+\])/(?P<bits>[0-9]{1,3})(?P<ports>:.*)?",
    re.IGNORECASE,
)
_PROXY = re.compile(r"http://(?:(?P<login>[^@/]+)@)?(?P<place>[^@/]+)/?", re.IGNORECASE)
_NAMED = frozenset({Zone.PUBLIC, Zone.PRIVATE})


@dataclass(frozen=True)
class Egress:
    """Where this server may connect to, besides Databricks' own domains over https.

    `workspace_origins` are exact (`http://127.0.0.1:9001`). A port in `driver_origins` may be a
    range (`http://127.0.0.1:3000-8000`) and a numeric host a network (`http://10.1.0.0/16:7777`).
    `mlflow_origins` are tracking servers, which get no credential.
    `private_workspaces`: Databricks' domains may lead to private addresses (Private Link).
    `own` are hosts and ports that are never connected to, whatever else says so: the site, its
    database. `ca_bundle` is a file of extra certificate authorities, `https_proxy` the proxy for
    https to hosts with a name. Raises ValueError for what is none of these, so that a typing slip
    shows at the start.
    """

    workspace_origins: tuple[str, ...] = ()
    driver_origins: tuple[str, ...] = ()
    mlflow_origins: tuple[str, ...] = ()
    private_workspaces: bool = False
    drivers_anywhere: bool = False
    own: tuple[tuple[str, int], ...] = ()
    ca_bundle: str | None = None
    https_proxy: str | None = field(default=None, repr=False)  # may hold a password

    def __post_init__(self) -> None:
        for name in ("workspace_origins", "driver_origins", "mlflow_origins", "own"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for origin in (*self.workspace_origins, *self.driver_origins, *self.mlflow_origins):
            _listed(origin)
        if self.https_proxy:
            _proxy(self.https_proxy)

    def admits_workspace(self, origin: Origin) -> bool:
        """Whether a workspace may be there, by its name."""
        return origin.is_databricks or self._lists(self.workspace_origins, origin)

    def admits_driver(self, origin: Origin) -> bool:
        """Whether an app may be there, by its name."""
        return self.drivers_anywhere or self._lists(self.driver_origins, origin)

    def policy(self, kind: str, url: str) -> Policy:
        """What a connection for this URL, of this kind of endpoint, has to obey.

        Raises AddressError, and EgressDenied for a URL that names a denied address by number.
        """
        scheme, authority, _ = split(url, "url")
        origin = origin_of(scheme or "https", authority, "url")
        is_driver = kind == "driver"
        policy = Policy(
            origin,
            self._zones(kind, origin),
            is_driver,
            self.own,
            self.ca_bundle,
            self._proxy_for(origin),
        )
        if is_number(origin.name):
            policy.find()
        return policy

    def _zones(self, kind: str, origin: Origin) -> frozenset[Zone]:
        if kind == "mlflow":
            is_listed = self._lists(self.mlflow_origins, origin)
            return _zones_of_listed(origin) if is_listed else frozenset()
        return self._driver_zones(origin) if kind == "driver" else self._workspace_zones(origin)

    def _workspace_zones(self, origin: Origin) -> frozenset[Zone]:
        if self._lists(self.workspace_origins, origin):
            return _zones_of_listed(origin)
        if not origin.is_databricks:
            return frozenset()
        return _NAMED if self.private_workspaces else frozenset({Zone.PUBLIC})

    def _driver_zones(self, origin: Origin) -> frozenset[Zone]:
        if self.drivers_anywhere:
            return _NAMED | {Zone.LOOPBACK}
        return _zones_of_listed(origin) if self.admits_driver(origin) else frozenset()

    def _proxy_for(self, origin: Origin) -> Proxy | None:
        """A proxy looks names up. What has none lies near this server, out of a proxy's reach."""
        if not self.https_proxy or origin.scheme != "https":
            return None
        is_near = is_number(origin.name) or _is_localhost(origin.name)
        return None if is_near else _proxy(self.https_proxy)

    def _lists(self, listed: tuple[str, ...], origin: Origin) -> bool:
        return any(_listed(each).holds(origin) for each in listed)


# For whoever has typed the address: in a notebook there is nobody else to decide.
OF_THE_CALLER = Egress(drivers_anywhere=True, private_workspaces=True)

_is_required = False


def given(egress: Egress | None) -> Egress:
    """The egress, or the caller's own choice where none was given.

    Raises LookupError for none in a process that serves many people.
    """
    if egress is not None:
        return egress
    if _is_required:
        raise LookupError("This process serves many people: a call needs the site's egress.")
    return OF_THE_CALLER


def require() -> None:
    """From here on, in this process, no call goes out without an egress that was given to it."""
    global _is_required
    _is_required = True


class _Listed(NamedTuple):
    """An entry of the admin's lists: one host or a network, and its ports."""

    scheme: str
    host: str
    network: IPv4Network | IPv6Network | None
    ports: range

    def holds(self, origin: Origin) -> bool:
        if self.scheme != origin.scheme or origin.port not in self.ports:
            return False
        if self.network is None:
            return self.host == origin.host
        return is_number(origin.name) and ip_address(origin.name) in self.network


@lru_cache(maxsize=256)
def _listed(text: str) -> _Listed:
    """An entry of the admin's lists. Raises ValueError."""
    text, bits = text.strip(), None
    if found := _NETWORK.fullmatch(text):
        text, bits = f"{found['scheme']}{found['number']}{found['ports'] or ''}", found["bits"]
    found = _RANGE.fullmatch(text)
    scheme, authority, rest = split(found["origin"] if found else "", "origin")
    if scheme is None or rest:
        raise ValueError(f"{text!r} is no origin; it looks like http://127.0.0.1:7777")
    origin = origin_of(scheme, authority, "origin")
    first, last = origin.port, origin.port
    if found["first"] is not None:
        first, last = port(found["first"]), port(found["last"])
    if first > last:
        raise ValueError(f"{text!r} ends its range of ports before it begins")
    network = None if bits is None else ip_network(f"{origin.name}/{bits}")
    if network is None and is_number(origin.name):
        _require_usable(origin)
    return _Listed(scheme, origin.host, network, range(first, last + 1))


def _require_usable(origin: Origin) -> None:
    place = place_of(origin.name)
    if place.zone is Zone.NEVER:
        raise ValueError(f"{origin} is {place.words}: nothing connects there, listed or not")


@lru_cache(maxsize=8)
def _proxy(text: str) -> Proxy:
    """The proxy at that URL, its login in it. Raises ValueError, which does not show it."""
    found = _PROXY.fullmatch(text.strip())
    if not found:
        raise ValueError("a proxy looks like http://proxy.example.com:3128, its login before an @")
    origin = origin_of("http", found["place"].lower(), "proxy")
    login = base64.b64encode(unquote(found["login"] or "").encode()).decode()
    return Proxy(origin.name, origin.port, f"Basic {login}" if login else None)


def _zones_of_listed(origin: Origin) -> frozenset[Zone]:
    """What the admin named: a number is itself, a name leads anywhere but to this machine.

    Nobody who controls a name in the DNS shall be able to point it at what listens on loopback.
    """
    if is_number(origin.name):
        return frozenset({place_of(origin.name).zone}) - {Zone.NEVER}
    return frozenset({Zone.LOOPBACK}) if _is_localhost(origin.name) else _NAMED


def _is_localhost(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")
