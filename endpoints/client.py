"""The contract: a client sends one prompt to one endpoint and gives back events as they arrive."""

import codecs
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Protocol

from . import answers, sse
from .addresses import Egress
from .credentials import OAuthClient, Token
from .driver import Driver
from .driver_proxy import DriverProxy
from .errors import (
    BadResponse,
    EndpointError,
    NoCredential,
    Stopped,
    TimedOut,
    TooLarge,
    Truncated,
    Unauthorized,
    UpstreamFailed,
)
from .events import Event, Finished, Opened, Usage, Vectors
from .oauth import bearer, forget
from .prompt import Prompt
from .reading import Reader, read_usage, summed
from .refusals import error_in, one_line
from .serving import Serving
from .tasks import ACCEPT_ANSWER, ACCEPT_STREAM, Task, task_for
from .vectors import Vector, read_vectors
from .wire import Exchange, Limits, Outgoing, Stopper, encoded

_JSON_STARTS = ('"', "{", "[")
_EVENT_STARTS = ("data:", "event:", "id:", "retry:")


@dataclass(frozen=True)
class Request:
    """A request as shown to people: the credential in the headers is masked.

    `content` are the bytes of the body, exactly as they go out. HTTP's own headers, Host and
    Content-Length, are not among the headers.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def content(self) -> bytes:
        return encoded(self.body)


class Target(Protocol):
    """What a kind of endpoint has to say: where a path of it is, and whose token goes along."""

    kind: str
    host: str
    path: str
    credential: Token | OAuthClient | None
    needs_credential: bool

    def url(self, path: str) -> str: ...


class Client:
    """Asks one endpoint. Keeps no state between calls, so threads may share it."""

    def __init__(
        self, target: Target, task: Task, *, is_streamed: bool, egress: Egress, limits: Limits
    ) -> None:
        self._target = target
        self._task = task
        self._is_streamed = is_streamed and task.can_stream
        self._egress = egress
        self._limits = limits

    def request(self, prompt: Prompt | str) -> Request:
        """What `stream` would send; sends nothing. Raises AddressError and BadRequest.

        The first request only, where many inputs to embed take several.
        """
        return self.requests(prompt)[0]

    def requests(self, prompt: Prompt | str) -> tuple[Request, ...]:
        """All requests that `stream` would send, in order."""
        return tuple(_shown(outgoing) for outgoing in self._outgoing(prompt))

    def stream(self, prompt: Prompt | str, *, stopper: Stopper | None = None) -> Iterator[Event]:
        """The answer as events: Opened, then Text and the like or Vectors, Usage, Finished.

        Lazy: the request is sent by the first `next()`, in the thread that calls it, and never
        again; closing the iterator ends it. Raises EndpointError, or Stopped when the stopper was
        pulled; what was given before that stands.
        """
        outgoing = self._outgoing(prompt)
        if self._target.needs_credential:
            token = self._token(stopper)
            outgoing = [replace(each, credential=token) for each in outgoing]
        try:
            yield from self._events(outgoing, stopper)
        except Unauthorized:
            if self._target.needs_credential:
                forget(self._target.credential, self._target.host, self._egress)
            raise

    def _token(self, stopper: Stopper | None) -> Token:
        """The token to send; an OAuth client's is fetched where none is at hand."""
        target = self._target
        if target.credential is None:
            raise NoCredential("There is no token for this workspace yet.")
        return bearer(target.credential, target.host, self._egress, self._limits, stopper)

    def _events(self, outgoing: list[Outgoing], stopper: Stopper | None) -> Iterator[Event]:
        if self._task.gives_vectors:
            yield from _Embedding(self._limits, stopper).events(outgoing)
            return
        with Exchange(outgoing[0], self._limits, stopper) as answer:
            yield _opened(answer)
            reading = _Reading(answer, outgoing[0], self._task.reader())
            if answer.is_event_stream:
                yield from reading.stream(answer.chunks())
            elif answer.is_plain_text and self._task.takes_text:
                yield from reading.text()
            else:
                yield from reading.whole(answer.json())

    def _outgoing(self, prompt: Prompt | str) -> list[Outgoing]:
        if isinstance(prompt, str):
            prompt = Prompt.of(prompt)
        target = self._target
        url = target.url(self._task.path(target.path))
        accept = ACCEPT_STREAM if self._is_streamed else ACCEPT_ANSWER
        ca_bundle = self._egress.ca_bundle
        return [
            Outgoing("POST", url, target.kind, accept, body, target.credential, ca_bundle)
            for body in self._task.bodies(prompt, self._is_streamed)
        ]


