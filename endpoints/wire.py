"""The one place that calls requests: one guarded exchange per call, which any thread can cut.

Nothing of the environment is used (proxies, netrc), no cookie is kept, no redirect is followed, no
request is repeated, and only unpacked bodies are accepted, within limits of time and size. The
sockets come from `line`, because requests alone can neither be stopped while it waits nor bounded
in total time.
"""

import http.client
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from . import answers, framing, guard, verdicts
from .addresses import require_same_url
from .connection import HeldHTTP, HeldHTTPS, NoTunnel, tls_context
from .errors import (
    BadResponse,
    EndpointError,
    Stopped,
    TimedOut,
    TooLarge,
    Truncated,
)
from .line import ConnectDeadline, Deadline, Line, NotConnected, Stopper
from .outgoing import Outgoing
from .policy import Policy
from .refusals import is_page, one_line, upstream_error
from .scrubbing import scrub_all

MAX_ERROR_BYTES = 64 * 1024
_READ_BYTES = 64 * 1024
_START_BYTES = MAX_ERROR_BYTES + 2 * answers.MAX_SECRET_LETTERS

# Their warnings are about what upstreams send, and quote it: a token may be in there.
for _name in ("urllib3.connection", "urllib3.response"):
    logging.getLogger(_name).setLevel(logging.ERROR)


@dataclass(frozen=True)
class Limits:
    """What one exchange may take: to connect, between two bytes, in all, and in size."""

    connect_s: float = 5
    idle_s: float = 300
    total_s: float = 600
    max_bytes: int = 4 * 1024 * 1024


