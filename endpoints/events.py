"""What a call gives while it runs: pure values, in the order Opened, Text..., Usage, Finished."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Opened:
    """The status line and headers arrived, and they promise an answer.

    `served_model` is what the response header `served-model-name` says, if it is there.
    """

    status: int
    content_type: str
    served_model: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """The next piece of the answer, never empty; the pieces joined are the exact text."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of the whole call as the endpoint counted them; None where it did not say.

    Comes at most once, also just before an error or a stop when a count was seen by then.
    """

    input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole.

    `response` can be written as JSON: `{"status", "content_type", "body"}`. The body is the parsed
    answer, or for a stream the list of its data payloads as they came, cut after 64 KiB (then
    `"cut": true` is there too).
    """

    finish_reason: str | None
    response: dict[str, Any]


Event = Opened | Text | Usage | Finished
