"""Workspaces and the caller's own credential for each. A secret comes in and never goes out."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router
from ninja.errors import AuthorizationError
from ninja.responses import Status
from pydantic import BaseModel, Field, SecretStr
from typing_extensions import TypedDict

from endpoints.clusters import Cluster
from endpoints.deployments import ServingEndpoint

from .. import connecting, deleting, managing
from ..access import can_edit, get_visible, visible_to
from ..connecting import Refused
from ..models import Credential, User, Workspace
from .auth import check_proof
from .bodies import Body
from .calls import CallError
from .pages import Page, PageQuery, page_of, refuse_unknown

router = Router()


class WorkspaceBody(Body):
    name: str
    host: Annotated[str, Field(max_length=300)]


class WorkspaceChanges(Body):
    name: str = ""
    host: Annotated[str, Field(max_length=300)] = ""


class CredentialBody(Body):
    """A personal access token, or a service principal's id and secret (OAuth)."""

    kind: Literal[tuple(Credential.Kind.values)]
    token: Annotated[SecretStr | None, Field(description="For `token`.")] = None
    client_id: Annotated[str | None, Field(description="For `oauth`.")] = None
    client_secret: Annotated[SecretStr | None, Field(description="For `oauth`.")] = None


CREDENTIAL_FIELDS = {"token": ("token",), "oauth": ("client_id", "client_secret")}


class CredentialAnswer(BaseModel):
    kind: str
    hint: Annotated[
        str, Field(description="The last four characters of the token, or of the client id.")
    ]


class CheckedCredential(CredentialAnswer):
    checked_at: datetime | None
    ok: Annotated[
        bool | None, Field(description="Null before a check; false as soon as it opens no more.")
    ]


class WorkspaceAnswer(BaseModel):
    id: UUID
    name: str
    host: str
    credential: Annotated[CheckedCredential | None, Field(description="Your own.")]


class WorkspaceCheck(TypedDict):
    """Who you are there, or why nobody."""

    ok: bool
    user_name: NotRequired[str]
    error: NotRequired[CallError]


@router.post("", response={201: WorkspaceAnswer}, summary="Add a workspace")
def workspace_make(request: HttpRequest, body: WorkspaceBody):
    workspace = Workspace(owner=request.auth, name=body.name, host=body.host)
    return Status(201, workspace_answer(request.auth, connecting.save_workspace(workspace)))


@router.get("", response=Page[WorkspaceAnswer], summary="List workspaces")
def workspace_list(request: HttpRequest, query: Query[PageQuery]):
    refuse_unknown(request, PageQuery)
    rows = visible_to(request.auth, Workspace)
    return page_of(rows, query, partial(workspace_answers, request.auth))


@router.get("/{uuid:id}", response=WorkspaceAnswer, summary="One workspace")
def workspace_get(request: HttpRequest, id: UUID):
    return workspace_answer(request.auth, get_visible(request.auth, Workspace, id))


@router.patch("/{uuid:id}", response=WorkspaceAnswer, summary="Change a workspace")
def workspace_change(request: HttpRequest, id: UUID, body: WorkspaceChanges):
    """A new host drops every stored credential: each was sealed for the old one."""
    workspace = _editable(request.auth, id)
    for name, value in body.model_dump(exclude_unset=True).items():
        setattr(workspace, name, value)
    return workspace_answer(request.auth, connecting.save_workspace(workspace))


@router.delete("/{uuid:id}", response={204: None}, summary="Delete a workspace")
def workspace_delete(request: HttpRequest, id: UUID):
    """Refused while endpoints point to it. Credentials that are stored for it are erased."""
    workspace = _editable(request.auth, id)
    deleting.delete_workspace(request.auth, workspace, with_credentials=True)
    return Status(204, None)


@router.put("/{uuid:id}/credential", response=CredentialAnswer, summary="Store your credential")
def credential_save(request: HttpRequest, id: UUID, body: CredentialBody):
    """Yours alone: a colleague who uses the same workspace adds an own one."""
    check_proof(request)
    workspace = get_visible(request.auth, Workspace, id)
    _check_fields(body)
    if body.kind == Credential.Kind.OAUTH:
        secret = body.client_secret.get_secret_value()
        credential = connecting.save_oauth(request.auth, workspace, body.client_id, secret)
    else:
        token = body.token.get_secret_value()
        credential = connecting.save_credential(request.auth, workspace, token)
    return CredentialAnswer(kind=credential.kind, hint=credential.hint)


@router.delete("/{uuid:id}/credential", response={204: None}, summary="Delete your credential")
def credential_delete(request: HttpRequest, id: UUID):
    workspace = get_visible(request.auth, Workspace, id)
    connecting.delete_credential(request.auth, workspace)
    return Status(204, None)


@router.post("/{uuid:id}/check", response=WorkspaceCheck, summary="Ask who you are there")
def workspace_check(request: HttpRequest, id: UUID):
    return connecting.check_workspace(request.auth, get_visible(request.auth, Workspace, id))


# What the workspace itself has: always asked with the caller's own credential ----------------


class ServingEndpointState(BaseModel):
    ready: bool
    settled: Annotated[bool, Field(description="Whether waiting would change nothing.")]
    message: str


class ServingEndpointAnswer(BaseModel):
    name: str
    task: str
    state: ServingEndpointState
    served_entities: list[str]


class ServingEndpointBody(Body):
    name: str
    config: Annotated[
        dict[str, Any],
        Field(description="`served_entities` as Databricks has them; secrets by reference."),
    ]


class SecretBody(Body):
    value: Annotated[SecretStr, Field(description="Passed on, never kept or answered.")]


