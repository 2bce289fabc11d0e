"""Follow a run as it happens: shared by the socket, the API's event stream and the command line."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from channels.layers import get_channel_layer
from django.db.models import QuerySet

from . import announcing
from .access import with_edit_rights, with_votes
from .models import Call
from .threads import DatabaseThreads
from .waiting import Place, places_in

QUIET_S = 2.0  # nothing heard for so long: look at the rows, a message may have been lost
BEHIND_S = 0.1  # a gap was seen: the row covers it within the time between two saves
RECHECK_S = 10.0  # look at the rows this often even while messages come in
LINE_EVERY_S = 1.0  # how often the line is looked at while a call stands in it

database = DatabaseThreads(4, "watch")


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
class Thought:
    """Reasoning to append, where it is wanted."""

    call_id: str
    text: str


@dataclass(frozen=True)
class Placed:
    """Where a queued call stands now, where it is wanted."""

    call_id: str
    place: Place


@dataclass(frozen=True)
class Ended:
    """Every call of the run is over."""

    run_id: str


@dataclass(frozen=True)
class Doubt:
    """Whether the person may still see this has to be looked at before anything more is shown."""


async def watch_run(
    run_id,
    positions: dict[str, int] | None = None,
    *,
    with_thoughts: bool = False,
    with_places: bool = False,
    person_id=None,
) -> AsyncIterator[Card | Delta | Thought | Placed | Ended | Doubt]:
    """First every call as saved, then what changes, until all calls are over.

    `positions` tells how many characters of which call the watcher already has: those calls are
    continued from there. Text arrives without gap or repeat, whatever the channel layer loses.
    Reasoning comes with the cards; `with_thoughts`, also while it grows. `with_places`, the place
    in the line of a call that is queued for a while. With `person_id`, the cards know this person's
    votes, and a Doubt comes as soon as something about the person changes, and every 10 s.
    """
    layer = get_channel_layer()
    channel, groups = await layer.new_channel(), [announcing.run_group(run_id)]
    if person_id is not None:
        groups.append(announcing.person_group(person_id))
    watcher = _Watcher(run_id, positions or {}, with_thoughts, person_id)
    if with_places:
        watcher.line_at = time.monotonic() + LINE_EVERY_S
    # Join first, then read: what happens in between is heard, and dropped where the row had it.
    for group in groups:
        await layer.group_add(group, channel)
    listening = asyncio.ensure_future(layer.receive(channel))
    try:
        for event in await watcher.look():
            yield event
        while not watcher.is_over:
            events = []
            timeout = min(watcher.patience_s(), watcher.line_patience_s())
            await asyncio.wait({listening}, timeout=timeout)
            if listening.done():
                events = await watcher.hear(listening.result())
                listening = asyncio.ensure_future(layer.receive(channel))
            if watcher.patience_s() == 0:
                # An expired message takes a channel out of its groups: joining again is cheap.
                for group in groups:
                    await layer.group_add(group, channel)
                events += await watcher.look()
            if watcher.line_patience_s() == 0:
                events += await watcher.look_at_line()
            if watcher.is_doubt_due():
                events.insert(0, Doubt())
            for event in events:
                yield event
        yield Ended(str(run_id))
    finally:
        for group in groups:
            await layer.group_discard(group, channel)
        # A layer forgets a channel only when a receive that waits on it is cancelled.
        if listening.done():
            listening = asyncio.ensure_future(layer.receive(channel))
            await asyncio.sleep(0)
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


class _Watcher:
    """What one watcher has been told, and what follows from a message or a look at the rows."""

    def __init__(self, run_id, positions: dict[str, int], with_thoughts: bool, person_id):
        self.run_id, self.with_thoughts, self.person_id = run_id, with_thoughts, person_id
        self.doubt_at = math.inf if person_id is None else time.monotonic() + RECHECK_S
        self.told = dict(positions)  # call id -> characters told
        self.thought: dict[str, int] = {}  # the same of its reasoning
        self.status: dict[str, str] = {}
        self.ahead: dict[str, list[tuple[int, str]]] = {}  # pieces beyond a gap, until it is closed
        self.looked_at = self.heard_at = 0.0
        self.line_at = math.inf  # when the line is worth a look
        self.places: dict[str, Place] = {}

    @property
    def is_over(self) -> bool:
        return all(status in Call.OVER for status in self.status.values())

    def patience_s(self) -> float:
        """How long to listen before the rows are worth a look."""
        if self.ahead:
            due = self.looked_at + BEHIND_S
        else:
            quiet_since = max(self.heard_at, self.looked_at)
            due = min(quiet_since + QUIET_S, self.looked_at + RECHECK_S)
        return max(0.0, due - time.monotonic())

    def line_patience_s(self) -> float:
        """How long until the line is worth a look: for ever while nobody stands in it."""
        if "queued" not in self.status.values():
            return math.inf
        return max(0.0, self.line_at - time.monotonic())

    def is_doubt_due(self) -> bool:
        """Whether to ask now if the person may still see this; then the clock starts anew."""
        if time.monotonic() < self.doubt_at:
            return False
        self.doubt_at = time.monotonic() + RECHECK_S
        return True

    async def hear(self, message: dict) -> list[Card | Delta | Thought]:
        self.heard_at = time.monotonic()
        if message["type"] in ("person.changed", "run.shared"):
            self.doubt_at = 0.0
            return []
        call_id = message["call"]
        if message["type"] == "call.changed":
            return self._card(await database.run(self._read_call, call_id))
        if message["type"] == "call.thought":
            # Only the row has it: reasoning is saved before it is told.
            call = await database.run(self._read_call, call_id) if self.with_thoughts else None
            return self._compare(call) if call else []
        if call_id not in self.status:
            return await self.look()
        return self._deltas(call_id, [(message["at"], message["text"])], message.get("ttft_ms"))

    async def look(self) -> list[Card | Delta | Thought]:
        """Read every call that is not known to be over."""
        self.looked_at = time.monotonic()
        over = [call_id for call_id, status in self.status.items() if status in Call.OVER]
        calls = await database.run(self._read_calls, over)
        return [event for call in calls for event in self._compare(call)]

    async def look_at_line(self) -> list[Placed]:
        """The places that are others than were told."""
        self.line_at = time.monotonic() + LINE_EVERY_S
        before, self.places = self.places, await database.run(places_in, self.run_id)
        return [
            Placed(call_id, place)
            for call_id, place in self.places.items()
            if before.get(call_id) != place and self.status.get(call_id) == "queued"
        ]

    def _compare(self, call: Call) -> list[Card | Delta | Thought]:
        call_id = str(call.pk)
        known = self.status.get(call_id)
        is_resumed = known is None and call_id in self.told
        is_same = known == call.status or (known is not None and call.is_live and known != "queued")
        if call.is_live and (is_same or is_resumed):
            self.status[call_id] = call.status
            return self._thoughts(call) + self._deltas(call_id, [(0, call.text)], call.ttft_ms)
        return [] if is_same else self._card(call)

    def _card(self, call: Call | None) -> list[Card]:
        if call is None:
            return []
        call_id = str(call.pk)
        if call.is_live and len(call.text) < self.told.get(call_id, 0):
            return []  # the row is older than what was told; the next look or message tells more
        self.status[call_id] = call.status
        self.told[call_id], self.thought[call_id] = len(call.text), len(call.reasoning)
        self.ahead.pop(call_id, None)
        return [Card(call)]

    def _thoughts(self, call: Call) -> list[Card | Thought]:
        """Reasoning that is new; the first of it comes with a card, which has a place for it."""
        call_id = str(call.pk)
        told = self.thought.get(call_id, 0)
        fresh = call.reasoning[told:] if self.with_thoughts else ""
        if not fresh or not told:
            return self._card(call) if fresh else []
        self.thought[call_id] = told + len(fresh)
        return [Thought(call_id, fresh)]

    def _deltas(
        self, call_id: str, pieces: list[tuple[int, str]], ttft_ms: int | None
    ) -> list[Delta]:
        """What is new in these pieces; those beyond a gap wait until the row has closed it."""
        if self.status[call_id] in Call.OVER:
            return []
        begin = self.told.get(call_id, 0)
        told, fresh, ahead = begin, [], []
        for at, text in (*pieces, *self.ahead.pop(call_id, [])):
            if at > told:
                ahead.append((at, text))
            elif at + len(text) > told:
                fresh.append(text[told - at :])
                told = at + len(text)
        if ahead:
            self.ahead[call_id] = sorted(ahead)
        if not fresh:
            return []
        self.told[call_id] = told
        return [Delta(call_id, begin, "".join(fresh), ttft_ms if begin == 0 else None)]

    def _read_calls(self, but_not: list[str]) -> list[Call]:
        return list(self._calls().filter(run=self.run_id).exclude(pk__in=but_not))

    def _read_call(self, call_id: str) -> Call | None:
        return self._calls().filter(pk=call_id).first()

    def _calls(self) -> QuerySet[Call]:
        """With all that showing them needs, so that nothing is read on the way to the page."""
        calls = with_votes(Call.objects.defer("request"), self.person_id)
        if self.person_id is not None:
            calls = with_edit_rights(calls, self.person_id)
        return calls.select_related("endpoint__workspace", "run__owner")
