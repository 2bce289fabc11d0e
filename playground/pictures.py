"""What kind of picture some bytes are and how big it is, read from the bytes, never from a name."""

import struct

from django.utils.translation import gettext

MOST_PIXELS = 100_000  # in a row or a column; what claims more lies


class NotAPicture(ValueError):
    """These bytes are none of the pictures that models take."""


def read_picture(data: bytes) -> tuple[str, int, int]:
    """Its media type, width and height in pixels: PNG, JPEG, GIF or WebP. Raises NotAPicture."""
    for start, media_type, read in (
        (b"\x89PNG\r\n\x1a\n", "image/png", _png),
        (b"\xff\xd8\xff", "image/jpeg", _jpeg),
        (b"GIF87a", "image/gif", _gif),
        (b"GIF89a", "image/gif", _gif),
        (b"RIFF", "image/webp", _webp),
    ):
        if data.startswith(start):
            try:
                width, height = read(data)
            except (struct.error, IndexError) as error:
                raise NotAPicture(gettext("It breaks off before its size.")) from error
            if 0 < width < MOST_PIXELS and 0 < height < MOST_PIXELS:
                return media_type, width, height
    raise NotAPicture(gettext("It is no PNG, JPEG, GIF or WebP."))


def _png(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise NotAPicture(gettext("It has no header."))
    return struct.unpack_from(">II", data, 16)


def _gif(data: bytes) -> tuple[int, int]:
    return struct.unpack_from("<HH", data, 6)


def _jpeg(data: bytes) -> tuple[int, int]:
    """From the first frame header; the segments before it are skipped by their length."""
    at = 2
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1  # fill bytes
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if data[at] != 0xFF or length < 2:
            raise NotAPicture(gettext("It is damaged."))
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length


def _webp(data: bytes) -> tuple[int, int]:
    kind = data[8:16]
    if kind == b"WEBPVP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return width + 1, height + 1
    if kind == b"WEBPVP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"WEBPVP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise NotAPicture(gettext("It is no WebP."))
