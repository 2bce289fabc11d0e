"""Looks for a secret in what came out: as it is, encoded, reversed, and in parts of twelve letters.

Written apart from `endpoints.scrubbing`, so that neither repeats a mistake of the other.
"""

import base64
from collections.abc import Iterator

WINDOW = 12


def traces(secret: str, found: str | bytes) -> list[str]:
    """What of the secret is in there; nothing is what is wanted."""
    text = found.decode("latin-1") if isinstance(found, bytes) else found
    lowered = text.lower()
    return [
        f"{name}: …{part}…"
        for name, written, window, is_cased in _written(secret)
        if (part := _part(written, window, text if is_cased else lowered)) is not None
    ]


def _part(written: str, window: int, text: str) -> str | None:
    """The first part of that length, or the whole of what is shorter, that is in the text."""
    ends = range(min(window, len(written)), len(written) + 1)
    parts = (written[max(0, end - window) : end] for end in ends)
    return next((part for part in parts if part in text), None)


def _written(secret: str) -> Iterator[tuple[str, str, int, bool]]:
    """(name, the secret written that way, letters of a part, whether capitals matter)"""
    data = secret.encode()
    yield "raw", secret, WINDOW, True
    yield "reversed", secret[::-1], WINDOW, True
    yield "hex", data.hex(), 2 * WINDOW, False
    yield "percent", "".join(f"%{byte:02x}" for byte in data), 3 * WINDOW, False
    yield "json", "".join(f"\\u{byte:04x}" for byte in data), 6 * WINDOW, False
    yield "html", "".join(f"&#{byte};" for byte in data), 5 * WINDOW, False
    yield "html, hex", "".join(f"&#x{byte:x};" for byte in data), 6 * WINDOW, False
    for skipped in range(3):
        # Groups of three bytes of the secret alone, wherever it begins among them.
        whole = data[skipped:]
        packed = base64.b64encode(whole[: len(whole) // 3 * 3]).decode()
        yield f"base64, from letter {skipped}", packed, 4 * WINDOW // 3, True
        yield f"base64 for URLs, {skipped}", packed.translate(_FOR_URLS), 4 * WINDOW // 3, True


_FOR_URLS = str.maketrans("+/", "-_")
