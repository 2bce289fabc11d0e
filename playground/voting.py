"""Votes: a thumb for an answer, and which answer of a run is the best to somebody.

Each person votes for themselves. An earlier attempt keeps its votes when a call is tried again.
"""

from django.db import transaction
from django.utils.translation import gettext

from . import searching
from .access import editable_by
from .connecting import Refused
from .models import Call, User, Vote
from .rationing import hold_turns
from .running import Conflict

UP, DOWN, NEITHER = 1, -1, 0


def vote(user: User, call: Call, value: int) -> None:
    """A thumb UP or DOWN for an answer, or NEITHER any more. Raises Refused, Conflict."""
    if value not in (UP, DOWN, NEITHER):
        raise Refused("value", gettext("A vote is 1, -1 or 0."))
    _check_answered(call)
    with transaction.atomic():
        hold_turns(user)
        _say(_own(user, call), value=value)
        searching.index_run(call.run)


def mark_best(user: User, call: Call, is_best: bool) -> None:
    """The best answer of its run, or not any more; none beside it. Raises Refused, Conflict."""
    _check_answered(call)
    with transaction.atomic():
        hold_turns(user)
        if is_best:
            best = editable_by(user, Vote).filter(call__run=call.run_id, is_best=True)
            for other in best.exclude(call=call):
                _say(other, is_best=False)
        _say(_own(user, call), is_best=is_best)
        searching.index_run(call.run)


def _check_answered(call: Call) -> None:
    if not call.is_over:
        raise Conflict(gettext("This call is still going. Vote once it has ended."))
    if not call.has_answer:
        raise Refused("call", gettext("This call has no answer to vote on."))


def _own(user: User, call: Call) -> Vote:
    return editable_by(user, Vote).filter(call=call).first() or Vote(user=user, call=call)


def _say(row: Vote, **said) -> None:
    """Beside what it said before; a vote that says nothing is gone."""
    for name, value in said.items():
        setattr(row, name, value)
    if row.value or row.is_best:
        row.save()
    elif row.pk is not None:
        row.delete()
