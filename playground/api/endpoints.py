"""Endpoints: the stored configs that prompts are sent to, with a check and a preview."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router
from ninja.errors import AuthorizationError
from ninja.responses import Status
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from .. import connecting, managing, requesting, transforming
from ..access import (
    can_edit,
    can_run,
    editable_by,
    get_visible,
    has_confirmed,
    may_run,
    visible_to,
)
from ..connecting import Refused
from ..models import Endpoint, User, Workspace
from ..running import Conflict, Variant
from .bodies import Body, Id
from .calls import CallError
from .pages import Page, PageQuery, page_of, refuse_unknown

router = Router()


class Prices(Body):
    """Dollars. What is left out, or `null`, has no price."""

    input: Annotated[float | None, Field(description="For a million input tokens.")] = None
    output: Annotated[float | None, Field(description="For a million output tokens.")] = None
    per_hour: Annotated[float | None, Field(description="For an hour of its compute.")] = None


class PricesAnswer(TypedDict):
    """Dollars, those that are set."""

    input: NotRequired[float]
    output: NotRequired[float]
    per_hour: NotRequired[float]


class EndpointChanges(Body):
    """What can be set; the rest is `null` or its default."""

    name: str = ""
    kind: Literal[tuple(Endpoint.Kind.values)] = ""
    task: Annotated[
        Literal[tuple(Endpoint.Task.values)] | None,
        Field(description="Left out: found out for a serving endpoint, `custom` for a driver."),
    ] = None
    workspace: Annotated[Id | None, Field(description="For `serving` and `driver_proxy`.")] = None
    serving_endpoint: Annotated[str | None, Field(max_length=63)] = None
    cluster_id: Annotated[str | None, Field(max_length=64)] = None
    port: int | None = None
    path: Annotated[str | None, Field(max_length=200)] = None
    url: Annotated[str | None, Field(max_length=500, description="For `driver`.")] = None
    format: Annotated[
        Literal[tuple(Endpoint.Format.values)] | None,
        Field(description="How a custom model of a serving endpoint, or an agent, is asked."),
    ] = None
    template: Annotated[
        str | None,
        Field(description="Makes one text of messages, for `completions` and `custom`."),
    ] = None
    params: Annotated[dict[str, Any], Field(description="Default parameters.")] = {}
    stop: Annotated[list[str], Field(description="Default stop sequences.")] = []
    stream: bool = True
    timeout_s: int | None = None
    transform_input: Annotated[
        str | None,
        Field(description="Source of `def transform_input(**request)`, which gives what is sent."),
    ] = None
    transform_output: Annotated[
        str | None,
        Field(description="Source of `def transform_output(response)`, which gives the text."),
    ] = None
    prices: Annotated[
        Prices | None,
        Field(description="For the estimated `cost` of its calls. They replace those before."),
    ] = None
    team: Annotated[Id | None, Field(description="The team it is shared with.")] = None


class EndpointBody(EndpointChanges):
    name: str
    kind: Literal[tuple(Endpoint.Kind.values)]


class TransformsAnswer(BaseModel):
    """Whose functions run, and whether you let them."""

    fingerprint: Annotated[str, Field(description="Of both sources; another with every change.")]
    by: Annotated[str | None, Field(description="User name of who changed them last.")]
    changed_at: datetime | None
    confirmed: Annotated[bool, Field(description="That you wrote or read them as they are now.")]
    switched_off: Annotated[bool, Field(description="Stopped at their limits too often.")]


class ConfirmBody(Body):
    fingerprint: Annotated[str, Field(description="As answered with the sources that you read.")]


class EndpointAnswer(BaseModel):
    id: UUID
    version: Annotated[int, Field(description="One more with every change of the config.")]
    name: str
    owner: Annotated[str, Field(description="User name.")]
    team: UUID | None
    is_demo: bool
    kind: str
    task: str
    workspace: Annotated[UUID | None, Field(description="null also if you do not see it.")]
    serving_endpoint: str | None
    cluster_id: str | None
    port: int | None
    path: str | None
    url: str | None
    format: str | None
    template: str | None
    params: dict[str, Any]
    stop: list[str]
    stream: bool
    timeout_s: int | None
    transform_input: str | None
    transform_output: str | None
    prices: PricesAnswer
    transforms: Annotated[TransformsAnswer | None, Field(description="null without any.")]
    refused: Annotated[dict[str, str], Field(description="Fields it refused, and since which day.")]
    may: Annotated[list[str], Field(description="What you may do: `run`, `edit`, `delete`.")]
    warnings: list[str]


class EndpointCheck(TypedDict):
    """What a tiny prompt brought back."""

    ok: bool
    latency_ms: int
    answer: NotRequired[str]
    error: NotRequired[CallError]


class MessageBody(BaseModel):
    """One message. What is not named here goes through untouched."""

    model_config = ConfigDict(extra="allow", strict=True)

    role: str
    content: Annotated[
        Any, Field(description="A text, a list of parts, or null beside `tool_calls`.")
    ] = None
    tool_calls: Annotated[Any, Field(description="`[{id, type, function}]`.")] = None
    tool_call_id: Annotated[Any, Field(description="Which call a `tool` message answers.")] = None


def _text_or_texts(value: Any) -> Any:
    """Said once for both: pydantic would name each half of the union."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    raise PydanticCustomError("prompt_type", "no text and no list of texts")


