"""The words of a text, as the search knows them: the same for what is found and for what is asked.

Letters of either case and with or without accents are the same. Chinese, Japanese, Korean, Thai and
their neighbours write without blanks or join endings to words, so each of their letters is a word;
several together are a phrase. So 中文 is found in 用中文写, and 선반 in 선반을.
"""

import unicodedata
from collections.abc import Iterator
from itertools import islice

MOST_LETTERS = 64  # of one word; the rest of a longer one is not looked at
# Begins the words that are no text but facts about a run. No text has such a word.
MARK = "zxq"
_BY_LETTER = (
    (0x0E00, 0x109F),  # Thai, Lao, Tibetan, Burmese
    (0x1100, 0x11FF),
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),
    (0x3041, 0x318F),  # Japanese syllables, parts of Korean ones
    (0x31F0, 0x31FF),
    (0x3400, 0x9FFF),
    (0xA960, 0xA97F),
    (0xAC00, 0xD7FF),  # Korean syllables
    (0xF900, 0xFAFF),
    (0xFF66, 0xFFDC),
    (0x20000, 0x323AF),
)


def words_of(text: str, most: int | None = None) -> list[str]:
    """The words of a text in order, the first `most` of them."""
    return list(islice(_words(text), most))


def phrases_of(text: str, most: int) -> list[list[str]]:
    """What is asked for: each piece between blanks and marks, letter by letter where it needs it.

    No piece twice, and the first `most` of them.
    """
    phrases: dict[tuple, None] = {}
    for piece in _plain(text, "").split():
        if words := words_of(piece):
            phrases.setdefault(tuple(words[:MOST_LETTERS]))
        if len(phrases) == most:
            break
    return [list(phrase) for phrase in phrases]


def _words(text: str) -> Iterator[str]:
    for word in _plain(text, " ").split():
        if not word.startswith(MARK):
            yield word[:MOST_LETTERS]


def _plain(text: str, beside: str) -> str:
    """Only letters and digits and blanks, with `beside` on both sides of what stands by itself."""
    text = text.casefold()
    if text.isascii():
        return text.translate(_ASCII)
    bare = unicodedata.normalize("NFKD", text).casefold().translate(_BARE)
    return unicodedata.normalize("NFC", bare).translate(_SPACED if beside else _JOINED)


class _Letters(dict):
    """What becomes of each letter, found out when it is first met."""

    def __init__(self, becomes):
        super().__init__()
        self.becomes = becomes

    def __missing__(self, code: int) -> str:
        self[code] = found = self.becomes(chr(code))
        return found


def _without_accent(letter: str) -> str:
    return "" if unicodedata.combining(letter) else letter


def _joined(letter: str) -> str:
    return letter if letter.isalnum() or unicodedata.category(letter)[0] == "M" else " "


def _spaced(letter: str) -> str:
    kept = _joined(letter)
    stands_alone = any(first <= ord(letter) <= last for first, last in _BY_LETTER)
    return f" {kept} " if stands_alone else kept


_ASCII = {code: " " for code in range(128) if not chr(code).isalnum()}
_BARE, _JOINED, _SPACED = _Letters(_without_accent), _Letters(_joined), _Letters(_spaced)
