"""Calls: one endpoint's answer within a run; stop it, ask again, vote on it."""

from datetime import datetime
from typing import Annotated, Any, NotRequired
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from ninja import Query, Router
from ninja.errors import AuthorizationError
from ninja.responses import Status
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from .. import running, voting
from ..access import can_run, get_editable, get_visible
from ..models import Call
from .bodies import Body

router = Router()

NOT_COUNTED = {"input_tokens": None, "output_tokens": None}


class CallError(TypedDict):
    """Why a call failed: what happened, and what to do next.

    Of a transform also the `reason` (syntax, error, limit, busy, too_large, off) and the place in
    its source; `too_long` is the reason of a request whose prompt was.
    """

    kind: str
    message: str
    hint: str | None
    upstream_status: NotRequired[int]
    field: NotRequired[str]
    retry_after_s: NotRequired[float]
    reason: NotRequired[str]
    line: NotRequired[int]
    column: NotRequired[int]


class CallUsage(TypedDict):
    """Tokens as the endpoint counted them; null where it did not."""

    input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: NotRequired[int]


class CallSummary(BaseModel):
    """A call without its texts, for lists."""

    id: UUID
    run: UUID
    letter: Annotated[str, Field(description="A, B, C …: its column.")]
    repetition: int
    attempt: Annotated[int, Field(description="1, and one more with every retry.")]
    endpoint: Annotated[UUID | None, Field(description="null once the endpoint is deleted.")]
    endpoint_name: str
    status: str
    usage: CallUsage | None
    cost: Annotated[
        float | None, Field(description="Dollars, from the endpoint's prices; null when unknown.")
    ]
    cost_is_estimate: Annotated[bool, Field(description="true wherever there is a cost.")]
    queued_ms: int | None
    cold_ms: int | None
    ttft_ms: int | None
    latency_ms: int | None
    tokens_per_s: float | None
    created_at: datetime


class ToolCallAnswer(TypedDict):
    """What the model wants called; the arguments are JSON text, as the model wrote it."""

    id: str | None
    name: str | None
    arguments: str


class ChoiceAnswer(TypedDict):
    """One of several answers to the same request."""

    index: int
    text: str
    finish_reason: str | None
    reasoning: str
    tool_calls: list[ToolCallAnswer]


class VoteBody(Body):
    value: Annotated[int, Field(ge=-1, le=1, description="1 good, -1 bad, 0 no thumb any more.")]
    best: Annotated[
        bool | None,
        Field(description="The best answer of its run; left out, that stays as it is."),
    ] = None


class VoteAnswer(TypedDict):
    """What you say of this answer."""

    value: int
    best: bool


class Turn(TypedDict):
    """What was asked and answered before, in this column."""

    call: str
    messages: list[dict[str, Any]]
    answer: dict[str, Any]


class CallCard(CallSummary):
    """A call with its answer."""

    thread: Annotated[list[Turn], Field(description="Earlier turns, sent before the messages.")]
    without: Annotated[list[str], Field(description="Fields left out after they were refused.")]
    text: Annotated[str, Field(description="Of the first choice.")]
    reasoning: Annotated[str | None, Field(description="What it thought, where it says so.")]
    tool_calls: list[ToolCallAnswer] | None
    choices: Annotated[
        list[ChoiceAnswer] | None, Field(description="Every answer, where there are several.")
    ]
    vector: Annotated[list[float] | None, Field(description="Where one text was embedded.")]
    vectors: Annotated[
        list[list[float]] | None, Field(description="In the order of the inputs, one each.")
    ]
    custom_outputs: Annotated[Any, Field(description="What an agent gave beside its answer.")]
    error: CallError | None
    finish_reason: str | None
    vote: Annotated[VoteAnswer | None, Field(description="Yours; null where you have none.")]


class CallAnswer(CallCard):
    """A call with what went over the wire, secrets masked."""

    request: Any
    response: Any


@router.get("/{uuid:id}", response=CallAnswer, summary="One call")
def call_get(request: HttpRequest, id: UUID):
    return call_answer(get_visible(request.auth, Call, id))


@router.post("/{uuid:id}/stop", response=CallAnswer, summary="Stop a call")
def call_stop(request: HttpRequest, id: UUID):
    """Ends the request to the endpoint too. The text so far is kept."""
    running.stop_call(get_editable(request.auth, Call, id))
    return call_answer(get_visible(request.auth, Call, id))


@router.post("/{uuid:id}/retry", response={201: CallAnswer}, summary="Ask again")
def call_retry(request: HttpRequest, id: UUID, without: Query[list[str]] = []):  # noqa: B006
    """A new call in the same run and column; the old one is kept.

    `without`, once or more, names a parameter that was refused, or `stop`: it is left out.
    """
    call = get_editable(request.auth, Call, id)
    if call.has_endpoint and not can_run(request.auth, call.endpoint):
        raise AuthorizationError(message=f"Your role does not let you run “{call.name}”.")
    return Status(201, call_answer(running.retry_call(request.auth, call, without)))


@router.put("/{uuid:id}/vote", response=CallAnswer, summary="Vote on an answer")
def call_vote(request: HttpRequest, id: UUID, body: VoteBody):
    """Yours alone, once the call has ended with an answer.

    One answer of a run is the best: marking another one takes it from the one before.
    """
    call = get_visible(request.auth, Call, id)
    with transaction.atomic():
        voting.vote(request.auth, call, body.value)
        if body.best is not None:
            voting.mark_best(request.auth, call, body.best)
    return call_answer(get_visible(request.auth, Call, id))


def call_summary(call: Call) -> CallSummary:
    return CallSummary(**_facts(call))


def call_card(call: Call) -> CallCard:
    return CallCard(**_facts(call), **_answered(call))


def call_answer(call: Call) -> CallAnswer:
    facts = _facts(call) | _answered(call)
    return CallAnswer(**facts, request=call.request, response=call.response)


def _facts(call: Call) -> dict:
    return {
        "id": call.id,
        "run": call.run_id,
        "letter": call.letter,
        "repetition": call.repetition,
        "attempt": call.attempt,
        "endpoint": call.endpoint_id if call.has_endpoint else None,
        "endpoint_name": call.name,
        "status": call.status,
        "usage": call.usage and NOT_COUNTED | call.usage,
        "cost": call.cost,
        "cost_is_estimate": call.cost is not None,
        "queued_ms": call.queued_ms,
        "cold_ms": None,
        "ttft_ms": call.ttft_ms,
        "latency_ms": call.latency_ms,
        "tokens_per_s": call.tokens_per_s,
        "created_at": call.created_at,
    }


def _answered(call: Call) -> dict:
    return {
        "thread": call.thread,
        "without": call.without,
        "text": call.text,
        "reasoning": call.reasoning or None,
        "tool_calls": call.tool_calls,
        "choices": call.choices,
        "vector": call.vector,
        "vectors": call.vectors if call.vector is None else None,
        "custom_outputs": call.custom_outputs,
        "error": call.error,
        "finish_reason": call.finish_reason,
        "vote": _vote(call),
    }


def _vote(call: Call) -> VoteAnswer | None:
    return None if call.own_vote is None else {"value": call.own_vote, "best": call.is_best}
