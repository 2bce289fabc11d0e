"""Bytes to server-sent events, as the WHATWG HTML standard frames them; knows nothing else.

Two readings differ from the standard on purpose: an event that the end of the stream cuts off
before its blank line is still given, and `retry` is ignored because nothing reconnects.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_LINE_BYTES = 256 * 1024
MAX_EVENTS = 100_000
_TOO_LONG = "One event of the stream is larger than 256 KiB."
_TOO_MANY = f"The stream holds more than {MAX_EVENTS:,} events."
_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    event: str
    data: str
    id: str


class BeyondLimits(ValueError):
    """A line, or the data of one event, of more than MAX_LINE_BYTES; or more than MAX_EVENTS.

    The message is a sentence for people.
    """


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events in the bytes, each as soon as its blank line is there; chunks may cut anywhere.

    Raises BeyondLimits.
    """
    name, last_id = "", ""
    data: list[bytes] = []
    data_bytes = number = 0
    for line in _lines(chunks):
        if not line:
            if data:
                number += 1
                if number > MAX_EVENTS:
                    raise BeyondLimits(_TOO_MANY)
                yield _event(name, data, last_id)
            name, data, data_bytes = "", [], 0
            continue
        key, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if key == b"data":
            data.append(value)
            data_bytes += len(value) + 1
            if data_bytes > MAX_LINE_BYTES:
                raise BeyondLimits(_TOO_LONG)
        elif key == b"event":
            name = value.decode("utf-8", "replace")
        elif key == b"id" and b"\0" not in value:
            last_id = value.decode("utf-8", "replace")
    if data:
        yield _event(name, data, last_id)


def _event(name: str, data: list[bytes], last_id: str) -> Event:
    return Event(name or "message", b"\n".join(data).decode("utf-8", "replace"), last_id)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Lines without their ends, which are \n, \r\n and \r only: U+2028 is text."""
    held = bytearray()
    is_first_line, ended_in_cr = True, False
    for chunk in chunks:
        if not chunk:
            continue
        if ended_in_cr and chunk[0] == 0x0A:
            chunk = chunk[1:]
            ended_in_cr = False
            if not chunk:
                continue
        ended_in_cr = chunk[-1] == 0x0D
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            if held:
                line = bytes(held) + line
                held.clear()
            if len(line) > MAX_LINE_BYTES:
                raise BeyondLimits(_TOO_LONG)
            if is_first_line:
                is_first_line = False
                line = line.removeprefix(_BOM)
            yield line
        held += rest
        if len(held) > MAX_LINE_BYTES:
            raise BeyondLimits(_TOO_LONG)
    if held:
        yield bytes(held).removeprefix(_BOM) if is_first_line else bytes(held)
