"""GET /me: who the caller is, and in which teams."""

from uuid import UUID

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel

router = Router()


class TeamAnswer(BaseModel):
    id: UUID
    name: str
    role: str


class MeAnswer(BaseModel):
    username: str
    teams: list[TeamAnswer]


@router.get("", response=MeAnswer, summary="Who am I")
def me_get(request: HttpRequest):
    memberships = request.auth.memberships.select_related("team").order_by("team__name")
    teams = [TeamAnswer(id=m.team_id, name=m.team.name, role=m.role) for m in memberships]
    return MeAnswer(username=request.auth.username, teams=teams)
