"""What an answer is compared with: other columns of its run, earlier attempts, earlier runs."""

from dataclasses import dataclass

from django.utils.translation import gettext

from .access import visible_to
from .models import Call, Run, User

RUNS_LOOKED_AT = 50  # back from the call's own: enough to find a few with the same endpoint
RUNS_OFFERED = 5


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