PromptBody = Annotated[
    str | list[str] | None,
    BeforeValidator(_text_or_texts),
    Field(description="Short for one user message; a list is many texts for `embeddings`."),
]


class PreviewBody(Body):
    prompt: PromptBody = None
    messages: list[MessageBody] | None = None
    variables: Annotated[dict[str, str], Field(description="Values for {{name}}.")] = {}
    params: dict[str, Any] = {}
    stop: list[str] | None = None


class RequestAnswer(BaseModel):
    method: str
    url: str
    headers: Annotated[dict[str, str], Field(description="Secrets masked.")]
    body: Any
    before: Annotated[Any, Field(description="What `transform_input` is given.")] = None


class PreviewAnswer(BaseModel):
    request: RequestAnswer
    requests: Annotated[
        int,
        Field(description="How many the call takes, `request` being the first: 20 inputs each."),
    ]


@router.post("", response={201: EndpointAnswer}, summary="Add an endpoint")
def endpoint_make(request: HttpRequest, body: EndpointBody):
    return Status(201, _saved(request.auth, Endpoint(owner=request.auth), body))


@router.get("", response=Page[EndpointAnswer], summary="List endpoints")
def endpoint_list(request: HttpRequest, query: Query[PageQuery]):
    refuse_unknown(request, PageQuery)
    rows = visible_to(request.auth, Endpoint).select_related("owner", "transforms_by")
    return page_of(rows, query, partial(endpoint_answers, request.auth))


@router.get("/{uuid:id}", response=EndpointAnswer, summary="One endpoint")
def endpoint_get(request: HttpRequest, id: UUID):
    return endpoint_answer(request.auth, get_visible(request.auth, Endpoint, id))


@router.patch("/{uuid:id}", response=EndpointAnswer, summary="Change an endpoint")
def endpoint_change(request: HttpRequest, id: UUID, body: EndpointChanges):
    """A task of `null` is found out anew."""
    return _saved(request.auth, _editable(request.auth, id), body)


@router.delete("/{uuid:id}", response={204: None}, summary="Delete an endpoint")
def endpoint_delete(request: HttpRequest, id: UUID):
    """Its runs stay, with the config as it was."""
    connecting.delete_endpoint(request.auth, _editable(request.auth, id))
    return Status(204, None)


@router.post("/{uuid:id}/check", response=EndpointCheck, summary="Send a tiny prompt")
def endpoint_check(request: HttpRequest, id: UUID):
    endpoint = get_visible(request.auth, Endpoint, id)
    refuse_viewer(request.auth, endpoint)
    return connecting.check_endpoint(request.auth, endpoint)


@router.post(
    "/{uuid:id}/preview",
    response=PreviewAnswer,
    exclude_unset=True,
    summary="See the exact request",
)
def endpoint_preview(request: HttpRequest, id: UUID, body: PreviewBody):
    """What a run would send, without sending it."""
    endpoint = get_visible(request.auth, Endpoint, id)
    messages, inputs = asked_of(body.prompt, body.messages)
    variant = Variant(endpoint, body.params, body.stop)
    call = requesting.planned_call(
        request.auth, variant, messages, inputs=inputs, variables=body.variables
    )
    sent = requesting.request_of(call)
    return {"request": sent.as_dict(), "requests": requesting.count_requests(call)}


@router.put("/{uuid:id}/confirm", response=EndpointAnswer, summary="Let its transforms run")
def endpoint_confirm(request: HttpRequest, id: UUID, body: ConfirmBody):
    """Somebody else's transforms run for you once you have read them; again when they changed."""
    endpoint = get_visible(request.auth, Endpoint, id)
    refuse_viewer(request.auth, endpoint)
    if not transforming.confirm(request.auth, endpoint, body.fingerprint):
        raise Conflict("Its transforms are others by now. Read them again, then confirm those.")
    return endpoint_answer(request.auth, endpoint)


def endpoint_answer(user: User, endpoint: Endpoint) -> EndpointAnswer:
    return endpoint_answers(user, [endpoint])[0]


def endpoint_answers(user: User, endpoints: Sequence[Endpoint]) -> list[EndpointAnswer]:
    asked = [endpoint.pk for endpoint in endpoints]
    runs = may_run(user, asked)
    edits = set(editable_by(user, Endpoint).filter(pk__in=asked).values_list("pk", flat=True))
    places = visible_to(user, Workspace).filter(endpoints__in=asked)
    seen = set(places.values_list("pk", flat=True))
    return [_answer(user, each, each.pk in runs, each.pk in edits, seen) for each in endpoints]


