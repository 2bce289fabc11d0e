"""What is asked: messages, parameters and stop sequences, and their form as one plain text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Prompt:
    """One question to a model.

    `messages` are `{"role", "content"}` with text content, `params` whatever the user set beside
    them, by the endpoint's own names, `stop` the sequences that end the answer. Raises ValueError
    when there is no message or one has no text.
    """

    messages: tuple[Mapping[str, str], ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", tuple(dict(message) for message in self.messages))
        object.__setattr__(self, "params", dict(self.params))
        # A lone string is one sequence: taken as a sequence of letters it would stop everywhere.
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)
        object.__setattr__(self, "stop", stop)
        if not self.messages:
            raise ValueError("a prompt needs at least one message")
        for message in self.messages:
            if not all(isinstance(message.get(part), str) for part in ("role", "content")):
                raise ValueError("a message needs a role and a content, both text")

    @classmethod
    def of(cls, text: str, *, stop: Iterable[str] = (), **params: Any) -> "Prompt":
        """The prompt of one user message: `Prompt.of("How are you?", temperature=0.1)`."""
        return cls(({"role": "user", "content": text},), params, stop)


def render_text(messages: Iterable[Mapping[str, str]]) -> str:
    """The messages as one text, for models that take a `prompt` instead of roles.

    Without an answer among them, the contents go verbatim, a blank line between two. With one, it
    is a conversation: system messages stay verbatim, the others are labelled `User:` and
    `Assistant:`, and an open `Assistant:` at the end asks for the next turn.
    """
    messages = list(messages)
    if all(message["role"] != "assistant" for message in messages):
        return "\n\n".join(message["content"] for message in messages)
    parts = [_labelled(message) for message in messages]
    if messages[-1]["role"] != "assistant":
        parts.append("Assistant:")
    return "\n\n".join(parts)


def _labelled(message: Mapping[str, str]) -> str:
    if message["role"] == "system":
        return message["content"]
    return f"{message['role'].capitalize()}: {message['content']}"
