"""The contract: a client sends one prompt to one endpoint and gives back events as they arrive."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from . import answers, sse
from .addresses import Egress
from .answers import Part, TextJoiner
from .credentials import Token
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
    UpstreamFailed,
)
from .events import Event, Finished, Opened, Text, Usage
from .prompt import Prompt
from .refusals import error_in, one_line
from .serving import Serving
from .tasks import ACCEPT_ANSWER, ACCEPT_STREAM, Task, task_for
from .wire import Exchange, Limits, Outgoing, Stopper


@dataclass(frozen=True)
class Request:
    """A request as shown to people: the credential in the headers is masked."""

    method: str
    url: str
    headers: dict[str, str]
    body: dict[str, Any]


class Target(Protocol):
    """What a kind of endpoint has to say: where a path of it is, and whose token goes along."""

    kind: str
    path: str
    credential: Token | None
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
        """What `stream` would send; sends nothing. Raises AddressError and BadRequest."""
        outgoing = self._outgoing(prompt)
        outgoing.encoded()
        return Request(
            outgoing.method, outgoing.url, outgoing.headers(is_masked=True), outgoing.body
        )

    def stream(self, prompt: Prompt | str, *, stopper: Stopper | None = None) -> Iterator[Event]:
        """The answer as events: Opened, Text..., Usage, Finished.

        Lazy: the one request is sent by the first `next()`, in the thread that calls it; closing
        the iterator ends it. Raises EndpointError, or Stopped when the stopper was pulled; the text
        given before that stands.
        """
        outgoing = self._outgoing(prompt)
        if self._target.needs_credential and outgoing.credential is None:
            raise NoCredential("There is no token for this workspace yet.")
        with Exchange(outgoing, self._limits, stopper) as answer:
            yield Opened(
                answer.status, answer.content_type, answer.headers.get("served-model-name")
            )
            reading = _Reading(answer, outgoing)
            yield from reading.stream() if answer.is_event_stream else reading.whole()

    def _outgoing(self, prompt: Prompt | str) -> Outgoing:
        if isinstance(prompt, str):
            prompt = Prompt.of(prompt)
        return Outgoing(
            "POST",
            self._target.url(self._task.path(self._target.path)),
            self._target.kind,
            ACCEPT_STREAM if self._is_streamed else ACCEPT_ANSWER,
            self._task.body(prompt, self._is_streamed),
            self._target.credential,
            self._egress.ca_bundle,
        )


def client_for(
    kind: str,
    *,
    task: str | None = None,
    host: str | None = None,
    credential: Token | None = None,
    serving_endpoint: str | None = None,
    cluster_id: str | None = None,
    port: int | str | None = None,
    path: str | None = "/",
    org_id: str | int | None = "0",
    url: str | None = None,
    format: str | None = "dataframe_records",
    stream: bool = True,
    egress: Egress | None = None,
    limits: Limits | None = None,
) -> Client:
    """The client for one stored endpoint; arguments that its kind does not know are left alone.

    `serving` takes host and serving_endpoint, and format for the task `custom`; `driver_proxy`
    takes host, cluster_id, port, path and org_id; `driver` takes url, and never a credential. The
    task is `chat` or `custom`; left out, it is `chat` for `serving`, `custom` for the others.

    Raises AddressError (and EgressDenied, which is one) for an address that will not be used, and
    ValueError for a kind, task or format that is not known.
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
    chosen = task_for(kind, task, format or "dataframe_records")
    target.url(target.path)
    return Client(target, chosen, is_streamed=stream, egress=egress, limits=limits)


class _Reading:
    """Turns one open answer into events."""

    def __init__(self, answer: Exchange, outgoing: Outgoing) -> None:
        self._answer = answer
        self._outgoing = outgoing
        self._joiner = TextJoiner()
        self._usage: Usage | None = None
        self._finish_reason: str | None = None
        self._kept: list[str] = []
        self._room = answers.MAX_KEPT_BYTES

    def whole(self) -> Iterator[Event]:
        """An answer in one piece."""
        value = self._answer.json()
        try:
            self._require_no_error(value)
            part = answers.read_answer(value)
        except EndpointError as error:
            error.response = self._answer.kept(value)
            error.upstream_status = self._answer.status
            raise
        if text := self._take(part):
            yield Text(text)
        yield from self._end(self._answer.kept(value))

    def stream(self) -> Iterator[Event]:
        """An answer in server-sent events, whole when `[DONE]` or a finish reason was there."""
        try:
            yield from self._pieces()
        except EndpointError as error:
            # Nothing is missing when only the end of the connection went wrong.
            is_whole = self._finish_reason is not None and isinstance(error, (Truncated, TimedOut))
            if not is_whole:
                yield from self._usage_seen()
                error.response = self._kept_stream()
                raise
        except Stopped:
            yield from self._usage_seen()
            raise
        yield from self._end(self._kept_stream())

    def _pieces(self) -> Iterator[Event]:
        has_payloads = is_understood = False
        try:
            for event in sse.events(self._answer.chunks()):
                self._keep(event.data)
                if event.data == "[DONE]":
                    break
                has_payloads = True
                value = self._parsed(event.data)
                self._require_no_error(value)
                if event.event == "error":
                    words = one_line(self._answer.clean(event.data))
                    raise UpstreamFailed(f"The endpoint failed: {words}", upstream_status=200)
                part = answers.read_piece(value)
                if part is not None:
                    is_understood = True
                    if text := self._take(part):
                        yield Text(text)
            else:
                if self._finish_reason is None:
                    raise Truncated("The stream ended before the answer was whole.")
        except sse.LineTooLong as error:
            raise TooLarge("One event of the stream is larger than 256 KiB.") from error
        if has_payloads and not is_understood:
            raise BadResponse("The stream holds no text where this task has it.")

    def _parsed(self, data: str) -> Any:
        try:
            return answers.parsed(data)
        except ValueError as error:
            if self._answer.is_at_end:
                raise Truncated("The stream ended before the answer was whole.") from error
            start = one_line(self._answer.clean(data)[:200])
            raise BadResponse(f"The stream holds something that is no JSON: “{start}”.") from error

    def _take(self, part: Part) -> str:
        """Note what a part says beside its text, and give the text that is whole now."""
        if part.usage is not None:
            self._usage = part.usage  # each count covers the whole call: the last one stands
        if part.finish_reason is not None:
            self._finish_reason = part.finish_reason
        return self._joiner.add(part.text) if part.text else ""

    def _end(self, response: dict[str, Any]) -> Iterator[Event]:
        if rest := self._joiner.rest():
            yield Text(rest)
        yield from self._usage_seen()
        yield Finished(self._finish_reason, response)

    def _usage_seen(self) -> Iterator[Event]:
        if self._usage is not None:
            yield self._usage

    def _require_no_error(self, value: Any) -> None:
        if error_in(value) is not None:
            raise error_in(self._answer.clean(value), kind=self._outgoing.kind)

    def _keep(self, data: str) -> None:
        """Keep the first 64 KiB of the stream's payloads."""
        if self._room < 0:
            return
        data = self._answer.clean(data)
        encoded = data.encode()
        if len(encoded) > self._room:
            data = encoded[: self._room].decode("utf-8", "ignore")
        self._kept.append(data)
        self._room -= len(encoded)

    def _kept_stream(self) -> dict[str, Any]:
        kept = self._answer.kept(self._kept)
        return {**kept, "cut": True} if self._room < 0 else kept
