"""How many runs one person may start within a minute, and have running at once."""

import math
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext

from .limits import TooMany, in_words
from .models import Call, Run, User

MINUTE = timedelta(minutes=1)
AGAIN_S = 5  # nobody knows when a run ends


def hold_turns(user: User) -> None:
    """Until the transaction ends nobody else counts or starts runs of this person.

    SQLite needs no lock: its immediate transactions come one after the other anyway.
    """
    User.objects.select_for_update(no_key=True).filter(pk=user.pk).values_list("pk").first()


def check_pace(user: User) -> None:
    """Raises TooMany when a run more would be one too many within the last minute."""
    most, now = settings.RUNS_PER_MINUTE, timezone.now()
    newest_first = Run.objects.filter(owner=user).order_by("-created_at", "-id")
    for started in newest_first.values_list("created_at", flat=True)[most - 1 : most]:
        wait_s = math.ceil((started + MINUTE - now).total_seconds())
        if wait_s > 0:
            raise TooMany(
                gettext(
                    "You started %(most)s runs within a minute, as many as allowed. Run "
                    "again in %(time)s."
                )
                % {"most": most, "time": in_words(wait_s)},
                wait_s,
                is_certain=True,
            )


def check_running(user: User, but_not=None) -> None:
    """Raises TooMany when a further running run, besides `but_not`, would be one too many."""
    most = settings.RUNS_AT_ONCE
    running = set()
    for statuses in ([Call.Status.QUEUED], Call.LIVE):  # each has an index of its own
        calls = Call.objects.filter(status__in=statuses, run__owner=user)
        running.update(calls.values_list("run", flat=True).distinct())
    if len(running - {but_not}) >= most:
        raise TooMany(
            gettext(
                "%(most)s of your runs are still running, as many as allowed. Wait for one "
                "to end, or stop one."
            )
            % {"most": most},
            AGAIN_S,
        )
