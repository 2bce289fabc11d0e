"""How answers that are no text are written: tool calls, vectors and how near they are."""

from collections.abc import Iterable
from dataclasses import dataclass

from django import template

from endpoints import norm, similarity

from .. import notation
from ..languages import written
from ..models import Call
from ..models.run import text_of

register = template.Library()

UNKNOWN = "–"

FIRST_NUMBERS = 5
MOST_BARS = 96
BAR_HEIGHT = 18  # from the middle line, of the 40 that the picture is high
MOST_DATA = 200  # characters of a data: URL that are shown
MOST_COMPARED = 12  # vectors in one table; more would not be read


@dataclass(frozen=True)
class Vector:
    """One vector as a row: of the input with this number."""

    number: int
    dimension: int
    length: str
    begins: str
    bars: str = ""
    bars_shown: int = 0


@register.filter
def vectors(call: Call) -> list[Vector]:
    found = call.vectors or []
    return [
        Vector(
            number,
            len(vector),
            written(norm(vector), 4),
            _begins(vector),
            *(_bars(vector) if len(found) == 1 else ()),
        )
        for number, vector in enumerate(found, 1)
    ]


def _begins(vector: list[float]) -> str:
    first = " ".join(f"{number: .4f}" for number in vector[:FIRST_NUMBERS])
    return f"{first}  …" if len(vector) > FIRST_NUMBERS else first


def _bars(vector: list[float]) -> tuple[str, int]:
    """The first numbers as the path of an SVG, one bar each, and how many they are."""
    shown = vector[:MOST_BARS]
    largest = max(map(abs, shown), default=0) or 1
    tops = (20 - BAR_HEIGHT * number / largest for number in shown)
    return "".join(f"M{x + 0.5} 20V{top:.1f}" for x, top in enumerate(tops)), len(shown)


@register.filter
def arguments(tool_call: dict) -> str:
    """The arguments of a tool call, laid out for reading where they are JSON."""
    return notation.pretty(tool_call["arguments"])


@register.filter
def words(message: dict) -> str:
    """The text of a message; what else is in it is shown as it was sent."""
    return text_of(message)


@register.filter
def beyond_words(message: dict) -> dict:
    """Of a message what its text does not show: images, tool calls, further keys."""
    rest = {key: value for key, value in message.items() if key not in ("role", "content")}
    content = message.get("content")
    if isinstance(content, list):
        parts = [part for part in content if part.get("type") != "text"]
        rest |= {"content": parts} if parts else {}
    return _without_data(rest)


def _without_data(value):
    """The same with the bytes of images left out: nobody reads a megabyte of base64."""
    if isinstance(value, dict):
        return {name: _without_data(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_data(each) for each in value]
    if isinstance(value, str) and value.startswith("data:") and len(value) > MOST_DATA:
        return f"{value[:40]}… ({len(value) / 1024:,.0f} KB)"
    return value


@dataclass(frozen=True)
class Cosine:
    """How near two vectors are, as it is written and in fifths for the eye."""

    text: str
    level: int


@dataclass(frozen=True)
class Similarities:
    """Cosines of every vector of a run with every other one."""

    heads: list[dict]
    rows: list[tuple[dict, list[Cosine]]]
    left_out: int

    @property
    def has_unknown(self) -> bool:
        return any(cosine.text == UNKNOWN for _, cosines in self.rows for cosine in cosines)


@register.simple_tag
def similarities(calls: Iterable[Call]) -> Similarities | None:
    """The table of a run that is over; None before that, or with nothing to compare."""
    calls = list(calls)
    if any(call.is_live or call.status == Call.Status.QUEUED for call in calls):
        return None
    named = [
        ({"call": call, "number": number if len(call.vectors) > 1 else None}, vector)
        for call in calls
        for number, vector in enumerate(call.vectors or [], 1)
    ]
    if len(named) < 2:
        return None
    shown = named[:MOST_COMPARED]
    rows = [(head, [_cosine(one, other) for _, other in shown]) for head, one in shown]
    return Similarities([head for head, _ in shown], rows, len(named) - len(shown))


def _cosine(one: list[float], other: list[float]) -> Cosine:
    value = similarity(one, other)
    if value is None:
        return Cosine(UNKNOWN, 0)
    return Cosine(written(round(value, 3) + 0.0, 3), max(0, round(value * 5)))
