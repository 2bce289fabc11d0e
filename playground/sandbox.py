"""Runs a user's transform: a Python function as source text, in pydantic-monty, within limits.

Monty is an interpreter of its own in worker processes that hold no key and no environment; it knows
no files, no network and none of our objects. Only JSON text crosses the border, in both
directions: a value that costs nothing in there may be endless out here. What goes wrong is a
SandboxError. Nothing is ever run in this process: without Monty, transforms are off.
"""

import ctypes
import json
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

try:
    import resource
except ImportError:  # Windows
    resource = None

log = logging.getLogger(__name__)

MAX_SOURCE = 20_000  # bytes
MAX_ARGUMENT = 1_000_000  # characters of JSON, as MAX_RESULT
MAX_RESULT = 1_000_000
MAX_PRINTED = 16_384  # bytes
MAX_MESSAGE = 500
MAX_DEPTH = 100
WAIT_S = 10.0  # for one's turn, and for a free worker

LIMITS = {
    "max_feed_duration_secs": 0.5,
    "max_turn_duration_secs": 0.5,
    "max_memory": 64 * 2**20,
    "max_recursion_depth": 100,
    "max_suspensions": 20,  # questions to this process, all of which are answered with no
    "max_total_sleep_secs": 0.0,
}
GRACE_S = 0.25  # then the worker is killed: one native operation cannot be interrupted
POLICY = {"sleep": "zero", "timezone": "utc"}
MAX_WORKERS = max(2, min(4, os.cpu_count() or 1))
# A second fence around each worker, where the system has it. Sizes in bytes, the rest in pieces.
FENCE = {"AS": 512 * 2**20, "FSIZE": 0, "CORE": 0, "NOFILE": 16, "NPROC": 0}

# What follows the user's source. No quote but the last two, so that no open string can close on it;
# json is imported again after the call, which may have put something else in its place; and the
# value is an f-string's, which is a text whatever the function did.
_CALL = """

_pg_fn = {name}
import json as _pg_json
_pg_out = _pg_fn({stars}_pg_json.loads(_pg_arg))
import json as _pg_json
f"{{_pg_json.dumps(_pg_out, allow_nan=False, ensure_ascii=False)[:{length}]}}"
"""
_CHECK = """

_pg_fn = {name}
f"{{_pg_fn}}"[:1]
"""
_NAMING, _CALLING, _WRITING = 2, 4, 6  # their lines, counted from the last one of the source
_UNSUPPORTED = re.compile(r"^NotImplementedError: The monty syntax parser does not .*?support ")
_OVER_LIMIT = re.compile(
    r"(feed|turn) time limit|memory limit|suspension limit|sleep.* limit|the worker exceeded"
)


