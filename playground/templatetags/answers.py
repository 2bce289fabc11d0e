"""How answers that are no text are written: tool calls, vectors and how near they are."""

from collections.abc import Iterable
from dataclasses import dataclass

from django import template

from endpoints import norm, similarity

from .. import notation
from ..models import Call
from ..models.run import text_of

register = template.Library()

FIRST_NUMBERS = 5
MOST_COMPARED = 12  # vectors in one table; more would not be read


@dataclass(frozen=True)
class Vector:
    """One vector as a row: of the input with this number."""

    number: int
    dimension: int
    length: str
    begins: str


@register.filter
def vectors(call: Call) -> list[Vector]:
    return [
        Vector(number, len(vector), f"{norm(vector):.4f}", _begins(vector))
        for number, vector in enumerate(call.vectors or [], 1)
    ]


def _begins(vector: list[float]) -> str:
    first = "  ".join(f"{number:.4f}" for number in vector[:FIRST_NUMBERS])
    return f"{first}  …" if len(vector) > FIRST_NUMBERS else first


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
    return rest


@dataclass(frozen=True)
class Similarities:
    """Cosines of every vector of a run with every other one."""

    heads: list[dict]
    rows: list[tuple[dict, list[str]]]
    left_out: int


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


def _cosine(one: list[float], other: list[float]) -> str:
    value = similarity(one, other)
    return "–" if value is None else f"{value:.3f}"
