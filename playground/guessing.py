"""Slows down who guesses: passwords by user name and address together, both by address alone.

django-axes calls this at every sign-in and keeps the counts in its table. A guess is counted before
it is looked at, so that a hundred at once are not a hundred guesses. Nobody can lock a colleague
out from elsewhere: the name counts only together with the address that it is tried from.
"""

import ipaddress
import math
import threading
from datetime import datetime, timedelta

from axes.backends import AxesStandaloneBackend
from axes.handlers.base import AbstractAxesHandler, AxesBaseHandler
from axes.models import AccessAttempt
from django.contrib.auth.backends import ModelBackend
from django.db import transaction
from django.db.models import F, Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

FORGOTTEN_AFTER = timedelta(minutes=15)  # without a further guess
PER_NAME = 5  # wrong passwords for one name from one address
PER_ADDRESS = 50  # for any names; an office behind one address has this many between them
TOKENS_PER_ADDRESS = 30  # wrong API tokens
LOOKS_AT_ONCE = 2  # passwords: each takes a good part of a second of a whole core

ANY_NAME, ANY_TOKEN = "any name", "any token"  # no hash looks like these


class LimitedBackend(AxesStandaloneBackend, ModelBackend):
    """Django's own way to look at a password, where axes has not refused before."""

    _looking = threading.BoundedSemaphore(LOOKS_AT_ONCE)

    def authenticate(self, request, username=None, password=None, **kwargs):
        if request is not None and username is not None:  # without a request nobody is guessing
            AxesStandaloneBackend.authenticate(self, request, username, password, **kwargs)
        with self._looking:
            return ModelBackend.authenticate(self, request, username, password, **kwargs)


class GuessCounter(AxesBaseHandler, AbstractAxesHandler):
    """What django-axes asks: may this attempt go on, and how did it end."""

    def is_allowed(self, request, credentials=None) -> bool:
        limits = [(_hidden(credentials["username"]), PER_NAME), (ANY_NAME, PER_ADDRESS)]
        request.guess_wait_s = _count(address_of(request), limits)
        return request.guess_wait_s == 0

    def user_logged_in(self, sender, request, user, **kwargs):
        forgive(request, user.get_username())

    def user_login_failed(self, sender, credentials, request=None, **kwargs):
        """It was counted before."""

    def user_logged_out(self, sender, request, user, **kwargs):
        """Nothing to count."""

    def post_save_access_attempt(self, instance, **kwargs):
        """Its own row was written."""

    def post_delete_access_attempt(self, instance, **kwargs):
        """Its own row was deleted."""

    def get_failures(self, request, credentials=None) -> int:
        return 0  # is_allowed has decided

    def reset_attempts(self, *, ip_address=None, username=None, ip_or_username=False) -> int:
        """For axes_reset and its sisters; names are stored hashed."""
        by_address = Q(ip_address=ip_address) if ip_address else Q()
        by_name = Q(username=_hidden(username)) if username else Q()
        asked = by_address | by_name if ip_or_username else by_address & by_name
        return AccessAttempt.objects.filter(asked).delete()[0]


def forgive(request: HttpRequest, name: str) -> None:
    """What was counted was no guess: the name is free again, the address has one more."""
    rows = AccessAttempt.objects.filter(ip_address=address_of(request))
    rows.filter(username=_hidden(name)).delete()
    rows.filter(username=ANY_NAME, failures_since_start__gt=0).update(
        failures_since_start=F("failures_since_start") - 1
    )


def wait_s(request: HttpRequest) -> int:
    """Seconds until the attempt that this request made could be repeated; 0 if it was looked at."""
    return getattr(request, "guess_wait_s", 0)


def count_token_guess(request: HttpRequest) -> int:
    """One more unknown API token. Answers the seconds to wait, or 0 while there is no need to.

    A valid token is never refused for what others of its address sent: 256 random bits are not
    found by trying.
    """
    return _count(address_of(request), [(ANY_TOKEN, TOKENS_PER_ADDRESS)])


def address_of(request: HttpRequest) -> str:
    """Who asks, as far as it can be told apart: of IPv6 the network that one customer gets."""
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR") or "")
    except ValueError:
        return "0.0.0.0"  # not over a network
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False).network_address)


def _hidden(name: str) -> str:
    """Stored in place of the name: people type their password there by mistake."""
    return salted_hmac("playground.guessing", name, algorithm="sha256").hexdigest()


def _count(address: str, limits: list[tuple[str, int]]) -> int:
    """Count a guess under every key; or, where one has had its `most`, none: seconds to wait."""
    now = timezone.now()
    forgotten = AccessAttempt.objects.filter(attempt_time__lt=now - FORGOTTEN_AFTER)
    try:
        with transaction.atomic():
            forgotten.delete()
            for key, most in limits:
                _count_one(address, key, most, now)
    except _TooMany as error:
        return max(1, math.ceil((error.last_at + FORGOTTEN_AFTER - now).total_seconds()))
    return 0


def _count_one(address: str, key: str, most: int, now: datetime) -> None:
    row, _ = AccessAttempt.objects.get_or_create(
        ip_address=address, username=key, user_agent="", defaults={"failures_since_start": 0}
    )
    free = AccessAttempt.objects.filter(pk=row.pk, failures_since_start__lt=most)
    counted = free.update(failures_since_start=F("failures_since_start") + 1, attempt_time=now)
    # A sign-in that went well may have removed the row just now.
    if not counted and AccessAttempt.objects.filter(pk=row.pk).exists():
        raise _TooMany(row.attempt_time)


class _TooMany(Exception):
    """Every guess was used; the last one was at `last_at`."""

    def __init__(self, last_at: datetime):
        self.last_at = last_at
