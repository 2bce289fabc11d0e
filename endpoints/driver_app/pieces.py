"""A text as token-sized pieces, and the pieces as an answer that ends at a stop sequence."""

import re
from collections.abc import Iterable, Iterator

# Kana, ideographs and full-width forms: scripts that write no spaces between words.
_CJK = "\u3001-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
_CJK += "\U00020000-\U0003ffff"
# Every count is bounded, so that a megabyte of spaces, or one word of a megabyte, is cut too.
_PIECE = re.compile(rf"\s{{0,8}}(?:[{_CJK}]{{1,2}}|[^\s{_CJK}]{{1,12}})|\s{{1,8}}")


def split_pieces(text: str) -> Iterator[str]:
    """Cut text into words with the space before them, and CJK into one or two characters.

    The pieces joined are the text, code point for code point.
    """
    return (match.group() for match in _PIECE.finditer(text))


def count_pieces(text: str) -> int:
    return sum(1 for _ in _PIECE.finditer(text))


class StopHold:
    """Lets text through up to the first occurrence of any stop sequence.

    Text that may still turn out to be the beginning of a stop sequence is held back until
    a later piece decides.
    """

    def __init__(self, stop: Iterable[str]) -> None:
        self._stop = tuple(stop)
        self._first_letters = frozenset(sequence[0] for sequence in self._stop)
        self._longest = max(map(len, self._stop), default=0)
        self._held = ""
        self.is_stopped = False

    def feed(self, piece: str) -> str:
        """Take the next piece, and give the text that is certain to come before any stop."""
        text = self._held + piece
        found = self._find_stop(text)
        begun = self._find_beginning(text)
        if found is not None and found <= begun:
            return self._end_at(text, found)
        self._held = text[begun:]
        return text[:begun]

    def finish(self) -> str:
        """Give what was held back: no further piece comes."""
        found = self._find_stop(self._held)
        if found is not None:
            return self._end_at(self._held, found)
        rest, self._held = self._held, ""
        return rest

    def _end_at(self, text: str, found: int) -> str:
        self.is_stopped = True
        self._held = ""
        return text[:found]

    def _find_stop(self, text: str) -> int | None:
        places = [place for sequence in self._stop if (place := text.find(sequence)) >= 0]
        return min(places, default=None)

    def _find_beginning(self, text: str) -> int:
        """Where the tail that begins an unfinished stop sequence starts; else the length."""
        for place in range(max(0, len(text) - self._longest + 1), len(text)):
            if text[place] in self._first_letters:
                tail = text[place:]
                if any(s.startswith(tail) and s != tail for s in self._stop):
                    return place
        return len(text)


class Generation:
    """One answer being made of pieces; iterate it once, then read how it ended.

    Each step gives the text that one piece let through, which is empty while a possible stop
    sequence is held back. finish_reason is "stop" at the text's own end and at a stop
    sequence, "length" where max_tokens cut it. output_tokens counts the pieces used.
    """

    def __init__(self, text: str, stop: Iterable[str] = (), max_tokens: int | None = None) -> None:
        self._pieces = split_pieces(text)
        self._hold = StopHold(stop)
        self._max_tokens = max_tokens
        self.output_tokens = 0
        self.finish_reason = "stop"

    def __iter__(self) -> Iterator[str]:
        is_cut = False
        for piece in self._pieces:
            is_cut = self.output_tokens == self._max_tokens
            if is_cut:
                break
            self.output_tokens += 1
            yield self._hold.feed(piece)
            if self._hold.is_stopped:
                return
        rest = self._hold.finish()
        if is_cut and not self._hold.is_stopped:
            self.finish_reason = "length"
        if rest:
            yield rest
