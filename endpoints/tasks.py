"""From a prompt to the request body, one class per way of asking.

`chat`, `completions` and `embeddings` are OpenAI's schemas, which the endpoints of a workspace and
many apps speak too. `responses` asks agents. `custom` is, for a serving endpoint, an MLflow model
of the signature `prompt: string, stop: list[string] -> string`, and for an app on a driver the JSON
schema `{"prompt", "stop"?, ...} -> string`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from .errors import BadRequest
from .prompt import Prompt
from .reading import Reader
from .templates import Template, render_text

ACCEPT_ANSWER = "application/json"
ACCEPT_STREAM = "text/event-stream, application/json"
BATCH = 20  # inputs in one request for embeddings, as langchain's client has it

CUSTOM_FORMATS = ("dataframe_records", "dataframe_split", "inputs", "instances")
AGENT_FORMATS = ("responses", "chat_agent")

Body = dict[str, Any]


class Task(ABC):
    """How one kind of model is asked.

    `can_stream` says whether it can be asked for a stream, `takes_text` whether an answer in plain
    text is one, `takes_bare` whether an answer may be any JSON, and `openai_path` where an app that
    speaks OpenAI serves it.
    """

    can_stream = True
    takes_text = False
    takes_bare = False
    gives_vectors = False
    openai_path = ""

    def path(self, path: str) -> str:
        """Where on an app this task is served: OpenAI's path under `/` and under a base URL that
        ends in `/v1`, any other path as the user gave it.
        """
        base = path.rstrip("/")
        if not self.openai_path:
            return path
        if not base:
            return f"/v1{self.openai_path}"
        return f"{base}{self.openai_path}" if base.endswith("/v1") else path

    @abstractmethod
    def asked(self, prompt: Prompt, is_streamed: bool) -> Body:
        """What is asked, as `transform_input` gets it; only what the user set is in it.

        Raises BadRequest.
        """

    def all_asked(self, prompt: Prompt, is_streamed: bool) -> Iterator[Body]:
        """The same for all requests that the prompt takes, one but for many inputs."""
        yield self.asked(prompt, is_streamed)

    def wrapped(self, asked: Any) -> Any:
        """The JSON body that asks it. Raises BadRequest."""
        return asked

    def body(self, prompt: Prompt, is_streamed: bool) -> Body:
        return self.wrapped(self.asked(prompt, is_streamed))

    def answered(self, value: Any) -> Any:
        """Of a whole answer what `transform_output` gets."""
        return value

    def reader(self) -> Reader:
        return Reader(takes_bare=self.takes_bare)


class Chat(Task):
    openai_path = "/chat/completions"

    def asked(self, prompt: Prompt, is_streamed: bool) -> Body:
        _require_messages(prompt)
        body: Body = {"messages": list(prompt.messages), **_params(prompt, taken={"messages"})}
        return _with_stream(_with_stop(body, prompt), is_streamed)


class Completions(Task):
    openai_path = "/completions"

    def __init__(self, template: Template | None = None) -> None:
        self._template = template

    def asked(self, prompt: Prompt, is_streamed: bool) -> Body:
        body = _prompt_body(prompt, self._template)
        return _with_stream(_with_stop(body, prompt), is_streamed)


class Embeddings(Task):
    """Many inputs go in batches, each a request of its own."""

    can_stream = False
    gives_vectors = True
    openai_path = "/embeddings"

    def asked(self, prompt: Prompt, is_streamed: bool) -> Body:
        return next(self.all_asked(prompt, is_streamed))

    def all_asked(self, prompt: Prompt, is_streamed: bool) -> Iterator[Body]:
        texts, params = prompt.texts, _params(prompt, taken={"input"})
        if not texts:
            raise BadRequest(
                "There is no text to embed.",
                hint="Write a user message, then run again.",
                field="inputs",
            )
        for start in range(0, len(texts), BATCH):
            yield {"input": list(texts[start : start + BATCH]), **params}


class Agent(Task):
    """An agent. `responses` is `agent/v1/responses`, `chat_agent` is `agent/v2/chat` and also
    `agent/v1/chat`, which is asked the same way and answers in `choices`.

    `custom_inputs`, `context` and the like are parameters.
    """

    openai_path = "/responses"

    def __init__(self, format: str = "responses") -> None:
        self.format = format
        if format == "chat_agent":
            self.openai_path = "/chat/completions"

    def asked(self, prompt: Prompt, is_streamed: bool) -> Body:
        _require_messages(prompt)
        if self.format == "chat_agent":
            said: Body = {"messages": list(prompt.messages)}
        else:
            said = {"input": [item for each in prompt.messages for item in _items(each)]}
        body = {**said, **_params(prompt, taken=set(said))}
        return _with_stream(_with_stop(body, prompt), is_streamed)


class DriverSchema(Task):
    """The app's function gets the body as its arguments, so it holds nothing the user did not set.

    A stream is asked for by the Accept header alone: a `stream` in the body would break an app that
    passes every key on to its model.
    """

    takes_text = True

    def __init__(self, template: Template | None = None) -> None:
        self._template = template

    def asked(self, prompt: Prompt, is_streamed: bool) -> Body:
        return _with_stop(_prompt_body(prompt, self._template), prompt)


class CustomModel(Task):
    """An MLflow model; `format` is the key under which a scoring server finds the records.

    Parameters are further columns of the record, except an object named `params`, which goes
    beside the records as the inference parameters of the signature. `stop` is always there, if only
    as an empty list: a signature that requires it fails without it, one that does not takes it.
    `instances` cannot carry a list column, so there it goes only when set.
    """

    can_stream = False
    takes_bare = True

    def __init__(self, format: str, template: Template | None = None) -> None:
        self.format = format
        self._template = template

    def asked(self, prompt: Prompt, is_streamed: bool) -> Body:
        record = _prompt_body(prompt, self._template)
        if prompt.stop:
            record["stop"] = list(prompt.stop)
        elif self.format != "instances":
            record.setdefault("stop", [])
        return record

    def wrapped(self, asked: Any) -> Any:
        if not isinstance(asked, dict):
            return {self.format: [asked]}
        record, beside = _inference_params(asked)
        if self.format == "dataframe_split":
            split = {"columns": list(record), "data": [list(record.values())]}
            return {"dataframe_split": split, **beside}
        return {self.format: [record], **beside}

    def answered(self, value: Any) -> Any:
        """Its prediction, the first of several, as LangChain's `Databricks` has it."""
        found = value.get("predictions", value) if isinstance(value, dict) else value
        return found[0] if isinstance(found, list) and found else found


