"""The contract: a client sends one prompt to one endpoint and gives back events as they arrive."""

import codecs
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Protocol

from . import answers, sse
from .credentials import OAuthClient, Token
from .driver import Driver
from .driver_proxy import DriverProxy
from .egress import Egress, given
from .errors import (
    BadResponse,
    EndpointError,
    NoCredential,
    Stopped,
    TimedOut,
    TooLarge,
    TransformOutputFailed,
    Truncated,
    Unauthorized,
    UpstreamFailed,
)
from .events import Event, Finished, Opened, Text, Usage, Vectors
from .oauth import bearer, forget
from .outgoing import Outgoing, encoded
from .prompt import Prompt
from .reading import Reader, read_usage, summed
from .refusals import error_in, one_line
from .scrubbing import MASK, Masking
from .serving import Serving
from .speaking import as_text
from .tasks import ACCEPT_ANSWER, ACCEPT_STREAM, Task, task_for
from .transforms import TransformInput, TransformOutput, apply_input, apply_output, no_text
from .vectors import Vector, read_vectors
from .wire import Exchange, Limits, Stopper

_JSON_STARTS = ('"', "{")  # a list in plain text is what the model wrote
_EVENT_STARTS = ("data:", "event:", "id:", "retry:")


@dataclass(frozen=True)
class Request:
    """A request as shown to people: the credential in the headers is masked.

    `content` are the bytes of the body, exactly as they go out. HTTP's own headers, Host and
    Content-Length, are not among the headers. `before` is what `transform_input` was given, None
    without one.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: Any
    before: dict[str, Any] | None = None

    @property
    def content(self) -> bytes:
        return encoded(self.body)

    def as_dict(self) -> dict[str, Any]:
        """Its parts, `before` only where there is one."""
        parts = dict(vars(self))
        if self.before is None:
            del parts["before"]
        return parts


class Target(Protocol):
    """What a kind of endpoint has to say: where a path of it is, and whose token goes along."""

    kind: str
    host: str
    path: str
    credential: Token | OAuthClient | None
    needs_credential: bool

    def url(self, path: str) -> str: ...


@dataclass(frozen=True)
class Asked:
    """One request on its way: as it goes out, and as `transform_input` was given it, if any was.

    `number` is how many inputs are in it, for embeddings.
    """

    outgoing: Outgoing
    before: dict[str, Any] | None
    number: int

    def shown(self) -> Request:
        outgoing = self.outgoing
        outgoing.encoded()
        headers = outgoing.headers(is_masked=True)
        return Request(outgoing.method, outgoing.url, headers, outgoing.body, self.before)


class Client:
    """Asks one endpoint. Keeps no state between calls, so threads may share it."""

    def __init__(
        self,
        target: Target,
        task: Task,
        *,
        is_streamed: bool,
        egress: Egress,
        limits: Limits,
        transform_input: TransformInput | None = None,
        transform_output: TransformOutput | None = None,
    ) -> None:
        self._target = target
        self._task = task
        # What is transformed is a whole answer.
        self._is_streamed = is_streamed and task.can_stream and transform_output is None
        self._egress = egress
        self._limits = limits
        self._transform_input = transform_input
        self._transform_output = transform_output

    def request(self, prompt: Prompt | str) -> Request:
        """What `stream` would send; sends nothing.

        The first request only, where many inputs to embed take several. Raises AddressError,
        BadRequest and TransformInputFailed.
        """
        return self.plan(prompt).request

    def requests(self, prompt: Prompt | str) -> tuple[Request, ...]:
        """All requests that `stream` would send, in order."""
        return self.plan(prompt).requests

    def stream(self, prompt: Prompt | str, *, stopper: Stopper | None = None) -> Iterator[Event]:
        """The answer as events: Opened, then Text and the like or Vectors, Usage, Finished.

        Lazy: the request is sent by the first `next()`, in the thread that calls it, and never
        again; closing the iterator ends it. Raises EndpointError, or Stopped when the stopper was
        pulled; what was given before that stands.
        """
        yield from self.plan(prompt).stream(stopper)

    def plan(self, prompt: Prompt | str) -> "Plan":
        """The requests of a prompt, made once: `transform_input` runs here. Raises as `request`."""
        if isinstance(prompt, str):
            prompt = Prompt.of(prompt)
        asked = [self._asked(each) for each in self._task.all_asked(prompt, self._is_streamed)]
        return Plan(self, asked)

    def _asked(self, asked: dict[str, Any]) -> Asked:
        target, task = self._target, self._task
        number = len(asked["input"]) if task.gives_vectors else 1
        before = None
        if self._transform_input is not None:
            before, asked = asked, apply_input(self._transform_input, asked)
        url = target.url(task.path(target.path))
        outgoing = Outgoing(
            "POST",
            url,
            target.kind,
            ACCEPT_STREAM if self._is_streamed else ACCEPT_ANSWER,
            self._egress.policy(target.kind, url),
            task.wrapped(asked),
            target.credential,
        )
        return Asked(outgoing, before, number)

    def _stream(self, asked: list[Asked], stopper: Stopper | None) -> Iterator[Event]:
        target = self._target
        if not target.needs_credential:
            yield from self._events(asked, stopper)
            return
        token = self._token(stopper)
        asked = [replace(a, outgoing=replace(a.outgoing, credential=token)) for a in asked]
        try:
            yield from self._events(asked, stopper)
        except Unauthorized:
            forget(target.credential, target.host, token, self._egress)
            raise

    def _token(self, stopper: Stopper | None) -> Token:
        """The token to send; an OAuth client's is fetched where none is at hand."""
        target = self._target
        if target.credential is None:
            raise NoCredential("There is no token for this workspace yet.")
        return bearer(target.credential, target.host, self._egress, stopper)

    def _events(self, asked: list[Asked], stopper: Stopper | None) -> Iterator[Event]:
        transform = self._transform_output
        if self._task.gives_vectors:
            yield from _Embedding(self._limits, stopper, transform).events(asked)
            return
        outgoing = asked[0].outgoing
        with Exchange(outgoing, self._limits, stopper) as answer:
            yield _opened(answer)
            reading = _Reading(answer, outgoing, self._task, transform)
            if answer.is_event_stream:
                yield from reading.stream(answer.chunks())
            elif answer.is_plain_text and self._task.takes_text:
                yield from reading.text()
            else:
                yield from reading.whole(answer.json())


