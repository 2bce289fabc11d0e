"""An exact check of where a socket comes from: scheme, host and port.

Cookies and SameSite ignore ports, so any other web app on the same machine could otherwise open
our socket as the signed-in user; Channels' own validator lets other ports and schemes in.
"""

from django.conf import settings
from django.http.request import validate_host


def same_origin_only(application):
    """Pass on sockets whose Host is allowed and whose Origin is this very site; refuse the rest."""

    async def checked(scope, receive, send):
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if _is_allowed_host(host) and origin in _own_origins(host):
            return await application(scope, receive, send)
        await send({"type": "websocket.close", "code": 4403})

    return checked


def _is_allowed_host(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return validate_host(name, settings.ALLOWED_HOSTS)


def _own_origins(host: str) -> set[str]:
    """The public origins the admin named, else the address that the request itself was sent to."""
    return {o.lower() for o in settings.PUBLIC_ORIGINS} or {f"http://{host}", f"https://{host}"}