def task_for(
    kind: str, name: str | None, format: str | None = None, template: str | None = None
) -> Task:
    """The task of that name for an endpoint of that kind; None is the kind's default.

    A format or a template that the task does not use is left alone. Raises ValueError for a task or
    a format that is not known, PromptError for a template that is none.
    """
    if format and format not in CUSTOM_FORMATS + AGENT_FORMATS:
        known = ", ".join(CUSTOM_FORMATS + AGENT_FORMATS)
        raise ValueError(f"unknown format {format!r}; known are {known}")
    name = name or ("chat" if kind == "serving" else "custom")
    made_of = Template(template) if template else None
    if name == "chat":
        return Chat()
    if name == "completions":
        return Completions(made_of)
    if name == "embeddings":
        return Embeddings()
    if name == "responses":
        return Agent(format if format in AGENT_FORMATS else AGENT_FORMATS[0])
    if name == "custom" and kind == "serving":
        return CustomModel(format if format in CUSTOM_FORMATS else CUSTOM_FORMATS[0], made_of)
    if name == "custom":
        return DriverSchema(made_of)
    raise ValueError(
        f"unknown task {name!r}; known are chat, completions, embeddings, custom and responses"
    )


def _prompt_body(prompt: Prompt, template: Template | None) -> Body:
    _require_messages(prompt)
    text = render_text(prompt.messages, template)
    return {"prompt": text, **_params(prompt, taken={"prompt"})}


def _inference_params(asked: Body) -> tuple[Body, Body]:
    """The record, and `params`, which goes beside it."""
    record = dict(asked)
    if "params" not in record:
        return record, {}
    params = record.pop("params")
    if not isinstance(params, dict):
        raise BadRequest(
            "The parameter “params” is no JSON object.",
            hint='Write it as an object, such as {"temperature": 0.2}, then run again.',
            field="params",
        )
    return record, {"params": params}


def _items(message: dict[str, Any]) -> list[Body]:
    """A message as items of the Responses schema, which has its own form for tools."""
    if message["role"] == "tool":
        output, call_id = message.get("content"), message.get("tool_call_id")
        return [{"type": "function_call_output", "call_id": call_id, "output": output}]
    calls = message.get("tool_calls") or []
    said = {key: value for key, value in message.items() if key != "tool_calls"}
    if isinstance(said.get("content"), list | tuple):
        said["content"] = [_part_item(message["role"], part) for part in said["content"]]
    return ([said] if said.get("content") else []) + [_call_item(call) for call in calls] or [said]


def _part_item(role: str, part: Any) -> Any:
    """A part as chat writes it, as the Responses schema does; any other stays as it is."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text":
        return part | {"type": "output_text" if role == "assistant" else "input_text"}
    if kind == "image_url" and isinstance(part.get("image_url"), dict):
        image = part["image_url"]
        detail = {"detail": image["detail"]} if "detail" in image else {}
        return {"type": "input_image", "image_url": image.get("url")} | detail
    return part


def _call_item(call: Any) -> Body:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise BadRequest("A tool call in the messages has no function.", field="messages")
    return {
        "type": "function_call",
        "call_id": call.get("id"),
        "name": function.get("name"),
        "arguments": function.get("arguments"),
    }


def _with_stop(body: Body, prompt: Prompt) -> Body:
    if prompt.stop:
        body["stop"] = list(prompt.stop)
    return body


def _with_stream(body: Body, is_streamed: bool) -> Body:
    if is_streamed:
        body.setdefault("stream", True)
    return body


def _require_messages(prompt: Prompt) -> None:
    if not prompt.messages:
        raise BadRequest(
            "There is no message to send.",
            hint="Write a message, then run again; inputs alone are for embeddings.",
            field="messages",
        )


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
