"""Every run kept: the list with its search, the chosen run beside it, several side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Prefetch
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from .. import drafting, searching
from ..access import get_visible, visible_to
from ..connecting import Refused
from ..diff import LINES, WORDS, compare
from ..models import Call, Endpoint, Membership, Run, User
from ..models.run import text_of
from ..searching import Found, Wanted

AT_ONCE = 24  # runs in the list; more on asking
MOST_COMPARED = 6
MOST_OFFERED = 200  # endpoints to filter by
FILTERS = ("q", "author", "endpoint", "status", "tag", "vote", "cost", "since", "until")
SEEN_IN_LIST = ("id", "run", "position", "repetition", "attempt", "status", "config", "usage")
SEEN_IN_LIST += ("created_at", "started_at", "ended_at", "latency_ms")
STATUSES = (
    ("running", gettext_lazy("Running")),
    ("ended", gettext_lazy("Ended")),
    ("done", gettext_lazy("With an answer that is done")),
    ("failed", gettext_lazy("With one that failed")),
    ("stopped", gettext_lazy("With one that was stopped")),
)
VOTES = (
    ("up", gettext_lazy("I voted an answer up")),
    ("down", gettext_lazy("I voted an answer down")),
    ("best", gettext_lazy("I marked a best answer")),
)
# The page's places in one list, for the palette; further pages join here.
PAGES = (
    ("playground", "columns", gettext_lazy("Playground")),
    ("run-list", "history", gettext_lazy("History")),
    ("endpoint-list", "endpoint", gettext_lazy("Endpoints")),
    ("endpoint-new", "plus", gettext_lazy("New endpoint")),
    ("workspace-list", "layers", gettext_lazy("Workspaces")),
    ("account", "users", gettext_lazy("Account")),
)


@dataclass(frozen=True)
class Line:
    """One run in the list."""

    run: Run
    calls: list[Call] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return sum(call.status == Call.Status.FAILED for call in self.calls)

    @property
    def is_going(self) -> bool:
        return any(not call.is_over for call in self.calls)

    @property
    def longest_ms(self) -> int | None:
        return max((call.elapsed_ms for call in self.calls), default=None)

    @property
    def cost(self) -> float | None:
        known = [cost for call in self.calls if (cost := call.cost) is not None]
        return sum(known) if known else None

    @property
    def words(self) -> str:
        """What was asked where the title is another one, else how the first answer begins."""
        if self.run.name and self.run.inputs is None:
            return " ".join(text_of(self.run.messages[-1])[:200].split())
        begins = (getattr(call, "begins", "") for call in self.calls)
        return next((" ".join(text.split()) for text in begins if text.strip()), "")


@require_safe
@vary_on_headers("HX-Request")
def run_list(request: HttpRequest) -> HttpResponse:
    """The list, whole or what a filter leaves of it, and one run beside it (`?run=`)."""
    is_part = bool(request.htmx) and not request.htmx.history_restore_request
    if is_part and request.htmx.target == "detail":
        run = get_visible(request.user, Run, request.GET.get("run"))
        return render(request, "runs/_summary.html", summary_of(request, run))
    filters = {name: request.GET.get(name, "").strip() for name in FILTERS}
    filters = {name: value.replace("\0", "") for name, value in filters.items() if value}
    context = _list_of(request.user, filters, request.GET.get("before", ""))
    context |= {"filters": filters, "query": urlencode(filters), "day": request.GET.get("day", "")}
    if is_part:
        is_more = "before" in request.GET
        template = "runs/_older.html" if is_more else "runs/_list.html"
        response = render(request, template, context)
        if not is_more:
            response["HX-Push-Url"] = f"{request.path}?{context['query']}".rstrip("?")
        return response
    lines = [line for _, group in context["days"] for line in group]
    chosen = request.GET.get("run")
    chosen_pk = chosen or (lines[0].run.pk if lines else None)
    run = get_visible(request.user, Run, chosen_pk) if chosen_pk else None
    context |= _offered(request.user, filters) | {"view": "detail" if chosen else "list"}
    if run is not None:
        context |= summary_of(request, run)
    return render(request, "runs/list.html", context | {"chosen": run})


@require_safe
def run_compare(request: HttpRequest) -> HttpResponse:
    """Several runs side by side, and how one answer differs from another (`?of=`, `?with=`)."""
    chosen = list(dict.fromkeys(request.GET.getlist("run")))[:MOST_COMPARED]
    runs = [get_visible(request.user, Run, pk) for pk in chosen]
    if len(runs) < 2:
        return redirect("run-list")
    columns = [(run, drafting.calls_of(request.user, run)) for run in runs]
    answers = {str(call.pk): call for _, calls in columns for call in calls if call.text}
    first, second = _two_to_compare(columns)
    of = answers.get(request.GET.get("of", "")) or second
    other = answers.get(request.GET.get("with", "")) or first
    by = LINES if request.GET.get("by") == LINES else WORDS
    context = {
        "columns": columns,
        "answers": list(answers.values()),
        "of": of,
        "other": other,
        "by": by,
        "difference": compare(other.text, of.text, by) if of and other else None,
    }
    return render(request, "runs/compare.html", context)


@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """What the palette finds: pages, endpoints and runs of these words."""
    q = request.GET.get("q", "").replace("\0", "").strip()[:1000]
    if not request.htmx:
        return redirect(f"{reverse('run-list')}?{urlencode({'q': q})}")
    low = q.casefold()
    context = {
        "q": q,
        "pages": [page for page in PAGES if low in str(page[2]).casefold()],
        "endpoints": visible_to(request.user, Endpoint).filter(name__icontains=q)[:6] if q else (),
        "runs": _found(request.user, Wanted(q=q), limit=8)[0].runs,
    }
    return render(request, "_found.html", context)


def summary_of(request: HttpRequest, run: Run) -> dict:
    """One run in short: facts, what was asked, every answer."""
    calls = drafting.calls_of(request.user, run)
    filters = {name: value for name in FILTERS if (value := request.GET.get(name, "").strip())}
    return {
        "run": run,
        "line": Line(run, calls),
        "calls": calls,
        "is_own": run.owner_id == request.user.pk,
        "query": urlencode(filters),
    }


def _list_of(user: User, filters: dict, before: str) -> dict:
    calls = visible_to(user, Call).only(*SEEN_IN_LIST).annotate(begins=Left("text", 200))
    rows = visible_to(user, Run).select_related("owner").prefetch_related(Prefetch("calls", calls))
    place = min(int(before), searching.LAST) if before.isdecimal() and len(before) < 20 else None
    found, refusal = _found(user, _wanted(user, filters), before=place, limit=AT_ONCE, rows=rows)
    lines = [Line(run, run.current_calls()) for run in found.runs]
    days = [(day, list(group)) for day, group in groupby(lines, key=_day)]
    return {"days": days, "older": found.older, "refusal": refusal, "shown": len(lines)}


def _found(user: User, wanted: Wanted, **options) -> tuple[Found, Refused | None]:
    try:
        return searching.find_runs(user, wanted, **options), None
    except Refused as refused:
        return Found(), refused


def _day(line: Line) -> date:
    return timezone.localtime(line.run.created_at).date()


def _wanted(user: User, filters: dict) -> Wanted:
    """What cannot be meant is not there: it finds nothing."""
    cost = filters.get("cost", "")
    until = _day_start(filters.get("until", ""))
    author = filters.get("author", "")
    return Wanted(
        q=filters.get("q", ""),
        endpoint=_uuid(filters.get("endpoint", "")),
        status=filters.get("status", ""),
        author=user.pk if author == "me" else _uuid(author),
        tag=filters.get("tag", ""),
        vote=filters.get("vote", ""),
        cost=next((least for least in searching.COSTS if f"{least:g}" == cost), None),
        since=_day_start(filters.get("since", "")),
        until=until and until + timedelta(days=1, microseconds=-1),
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return UUID(int=0)


def _day_start(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        return None


def _offered(user: User, filters: dict) -> dict:
    """What there is to filter by."""
    endpoints = visible_to(user, Endpoint).order_by("name").only("id", "name")[:MOST_OFFERED]
    members = visible_to(user, Membership).exclude(user=user).select_related("user")
    people = {member.user_id: member.user for member in members.order_by("user__username")}
    tags = searching.tags_of(user)
    tag = filters.get("tag")
    return {
        "endpoints": endpoints,
        "people": list(people.values())[:MOST_OFFERED],
        "tags": [*tags, tag] if tag and tag not in tags else tags,
        "statuses": STATUSES,
        "votes": VOTES,
        "costs": [f"{least:g}" for least in searching.COSTS],
        "more": any(filters.get(name) for name in ("status", "vote", "cost", "since", "until")),
    }


def _two_to_compare(columns: Sequence[tuple[Run, list[Call]]]) -> tuple[Call | None, Call | None]:
    """The first answers of the first two runs that have any."""
    firsts = [next((call for call in calls if call.text), None) for _, calls in columns]
    answers = [call for call in firsts if call is not None]
    return (answers[0], answers[1]) if len(answers) > 1 else (None, None)
