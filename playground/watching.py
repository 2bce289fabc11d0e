"""Follow a run as it happens: shared by the socket, the API's event stream and the command line."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from channels.layers import get_channel_layer

from . import announcing
from .models import Call
from .threads import DatabaseThreads

QUIET_S = 2.0  # nothing heard for so long: look at the rows, a message may have been lost
BEHIND_S = 0.1  # a gap was seen: the row covers it within the time between two saves
RECHECK_S = 10.0  # look at the rows this often even while messages come in

_database = DatabaseThreads(4, "watch")


@dataclass(frozen=True)
class Card:
    """A call as saved, whole: it replaces everything told about this call before."""

    call: Call


@dataclass(frozen=True)
class Delta:
    """Text to append; `at` is where it begins, in characters, always where the last one ended."""

    call_id: str
    at: int
    text: str
    ttft_ms: int | None = None


@dataclass(frozen=True)
class Ended:
    """Every call of the run is over."""

    run_id: str


async def watch_run(
    run_id, positions: dict[str, int] | None = None
) -> AsyncIterator[Card | Delta | Ended]:
    """First every call as saved, then what changes, until all calls are over.

    `positions` tells how many characters of which call the watcher already has: those calls are
    continued from there. Text arrives without gap or repeat, whatever the channel layer loses.
    """
    layer = get_channel_layer()
    channel, group = await layer.new_channel(), announcing.run_group(run_id)
    watcher = _Watcher(run_id, positions or {})
    listening = None
    # Join first, then read: what happens in between is heard, and dropped where the row had it.
    await layer.group_add(group, channel)
    try:
        for event in await watcher.look():
            yield event
        while not watcher.is_over:
            listening = listening or asyncio.ensure_future(layer.receive(channel))
            await asyncio.wait({listening}, timeout=watcher.patience_s())
            if listening.done():
                events = await watcher.hear(listening.result())
                listening = None
            else:
                # An expired message takes a channel out of its groups: joining again is cheap.
                await layer.group_add(group, channel)
                events = await watcher.look()
            for event in events:
                yield event
        yield Ended(str(run_id))
    finally:
        if listening is not None:
            listening.cancel()
        await layer.group_discard(group, channel)


class _Watcher:
    """What one watcher has been told, and what follows from a message or a look at the rows."""

    def __init__(self, run_id, positions: dict[str, int]):
        self.run_id = run_id
        self.told = dict(positions)  # call id -> characters told
        self.status: dict[str, str] = {}
        self.behind: set[str] = set()
        self.looked_at = 0.0

    @property
    def is_over(self) -> bool:
        return all(status in Call.OVER for status in self.status.values())

    def patience_s(self) -> float:
        if self.behind:
            return BEHIND_S
        return max(0.0, min(QUIET_S, self.looked_at + RECHECK_S - time.monotonic()))

    async def hear(self, message: dict) -> list[Card | Delta]:
        call_id = message["call"]
        if message["type"] == "call.changed":
            return self._card(await _database.run(_read_call, call_id))
        if call_id not in self.status:
            return await self.look()
        return self._delta(call_id, message["at"], message["text"], message.get("ttft_ms"))

    async def look(self) -> list[Card | Delta]:
        """Read every call that is not known to be over."""
        self.looked_at = time.monotonic()
        over = [call_id for call_id, status in self.status.items() if status in Call.OVER]
        calls = await _database.run(_read_calls, self.run_id, over)
        return [event for call in calls for event in self._compare(call)]

    def _compare(self, call: Call) -> list[Card | Delta]:
        call_id = str(call.pk)
        known = self.status.get(call_id)
        is_resumed = known is None and call_id in self.told
        is_same = known == call.status or (known is not None and call.is_live and known != "queued")
        if call.is_live and (is_same or is_resumed):
            self.status[call_id] = call.status
            return self._delta(call_id, 0, call.text, call.ttft_ms)
        return [] if is_same else self._card(call)

    def _card(self, call: Call | None) -> list[Card]:
        if call is None:
            return []
        call_id = str(call.pk)
        if call.is_live and len(call.text) < self.told.get(call_id, 0):
            return []  # the row is older than what was told; the next look or message tells more
        self.status[call_id] = call.status
        self.told[call_id] = len(call.text)
        self.behind.discard(call_id)
        return [Card(call)]

    def _delta(self, call_id: str, at: int, text: str, ttft_ms: int | None) -> list[Delta]:
        told = self.told.get(call_id, 0)
        if self.status[call_id] in Call.OVER or at + len(text) <= told:
            return []
        if at > told:
            self.behind.add(call_id)
            return []
        self.behind.discard(call_id)
        self.told[call_id] = at + len(text)
        return [Delta(call_id, told, text[told - at :], ttft_ms if told == 0 else None)]


def _read_calls(run_id, but_not: list[str]) -> list[Call]:
    calls = Call.objects.filter(run=run_id).exclude(pk__in=but_not)
    return list(calls.defer("request").select_related("endpoint", "run"))


def _read_call(call_id: str) -> Call | None:
    calls = Call.objects.filter(pk=call_id)
    return calls.defer("request").select_related("endpoint", "run").first()
