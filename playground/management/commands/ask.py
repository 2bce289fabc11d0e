"""The main job without a browser: one prompt, several endpoints, answers as they arrive."""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import unicodedata
from contextlib import nullcontext

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.db import DatabaseError

from playground import running, starting
from playground.access import visible_to
from playground.api.answers import to_json
from playground.api.endpoints import find_endpoint
from playground.api.runs import run_answer
from playground.asking import TooLarge
from playground.connecting import Refused
from playground.models import Call, Endpoint, Run, User
from playground.notation import write_tool_call, write_vector
from playground.process import guard_process
from playground.running import Conflict, Variant
from playground.transforming import Unconfirmed
from playground.watching import Card, Delta, Ended, watch_run
from playground.worker import CallWorker

BAD_USAGE, FAILED, INTERRUPTED = 2, 1, 130
NAME_WIDTH = 24
# Model output may hold escape sequences; on a terminal they would be obeyed.
CONTROLS = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


class Command(BaseCommand):
    help = (
        "Send a prompt to one or more endpoints and show the answers as they arrive. Works whether "
        "or not the site is running. Exit code: 0 all answered, 1 a call failed or was stopped, "
        "2 bad usage, 130 interrupted."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument("prompt", type=_text)
        parser.add_argument(
            "--endpoint",
            action="append",
            required=True,
            dest="endpoints",
            metavar="NAME_OR_ID",
            help="where to send it; repeat it to compare",
        )
        parser.add_argument("--user", help="whose endpoints and credentials; your only account")
        parser.add_argument(
            "--json", action="store_true", help="print the run as the API answers it"
        )
        parser.add_argument("--system", type=_text, metavar="TEXT", help="a system message")
        parser.add_argument(
            "--param",
            action="append",
            default=[],
            type=_param,
            dest="params",
            metavar="KEY=VALUE",
            help="a parameter such as temperature=0.2; the value is JSON, or else a text",
        )
        parser.add_argument(
            "--stop", action="append", type=_text, metavar="TEXT", help="a stop sequence"
        )

    def handle(self, **options) -> None:
        guard_process()
        user = _person(options["user"])
        endpoints = [_endpoint(user, asked) for asked in options["endpoints"]]
        needs_demo = any(endpoint.is_demo for endpoint in endpoints)
        try:
            with starting.demo_driver() if needs_demo else nullcontext():
                run = _started(user, endpoints, options)
                board = _board(self, endpoints, options["json"])
                was_interrupted = asyncio.run(_Following(run, board).follow())
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        board.close(run)
        if was_interrupted:
            sys.exit(INTERRUPTED)
        if any(call.status != Call.Status.DONE for call in run.current_calls()):
            sys.exit(FAILED)


# What was asked -----------------------------------------------------------------------------


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise argparse.ArgumentTypeError("this text is not valid UTF-8") from error
    return text


def _param(text: str) -> tuple[str, object]:
    name, equals, value = _text(text).partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"“{text}” is not KEY=VALUE, such as temperature=0.2")
    try:
        return name, json.loads(value, parse_constant=_refuse_constant)
    except ValueError:
        return name, value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _person(name: str | None) -> User:
    """The named account; else the only one; else the first superuser."""
    try:
        people = list(User.objects.filter(is_active=True).order_by("date_joined"))
    except DatabaseError:
        people = []
    if not people:
        raise CommandError(
            "No account exists yet. Start the site with make run and set it up first.",
            returncode=BAD_USAGE,
        )
    names = ", ".join(person.username for person in people[:5])
    if name is not None:
        chosen = [person for person in people if person.username == name]
    else:
        chosen = people if len(people) == 1 else [p for p in people if p.is_superuser]
    if not chosen:
        problem = f"There is no active account “{name}”." if name else "There are several accounts."
        raise CommandError(f"{problem} Choose with --user: {names}.", returncode=BAD_USAGE)
    return chosen[0]


