"""An exact check of where a request comes from and of what it asks for: scheme, host and port.

Cookies and SameSite ignore ports, so any other web app on the same machine could otherwise open
our socket as the signed-in user; Channels' own validator lets other ports and schemes in. And a
name that an attacker's DNS points to this machine is not one of ours.
"""

from django.conf import settings
from django.http.request import split_domain_port, validate_host


def same_origin_only(application):
    """Pass on sockets whose Host is allowed and whose Origin is this very site; refuse the rest."""

    async def checked(scope, receive, send):
        hosts, origins = (_values(scope, name) for name in (b"host", b"origin"))
        if is_own_host(hosts) and is_own_origin(origins, hosts[0]):
            return await application(scope, receive, send)
        await send({"type": "websocket.close", "code": 4403})

    return checked


def is_own_host(hosts: list[str]) -> bool:
    """Whether a request names one host, and that one is ours."""
    if len(hosts) != 1:
        return False
    name, _ = split_domain_port(hosts[0])
    return bool(name) and validate_host(name, settings.ALLOWED_HOSTS)


def is_own_origin(origins: list[str], host: str) -> bool:
    """Whether the page that asks is one of ours: at the address the admin named, else at `host`."""
    own = settings.PUBLIC_ORIGINS or [f"http://{host.lower()}"]
    return len(origins) == 1 and origins[0].lower() in own


def _values(scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