class Plan:
    """One prompt's requests: what is shown of them is what is sent."""

    def __init__(self, client: Client, asked: list[Asked]) -> None:
        self._client = client
        self._asked = asked

    @property
    def request(self) -> Request:
        return self._asked[0].shown()

    @property
    def requests(self) -> tuple[Request, ...]:
        return tuple(asked.shown() for asked in self._asked)

    def stream(self, stopper: Stopper | None = None) -> Iterator[Event]:
        """As `Client.stream`."""
        return self._client._stream(self._asked, stopper)


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
    transform_input: TransformInput | None = None,
    transform_output: TransformOutput | None = None,
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

    The transforms are functions of LangChain's signatures. `transform_input(**request)` gets the
    request as it would be sent: prompt, stop and parameters for `custom`, the JSON body for any
    other task; what it returns is sent. `transform_output(response)` gets the parsed answer, of a
    custom model its prediction, and returns the text (for embeddings the vectors), or an answer
    that the task can read. With it nothing is streamed.

    Raises AddressError (and EgressDenied, which is one) for an address that will not be used,
    PromptError for a template, and ValueError for a kind, task or format that is not known.
    """
    egress, limits = given(egress), limits or Limits()
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
    egress.policy(kind, target.url(target.path))
    return Client(
        target,
        chosen,
        is_streamed=stream,
        egress=egress,
        limits=limits,
        transform_input=transform_input,
        transform_output=transform_output,
    )


def _opened(answer: Exchange) -> Opened:
    return Opened(answer.status, answer.content_type, answer.headers.get("served-model-name"))


class _Reading:
    """Turns one open answer into events."""

    def __init__(
        self,
        answer: Exchange,
        outgoing: Outgoing,
        task: Task,
        transform: TransformOutput | None = None,
    ) -> None:
        self._answer = answer
        self._outgoing = outgoing
        self._task = task
        self._transform = transform
        self._reader = task.reader()
        self._raw: Reader | None = None  # what the answer itself said, where it is transformed
        self._masking = Masking(answers.scrubber_of(outgoing.credential))
        self._reader.masking = self._masking
        self._kept: list[str] = []
        self._room = answers.MAX_KEPT_BYTES

    def whole(self, value: Any) -> Iterator[Event]:
        """An answer in one piece."""
        try:
            _require_no_error(value, self._answer, self._outgoing)
            if self._transform is None:
                found = self._reader.whole(value)
            else:
                self._raw = self._task.reader()
                with suppress(BadResponse):
                    self._raw.whole(value)
                found = self._transformed(self._task.answered(value))
        except EndpointError as error:
            error.response = self._answer.kept(value)
            error.upstream_status = self._answer.status
            raise
        yield from found
        yield from self._end(lambda: self._kept_whole(value))

    def _transformed(self, answered: Any) -> list[Event]:
        made = apply_output(self._transform, self._answer.clean(answered))
        try:
            return self._reader.whole(made)
        except BadResponse:
            raise no_text(made) from None

    def stream(self, chunks: Iterator[bytes]) -> Iterator[Event]:
        """An answer in server-sent events.

        Whole when `[DONE]` or the finish reason of every choice was there, or when the framing
        ended just after an agent's message was done.
        """
        if self._transform is not None:
            yield from self._gathered(chunks)
            return
        try:
            yield from self._pieces(chunks)
        except EndpointError as error:
            # Nothing is missing when only the end of the connection went wrong.
            is_whole = self._reader.is_ended and isinstance(error, (Truncated, TimedOut))
            if not is_whole:
                yield from self._seen()
                error.response = self._kept_stream()
                raise
        except Stopped:
            yield from self._seen()
            raise
        yield from self._end(self._kept_stream)

    def _gathered(self, chunks: Iterator[bytes]) -> Iterator[Event]:
        """A stream that nobody asked for, as the one text that such an app means by it."""
        plain = _Reading(self._answer, self._outgoing, self._task)
        heard = list(plain.stream(chunks))
        self._raw, response = plain._reader, heard[-1].response
        try:
            if not self._task.takes_text:
                raise TransformOutputFailed(
                    "The endpoint answered with a stream; transform_output takes a whole answer.",
                    hint="Take “stream” out of what transform_input returns, then run again.",
                )
            texts = (each.text for each in heard if isinstance(each, Text) and each.choice == 0)
            found = self._transformed("".join(texts))
        except EndpointError as error:
            error.response = response
            raise
        yield from found
        yield from self._end(lambda: response)

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
        elif self._transform is not None:
            yield from self.whole(self._value_or_text(b"".join(chunks)))
        elif begun.startswith(_JSON_STARTS):
            yield from self._text_or_json(b"".join(chunks))
        else:
            yield from self._plain(chunks)

    def _value_or_text(self, body: bytes) -> Any:
        """A plain text as what it is: JSON, or else itself."""
        try:
            return answers.parsed(body)
        except ValueError:
            text = answers.mended(body.decode("utf-8", "replace"))
        try:
            self._answer.require_orderly_end()
        except EndpointError as error:
            error.response = self._answer.kept(text)
            raise
        return text

    def _text_or_json(self, body: bytes) -> Iterator[Event]:
        try:
            value = answers.parsed(body)
            _require_no_error(value, self._answer, self._outgoing)
            found = self._reader.whole(value)
        except (ValueError, BadResponse):
            yield from self._plain(iter((body,)))
            return
        yield from found
        yield from self._end(lambda: self._kept_whole(value))

    def _plain(self, chunks: Iterator[bytes]) -> Iterator[Event]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        try:
            for chunk in chain(chunks, (b"",)):
                text = decoder.decode(chunk, final=not chunk)
                self._keep_text(text)
                yield from self._reader.piece(text)
            self._answer.require_orderly_end()
        except EndpointError as error:
            yield from self._seen()
            error.response = self._kept_text()
            raise
        except Stopped:
            yield from self._seen()
            raise
        yield from self._end(self._kept_text)

    def _pieces(self, chunks: Iterator[bytes]) -> Iterator[Event]:
        reader, has_payloads = self._reader, False
        try:
            for number, event in enumerate(sse.events(chunks)):
                self._masking.piece = number
                self._keep(event.data)
                if event.data == "[DONE]":
                    break
                has_payloads = True
                value = self._parsed(event.data)
                self._keep_unescaped(number, event.data, value)
                _require_no_error(value, self._answer, self._outgoing)
                if event.event == "error":
                    words = one_line(as_text(self._answer.clean(value)))
                    raise UpstreamFailed(f"The endpoint failed: {words}", upstream_status=200)
                yield from reader.piece(value)
            else:
                may_end = reader.is_between_items and self._answer.is_orderly_ended
                if not reader.is_ended and not may_end:
                    raise Truncated("The stream ended before the answer was whole.")
        except sse.BeyondLimits as error:
            raise TooLarge(str(error)) from error
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

    def _end(self, kept: Callable[[], dict[str, Any]]) -> Iterator[Event]:
        yield from self._seen()
        reader, raw, clean = self._reader, self._raw or self._reader, self._answer.clean
        reason, choices = clean(reader.finish_reason or raw.finish_reason), reader.choices()
        custom_outputs = clean(reader.custom_outputs or raw.custom_outputs)
        # What is kept comes last: only now is it known which pieces hold parts of a secret.
        yield Finished(reason, kept(), choices, custom_outputs)

    def _seen(self) -> Iterator[Event]:
        """What is left to be told however it ended."""
        yield from self._reader.rest()
        usage = self._reader.usage or (self._raw.usage if self._raw else None)
        if usage is not None:
            yield usage

    def _keep(self, data: str) -> None:
        """Keep the first 64 KiB of the stream's payloads."""
        if self._room < 0:
            return
        size = len(data) if data.isascii() else len(data.encode())
        if size > self._room:
            data = _cut(self._answer.clean(data), self._room)
        self._kept.append(data)
        self._room -= size

    def _keep_unescaped(self, number: int, data: str, value: Any) -> None:
        """Some letters of a secret may be escaped and others not: then only its value shows it."""
        if "\\" in data and number < len(self._kept):
            clean = self._answer.clean(value)
            if clean != value:
                self._kept[number] = as_text(clean)

    def _kept_stream(self) -> dict[str, Any]:
        for number in self._masking.tainted:
            if number < len(self._kept):
                self._kept[number] = MASK
        return self._marked(self._answer.kept(self._kept))

    def _kept_whole(self, value: Any) -> dict[str, Any]:
        return self._answer.kept(MASK if self._masking.tainted else value)

    def _keep_text(self, text: str) -> None:
        """Keep the first 64 KiB of a plain text; masked in the whole, across its pieces."""
        if self._room >= 0:
            self._kept.append(text)
            self._room -= len(text.encode())

    def _kept_text(self) -> dict[str, Any]:
        text = self._answer.clean("".join(self._kept))
        return self._marked(self._answer.kept(_cut(text, answers.MAX_KEPT_BYTES)))

    def _marked(self, kept: dict[str, Any]) -> dict[str, Any]:
        return {**kept, "cut": True} if self._room < 0 else kept


