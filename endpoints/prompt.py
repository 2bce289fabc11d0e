"""What is asked: messages or inputs, parameters and stop sequences."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import PromptError
from .templates import text_of


@dataclass(frozen=True)
class Prompt:
    """One question to a model.

    `messages` are `{"role", "content"}`; the content is a text, or a list of parts that goes out
    untouched (images, files), as does every further key (`name`, `tool_call_id`). Only a message
    with `tool_calls` may have no content. `params` is whatever the user set beside them, by the
    endpoint's own names, `stop` the sequences that end the answer. `inputs` are the texts to embed;
    left out, they are the texts of the user messages.

    Raises PromptError, which is a ValueError and names the field.
    """

    messages: tuple[Mapping[str, Any], ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    stop: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", _messages(self.messages))
        object.__setattr__(self, "params", _params(self.params))
        object.__setattr__(self, "stop", _texts("stop", self.stop))
        object.__setattr__(self, "inputs", _texts("inputs", self.inputs))
        if not self.messages and not self.inputs:
            raise PromptError("messages", "A prompt needs at least one message.")
        if "" in self.stop:
            raise PromptError("stop", "A stop sequence cannot be empty.")

    @classmethod
    def of(cls, text: str, *, stop: Iterable[str] = (), **params: Any) -> "Prompt":
        """The prompt of one user message: `Prompt.of("How are you?", temperature=0.1)`."""
        return cls(({"role": "user", "content": text},), params, stop)

    @property
    def texts(self) -> tuple[str, ...]:
        """What is to be embedded. Raises BadRequest for a user message that is no text."""
        asked = [message for message in self.messages if message["role"] == "user"]
        return self.inputs or tuple(text_of(message) for message in asked)


def _messages(messages: Any) -> tuple[dict[str, Any], ...]:
    if not isinstance(messages, Iterable) or isinstance(messages, str | bytes | Mapping):
        raise PromptError("messages", "Messages are a list, each with a role and a content.")
    return tuple(_message(message) for message in messages)


def _message(message: Any) -> dict[str, Any]:
    if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
        raise PromptError("messages", "A message needs a role, as text.")
    content = message.get("content")
    is_empty = content is None and message.get("tool_calls")
    if not is_empty and not isinstance(content, str | list | tuple):
        raise PromptError("messages", "A message needs a content: a text, or a list of parts.")
    return _copied("messages", message)


def _params(params: Any) -> dict[str, Any]:
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):
        raise PromptError("params", 'Parameters are one JSON object, such as {"temperature": 0.2}.')
    return _copied("params", params)


def _texts(name: str, values: Any) -> tuple[str, ...]:
    # A lone string is one text: taken as a sequence of letters it would stop everywhere.
    values = (values,) if isinstance(values, str) else values
    is_list = isinstance(values, Iterable) and not isinstance(values, Mapping | bytes)
    values = tuple(values) if is_list else (None,)
    if not all(isinstance(value, str) for value in values):
        what = "Stop sequences" if name == "stop" else "Inputs"
        raise PromptError(name, f"{what} are a list of texts.")
    return values


def _copied(name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Later changes of the argument do not reach the copy."""
    try:
        return copy.deepcopy(dict(value))
    except RecursionError:
        raise PromptError(name, "This is nested too deeply to be sent.") from None
