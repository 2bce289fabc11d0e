"""The demo model: answers without a language model, and says so.

What it answers depends only on prompt, seed and temperature, so that a run can be repeated.
"""

import hashlib
import random
import re
from collections.abc import Callable
from typing import TypeVar

from . import verse
from .parameters import Ask

_T = TypeVar("_T")

_LONGEST_SUBJECT = 24
_WORD = re.compile(r"[^\W\d_][\w'’-]*")


def echo(ask: Ask) -> str:
    return f"Demo echo, not a language model. You wrote: {ask.prompt}"


def poet(ask: Ask) -> str:
    """Eight rhymed lines about the prompt's subject; a higher temperature draws from wider."""
    draw = _Draw(ask.prompt, ask.seed, ask.temperature)
    couplets = [
        draw.pick("openings", verse.OPENINGS),
        draw.pick("middles", verse.MIDDLES),
        draw.pick("turns", verse.TURNS),
        draw.pick("closings", verse.CLOSINGS),
    ]
    words = _Words(draw, find_subject(ask.prompt))
    lines = [line for couplet in couplets for line in couplet]
    poem = "\n".join(lines[:4]) + "\n\n" + "\n".join(lines[4:])
    return f"{verse.INTRODUCTION}\n\n{poem.format_map(words)}"


BEHAVIOURS: dict[str, Callable[[Ask], str]] = {"echo": echo, "poet": poet}


def find_subject(prompt: str) -> str:
    """Find what to write about: a short last line whole, else its longest telling word."""
    lines = [line for line in prompt.splitlines() if line.strip()]
    line = " ".join(lines[-1].split()).strip("\"'“”„«»") if lines else ""
    words = [word for word in _WORD.findall(line) if word.lower() not in verse.PASSING_WORDS]
    if words and len(line) > _LONGEST_SUBJECT:
        line = max(words, key=len)
    if len(line) > _LONGEST_SUBJECT:
        line = line[: _LONGEST_SUBJECT - 1].rstrip() + "…"
    return line or "an empty page"


class _Draw:
    """Picks from lists that go from plain to fanciful, never the same item twice."""

    def __init__(self, prompt: str, seed: int, temperature: float) -> None:
        # A lone surrogate is legal in JSON text, and must not end the answer.
        ticket = f"{seed}\0{prompt}".encode("utf-8", "surrogatepass")
        self._random = random.Random(hashlib.sha256(ticket).digest())
        self._width = temperature / 2
        self._left: dict[str, list] = {}

    def pick(self, name: str, choices: tuple[_T, ...]) -> _T:
        left = self._left.setdefault(name, list(choices))
        widest = round(self._width * (len(left) - 1))
        return left.pop(self._random.randint(0, widest))


class _Words(dict):
    """The words that fill a poem's gaps: the subject, and a fresh draw for every other gap."""

    def __init__(self, draw: _Draw, subject: str) -> None:
        super().__init__(subject=subject)
        self._draw = draw

    def __missing__(self, name: str) -> str:
        return self._draw.pick(name, verse.WORDS[name])