def _endpoint(user: User, asked: str) -> Endpoint:
    endpoint = find_endpoint(user, asked)
    if endpoint is None:
        names = list(visible_to(user, Endpoint).values_list("name", flat=True)[:8])
        known = f"Known are: {', '.join(names)}." if names else "Add one on the endpoints page."
        raise CommandError(
            f"{user.username} has no endpoint “{asked}”. {known}", returncode=BAD_USAGE
        )
    return endpoint


def _started(user: User, endpoints: list[Endpoint], options: dict) -> Run:
    messages = [{"role": "user", "content": options["prompt"]}]
    if options["system"]:
        messages.insert(0, {"role": "system", "content": options["system"]})
    for endpoint in endpoints:
        endpoint.refresh_from_db()  # the demo may have moved to another port just now
    variants = [Variant(e, dict(options["params"]), options["stop"]) for e in endpoints]
    try:
        return running.start_run(user, messages, variants)
    except (Refused, TooLarge, Conflict) as error:
        raise CommandError(str(error), returncode=BAD_USAGE) from error
    except Unconfirmed as error:
        raise CommandError(f"{error} {error.hint}", returncode=BAD_USAGE) from error


# While it runs ------------------------------------------------------------------------------


class _Following:
    """A worker for this one run, and what the run says, shown on a board."""

    def __init__(self, run: Run, board: "_Board"):
        self.run, self.board = run, board
        self.stopping: asyncio.Future | None = None

    async def follow(self) -> bool:
        """Until every call is over. Ctrl+C stops them upstream; True when that happened."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._stop)
        async with CallWorker(only_run=self.run.pk).working():
            async for event in watch_run(self.run.pk):
                try:
                    self.board.hear(event)
                except BrokenPipeError:
                    self._stop_unread()
        return self.stopping is not None

    def _stop(self) -> None:
        # A second Ctrl+C ends this process at once, whatever the endpoints do.
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        self.stopping = asyncio.ensure_future(sync_to_async(running.stop_run)(self.run))

    def _stop_unread(self) -> None:
        """Whoever read our output, such as `head`, has gone."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        self._stop()


# How it looks -------------------------------------------------------------------------------


def _board(command: BaseCommand, endpoints: list[Endpoint], as_json: bool) -> "_Board":
    if as_json:
        return _Json(command)
    return _Plain(command) if len(endpoints) == 1 else _Columns(command, endpoints)


class _Board:
    """Shows a run's text in order, each piece once, whether it comes in pieces or whole."""

    def __init__(self, command: BaseCommand):
        self.command, self.out = command, command.stdout
        self.calls: dict[str, Call] = {}
        self.told: dict[str, int] = {}
        is_terminal = self.out.isatty()
        self.columns = shutil.get_terminal_size().columns if is_terminal else None

    def hear(self, event: Card | Delta | Ended) -> None:
        if isinstance(event, Card):
            self.calls[str(event.call.pk)] = event.call
            self._tell(event.call, 0, event.call.text)
            if event.call.is_over:
                self._tell_beside(event.call)
                self.finish(event.call)
        elif isinstance(event, Delta):
            self._tell(self.calls[event.call_id], event.at, event.text)
        self.out.flush()

    def _tell(self, call: Call, at: int, text: str) -> None:
        told = self.told.get(str(call.pk), 0)
        fresh = text[told - at :]
        self.told[str(call.pk)] = told + len(fresh)
        if fresh:
            self.write(call, fresh.translate(CONTROLS) if self.columns else fresh)

    def _tell_beside(self, call: Call) -> None:
        """What there is beside the text, on lines of its own: it comes with the end of the call."""
        told = [write_tool_call(each) for each in call.tool_calls or []]
        told += [write_vector(vector) for vector in call.vectors or []]
        for choice in (call.choices or [])[1:]:
            told += [f"— choice {choice['index'] + 1} —", choice["text"]]
            told += [write_tool_call(each) for each in choice["tool_calls"]]
        if call.custom_outputs:
            told.append(json.dumps(call.custom_outputs, indent=2, ensure_ascii=False))
        if told:
            text = "\n".join(told)
            text = text.translate(CONTROLS) if self.columns else text
            self.write(call, f"\n{text}\n" if call.text else f"{text}\n")

    def write(self, call: Call, text: str) -> None:
        """Text that follows what was written for this call before."""

    def finish(self, call: Call) -> None:
        """The call is over."""

    def close(self, run: Run) -> None:
        """All are over: one line for each call, apart from the answers."""
        for call in run.current_calls():
            name = f"{call.letter} {_cut(call.name)}"
            self.command.stderr.write(f"{name:<{NAME_WIDTH + 2}}  {_summary(call)}", str)


