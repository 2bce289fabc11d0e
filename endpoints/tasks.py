"""From a prompt to the request body, one class per way of asking.

`chat` is the OpenAI schema that chat endpoints of a workspace speak too. `custom` is, for a
serving endpoint, an MLflow model of the signature `prompt: string, stop: list[string] -> string`,
and for an app on a driver the JSON schema `{"prompt", "stop"?, ...} -> string`.
"""

from abc import ABC, abstractmethod
from typing import Any

from .errors import BadRequest
from .prompt import Prompt, render_text

ACCEPT_ANSWER = "application/json"
ACCEPT_STREAM = "text/event-stream, application/json"

Body = dict[str, Any]


class Task(ABC):
    """How one kind of model is asked. `can_stream` says whether it can be asked for a stream."""

    can_stream = True

    def path(self, path: str) -> str:
        """Where on an app this task is served, for the path that the user gave."""
        return path

    @abstractmethod
    def body(self, prompt: Prompt, is_streamed: bool) -> Body:
        """The JSON body; only what the user set is in it. Raises BadRequest."""


class Chat(Task):
    def path(self, path: str) -> str:
        """OpenAI's path under `/` and under a base URL that ends in `/v1`; others as they are."""
        base = path.rstrip("/")
        if not base:
            return "/v1/chat/completions"
        return f"{base}/chat/completions" if base.endswith("/v1") else path

    def body(self, prompt: Prompt, is_streamed: bool) -> Body:
        body: Body = {"messages": list(prompt.messages), **_params(prompt, taken={"messages"})}
        if prompt.stop:
            body["stop"] = list(prompt.stop)
        if is_streamed:
            body.setdefault("stream", True)
        return body


class DriverSchema(Task):
    """The app's function gets the body as its arguments, so it holds nothing the user did not set.

    A stream is asked for by the Accept header alone: a `stream` in the body would break an app that
    passes every key on to its model.
    """

    def body(self, prompt: Prompt, is_streamed: bool) -> Body:
        body: Body = {"prompt": render_text(prompt.messages), **_params(prompt, taken={"prompt"})}
        if prompt.stop:
            body["stop"] = list(prompt.stop)
        return body


class CustomModel(Task):
    """An MLflow model; `format` is the key under which a scoring server finds the records.

    Parameters are further columns of the record. `stop` is always there, if only as an empty list:
    a signature that requires it fails without it, one that does not takes it. `instances` cannot
    carry a list column, so there it goes only when set.
    """

    can_stream = False
    formats = ("dataframe_records", "dataframe_split", "inputs", "instances")

    def __init__(self, format: str) -> None:
        if format not in self.formats:
            raise ValueError(f"unknown format {format!r}; known are {', '.join(self.formats)}")
        self.format = format

    def body(self, prompt: Prompt, is_streamed: bool) -> Body:
        record: Body = {"prompt": render_text(prompt.messages), **_params(prompt, taken={"prompt"})}
        if prompt.stop:
            record["stop"] = list(prompt.stop)
        elif self.format != "instances":
            record.setdefault("stop", [])
        if self.format == "dataframe_split":
            return {"dataframe_split": {"columns": list(record), "data": [list(record.values())]}}
        return {self.format: [record]}


def task_for(kind: str, name: str | None, format: str = "dataframe_records") -> Task:
    """The task of that name for an endpoint of that kind; None is the kind's default.

    Raises ValueError for a task or a format that is not known.
    """
    name = name or ("chat" if kind == "serving" else "custom")
    if name == "chat":
        return Chat()
    if name == "custom":
        return CustomModel(format) if kind == "serving" else DriverSchema()
    raise ValueError(f"unknown task {name!r}; known are chat and custom")


def _params(prompt: Prompt, taken: set[str]) -> Body:
    """The parameters, which may not silently take the place of what the prompt says itself."""
    if prompt.stop:
        taken = taken | {"stop"}
    for name in sorted(taken.intersection(prompt.params)):
        raise BadRequest(
            f"The parameters hold “{name}”, which the prompt sets already.",
            hint=f"Remove “{name}” from the parameters, then run again.",
            field="params",
        )
    return dict(prompt.params)
