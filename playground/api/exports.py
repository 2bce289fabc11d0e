"""A run as a file: everything as JSON, the calls as CSV, or Markdown for reading."""

from typing import Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import BaseModel

from ..access import get_visible
from ..exporting import TYPES, as_csv, as_markdown, file_name, note_export
from ..models import Run
from .answers import to_json
from .calls import CallAnswer, call_answer
from .pages import refuse_unknown
from .runs import RunAnswer, run_answer, with_calls

router = Router()


class ExportQuery(BaseModel):
    format: Literal[tuple(TYPES)]


class ExportAnswer(RunAnswer):
    """A run with all of its calls, each with what went over the wire, secrets masked."""

    calls: list[CallAnswer]


@router.get(
    "/{uuid:id}/export",
    summary="A run as a file",
    openapi_extra={
        "responses": {
            200: {
                "description": "The file, as an attachment",
                "content": {kind.split(";")[0]: {"schema": {}} for kind in TYPES.values()},
            }
        }
    },
)
def run_export(request: HttpRequest, id: UUID, query: Query[ExportQuery]):
    """`json` holds everything, exactly as it came. In `csv` an apostrophe stands before what a
    spreadsheet would compute; `md` has the newest answer of every column."""
    refuse_unknown(request, ExportQuery)
    run = with_calls(request.auth, get_visible(request.auth, Run, id))
    note_export(request.auth, run, query.format)
    response = HttpResponse(_written(request, run, query.format), TYPES[query.format])
    name = file_name(run, query.format)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _written(request: HttpRequest, run: Run, format: str) -> bytes:
    if format == "csv":
        return as_csv(run)
    if format == "md":
        return as_markdown(run)
    answer = run_answer(request.auth, run, request.build_absolute_uri).model_dump()
    answer["calls"] = [call_answer(call) for call in run.calls.all()]
    return to_json(ExportAnswer(**answer), indent=2)
