"""The framing of server-sent events, bytes cut anywhere."""

import unittest

from hypothesis import given
from hypothesis import strategies as st

from endpoints import sse

SAMPLE = (
    ': ping\r\n\r\nevent: message\ndata: {"a": "é\u2028\u0085你好😀"}\n\n'
    "data:no blank\rdata: second line\r\rid: 7\nretry: 10\ndata\n\ndata: last"
).encode()
EXPECTED = [
    sse.Event("message", '{"a": "é\u2028\u0085你好😀"}', ""),
    sse.Event("message", "no blank\nsecond line", ""),
    sse.Event("message", "", "7"),
    sse.Event("message", "last", "7"),
]


class EventsTests(unittest.TestCase):
    def test_every_line_end_comment_and_field_is_understood(self):
        self.assertEqual(list(sse.events([SAMPLE])), EXPECTED)

    def test_single_bytes_give_the_same(self):
        self.assertEqual(list(sse.events(bytes([byte]) for byte in SAMPLE)), EXPECTED)

    @given(st.lists(st.integers(0, len(SAMPLE)), max_size=8))
    def test_any_cut_gives_the_same(self, cuts):
        places = [0, *sorted(cuts), len(SAMPLE)]
        chunks = [SAMPLE[a:b] for a, b in zip(places, places[1:], strict=False)]
        self.assertEqual(list(sse.events(chunks)), EXPECTED)

    @given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), min_size=1)))
    def test_any_text_of_one_line_comes_back(self, texts):
        stream = "".join(f"data: {text}\n\n" for text in texts).encode()
        self.assertEqual([event.data for event in sse.events([stream])], texts)

    def test_an_event_comes_as_soon_as_its_blank_line_is_there(self):
        taken = []

        def chunks():
            for chunk in (b"data: 1\n", b"\n", b"data: 2\n\n"):
                taken.append(chunk)
                yield chunk

        self.assertEqual(next(sse.events(chunks())).data, "1")
        self.assertEqual(len(taken), 2)

    def test_a_lone_carriage_return_ends_an_event_without_waiting_for_more(self):
        taken = []

        def chunks():
            for chunk in (b"data: 1\r\r", b"\ndata: 2\r\n\r\n"):
                taken.append(chunk)
                yield chunk

        events = sse.events(chunks())
        self.assertEqual(next(events).data, "1")
        self.assertEqual(len(taken), 1)
        self.assertEqual([event.data for event in events], ["2"])

    def test_a_byte_order_mark_is_no_part_of_the_first_line(self):
        self.assertEqual([e.data for e in sse.events([b"\xef\xbb\xbfdata: 1\n\n"])], ["1"])

    def test_bytes_that_are_no_text_are_replaced(self):
        self.assertEqual([e.data for e in sse.events([b"data: a\xffb\n\n"])], ["a\ufffdb"])

    def test_event_name_and_id_are_given(self):
        events = list(sse.events([b"event: error\nid: 3\ndata: x\n\ndata: y\n\n"]))
        self.assertEqual(events, [sse.Event("error", "x", "3"), sse.Event("message", "y", "3")])

    def test_a_line_without_end_is_refused_at_256_kib(self):
        with self.assertRaises(sse.BeyondLimits):
            list(sse.events(b"x" * 1024 for _ in range(300)))

    def test_an_event_of_many_lines_is_refused_at_256_kib(self):
        with self.assertRaises(sse.BeyondLimits):
            list(sse.events(b"data: " + b"x" * 1024 + b"\n" for _ in range(300)))