def _cut(text: str, size: int) -> str:
    """As much of the text as fits into so many bytes of UTF-8."""
    return text.encode()[:size].decode("utf-8", "ignore")


class _Embedding:
    """Vectors for many inputs, batch after batch, each a request of its own."""

    def __init__(
        self, limits: Limits, stopper: Stopper | None, transform: TransformOutput | None
    ) -> None:
        self._limits = limits
        self._stopper = stopper
        self._transform = transform
        self._ends_at = time.monotonic() + limits.total_s
        self._vectors: list[Vector] = []
        self._usages: list[Usage | None] = []
        self._responses: list[dict[str, Any]] = []

    def events(self, batches: list[Asked]) -> Iterator[Event]:
        try:
            for place, batch in enumerate(batches):
                with Exchange(batch.outgoing, self._left(), self._stopper) as answer:
                    if place == 0:
                        yield _opened(answer)
                    self._take(answer, batch)
        except (EndpointError, Stopped):
            yield from self._seen()
            raise
        yield from self._seen()
        yield Finished(None, self._response())

    def _left(self) -> Limits:
        """The same limits with the time that is left: it is for all batches together."""
        left_s = max(0.0, self._ends_at - time.monotonic())
        return replace(self._limits, total_s=left_s)

    def _take(self, answer: Exchange, batch: Asked) -> None:
        value = answer.json()
        try:
            _require_no_error(value, answer, batch.outgoing)
            found = self._read(value, answer, batch.number)
        except EndpointError as error:
            error.response = answer.kept(value)
            error.upstream_status = answer.status
            raise
        self._vectors += found
        self._usages.append(read_usage(value))
        self._responses.append(answer.kept(value))

    def _read(self, value: Any, answer: Exchange, number: int) -> tuple[Vector, ...]:
        if self._transform is None:
            return read_vectors(value, number)
        made = apply_output(self._transform, answer.clean(value))
        try:
            return read_vectors(made, number)
        except BadResponse as error:
            words = error.message.replace("The endpoint answered", "transform_output returned")
            words = words.replace("The answer is JSON, but", "What transform_output returned")
            raise TransformOutputFailed(words) from None

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
