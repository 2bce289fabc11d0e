"""A run as server-sent events: whole cards, pieces of text, and the end; resumable at any event."""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

from django.http import Http404, HttpRequest
from pydantic import BaseModel

from ..access import get_visible
from ..limits import hold_line
from ..models import Run
from ..watching import Card, Delta, Doubt, Ended, database, watch_run
from .answers import to_json
from .auth import is_still_welcome
from .calls import call_card

KEEP_ALIVE_S = 15.0
PREFIX = 8  # hex digits that tell the calls of one run apart
END = "end"  # the id of the last event

EVENTS_IN_WORDS = """
Server-sent events, until the run has ended:

* `call`: a call as saved, whole. It replaces everything told about this call before. Reasoning
  is whole in the last one, when the call is over; tool calls, further choices and vectors come
  with that one alone.
* `delta`: `{"call", "at", "text"}`. Text to append; `at` is where it begins, in characters
  (code points).
* `run`: `{"id", "status": "ended"}`, the last one.

Every event has an `id`; sent back as `Last-Event-ID` it resumes without loss or repeat. After the
last one the answer is 204, so that a browser's EventSource does not come again.
"""


async def event_stream(
    request: HttpRequest, run_id, positions: dict[str, int]
) -> AsyncIterator[bytes]:
    """The lines to send, for a client that has `positions` (call id -> characters) already."""
    told = dict(positions)
    watched = watch_run(run_id, positions, person_id=request.auth.pk)
    with hold_line(request.auth.pk):
        async with aclosing(_with_pauses(watched)) as events:
            async for event in events:
                if not isinstance(event, Doubt):
                    yield b": keep-alive\n\n" if event is None else _told(event, told)
                elif not await database.run(_may_go_on, request, run_id):
                    return


def _may_go_on(request: HttpRequest, run_id) -> bool:
    try:
        return is_still_welcome(request) and bool(get_visible(request.auth, Run, run_id))
    except Http404:
        return False


async def _with_pauses(events: AsyncIterator) -> AsyncIterator[Card | Delta | Ended | Doubt | None]:
    """The events, and None whenever nothing came for a while."""
    upcoming = None
    async with aclosing(events):
        try:
            while True:
                upcoming = upcoming or asyncio.ensure_future(anext(events))
                await asyncio.wait({upcoming}, timeout=KEEP_ALIVE_S)
                if not upcoming.done():
                    yield None
                    continue
                try:
                    event = upcoming.result()
                except StopAsyncIteration:
                    return
                upcoming = None
                yield event
        finally:
            if upcoming is not None:
                upcoming.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await upcoming


def _told(event: Card | Delta | Ended, told: dict[str, int]) -> bytes:
    """The event as it is sent, and noted in `told`."""
    if isinstance(event, Card):
        told.pop(str(event.call.pk), None)
        if event.call.is_live:
            told[str(event.call.pk)] = len(event.call.text)
        return _lines("call", _event_id(told), call_card(event.call))
    if isinstance(event, Delta):
        told[event.call_id] = event.at + len(event.text)
        data = {"call": event.call_id, "at": event.at, "text": event.text}
        return _lines("delta", _event_id(told), data)
    return _lines("run", END, {"id": event.run_id, "status": "ended"})


def _lines(name: str, event_id: str, data: BaseModel | dict) -> bytes:
    return f"event: {name}\nid: {event_id}\ndata: ".encode() + to_json(data) + b"\n\n"


# Event ids ----------------------------------------------------------------------------------


def _event_id(told: dict[str, int]) -> str:
    """How much of which live call was told. What is left out is told whole again: no harm done."""
    kept = {call_id[:PREFIX]: characters for call_id, characters in told.items() if characters}
    text = json.dumps(kept, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_positions(run: Run, event_id: str) -> dict[str, int]:
    """What a client has, by the id of the last event it saw. An id of another run means nothing."""
    kept = _parsed(event_id)
    if not kept:
        return {}
    positions = {}
    for call_id in map(str, run.calls.values_list("pk", flat=True)):
        characters = kept.get(call_id[:PREFIX])
        if type(characters) is int and characters > 0:
            positions[call_id] = characters
    return positions


def _parsed(event_id: str) -> dict:
    try:
        text = base64.urlsafe_b64decode(event_id + "=" * (-len(event_id) % 4))
        kept = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}
