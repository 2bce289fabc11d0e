"""What a picture is, read from its bytes."""

import struct
import unittest

from playground.pictures import NotAPicture, read_picture
from tests.make import png

FRAME = struct.pack(">BBHBHHB", 0xFF, 0xC2, 11, 8, 480, 640, 1)
JPEG = b"\xff\xd8" + b"\xff\xe1\x00\x06abcd" + b"\xff" + FRAME
GIF = b"GIF89a" + struct.pack("<HH", 640, 480)
WEBP = b"RIFF\x00\x00\x00\x00WEBP"
LOSSY = WEBP + b"VP8 " + bytes(4) + b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 640, 480)
LOSSLESS = WEBP + b"VP8L" + bytes(4) + b"\x2f" + struct.pack("<I", 639 | 479 << 14)
EXTENDED = WEBP + b"VP8X" + bytes(8) + b"\x7f\x02\x00" + b"\xdf\x01\x00"


class PictureTests(unittest.TestCase):
    def test_the_kind_and_the_size_are_in_the_bytes(self):
        for data, kind in (
            (png(), "png"),
            (JPEG, "jpeg"),
            (GIF, "gif"),
            (LOSSY, "webp"),
            (LOSSLESS, "webp"),
            (EXTENDED, "webp"),
        ):
            self.assertEqual(read_picture(data), (f"image/{kind}", 640, 480), kind)

    def test_what_breaks_off_or_pretends_is_none(self):
        for data in (b"", b"<svg/>", b"%PDF-1.7", b"GIF89a", JPEG[:-4], png()[:20], WEBP + b"VP9 "):
            with self.assertRaises(NotAPicture):
                read_picture(data)

    def test_a_picture_without_a_size_is_none(self):
        with self.assertRaises(NotAPicture):
            read_picture(png(width=0))

    def test_damaged_segments_end(self):
        for damaged in (b"\xff\xd8\xff\xe1\x00\x00" * 9, b"\xff\xd8\xff" + bytes(99), b"\xff" * 99):
            with self.assertRaises(NotAPicture):
                read_picture(damaged)
