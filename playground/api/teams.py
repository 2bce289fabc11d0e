"""Teams: members and their roles, invitations, the audit log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse
from ninja import Query, Router
from ninja.responses import Status
from pydantic import BaseModel, Field

from .. import auditing, teaming
from ..access import can_edit, get_editable, get_member, get_visible, visible_to
from ..models import AuditEvent, Invitation, Membership, Team, User
from .bodies import Body
from .pages import Page, PageQuery, page_of, refuse_unknown, utc

router = Router()
invitations = Router()
Role = Literal[tuple(Membership.Role.values)]


class TeamBody(Body):
    name: str


class RoleBody(Body):
    role: Role


class InvitationBody(Body):
    email: str
    role: Role = "member"


class CodeBody(Body):
    code: Annotated[str, Field(description="What stands after the # of the link, or the link.")]


class TeamDetail(BaseModel):
    id: UUID
    name: str
    role: Annotated[str, Field(description="Your own.")]
    created_at: datetime


class MemberAnswer(BaseModel):
    id: UUID
    username: str
    role: str
    is_active: bool


class InvitationAnswer(BaseModel):
    id: UUID
    email: str
    role: str
    created_at: datetime
    expires_at: datetime


class InvitationMade(InvitationAnswer):
    code: Annotated[str, Field(description="Shown this once; only its hash is kept.")]
    url: str


class AuditQuery(PageQuery):
    actor: str = ""
    verb: Annotated[str, Field(description="Such as endpoint.shared")] = ""
    object: Annotated[str, Field(description="Part of a name, or an id")] = ""
    since: datetime | None = None
    until: datetime | None = None


class AuditAnswer(BaseModel):
    at: datetime
    actor: str
    verb: str
    object_kind: str
    object_id: str
    object_name: str
    detail: dict[str, Any]


@router.get("", response=Page[TeamDetail], summary="List your teams")
def team_list(request: HttpRequest, query: Query[PageQuery]):
    refuse_unknown(request, PageQuery)
    return page_of(visible_to(request.auth, Team), query, lambda rows: _teams(request.auth, rows))


@router.post("", response={201: TeamDetail}, summary="Make a team")
def team_make(request: HttpRequest, body: TeamBody):
    """You are its admin."""
    return Status(201, _team(request.auth, teaming.make_team(request.auth, body.name)))


@router.get("/{uuid:id}", response=TeamDetail, summary="One team")
def team_get(request: HttpRequest, id: UUID):
    return _team(request.auth, get_visible(request.auth, Team, id))


@router.patch("/{uuid:id}", response=TeamDetail, summary="Rename a team")
def team_rename(request: HttpRequest, id: UUID, body: TeamBody):
    team = get_editable(request.auth, Team, id)
    teaming.rename_team(request.auth, team, body.name)
    return _team(request.auth, get_visible(request.auth, Team, id))


@router.get("/{uuid:id}/members", response=list[MemberAnswer], summary="Who is in a team")
def member_list(request: HttpRequest, id: UUID):
    team = get_visible(request.auth, Team, id)
    places = visible_to(request.auth, Membership).filter(team=team).select_related("user")
    return [_member(place) for place in places.order_by("user__username")]


@router.patch("/{uuid:id}/members/{member}", response=MemberAnswer, summary="Change a role")
def member_role(request: HttpRequest, id: UUID, member: str, body: RoleBody):
    """By user name or id. 409 where the team would have no admin."""
    team = get_editable(request.auth, Team, id)
    place = get_member(request.auth, team, member)
    teaming.change_role(request.auth, place, body.role)
    place.role = body.role
    return _member(place)


@router.delete("/{uuid:id}/members/{member}", response={204: None}, summary="Remove, or leave")
def member_remove(request: HttpRequest, id: UUID, member: str):
    """By user name or id: admins remove others, everybody themselves. 409 for the last admin."""
    team = get_visible(request.auth, Team, id)
    place = get_member(request.auth, team, member)
    if place.user_id == request.auth.pk:
        teaming.leave_team(request.auth, team)
    else:
        teaming.remove_member(request.auth, place)
    return Status(204, None)


@router.get(
    "/{uuid:id}/invitations", response=list[InvitationAnswer], summary="Open invitations of a team"
)
def invitation_list(request: HttpRequest, id: UUID):
    team = get_editable(request.auth, Team, id)
    return [_invitation(each) for each in teaming.open_invitations(team)]


@router.post(
    "/{uuid:id}/invitations", response={201: InvitationMade}, summary="Invite somebody to a team"
)
def invitation_make(request: HttpRequest, id: UUID, body: InvitationBody):
    """Nothing is sent: pass the link on. It works once, for 72 hours."""
    team = get_editable(request.auth, Team, id)
    invitation, code = teaming.invite(request.auth, team, body.email, body.role)
    url = request.build_absolute_uri(f"{reverse('invitation')}#{code}")
    return Status(201, InvitationMade(**_invitation(invitation).model_dump(), code=code, url=url))


@invitations.delete("/{uuid:id}", response={204: None}, summary="Revoke an invitation")
def invitation_revoke(request: HttpRequest, id: UUID):
    teaming.revoke_invitation(request.auth, get_visible(request.auth, Invitation, id))
    return Status(204, None)


@invitations.post("/accept", response=TeamDetail, summary="Join a team")
def invitation_accept(request: HttpRequest, body: CodeBody):
    """404 for what is unknown, used, revoked or over; 403 where it is for another address."""
    code = body.code.rpartition("#")[2].strip()
    place = teaming.accept_invitation(request.auth, code)
    return _team(request.auth, place.team)


@router.get("/{uuid:id}/audit", response=Page[AuditAnswer], summary="A team's audit log")
def audit_list(request: HttpRequest, id: UUID, query: Query[AuditQuery]):
    """For its admins."""
    refuse_unknown(request, AuditQuery)
    team = get_visible(request.auth, Team, id)
    if not can_edit(request.auth, team):
        raise PermissionDenied("Only an admin of the team reads its audit log.")
    wanted = query.model_dump(exclude={"limit", "cursor"})
    for name in ("since", "until"):
        wanted[name] = wanted[name] and utc(name, wanted[name])
    events = visible_to(request.auth, AuditEvent).filter(team=team)
    return page_of(auditing.events_like(events, **wanted), query, _events)


def _team(user: User, team: Team) -> TeamDetail:
    return _teams(user, [team])[0]


def _teams(user: User, teams: Sequence[Team]) -> list[TeamDetail]:
    places = visible_to(user, Membership).filter(user=user, team__in=teams)
    roles = dict(places.values_list("team", "role"))
    return [
        TeamDetail(id=team.pk, name=team.name, role=roles[team.pk], created_at=team.created_at)
        for team in teams
    ]


def _member(place: Membership) -> MemberAnswer:
    person = place.user
    return MemberAnswer(
        id=person.pk, username=person.username, role=place.role, is_active=person.is_active
    )


def _invitation(row: Invitation) -> InvitationAnswer:
    return InvitationAnswer(
        id=row.pk,
        email=row.email,
        role=row.role,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _events(rows: Sequence[AuditEvent]) -> list[AuditAnswer]:
    return [
        AuditAnswer(
            at=row.created_at,
            actor=row.actor_name,
            verb=row.verb,
            object_kind=row.object_kind,
            object_id=row.object_id,
            object_name=row.object_name,
            detail=row.detail,
        )
        for row in rows
    ]
