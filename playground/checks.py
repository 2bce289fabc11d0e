"""Start-up checks that fail loudly and say what to do."""

import ssl

from django.conf import settings
from django.core.checks import Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from . import connecting, rotating


@register(Tags.database)
def check_stored_secrets_open(app_configs, databases, **kwargs) -> list[Error]:
    """Encrypted rows without their key: better not to start than to lose them one by one."""
    if not databases:
        return []
    try:
        rotating.require_keys()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="playground.E001")]
    except DatabaseError:
        pass  # not migrated yet
    return []


@register()
def check_bind(app_configs, **kwargs) -> list[Error]:
    """Listening beyond this machine needs a decision, not an accident."""
    is_behind_tls = settings.IS_TLS and settings.TRUSTED_PROXIES
    is_decided = settings.PLAIN_HTTP and settings.PUBLIC_ORIGINS
    if settings.IS_LOOPBACK or is_behind_tls or is_decided:
        return []
    hint = (
        "Put a proxy that speaks TLS in front, and set PLAYGROUND_PUBLIC_ORIGINS to the address "
        "people use, such as https://playground.example.com, and PLAYGROUND_TRUSTED_PROXIES to "
        "the proxy's own. Or set PLAYGROUND_PLAIN_HTTP=1 and PLAYGROUND_PUBLIC_ORIGINS to an http "
        "address, if passwords may cross your network readable."
    )
    message = f"HOST is {settings.HOST}: other machines could reach the site, without TLS."
    return [Error(message, hint=hint, id="playground.E002")]


@register(Tags.security, deploy=True)
def check_proxy(app_configs, **kwargs) -> list[Warning]:
    """Behind TLS somebody has to say so, or addresses in links and the log of guesses are wrong."""
    if not settings.IS_TLS or settings.TRUSTED_PROXIES:
        return []
    hint = "Set PLAYGROUND_TRUSTED_PROXIES to the address that the proxy in front comes from."
    message = "PLAYGROUND_PUBLIC_ORIGINS is https, but no proxy is trusted to say who comes by it."
    return [Warning(message, hint=hint, id="playground.W001")]


@register()
def check_egress(app_configs, **kwargs) -> list[Error]:
    """A slip in a list of origins would otherwise show as a call that fails, to somebody else."""
    try:
        connecting.egress()
    except ValueError as error:
        names = "PLAYGROUND_WORKSPACE_ORIGINS, PLAYGROUND_DRIVER_ORIGINS, "
        names += "PLAYGROUND_MLFLOW_ORIGIN, PLAYGROUND_HTTPS_PROXY"
        return [Error(f"One of {names} cannot be used: {error}.", id="playground.E010")]
    return []


@register()
def check_ca_bundle(app_configs, **kwargs) -> list[Error]:
    if not settings.CA_BUNDLE:
        return []
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(settings.CA_BUNDLE)
    except OSError as error:  # ssl.SSLError is one
        message = f"PLAYGROUND_CA_BUNDLE, {settings.CA_BUNDLE}, cannot be read: {error}."
        hint = "Point it to a file of certificates in PEM form."
        return [Error(message, hint=hint, id="playground.E011")]
    return []
