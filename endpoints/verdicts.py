"""What an exception of requests, urllib3, http.client or the socket means: one of our errors."""

import http.client
import socket
import ssl
from collections.abc import Iterator

import urllib3

from .connection import MAX_HEAD_BYTES, MAX_HEADERS, BadFraming, HeadCut, HeadTooLarge, NoTunnel
from .errors import (
    BadResponse,
    ConnectionFailed,
    EndpointError,
    NothingListening,
    TlsFailed,
    TooLarge,
    Truncated,
)

Reasons = tuple[BaseException, ...]


def reasons_of(error: BaseException) -> Reasons:
    """The exception and those it wraps: in `args`, as urllib3 does, or as cause or context."""
    return tuple(_reasons(error, 0))


def is_silence(reasons: Reasons) -> bool:
    """Whether nothing came for too long."""
    return _any(reasons, TimeoutError, urllib3.exceptions.TimeoutError)


def broken(reasons: Reasons) -> EndpointError:
    """What ended an answer inside its body."""
    if _any(reasons, BadFraming):
        return BadResponse("The answer is not framed as HTTP is, so nobody can tell its end.")
    if _any(reasons, HeadTooLarge):
        return TooLarge(f"The trailers of the answer are more than {MAX_HEAD_BYTES:,} bytes.")
    return Truncated("The connection broke before the answer was whole.")


def unanswered(reasons: Reasons, origin: str, kind: str) -> EndpointError:
    """Why there is no answer, not even the head of one."""
    for reason in reasons:
        if isinstance(reason, NoTunnel):
            return ConnectionFailed(
                f"The egress proxy {reason} when it was asked for {origin}.",
                hint="Ask the admin whether PLAYGROUND_HTTPS_PROXY is right and lets this through.",
            )
        if isinstance(reason, ssl.SSLError):
            return TlsFailed(f"No secure connection to {origin}: {_tls_words(reason)}.")
    if _any(reasons, socket.gaierror):
        return ConnectionFailed(f"The host name of {origin} is not known.")
    if _any(reasons, ConnectionRefusedError):
        if kind in ("driver", "driver_proxy"):
            return NothingListening(f"Nothing is listening at {origin}.")
        return ConnectionFailed(f"{origin} refused the connection.")
    if _any(reasons, HeadTooLarge):
        return TooLarge(
            f"The answer has more than {MAX_HEADERS} headers, or {MAX_HEAD_BYTES:,} bytes of them."
        )
    if _any(reasons, HeadCut):
        return Truncated("The connection ended inside the headers of the answer.")
    if _any(reasons, ConnectionError, http.client.RemoteDisconnected):
        return ConnectionFailed(f"{origin} closed the connection without an answer.")
    if _any(reasons, http.client.HTTPException, urllib3.exceptions.InvalidHeader):
        return BadResponse(f"What {origin} answered is not HTTP.")
    return ConnectionFailed(f"No connection to {origin} could be made.")


def _reasons(error: BaseException, depth: int) -> Iterator[BaseException]:
    yield error
    inner = [*error.args, getattr(error, "reason", None), error.__cause__ or error.__context__]
    for each in inner:
        if isinstance(each, BaseException) and depth < 8:
            yield from _reasons(each, depth + 1)


def _any(reasons: Reasons, *kinds: type[BaseException]) -> bool:
    return any(isinstance(reason, kinds) for reason in reasons)


def _tls_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".") or "the certificate was not accepted"
    if error.reason == "WRONG_VERSION_NUMBER":
        return "the other side does not speak TLS"
    return "the TLS handshake failed"