def client_for(
    kind: str,
    *,
    task: str | None = None,
    host: str | None = None,
    credential: Token | OAuthClient | None = None,
    serving_endpoint: str | None = None,
    cluster_id: str | None = None,
    port: int | str | None = None,
    path: str | None = "/",
    org_id: str | int | None = "0",
    url: str | None = None,
    format: str | None = None,
    template: str | None = None,
    stream: bool = True,
    egress: Egress | None = None,
    limits: Limits | None = None,
) -> Client:
    """The client for one stored endpoint; arguments that its kind does not know are left alone.

    `serving` takes host and serving_endpoint; `driver_proxy` takes host, cluster_id, port, path and
    org_id; `driver` takes url, and never a credential. The task is `chat`, `completions`,
    `embeddings`, `custom` or `responses`; left out, it is `chat` for `serving`, `custom` for the
    others. `format` is how a custom model (`dataframe_records`, `dataframe_split`, `inputs`,
    `instances`) or an agent (`responses`, `chat_agent`) is asked, the first of each by default.
    A credential is a Token or an OAuthClient, whose token is fetched when the call needs it.
    `template` makes one text of messages for `completions` and `custom`; see `templates`.

    Raises AddressError (and EgressDenied, which is one) for an address that will not be used,
    PromptError for a template, and ValueError for a kind, task or format that is not known.
    """
    egress, limits = egress or Egress(), limits or Limits()
    target: Target
    if kind == "serving":
        target = Serving(host or "", serving_endpoint or "", credential, egress)
    elif kind == "driver_proxy":
        target = DriverProxy(
            host or "", cluster_id or "", port or "", path or "/", org_id or "0", credential, egress
        )
    elif kind == "driver":
        target = Driver(url or "", egress)
    else:
        raise ValueError(f"unknown kind {kind!r}; known are serving, driver_proxy and driver")
    chosen = task_for(kind, task, format, template)
    target.url(target.path)
    return Client(target, chosen, is_streamed=stream, egress=egress, limits=limits)


def _shown(outgoing: Outgoing) -> Request:
    outgoing.encoded()
    return Request(outgoing.method, outgoing.url, outgoing.headers(is_masked=True), outgoing.body)


def _opened(answer: Exchange) -> Opened:
    return Opened(answer.status, answer.content_type, answer.headers.get("served-model-name"))


class _Reading:
    """Turns one open answer into events."""

    def __init__(self, answer: Exchange, outgoing: Outgoing, reader: Reader) -> None:
        self._answer = answer
        self._outgoing = outgoing
        self._reader = reader
        self._kept: list[str] = []
        self._room = answers.MAX_KEPT_BYTES

    def whole(self, value: Any) -> Iterator[Event]:
        """An answer in one piece."""
        try:
            _require_no_error(value, self._answer, self._outgoing)
            found = self._reader.whole(value)
        except EndpointError as error:
            error.response = self._answer.kept(value)
            error.upstream_status = self._answer.status
            raise
        yield from found
        yield from self._end(self._answer.kept(value))

    def stream(self, chunks: Iterator[bytes]) -> Iterator[Event]:
        """An answer in server-sent events.

        Whole when `[DONE]` or the finish reason of every choice was there, or when the framing
        ended just after an agent's message was done.
        """
        try:
            yield from self._pieces(chunks)
        except EndpointError as error:
            # Nothing is missing when only the end of the connection went wrong.
            is_whole = self._reader.is_ended and isinstance(error, (Truncated, TimedOut))
            if not is_whole:
                yield from self._usage_seen()
                error.response = self._kept_stream()
                raise
        except Stopped:
            yield from self._usage_seen()
            raise
        yield from self._end(self._kept_stream())

    def text(self) -> Iterator[Event]:
        """An answer that calls itself plain text: text as it comes, unless it is JSON or events."""
        chunks = self._answer.chunks()
        start, begun = b"", ""
        for chunk in chunks:
            start += chunk
            begun = start.lstrip()[:8].decode("utf-8", "replace")
            if begun and not any(name.startswith(begun) for name in _EVENT_STARTS):
                break
        chunks = chain((start,), chunks)
        if begun.startswith(_EVENT_STARTS):
            yield from self.stream(chunks)
        elif begun.startswith(_JSON_STARTS):
            yield from self._text_or_json(b"".join(chunks))
        else:
            yield from self._plain(chunks)

    def _text_or_json(self, body: bytes) -> Iterator[Event]:
        try:
            value = answers.parsed(body)
            _require_no_error(value, self._answer, self._outgoing)
            found = self._reader.whole(value)
        except (ValueError, BadResponse):
            yield from self._plain(iter((body,)))
            return
        yield from found
        yield from self._end(self._answer.kept(value))

    def _plain(self, chunks: Iterator[bytes]) -> Iterator[Event]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        try:
            for chunk in chain(chunks, (b"",)):
                text = decoder.decode(chunk, final=not chunk)
                self._keep_text(text)
                yield from self._reader.piece(text)
        except EndpointError as error:
            error.response = self._kept_text()
            raise
        yield from self._end(self._kept_text())

    def _pieces(self, chunks: Iterator[bytes]) -> Iterator[Event]:
        reader, has_payloads = self._reader, False
        try:
            for event in sse.events(chunks):
                self._keep(event.data)
                if event.data == "[DONE]":
                    break
                has_payloads = True
                value = self._parsed(event.data)
                _require_no_error(value, self._answer, self._outgoing)
                if event.event == "error":
                    words = one_line(self._answer.clean(event.data))
                    raise UpstreamFailed(f"The endpoint failed: {words}", upstream_status=200)
                yield from reader.piece(value)
            else:
                may_end = reader.is_between_items and self._answer.is_orderly_ended
                if not reader.is_ended and not may_end:
                    raise Truncated("The stream ended before the answer was whole.")
        except sse.LineTooLong as error:
            raise TooLarge("One event of the stream is larger than 256 KiB.") from error
        if has_payloads and not reader.is_understood:
            raise BadResponse("The stream holds no text where this task has it.")

    def _parsed(self, data: str) -> Any:
        try:
            return answers.parsed(data)
        except ValueError as error:
            if self._answer.is_at_end:
                raise Truncated("The stream ended before the answer was whole.") from error
            start = one_line(self._answer.clean(data)[:200])
            raise BadResponse(f"The stream holds something that is no JSON: “{start}”.") from error

    def _end(self, response: dict[str, Any]) -> Iterator[Event]:
        reader = self._reader
        yield from reader.rest()
        yield from self._usage_seen()
        custom_outputs = self._answer.clean(reader.custom_outputs)
        yield Finished(reader.finish_reason, response, reader.choices(), custom_outputs)

    def _usage_seen(self) -> Iterator[Event]:
        if self._reader.usage is not None:
            yield self._reader.usage

    def _keep(self, data: str) -> None:
        """Keep the first 64 KiB of the stream's payloads."""
        if self._room < 0:
            return
        size = len(data) if data.isascii() else len(data.encode())
        if size > self._room:
            data = _cut(self._answer.clean(data), self._room)
        self._kept.append(data)
        self._room -= size

    def _kept_stream(self) -> dict[str, Any]:
        return self._marked(self._answer.kept(self._kept))

    def _keep_text(self, text: str) -> None:
        """Keep the first 64 KiB of a plain text, and a little more.

        A secret may lie across two pieces, so it is masked in the whole. Half a one may be left at
        the end of what was kept, which is why the end is given up then.
        """
        if self._room >= -answers.MAX_SECRET_LETTERS:
            self._kept.append(text)
            self._room -= len(text.encode())

    def _kept_text(self) -> dict[str, Any]:
        text = self._answer.clean("".join(self._kept))
        if self._room < 0:
            text = _cut(text[: -answers.MAX_SECRET_LETTERS], answers.MAX_KEPT_BYTES)
        return self._marked(self._answer.kept(text))

    def _marked(self, kept: dict[str, Any]) -> dict[str, Any]:
        return {**kept, "cut": True} if self._room < 0 else kept


