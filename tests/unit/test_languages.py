"""The language of a text, as far as its letters tell."""

import unittest

from playground.languages import language_of

KNOWN = {
    "ar": "مرحبا بالعالم، كيف حالك؟",
    "fa": "سلام، چطوری؟ این یک متن فارسی است",
    "ur": "یہ اردو میں ایک جملہ ہے",
    "he": "שלום עולם, מה שלומך?",
    "zh": "你好，世界。",
    "ja": "こんにちは、世界。漢字も少し。",
    "ko": "안녕하세요, 세계",
    "ru": "Привет, мир",
    "uk": "Привіт, світ: це українська",
    "el": "Γειά σου Κόσμε",
    "hi": "नमस्ते दुनिया",
    "bn": "ওহে বিশ্ব",
    "ta": "வணக்கம் உலகம்",
    "te": "హలో ప్రపంచం",
    "th": "สวัสดีชาวโลก",
    "ka": "გამარჯობა მსოფლიო",
    "hy": "Բարեւ աշխարհ",
    "km": "សួស្តីពិភពលោក",
    "am": "ሰላም ልዑል",
}
UNKNOWN = ["", "😀 123 …", "Hello, world", "Bonjour à tous", "Tiếng Việt", "x" * 60 + "你好"]


class LanguageOfTests(unittest.TestCase):
    def test_scripts_that_tell(self) -> None:
        self.assertEqual(
            {code: language_of(text) for code, text in KNOWN.items()}, {c: c for c in KNOWN}
        )

    def test_some_code_and_names_within_change_nothing(self) -> None:
        self.assertEqual(language_of("用 pip 安装这个软件包，然后在终端运行它。"), "zh")
        self.assertEqual(language_of("התקן את החבילה עם `pip` והרץ אותה"), "he")

    def test_latin_and_mixtures_say_nothing(self) -> None:
        self.assertEqual([language_of(text) for text in UNKNOWN], [""] * len(UNKNOWN))

    def test_the_beginning_of_a_long_text_decides(self) -> None:
        self.assertEqual(language_of("你" * 5000 + "x" * 1_000_000), "zh")
