"""What a proxy in front says about the browser: who asks, and whether over TLS.

Anybody can send X-Forwarded-For. It counts only where it comes from an address the admin named, and
nothing else of the kind reaches the site at all.
"""

import ipaddress

from django.conf import settings

FORWARDED = (b"forwarded", b"x-real-ip")


def behind_proxies(application):
    """Put what a trusted proxy says into the scope; drop every such header, whoever sent it."""

    async def told(scope, receive, send):
        if scope["type"] in ("http", "websocket"):
            scope = scope | _believed(scope)
            scope["headers"] = [(k, v) for k, v in scope["headers"] if not _is_forwarding(k)]
        return await application(scope, receive, send)

    return told


def _is_forwarding(name: bytes) -> bool:
    return name in FORWARDED or name.startswith(b"x-forwarded-")


def _believed(scope) -> dict:
    client = scope.get("client")
    if not client or not _is_trusted(client[0]):
        return {}
    believed = {"client": [_farthest(client[0], _values(scope, b"x-forwarded-for")), 0]}
    protocols = _values(scope, b"x-forwarded-proto")
    if scope["type"] == "http" and protocols and protocols[-1] in ("http", "https"):
        believed["scheme"] = protocols[-1]
    return believed


def _farthest(address: str, hops: list[str]) -> str:
    """Each proxy adds who asked it, at the end. Back along them while the one before is ours."""
    for hop in reversed(hops):
        if not _is_trusted(address):
            break
        found = _address(hop)
        if found is None:
            break
        address = found
    return address


def _values(scope, name: bytes) -> list[str]:
    lines = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return [part.strip().lower() for part in ",".join(lines).split(",") if part.strip()]


def _address(hop: str) -> str | None:
    """The address in "203.0.113.9", "203.0.113.9:4711", "2001:db8::9" or "[2001:db8::9]:4711"."""
    if hop.startswith("["):
        hop = hop[1:].split("]", 1)[0]
    elif hop.count(":") == 1:
        hop = hop.split(":", 1)[0]
    try:
        return str(ipaddress.ip_address(hop))
    except ValueError:
        return None


def _is_trusted(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(parsed in network for network in settings.TRUSTED_PROXIES)
