"""The driver app's pieces: exact text, and stop sequences wherever the pieces fall."""

import unittest

from hypothesis import given
from hypothesis import strategies as st

from endpoints.driver_app.pieces import Generation, StopHold, count_pieces, split_pieces

# Few letters, so that stop sequences occur, overlap and begin in vain.
TEXT_OF_FEW_LETTERS = st.text(alphabet="ab. 好\n", max_size=60)
STOPS = st.lists(st.text(alphabet="ab. 好\n", min_size=1, max_size=6), max_size=4)
ANY_TEXT = st.text(st.characters(codec=None), max_size=300)


def cut(text: str, stops: list[str]) -> str:
    """The text before the first occurrence of any stop, found the plain way."""
    places = [text.find(stop) for stop in stops if stop in text]
    return text[: min(places, default=len(text))]


class SplitPiecesTests(unittest.TestCase):
    @given(ANY_TEXT)
    def test_pieces_joined_are_the_text(self, text: str) -> None:
        self.assertEqual("".join(split_pieces(text)), text)

    @given(ANY_TEXT)
    def test_pieces_are_small(self, text: str) -> None:
        self.assertLessEqual(max(map(len, split_pieces(text)), default=0), 20)
        self.assertEqual(count_pieces(text), len(list(split_pieces(text))))

    def test_word_keeps_the_space_before_it(self) -> None:
        self.assertEqual(list(split_pieces("How are you?")), ["How", " are", " you?"])

    def test_chinese_comes_in_one_or_two_characters(self) -> None:
        self.assertEqual(list(split_pieces("你好吗？")), ["你好", "吗？"])

    def test_long_word_and_long_space_are_cut(self) -> None:
        self.assertGreater(count_pieces("a" * 1000), 50)
        self.assertGreater(count_pieces(" " * 1000), 50)


class StopHoldTests(unittest.TestCase):
    @given(st.lists(TEXT_OF_FEW_LETTERS, max_size=12), STOPS)
    def test_text_ends_before_the_first_stop_however_it_is_cut(
        self, pieces: list[str], stops: list[str]
    ) -> None:
        hold = StopHold(stops)
        passed = []
        for piece in pieces:
            passed.append(hold.feed(piece))
            if hold.is_stopped:
                break
        if not hold.is_stopped:
            passed.append(hold.finish())
        text = "".join(pieces)
        self.assertEqual("".join(passed), cut(text, stops))
        self.assertEqual(hold.is_stopped, any(stop in text for stop in stops))

    def test_possible_beginning_of_a_stop_is_held_back(self) -> None:
        hold = StopHold(["END."])
        self.assertEqual(hold.feed("the EN"), "the ")
        self.assertEqual(hold.feed("D of it"), "END of it")
        self.assertFalse(hold.is_stopped)

    def test_stop_across_pieces_ends_the_text(self) -> None:
        hold = StopHold(["END."])
        self.assertEqual(hold.feed("the E") + hold.feed("ND") + hold.feed(". more"), "the ")
        self.assertTrue(hold.is_stopped)

    def test_longer_stop_that_begins_earlier_wins(self) -> None:
        hold = StopHold(["abc", "b"])
        self.assertEqual([hold.feed("xa"), hold.feed("b"), hold.feed("c")], ["x", "", ""])
        self.assertTrue(hold.is_stopped)

    def test_shorter_stop_inside_a_beginning_that_fails_still_stops(self) -> None:
        hold = StopHold(["abc", "b"])
        self.assertEqual(hold.feed("xab") + hold.feed("d"), "xa")
        self.assertTrue(hold.is_stopped)


class GenerationTests(unittest.TestCase):
    @given(TEXT_OF_FEW_LETTERS, STOPS, st.none() | st.integers(1, 30))
    def test_answer_is_the_allowed_pieces_before_any_stop(
        self, text: str, stops: list[str], max_tokens: int | None
    ) -> None:
        generation = Generation(text, stops, max_tokens)
        answer = "".join(generation)
        allowed = "".join(list(split_pieces(text))[:max_tokens])
        self.assertEqual(answer, cut(allowed, stops))
        is_stopped = any(stop in allowed for stop in stops)
        is_length = not is_stopped and allowed != text
        self.assertEqual(generation.finish_reason, "length" if is_length else "stop")
        self.assertLessEqual(generation.output_tokens, count_pieces(allowed))

    def test_exactly_enough_tokens_is_not_length(self) -> None:
        generation = Generation("one two three", max_tokens=3)
        self.assertEqual("".join(generation), "one two three")
        self.assertEqual((generation.finish_reason, generation.output_tokens), ("stop", 3))

    def test_held_back_text_is_given_when_max_tokens_ends_it(self) -> None:
        generation = Generation("one two three", [" two four"], max_tokens=2)
        self.assertEqual("".join(generation), "one two")
        self.assertEqual(generation.finish_reason, "length")
