"""Comments on calls."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest
from ninja import Router
from ninja.errors import AuthorizationError
from ninja.responses import Status
from pydantic import BaseModel, Field

from .. import commenting
from ..access import can_comment, get_editable, get_visible, visible_to
from ..models import Call, Comment
from .bodies import Body

router = Router()


class CommentBody(Body):
    text: Annotated[str, Field(description="At most 5,000 characters.")]


class CommentAnswer(BaseModel):
    id: UUID
    call: UUID
    author: Annotated[str, Field(description="User name.")]
    text: str
    created_at: datetime


@router.get("/calls/{uuid:id}/comments", response=list[CommentAnswer], summary="Comments on a call")
def comment_list(request: HttpRequest, id: UUID):
    """Oldest first."""
    call = get_visible(request.auth, Call, id)
    comments = visible_to(request.auth, Comment).filter(call=call).select_related("author")
    return [_answer(comment) for comment in comments]


@router.post(
    "/calls/{uuid:id}/comments", response={201: CommentAnswer}, summary="Comment on a call"
)
def comment_add(request: HttpRequest, id: UUID, body: CommentBody):
    """Seen by everybody who sees the run."""
    call = get_visible(request.auth, Call, id)
    if not can_comment(request.auth, call.run):
        raise AuthorizationError(message="Your role lets you read this run, not comment on it.")
    return Status(201, _answer(commenting.add_comment(request.auth, call, body.text)))


@router.delete("/comments/{uuid:id}", response={204: None}, summary="Delete a comment")
def comment_delete(request: HttpRequest, id: UUID):
    """Its author's, or on a run of one's own."""
    commenting.delete_comment(get_editable(request.auth, Comment, id))
    return Status(204, None)


def _answer(comment: Comment) -> CommentAnswer:
    return CommentAnswer(
        id=comment.pk,
        call=comment.call_id,
        author=comment.author.username,
        text=comment.text,
        created_at=comment.created_at,
    )
