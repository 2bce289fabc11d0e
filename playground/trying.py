"""Try transforms that are being written, on a sample or a recorded call. Nothing is sent."""

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from endpoints import EndpointError, Prompt, PromptError, Text
from endpoints.errors import BadResponse
from endpoints.tasks import Task, task_for
from endpoints.transforms import apply_input, apply_output, no_text
from endpoints.vectors import read_vectors

from . import transforming
from .access import visible_to
from .asking import Asked
from .connecting import storable
from .models import Call, Endpoint, User
from .models.endpoint import TRANSFORMS
from .sandbox import SandboxError

RECENT = 20  # recorded calls to choose from
MOST_COMPARED = 400  # lines; more would take longer to compare than to read
EMBEDDED = 3  # numbers in the sample of a vector


@dataclass(frozen=True)
class Line:
    text: str
    is_changed: bool = False


@dataclass
class Tried:
    """One function tried: before and after as lines, or what went wrong and where."""

    name: str
    before: list[Line]
    after: list[Line] = field(default_factory=list)
    printed: str = ""
    problem: str = ""
    line: int | None = None
    dropped: list[str] = field(default_factory=list)

    @property
    def is_input(self) -> bool:
        return self.name == "transform_input"


def recent_calls(user: User, endpoint: Endpoint) -> list[Call]:
    """The last calls of this endpoint that this person may see, and that were answered."""
    if endpoint._state.adding:
        return []
    calls = visible_to(user, Call).filter(endpoint=endpoint, response__isnull=False)
    return list(calls.select_related("run").order_by("-created_at")[:RECENT])


def try_transforms(
    user: User, endpoint: Endpoint, sample: str, answer: str, call: Call | None = None
) -> list[Tried]:
    """Every transform that the endpoint has, on this sample or on this call of its."""
    tried = []
    try:
        task = task_for(
            endpoint.kind, endpoint.task, endpoint.format or None, endpoint.template or None
        )
        prompt = _prompt(endpoint, sample, call)
    except PromptError as error:  # a template as typed, or a call that another task was asked
        names = [name for name in TRANSFORMS if getattr(endpoint, name)]
        return [Tried(name, [], problem=error.message) for name in names]
    if endpoint.transform_input:
        tried.append(_try_input(user, endpoint, task, prompt))
    if endpoint.transform_output:
        tried.append(_try_output(user, endpoint, task, _answer(task, endpoint, answer, call)))
    return tried


def _prompt(endpoint: Endpoint, sample: str, call: Call | None) -> Prompt:
    if call is None:
        asked = Asked([{"role": "user", "content": sample or "How are you?"}])
        return asked.prompt(endpoint.params, endpoint.stop)
    stop = endpoint.stop if call.stop_override is None else call.stop_override
    return Asked(call.messages, call.run.inputs).prompt(endpoint.params | call.overrides, stop)


def _answer(task: Task, endpoint: Endpoint, typed: str, call: Call | None) -> Any:
    """An answer as it would come whole."""
    if call is not None:
        body = call.response.get("body")
        is_streamed = "event-stream" in (call.response.get("content_type") or "")
        return body if not is_streamed else _whole(endpoint.task, call)
    if not typed.strip():
        return _sample(endpoint)
    try:
        return json.loads(typed)
    except (ValueError, RecursionError):
        return typed


def _try_input(user: User, endpoint: Endpoint, task: Task, prompt: Prompt) -> Tried:
    name = "transform_input"
    try:
        asked = next(task.all_asked(prompt, endpoint.streams and task.can_stream))
        tried = Tried(name, _lines(task.wrapped(asked)))
    except EndpointError as error:
        return Tried(name, [], problem=f"{error.message} {error.hint}")
    run = _Run(user, name, endpoint.transform_input)
    try:
        made = apply_input(lambda **request: run(request), asked)
        _set_after(tried, task.wrapped(asked), task.wrapped(made))
        if isinstance(made, dict):
            tried.dropped = [key for key in prompt.params if key not in made]
    except EndpointError as error:
        tried.problem, tried.line = run.problem or error.message, getattr(error, "line", None)
    tried.printed = run.printed
    return tried


