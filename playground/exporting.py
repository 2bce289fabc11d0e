"""A run as a file to take away: CSV for a spreadsheet, Markdown for reading. JSON is api/exports.
A team's audit log as CSV.

Votes are those of who takes it away, as the calls were read.

A model writes what it likes, so nothing of its text may act where the file is opened: no cell of
the CSV is a formula, and all text in the Markdown is inside fences that it cannot close.
"""

import csv
import io
import json
import re
from collections.abc import Iterable

from django.db.models import QuerySet

from .auditing import note
from .models import AuditEvent, Call, Run, User
from .models.run import text_of

TYPES = {
    "json": "application/json; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
}

MOST_EVENTS = 50_000  # of an audit log, in one file

# What a spreadsheet takes for the beginning of a formula, also behind blanks that it drops; the
# full-width signs count in some of them.
FORMULA = re.compile(r"[\s\0\u200b-\u200f\u2060\ufeff]*?[=+\-@＝＋－＠\t\r\n\0]")


def note_export(user: User, run: Run, format: str) -> None:
    """In the log of the team that the run is shared with."""
    note(run.team, user, AuditEvent.Verb.RUN_EXPORTED, run, run.name, format=format)


def file_name(run: Run, format: str) -> str:
    """Ours alone: nothing that somebody typed is in it."""
    return f"run-{run.pk}.{format}"


def as_csv(run: Run) -> bytes:
    """A row for each call, retried ones too, oldest attempt first; every cell quoted."""
    rows = ([read(run, call) for read in COLUMNS.values()] for call in run.calls.all())
    return _written(COLUMNS, rows)


def audit_as_csv(events: QuerySet[AuditEvent]) -> bytes:
    """The newest first, at most MOST_EVENTS of them."""
    found = events[:MOST_EVENTS].iterator(chunk_size=500)
    rows = ([read(event) for read in AUDIT_COLUMNS.values()] for event in found)
    return _written(AUDIT_COLUMNS, rows)


def _written(columns: Iterable[str], rows: Iterable[list]) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    # With a mark of its encoding, without which Excel reads UTF-8 as something else.
    return file.getvalue().encode("utf-8-sig", "replace")


def safe_cell(value) -> str:
    """The value as text, with an apostrophe before what a spreadsheet would compute."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    return f"'{value}" if FORMULA.match(value) else value


def _json(value) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


COLUMNS = {
    "run": lambda run, call: str(run.pk),
    "created_at": lambda run, call: call.created_at.isoformat(),
    "asked": lambda run, call: _json(run.messages if run.inputs is None else run.inputs),
    "column": lambda run, call: call.letter,
    "repetition": lambda run, call: call.repetition,
    "attempt": lambda run, call: call.attempt,
    "endpoint": lambda run, call: call.name,
    "status": lambda run, call: call.status,
    "text": lambda run, call: call.text,
    "reasoning": lambda run, call: call.reasoning,
    "tool_calls": lambda run, call: _json(call.tool_calls),
    "choices": lambda run, call: _json(call.choices),
    "vectors": lambda run, call: _json(call.vectors),
    "custom_outputs": lambda run, call: _json(call.custom_outputs),
    "error_kind": lambda run, call: (call.error or {}).get("kind"),
    "error": lambda run, call: (call.error or {}).get("message"),
    "finish_reason": lambda run, call: call.finish_reason,
    "input_tokens": lambda run, call: call.input_tokens,
    "output_tokens": lambda run, call: call.output_tokens,
    "ttft_ms": lambda run, call: call.ttft_ms,
    "latency_ms": lambda run, call: call.latency_ms,
    "tokens_per_s": lambda run, call: call.tokens_per_s,
    "estimated_cost": lambda run, call: call.cost,
    "vote": lambda run, call: call.own_vote or None,
    "best": lambda run, call: 1 if call.is_best else None,
}

AUDIT_COLUMNS = {
    "at": lambda event: event.created_at.isoformat(),
    "actor": lambda event: event.actor_name,
    "verb": lambda event: event.verb,
    "object_kind": lambda event: event.object_kind,
    "object_id": lambda event: event.object_id,
    "object_name": lambda event: event.object_name,
    "detail": lambda event: _json(event.detail),
}


def as_markdown(run: Run) -> bytes:
    """What was asked, then the newest answer of every column."""
    parts = [f"# Run {run.pk}", f"{run.created_at:%Y-%m-%d %H:%M} UTC", "## Asked"]
    if run.inputs is not None:
        parts += [_fenced(text) for text in run.inputs]
    for message in run.messages:
        parts += [f"{_code(message['role'])}:", _fenced(text_of(message))]
    for call in run.current_calls():
        parts += [f"## {call.letter} {_code(call.name)}", _facts(call)]
        parts += [_fenced(call.text)] if call.text else []
        parts += [_fenced(choice["text"]) for choice in (call.choices or [])[1:]]
        parts += [_fenced(_json(call.tool_calls))] if call.tool_calls else []
        parts += [f"{len(call.vectors)} vectors: see the JSON export."] if call.vectors else []
        parts += [_fenced(call.error["message"])] if call.error else []
    return ("\n\n".join(parts) + "\n").encode("utf-8", "replace")


def _facts(call: Call) -> str:
    facts = {
        "repetition": call.repetition if call.repetition > 1 else None,
        "TTFT": None if call.ttft_ms is None else f"{call.ttft_ms} ms",
        "latency": None if call.latency_ms is None else f"{call.latency_ms} ms",
        "tokens/s": call.tokens_per_s,
        "input tokens": call.input_tokens,
        "output tokens": call.output_tokens,
        "estimated cost": None if call.cost is None else f"${call.cost:.6f}",
        "vote": {1: "good", -1: "bad"}.get(call.own_vote),
        "best": "of this run" if call.is_best else None,
    }
    known = [f"{name} {value}" for name, value in facts.items() if value is not None]
    return ", ".join([call.status, *known])


def _fenced(text: str) -> str:
    """A code block whose fence is longer than any in the text."""
    fence = _ticks(text, least=3)
    return f"{fence}\n{text}\n{fence}"


def _code(words: str) -> str:
    """A code span, on one line."""
    ticks = _ticks(words, least=1)
    return f"{ticks} {' '.join(words.split())} {ticks}"


def _ticks(text: str, least: int) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)