class _Plain(_Board):
    """One endpoint: its text and nothing else."""

    def write(self, call: Call, text: str) -> None:
        self.out.write(text, ending="")

    def finish(self, call: Call) -> None:
        if call.text and not call.text.endswith("\n"):
            self.out.write("")


class _Columns(_Board):
    """Several endpoints: whole lines, each behind its letter, so that streams do not mix."""

    def __init__(self, command: BaseCommand, endpoints: list[Endpoint]):
        super().__init__(command)
        self.name_width = max(len(_cut(endpoint.name)) for endpoint in endpoints)
        self.unfinished: dict[str, str] = {}  # letter -> the line that is still growing

    def write(self, call: Call, text: str) -> None:
        *lines, rest = (self.unfinished.get(call.letter, "") + text).split("\n")
        for line in lines:
            self._write_whole(call, line)
        if self.columns:
            rest = self._write_full_width(call, rest)
        self.unfinished[call.letter] = rest

    def finish(self, call: Call) -> None:
        rest = self.unfinished.pop(call.letter, "")
        if rest:
            self._write_whole(call, rest)

    def _write_whole(self, call: Call, line: str) -> None:
        if self.columns:
            line = self._write_full_width(call, line)
        self.out.write(self._prefix(call) + line if line else self._prefix(call).rstrip())

    def _write_full_width(self, call: Call, line: str) -> str:
        """Write what fills the terminal's width; answers the rest, which does not."""
        prefix = self._prefix(call)
        room = max(20, self.columns - len(prefix))
        while (end := _end_of_row(line, room)) is not None:
            self.out.write(prefix + line[:end])
            line = line[end:].removeprefix(" ")
        return line

    def _prefix(self, call: Call) -> str:
        return f"{call.letter} {_cut(call.name):<{self.name_width}} │ "


class _Json(_Board):
    """Nothing until the end; then the run as the API answers it."""

    def close(self, run: Run) -> None:
        answer = run_answer(run.owner, run, lambda path: _origin() + path)
        self.out.write(to_json(answer, indent=2).decode())


def _summary(call: Call) -> str:
    """How it ended, and the metrics that are known."""
    parts = [call.status]
    if call.ttft_ms is not None:
        parts.append(f"TTFT {call.ttft_ms} ms")
    if call.tokens_per_s is not None:
        parts.append(f"{call.tokens_per_s} tok/s")
    if call.input_tokens is not None:
        parts.append(f"{call.input_tokens} in")
    if call.output_tokens is not None:
        parts.append(f"{call.output_tokens} out")
    if call.latency_ms is not None:
        parts.append(f"{call.latency_ms / 1000:.1f} s")
    summary = " · ".join(parts)
    if call.error:
        summary += f"\n  {call.error['message']} {call.error.get('hint') or ''}".rstrip()
    return summary


def _end_of_row(line: str, room: int) -> int | None:
    """Where to break a line so that it fits, at a blank where there is one; None if it fits."""
    used = 0
    for index, letter in enumerate(line):
        used += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if used > room:
            blank = line.rfind(" ", 1, index + 1)
            return blank if blank > 0 else index
    return None


def _cut(name: str) -> str:
    return name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 1] + "…"


def _origin() -> str:
    if settings.PUBLIC_ORIGINS:
        return settings.PUBLIC_ORIGINS[0]
    host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
    return f"http://{host}:{settings.PORT}"