def _try_output(user: User, endpoint: Endpoint, task: Task, answer: Any) -> Tried:
    name = "transform_output"
    given = task.answered(answer)
    tried = Tried(name, _lines(given))
    run = _Run(user, name, endpoint.transform_output)
    try:
        made = apply_output(run, given)
        _set_after(tried, given, _read(task, made, given))
    except EndpointError as error:
        tried.problem, tried.line = run.problem or error.message, getattr(error, "line", None)
    tried.printed = run.printed
    return tried


def _read(task: Task, made: Any, given: Any) -> Any:
    """What the column would show of it. Raises EndpointError."""
    if task.gives_vectors:
        data = given.get("data") if isinstance(given, dict) else None
        number = len(data) if isinstance(data, list) else 1
        return [list(vector) for vector in read_vectors(made, number)]
    try:
        found = task.reader().whole(made)
    except BadResponse:
        raise no_text(made) from None
    return "".join(each.text for each in found if isinstance(each, Text) and each.choice == 0)


class _Run:
    """One function, run once, and what it printed."""

    def __init__(self, user: User, name: str, source: str) -> None:
        self.user, self.name, self.source = user, name, source
        self.printed = self.problem = ""

    def __call__(self, value: Any) -> Any:
        try:
            outcome = transforming.run_source(self.name, self.source, value, self.user)
        except SandboxError as error:
            self.printed, self.problem = error.printed, error.message
            raise transforming.failure_of(self.name, error) from None
        self.printed = outcome.printed
        return outcome.value


# Samples ------------------------------------------------------------------------------------


def _sample(endpoint: Endpoint) -> Any:
    """An answer like those of the endpoint's task."""
    words = "I am doing great, thank you."
    if endpoint.task == Endpoint.Task.EMBEDDINGS:
        return {"data": [{"index": 0, "embedding": [0.1] * EMBEDDED}]}
    if endpoint.task == Endpoint.Task.CUSTOM:
        return {"predictions": [words]} if endpoint.kind == Endpoint.Kind.SERVING else words
    return _said(endpoint.task, words)


def _whole(task: str, call: Call) -> Any:
    """A streamed answer as it would have come in one piece."""
    if task == Endpoint.Task.CUSTOM:
        return call.text
    return _said(task, call.text, call.finish_reason, call.usage)


def _said(task: str, text: str, reason: str | None = "stop", usage: dict | None = None) -> Any:
    """One text in the shape of the task."""
    if task == Endpoint.Task.RESPONSES:
        content = [{"type": "output_text", "text": text}]
        return {"output": [{"type": "message", "role": "assistant", "content": content}]}
    said = {"message": {"role": "assistant", "content": text}}
    if task == Endpoint.Task.COMPLETIONS:
        said = {"text": text}
    answer = {"choices": [{"index": 0, **said, "finish_reason": reason}]}
    return answer | ({"usage": usage} if usage else {})


# Side by side -------------------------------------------------------------------------------


def _lines(value: Any) -> list[Line]:
    return [Line(text) for text in _laid_out(value)]


def _laid_out(value: Any) -> list[str]:
    value = storable(value)  # half a character can be typed and returned, but not shown
    if isinstance(value, str):
        return value.split("\n")
    return json.dumps(value, indent=2, ensure_ascii=False).split("\n")


def _set_after(tried: Tried, before: Any, after: Any) -> None:
    """Both as lines, those that differ marked."""
    old, new = _laid_out(before), _laid_out(after)
    is_gone, is_new = _changes(old, new)
    tried.before = [Line(text, at in is_gone) for at, text in enumerate(old)]
    tried.after = [Line(text, at in is_new) for at, text in enumerate(new)]


def _changes(old: Sequence[str], new: Sequence[str]) -> tuple[set[int], set[int]]:
    is_gone: set[int] = set()
    is_new: set[int] = set()
    if max(len(old), len(new)) <= MOST_COMPARED:
        for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, False).get_opcodes():
            if kind != "equal":
                is_gone.update(range(a, b))
                is_new.update(range(c, d))
    return is_gone, is_new
