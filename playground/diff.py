"""What differs between two texts, word by word or line by line, within a bound of time.

Comparing can take a time that grows with the square of the texts, or worse. So the work is counted
beforehand and the clock is watched; where it is too much, whole lines are compared instead of
words, and where that is too much as well, one text is taken out and the other put in.
"""

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

WORDS, LINES, WHOLE = "words", "lines", "whole"
SAME, ADDED, REMOVED = "same", "added", "removed"

MOST_CHARACTERS = {WORDS: 400_000, LINES: 2_000_000}  # of both texts, to be compared that way
MOST_PAIRS = 2_000_000  # of equal tokens: what one look for the longest match may go through
MOST_CHANGES = 5_000  # more would not be read, and a page of them is slow
LONGEST_S = 0.5

# A word, or one sign, with the white space after it. Scripts without spaces: a character each.
_SIGNS = (
    r"!-/:-@\[-^`{-~\u00a1\u00ab\u00bb\u00bf\u2010-\u205e\u3001-\u303f\uff01-\uff0f\uff1a-\uff20"
)
_LETTERS_ALONE = r"\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = rf"[^\s{_SIGNS}{_LETTERS_ALONE}]+"
_TOKEN = re.compile(rf"\s+|(?:{_WORD}(?:['’]{_WORD})*|[{_SIGNS}{_LETTERS_ALONE}])\s*")
_WHITE = re.compile(r"\s")
_SIGN = re.compile(rf"[\s{_SIGNS}]*")


@dataclass(frozen=True)
class Piece:
    """A stretch of text that both have, or only the new one, or only the old one."""

    kind: str
    text: str


@dataclass(frozen=True)
class Difference:
    """The way from an old text to a new one, as pieces in reading order.

    `by` is how they were compared in the end: words, lines or whole. `added` and `removed` count
    words, or lines in the two other cases, whose pieces are whole lines without the last break.
    """

    pieces: tuple[Piece, ...]
    by: str
    added: int
    removed: int

    @property
    def is_none(self) -> bool:
        """No word, sign or line differs; by words, white space may."""
        return all(piece.kind == SAME for piece in self.pieces)

    @property
    def unit(self) -> str:
        """What is counted, in the singular."""
        return "word" if self.by == WORDS else "line"

    @property
    def as_text(self) -> str:
        """For the clipboard: [-removed-] {+added+} within the text, or lines after - and +."""
        if self.by == WORDS:
            return "".join(_IN_TEXT[piece.kind].format(piece.text) for piece in self.pieces)
        lines = [
            f"{_BEFORE_LINE[piece.kind]}{line}"
            for piece in self.pieces
            for line in piece.text.split("\n")
        ]
        return "\n".join(lines)


_IN_TEXT = {SAME: "{}", ADDED: "{{+{}+}}", REMOVED: "[-{}-]"}
_BEFORE_LINE = {SAME: "  ", ADDED: "+ ", REMOVED: "- "}


class _TooMuch(Exception):
    """It would take too long, or already did."""


def compare(old: str, new: str, by: str = WORDS) -> Difference:
    """What to take from `old` and to add to it to have `new`; `by` is words or lines."""
    for way, pieces_of in ((WORDS, _by_words), (LINES, _by_lines)):
        if way == WORDS != by or len(old) + len(new) > MOST_CHARACTERS[way]:
            continue
        try:
            return _difference(way, pieces_of(old, new))
        except _TooMuch:
            pass
    return _difference(WHOLE, [*_piece(REMOVED, old), *_piece(ADDED, new)])


def _difference(by: str, pieces: Iterable[Piece]) -> Difference:
    pieces = tuple(pieces)
    count = _count_words if by == WORDS else _count_lines
    added, removed = (
        sum(count(piece.text) for piece in pieces if piece.kind == kind)
        for kind in (ADDED, REMOVED)
    )
    return Difference(pieces, by, added, removed)


def _by_words(old: str, new: str) -> Iterator[Piece]:
    a, b = _TOKEN.findall(old), _TOKEN.findall(new)
    changes = _changes([token.strip() for token in a], [token.strip() for token in b])
    return _joined(_word_pieces(a, b, _without_signs_between(changes, b)))


