"""From what an endpoint answers to text, usage and the reason it ended.

One reader serves every task, because endpoints answer in each other's shapes: a JSON string (driver
apps), `choices` (chat, and apps that speak OpenAI), `predictions` (MLflow models), and for a stream
pieces of any of these. Unknown payloads of a stream are passed over.
"""

import json
import math
from typing import Any, NamedTuple, NoReturn

from .credentials import Token
from .errors import BadResponse
from .events import Usage

MAX_KEPT_BYTES = 64 * 1024
_REPLACEMENT = "\ufffd"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


# Made once: json.loads with an option of its own makes a decoder per call, and this is per token.
_STRICT = json.JSONDecoder(parse_constant=_refuse_constant)


class Part(NamedTuple):
    """What one answer, or one payload of a stream, says; None where it does not say it."""

    text: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None


def parsed(text: str | bytes) -> Any:
    """Strict JSON: raises ValueError also for NaN, for endless nesting and for bad UTF-8."""
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    try:
        return _STRICT.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_answer(value: Any) -> Part:
    """The part of a whole answer. Raises BadResponse when it holds no text in a known place."""
    if isinstance(value, str):
        return Part(value)
    if isinstance(value, dict) and "predictions" in value:
        return Part(_prediction_text(value["predictions"]), usage=_usage(value.get("usage")))
    part = read_piece(value)
    if part is None or not value.get("choices"):
        raise BadResponse("The answer is JSON, but holds no text where this task has it.")
    return part


def read_piece(value: Any) -> Part | None:
    """The part of one payload of a stream; None when nothing in it is known."""
    if isinstance(value, str):
        return Part(value)
    if not isinstance(value, dict):
        return None
    choices, usage = value.get("choices"), _usage(value.get("usage"))
    if not isinstance(choices, list):
        reason = _string(value.get("finish_reason"))
        return Part(finish_reason=reason, usage=usage) if reason or usage else None
    for choice in choices:
        # A stream of several choices sends them mixed; the first is the one that is shown.
        if isinstance(choice, dict) and not choice.get("index"):
            return Part(_choice_text(choice), _string(choice.get("finish_reason")), usage)
    return Part(usage=usage)


class TextJoiner:
    """Keeps a letter whole whose UTF-16 halves arrive in two pieces, as `\\ud83d` and `\\ude00`.

    A half without its other one becomes U+FFFD: text with lone halves cannot be stored or sent.
    """

    def __init__(self) -> None:
        self._half = ""

    def add(self, text: str) -> str:
        """The text that is whole now, possibly empty."""
        if text.isascii() and not self._half:
            return text
        text = self._half + text
        self._half = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return mended(text)

    def rest(self) -> str:
        """What is left at the end."""
        half, self._half = self._half, ""
        return _REPLACEMENT if half else ""


def mended(text: str) -> str:
    """The text as UTF-8 can carry it: UTF-16 halves joined, lone ones replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def storable(value: Any, credential: Token | None) -> Any:
    """A JSON value as it may be kept: secret masked, text mended, no number that JSON cannot say.

    A value nested too deeply to be walked is left out.
    """
    try:
        return _storable(value, credential)
    except RecursionError:
        return None


def kept_text(text: str, credential: Token | None) -> str:
    """The same for plain text."""
    return mended(credential.scrub(text) if credential else text)


def _storable(value: Any, credential: Token | None) -> Any:
    if isinstance(value, str):
        return kept_text(value, credential)
    if isinstance(value, dict):
        return {
            kept_text(key, credential): _storable(each, credential) for key, each in value.items()
        }
    if isinstance(value, list):
        return [_storable(each, credential) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _prediction_text(predictions: Any) -> str:
    """The first prediction of a list; text as it is, anything else as its JSON."""
    if isinstance(predictions, list):
        if not predictions:
            raise BadResponse("The endpoint answered an empty list of predictions.")
        predictions = predictions[0]
    if isinstance(predictions, str):
        return predictions
    try:
        return json.dumps(predictions, ensure_ascii=False)
    except RecursionError:
        raise BadResponse("The prediction is nested too deeply to be shown.") from None


def _choice_text(choice: dict[str, Any]) -> str | None:
    for key in ("delta", "message"):
        holder = choice.get(key)
        if isinstance(holder, dict):
            return _content_text(holder.get("content"))
    return _string(choice.get("text"))


def _content_text(content: Any) -> str | None:
    """The text of a message: a string, nothing (tool calls), or a list of typed parts."""
    if isinstance(content, list):
        return "".join(
            part["text"]
            for part in content
            if isinstance(part, dict)
            and part.get("type", "text") in ("text", "output_text")
            and isinstance(part.get("text"), str)
        )
    return _string(content)


def _usage(value: Any) -> Usage | None:
    """The counts under OpenAI's names or the shorter ones of agents and driver apps."""
    if not isinstance(value, dict):
        return None
    given = _count(value, "prompt_tokens", "input_tokens")
    made = _count(value, "completion_tokens", "output_tokens")
    details = value.get("completion_tokens_details") or value.get("output_tokens_details")
    thought = _count(details, "reasoning_tokens") if isinstance(details, dict) else None
    return None if given is None and made is None else Usage(given, made, thought)


def _count(value: dict[str, Any], *keys: str) -> int | None:
    for key in keys:
        number = value.get(key)
        if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
            return number
    return None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None
