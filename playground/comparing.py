"""What is compared: an answer with others of its run, column or earlier runs; two drafts."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from django.utils.translation import gettext

from . import drafting
from .access import visible_to
from .diff import LINES, WORDS, Difference, compare
from .judging import PARAMETERS
from .models import Call, Draft, Run, User
from .notation import write_stops

RUNS_LOOKED_AT = 50  # back from the call's own: enough to find a few with the same endpoint
RUNS_OFFERED = 5
MOST_PARTS = 40  # of two drafts, compared word by word
LONGEST_S = 3.0  # for all of them


@dataclass(frozen=True)
class Group:
    """Calls to choose from, under one title."""

    title: str
    calls: list[Call]


def offers_for(user: User, call: Call) -> list[Group]:
    """With what a person may want to compare a call; groups without any are left out."""
    column = (call.position, call.repetition)
    others = [
        each for each in call.run.current_calls() if (each.position, each.repetition) != column
    ]
    attempts = [
        each
        for each in call.run.calls.all()
        if (each.position, each.repetition) == column and each.attempt != call.attempt
    ]
    groups = (
        Group(gettext("Columns of this run"), others),
        Group(gettext("Attempts of this column"), attempts),
        Group(gettext("This column in earlier runs"), _earlier(user, call)),
    )
    return [group for group in groups if group.calls]


def first_offer(groups: list[Group]) -> Call | None:
    """The first with an answer in words, else simply the first."""
    calls = [call for group in groups for call in group.calls]
    return next((call for call in calls if call.text), calls[0] if calls else None)


def _earlier(user: User, call: Call) -> list[Call]:
    """The same endpoint's answers in the person's runs before, the newest first, one of each run.

    Of several columns with that endpoint it is the one at the same place, where there is one.
    """
    if call.endpoint_id is None:
        return []
    runs = visible_to(user, Run).filter(created_at__lt=call.run.created_at)
    before = list(runs.order_by("-created_at", "-id").values_list("pk", flat=True)[:RUNS_LOOKED_AT])
    answers = visible_to(user, Call).filter(run__in=before, endpoint=call.endpoint_id)
    answers = answers.exclude(text="").defer("request", "response").select_related("run")
    by_run: dict = {}
    for each in answers:
        known = by_run.get(each.run_id)
        if known is None or known.position != call.position or each.position == call.position:
            by_run[each.run_id] = each
    return [by_run[pk] for pk in before if pk in by_run][:RUNS_OFFERED]


# Drafts -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """One part of a draft that the other has otherwise: `roles` of a message, mine and the other's.

    The difference leads from mine to the other; None for what is only counted.
    """

    title: str
    roles: tuple[str, ...]
    difference: Difference | None


def draft_parts(mine: Draft, other: Draft) -> list[Part]:
    """What differs between two drafts, part by part, within a bound of time."""
    until, parts = time.monotonic() + LONGEST_S, []
    for title, one, two, by in _both_parts(mine, other):
        if one == two:
            continue
        is_compared = len(parts) < MOST_PARTS and time.monotonic() < until
        difference = compare(one[1], two[1], by) if is_compared else None
        roles = tuple(dict.fromkeys(role for role in (one[0], two[0]) if role))
        parts.append(Part(title, roles, difference))
    return parts


def count_changes(mine: Draft, other: Draft) -> int:
    """How many parts differ, without saying how."""
    return sum(one != two for _, one, two, _ in _both_parts(mine, other))


def _both_parts(mine: Draft, other: Draft) -> Iterator[tuple[str, tuple, tuple, str]]:
    """Every part of both: its title, (role, text) of mine, of the other, how to compare them."""
    nothing = ("", "")
    said = zip_longest(_messages(mine), _messages(other), fillvalue=nothing)
    for number, (one, two) in enumerate(said, 1):
        yield gettext("Message %(number)s") % {"number": number}, one, two, WORDS
    pairs = zip_longest(_examples(mine), _examples(other), fillvalue=nothing)
    for number, (one, two) in enumerate(pairs):
        yield gettext("Example %(number)s") % {"number": number // 2 + 1}, one, two, WORDS
    for name in dict.fromkeys((*mine.variables, *other.variables)):
        one, two = (("", draft.variables.get(name, "")) for draft in (mine, other))
        yield f"{{{{{name}}}}}", one, two, WORDS
    ones, twos = _settings(mine), _settings(other)
    for title, one in ones.items():
        yield title, ("", one), ("", twos[title]), LINES


def _messages(draft: Draft) -> list[tuple[str, str]]:
    """Role and text of each, its images by their words after the text."""
    return [
        (
            message["role"],
            "\n".join([message["content"], *(i["words"] for i in message.get("images", ()))]),
        )
        for message in draft.messages
    ]


def _examples(draft: Draft) -> list[tuple[str, str]]:
    return [(side, pair[side]) for pair in draft.examples for side in drafting.SIDES]


def _settings(draft: Draft) -> dict[str, str]:
    """What is typed beside the messages, by its title; the same titles for every draft."""
    found = {str(each.label): draft.params.get(name, "") for name, each in PARAMETERS.items()}
    found[gettext("Stop sequences")] = write_stops(draft.stop)
    found[gettext("Extra JSON")] = draft.extra
    found[gettext("Tools")] = draft.tools
    found[gettext("Response format")] = draft.response_format
    found[gettext("One input per line")] = gettext("on") if draft.takes_lines else gettext("off")
    return found
