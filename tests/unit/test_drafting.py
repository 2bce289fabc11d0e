"""What is typed into the panel, read."""

import json
import unittest

from playground.connecting import Refused
from playground.drafting import MAX_VARIABLES, messages_of, mistakes_of, variables_of
from playground.judging import (
    mistakes_in,
    tools_for,
    typed_extra,
    typed_format,
    typed_params,
    typed_tools,
)
from playground.models import Draft, Endpoint
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


class ToolsTests(unittest.TestCase):
    def test_tools_are_a_list_of_functions(self):
        self.assertEqual(typed_tools(" \n"), [])
        self.assertEqual(typed_tools(f"[{TOOL}]"), [json.loads(TOOL)])

    def test_a_tool_that_is_none_is_said_where_it_stands(self):
        for wrong, where in (
            ('{"type": "function", "function": {}}', "Line 2, column 3: this tool has no name"),
            ('{"type": "function"}', 'Line 2, column 3: this tool needs a "function"'),
            ('{"function": {"name": "f"}}', "Line 2, column 3: this tool needs"),
            ('"f"', "Line 2, column 3: a tool is an object"),
            ("{", "Line 3, column 1: "),
        ):
            with self.assertRaisesRegex(Refused, where) as caught:
                typed_tools(f"[{TOOL} ,\n  {wrong}\n]")
            self.assertEqual(caught.exception.field, "tools")

    def test_a_response_format_has_a_type(self):
        self.assertEqual(typed_format('{"type": "json_object"}'), {"type": "json_object"})
        for wrong in ("[]", "{}x", '{"a": 1}', '{"type": 1}'):
            with self.assertRaises(Refused) as caught:
                typed_format(wrong)
            self.assertEqual(caught.exception.field, "response_format")

    def test_the_same_is_not_said_twice(self):
        mistakes = mistakes_in({}, '{"tools": []}', tools=f"[{TOOL}]")
        self.assertIn("“tools” has its own field", mistakes["extra"])
        self.assertEqual(mistakes_in({}, '{"tools": []}'), {})

    def test_each_task_is_asked_in_its_own_way(self):
        tool, form = json.loads(TOOL), {"type": "json_schema", "json_schema": {"name": "s"}}
        chat = tools_for(Endpoint(task="chat"), [tool], form)
        self.assertEqual(chat, {"tools": [tool], "response_format": form})
        agent = tools_for(Endpoint(task="responses"), [tool], form)
        self.assertEqual(agent["tools"], [{"type": "function", "name": "get_weather"}])
        self.assertEqual(agent["text"], {"format": {"type": "json_schema", "name": "s"}})
        for task in ("completions", "embeddings", "custom"):
            self.assertEqual(tools_for(Endpoint(task=task), [tool], form), {})
        self.assertEqual(tools_for(Endpoint(task="chat"), [], {}), {})


class SentTests(unittest.TestCase):
    def test_examples_go_between_the_system_message_and_the_rest(self):
        draft = Draft(
            messages=[{"role": role, "content": role} for role in ("system", "user")],
            examples=[{"user": "2+2?", "assistant": "4"}],
        )
        said = [(each["role"], each["content"]) for each in messages_of(draft)]
        self.assertEqual(
            said,
            [("system", "system"), ("user", "2+2?"), ("assistant", "4"), ("user", "user")],
        )

    def test_variables_stand_in_the_order_of_what_is_sent(self):
        draft = Draft(
            messages=[
                {"role": "system", "content": "{{tone}}"},
                {"role": "user", "content": "{{ topic }} {{größe}} {{tone}} {{no-name}} {{}}"},
            ],
            examples=[{"user": "{{example}}", "assistant": ""}],
            variables={"topic": "x", "unused": "y"},
        )
        self.assertEqual(
            variables_of(draft), [("tone", ""), ("example", ""), ("topic", "x"), ("größe", "")]
        )

    def test_no_page_is_made_of_fields(self):
        text = "".join(f"{{{{name{number}}}}}" for number in range(5000))
        draft = Draft(messages=[{"role": "user", "content": text}])
        self.assertEqual(len(variables_of(draft)), MAX_VARIABLES)

    def test_half_an_example_is_a_mistake(self):
        draft = Draft(examples=[{"user": "", "assistant": " "}, {"user": "q", "assistant": ""}])
        self.assertEqual(
            mistakes_of(draft),
            {"example-assistant-2": "Example 2 has no answer. Write it, or remove the pair."},
        )


TOOL = '{"type": "function", "function": {"name": "get_weather"}}'


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