def _answer(
    user: User, endpoint: Endpoint, runs: bool, edits: bool, seen: set[UUID]
) -> EndpointAnswer:
    return EndpointAnswer(
        id=endpoint.id,
        version=endpoint.version,
        name=endpoint.name,
        owner=endpoint.owner.username,
        team=endpoint.team_id,
        is_demo=endpoint.is_demo,
        kind=endpoint.kind,
        task=endpoint.task,
        workspace=endpoint.workspace_id if endpoint.workspace_id in seen else None,
        serving_endpoint=endpoint.serving_endpoint or None,
        cluster_id=endpoint.cluster_id or None,
        port=endpoint.port,
        path=endpoint.path or None,
        url=endpoint.url or None,
        format=endpoint.format or None,
        template=endpoint.template or None,
        params=endpoint.params,
        stop=endpoint.stop,
        stream=endpoint.stream,
        timeout_s=endpoint.timeout_s,
        transform_input=endpoint.transform_input or None,
        transform_output=endpoint.transform_output or None,
        prices=endpoint.prices,
        transforms=_transforms(user, endpoint),
        refused=endpoint.refused,
        may=["run"] * runs + ["edit", "delete"] * edits,
        warnings=connecting.warnings_of(endpoint),
    )


def _transforms(user: User, endpoint: Endpoint) -> TransformsAnswer | None:
    fingerprint = endpoint.transforms_fingerprint
    if not fingerprint:
        return None
    return TransformsAnswer(
        fingerprint=fingerprint,
        by=endpoint.transforms_by.username if endpoint.transforms_by else None,
        changed_at=endpoint.transforms_changed_at,
        confirmed=has_confirmed(user, endpoint, fingerprint),
        switched_off=endpoint.are_transforms_off,
    )


def find_endpoint(user: User, id_or_name: str) -> Endpoint | None:
    """By id, else by name: one's own first, then the oldest of those shared with one's teams."""
    visible = visible_to(user, Endpoint).select_related("workspace")
    try:
        found = visible.filter(pk=UUID(id_or_name)).first()
    except ValueError:
        found = None
    if found is None:
        named = visible.filter(name=id_or_name).order_by("created_at", "id")
        found = named.filter(owner=user).first() or named.first()
    return found


def refuse_viewer(user: User, endpoint: Endpoint) -> None:
    if not can_run(user, endpoint):
        raise AuthorizationError(message=f"Your role does not let you run “{endpoint}”.")


def asked_of(
    prompt: str | list[str] | None, messages: list[MessageBody] | None
) -> tuple[list[dict], list[str] | None]:
    """The messages, or the inputs of a list of texts. Exactly one of the two must be there."""
    if (prompt is None) == (messages is None):
        raise Refused("prompt", "Send either prompt or messages.")
    if isinstance(prompt, list):
        return [], prompt
    if messages is None:
        return [{"role": "user", "content": prompt}], None
    return [message.model_dump(exclude_unset=True) for message in messages], None


def _saved(user: User, endpoint: Endpoint, body: EndpointChanges) -> EndpointAnswer:
    """The endpoint as it is stored, its task found out where nobody gave one."""
    _fill(user, endpoint, body)
    warnings = []
    if not endpoint.task:
        connecting.judge_endpoint(endpoint, user)  # the workspace is asked once the rest is right
        warnings = managing.find_task(user, endpoint)
    endpoint.format = body.format or endpoint.format
    connecting.save_endpoint(endpoint, user)
    answer = endpoint_answer(user, endpoint)
    return answer.model_copy(update={"warnings": [*answer.warnings, *warnings]})


def _fill(user: User, endpoint: Endpoint, body: EndpointChanges) -> None:
    changes = body.model_dump(exclude_unset=True)
    if "workspace" in changes:
        endpoint.workspace = _workspace_of(user, changes.pop("workspace"))
    if "team" in changes:
        endpoint.team = connecting.team_of(user, changes.pop("team"))
    if "prices" in changes:
        prices = changes.pop("prices") or {}
        endpoint.prices = {name: price for name, price in prices.items() if price is not None}
    for name, value in changes.items():
        is_text = name not in ("port", "timeout_s")
        setattr(endpoint, name, "" if value is None and is_text else value)


def _workspace_of(user: User, pk: UUID | None) -> Workspace | None:
    workspace = visible_to(user, Workspace).filter(pk=pk).first()
    if workspace is None and pk is not None:
        raise Refused("workspace", "No such workspace. Use the id of one of yours.")
    return workspace


def _editable(user: User, pk: UUID) -> Endpoint:
    endpoint = get_visible(user, Endpoint, pk)
    if not can_edit(user, endpoint):
        raise AuthorizationError(message=f"“{endpoint}” belongs to {endpoint.owner.username}.")
    return endpoint