class Exchange:
    """One request and its answer: `with Exchange(outgoing, limits, stopper) as answer: ...`

    Entering sends the request and returns when the headers are there; leaving closes the
    connection. Raises Stopped when the stopper was pulled, else an EndpointError; a status outside
    2xx is one.
    """

    def __init__(self, outgoing: Outgoing, limits: Limits, stopper: Stopper | None = None) -> None:
        self._outgoing = outgoing
        self._limits = limits
        self._stopper = stopper or Stopper()
        self._line = Line()
        self._deadlines: tuple[Deadline, ...] = ()
        self._session = _session(self._line, outgoing)
        self._response: requests.Response | None = None
        self.headers: Mapping[str, str] = CaseInsensitiveDict()
        self.is_at_end = False

    def __enter__(self) -> "Exchange":
        self._stopper.attach(self._line)
        try:
            self._deadlines = (
                Deadline(self._line, self._limits.total_s),
                ConnectDeadline(self._line, self._limits.connect_s),
            )
            self._send()
            self._require_answer()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def is_event_stream(self) -> bool:
        return self._media_type == "text/event-stream"

    @property
    def is_plain_text(self) -> bool:
        return self._media_type == "text/plain"

    @property
    def is_orderly_ended(self) -> bool:
        """Whether the framing itself said that the body is whole, and not only the connection."""
        return self.is_at_end and not self._is_unframed

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes, each piece at once however the server frames it.

        Raises Stopped, TimedOut, TooLarge, and Truncated for a body that ends before its framing.
        """
        raw, stopper = self._response.raw, self._stopper
        left = self._limits.max_bytes
        has_bytes = False
        try:
            while data := raw.read1(_READ_BYTES, decode_content=False):
                if stopper.is_stopped:
                    raise Stopped
                has_bytes = True
                left -= len(data)
                if left < 0:
                    raise self._too_large()
                yield data
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            raise self._verdict(error, is_in_body=True) from error
        self._require_whole(has_bytes)
        self.is_at_end = True

    def json(self) -> Any:
        """The whole body, parsed. Raises BadResponse, LoginPage and what `chunks` raises."""
        body: bytes | str = b"".join(self.chunks())
        start = body[:_START_BYTES]
        if is_page(self.headers, start[:200].decode("utf-8", "replace")):
            raise self._refusal(start)
        try:
            # The bytes are given up before the value is made: a large answer is here only twice.
            body = body.decode("utf-8-sig")
            value = answers.parsed(body)
        except ValueError as error:
            if self._is_unframed:
                response = self.kept(self._clean_start(start))
                raise Truncated(
                    "The answer ended before it was whole.", response=response
                ) from error
            raise self._not_json(start) from error
        if framing.may_go_on(value):
            self.require_orderly_end()
        return value

    def require_orderly_end(self) -> None:
        """Raise Truncated for a body that the connection's end alone has ended: it may be cut."""
        if not self.is_orderly_ended:
            raise Truncated(
                "The connection ended, and nothing said that the answer was whole.",
                hint="Let the app say how long its answers are (Content-Length, or chunks), then"
                " run again; the text that arrived is kept.",
            )

    def kept(self, body: Any) -> dict[str, Any]:
        """The answer as it may be stored: `{"status", "content_type", "body"}`, secret masked."""
        return {"status": self.status, "content_type": self.content_type, "body": self.clean(body)}

    def clean(self, value: Any) -> Any:
        """Text or a JSON value of the upstream without the credential in it.

        Done before anything is cut short: a cut could leave the half of a secret, which no longer
        looks like one.
        """
        return answers.storable(value, self._outgoing.credential)

    def _send(self) -> None:
        if self._stopper.is_stopped:
            raise Stopped
        outgoing, limits = self._outgoing, self._limits
        prepared = self._session.prepare_request(
            requests.Request(
                outgoing.method, outgoing.url, headers=outgoing.headers(), data=outgoing.encoded()
            )
        )
        require_same_url(prepared.url, outgoing.url)
        try:
            with guard.sending():
                self._response = self._session.send(
                    prepared,
                    stream=True,
                    allow_redirects=False,
                    timeout=(limits.connect_s, limits.idle_s),
                    verify=True,
                    cert=None,
                    proxies={},
                )
        except (
            NotConnected,
            NoTunnel,
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            http.client.HTTPException,
            OSError,
        ) as error:
            raise self._verdict(error, is_in_body=False) from error
        # A cut inside the headers reads as their end, and as an empty answer.
        self._require_uncut()
        self.headers = CaseInsensitiveDict(self.clean(dict(self._response.headers)))

    def _require_answer(self) -> None:
        framing.check_head(self.status, self.headers)
        if not 200 <= self.status < 300:
            raise self._refusal(self._start_of_body())
        framing.check_frame(self.status, self.headers)

    def _start_of_body(self) -> bytes:
        """The first 64 KiB or so of an error's body; one cut short still says what it says."""
        body = bytearray()
        try:
            for data in self.chunks():
                body += data
                if len(body) >= MAX_ERROR_BYTES:
                    break
        except (Truncated, TooLarge):
            pass
        return bytes(body)

    def _refusal(self, body: bytes) -> EndpointError:
        try:
            value = self.clean(answers.parsed(body))
            text = json.dumps(value)
        except ValueError:
            value = text = self._clean_start(body)
        error = upstream_error(self.status, self.headers, text.encode(), kind=self._outgoing.kind)
        error.response = scrub_all(self.kept(value))
        return error

    def _not_json(self, body: bytes) -> BadResponse:
        text = self._clean_start(body)
        start = one_line(text[:200])
        what = f"“{start}”" if start else "an empty body"
        return BadResponse(
            f"The answer is no JSON, but {what}.",
            upstream_status=self.status,
            response=self.kept(text),
        )

    def _clean_start(self, body: bytes) -> str:
        text = self.clean(body.decode("utf-8", "replace"))
        if len(body) >= _START_BYTES:  # the end may hold half a secret
            text = text[: -answers.MAX_SECRET_LETTERS]
        return text[:MAX_ERROR_BYTES]

    @property
    def _media_type(self) -> str:
        return self.content_type.split(";")[0].strip().lower()

    @property
    def _is_unframed(self) -> bool:
        """Whether the body has no other end than the connection's."""
        raw = self._response.raw
        has_length = "content-length" in self.headers or self.status == 204
        return not raw.chunked and not has_length

    def _require_uncut(self) -> None:
        if self._stopper.is_stopped:
            raise Stopped
        if self._line.is_out_of_time:
            raise self._out_of_time()

    def _require_whole(self, has_bytes: bool) -> None:
        self._require_uncut()
        if not has_bytes and self._is_unframed:
            raise Truncated("The connection ended before the answer began.")

    def _verdict(self, error: BaseException, *, is_in_body: bool) -> Exception:
        """What an exception of requests, urllib3 or the socket means."""
        if self._stopper.is_stopped:
            return Stopped()
        if self._line.is_out_of_time:
            return self._out_of_time()
        reasons = verdicts.reasons_of(error)
        if verdicts.is_silence(reasons):
            return self._timed_out()
        if is_in_body:
            return verdicts.broken(reasons)
        return verdicts.unanswered(reasons, str(self._outgoing.policy.origin), self._outgoing.kind)

    def _timed_out(self) -> TimedOut:
        if self._line.is_connected:
            return TimedOut(f"The endpoint sent nothing for {self._limits.idle_s:g} s.")
        return self._not_connected()

    def _not_connected(self) -> TimedOut:
        return TimedOut(
            f"No connection within {self._limits.connect_s:g} s.",
            hint="Check the address and that the machine behind it is up, then run again.",
        )

    def _out_of_time(self) -> TimedOut:
        if not self._line.is_connected and self._limits.connect_s < self._limits.total_s:
            return self._not_connected()
        return TimedOut(f"The answer was not whole after {self._limits.total_s:g} s.")

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The answer is larger than {self._limits.max_bytes:,} bytes.")

    def _close(self) -> None:
        for deadline in self._deadlines:
            deadline.cancel()
        self._stopper.detach(self._line)
        self._line.close()
        if self._response is not None:
            self._response.close()
        self._session.close()


class _Adapter(HTTPAdapter):
    """Gives the connections of one session to a line and a policy; never to a proxy itself."""

    def __init__(self, line: Line, policy: Policy) -> None:
        self._line = line
        self._policy = policy
        is_https = policy.origin.scheme == "https"
        self._tls = tls_context(policy.ca_bundle) if is_https else None
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **options)

    def get_connection_with_tls_context(self, request: Any, verify: Any, **options: Any) -> Any:
        pool = super().get_connection_with_tls_context(request, verify, **options)
        held = HeldHTTPS if pool.scheme == "https" else HeldHTTP
        pool.ConnectionCls = partial(held, line=self._line, policy=self._policy)
        return pool

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        # The context has its authorities already; to name them again is to read them per call.
        conn.cert_reqs = "CERT_REQUIRED"

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        raise requests.exceptions.InvalidProxyURL("no proxy is used here")


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None always: requests would read an endless body only to look at the next address."""


def _session(line: Line, outgoing: Outgoing) -> requests.Session:
    session = _Session()
    session.trust_env = False
    session.headers.clear()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.adapters.clear()
    session.mount(f"{outgoing.policy.origin.scheme}://", _Adapter(line, outgoing.policy))
    return session
