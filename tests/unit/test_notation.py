"""What people type as JSON or as stop sequences is read exactly, or refused with what to change."""

import json
import re
import unittest

from hypothesis import given
from hypothesis import strategies as st

from playground.notation import (
    NotationError,
    escape,
    pretty,
    read_object,
    read_stops,
    unescape,
    write_stops,
    write_tool_call,
    write_vector,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


class StopTests(unittest.TestCase):
    @given(st.lists(TEXTS.filter(bool)))
    def test_any_stops_survive_being_written_and_read(self, stops: list[str]) -> None:
        self.assertEqual(read_stops(write_stops(stops)), stops)

    @given(st.lists(TEXTS.filter(bool)))
    def test_they_survive_a_browsers_line_ends_too(self, stops: list[str]) -> None:
        self.assertEqual(read_stops(write_stops(stops).replace("\n", "\r\n")), stops)

    @given(TEXTS)
    def test_escaped_text_is_one_line(self, text: str) -> None:
        self.assertNotIn("\n", escape(text))
        self.assertEqual(unescape(escape(text)), text)

    def test_blanks_count_and_empty_lines_do_not(self) -> None:
        self.assertEqual(read_stops(" User:\n\n\\n\\n\nEND "), [" User:", "\n\n", "END "])

    def test_other_backslashes_stay(self) -> None:
        self.assertEqual(unescape(r"\d\\n\ "), "\\d\\n\\ ")


class ObjectTests(unittest.TestCase):
    def test_nothing_typed_is_an_empty_object(self) -> None:
        for text in ("", "  \n "):
            self.assertEqual(read_object(text), {})

    @given(st.dictionaries(TEXTS.filter(lambda t: "\0" not in t), VALUES))
    def test_any_object_is_read_as_it_is(self, value: dict) -> None:
        self.assertEqual(read_object(json.dumps(value)), value)

    @given(st.text())
    def test_anything_else_is_refused_in_words(self, text: str) -> None:
        try:
            self.assertIsInstance(read_object(text), dict)
        except NotationError as error:
            self.assertTrue(str(error).endswith((".", "}.")))

    def test_the_place_and_the_cause_are_named(self) -> None:
        for text, words in {
            '{"a": 1,}': "column 9: remove the comma before }.",
            '{"NaN": [1,\n NaN]}': "Line 2, column 2: NaN is not a JSON number.",
            '{"a": "x': "column 7: this text has no closing quote",
            "{a: 1}": "column 2: a name in double quotes",
            '{"a" 1}': "column 6: add a colon",
            '{"a": True}': "column 7: write true, in small letters",
            '{"a": }': "column 7: a value is missing",
            '{"a": [1\n\n': "Line 1, column 8: the text ends too early",
        }.items():
            with self.subTest(text=text), self.assertRaises(NotationError) as caught:
                read_object(text)
            self.assertIn(words, str(caught.exception))

    @given(st.text('{}[]:,"a1 \n\\'))
    def test_the_place_lies_in_the_text(self, text: str) -> None:
        try:
            read_object(text)
        except NotationError as error:
            place = re.match(r"Line (\d+), column (\d+)", str(error))
            if place:
                line, column = map(int, place.groups())
                self.assertLessEqual(column, len(text.split("\n")[line - 1]))

    def test_null_characters_are_refused(self) -> None:
        for text in ('{"a": "\\u0000"}', '{"\\u0000": 1}', '{"a": ["\\u0000"]}'):
            with self.subTest(text=text), self.assertRaisesRegex(NotationError, "u0000"):
                read_object(text)

    def test_a_backslash_before_u0000_is_only_text(self) -> None:
        self.assertEqual(read_object(r'{"a": "\\u0000"}'), {"a": r"\u0000"})


class AnswerTests(unittest.TestCase):
    def test_a_vector_is_told_in_a_few_words(self) -> None:
        self.assertEqual(write_vector([3.0, 4.0]), "2 dimensions · norm 5.0000 · 3, 4")
        self.assertEqual(write_vector([0.5] * 4), "4 dimensions · norm 1.0000 · 0.5, 0.5, 0.5, …")

    def test_a_tool_call_shows_its_arguments_as_json_or_as_they_came(self) -> None:
        call = {"id": "c", "name": "f", "arguments": '{"q":"é"}'}
        self.assertEqual(write_tool_call(call), 'f({\n  "q": "é"\n})')
        self.assertEqual(write_tool_call(call | {"arguments": '{"q'}), 'f({"q)')
        self.assertEqual(pretty("[" * 100_000), "[" * 100_000)
