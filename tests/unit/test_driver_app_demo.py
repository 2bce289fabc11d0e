"""The driver app's demo model: honest, repeatable, and about the prompt."""

import unittest

from hypothesis import given
from hypothesis import strategies as st

from endpoints.driver_app import verse
from endpoints.driver_app.demo import BEHAVIOURS, echo, find_subject, poet
from endpoints.driver_app.parameters import Ask

ANY_TEXT = st.text(st.characters(codec=None), max_size=200)
TEMPERATURES = st.floats(0, 2)
VOWELS = tuple("aeiou")


class EchoTests(unittest.TestCase):
    @given(ANY_TEXT)
    def test_says_what_it_is_then_the_exact_prompt(self, prompt: str) -> None:
        introduction = "Demo echo, not a language model. You wrote: "
        self.assertEqual(echo(Ask(prompt)), introduction + prompt)


class PoetTests(unittest.TestCase):
    @given(ANY_TEXT, st.integers(), TEMPERATURES)
    def test_every_prompt_has_its_poem(self, prompt: str, seed: int, temperature: float) -> None:
        poem = poet(Ask(prompt, seed=seed, temperature=temperature))
        introduction, _, verses = poem.partition("\n\n")
        self.assertEqual(introduction, verse.INTRODUCTION)
        self.assertIn(find_subject(prompt), poem)
        self.assertEqual(len([line for line in verses.split("\n") if line.strip()]), 8)

    def test_length_suits_a_side_by_side_comparison(self) -> None:
        for seed in range(500):
            poem = poet(Ask("How are you?", seed=seed, temperature=seed % 5 / 2))
            self.assertTrue(60 <= len(poem.split()) <= 110, poem)

    @given(ANY_TEXT, st.integers(), TEMPERATURES)
    def test_same_prompt_seed_and_temperature_repeat_the_poem(
        self, prompt: str, seed: int, temperature: float
    ) -> None:
        ask = Ask(prompt, seed=seed, temperature=temperature)
        self.assertEqual(poet(ask), poet(ask))

    def test_known_poem_stays_the_same(self) -> None:
        first_line = poet(Ask("你好吗？", temperature=0)).split("\n")[2]
        self.assertEqual(first_line, "You asked me for “你好吗？”, so I put the kettle on")

    def test_seed_and_prompt_change_the_poem(self) -> None:
        poems = {poet(Ask("How are you?", seed=seed)) for seed in range(20)}
        self.assertGreater(len(poems), 10)
        without_subject = {poet(Ask(c)).replace(f"“{c}”", "") for c in "abcdefghij"}
        self.assertGreater(len(without_subject), 5)

    def test_temperature_zero_is_the_plainest_choice_whatever_the_seed(self) -> None:
        poems = {poet(Ask("tea", seed=seed, temperature=0)) for seed in range(20)}
        self.assertEqual(len(poems), 1)

    def test_higher_temperature_draws_from_wider(self) -> None:
        def variety(temperature: float) -> int:
            poems = (poet(Ask("tea", seed=s, temperature=temperature)) for s in range(200))
            return len({poem.split("\n")[2] for poem in poems})

        self.assertLess(variety(0.2), variety(1.0))
        self.assertLess(variety(1.0), variety(2.0))

    def test_words_fit_after_a(self) -> None:
        for name, words in verse.WORDS.items():
            with self.subTest(name):
                self.assertFalse([word for word in words if word.startswith(VOWELS)])
                self.assertEqual(len(set(words)), len(words))


class FindSubjectTests(unittest.TestCase):
    def test_short_prompt_is_quoted_whole(self) -> None:
        self.assertEqual(find_subject("How are you?"), "How are you?")
        self.assertEqual(find_subject("你好吗？"), "你好吗？")
        self.assertEqual(find_subject("مرحبا بالعالم"), "مرحبا بالعالم")

    def test_longer_prompt_gives_its_telling_word(self) -> None:
        prompt = "Explain what photosynthesis is to me in three short sentences."
        self.assertEqual(find_subject(prompt), "photosynthesis")

    def test_last_line_counts(self) -> None:
        self.assertEqual(find_subject("You are brief.\n\nWhy is rain wet?\n"), "Why is rain wet?")

    def test_long_text_without_spaces_is_cut(self) -> None:
        subject = find_subject("好" * 500)
        self.assertEqual(subject, "好" * 23 + "…")

    def test_empty_prompt_has_a_subject(self) -> None:
        self.assertEqual(find_subject(" \n "), "an empty page")


class BehavioursTests(unittest.TestCase):
    def test_there_are_two_to_compare(self) -> None:
        self.assertEqual(list(BEHAVIOURS), ["echo", "poet"])
