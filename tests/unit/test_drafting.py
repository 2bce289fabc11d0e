"""What is typed into the panel, read."""

import unittest

from playground.connecting import Refused
from playground.judging import typed_extra, typed_params
from playground.notation import unescape
from playground.templatetags.playground import exact, mid, rate, said, seconds, visible


class TypedTests(unittest.TestCase):
    def test_stop_sequences_are_written_with_a_backslash(self):
        for typed, meant in ((r"\n\n", "\n\n"), (r"\\n", r"\n"), (r"a\d", r"a\d"), (".", ".")):
            self.assertEqual(unescape(typed), meant)

    def test_numbers_keep_their_kind(self):
        self.assertEqual(
            typed_params({"temperature": "0", "max_tokens": "9000"}),
            {"temperature": 0.0, "max_tokens": 9000},
        )

    def test_a_number_out_of_range_names_its_field(self):
        with self.assertRaises(Refused) as caught:
            typed_params({"top_p": "1.1"})
        self.assertEqual(caught.exception.field, "top_p")

    def test_a_number_of_hundreds_of_digits_is_out_of_range(self):
        for digits in (20, 400):
            with self.assertRaises(Refused):
                typed_params({"max_tokens": "9" * digits})

    def test_no_extra_json_is_an_empty_object(self):
        self.assertEqual(typed_extra(" \n"), {})

    def test_extra_json_says_where_it_breaks(self):
        with self.assertRaisesRegex(Refused, "Line 1, column 8: the text ends too early"):
            typed_extra('{"a": 1,\n')


class WrittenTests(unittest.TestCase):
    def test_blanks_at_the_ends_of_a_stop_sequence_are_seen(self):
        self.assertEqual(
            [visible(" User: "), visible("a b"), visible("  ")], ["␣User:␣", "a b", "␣␣"]
        )

    def test_a_pasted_tab_is_seen_as_it_could_be_typed(self):
        self.assertEqual([visible("\t"), visible(r"\t"), visible(" \n")], [r"\t", r"\t", r"␣\n"])

    def test_times_and_rates_are_short(self):
        self.assertEqual(
            [seconds(4123), seconds(384, 2), seconds(None), rate(62.4), rate(3.14), rate(None)],
            ["4.1 s", "0.38 s", "–", "62", "3.1", "–"],
        )

    def test_a_long_name_keeps_its_end(self):
        self.assertIn(
            '<span class="mid__b">-70b-instruct</span>', mid("llama-3-3" * 3 + "-70b-instruct")
        )

    def test_markup_in_a_name_stays_text(self):
        self.assertNotIn("<b>", mid("<b>name</b>"))

    def test_no_character_of_an_answer_is_lost(self):
        self.assertEqual(exact("a\r\n<b>"), "a&#13;\n&lt;b&gt;")

    def test_what_the_server_said_has_its_status(self):
        self.assertEqual(said({"status": 404, "body": "no"}), "HTTP 404\nno")
        self.assertEqual(said({"status": None, "body": {"a": 1}}), '{\n  "a": 1\n}')
