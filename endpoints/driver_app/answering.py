"""One answer on its way to its client: paced, streamed or whole, and ended when nobody waits."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Coroutine
from itertools import islice

from starlette.types import Receive, Scope, Send

from .parameters import Ask
from .pieces import Generation, count_pieces

DEFAULT_TOKEN_DELAY_MS = 28
# At the default pace a long answer is sent in larger events, to end within this time.
_DEFAULT_LONGEST_S = 20
_DONE = b"data: [DONE]\n\n"
_STOPPED = {
    "error": {
        "type": "unavailable",
        "message": "The driver app was stopped before this answer was complete. "
        "Start it again and retry.",
    }
}
# Clients that split events with splitlines() would break a line here.
_LINE_BREAKS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}


def dump_json(value: object) -> bytes:
    """JSON in UTF-8, readable as it is, on one line however a client counts lines.

    A lone surrogate, which UTF-8 cannot hold, is written as JSON's own escape.
    """
    text = json.dumps(value, ensure_ascii=False).translate(_LINE_BREAKS)
    return text.encode("utf-8", "backslashreplace")


class OpenAnswers:
    """The answers being written now, so that each can be ended early."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False

    def __len__(self) -> int:
        return len(self._tasks)

    def close(self) -> None:
        """End every answer now, and any that comes later at once."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()

    async def see_through(self, writing: Coroutine[None, None, None], receive: Receive) -> bool:
        """Write an answer until its end; False if the client left or the app closes first."""
        task = asyncio.create_task(writing)
        if self._is_closing:
            task.cancel()
        watch = asyncio.create_task(_wait_until_gone(receive))
        self._tasks.add(task)
        try:
            await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            watch.cancel()
            await asyncio.wait({task, watch})
            self._tasks.discard(task)
        if task.cancelled():
            return False
        task.result()
        return True


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Answer:
    def __init__(self, ask: Ask, text: str, open_answers: OpenAnswers) -> None:
        self._ask = ask
        self._generation = Generation(text, ask.stop, ask.max_tokens)
        self._open_answers = open_answers
        self._steps_at_once = 1
        self._token_delay_ms = ask.token_delay_ms
        if ask.token_delay_ms is None:
            self._token_delay_ms = DEFAULT_TOKEN_DELAY_MS
            most_events = _DEFAULT_LONGEST_S * 1000 // DEFAULT_TOKEN_DELAY_MS
            self._steps_at_once = math.ceil(count_pieces(text) / most_events) or 1

    async def _paced_text(self) -> AsyncIterator[str]:
        await asyncio.sleep(self._ask.delay_ms / 1000)
        steps = iter(self._generation)
        is_first = True
        while pieces := list(islice(steps, self._steps_at_once)):
            if not is_first:
                await asyncio.sleep(self._token_delay_ms / 1000)
            is_first = False
            if text := "".join(pieces):
                yield text


class StreamedAnswer(_Answer):
    """An answer as server-sent events; each piece of text is flushed when it is ready."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        await _send_start(send, 200, headers)
        if not await self._open_answers.see_through(self._write(send), receive):
            await _send_body(send, _event(_STOPPED))

    async def _write(self, send: Send) -> None:
        async for text in self._paced_text():
            await _send_body(send, _event(text), is_last=False)
        usage = {
            "input_tokens": count_pieces(self._ask.prompt),
            "output_tokens": self._generation.output_tokens,
        }
        end = _event({"usage": usage, "finish_reason": self._generation.finish_reason})
        await _send_body(send, end + _DONE)


class PlainAnswer(_Answer):
    """An answer as one JSON string, after the time that streaming it would have taken."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not await self._open_answers.see_through(self._write(send), receive):
            await _send_json(send, 503, _STOPPED)

    async def _write(self, send: Send) -> None:
        text = "".join([text async for text in self._paced_text()])
        await _send_json(send, 200, text)


def _event(value: object) -> bytes:
    return b"data: " + dump_json(value) + b"\n\n"


async def _send_json(send: Send, status: int, value: object) -> None:
    body = dump_json(value)
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    await _send_start(send, status, headers)
    await _send_body(send, body)


async def _send_start(send: Send, status: int, headers: dict[str, str]) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _send_body(send: Send, body: bytes, *, is_last: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": not is_last})
