"""Reading answers and pieces in every known shape, and keeping them storable."""

import json
import unittest

from hypothesis import given
from hypothesis import strategies as st

from endpoints import Token, Usage
from endpoints.answers import Part, TextJoiner, parsed, read_answer, read_piece, storable
from endpoints.errors import BadResponse


def choice(**more):
    return {"choices": [{"index": 0, **more}]}


class ReadAnswerTests(unittest.TestCase):
    def test_a_json_string_is_the_text(self):
        self.assertEqual(read_answer("Good"), Part("Good"))

    def test_chat(self):
        value = choice(message={"role": "assistant", "content": "Hi"}, finish_reason="stop")
        value["usage"] = {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "total_tokens": 11,
            "completion_tokens_details": {"reasoning_tokens": 1},
        }
        self.assertEqual(read_answer(value), Part("Hi", "stop", Usage(9, 2, 1)))

    def test_content_may_be_null_or_parts(self):
        self.assertIsNone(read_answer(choice(message={"content": None})).text)
        parts = [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "text", "text": "He"},
            {"type": "text", "text": "llo"},
        ]
        self.assertEqual(read_answer(choice(message={"content": parts})).text, "Hello")

    def test_completions_text_is_read(self):
        self.assertEqual(read_answer(choice(text="Hi")).text, "Hi")

    def test_predictions(self):
        for predictions, text in (
            (["a", "b"], "a"),
            ("a", "a"),
            ([{"k": "é"}], '{"k": "é"}'),
            ({"0": 1}, '{"0": 1}'),
            (3, "3"),
            ([None], "null"),
            ([["x"]], '["x"]'),
        ):
            with self.subTest(predictions=predictions):
                self.assertEqual(read_answer({"predictions": predictions}).text, text)

    def test_what_holds_no_text_is_a_bad_response(self):
        for value in ({"predictions": []}, {}, {"text": "x"}, [], ["x"], 5, None, {"choices": []}):
            with self.subTest(value=value), self.assertRaises(BadResponse):
                read_answer(value)


class ReadPieceTests(unittest.TestCase):
    def test_deltas_strings_and_endings(self):
        self.assertEqual(read_piece("He"), Part("He"))
        self.assertEqual(read_piece(choice(delta={"content": "He"})), Part("He"))
        self.assertEqual(read_piece(choice(delta={}, finish_reason="length")), Part(None, "length"))
        self.assertEqual(
            read_piece({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}),
            Part(usage=Usage(1, 2)),
        )
        self.assertEqual(
            read_piece({"usage": {"input_tokens": 1, "output_tokens": 2}, "finish_reason": "stop"}),
            Part(None, "stop", Usage(1, 2)),
        )

    def test_only_the_first_of_several_choices_is_read(self):
        second = {"index": 1, "delta": {"content": "two"}, "finish_reason": "stop"}
        self.assertEqual(read_piece({"choices": [second]}), Part())
        first = {"index": 0, "delta": {"content": "one"}}
        self.assertEqual(read_piece({"choices": [second, first]}), Part("one"))

    def test_unknown_payloads_are_nothing(self):
        for value in ({"type": "ping"}, {}, [], 5, None, {"usage": None}, {"usage": {"a": 1}}):
            self.assertIsNone(read_piece(value))

    def test_odd_types_do_no_harm(self):
        for value in (
            {"choices": None},
            {"choices": [None]},
            {"choices": ["x"]},
            choice(delta=None),
            choice(delta={"content": 5}),
            choice(delta={"content": [None, {"type": "text"}, {"text": 5}]}),
            choice(finish_reason=7),
            {"choices": [], "usage": {"prompt_tokens": "9", "completion_tokens": -1}},
            {"choices": [], "usage": {"prompt_tokens": True}},
        ):
            with self.subTest(value=value):
                part = read_piece(value)
                self.assertFalse(part and (part.text or part.usage or part.finish_reason))


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
