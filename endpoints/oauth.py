"""Tokens for OAuth clients: fetched from the workspace, kept in memory, renewed before they end.

`POST {host}/oidc/v1/token` with HTTP Basic and the form `grant_type=client_credentials`, as
Databricks documents it for service principals. A token belongs to one workspace, client and secret;
however many threads want it at once, one of them fetches it. The fetch is never sent again by
itself: a failure is every waiting call's failure. It has time limits of its own, as those who wait
for it may have more patience than the call that happens to do it; while the old token holds, nobody
else waits.
"""

import copy
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from .addresses import workspace_origin
from .credentials import MASK, OAuthClient, Token
from .egress import Egress, given
from .errors import (
    AddressError,
    BadRequest,
    BadResponse,
    EndpointError,
    Forbidden,
    NotFound,
    NotReached,
    NotReady,
    RateLimited,
    Stopped,
    TimedOut,
    Truncated,
    Unauthorized,
    UpstreamFailed,
)
from .outgoing import Outgoing
from .refusals import one_line
from .wire import Exchange, Limits, Stopper

PATH = "/oidc/v1/token"
MAX_KEPT = 1024
_FORM = {"grant_type": "client_credentials", "scope": "all-apis"}
_LIMITS = Limits(connect_s=5, idle_s=30, total_s=30, max_bytes=64 * 1024)
_MARGIN_S = 120.0
_LAST_S = 5.0  # too near its end to be sent
_TRY_AGAIN_S = 10.0
_UNSAID_LIFE_S = 300.0
_LONGEST_LIFE_S = 24 * 3600.0
_PASSING = (NotReached, RateLimited, NotReady, UpstreamFailed)


def bearer(
    credential: Token | OAuthClient,
    host: str,
    egress: Egress | None = None,
    stopper: Stopper | None = None,
) -> Token:
    """The token to send for that credential: itself, or the OAuth client's current one.

    May send a request and wait up to 30 s for it, so it belongs just before a call, in the call's
    own thread.
    Raises AddressError, EndpointError (Unauthorized when the workspace does not take the client),
    and Stopped when the stopper was pulled.
    """
    if isinstance(credential, Token):
        return credential
    egress = given(egress)
    origin = workspace_origin(host, egress)
    seat = _seat(origin, credential)
    return seat.token(_Fetch(origin, credential, egress, stopper or Stopper()))


def forget(
    credential: Token | OAuthClient, host: str, token: Token, egress: Egress | None = None
) -> None:
    """Drop that token, which an endpoint no longer takes: the next call fetches one.

    A newer one, which somebody else has fetched meanwhile, stays.
    """
    if isinstance(credential, OAuthClient):
        _seat(workspace_origin(host, given(egress)), credential).forget(token)


