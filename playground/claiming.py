"""Claim queued calls for a worker's free seats, fairly: whoever has fewest in flight comes next.

A thousand calls of one person so make another one's wait for one seat to be free, and no longer.
"""

from collections.abc import Iterator
from datetime import timedelta
from heapq import heapify, heappop, heappush
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone

from .locks import CLAIMING, lock_out_others
from .models import Call
from .running import LEASE_S

SPARE = 50  # queued calls of a person looked at beyond the free seats: some may go to a busy host

# Who has queued calls, and since when: from one person to the next in the index of queued calls,
# which may hold 100,000 of a few people. The ORM has no way to say so.
PEOPLE_IN_LINE = """
WITH RECURSIVE people(id) AS (
  SELECT min_person FROM (
    SELECT person_id AS min_person FROM playground_call WHERE status = 'queued'
    ORDER BY person_id LIMIT 1) AS first
  UNION ALL
  SELECT (SELECT person_id FROM playground_call
          WHERE status = 'queued' AND person_id > people.id ORDER BY person_id LIMIT 1)
  FROM people WHERE people.id IS NOT NULL)
SELECT id, (SELECT created_at FROM playground_call
            WHERE status = 'queued' AND person_id = people.id ORDER BY created_at LIMIT 1)
FROM people WHERE id IS NOT NULL
"""


def claim_calls(worker: str, seats: int, run_id=None) -> list[Call]:
    """Take up to `seats` queued calls, of `run_id` alone if it is given.

    One by one, the oldest of the person who has fewest in flight. Those of a person, or to a host,
    that have as many in flight as they may stay in line.
    """
    with transaction.atomic():
        lock_out_others(CLAIMING)
        room = _Room()
        line = [(room.of_person(person), since, person) for person, since in _people(run_id)]
        heapify(line)
        waiting = {person: _oldest(person, seats, room, run_id) for _, _, person in line}
        claimed = []
        while line and len(claimed) < seats:
            used, since, person = heappop(line)
            found = next(waiting[person], None) if used < settings.CALLS_PER_USER else None
            if found is not None:
                pk, host = found
                room.take(person, host)
                claimed.append(pk)
                heappush(line, (used + 1, since, person))
        return _take(claimed, worker) if claimed else []


def _people(run_id) -> list[tuple[UUID, object]]:
    """Who has queued calls, each with the time of the oldest."""
    if run_id is not None:
        calls = Call.objects.filter(run=run_id, status=Call.Status.QUEUED)
        return list(calls.order_by("created_at").values_list("person", "created_at")[:1])
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE_IN_LINE)
        rows = cursor.fetchall()
    return [(pk if isinstance(pk, UUID) else UUID(pk), since) for pk, since in rows]


def _oldest(person: UUID, seats: int, room: "_Room", run_id) -> Iterator[tuple[UUID, str]]:
    """This person's queued calls that may go now, oldest first, each with its host."""
    calls = Call.objects.filter(person=person, status=Call.Status.QUEUED)
    if run_id is not None:
        calls = calls.filter(run=run_id)
    if full := room.full_hosts():
        calls = calls.exclude(host__in=full)
    calls = calls.order_by("created_at", "position").values_list("pk", "host")
    for pk, host in calls[: seats + SPARE]:
        if room.is_in(host):
            yield pk, host


def _take(pks: list[UUID], worker: str) -> list[Call]:
    """Put the worker's name on these calls, as far as they are still queued; in this order."""
    now = timezone.now()
    taken = {
        "status": Call.Status.WAITING,
        "worker": worker,
        "started_at": now,
        "lease_until": now + timedelta(seconds=LEASE_S),
    }
    rows = Call.objects.filter(pk__in=pks)
    rows.filter(status=Call.Status.QUEUED).update(**taken)
    ours = rows.filter(worker=worker, started_at=now, status=Call.Status.WAITING)
    found = ours.select_related("run", "run__owner", "endpoint").in_bulk()
    return [found[pk] for pk in pks if pk in found]


class _Room:
    """How many calls each person, and each host, has in flight.

    A call without a host is one to no address at all: it only fails, so it is not counted.
    """

    def __init__(self) -> None:
        self.people: dict[UUID, int] = {}
        self.hosts: dict[str, int] = {}
        live = Call.objects.filter(status__in=Call.LIVE).order_by().values("person", "host")
        for row in live.annotate(n=Count("id")):
            self.take(row["person"], row["host"], row["n"])

    def of_person(self, person: UUID) -> int:
        return self.people.get(person, 0)

    def is_in(self, host: str) -> bool:
        return self.hosts.get(host, 0) < settings.CALLS_PER_HOST

    def full_hosts(self) -> list[str]:
        return [host for host in self.hosts if not self.is_in(host)]

    def take(self, person: UUID, host: str, many: int = 1) -> None:
        self.people[person] = self.of_person(person) + many
        if host:
            self.hosts[host] = self.hosts.get(host, 0) + many
