"""Why a call has not begun to answer: its place in the line, and what its endpoint is busy with."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from endpoints import AddressError, EndpointError, readiness
from endpoints.workspace import WorkspaceApi

from .models import Call, Endpoint

log = logging.getLogger(__name__)

UNCLAIMED_S = 6  # a free worker takes a call within 2 s: after so long there is none


@dataclass(frozen=True)
class Place:
    """Where a queued call stands, 1 for the next one, and what it waits for.

    `behind` is `person` or `host`, whose limit is reached and whose calls the number counts;
    `worker` when none runs; else `seats`.
    """

    number: int
    behind: str

    @property
    def most(self) -> int:
        """The limit that is reached."""
        return settings.CALLS_PER_HOST if self.behind == "host" else settings.CALLS_PER_USER


def places_in(run_id) -> dict[str, Place]:
    """The place of every queued call of a run, by its id, in one query.

    The number is the largest it can be: calls before it may be held up by limits of their own.
    """
    now = timezone.now()
    queued = Call.objects.filter(status=Call.Status.QUEUED)
    live = Call.objects.filter(status__in=Call.LIVE)
    is_before = Q(created_at__lt=OuterRef("created_at")) | Q(position__lt=OuterRef("position"))
    earlier = queued.filter(is_before, created_at__lte=OuterRef("created_at"))
    same_person, same_host = Q(run__owner=OuterRef("run__owner")), Q(host=OuterRef("host"))
    rows = queued.filter(run=run_id).annotate(
        live_of_person=_many(live.filter(same_person)),
        live_of_host=_many(live.filter(same_host)),
        held=_many(live.filter(lease_until__gt=now)),
        behind=Case(
            When(live_of_person__gte=settings.CALLS_PER_USER, then=Value("person")),
            When(~Q(host=""), live_of_host__gte=settings.CALLS_PER_HOST, then=Value("host")),
            default=Value("seats"),
        ),
        # Only one of them is counted: with thousands in the line each takes its time.
        ahead=Case(
            When(behind="person", then=_many(earlier.filter(same_person))),
            When(behind="host", then=_many(earlier.filter(same_host))),
            default=_many(earlier),
        ),
    )
    return {
        str(pk): Place(ahead + 1, _told(behind, held, created_at, now))
        for pk, ahead, behind, held, created_at in rows.values_list(
            "pk", "ahead", "behind", "held", "created_at"
        )
    }


def _many(rows: QuerySet) -> Coalesce:
    """How many rows there are, as part of a query about others."""
    counted = rows.order_by().annotate(one=Value(1)).values("one").annotate(n=Count(F("pk")))
    return Coalesce(Subquery(counted.values("n")), 0)


def _told(behind: str, held: int, created_at: datetime, now: datetime) -> str:
    is_left = now - created_at > timedelta(seconds=UNCLAIMED_S)
    return "worker" if behind == "seats" and is_left and not held else behind


def reason_of(api: WorkspaceApi, config: dict) -> str:
    """What the workspace says of the endpoint of a call, one of readiness.REASONS; "" for nothing.

    Asks it, so not in the way of anything.
    """
    try:
        if config["kind"] == Endpoint.Kind.SERVING:
            return readiness.serving_reason(api, config["serving_endpoint"]) or ""
        return readiness.cluster_reason(api, config["cluster_id"]) or ""
    except (AddressError, EndpointError) as error:
        log.info("The workspace did not say why %s is slow: %s", config["name"], error)
        return ""
