"""What a call gives while it runs: pure values.

Opened comes first, then Text, Reasoning and ToolCall in the order of the answer (or Vectors), then
Usage, then Finished. `choice` numbers the answers of one call, from 0; only `n` above 1, and
models that predict several texts, give more than one.
"""

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
    """The next piece of the answer, never empty; the pieces of one choice joined are its text.

    A refusal is text too where the choice says nothing else: it is what the model answered.
    """

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Reasoning:
    """The next piece of what the model thought before it answered, never empty."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The next piece of a tool call; `index` numbers the calls of one choice, from 0.

    `arguments` is the next piece of the arguments' JSON text, possibly empty. `id` and `name` are
    what is known of them by now, None before that.
    """

    index: int
    id: str | None
    name: str | None
    arguments: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Vectors:
    """One vector per input, in the order of the inputs; comes once, however many requests it took.

    Comes also just before an error or a stop, with the vectors of the first inputs, if there are
    any by then.
    """

    vectors: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of the whole call as the endpoint counted them; None where it did not say.

    Comes at most once, also just before an error or a stop when a count was seen by then.
    """

    input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer, whole: what its events said, joined.

    `tool_calls` are `{"id", "name", "arguments"}` with the arguments as JSON text. `refusal` is
    what the model said to refuse; it is in `text` as well where there was no other content.
    """

    index: int
    text: str
    finish_reason: str | None = None
    reasoning: str = ""
    tool_calls: tuple[dict[str, str | None], ...] = ()
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole.

    `finish_reason` is that of the first choice, in the endpoint's own word. `choices` holds every
    choice, by index; none for embeddings. `custom_outputs` is what an agent gave under that name.

    `response` can be written as JSON: `{"status", "content_type", "body"}`. The body is the parsed
    answer, plain text, or for a stream the list of its data payloads as they came, cut after
    64 KiB (then `"cut": true` is there too). Inputs that took several requests have a list of
    their answers there.
    """

    finish_reason: str | None
    response: dict[str, Any]
    choices: tuple[Choice, ...] = ()
    custom_outputs: dict[str, Any] | None = None


Event = Opened | Text | Reasoning | ToolCall | Vectors | Usage | Finished
