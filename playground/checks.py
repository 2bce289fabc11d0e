"""Start-up checks that fail loudly and say what to do."""

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from . import vault
from .models import Credential


@register(Tags.database)
def check_stored_secrets_open(app_configs, databases, **kwargs) -> list[Error]:
    """Encrypted rows without their key: better not to start than to lose them one by one."""
    if not databases or not _has_credentials():
        return []
    try:
        vault.keys()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="playground.E001")]
    return []


@register()
def check_bind(app_configs, **kwargs) -> list[Error]:
    """Listening beyond this machine needs a decision, not an accident."""
    if settings.IS_LOOPBACK or settings.PUBLIC_ORIGINS:
        return []
    hint = (
        "Set PLAYGROUND_PUBLIC_ORIGINS to the address people use, such as "
        "https://playground.example.com, and PLAYGROUND_ALLOWED_HOSTS to its host name."
    )
    message = f"HOST is {settings.HOST}: other machines could reach the site."
    return [Error(message, hint=hint, id="playground.E002")]


def _has_credentials() -> bool:
    from django.db import DatabaseError

    try:
        return Credential.objects.exists()
    except DatabaseError:
        return False  # not migrated yet
