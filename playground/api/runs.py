"""Runs: start one, read it, stop it, find it again, and follow it as server-sent events."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router
from ninja.responses import Status
from pydantic import BaseModel, Field

from .. import following, prompting, running, searching, vetting
from ..access import get_editable, get_visible, visible_to
from ..connecting import Refused
from ..limits import check_line
from ..models import Call, Run, User
from ..models.endpoint import TRANSFORMS
from ..running import Variant
from ..threads import let_connection_go
from .bodies import Body
from .calls import CallCard, CallSummary, call_card, call_summary
from .endpoints import MessageBody, PromptBody, asked_of, find_endpoint, refuse_viewer
from .event_stream import END, EVENTS_IN_WORDS, event_stream, read_positions
from .pages import Page, PageQuery, number_cursor, read_number, refuse_unknown, utc

router = Router()

NOBODY = UUID(int=0)
COSTS = tuple(f"{least:g}" for least in searching.COSTS)
RUN_STATUSES = ("running", "ended")
NOT_LISTED = ("text", "reasoning", "tool_calls", "choices", "vectors", "custom_outputs")
NOT_LISTED += ("request", "response", "error", "thread", "without")
NOT_LISTED += tuple(f"endpoint__{name}" for name in ("template", "params", "stop", *TRANSFORMS))


class VariantBody(Body):
    endpoint: Annotated[str, Field(description="An id or a name; your own names come first.")]
    params: dict[str, Any] = {}
    stop: list[str] | None = None
    repetitions: int = 1


class RunBody(Body):
    prompt: PromptBody = None
    messages: list[MessageBody] | None = None
    prompt_version: Annotated[
        str | None,
        Field(
            max_length=200,
            description="Instead of both: the id of a version, `name/7`, `name@alias` or "
            "`name@latest`. Its parameters come before those of the endpoint, its defaults "
            "where `variables` has no value.",
        ),
    ] = None
    variables: Annotated[dict[str, str], Field(description="Values for {{name}}.")] = {}
    variants: Annotated[list[VariantBody], Field(max_length=settings.MAX_VARIANTS)]
    idempotency_key: Annotated[
        str | None,
        Field(max_length=100, description="Sending the same key again answers the same run."),
    ] = None


class FollowUpBody(Body):
    prompt: Annotated[str | None, Field(description="One user message.")] = None
    messages: list[MessageBody] | None = None
    columns: Annotated[
        list[str] | None, Field(description="Letters. Without, every column that has an answer.")
    ] = None
    idempotency_key: Annotated[str | None, Field(max_length=100)] = None


class RunSummary(BaseModel):
    id: UUID
    url: Annotated[str, Field(description="The run's page.")]
    status: Annotated[str, Field(description="`running` or `ended`.")]
    title: str
    author: Annotated[str, Field(description="User name.")]
    team: Annotated[UUID | None, Field(description="Whose members see it too.")]
    tags: list[str]
    created_at: datetime
    calls: list[CallSummary]


class RunAnswer(RunSummary):
    messages: Annotated[list[dict[str, Any]], Field(description="Empty where inputs were sent.")]
    inputs: Annotated[list[str] | None, Field(description="Many texts to embed.")]
    variables: dict[str, str]
    follows: Annotated[UUID | None, Field(description="The run that this one goes on with.")]
    forked_from: Annotated[UUID | None, Field(description="The run whose prompt it took.")]
    prompt_version: Annotated[UUID | None, Field(description="The version of a prompt it ran.")]
    prompt_changes: Annotated[int, Field(description="In how many fields it differs from it.")]
    notes: str
    calls: list[CallCard]


class RunQuery(PageQuery):
    """Which runs; all that is given must fit."""

    q: Annotated[
        str | None,
        Field(description="Words of title, prompt, answers, tags, notes and endpoint names."),
    ] = None
    endpoint: Annotated[str | None, Field(description="An id or a name.")] = None
    status: Annotated[
        Literal[(*RUN_STATUSES, *Call.Status.values)] | None,
        Field(description="Of the run, or of one of its calls."),
    ] = None
    author: Annotated[str | None, Field(description="User name.")] = None
    tag: str | None = None
    vote: Annotated[
        Literal[searching.VOTES] | None, Field(description="Your own, on one of its answers.")
    ] = None
    cost: Annotated[Literal[COSTS] | None, Field(description="At least so many dollars.")] = None
    since: datetime | None = None
    until: datetime | None = None


@router.post("", response={201: RunAnswer}, summary="Start a run")
def run_start(request: HttpRequest, body: RunBody):
    variants = [_variant(request.auth, number, asked) for number, asked in enumerate(body.variants)]
    if body.prompt_version is None:
        messages, inputs = asked_of(body.prompt, body.messages)
        asked = {"messages": messages, "inputs": inputs, "variables": body.variables}
        asked["variants"] = variants
    else:
        asked = _asked_by_prompt(request.auth, body, variants)
    run = running.start_run(request.auth, **asked, idempotency_key=body.idempotency_key)
    return Status(201, run_answer(request.auth, run, request.build_absolute_uri))


@router.get("", response=Page[RunSummary], summary="List runs")
def run_list(request: HttpRequest, query: Query[RunQuery]):
    refuse_unknown(request, RunQuery)
    calls = visible_to(request.auth, Call).select_related("endpoint").defer(*NOT_LISTED)
    rows = visible_to(request.auth, Run).select_related("owner")
    found = searching.find_runs(
        request.auth,
        _wanted(request.auth, query),
        before=read_number(query.cursor),
        limit=query.limit,
        rows=rows.prefetch_related(Prefetch("calls", calls)),
    )
    items = [run_summary(run, request.build_absolute_uri) for run in found.runs]
    return Page[RunSummary](items=items, next=number_cursor(found.older))


@router.get("/{uuid:id}", response=RunAnswer, summary="One run")
def run_get(request: HttpRequest, id: UUID):
    """Every call of it, also those that were retried."""
    run = get_visible(request.auth, Run, id)
    return run_answer(request.auth, run, request.build_absolute_uri)


@router.post("/{uuid:id}/stop", response=RunAnswer, summary="Stop a run")
def run_stop(request: HttpRequest, id: UUID):
    """Stops every call that is still going."""
    run = get_editable(request.auth, Run, id)
    running.stop_run(run)
    return run_answer(request.auth, run, request.build_absolute_uri)


@router.post("/{uuid:id}/follow-up", response={201: RunAnswer}, summary="Follow up")
def run_follow_up(request: HttpRequest, id: UUID, body: FollowUpBody):
    """A new run: each column is sent its own earlier turns, then these messages."""
    messages, _ = asked_of(body.prompt, body.messages)
    run = following.start_follow_up(
        request.auth,
        get_visible(request.auth, Run, id),
        messages,
        letters=body.columns,
        idempotency_key=body.idempotency_key,
    )
    return Status(201, run_answer(request.auth, run, request.build_absolute_uri))


@router.get(
    "/{uuid:id}/events",
    summary="Follow a run",
    description=EVENTS_IN_WORDS,
    openapi_extra={
        "responses": {
            200: {"description": "Events", "content": {"text/event-stream": {"schema": {}}}}
        }
    },
)
async def run_events(request: HttpRequest, id: UUID):
    last_id = request.headers.get("Last-Event-ID", "")
    run, positions = await sync_to_async(_followed)(request.auth, id, last_id)
    if run is None:
        return HttpResponse(status=204)
    check_line(request.auth.pk)
    response = StreamingHttpResponse(
        event_stream(request, run.pk, positions), content_type="text/event-stream"
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # a proxy that gathers would hold the text back
    response["Content-Encoding"] = "identity"  # the same for our own compression
    return response


def _followed(user: User, pk: UUID, last_id: str) -> tuple[Run | None, dict[str, int]]:
    """The run and what the client has of it; no run when the client has seen its end."""
    try:
        run = get_visible(user, Run, pk)
        if last_id == END and run.status == "ended":
            return None, {}
        return run, read_positions(run, last_id)
    finally:
        let_connection_go()


def with_calls(user: User, run: Run) -> Run:
    """The run with all of its calls, read as this person sees them."""
    prefetch_related_objects(
        [run], Prefetch("calls", visible_to(user, Call).select_related("endpoint"))
    )
    return run


def run_answer(user: User, run: Run, to_url: Callable[[str], str]) -> RunAnswer:
    """`to_url` makes a whole URL of the path of the run's page."""
    with_calls(user, run)
    return RunAnswer(
        **_facts(run, to_url),
        messages=run.messages,
        inputs=run.inputs,
        variables=run.variables,
        follows=run.follows_id,
        forked_from=run.forked_from_id,
        prompt_version=run.prompt_version_id,
        prompt_changes=run.prompt_changes,
        notes=run.notes,
        calls=[call_card(call) for call in run.calls.all()],
    )