class SandboxError(Exception):
    """Why a transform gave nothing.

    `kind` is syntax, error, limit, busy, too_large or off; `message` is at most 500 characters, and
    the author's own words may be in it. `line` and `column` count from 1 in the source as it was
    given, None where there is no such place. `printed` is what it had printed by then.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        line: int | None = None,
        column: int | None = None,
        printed: str = "",
    ) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message
        self.line, self.column, self.printed = line, column, printed


@dataclass(frozen=True)
class Outcome:
    """A JSON value, and what was printed on the way."""

    value: Any
    printed: str


class Sandbox:
    """One pool of workers for a process, made when it is first needed."""

    def __init__(self) -> None:
        self._pool = None
        self._parents = None
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """What a new process starts with. A forked child must not touch its parent's pool."""
        self._pool, self._parents = None, self._pool or self._parents
        if self._parents is not None:
            # Tried: were it ever freed here, the parent's workers would be ended.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._parents))
        self._making = threading.Lock()
        self._turns = threading.Condition()
        self._running: set[str] = set()

    def call(self, source: str, name: str, value: Any, *, whose: str, spread: bool) -> Outcome:
        """`name(**value)` if `spread`, else `name(value)`, of the functions in `source`.

        Of one `whose`, a user's id, there is never more than one running; others wait their turn.
        Raises SandboxError.
        """
        argument = _argument(value)
        length = MAX_RESULT + 1
        tail = _CALL.format(name=name, stars="**" if spread else "", length=length)
        out, printed = self._run(source, name, tail, {"_pg_arg": argument}, whose)
        if len(out) > MAX_RESULT:
            raise SandboxError(
                "too_large",
                f"{name} returned more than {MAX_RESULT:,} characters of JSON. Return less.",
                printed=printed,
            )
        return Outcome(_parsed(out, name, printed), printed)

    def check(self, source: str, name: str, *, whose: str) -> None:
        """Read the source and define its functions; call none. Raises SandboxError."""
        self._run(source, name, _CHECK.format(name=name), {}, whose)

    def _run(
        self, source: str, name: str, tail: str, inputs: dict[str, str], whose: str
    ) -> tuple[str, str]:
        source = _source(source)
        pool = self._the_pool()
        monty = _monty()
        prints = monty.CollectString(MAX_PRINTED)
        with self._turn(whose), ExitStack() as stack:
            session = self._session(pool, stack)
            try:
                out = session.feed_run(source + tail, inputs=inputs, print_callback=prints)
            except monty.MontySyntaxError as error:
                raise _told(_of_source(session, source, error), source, name, "") from None
            except monty.MontyError as error:
                raise _told(error, source, name, prints.output) from None
        if type(out) is not str:
            raise SandboxError("error", f"{name} gave something that is no text.")
        return out, prints.output

    def _the_pool(self) -> Any:
        if self._parents is not None:
            # Tried: a second pool hangs here, as its threads stayed in the parent.
            raise SandboxError(
                "off", "Transforms are off in a process forked from one that ran them."
            )
        with self._making:
            if self._pool is None:
                monty = _monty()
                pool = monty.Monty(
                    min_processes=1,
                    max_processes=MAX_WORKERS,
                    checkout_timeout=WAIT_S,
                    request_timeout=2,
                    max_checkouts_per_worker=500,
                    feed_duration_limit_grace=GRACE_S,
                    turn_duration_limit_grace=GRACE_S,
                )
                try:
                    pool.__enter__()
                except (monty.MontyError, OSError, RuntimeError) as error:
                    raise _cannot_start(error) from error
                self._pool = pool
            return self._pool

    def _session(self, pool: Any, stack: ExitStack) -> Any:
        monty = _monty()
        checkout = pool.checkout(script_name="transform.py", limits=LIMITS, os_policy=POLICY)
        try:
            session = stack.enter_context(checkout)
        except TimeoutError:
            raise _busy() from None
        except (monty.MontyError, OSError, RuntimeError) as error:
            raise _cannot_start(error) from error
        _fence(session.worker_pid)
        return session

    @contextmanager
    def _turn(self, whose: str) -> Iterator[None]:
        with self._turns:
            if not self._turns.wait_for(lambda: whose not in self._running, WAIT_S):
                raise _busy()
            self._running.add(whose)
        try:
            yield
        finally:
            with self._turns:
                self._running.discard(whose)
                self._turns.notify_all()


sandbox = Sandbox()


def why_off() -> str | None:
    """Why no transform can run on this server, in a sentence; None where they can."""
    try:
        _monty()
    except SandboxError as error:
        return error.message
    return None


@lru_cache(maxsize=1)
def _monty() -> Any:
    """The module, imported when it is first needed: it is large, and few requests need it."""
    try:
        import pydantic_monty
        from pydantic_monty._binary import find_monty_binary

        find_monty_binary()
    except (ImportError, OSError) as error:
        raise SandboxError(
            "off",
            "Transforms are off on this server: pydantic-monty is not installed. Whoever runs it "
            "can add it with: pip install -r requirements.txt",
        ) from error
    return pydantic_monty


def _fence(pid: int | None) -> None:
    """Limits that the system keeps even if the interpreter's own fail. Linux only."""
    if pid is None or not hasattr(resource, "prlimit"):
        return
    try:
        for what, most in FENCE.items():
            resource.prlimit(pid, getattr(resource, f"RLIMIT_{what}"), (most, most))
    except OSError as error:
        log.warning("The system's own limits could not be set on a sandbox worker: %s", error)


# Both ways over the border ------------------------------------------------------------------


def _source(source: str) -> str:
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    try:
        size = len(source.encode())
    except UnicodeEncodeError:
        raise SandboxError("syntax", "The source holds half a letter. Type it again.") from None
    if size > MAX_SOURCE:
        raise SandboxError(
            "too_large", f"The source has {size:,} bytes; at most {MAX_SOURCE:,} are allowed."
        )
    return source


def _argument(value: Any) -> str:
    try:
        argument = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        raise SandboxError("error", "What it should be given is no JSON.") from None
    if len(argument) > MAX_ARGUMENT:
        raise SandboxError(
            "too_large",
            f"What it should be given has {len(argument):,} characters of JSON; "
            f"at most {MAX_ARGUMENT:,} are allowed.",
        )
    return argument