def _by_lines(old: str, new: str) -> list[Piece]:
    a, b = (text.split("\n") if text else [] for text in (old, new))
    pieces, at = [], 0
    for i1, i2, j1, j2 in [*_changes(a, b), (len(a), len(a), len(b), len(b))]:
        stretches = ((SAME, b[at:j1]), (REMOVED, a[i1:i2]), (ADDED, b[j1:j2]))
        pieces += [Piece(kind, "\n".join(lines)) for kind, lines in stretches if lines]
        at = j2
    return pieces


def _word_pieces(
    a: Sequence[str], b: Sequence[str], changes: Sequence[tuple[int, int, int, int]]
) -> Iterator[Piece]:
    """White space belongs to neither mark: it stands between them, as the new text has it.

    A pure removal keeps the white space that was before it, so that a sentence taken from the end
    of a paragraph is shown in that paragraph.
    """
    at = 0
    for i1, i2, j1, j2 in changes:
        before, removed, added = "".join(b[at:j1]), "".join(a[i1:i2]), "".join(b[j1:j2])
        gap = _white_end(removed)
        if removed and not added and before and i1:
            words = before.rstrip()
            gap = before[len(words) :]
            before = words + _white_end(a[i1 - 1])
        elif removed and added:
            gap = " " if gap or _WHITE.search(removed + added) else ""
        yield from _piece(SAME, before)
        yield from _piece(REMOVED, removed.rstrip())
        yield from _piece(SAME, gap if removed else "")
        yield from _piece(ADDED, added.rstrip())
        yield from _piece(SAME, _white_end(added))
        at = j2
    yield from _piece(SAME, "".join(b[at:]))


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Neighbours of one kind as one piece."""
    last = None
    for piece in pieces:
        if last and last.kind == piece.kind:
            last = Piece(piece.kind, last.text + piece.text)
            continue
        if last:
            yield last
        last = piece
    if last:
        yield last


def _piece(kind: str, text: str) -> list[Piece]:
    return [Piece(kind, text)] if text else []


def _white_end(text: str) -> str:
    return text[len(text.rstrip()) :]


def _changes(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Where a[i1:i2] became b[j1:j2], in order. Raises _TooMuch."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    a, b = a[start : len(a) - end], b[start : len(b) - end]
    found = Counter(a)
    if sum(found[token] * many for token, many in Counter(b).items()) > MOST_PAIRS:
        raise _TooMuch
    opcodes = _Matcher(a, b).get_opcodes()
    changes = [op[1:] for op in opcodes if op[0] != "equal"]
    if len(changes) > MOST_CHANGES:
        raise _TooMuch
    return [(i1 + start, i2 + start, j1 + start, j2 + start) for i1, i2, j1, j2 in changes]


class _Matcher(SequenceMatcher):
    """Watches the clock between two looks, each of which MOST_PAIRS keeps short."""

    def __init__(self, a: Sequence[str], b: Sequence[str]):
        self.until = time.monotonic() + LONGEST_S
        super().__init__(None, a, b, autojunk=False)

    def find_longest_match(self, *span):
        if time.monotonic() > self.until:
            raise _TooMuch
        return super().find_longest_match(*span)


def _without_signs_between(
    changes: list[tuple[int, int, int, int]], b: Sequence[str]
) -> list[tuple[int, int, int, int]]:
    """Two changes with nothing but a comma in common between them are read as one."""
    merged: list[tuple[int, int, int, int]] = []
    for change in changes:
        if merged and _SIGN.fullmatch("".join(b[merged[-1][3] : change[2]])):
            i1, _, j1, _ = merged.pop()
            change = (i1, change[1], j1, change[3])
        merged.append(change)
    return merged


def _count_words(text: str) -> int:
    return sum(1 for token in _TOKEN.findall(text) if not _SIGN.fullmatch(token))


def _count_lines(text: str) -> int:
    return text.count("\n") + 1
