"""What becomes of a run: its title, tags and team, forks, links to it, the end of it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from ninja import Router
from ninja.responses import Status
from pydantic import BaseModel, Field

from .. import deleting, drafting, filing, forking, sharing
from ..access import get_editable, get_restorable, get_visible
from ..models import Draft, Run, RunLink, Team
from .bodies import Body, Id
from .runs import RunAnswer, run_answer
from .runs import router as runs  # more to do with the same addresses

router = Router()


class RunPatch(Body):
    """What is left out stays as it is."""

    title: Annotated[str | None, Field(description="Empty: the first words of the prompt.")] = None
    tags: list[str] | None = None
    notes: str | None = None
    team: Annotated[Id | None, Field(description="Whose members see it; null for nobody.")] = None


class DraftAnswer(BaseModel):
    """What is typed in the playground, and what could not be taken along."""

    url: Annotated[str, Field(description="The playground.")]
    forked_from: UUID | None
    messages: list[dict[str, Any]]
    variables: dict[str, str]
    params: dict[str, str]
    stop: list[str]
    extra: str
    tools: str
    response_format: str
    columns: list[dict[str, Any]]
    left_out: list[str]


class LinkBody(Body):
    days: Annotated[int, Field(description="1, 7, 30 or 90")] = 7


class LinkAnswer(BaseModel):
    id: UUID
    created_at: datetime
    expires_at: datetime


class LinkMade(LinkAnswer):
    url: Annotated[str, Field(description="Shown this once; only its hash is kept.")]


@runs.patch("/{uuid:id}", response=RunAnswer, summary="Title, tags, notes, team of a run")
def run_patch(request: HttpRequest, id: UUID, body: RunPatch):
    run = get_editable(request.auth, Run, id)
    given = body.model_dump(exclude_unset=True)
    with transaction.atomic():
        filing.describe_run(run, given.get("title"), given.get("tags"), given.get("notes"))
        if "team" in given:
            team = get_visible(request.auth, Team, given["team"]) if given["team"] else None
            sharing.share_run(request.auth, run, team)
    return run_answer(request.auth, run, request.build_absolute_uri)


@runs.delete("/{uuid:id}", response={204: None}, summary="Delete a run")
def run_delete(request: HttpRequest, id: UUID):
    """It can be restored for two minutes."""
    deleting.delete_run(request.auth, get_editable(request.auth, Run, id))
    return Status(204, None)


@runs.post("/{uuid:id}/restore", response=RunAnswer, summary="Bring a deleted run back")
def run_restore(request: HttpRequest, id: UUID):
    run = get_restorable(request.auth, Run, id)
    deleting.restore(run)
    return run_answer(request.auth, run, request.build_absolute_uri)


@runs.post("/{uuid:id}/fork", response=DraftAnswer, summary="Fork a run")
def run_fork(request: HttpRequest, id: UUID):
    """Its prompt and columns become your draft in the playground. Runs nothing."""
    run = get_visible(request.auth, Run, id)
    draft = drafting.draft_of(request.auth)
    left = forking.fork_run(request.auth, draft, run)
    return _draft_answer(request, draft, left)


@runs.get("/{uuid:id}/links", response=list[LinkAnswer], summary="Read-only links to a run")
def link_list(request: HttpRequest, id: UUID):
    return [_link(link) for link in get_editable(request.auth, Run, id).links.all()]


@runs.post("/{uuid:id}/links", response={201: LinkMade}, summary="Make a read-only link")
def link_make(request: HttpRequest, id: UUID, body: LinkBody):
    link, token = sharing.make_link(request.auth, get_editable(request.auth, Run, id), body.days)
    url = request.build_absolute_uri(f"{reverse('shared-run')}#{token}")
    return Status(201, LinkMade(**_link(link).model_dump(), url=url))


@router.delete("/{uuid:id}", response={204: None}, summary="Revoke a read-only link")
def link_revoke(request: HttpRequest, id: UUID):
    sharing.revoke_link(request.auth, get_visible(request.auth, RunLink, id))
    return Status(204, None)


def _draft_answer(request: HttpRequest, draft: Draft, left: list[str]) -> DraftAnswer:
    names = set(DraftAnswer.model_fields) - {"url", "forked_from", "left_out"}
    return DraftAnswer(
        url=request.build_absolute_uri(reverse("playground")),
        forked_from=draft.forked_from_id,
        left_out=left,
        **{name: getattr(draft, name) for name in names},
    )


def _link(link: RunLink) -> LinkAnswer:
    return LinkAnswer(id=link.pk, created_at=link.created_at, expires_at=link.expires_at)
