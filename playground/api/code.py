"""Code that repeats a call of a run."""

from typing import Annotated, Literal
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Query, Router
from pydantic import BaseModel, Field

from endpoints.code import FORMATS

from ..access import get_visible
from ..models import Run
from ..requesting import code_of
from .pages import refuse_unknown

router = Router()


class CodeQuery(BaseModel):
    """Which call of the run, and in which language."""

    call: Annotated[UUID, Field(description="One of the run's calls.")]
    format: Literal[FORMATS]


class CodeAnswer(BaseModel):
    format: str
    code: Annotated[str, Field(description="It reads host and token from the environment.")]


@router.get("/{uuid:id}/code", response=CodeAnswer, summary="Code that repeats a call")
def run_code(request: HttpRequest, id: UUID, query: Query[CodeQuery]):
    """Sends the JSON that the call sent, or will send. The secret is never in it."""
    refuse_unknown(request, CodeQuery)
    run = get_visible(request.auth, Run, id)
    call = run.calls.filter(pk=query.call).first()
    if call is None:
        raise Http404("No such call in this run.")
    return CodeAnswer(format=query.format, code=code_of(call, query.format))
