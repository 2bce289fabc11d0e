"""How much one person may ask for at once: the refusal, and the long answers they hold open."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext, ngettext

_lines: Counter = Counter()  # only touched from the event loop


class TooMany(Exception):
    """More than allowed, for now: why, in words, and in how many seconds it is worth a try."""

    field = ""  # nothing that was typed is at fault

    until = None  # when it is certain to work again, where that is known

    def __init__(self, message: str, wait_s: int, *, is_certain: bool = False):
        super().__init__(message)
        self.message, self.wait_s = message, wait_s
        if is_certain:
            self.until = timezone.now() + timedelta(seconds=wait_s)


def in_words(wait_s: int) -> str:
    """40 -> "40 seconds", 61 -> "2 minutes"."""
    if wait_s <= 60:
        return ngettext("%(n)s second", "%(n)s seconds", wait_s) % {"n": wait_s}
    minutes = -(-wait_s // 60)
    return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}


def check_line(user_id) -> None:
    """Raises TooMany when one more socket or event stream would be one too many."""
    most = settings.LINES_PER_USER
    if _lines[user_id] >= most:
        raise TooMany(
            gettext("You follow running runs in %(most)s places. Close some of them.")
            % {"most": most},
            10,
        )


@contextmanager
def hold_line(user_id) -> Iterator[None]:
    """One socket or event stream more, of this process, while inside. Raises TooMany."""
    check_line(user_id)
    _lines[user_id] += 1
    try:
        yield
    finally:
        _lines[user_id] -= 1
        if not _lines[user_id]:
            del _lines[user_id]
