"""What somebody makes of a run afterwards: a title, tags and notes."""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from . import searching
from .connecting import Refused
from .models import Call, Comment, Draft, Run, Vote

MOST_TAGS, MOST_TAG_CHARACTERS = 12, 40
MOST_TITLE_CHARACTERS, MOST_NOTE_CHARACTERS = 120, 20_000
AT_ONCE = 50  # runs that are deleted for good in one go


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
    searching.index_run(run)


def expire_runs() -> int:
    """Delete for good what is older than this site keeps, some at a time. Answers how many.

    What somebody gave a title, tags, notes, a vote or a comment, shared or linked, stays; so does
    what a draft, a fork or a follow-up goes back to.
    """
    if settings.KEEP_RUNS_DAYS is None:
        return 0
    last = timezone.now() - timedelta(days=settings.KEEP_RUNS_DAYS)
    old = Run.objects.filter(entry__number__lt=searching.number_at(last), name="", tags=[])
    old = old.filter(notes="", team=None, links=None, forks=None, followed_by=None)
    old = old.exclude(
        Exists(Draft.objects.filter(Q(run=OuterRef("pk")) | Q(forked_from=OuterRef("pk"))))
    )
    for said in (Vote, Comment):
        old = old.exclude(Exists(said.objects.filter(call__run=OuterRef("pk"))))
    going = Call.objects.filter(run=OuterRef("pk")).exclude(status__in=Call.OVER)
    return _erase(old.exclude(Exists(going)).order_by("entry__number"))


def _erase(runs: QuerySet[Run]) -> int:
    """A small portion, so that nobody who writes has to wait."""
    pks = list(runs.values_list("pk", flat=True)[:AT_ONCE])
    return len(pks) if pks and Run.objects.filter(pk__in=pks).delete() else 0


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
