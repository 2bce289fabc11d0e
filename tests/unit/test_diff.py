"""What differs between two texts, and that looking for it always ends soon."""

import random
import time
import unittest

from playground.diff import ADDED, LINES, REMOVED, SAME, WHOLE, WORDS, compare


def new_of(difference) -> str:
    return "".join(piece.text for piece in difference.pieces if piece.kind != REMOVED)


class WordsTests(unittest.TestCase):
    def assert_reads(self, old: str, new: str, words: str) -> None:
        self.assertEqual(compare(old, new).as_text, words)

    def test_words_are_marked_and_white_space_is_not(self) -> None:
        self.assert_reads(
            "Hi Søren,\n\nWe are here.",
            "Dear Søren,\n\nWe are not here.",
            "[-Hi-] {+Dear+} Søren,\n\nWe are {+not+} here.",
        )

    def test_a_sentence_taken_from_a_paragraph_is_shown_in_it(self) -> None:
        self.assert_reads("One. Two.\n\nThree", "One.\n\nThree", "One. [-Two.-]\n\nThree")

    def test_what_is_joined_stays_joined(self) -> None:
        self.assert_reads("at 16:00.", "at 16:30.", "at 16:[-00-]{+30+}.")
        self.assert_reads("to and fro.", "to go far.", "to [-and fro-] {+go far+}.")
        self.assert_reads("don’t go", "do go", "[-don’t-] {+do+} go")

    def test_a_comma_alone_does_not_hold_two_changes_apart(self) -> None:
        self.assert_reads("red, blue now", "one, two now", "[-red, blue-] {+one, two+} now")

    def test_scripts_without_spaces_are_compared_by_character(self) -> None:
        self.assert_reads("你好吗", "你很好吗", "你{+很+}好吗")

    def test_letters_that_belong_together_are_not_torn(self) -> None:
        self.assert_reads("नमस्ते दुनिया", "नमस्कार दुनिया", "[-नमस्ते-] {+नमस्कार+} दुनिया")
        self.assert_reads("hi 👩🏽‍🚀", "hi 👩🏻‍🚀", "hi [-👩🏽‍🚀-]{+👩🏻‍🚀+}")

    def test_words_are_counted_and_signs_are_not(self) -> None:
        difference = compare("one two.", "one, three four!")
        self.assertEqual((difference.added, difference.removed), (2, 1))

    def test_nothing_on_one_side(self) -> None:
        self.assert_reads("", "a b", "{+a b+}")
        self.assert_reads("a b", "", "[-a b-]")
        self.assertTrue(compare("", "").is_none)

    def test_white_space_alone_is_no_difference_by_words_but_by_lines(self) -> None:
        self.assertTrue(compare("a  b\n", "a b").is_none)
        self.assertFalse(compare("a  b\n", "a b", LINES).is_none)

    def test_the_new_text_can_be_read_off_whatever_was_changed(self) -> None:
        chance = random.Random(4)
        words = ["a", "b", "c,", "d.", "\n", "\n\n", "e ", " f"]
        for _ in range(300):
            old, new = (" ".join(chance.choices(words, k=chance.randrange(12))) for _ in "ab")
            difference = compare(old, new)
            self.assertEqual(new_of(difference).split(), new.split(), (old, new))
            kinds = [piece.kind for piece in difference.pieces]
            self.assertEqual(difference.is_none, set(kinds) <= {SAME})
            self.assertTrue(all(a != b for a, b in zip(kinds, kinds[1:], strict=False)))


class LinesTests(unittest.TestCase):
    def test_whole_lines_with_signs_before_them(self) -> None:
        difference = compare("a\nb\nc", "a\nx\nc\nd", LINES)
        self.assertEqual(difference.as_text, "  a\n- b\n+ x\n  c\n+ d")
        self.assertEqual((difference.added, difference.removed, difference.unit), (2, 1, "line"))

    def test_a_missing_last_line_break_shows(self) -> None:
        self.assertEqual(compare("a\n", "a", LINES).as_text, "  a\n- ")


class BoundTests(unittest.TestCase):
    """Whatever the texts are, an answer comes soon and says how it was made."""

    def bounded(self, old: str, new: str, by: str = WORDS):
        started = time.process_time()
        difference = compare(old, new, by)
        self.assertLess(time.process_time() - started, 3)
        return difference

    def test_large_texts_with_small_changes_are_compared_by_words(self) -> None:
        words = [f"w{number}" for number in range(20_000)]
        difference = self.bounded(" ".join(words), " ".join([*words[:9], "new", *words[10:]]))
        self.assertEqual((difference.by, difference.added, difference.removed), (WORDS, 1, 1))

    def test_few_words_many_times_fall_back_to_lines(self) -> None:
        chance = random.Random(1)
        old, new = (" ".join(chance.choices("abcdefgh", k=20_000)) for _ in "ab")
        self.assertEqual(self.bounded(old, new).by, LINES)

    def test_the_clock_ends_what_the_count_lets_through(self) -> None:
        chance = random.Random(1)
        for most in (30, 300):
            old, new = (
                " ".join(f"w{chance.randrange(most)}" for _ in range(most * 20)) for _ in "ab"
            )
            self.assertIn(self.bounded(old, new).by, (WORDS, LINES))

    def test_very_large_texts_are_shown_whole(self) -> None:
        old, new = "\n" * 1_500_000, "a\n" * 1_000_000
        difference = self.bounded(old, new)
        self.assertEqual(difference.by, WHOLE)
        self.assertEqual([piece.kind for piece in difference.pieces], [REMOVED, ADDED])
        self.assertEqual(self.bounded("a\n" * 3000, "b\na\n" * 3000, LINES).by, WHOLE)
