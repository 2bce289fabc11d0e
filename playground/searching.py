"""Find runs: by their words and by what is known of them, newest first, however many there are.

Every run has one entry in an index, which the database keeps (models/run_entry.py). Facts, such as
whose run it is or which endpoint it asked, stand in the index as words too, so that one question to
it answers everything, and only as far as the page needs. Who may see what is found is decided by
access.visible_to, whatever the index says.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.translation import gettext

from .access import visible_to
from .connecting import Refused
from .models import Call, Run, RunEntry, Team, User
from .models.run import text_of
from .words import MARK, phrases_of, words_of

MOST_WORDS = 16_000  # of a run: PostgreSQL knows no further places in a text
MOST_CHARACTERS = 120_000  # and takes no longer texts than a megabyte
FIRST_WORDS = 300  # as the run starts; the rest when it is over, when nobody waits
MOST_ASKED = 24  # pieces of a question
MOST_PER_ROUND, MOST_ROUNDS = 400, 30
# With more places SQLite, which has counted nothing, reads every run of the person instead.
READ_AT_ONCE = 25
COSTS = (0.001, 0.01, 0.1, 1.0, 10.0)  # dollars
VOTES = ("up", "down", "best")
GOING = ("running", Call.Status.QUEUED, *Call.LIVE)
LAST = 2**63 - 1  # no place in the index is beyond
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Wanted:
    """Which runs; all that is given must fit."""

    q: str = ""
    endpoint: UUID | None = None
    status: str = ""  # running, ended, or of one of its calls
    author: UUID | None = None
    tag: str = ""
    vote: str = ""  # of the person who asks
    since: datetime | None = None
    until: datetime | None = None
    is_tagged: bool = False
    cost: float | None = None  # at least so many dollars, one of COSTS


@dataclass(frozen=True)
class Found:
    """Runs, newest first; `older` is where the next ones begin, None at the end."""

    runs: list[Run] = field(default_factory=list)
    older: int | None = None


def find_runs(
    user: User,
    wanted: Wanted,
    *,
    before: int | None = None,
    limit: int = 50,
    rows: QuerySet[Run] | None = None,
) -> Found:
    """The newest runs that this person may see and wants, older than `before`.

    `rows` are what they may see, with whatever else is to be read of them. Raises Refused for a
    text without any word.
    """
    rows = (visible_to(user, Run) if rows is None else rows).annotate(number=F("entry__number"))
    rows = rows.order_by()
    if wanted.status == "ended":
        rows = rows.exclude(Exists(_going()))
    question = _question(user, wanted)
    among = _going_numbers(wanted.status) if wanted.status in GOING else None
    found: list[Run] = []
    size = limit + 1
    for _ in range(MOST_ROUNDS):
        numbers = _numbers(question, _bounds(wanted, before), among, size)
        found += _read(rows, numbers)
        is_end = len(numbers) < size
        if is_end or len(found) > limit:
            older = found[limit - 1].number if len(found) > limit else None
            return Found(found[:limit], older)
        before, size = numbers[-1], min(2 * size, MOST_PER_ROUND)
    return Found(found[:limit], before)


def _read(rows: QuerySet[Run], numbers: list[int]) -> list[Run]:
    """Of these places the runs that are among `rows`, in order."""
    found = {}
    for at in range(0, len(numbers), READ_AT_ONCE):
        part = rows.filter(entry__number__in=numbers[at : at + READ_AT_ONCE])
        found |= {run.number: run for run in part}
    return [found[number] for number in numbers if number in found]


def tags_of(user: User, most: int = 50) -> list[str]:
    """The tags of the newest runs that this person sees and that have any, by name."""
    wanted, rows = Wanted(is_tagged=True), visible_to(user, Run).only("tags")
    newest = find_runs(user, wanted, limit=60, rows=rows).runs
    found = {tag.casefold(): tag for run in reversed(newest) for tag in run.tags}
    return [found[key] for key in sorted(found)][:most]


# What is written ----------------------------------------------------------------------------


def note_start(run: Run, calls: Sequence[Call]) -> None:
    """A run begins: it is in the history at once, by the first words of its prompt."""
    words = [*_facts(run, calls), *words_of(_asked(run)[: FIRST_WORDS * 8], FIRST_WORDS)]
    number = number_at(run.created_at, spread=True)
    RunEntry.objects.create(number=number, run=run, words=" ".join(words))


def note_change(run: Run) -> None:
    """Its answers change from here on; `index_ended` writes them down once it is over."""
    RunEntry.objects.filter(run=run).update(is_stale=True)


def index_run(run: Run) -> None:
    """Write down by which words the run is found now."""
    calls = list(run.calls.defer("request", "response", "vectors").prefetch_related("votes"))
    words = [*_facts(run, calls), *_vote_facts(calls), *_text_words(run, calls)]
    with transaction.atomic():
        entry = RunEntry.objects.filter(run=run).defer("words").first()
        number = number_at(run.created_at, spread=True)
        if entry is not None and entry.number // 1000 == number // 1000:
            number = entry.number
        elif entry is not None:
            entry.delete()
        fresh = {
            "run": run,
            "words": " ".join(words),
            "is_stale": any(not c.is_over for c in calls),
        }
        RunEntry.objects.update_or_create(number=number, defaults=fresh)


def index_ended(most: int = 20) -> int:
    """Index runs that are over and were not indexed since. Answers how many there were."""
    going = Exists(_going(OuterRef("run")))
    stale = (
        RunEntry.objects.filter(is_stale=True).exclude(going).select_related("run").defer("words")
    )
    entries = list(stale[:most])
    for entry in entries:
        index_run(entry.run)
    return len(entries)


def index_all(runs: Iterable[Run]) -> int:
    """Index each of these runs. Answers how many there were."""
    done = 0
    for run in runs:
        index_run(run)
        done += 1
    return done


def runs_to_index(*, only_missing: bool = False) -> QuerySet[Run]:
    runs = Run.objects.order_by("created_at", "pk")
    return runs.filter(entry=None) if only_missing else runs


def number_at(moment: datetime, *, spread: bool = False) -> int:
    """The place of a moment in the index; `spread` tells runs of one microsecond apart."""
    microseconds = min((moment - _EPOCH) // timedelta(microseconds=1), LAST // 1000 - 1)
    return microseconds * 1000 + (secrets.randbelow(1000) if spread else 0)


def _text_words(run: Run, calls: Sequence[Call]) -> list[str]:
    """What people and models said, as much as there is room for, every answer with its share."""
    names = {call.name: None for call in calls}
    said = [run.name, *run.tags, *names, run.notes[: MOST_CHARACTERS // 4], _asked(run)]
    words = words_of(" \n".join(said)[: MOST_CHARACTERS // 2], MOST_WORDS // 2)
    answers = [call.text for call in calls if call.text]
    if answers:
        characters, share = MOST_CHARACTERS // 2 // len(answers), MOST_WORDS // 2 // len(answers)
        for text in answers:
            words += words_of(text[:characters], share)
    return words


def _asked(run: Run) -> str:
    if run.inputs is not None:
        return "\n".join(run.inputs)
    # The last message first: it is what the run was for.
    return "\n".join(text_of(message) for message in reversed(run.messages))


# Facts as words -----------------------------------------------------------------------------


def _facts(run: Run, calls: Sequence[Call]) -> list[str]:
    facts = {_fact("u", run.owner_id.hex)}
    if run.team_id:
        facts.add(_fact("t", run.team_id.hex))
    if run.tags:
        facts |= {_fact("g", ""), *map(_tag_fact, run.tags)}
    facts |= {_fact("e", call.endpoint_id.hex) for call in calls if call.endpoint_id}
    facts |= {_fact("s", call.status) for call in calls if call.is_over}
    cost = sum(call.cost or 0 for call in calls)
    facts |= {_cost_fact(least) for least in COSTS if cost >= least}
    return sorted(facts)


def _vote_facts(calls: Sequence[Call]) -> list[str]:
    facts = set()
    for vote in (vote for call in calls for vote in call.votes.all()):
        kinds = {"up": vote.value == 1, "down": vote.value == -1, "best": vote.is_best}
        facts |= {_fact("v", kind + vote.user_id.hex) for kind, is_so in kinds.items() if is_so}
    return sorted(facts)


def _fact(kind: str, value: str) -> str:
    return f"{MARK}{kind}{value}"


def _tag_fact(tag: str) -> str:
    name = " ".join(tag.casefold().split())
    return _fact("g", hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:24])


def _cost_fact(least: float) -> str:
    return _fact("c", str(COSTS.index(least)))


# What is asked ------------------------------------------------------------------------------


def _question(user: User, wanted: Wanted) -> list[list[str]]:
    """What must all be there, each as a choice of phrases: [[this, or this], [and this]]."""
    teams = visible_to(user, Team).values_list("pk", flat=True)
    question = [[_fact("u", user.pk.hex), *(_fact("t", pk.hex) for pk in teams)]]
    if wanted.author:
        question.append([_fact("u", wanted.author.hex)])
    if wanted.endpoint:
        question.append([_fact("e", wanted.endpoint.hex)])
    if wanted.status in Call.OVER:
        question.append([_fact("s", wanted.status)])
    if wanted.is_tagged:
        question.append([_fact("g", "")])
    if wanted.tag:
        question.append([_tag_fact(wanted.tag)])
    if wanted.vote in VOTES:
        question.append([_fact("v", wanted.vote + user.pk.hex)])
    if wanted.cost in COSTS:
        question.append([_cost_fact(wanted.cost)])
    if wanted.q.strip():
        phrases = phrases_of(wanted.q[:20_000], MOST_ASKED)
        if not phrases:
            raise Refused(
                "q",
                gettext("Only letters and digits can be searched for, and there are none in this."),
            )
        question += [[" ".join(phrase)] for phrase in phrases]
    return question


def _bounds(wanted: Wanted, before: int | None) -> tuple[int, int]:
    """From this number, below that one."""
    least = number_at(wanted.since) if wanted.since else 0
    most = number_at(wanted.until) + 1000 if wanted.until else LAST
    return max(0, least), max(0, min(most, before if before is not None else most))


def _going(run=None) -> QuerySet[Call]:
    run = OuterRef("pk") if run is None else run
    return Call.objects.filter(run=run, status__in=(Call.Status.QUEUED, *Call.LIVE))


def _going_numbers(status: str) -> list[int]:
    """Where the few runs stand in the index that have a call of this status now."""
    statuses = GOING[1:] if status == "running" else [status]
    entries = RunEntry.objects.filter(run__calls__status__in=statuses)
    return list(entries.order_by("-number").values_list("number", flat=True).distinct()[:1000])


def _numbers(
    question: list[list[str]], bounds: tuple[int, int], among: list[int] | None, most: int
) -> list[int]:
    """The newest entries that answer this, by their numbers."""
    if connection.vendor == "postgresql":
        phrase = "phraseto_tsquery('simple', %s)"
        asked = " && ".join(f"({' || '.join([phrase] * len(choice))})" for choice in question)
        values = [phrase for choice in question for phrase in choice]
        table, column, matches = "playground_runentry", "number", f"vector @@ ({asked})"
    else:
        choices = (" OR ".join(f'"{phrase}"' for phrase in choice) for choice in question)
        values = [" AND ".join(f"({choice})" for choice in choices)]
        table, column, matches = "playground_runwords", "rowid", "playground_runwords MATCH %s"
    places = ""
    if among is not None:
        among = among or [-1]
        places = f" AND {column} IN ({', '.join(['%s'] * len(among))})"
    # Put together of constants alone; what somebody typed is among the values.
    statement = (
        f"SELECT {column} FROM {table} WHERE {matches} AND {column} >= %s AND {column} < %s"  # noqa: S608 - constants
        f"{places} ORDER BY {column} DESC LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, *bounds, *(among or []), most])
        return [row[0] for row in cursor.fetchall()]
