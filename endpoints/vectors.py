"""Vectors of embeddings: reading them, their length, and how near two of them are."""

import base64
import binascii
import math
import struct
from collections.abc import Sequence
from typing import Any

from .errors import BadResponse

Vector = tuple[float, ...]


def norm(vector: Sequence[float]) -> float:
    """The Euclidean length."""
    return math.hypot(*vector)


def similarity(a: Sequence[float], b: Sequence[float]) -> float | None:
    """The cosine of the angle, -1 to 1.

    None where it has no meaning: the vectors differ in dimension, or one has no length.
    """
    length_a, length_b = norm(a), norm(b)
    if len(a) != len(b) or not 0 < length_a < math.inf or not 0 < length_b < math.inf:
        return None
    # Scaled first: the products of very large or very small numbers leave what a float can hold.
    cosine = math.fsum((x / length_a) * (y / length_b) for x, y in zip(a, b, strict=True))
    return min(1.0, max(-1.0, cosine))


def read_vectors(value: Any, number: int) -> tuple[Vector, ...]:
    """The vectors of an answer to `number` inputs, in their order. Raises BadResponse.

    OpenAI's `data`, put in order by its `index`; `predictions` of an MLflow model; `embeddings` or
    a bare list from other apps. A vector may also be base64 of little-endian 32-bit floats.
    """
    found = [_vector(each) for each in _vectors_in(value, number)]
    if len(found) != number:
        raise BadResponse(f"The endpoint answered {len(found)} vectors to {number} inputs.")
    return tuple(found)


def _vectors_in(value: Any, number: int) -> list[Any]:
    if isinstance(value, dict):
        if isinstance(value.get("data"), list):
            return _in_order(value["data"])
        for key in ("predictions", "outputs", "embeddings", "embedding"):
            if key in value:
                value = value[key]
                break
    if isinstance(value, list) and value:
        return [value] if number == 1 and _is_number(value[0]) else value
    raise _no_vectors()


def _in_order(data: list[Any]) -> list[Any]:
    places = [each.get("index") if isinstance(each, dict) else None for each in data]
    if all(type(place) is int for place in places) and len(set(places)) == len(places):
        return [each for _, each in sorted(zip(places, data, strict=True), key=lambda at: at[0])]
    return data


def _vector(value: Any) -> Vector:
    if isinstance(value, dict):
        value = value.get("embedding")
    if isinstance(value, str):
        value = _unpacked(value)
    if not isinstance(value, list | tuple) or not value or not all(map(_is_number, value)):
        raise _no_vectors()
    try:
        vector = tuple(float(each) for each in value)
    except OverflowError:
        raise _no_vectors() from None
    if not all(map(math.isfinite, vector)):
        raise _no_vectors()
    return vector


def _unpacked(text: str) -> Vector:
    try:
        data = base64.b64decode(text, validate=True)
        return struct.unpack(f"<{len(data) // 4}f", data)
    except (binascii.Error, ValueError, struct.error):
        raise _no_vectors() from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _no_vectors() -> BadResponse:
    return BadResponse("The answer is JSON, but holds no vectors of numbers where they belong.")