@dataclass(frozen=True)
class _TokenRequest(Outgoing):
    """The one request that is a form and carries Basic instead of a bearer token."""

    client: OAuthClient | None = None

    def headers(self, *, is_masked: bool = False) -> dict[str, str]:
        secret = f"Basic {MASK}" if is_masked else self.client.basic()
        return {
            **super().headers(is_masked=True),
            "Authorization": secret,
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def encoded(self) -> bytes:
        return urlencode(_FORM).encode("ascii")


@dataclass(frozen=True)
class _Fetch:
    """How one thread would get the token, should it be the one that has to."""

    origin: str
    client: OAuthClient
    egress: Egress
    stopper: Stopper

    def __call__(self) -> tuple[Token, float]:
        """A new token and how long it holds, in seconds."""
        url = f"{self.origin}{PATH}"
        outgoing = _TokenRequest(
            "POST",
            url,
            "workspace",
            "application/json",
            self.egress.policy("workspace", url),
            credential=self.client,
            client=self.client,
        )
        try:
            with Exchange(outgoing, _LIMITS, self.stopper) as answer:
                return _token_in(answer.json())
        except (BadResponse, Truncated) as error:
            # What arrived may hold the token: neither its words nor the body are kept.
            raise BadResponse(
                "The workspace answered the request for an OAuth token with something else.",
                upstream_status=error.upstream_status,
            ) from None
        except (BadRequest, Unauthorized, Forbidden) as error:
            raise Unauthorized(
                f"The workspace did not accept the OAuth client: {_words(error)}",
                hint="Check the client id and secret, and that the service principal was added to"
                " this workspace, then run again.",
                upstream_status=error.upstream_status,
                response=error.response,
            ) from error
        except NotFound as error:
            raise NotFound(
                "This workspace gives out no OAuth tokens.",
                hint="Check the workspace's address, or store a personal access token instead.",
                upstream_status=error.upstream_status,
                response=error.response,
            ) from error


class _Seat:
    """The token of one credential, and the one fetch of it that may be under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Token | None = None
        self._renew_at = self._ends_at = 0.0
        self._fetching: Future[Token | None] | None = None

    def token(self, fetch: _Fetch) -> Token:
        while True:
            with self._lock:
                is_mine = self._fetching is None
                good_until = self._renew_at if is_mine else self._ends_at - _LAST_S
                if self._held is not None and time.monotonic() < good_until:
                    return self._held
                fetching = self._fetching = self._fetching or Future()
            found = self._fetched(fetching, fetch) if is_mine else _waited(fetching, fetch)
            if found is not None:
                return found

    def forget(self, token: Token) -> None:
        with self._lock:
            if self._held == token:
                self._held = None

    def _fetched(self, fetching: "Future[Token | None]", fetch: _Fetch) -> Token:
        token, error = None, None
        try:
            token = self._renewed(fetch)
            return token
        except EndpointError as caught:
            error = caught
            raise
        finally:
            with self._lock:
                self._fetching = None
            if error is not None:
                fetching.set_exception(error)
            else:
                # None when this thread was stopped: then one of those who wait fetches.
                fetching.set_result(token)

    def _renewed(self, fetch: _Fetch) -> Token:
        started_at = time.monotonic()
        try:
            token, life_s = fetch()
        except _PASSING:
            with self._lock:
                now = time.monotonic()
                if self._held is not None and now < self._ends_at - _LAST_S:
                    self._renew_at = now + _TRY_AGAIN_S
                    return self._held
            raise
        with self._lock:
            self._held = token
            self._ends_at = started_at + life_s
            self._renew_at = self._ends_at - min(_MARGIN_S, life_s / 2)
        return token


class _Waiter(threading.Event):
    """Woken by the end of somebody else's fetch, or cut by a stopper as if it were a line."""

    def cut(self) -> None:
        self.set()


def _waited(fetching: "Future[Token | None]", fetch: _Fetch) -> Token | None:
    """What another thread's fetch gave; None when it was stopped and has to be done anew."""
    waiter = _Waiter()
    fetching.add_done_callback(lambda _: waiter.set())
    fetch.stopper.attach(waiter)
    try:
        is_woken = fetch.stopper.is_stopped or waiter.wait(_LIMITS.total_s)
    finally:
        fetch.stopper.detach(waiter)
    if fetch.stopper.is_stopped:
        raise Stopped
    if not is_woken:
        raise TimedOut(f"No OAuth token came within {_LIMITS.total_s:g} s.")
    if (error := fetching.exception()) is not None:
        raise copy.copy(error)  # an exception is one thread's own: it grows a traceback
    return fetching.result()


def _words(error: EndpointError) -> str:
    """What the token service says, by OAuth's own key where it is there (RFC 6749, 5.2)."""
    body = (error.response or {}).get("body")
    described = body.get("error_description") if isinstance(body, dict) else None
    if isinstance(described, str) and described.strip():
        return f"{one_line(described).rstrip('.')}."
    return error.message


_Key = tuple[str, str, bytes]
_seats: dict[_Key, _Seat] = {}
_seats_lock = threading.Lock()


def _key(origin: str, client: OAuthClient) -> _Key:
    return origin, client.client_id, client.digest()


def _seat(origin: str, client: OAuthClient) -> _Seat:
    """The seat of that credential; the one made longest ago goes when there are too many."""
    key = _key(origin, client)
    with _seats_lock:
        if key not in _seats and len(_seats) >= MAX_KEPT:
            del _seats[next(iter(_seats))]
        return _seats.setdefault(key, _Seat())


def _token_in(value: Any) -> tuple[Token, float]:
    """The token and its life in seconds. Raises BadResponse."""
    if not isinstance(value, dict) or str(value.get("token_type", "Bearer")).lower() != "bearer":
        raise BadResponse("no bearer token")
    try:
        token = Token(value.get("access_token"))
    except AddressError as error:
        raise BadResponse("no token") from error
    life_s = value.get("expires_in")
    is_number = isinstance(life_s, int | float) and not isinstance(life_s, bool)
    return token, min(life_s, _LONGEST_LIFE_S) if is_number and life_s > 0 else _UNSAID_LIFE_S