def _cut(text: str, size: int) -> str:
    """As much of the text as fits into so many bytes of UTF-8."""
    return text.encode()[:size].decode("utf-8", "ignore")


class _Embedding:
    """Vectors for many inputs, batch after batch, each a request of its own."""

    def __init__(self, limits: Limits, stopper: Stopper | None) -> None:
        self._limits = limits
        self._stopper = stopper
        self._ends_at = time.monotonic() + limits.total_s
        self._vectors: list[Vector] = []
        self._usages: list[Usage | None] = []
        self._responses: list[dict[str, Any]] = []

    def events(self, batches: list[Outgoing]) -> Iterator[Event]:
        try:
            for number, outgoing in enumerate(batches):
                with Exchange(outgoing, self._left(), self._stopper) as answer:
                    if number == 0:
                        yield _opened(answer)
                    self._take(answer, outgoing)
        except (EndpointError, Stopped):
            yield from self._seen()
            raise
        yield from self._seen()
        yield Finished(None, self._response())

    def _left(self) -> Limits:
        """The same limits with the time that is left: it is for all batches together."""
        left_s = max(0.0, self._ends_at - time.monotonic())
        return replace(self._limits, total_s=left_s)

    def _take(self, answer: Exchange, outgoing: Outgoing) -> None:
        value = answer.json()
        try:
            _require_no_error(value, answer, outgoing)
            found = read_vectors(value, len(outgoing.body["input"]))
        except EndpointError as error:
            error.response = answer.kept(value)
            error.upstream_status = answer.status
            raise
        self._vectors += found
        self._usages.append(read_usage(value))
        self._responses.append(answer.kept(value))

    def _seen(self) -> Iterator[Event]:
        if self._vectors:
            yield Vectors(tuple(self._vectors))
        if self._usages and None not in self._usages:
            yield summed(self._usages)

    def _response(self) -> dict[str, Any]:
        if len(self._responses) == 1:
            return self._responses[0]
        return {**self._responses[0], "body": [each["body"] for each in self._responses]}


def _require_no_error(value: Any, answer: Exchange, outgoing: Outgoing) -> None:
    if error_in(value) is not None:
        raise error_in(answer.clean(value), kind=outgoing.kind)
