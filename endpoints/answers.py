"""Answers as values: strict JSON, whole letters, and what of them may be kept."""

import json
import math
from typing import Any, NoReturn

from .credentials import OAuthClient, Token
from .scrubbing import NO_SECRET, Scrubber

MAX_KEPT_BYTES = 64 * 1024
MAX_SECRET_LETTERS = 4096  # of the longest token
_REPLACEMENT = "\ufffd"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


# Made once: json.loads with an option of its own makes a decoder per call, and this is per token.
_STRICT = json.JSONDecoder(parse_constant=_refuse_constant)


def parsed(text: str | bytes) -> Any:
    """Strict JSON: raises ValueError also for NaN, for endless nesting and for bad UTF-8."""
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    try:
        return _STRICT.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


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


def storable(value: Any, credential: Token | OAuthClient | None) -> Any:
    """A JSON value as it may be kept: secret masked, text mended, no number that JSON cannot say.

    A value nested too deeply to be walked is left out.
    """
    try:
        return _storable(value, credential)
    except RecursionError:
        return None


def kept_text(text: str, credential: Token | OAuthClient | None) -> str:
    """The same for plain text."""
    return mended(scrubber_of(credential).scrub(text))


def scrubber_of(credential: Token | OAuthClient | None) -> Scrubber:
    """What takes it out of texts; without a credential only what looks like one is masked."""
    return credential.scrubber if credential else NO_SECRET


def _storable(value: Any, credential: Token | OAuthClient | None) -> Any:
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
