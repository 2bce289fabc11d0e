"""Reading answers and pieces of streams in every known shape, cut anywhere."""

import json
import re
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from endpoints import EndpointError, Reasoning, Text, ToolCall, Usage, sse
from endpoints.answers import parsed
from endpoints.errors import BadResponse
from endpoints.events import Choice
from endpoints.reading import MAX_CHOICES, Reader
from endpoints.refusals import error_in


def choice(**more):
    return {"choices": [{"index": 0, **more}]}


def delta(**more):
    return choice(delta=more)


def whole(value, **options):
    reader = Reader(**options)
    return reader.whole(value) + reader.rest(), reader


def streamed(*payloads):
    reader = Reader()
    found = [event for payload in payloads for event in reader.piece(payload)]
    return found + reader.rest(), reader


def text_of(events, index=0):
    return "".join(e.text for e in events if isinstance(e, Text) and e.choice == index)


def item_done(item):
    return {"type": "response.output_item.done", "item": item}


def text_delta(text, item_id="m1"):
    return {"type": "response.output_text.delta", "item_id": item_id, "delta": text}


def message_item(text, item_id="m1"):
    content = [{"type": "output_text", "text": text}]
    return {"type": "message", "id": item_id, "role": "assistant", "content": content}


class ChatTests(unittest.TestCase):
    def test_an_answer_with_its_counts(self):
        value = choice(message={"role": "assistant", "content": "Hi"}, finish_reason="stop")
        value["usage"] = {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "total_tokens": 11,
            "completion_tokens_details": {"reasoning_tokens": 1},
        }
        events, reader = whole(value)
        self.assertEqual(events, [Text("Hi")])
        self.assertEqual(reader.usage, Usage(9, 2, 1))
        self.assertEqual(reader.choices(), (Choice(0, "Hi", "stop"),))

    def test_content_may_be_null_empty_or_parts(self):
        for content in (None, "", []):
            events, reader = whole(choice(message={"content": content}, finish_reason="length"))
            self.assertEqual((events, reader.finish_reason), ([], "length"))
        parts = [
            {
                "type": "reasoning",
                "summary": [
                    {"type": "summary_text", "text": "hm", "signature": "x"},
                    {"type": "summary_text", "text": "ah"},
                ],
            },
            {"type": "text", "text": "He"},
            {"type": "text", "text": "llo"},
        ]
        events, reader = whole(choice(message={"content": parts}))
        self.assertEqual(events, [Reasoning("hm\n\nah"), Text("He"), Text("llo")])
        self.assertEqual(reader.choices(), (Choice(0, "Hello", None, "hm\n\nah"),))

    def test_reasoning_beside_the_content(self):
        for name in ("reasoning_content", "reasoning"):
            events, _ = whole(choice(message={"content": "Hi", name: "hm"}))
            self.assertEqual(events, [Reasoning("hm"), Text("Hi")])
        events, _ = streamed(delta(reasoning_content="h", reasoning="h"), delta(reasoning="m"))
        self.assertEqual(events, [Reasoning("h"), Reasoning("m")])

    def test_every_choice_is_kept(self):
        message = {"content": "two"}
        value = choice(message={"content": "one"}, finish_reason="stop")
        value["choices"].append({"index": 1, "message": message, "finish_reason": "length"})
        events, reader = whole(value)
        self.assertEqual(events, [Text("one"), Text("two", 1)])
        self.assertEqual(reader.choices(), (Choice(0, "one", "stop"), Choice(1, "two", "length")))
        self.assertEqual(reader.finish_reason, "stop")

    def test_choices_of_a_stream_come_mixed(self):
        def piece(index, text, reason=None):
            delta = {"content": text}
            return {"choices": [{"index": index, "delta": delta, "finish_reason": reason}]}

        events, reader = streamed(piece(1, "b"), piece(0, "a"), piece(1, "B", "stop"))
        self.assertEqual(events, [Text("b", 1), Text("a"), Text("B", 1)])
        self.assertFalse(reader.is_ended)
        reader.piece(piece(0, "A", "stop"))
        self.assertTrue(reader.is_ended)
        self.assertEqual([each.text for each in reader.choices()], ["aA", "bB"])

    def test_a_refusal_is_text_where_there_is_nothing_else(self):
        events, reader = streamed(delta(refusal="I "), delta(refusal="cannot."))
        self.assertEqual(events, [Text("I "), Text("cannot.")])
        self.assertEqual(reader.choices(), (Choice(0, "I cannot.", refusal="I cannot."),))
        events, reader = whole(choice(message={"content": "Hi", "refusal": "No."}))
        self.assertEqual(events, [Text("Hi")])
        self.assertEqual(reader.choices()[0].refusal, "No.")

    def test_the_last_count_stands(self):
        _, reader = streamed(
            {**delta(content="a"), "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
            {**delta(content="b"), "usage": None},
            {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
        )
        self.assertEqual(reader.usage, Usage(1, 2))

    def test_completions_text_is_read(self):
        self.assertEqual(whole(choice(text="Hi"))[0], [Text("Hi")])
        self.assertEqual(streamed(choice(text="H"), choice(text="i"))[0], [Text("H"), Text("i")])

    def test_more_choices_than_anybody_asks_for_are_refused(self):
        with self.assertRaises(BadResponse):
            whole({"choices": [{"index": n, "text": "x"} for n in range(MAX_CHOICES + 1)]})


class ToolCallTests(unittest.TestCase):
    def test_whole_calls(self):
        calls = [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
            {"id": "b", "type": "function", "function": {"name": "g", "arguments": {"y": 2}}},
        ]
        events, reader = whole(choice(message={"content": None, "tool_calls": calls}))
        self.assertEqual(
            events, [ToolCall(0, "a", "f", '{"x": 1}'), ToolCall(1, "b", "g", '{"y": 2}')]
        )
        self.assertEqual(
            reader.choices()[0].tool_calls,
            (
                {"id": "a", "name": "f", "arguments": '{"x": 1}'},
                {"id": "b", "name": "g", "arguments": '{"y": 2}'},
            ),
        )

    def test_calls_in_deltas(self):
        def call(index, **more):
            return delta(tool_calls=[{"index": index, **more}])

        events, reader = streamed(
            call(0, id="a", function={"name": "f", "arguments": ""}),
            call(0, function={"arguments": '{"x"'}),
            call(1, id="b", function={"name": "g", "arguments": "{}"}),
            call(0, function={"arguments": ": 1}"}),
            call(0, function={"arguments": ""}),
        )
        self.assertEqual(
            events,
            [
                ToolCall(0, "a", "f", ""),
                ToolCall(0, "a", "f", '{"x"'),
                ToolCall(1, "b", "g", "{}"),
                ToolCall(0, "a", "f", ": 1}"),
            ],
        )
        calls = reader.choices()[0].tool_calls
        self.assertEqual([each["arguments"] for each in calls], ['{"x": 1}', "{}"])

    def test_calls_without_an_index_or_with_the_same_one(self):
        def names(*deltas):
            _, reader = streamed(*(delta(tool_calls=[each]) for each in deltas))
            calls = reader.choices()[0].tool_calls
            return [(each["id"], each["name"], each["arguments"]) for each in calls]

        f = {"name": "f", "arguments": "{"}
        rest = {"function": {"arguments": "}"}}
        two = [("a", "f", "{}"), ("b", "f", "{}")]
        for index in ({}, {"index": 0}):
            a, b = {"id": "a", "function": f, **index}, {"id": "b", "function": f, **index}
            self.assertEqual(names(a, rest | index, b, rest | index), two)
        self.assertEqual(names({"function": f}, rest), [(None, "f", "{}")])

    def test_the_older_function_call(self):
        value = choice(message={"function_call": {"name": "f", "arguments": "{}"}})
        self.assertEqual(whole(value)[0], [ToolCall(0, None, "f", "{}")])


class CustomTests(unittest.TestCase):
    def test_predictions_in_every_shape(self):
        for predictions, text in (
            (["a"], "a"),
            ("a", "a"),
            ([{"k": "é"}], '{"k": "é"}'),
            ({"0": 1}, '{"0": 1}'),
            ([{"0": "a"}], "a"),
            ({"text": ["a"]}, "a"),
            ([{"generated_text": "a"}], "a"),
            ([{"candidates": [{"text": "a"}]}], "a"),
            ({"candidates": [{"text": "a"}]}, "a"),
            (choice(message={"content": "a"}), "a"),
            ([choice(text="a")], "a"),
            ({"messages": [{"role": "assistant", "content": "a"}]}, "a"),
            (3, "3"),
            ([None], "null"),
            ([["x"]], '["x"]'),
        ):
            with self.subTest(predictions=predictions):
                self.assertEqual(text_of(whole({"predictions": predictions})[0]), text)

    def test_several_predictions_are_choices(self):
        events, reader = whole({"predictions": ["a", {"x": 1}]})
        self.assertEqual(events, [Text("a"), Text('{"x": 1}', 1)])
        self.assertEqual([each.text for each in reader.choices()], ["a", '{"x": 1}'])

    def test_a_bare_prediction_where_the_task_has_them(self):
        for value, text in ((["a"], "a"), ("a", "a"), ({"x": 1}, '{"x": 1}'), (5, "5")):
            with self.subTest(value=value):
                self.assertEqual(text_of(whole(value, takes_bare=True)[0]), text)

    def test_a_bare_list_of_texts_for_every_task(self):
        for value in (["a"], [{"text": "a"}], [{"generated_text": "a"}]):
            with self.subTest(value=value):
                self.assertEqual(text_of(whole(value)[0]), "a")
        events, _ = whole(["a", {"text": "b"}])
        self.assertEqual(events, [Text("a"), Text("b", 1)])

    def test_a_bare_list_of_anything_else_is_no_answer(self):
        for value in ([], [1.5, 2], ["a", 5], [["a"]], [{}], [None], [{"error": "a"}]):
            with self.subTest(value=value), self.assertRaises(BadResponse):
                whole(value)

    def test_the_objects_of_driver_apps(self):
        for value in (
            "a",
            {"text": "a"},
            {"text": ["a"]},
            {"generated_text": "a"},
            {"output": "a"},
            {"output": ["a"]},
            {"response": "a", "done": True},
        ):
            with self.subTest(value=value):
                self.assertEqual(text_of(whole(value)[0]), "a")

    def test_what_holds_no_text_is_a_bad_response(self):
        for value in (
            {"predictions": []},
            {},
            {"a": "x"},
            {"usage": {"prompt_tokens": 1}},
            {"finish_reason": "stop"},
            5,
            None,
            {"choices": []},
        ):
            with self.subTest(value=value), self.assertRaises(BadResponse):
                whole(value)

    def test_a_driver_stream_of_strings_or_objects(self):
        ending = {"usage": {"input_tokens": 1, "output_tokens": 2}, "finish_reason": "stop"}
        for pieces in (("He", "llo"), ({"text": "He"}, {"text": "llo"})):
            events, reader = streamed(*pieces, ending)
            self.assertEqual(events, [Text("He"), Text("llo")])
            self.assertEqual((reader.usage, reader.finish_reason), (Usage(1, 2), "stop"))


class ResponsesTests(unittest.TestCase):
    def test_a_whole_response(self):
        value = {
            "object": "response",
            "status": "completed",
            "output": [
                {"type": "reasoning", "id": "r", "summary": [{"type": "s", "text": "hm"}]},
                message_item("Let me look."),
                {
                    "type": "function_call",
                    "id": "f",
                    "call_id": "c",
                    "name": "look",
                    "arguments": "{}",
                },
                {"type": "function_call_output", "call_id": "c", "output": "secret of the tool"},
                message_item("Here.", "m2"),
            ],
            "usage": {"input_tokens": 3, "output_tokens": 4},
            "custom_outputs": {"a": 1},
        }
        events, reader = whole(value)
        self.assertEqual(
            events,
            [
                Reasoning("hm"),
                Text("Let me look."),
                ToolCall(0, "c", "look", "{}"),
                Text("\n\nHere."),
            ],
        )
        self.assertEqual(reader.usage, Usage(3, 4))
        self.assertEqual(reader.custom_outputs, {"a": 1})
        self.assertEqual(reader.finish_reason, "completed")

    def test_deltas_are_not_said_again_when_their_item_is_done(self):
        for done_id in ("m1", "another"):
            events, _ = streamed(
                text_delta("He"), text_delta("llo"), item_done(message_item("Hello", done_id))
            )
            self.assertEqual(events, [Text("He"), Text("llo")])

    def test_an_item_that_was_not_streamed_is_said_when_done(self):
        events, reader = streamed(item_done(message_item("Hello")))
        self.assertEqual(events, [Text("Hello")])
        self.assertTrue(reader.is_between_items)

    def test_two_messages_have_a_blank_line_between_them(self):
        events, _ = streamed(
            text_delta("One"),
            item_done(message_item("One")),
            text_delta("Two", "m2"),
            item_done(message_item("Two", "m2")),
        )
        self.assertEqual(text_of(events), "One\n\nTwo")

    def test_a_streamed_function_call_and_reasoning(self):
        call = {"type": "function_call", "id": "f", "call_id": "c", "name": "look"}
        arguments = {"type": "response.function_call_arguments.delta", "item_id": "f"}
        thought = {"type": "response.reasoning_summary_text.delta", "item_id": "r"}
        events, reader = streamed(
            thought | {"delta": "hm", "summary_index": 0},
            {"type": "response.output_item.added", "item": call | {"arguments": ""}},
            arguments | {"delta": '{"q"'},
            arguments | {"delta": ": 1}"},
            item_done(call | {"arguments": '{"q": 1}'}),
        )
        self.assertEqual(
            events,
            [
                Reasoning("hm"),
                ToolCall(0, "c", "look", ""),
                ToolCall(0, "c", "look", '{"q"'),
                ToolCall(0, "c", "look", ": 1}"),
            ],
        )
        self.assertFalse(reader.is_between_items)
        self.assertEqual(reader.choices()[0].tool_calls[0]["arguments"], '{"q": 1}')

    def test_the_end_says_why_and_fills_in_what_was_never_streamed(self):
        response = {"status": "completed", "output": [message_item("Hello")]}
        events, reader = streamed({"type": "response.completed", "response": response})
        self.assertEqual((events, reader.finish_reason), ([Text("Hello")], "completed"))
        self.assertTrue(reader.is_ended)
        details = {"incomplete_details": {"reason": "max_output_tokens"}}
        _, reader = streamed(text_delta("He"), {"type": "response.incomplete", "response": details})
        self.assertEqual(reader.finish_reason, "max_output_tokens")

    def test_a_refusal(self):
        events, reader = streamed(
            {"type": "response.refusal.delta", "item_id": "m1", "delta": "No."}
        )
        self.assertEqual((events, reader.choices()[0].refusal), ([Text("No.")], "No."))

    def test_its_errors_are_errors(self):
        for value in (
            {"type": "error", "message": "Broken.", "code": "server_error"},
            {"type": "response.failed", "response": {"error": {"message": "Broken."}}},
        ):
            self.assertIn("Broken.", error_in(value).message)


class ChatAgentTests(unittest.TestCase):
    def test_a_whole_answer(self):
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        value = {
            "messages": [
                {"role": "assistant", "id": "1", "content": "Looking.", "tool_calls": [call]},
                {"role": "tool", "id": "2", "content": "secret of the tool"},
                {"role": "assistant", "id": "3", "content": "Here."},
            ],
            "finish_reason": "stop",
            "custom_outputs": {"a": 1},
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        }
        events, reader = whole(value)
        self.assertEqual(events, [Text("Looking."), ToolCall(0, "c", "f", "{}"), Text("\n\nHere.")])
        self.assertEqual((reader.custom_outputs, reader.usage), ({"a": 1}, Usage(1, 2)))
        self.assertEqual(reader.finish_reason, "stop")

    def test_chunks_of_one_message_share_their_id(self):
        def chunk(text, id, role="assistant"):
            return {"delta": {"role": role, "content": text, "id": id}}

        events, _ = streamed(
            chunk("He", "1"), chunk("llo", "1"), chunk("x", "2", "tool"), chunk("You", "3")
        )
        self.assertEqual(text_of(events), "Hello\n\nYou")

    def test_an_agent_that_cannot_stream_gives_its_answer_as_one_piece(self):
        value = {"messages": [{"role": "assistant", "id": "1", "content": "Hello"}]}
        self.assertEqual(streamed(value)[0], [Text("Hello")])


class OddTests(unittest.TestCase):
    def test_unknown_payloads_are_passed_over(self):
        for value in ({"type": "ping"}, {}, [], 5, None, {"usage": None}, {"usage": {"a": 1}}):
            events, reader = streamed(value)
            self.assertEqual((events, reader.is_understood), ([], False))

    def test_odd_types_do_no_harm(self):
        for value in (
            {"choices": None},
            {"choices": [None]},
            {"choices": ["x"]},
            choice(delta=None),
            delta(content=5),
            delta(content=[None, {"type": "text"}, {"text": 5}]),
            delta(tool_calls=[None, 5]),
            delta(tool_calls=5),
            choice(finish_reason=7),
            {"choices": [], "usage": {"prompt_tokens": "9", "completion_tokens": -1}},
            {"choices": [], "usage": {"prompt_tokens": True}},
            {"type": "response.output_item.done", "item": {"type": "message", "content": 5}},
            {"type": "response.completed", "response": None},
        ):
            with self.subTest(value=value):
                events, reader = streamed(value)
                self.assertEqual((events, reader.usage), ([], None))

    def test_endless_nesting_is_a_bad_response(self):
        value = "x"
        for _ in range(900):
            value = {"predictions": [value]}
        with self.assertRaises(BadResponse):
            whole(value)

    def test_halves_of_letters_are_joined_in_every_place(self):
        call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "\ud83d"}}
        rest = {"index": 0, "function": {"arguments": "\ude00"}}
        _, reader = streamed(
            delta(content="\ud83d", reasoning="\ud83d", tool_calls=[call]),
            delta(content="\ude00", reasoning="\ude00", tool_calls=[rest]),
            delta(content="\ud83d"),
        )
        said = reader.choices()[0]
        self.assertEqual((said.text, said.reasoning), ("😀\ufffd", "😀"))
        self.assertEqual(said.tool_calls[0]["arguments"], "😀")


