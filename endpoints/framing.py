"""Whether an answer can be read to its end, and known to be whole, by what its head says.

HTTP libraries forgive much here: they pass over a length that is none, take the first of two, and
believe an answer of unknown length to end wherever the connection does. Half an answer is none, so
nothing is forgiven.
"""

import re
from collections.abc import Mapping
from typing import Any

from .errors import BadResponse
from .refusals import one_line

_LENGTH = re.compile(r"[0-9]{1,19}")


def check_frame(status: int, headers: Mapping[str, str]) -> None:
    """Raise BadResponse for an answer whose end cannot be told.

    Of a header that came twice the values are joined by commas.
    """
    coding = headers.get("transfer-encoding")
    if coding is not None and coding.strip().lower() not in ("chunked", "identity"):
        raise _bad(status, f"comes in the transfer encoding “{one_line(coding)[:64]}”")
    if status == 206:
        raise _bad(status, "is a part of one, which was not asked for")
    lengths = {part.strip() for part in headers.get("content-length", "0").split(",")}
    if len(lengths) > 1:
        raise _bad(status, "gives two lengths")
    (length,) = lengths
    if not _LENGTH.fullmatch(length):
        raise _bad(status, f"gives as its length “{one_line(length)[:64]}”")


def check_head(status: int, headers: Mapping[str, str]) -> None:
    """Raise BadResponse for what is no answer yet, or would have to be unpacked first."""
    if status < 200:
        raise _bad(status, f"has the status {status}, which is for answers to come")
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise BadResponse(
            f"The answer is packed as {one_line(coding)}, which was not asked for.",
            upstream_status=status,
        )


def may_go_on(value: Any) -> bool:
    """Whether an answer may be the beginning of a longer one: a cut object is no JSON, 12 is."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bad(status: int, what: str) -> BadResponse:
    return BadResponse(f"The answer {what}, so nobody can tell its end.", upstream_status=status)