class ClusterAnswer(BaseModel):
    cluster_id: str
    name: str
    state: Annotated[str, Field(description="Databricks' own word, such as TERMINATED.")]


@router.get(
    "/{uuid:id}/serving-endpoints",
    response=list[ServingEndpointAnswer],
    summary="What the workspace offers",
)
def serving_endpoint_list(request: HttpRequest, id: UUID):
    workspace = get_visible(request.auth, Workspace, id)
    found = managing.list_serving_endpoints(request.auth, workspace)
    return [_serving_answer(each) for each in found]


@router.post(
    "/{uuid:id}/serving-endpoints",
    response={201: ServingEndpointAnswer},
    summary="Create a serving endpoint",
)
def serving_endpoint_make(request: HttpRequest, id: UUID, body: ServingEndpointBody):
    """It answers at once and gets ready later: ask for it by its name."""
    workspace = get_visible(request.auth, Workspace, id)
    made = managing.create_serving_endpoint(request.auth, workspace, body.name, body.config)
    return Status(201, _serving_answer(made))


@router.get(
    "/{uuid:id}/serving-endpoints/{name}",
    response=ServingEndpointAnswer,
    summary="One serving endpoint, and whether it is ready",
)
def serving_endpoint_get(request: HttpRequest, id: UUID, name: str):
    workspace = get_visible(request.auth, Workspace, id)
    return _serving_answer(managing.get_serving_endpoint(request.auth, workspace, name))


@router.delete(
    "/{uuid:id}/serving-endpoints/{name}",
    response={204: None},
    summary="Delete a serving endpoint",
)
def serving_endpoint_delete(request: HttpRequest, id: UUID, name: str):
    """In the workspace itself, for everybody who uses it."""
    workspace = get_visible(request.auth, Workspace, id)
    managing.delete_serving_endpoint(request.auth, workspace, name)
    return Status(204, None)


@router.put("/{uuid:id}/secrets/{scope}/{key}", response={204: None}, summary="Store a secret")
def secret_save(request: HttpRequest, id: UUID, scope: str, key: str, body: SecretBody):
    """In the workspace, in a scope that is made when it is missing."""
    workspace = get_visible(request.auth, Workspace, id)
    managing.put_secret(request.auth, workspace, scope, key, body.value.get_secret_value())
    return Status(204, None)


@router.get("/{uuid:id}/clusters", response=list[ClusterAnswer], summary="List clusters")
def cluster_list(request: HttpRequest, id: UUID):
    workspace = get_visible(request.auth, Workspace, id)
    return [_cluster_answer(each) for each in managing.list_clusters(request.auth, workspace)]


@router.get("/{uuid:id}/clusters/{cluster_id}", response=ClusterAnswer, summary="One cluster")
def cluster_get(request: HttpRequest, id: UUID, cluster_id: str):
    workspace = get_visible(request.auth, Workspace, id)
    return _cluster_answer(managing.get_cluster(request.auth, workspace, cluster_id))


@router.post(
    "/{uuid:id}/clusters/{cluster_id}/start", response=ClusterAnswer, summary="Start a cluster"
)
def cluster_start(request: HttpRequest, id: UUID, cluster_id: str):
    """It answers at once and takes minutes; one that runs already is fine."""
    workspace = get_visible(request.auth, Workspace, id)
    return _cluster_answer(managing.start_cluster(request.auth, workspace, cluster_id))


def _serving_answer(found: ServingEndpoint) -> ServingEndpointAnswer:
    state = found.state
    return ServingEndpointAnswer(
        name=found.name,
        task=found.found.task,
        state=ServingEndpointState(
            ready=state.is_ready, settled=state.is_settled, message=state.words
        ),
        served_entities=list(found.served_entities),
    )


def _cluster_answer(cluster: Cluster) -> ClusterAnswer:
    return ClusterAnswer(cluster_id=cluster.cluster_id, name=cluster.name, state=cluster.state)


def workspace_answer(user: User, workspace: Workspace) -> WorkspaceAnswer:
    return workspace_answers(user, [workspace])[0]


def workspace_answers(user: User, workspaces: Sequence[Workspace]) -> list[WorkspaceAnswer]:
    own = visible_to(user, Credential).filter(workspace__in=workspaces).select_related("workspace")
    credentials = {each.workspace_id: each for each in own}
    return [
        WorkspaceAnswer(
            id=workspace.id,
            name=workspace.name,
            host=workspace.host,
            credential=_credential_answer(credentials.get(workspace.id)),
        )
        for workspace in workspaces
    ]


def _credential_answer(credential: Credential | None) -> CheckedCredential | None:
    if credential is None:
        return None
    return CheckedCredential(
        kind=credential.kind,
        hint=credential.hint,
        checked_at=credential.checked_at,
        ok=credential.is_ok if connecting.is_usable(credential) else False,
    )


def _check_fields(body: CredentialBody) -> None:
    """Exactly the fields of its kind."""
    needed = CREDENTIAL_FIELDS[body.kind]
    for name in ("token", "client_id", "client_secret"):
        is_given = getattr(body, name) is not None
        if name in needed and not is_given:
            raise Refused(name, f"{name} is missing.")
        if is_given and name not in needed:
            raise Refused(name, f"{name} is no part of a credential of the kind {body.kind}.")


def _editable(user: User, pk: UUID) -> Workspace:
    workspace = get_visible(user, Workspace, pk)
    if not can_edit(user, workspace):
        raise AuthorizationError(message=f"“{workspace}” belongs to {workspace.owner.username}.")
    return workspace
