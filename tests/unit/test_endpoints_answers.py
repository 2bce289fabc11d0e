"""Strict JSON, whole letters, and keeping values storable."""

import json
import unittest

from hypothesis import given
from hypothesis import strategies as st

from endpoints import Token
from endpoints.answers import TextJoiner, parsed, storable


class ParsedTests(unittest.TestCase):
    def test_only_strict_json_passes(self):
        self.assertEqual(parsed(b'{"a": "\xc3\xa9"}'), {"a": "é"})
        for text in (b"NaN", b'{"a": Infinity}', b"\xff\xfe\xfd", b"", b"[" * 100_000, b"{'a': 1}"):
            with self.subTest(text=text[:20]), self.assertRaises(ValueError):
                parsed(text)


class TextJoinerTests(unittest.TestCase):
    def joined(self, *pieces):
        joiner = TextJoiner()
        return "".join([*(joiner.add(piece) for piece in pieces), joiner.rest()])

    def test_halves_of_a_letter_are_joined(self):
        self.assertEqual(self.joined("a\ud83d", "\ude00b"), "a😀b")
        self.assertEqual(self.joined("\ud83d", "", "\ude00"), "😀")

    def test_lone_halves_are_replaced(self):
        self.assertEqual(self.joined("a\ud83d", "b"), "a\ufffdb")
        self.assertEqual(self.joined("\ude00"), "\ufffd")
        self.assertEqual(self.joined("a\ud83d"), "a\ufffd")

    @given(st.lists(st.text(st.characters(codec="utf-8"))))
    def test_any_other_text_is_exact(self, pieces):
        self.assertEqual(self.joined(*pieces), "".join(pieces))

    @given(st.lists(st.text(st.characters(min_codepoint=0xD700, max_codepoint=0xE0FF))))
    def test_the_result_can_always_be_encoded(self, pieces):
        self.joined(*pieces).encode()


class StorableTests(unittest.TestCase):
    def test_the_secret_is_masked_at_every_depth(self):
        token = Token("dapi-secret")
        value = {"a dapi-secret": ["Bearer dapi-secret", {"b": "dapi-secret"}], "n": 1}
        self.assertNotIn("dapi-secret", json.dumps(storable(value, token)))

    def test_what_json_cannot_say_is_gone(self):
        value = storable([float("inf"), "\ud800", True, None, 1.5], None)
        self.assertEqual(value, [None, "\ufffd", True, None, 1.5])
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()

    def test_endless_nesting_is_left_out(self):
        value = []
        for _ in range(5000):
            value = [value]
        self.assertIsNone(storable(value, None))
