"""Where this instance may connect to, within which limits: the settings as the library has them."""

from urllib.parse import urlsplit

from django.conf import settings

from endpoints import Egress, Limits

POSTGRES_PORT, REDIS_PORT = 5432, 6379


def egress() -> Egress:
    """Where this instance may connect to: the admin's choice, and never to what it stands on.

    Raises ValueError for settings that are none.
    """
    return Egress(
        workspace_origins=tuple(settings.WORKSPACE_ORIGINS),
        driver_origins=tuple(settings.DRIVER_ORIGINS),
        mlflow_origins=tuple(filter(None, [settings.MLFLOW_ORIGIN])),
        private_workspaces=settings.PRIVATE_WORKSPACES,
        own=own_addresses(),
        ca_bundle=settings.CA_BUNDLE or None,
        https_proxy=settings.HTTPS_PROXY or None,
    )


def own_addresses() -> tuple[tuple[str, int], ...]:
    """Hosts and ports of the site, its database and its Redis."""
    found = [(settings.HOST, settings.PORT)]
    database = settings.DATABASES["default"]
    if not settings.IS_SQLITE:
        hosts = database.get("HOST") or database["OPTIONS"].get("host") or "localhost"
        ports = str(database.get("PORT") or database["OPTIONS"].get("port") or POSTGRES_PORT)
        ports = ports.split(",")
        # libpq takes many of both, or one port for all; a host that is a path is a Unix socket.
        for number, host in enumerate(hosts.split(",")):
            if not host.startswith("/"):
                found.append((host, int(ports[min(number, len(ports) - 1)])))
    redis = urlsplit(settings.REDIS_URL)
    if redis.hostname:
        found.append((redis.hostname, redis.port or REDIS_PORT))
    return tuple(found)


def limits(timeout_s: int | None = None) -> Limits:
    return Limits(
        idle_s=settings.IDLE_TIMEOUT_S,
        total_s=min(timeout_s or settings.CALL_TIMEOUT_S, settings.CALL_TIMEOUT_S),
        max_bytes=settings.MAX_RESPONSE_BYTES,
    )
