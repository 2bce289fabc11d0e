"""CallWorker: hears the bell, seats the waiting calls, streams them and keeps what they say."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict

from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError, DataError

from endpoints import (
    Client,
    EndpointError,
    Event,
    Finished,
    Reasoning,
    Stopped,
    Stopper,
    Text,
    ToolCall,
    Usage,
    Vectors,
)

from . import announcing, claiming, deleting, filing, running, searching, waiting
from .asking import prompt_of
from .connecting import api_for_call, client_for_call, describe, storable
from .models import Call
from .threads import DatabaseThreads

log = logging.getLogger(__name__)

COALESCE_S = 0.045  # fresh text is announced at most this often; the first piece at once
SAVE_EVERY_S = 0.25
BEAT_EVERY_S = 2.0
INDEX_EVERY_S = 5.0  # the net under an end that nobody told
INDEX_AFTER_S = 0.3  # ends that come together are written together
TIDY_EVERY_S = 60.0
IDLE_POLL_S = 2.0  # the net under a lost bell
END_AGAIN_S = (0.2, 0.5, 1, 2, 4, 8, 16)  # pauses between tries to write a result
WHY_AFTER_S = 8.0  # without a token: what its workspace says of that is asked, once
ASKING_THREADS = 2
LEAVE_S = 5.0  # how long a stopping worker waits for its streams to close

MOST_TOKENS = 2**53

INTERNAL = {
    "kind": "internal",
    "message": "Something in the playground itself failed while it ran this call.",
    "hint": "The text so far is kept. Retry; if it fails again, the server's log has the cause.",
}


class CallWorker:
    """One per process: `async with CallWorker().working(): ...` in the loop of the server.

    Blocking requests run in a pool with one thread for each seat. One more thread does all the
    database work, so that saves, results and leases never overtake each other.
    """

    def __init__(self, only_run=None):
        self.only_run = only_run
        self.seats: dict[str, Seat] = {}
        self.name = ""
        self._tasks: set[asyncio.Task] = set()

    @asynccontextmanager
    async def working(self) -> AsyncIterator["CallWorker"]:
        self._loop = asyncio.get_running_loop()
        self._woken, self._first_text = asyncio.Event(), asyncio.Event()
        self._ended = asyncio.Event()
        self._database = DatabaseThreads(1, "worker-db")
        self._later = DatabaseThreads(1, "worker-later")  # for what nobody waits for
        self._pool = ThreadPoolExecutor(settings.WORKER_SEATS, thread_name_prefix="call")
        self._asking = ThreadPoolExecutor(ASKING_THREADS, thread_name_prefix="ask")
        self.name = await get_channel_layer().new_channel("worker")
        loops = [
            asyncio.ensure_future(self._for_ever(job))
            for job in (
                self._hear_bell,
                self._hear_stops,
                self._seat_calls,
                self._save,
                self._beat,
                self._index,
                self._tidy,
            )
        ]
        try:
            yield self
        finally:
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await self._leave()

    async def _leave(self) -> None:
        """End what is still streaming, say so in its row, and give the threads back."""
        for seat in self.seats.values():
            seat.is_leaving = True
            seat.stopper.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LEAVE_S)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._asking.shutdown(wait=False, cancel_futures=True)
        self._database.close()
        self._later.close()

    # Loops ----------------------------------------------------------------------------------

    async def _for_ever(self, job) -> None:
        """An error in one round is logged; the next round comes a moment later."""
        while True:
            try:
                await job()
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("The worker's %s failed; it goes on.", job.__name__.strip("_"))
                await asyncio.sleep(1)

    async def _hear_bell(self) -> None:
        await get_channel_layer().receive(announcing.CALLS)
        self._woken.set()

    async def _hear_stops(self) -> None:
        message = await get_channel_layer().receive(self.name)
        self._stop(message["call"])

    async def _seat_calls(self) -> None:
        """Claim as many calls as there are free seats; then wait for the bell or a freed seat."""
        self._woken.clear()
        free = settings.WORKER_SEATS - len(self.seats)
        seats = []
        if free > 0:
            seats = await self._database.run(self._claim, free)
        for seat in seats:
            self.seats[str(seat.call.pk)] = seat
            self._spawn(self._serve(seat))
        if len(seats) < max(free, 1):  # else there may be more, and seats for them
            await _wait(self._woken, IDLE_POLL_S)

    def _claim(self, free: int) -> list["Seat"]:
        """In one visit to the database: the calls, and the client that each of them needs."""
        calls = claiming.claim_calls(self.name, free, self.only_run)
        return [Seat(call, self._open(call), self._loop) for call in calls]

    async def _save(self) -> None:
        """Save all texts that grew, in one transaction."""
        await _wait(self._first_text, SAVE_EVERY_S)
        self._first_text.clear()
        grown = [seat for seat in self.seats.values() if seat.has_unsaved]
        if grown:
            texts = [seat.to_save() for seat in grown]
            lost = await self._database.run(running.keep_texts, self.name, texts)
            for seat, (_, text, reasoning, _) in zip(grown, texts, strict=True):
                await self._tell_saved(seat, len(reasoning))
                seat.saved_length, seat.saved_thought = len(text), len(reasoning)
            for call_id in lost:
                self._stop(call_id)

    async def _tell_saved(self, seat: "Seat", thought: int) -> None:
        """Tell what no text tells: that something came, and that the saved reasoning grew."""
        if seat.tells_thinking():
            await announcing.call_changed(seat.call.run_id, seat.call.pk)
        elif thought > seat.saved_thought:
            await announcing.call_thought(seat.call.run_id, seat.call.pk)

    async def _beat(self) -> None:
        """Renew leases, notice stops and losses that no message told, reap dead workers' calls.

        Now and then what was deleted goes for good.
        """
        seated = set(self.seats)
        # First our own: after a stall, such as a laptop's sleep, our leases may be over too.
        held, asked = await self._database.run(running.renew_leases, self.name, seated)
        for call_id in seated - held | asked:
            self._stop(call_id)
        for call in await self._database.run(running.reap_calls, self.name):
            await announcing.call_changed(call.run_id, call.pk)
            self._woken.set()  # its owner has room for another one
        await asyncio.sleep(BEAT_EVERY_S)

    async def _index(self) -> None:
        """Write down by which words runs are found, once they are over."""
        await _wait(self._ended, INDEX_EVERY_S)
        self._ended.clear()
        await asyncio.sleep(INDEX_AFTER_S)
        while await self._later.run(searching.index_ended):
            pass

    async def _tidy(self) -> None:
        """Delete for good what was deleted, and what is older than this site keeps."""
        await self._later.run(deleting.purge_deleted)
        while await self._later.run(filing.expire_runs):
            await asyncio.sleep(SAVE_EVERY_S)  # others write in between
        await asyncio.sleep(TIDY_EVERY_S)

    # One call -------------------------------------------------------------------------------

    async def _serve(self, seat: "Seat") -> None:
        call = seat.call
        beside: list[asyncio.Task] = []
        try:
            if seat.client is not None:
                work = self._loop.run_in_executor(self._pool, seat.stream)
                beside = [asyncio.ensure_future(self._tell(seat))]
                if call.config["workspace"]:
                    beside.append(asyncio.ensure_future(self._ask_why(seat)))
                await announcing.call_changed(call.run_id, call.pk)
                await work
        except Exception:
            log.exception("Call %s failed inside the playground.", call.pk)
            call.status, call.error = Call.Status.FAILED, INTERNAL
        finally:
            for task in beside:
                task.cancel()
        call.text = seat.whole_text()
        if call.choices:
            call.choices[0]["text"] = call.text
        try:
            if await self._end(call):
                await announcing.call_changed(call.run_id, call.pk)
        finally:
            del self.seats[str(call.pk)]
            self._woken.set()
            self._ended.set()

    async def _end(self, call: Call) -> bool:
        """Write the result, if need be again: the answer was paid for. False if it is lost."""
        for delay_s in END_AGAIN_S:
            try:
                return await self._database.run(running.end_call, self.name, call)
            except (DataError, ValueError):
                log.exception("The result of call %s cannot be stored; its text is.", call.pk)
                call.response = call.usage = call.finish_reason = None
                call.tool_calls = call.choices = call.vectors = call.custom_outputs = None
                call.reasoning = ""
                call.status, call.error = Call.Status.FAILED, INTERNAL
            except DatabaseError:
                log.warning("The result of call %s is not stored yet.", call.pk, exc_info=True)
            await asyncio.sleep(delay_s)
        return False

    def _open(self, call: Call) -> Client | None:
        """The client with the runner's credential; None when the call failed before any request."""
        try:
            return client_for_call(call)
        except EndpointError as error:
            call.error = describe(error)
        except Exception:
            log.exception("Call %s failed inside the playground.", call.pk)
            call.error = INTERNAL
        call.status, call.latency_ms = Call.Status.FAILED, 0
        return None

    async def _tell(self, seat: "Seat") -> None:
        """Announce fresh text: the first piece at once, then what gathers in each interval."""
        while True:
            await seat.grown.wait()
            at, text = seat.take()
            if at == 0:
                self._first_text.set()
            await announcing.call_grew(seat.call.run_id, seat.call.pk, at, text, seat.call.ttft_ms)
            await asyncio.sleep(COALESCE_S)

    async def _ask_why(self, seat: "Seat") -> None:
        """Find out what a call waits for, once, when its first token is long in coming."""
        await asyncio.sleep(WHY_AFTER_S)
        call = seat.call
        try:
            if call.ttft_ms is not None:
                return
            api = await self._database.run(api_for_call, call)
            if api is None:
                return
            asked = self._loop.run_in_executor(self._asking, waiting.reason_of, api, call.config)
            reason = await asked
            if reason and await self._database.run(running.note_wait, self.name, call.pk, reason):
                await announcing.call_changed(call.run_id, call.pk)
        except EndpointError as error:
            log.info("What call %s waits for cannot be asked: %s", call.pk, error)
        except Exception:
            log.exception("What call %s waits for was not found out; it goes on.", call.pk)

    def _stop(self, call_id: str) -> None:
        seat = self.seats.get(call_id)
        if seat is not None:
            seat.stopper.stop()

    def _spawn(self, work: Coroutine) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Seat:
    """One call while it runs. A pool thread fills it; the worker's loop takes text out of it."""

    def __init__(self, call: Call, client: Client | None, loop: asyncio.AbstractEventLoop):
        self.call = call
        self.client = client  # None: the call is over already
        self.stopper = Stopper()
        self.is_leaving = False
        self.grown = asyncio.Event()
        self.saved_length = self.saved_thought = 0  # of text and reasoning, in characters
        self._loop = loop
        self._lock = threading.Lock()
        self._fresh: list[str] = []  # not announced yet
        self._told: list[str] = []
        self._told_length = 0
        self._is_thinking = False  # something came, and no text yet
        self._thought_length = 0
        self._answers: dict[int, Answer] = {}

    def stream(self) -> None:
        """In a pool thread: send the request, hear the answer, leave the result on the call."""
        call, began = self.call, time.monotonic()
        prompt = prompt_of(call)
        try:
            plan = self.client.plan(prompt)
            request = plan.request.as_dict()
            # What a user's function made may be nothing that a database takes.
            call.request = storable(request) if "before" in request else request
            for event in plan.stream(self.stopper):
                if isinstance(event, Text) and event.choice == 0:
                    self._hear(event.text, began)
                else:
                    self._note(event, began)
            call.status = Call.Status.DONE
        except Stopped:
            call.status = Call.Status.STOPPED
            if self.is_leaving:
                call.status, call.error = Call.Status.FAILED, running.WORKER_LOST
        except EndpointError as error:
            call.status, call.error = Call.Status.FAILED, storable(describe(error))
            call.response = storable(error.response)
        except Exception:
            log.exception("Call %s failed inside the playground.", call.pk)
            call.status, call.error = Call.Status.FAILED, INTERNAL
        call.latency_ms = _ms_since(began)
        self._keep_answers()

    def _note(self, event: Event, began: float) -> None:
        """What is not the text. Reasoning is told when it is saved, the rest when all is over."""
        call = self.call
        if isinstance(event, Text | Reasoning | ToolCall):
            if call.ttft_ms is None:
                call.ttft_ms = _ms_since(began)
                self._is_thinking = True
                self._loop.call_soon_threadsafe(self.grown.set)
            self._answers.setdefault(event.choice, Answer()).hear(event)
            if isinstance(event, Reasoning) and event.choice == 0:
                self._thought_length += len(event.text)
        elif isinstance(event, Vectors):
            call.vectors = [list(vector) for vector in event.vectors]
        elif isinstance(event, Usage):
            call.usage = _counts(event)
        elif isinstance(event, Finished):
            call.finish_reason = (storable(event.finish_reason) or "")[:60] or None
            call.response = storable(event.response)
            call.custom_outputs = storable(event.custom_outputs)
            for choice in event.choices:
                answer = self._answers.setdefault(choice.index, Answer())
                answer.finish_reason = choice.finish_reason

    def _keep_answers(self) -> None:
        """Put on the call what the first choice said beside its text, and all choices of many.

        The text of the first one is known when the worker's loop has taken all of it.
        """
        first = self._answers.get(0, Answer())
        self.call.reasoning = storable("".join(first.reasoning))
        self.call.tool_calls = storable(first.calls()) or None
        if any(self._answers):
            answers = sorted({0: first, **self._answers}.items())
            self.call.choices = storable([{"index": n} | answer.whole() for n, answer in answers])

    def _hear(self, text: str, began: float) -> None:
        # PostgreSQL stores no NUL and no browser shows one; U+FFFD stands for it.
        text = text.replace("\0", "\ufffd")
        if self.call.ttft_ms is None:
            self.call.ttft_ms = _ms_since(began)
        with self._lock:
            is_first = not self._fresh
            self._fresh.append(text)
        if is_first:  # otherwise the loop has been told already and will take this piece too
            self._loop.call_soon_threadsafe(self.grown.set)

    def take(self) -> tuple[int, str]:
        """Fresh text, and where in the whole it begins."""
        self.grown.clear()
        with self._lock:
            fresh, self._fresh = self._fresh, []
        at, text = self._told_length, "".join(fresh)
        self._told.append(text)
        self._told_length += len(text)
        return at, text

    @property
    def has_unsaved(self) -> bool:
        has_thought = self._thought_length > self.saved_thought
        return self.saved_length < self._told_length or self._is_thinking or has_thought

    def tells_thinking(self) -> bool:
        """Once, when the row first says that something came: no text will tell of it."""
        was_thinking, self._is_thinking = self._is_thinking, False
        return was_thinking

    def to_save(self) -> tuple[str, str, str, int | None]:
        """For keep_texts."""
        text = "".join(self._told)
        self._told = [text]
        first = self._answers.get(0)
        reasoning = storable("".join(first.reasoning)) if first else ""
        return str(self.call.pk), text, reasoning, self.call.ttft_ms

    def whole_text(self) -> str:
        self.take()
        return "".join(self._told)


class Answer:
    """One choice while it is heard; of the first one the text is the seat's."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.reasoning: list[str] = []
        self.finish_reason: str | None = None
        self._calls: dict[int, ToolCall] = {}
        self._arguments: dict[int, list[str]] = {}

    def hear(self, event: Text | Reasoning | ToolCall) -> None:
        if isinstance(event, ToolCall):
            self._calls[event.index] = event  # the newest knows the id and the name best
            self._arguments.setdefault(event.index, []).append(event.arguments)
        else:
            (self.texts if isinstance(event, Text) else self.reasoning).append(event.text)

    def calls(self) -> list[dict]:
        return [
            {"id": call.id, "name": call.name, "arguments": "".join(self._arguments[index])}
            for index, call in sorted(self._calls.items())
        ]

    def whole(self) -> dict:
        return {
            "text": "".join(self.texts),
            "finish_reason": self.finish_reason,
            "reasoning": "".join(self.reasoning),
            "tool_calls": self.calls(),
        }


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()


def _counts(usage: Usage) -> dict[str, int] | None:
    """Token counts as far as they can be true: upstreams have been known to say anything."""
    known = {n: v for n, v in asdict(usage).items() if v is not None and 0 <= v < MOST_TOKENS}
    return known or None


def _ms_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
