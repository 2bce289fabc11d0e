"""Secrets of the tests that are recognised wherever they turn up, whole or in part, in any form.

    TOKEN = canary()                   # dapi, then 32 hex digits; no two are alike
    leaks_in(b"... bytes seen ...")    # [] or what was found, and as what
    traces("any secret", "... seen")   # the same for a secret that is no canary

Any 12 characters of a canary hold MARK, so that looking through megabytes costs a few searches for
it in each form; only where one is found the canaries themselves are looked for.

Written apart from `endpoints.scrubbing`, so that neither repeats a mistake of the other.
"""

import base64
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

MARK = "c0de"
WINDOW = 12  # so much of a secret is a leak
WIDEST = 8 * WINDOW  # bytes of the longest form of a window

_made: dict[str, str] = {}  # canary -> where it was made


def canary(prefix: str = "dapi") -> str:
    """A new secret that looks like one of Databricks'."""
    value = prefix + "".join(MARK + secrets.token_hex(2) for _ in range(4))
    caller = sys._getframe(1)
    _made[value] = f"{caller.f_globals.get('__name__')}:{caller.f_lineno}"
    return value


@dataclass(frozen=True)
class Leak:
    """A part of a canary: which one, by where it was made, and in what form."""

    made_at: str
    form: str
    around: str

    def __str__(self) -> str:
        return f"the secret made at {self.made_at}, {self.form}: {self.around!r}"


def leaks_in(data: bytes) -> list[Leak]:
    """The canaries of this process in these bytes, each form of each at most once."""
    if not may_leak(data):
        return []
    return [leak for form in FORMS for leak in _leaks_as(form, data)]


def traces(secret: str, found: str | bytes) -> list[str]:
    """In which forms some of this secret is in there; a short secret counts as a whole."""
    data = found.encode("utf-8", "surrogatepass") if isinstance(found, str) else found
    return [form for form in FORMS if any(each in data for each in _windows(form, secret))]


def may_leak(data: bytes) -> bool:
    """Whether a canary could be in here, of whatever process: for those that know none."""
    for mark in MARKS:  # noqa: SIM110 - half the time of any(), for every message of a stream
        if mark in data:
            return True
    return False


# Forms --------------------------------------------------------------------------------------


def _each(pattern: str) -> Callable[[str], list[bytes]]:
    return lambda text: ["".join(pattern.format(ord(letter)) for letter in text).encode()]


def _base64(text: str) -> list[bytes]:
    """In all three alignments, without the edges that depend on what stands beside it."""
    whole = []
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + text.encode() + b"\0\0")
        first, last = -(-8 * shift // 6), 8 * (shift + len(text)) // 6
        whole.append(coded[first:last])
    return whole


FORMS: dict[str, Callable[[str], list[bytes]]] = {
    "as it is": lambda text: [text.encode()],
    "in capitals": lambda text: [text.upper().encode()],
    "reversed": lambda text: [text[::-1].encode()],
    "as UTF-16": lambda text: [text.encode("utf-16-le")],
    "as hex": lambda text: [text.encode().hex().encode()],
    "as HEX": lambda text: [text.encode().hex().upper().encode()],
    "percent-encoded": _each("%{:02x}"),
    "percent-ENCODED": _each("%{:02X}"),
    "as JSON escapes": _each("\\u{:04x}"),
    "as JSON ESCAPES": _each("\\u{:04X}"),
    "as HTML entities": _each("&#{};"),
    "as HTML hex entities": _each("&#x{:x};"),
    "as HTML HEX entities": _each("&#x{:X};"),
    "as base64": _base64,
    "as base64 for URLs": lambda text: [
        each.translate(bytes.maketrans(b"+/", b"-_")) for each in _base64(text)
    ],
}


MARKS = tuple({mark for write in FORMS.values() for mark in write(MARK)})


def _leaks_as(form: str, data: bytes) -> list[Leak]:
    if not any(mark in data for mark in FORMS[form](MARK)):
        return []
    found = []
    for value, made_at in _made.items():
        at = next((at for each in _windows(form, value) if (at := data.find(each)) >= 0), None)
        if at is not None:
            around = data[max(0, at - 40) : at + 20].decode("utf-8", "backslashreplace")
            found.append(Leak(made_at, form, around))
    return found


@cache
def _windows(form: str, value: str) -> list[bytes]:
    starts = range(max(1, len(value) - WINDOW + 1))
    return [each for at in starts for each in FORMS[form](value[at : at + WINDOW])]
