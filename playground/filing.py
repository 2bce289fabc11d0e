"""What somebody makes of a run afterwards: a title, tags and notes."""

from collections.abc import Sequence

from django.utils.translation import gettext

from .connecting import Refused
from .models import Run

MOST_TAGS, MOST_TAG_CHARACTERS = 12, 40
MOST_TITLE_CHARACTERS, MOST_NOTE_CHARACTERS = 120, 20_000


def describe_run(
    run: Run,
    title: str | None = None,
    tags: Sequence[str] | None = None,
    notes: str | None = None,
) -> None:
    """Give it a title, tags and notes, or all that is not None. Raises Refused; then none of them.

    An empty title is the first words of the prompt again.
    """
    if title is not None:
        title = " ".join(title.replace("\0", "").split())
        _check_length("title", gettext("A title"), title, MOST_TITLE_CHARACTERS)
        run.name = title
    if tags is not None:
        run.tags = _tags(tags)
    if notes is not None:
        notes = notes.replace("\r\n", "\n").replace("\0", "")
        _check_length("notes", gettext("A note"), notes, MOST_NOTE_CHARACTERS)
        run.notes = notes
    run.save(update_fields=["name", "tags", "notes"])


def _tags(typed: Sequence[str]) -> list[str]:
    """Each once, whatever its case, as it was typed first."""
    kept: dict[str, str] = {}
    for tag in typed:
        tag = " ".join(tag.replace("\0", "").replace(",", " ").split())
        _check_length("tags", gettext("A tag"), tag, MOST_TAG_CHARACTERS)
        if tag:
            kept.setdefault(tag.casefold(), tag)
    if len(kept) > MOST_TAGS:
        raise Refused(
            "tags",
            gettext("That is %(number)s tags; a run has at most %(most)s.")
            % {"number": len(kept), "most": MOST_TAGS},
        )
    return list(kept.values())


def _check_length(field: str, what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise Refused(
            field,
            gettext("%(what)s has at most %(most)s characters; this one has %(length)s.")
            % {"what": what, "most": most, "length": len(text)},
        )