STREAMS = {
    "chat": [
        delta(role="assistant", content=""),
        delta(reasoning_content="hm é"),
        {**delta(content="你好 😀\u2028"), "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
        {"choices": [{"index": 1, "delta": {"content": "zwei"}, "finish_reason": "stop"}]},
        delta(tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{"}}]),
        choice(delta={}, finish_reason="stop"),
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
    ],
    "responses": [
        text_delta("Hé"),
        text_delta("llo"),
        item_done(message_item("Héllo")),
        {"type": "response.completed", "response": {"usage": {"input_tokens": 1}}},
    ],
    "driver": ["He", "llo 😀", {"finish_reason": "stop"}],
}


def stream_bytes(payloads, line_end):
    """A stream with everything that a server may put around its payloads."""
    lines = [": ping", ""]
    for number, payload in enumerate(payloads):
        text = json.dumps(payload, ensure_ascii=number % 2 == 0)
        first, blank, second = text.partition(", ")
        lines += ["event: message", f"id: {number}", "retry: 10", f"data: {first}{blank}"]
        lines += [f"data:{second}"] if second else []
        lines += ["", ": keep-alive", ""]
    return line_end.join([*lines, "data: [DONE]", "", ""]).encode()


def heard(chunks):
    reader, found = Reader(), []
    for event in sse.events(chunks):
        if event.data != "[DONE]":
            found += reader.piece(parsed(event.data))
    return found + reader.rest(), reader.choices(), reader.usage


class CutTests(unittest.TestCase):
    def test_a_stream_cut_at_every_byte_gives_the_same_events(self):
        for name, payloads in STREAMS.items():
            for line_end in ("\n", "\r\n", "\r"):
                data = stream_bytes(payloads, line_end)
                expected = heard([data])
                self.assertGreater(len(expected[0]), 1)
                with self.subTest(name=name, line_end=line_end):
                    for at in range(1, len(data)):
                        self.assertEqual(heard([data[:at], data[at:]]), expected, at)
                    self.assertEqual(heard(bytes([byte]) for byte in data), expected)

    @settings(max_examples=50)
    @given(
        st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1),
        st.sampled_from(("\n", "\r\n", "\r")),
        st.data(),
    )
    def test_any_stream_cut_anywhere_gives_its_text(self, texts, line_end, data):
        stream = stream_bytes([delta(content=text) for text in texts], line_end)
        cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
        places = [0, *sorted(cuts), len(stream)]
        chunks = [stream[a:b] for a, b in zip(places, places[1:], strict=False)]
        self.assertEqual(text_of(heard(chunks)[0]), "".join(texts))


KNOWN_KEYS = re.findall(
    r"\S+",
    "choices delta message content text type index finish_reason usage tool_calls function name"
    " arguments id item item_id output messages predictions candidates reasoning summary refusal"
    " response role custom_outputs prompt_tokens completion_tokens output_tokens_details status"
    " generated_text 0 error incomplete_details function_call outputs error_code",
)
KNOWN_WORDS = re.findall(
    r"\S+",
    "assistant text message function_call reasoning response.output_text.delta"
    " response.output_item.done response.output_item.added response.completed error tool refusal"
    " response.function_call_arguments.delta response.failed response.incomplete stop",
)
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(KNOWN_WORDS)
    | st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFFFF), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KNOWN_KEYS), inner),
    max_leaves=25,
)


class FuzzTests(unittest.TestCase):
    @settings(max_examples=400, deadline=None)
    @given(ODD, st.booleans())
    def test_any_json_is_an_answer_or_an_endpoint_error(self, value, takes_bare):
        try:
            if error := error_in(value):
                raise error
            events, reader = whole(value, takes_bare=takes_bare)
        except EndpointError as error:
            self.assertTrue(error.message)
        else:
            json.dumps(text_of(events), ensure_ascii=False).encode()
            self.assertEqual(text_of(events), text_of([Text(c.text) for c in reader.choices()[:1]]))

    @settings(max_examples=400, deadline=None)
    @given(st.lists(ODD, max_size=6))
    def test_any_stream_of_json_is_heard_or_an_endpoint_error(self, payloads):
        try:
            events, reader = streamed(*payloads)
        except EndpointError as error:
            self.assertTrue(error.message)
        else:
            for each in reader.choices():
                self.assertEqual(text_of(events, each.index), each.text)
