"""Workspaces and the caller's own credential for each. A secret comes in and never goes out."""

from datetime import datetime
from typing import Annotated, Literal, NotRequired
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router
from ninja.errors import AuthorizationError
from ninja.responses import Status
from pydantic import BaseModel, Field, SecretStr
from typing_extensions import TypedDict

from .. import connecting
from ..access import can_edit, credential_of, get_visible, visible_to
from ..models import Credential, User, Workspace
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
    kind: Literal["token"]
    token: SecretStr


class CredentialAnswer(BaseModel):
    kind: str
    hint: Annotated[str, Field(description="The last four characters of the token.")]


class CheckedCredential(CredentialAnswer):
    checked_at: datetime | None
    ok: bool | None


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
    return page_of(rows, query, lambda row: workspace_answer(request.auth, row))


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
    """Refused while endpoints point to it."""
    connecting.delete_workspace(request.auth, _editable(request.auth, id))
    return Status(204, None)


@router.put("/{uuid:id}/credential", response=CredentialAnswer, summary="Store your credential")
def credential_save(request: HttpRequest, id: UUID, body: CredentialBody):
    """Yours alone: a colleague who uses the same workspace adds an own one."""
    workspace = get_visible(request.auth, Workspace, id)
    token = body.token.get_secret_value()
    credential = connecting.save_credential(request.auth, workspace, token)
    return CredentialAnswer(kind=credential.kind, hint=credential.hint)


@router.delete("/{uuid:id}/credential", response={204: None}, summary="Delete your credential")
def credential_delete(request: HttpRequest, id: UUID):
    workspace = get_visible(request.auth, Workspace, id)
    visible_to(request.auth, Credential).filter(workspace=workspace).delete()
    return Status(204, None)


@router.post("/{uuid:id}/check", response=WorkspaceCheck, summary="Ask who you are there")
def workspace_check(request: HttpRequest, id: UUID):
    return connecting.check_workspace(request.auth, get_visible(request.auth, Workspace, id))


def workspace_answer(user: User, workspace: Workspace) -> WorkspaceAnswer:
    return WorkspaceAnswer(
        id=workspace.id,
        name=workspace.name,
        host=workspace.host,
        credential=_credential_answer(credential_of(user, workspace)),
    )


def _credential_answer(credential: Credential | None) -> CheckedCredential | None:
    if credential is None:
        return None
    return CheckedCredential(
        kind=credential.kind,
        hint=credential.hint,
        checked_at=credential.checked_at,
        ok=credential.is_ok,
    )


def _editable(user: User, pk: UUID) -> Workspace:
    workspace = get_visible(user, Workspace, pk)
    if not can_edit(user, workspace):
        raise AuthorizationError(message=f"“{workspace}” belongs to {workspace.owner.username}.")
    return workspace