def run_summary(run: Run, to_url: Callable[[str], str]) -> RunSummary:
    return RunSummary(**_facts(run, to_url), calls=[call_summary(c) for c in run.calls.all()])


def _facts(run: Run, to_url: Callable[[str], str]) -> dict:
    return {
        "id": run.id,
        "url": to_url(run.get_absolute_url()),
        "status": run.status,
        "title": run.title,
        "author": run.owner.username,
        "team": run.team_id,
        "tags": run.tags,
        "created_at": run.created_at,
    }


def _variant(user: User, number: int, asked: VariantBody) -> Variant:
    endpoint = find_endpoint(user, asked.endpoint)
    if endpoint is None:
        raise Refused(
            f"variants.{number}.endpoint", f"You have no endpoint “{_short(asked.endpoint)}”."
        )
    refuse_viewer(user, endpoint)
    return Variant(endpoint, asked.params, asked.stop, asked.repetitions)


def _asked_by_prompt(user: User, body: RunBody, variants: list[Variant]) -> dict:
    """What a saved version asks, with these values of its variables. Raises Refused."""
    if body.prompt is not None or body.messages is not None:
        raise Refused("prompt_version", "Send prompt_version alone, without prompt and messages.")
    version = prompting.find_version(user, body.prompt_version)
    if version is None:
        raise Http404("No such version of a prompt.")
    vetting.check_values(version, body.variables)
    asked = prompting.asked_by(version, user, variants)
    return asked | {"variables": version.defaults | body.variables}


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:59] + "…"


def _wanted(user: User, query: RunQuery) -> searching.Wanted:
    endpoint, author = None, None
    if query.endpoint:
        known = find_endpoint(user, query.endpoint)
        endpoint = known.pk if known else NOBODY
    if query.author:
        authors = visible_to(user, Run).filter(owner__username=query.author)
        author = user.pk if query.author == user.username else _first_owner(authors)
    return searching.Wanted(
        q=query.q or "",
        endpoint=endpoint,
        status=query.status or "",
        author=author,
        tag=query.tag or "",
        vote=query.vote or "",
        cost=float(query.cost) if query.cost else None,
        since=query.since and utc("since", query.since),
        until=query.until and utc("until", query.until),
    )


def _first_owner(runs: QuerySet[Run]) -> UUID:
    return runs.values_list("owner", flat=True).first() or NOBODY