def _parsed(out: str, name: str, printed: str) -> Any:
    try:
        value = json.loads(out, parse_constant=_refuse)
        is_deep = _is_deep(value)
    except ValueError:
        raise SandboxError("error", f"{name} returned no JSON.", printed=printed) from None
    except RecursionError:
        is_deep = True
    if is_deep:
        message = f"{name} returned more than {MAX_DEPTH} levels of nesting. Return less."
        raise SandboxError("too_large", message, printed=printed)
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _is_deep(value: Any) -> bool:
    """Level by level, so that depth costs no stack."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


# What went wrong, in words ------------------------------------------------------------------


def _busy() -> SandboxError:
    return SandboxError("busy", "Other transforms are running. Try again in a moment.")


def _cannot_start(error: Exception) -> SandboxError:
    log.error("A sandbox worker could not be started: %s", error)
    return SandboxError("off", "The sandbox could not be started. The server's log has the cause.")


def _of_source(session: Any, source: str, error: Any) -> Any:
    """The same syntax error as the source alone has it: what follows may have come into it."""
    try:
        session.feed_run(source, print_callback=_monty().CollectString(MAX_PRINTED))
    except _monty().MontySyntaxError as alone:
        return alone
    except _monty().MontyError:
        pass
    return error


def _told(error: Any, source: str, name: str, printed: str) -> SandboxError:
    """A Monty error as one of ours, with the place in the user's source."""
    monty = _monty()
    if not isinstance(error, monty.MontySyntaxError | monty.MontyRuntimeError):
        # The worker is gone, and what was in it with it.
        message = f"{name} took too long, or more memory than it may, and was ended."
        return SandboxError("limit", message, printed=printed)
    words, frames = _one_line(error.display("type-msg")), error.traceback()
    last = source.count("\n") + 1
    line, column = _place(frames, last)
    if isinstance(error, monty.MontySyntaxError) or _UNSUPPORTED.match(words):
        words = _UNSUPPORTED.sub("A transform cannot use ", words).removeprefix("SyntaxError: ")
        line = line or len(source.rstrip().split("\n"))  # it was the end that did not fit
        return SandboxError("syntax", _cut(words[:1].upper() + words[1:]), line, column)
    if (limit := _limit(words, name)) is not None:
        return SandboxError("limit", limit, line, column, printed)
    at = frames[0].line - last if frames else 0
    if at == _NAMING:
        words = f"There is no function {name} in it. It begins with: def {name}("
    elif at == _WRITING:
        words = f"What {name} returned is no JSON: {words.partition(': ')[2] or words}"
    elif words.startswith("ModuleNotFoundError"):
        words += (
            ". A transform has json, re, math, datetime and the like, nothing that is installed"
        )
    if line is None and at in (_CALLING, _WRITING):
        line = _line_of(source, name)
    return SandboxError("error", _cut(words), line, column, printed)


def _limit(words: str, name: str) -> str | None:
    """Which of the limits was met, in words; None if it was none of them."""
    kind, _, detail = words.partition(": ")
    if kind not in ("TimeoutError", "MemoryError", "RuntimeError") or not _OVER_LIMIT.match(detail):
        return None
    if detail.endswith(f"> {MAX_PRINTED} bytes"):
        return f"{name} printed more than {MAX_PRINTED:,} bytes. Print less."
    if kind == "TimeoutError":
        return f"{name} took longer than {LIMITS['max_feed_duration_secs']} s and was ended."
    if kind == "MemoryError":
        return f"{name} wanted more than {LIMITS['max_memory'] // 2**20} MB of memory."
    return f"{name} asked for files, variables and the like too often. It has none of them."


def _place(frames: list[Any], last: int) -> tuple[int | None, int | None]:
    """The innermost place that is in the user's source."""
    for frame in reversed(frames):
        if frame.line <= last:
            return frame.line, frame.column
    return None, None


def _line_of(source: str, name: str) -> int | None:
    """Where the function is defined."""
    found = re.search(rf"^(?:async +)?(?:def +)?{name}\b", source, re.MULTILINE)
    return source.count("\n", 0, found.start()) + 1 if found else None


def _one_line(words: str) -> str:
    """An author may raise megabytes, with anything in them."""
    words = "".join(letter if letter.isprintable() else " " for letter in words[: 4 * MAX_MESSAGE])
    return " ".join(words.split())


def _cut(words: str) -> str:
    return words if len(words) <= MAX_MESSAGE else words[: MAX_MESSAGE - 1] + "…"
