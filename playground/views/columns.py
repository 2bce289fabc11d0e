"""The columns of the board: which endpoints are compared, and what each is asked apart."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from .. import drafting, judging
from ..access import get_visible
from ..connecting import Refused
from ..models import Call, Endpoint
from .playground import lead_to_column, refuse, show_outputs


@require_POST
def columns_choose(request: HttpRequest) -> HttpResponse:
    ids = dict.fromkeys(request.POST.getlist("endpoint"))
    try:
        drafting.check_columns(len(ids))
    except Refused as refused:
        return refuse(request, refused)
    endpoints = [get_visible(request.user, Endpoint, pk) for pk in ids]
    draft = drafting.draft_of(request.user)
    drafting.choose_columns(draft, endpoints)
    return show_outputs(request, draft)


@require_POST
def column_add(request: HttpRequest) -> HttpResponse:
    """A column for one endpoint, asked for on another page; leads to the playground."""
    endpoint = get_visible(request.user, Endpoint, request.POST.get("endpoint"))
    return lead_to_column(request, endpoint)


@require_POST
def column_remove(request: HttpRequest, position: int) -> HttpResponse:
    draft = drafting.draft_of(request.user)
    is_removed = drafting.remove_column(draft, position)
    return show_outputs(request, draft, removed=Call(position=position) if is_removed else None)


@require_POST
def column_restore(request: HttpRequest, position: int) -> HttpResponse:
    """Take back that a column was removed."""
    draft = drafting.draft_of(request.user)
    try:
        column = drafting.restore_column(draft, position)
    except Refused as refused:
        return refuse(request, refused)
    response = show_outputs(request, draft)
    slot = Call(position=column["position"]).slot
    return trigger_client_event(response, "brought-back", {"id": f"col-{slot}"}, after="settle")


@require_POST
def column_move(request: HttpRequest, position: int) -> HttpResponse:
    """One place to the left or, with `right` in the query, to the right."""
    draft = drafting.draft_of(request.user)
    drafting.move_column(draft, position, 1 if "right" in request.GET else -1)
    return show_outputs(request, draft)


@require_http_methods(["GET", "HEAD", "POST"])
def column_own(request: HttpRequest, position: int) -> HttpResponse:
    """The parameters of one column; with `copy`, of a further column for the same endpoint."""
    draft = drafting.draft_of(request.user)
    column = drafting.column_at(draft, position)
    if column is None:
        raise Http404("This column is not there any more.")
    endpoint = get_visible(request.user, Endpoint, column["endpoint"])
    asked = request.POST if request.method == "POST" else request.GET
    typed = judging.own_as_typed(column.get("own", {}))
    context = {"call": Call(position=position, endpoint=endpoint), "is_copy": "copy" in asked}
    repetitions = asked.get("repetitions", str(column.get("repetitions", 1)))
    context["repetitions"] = repetitions
    if request.method != "POST":
        if not request.htmx:
            return redirect("playground")
        return render(request, "playground/_own.html", context | _fields(typed))
    typed = {name: asked.get(name, "").replace("\r\n", "\n").replace("\0", "") for name in typed}
    try:
        params = {name: typed[name].strip() for name in judging.PARAMETERS if typed[name].strip()}
        own = judging.typed_own(params, typed["stop"], typed["extra"])
        times = judging.typed_repetitions(repetitions)
        if context["is_copy"]:
            drafting.duplicate_column(draft, column, own, times)
        else:
            drafting.set_own(draft, column, own, times)
    except Refused as refused:
        if not request.htmx:
            messages.error(request, refused.message)
            return redirect("playground")
        mistakes = getattr(refused, "mistakes", {refused.field: refused.message})
        context |= _fields(typed, mistakes) | {"refusal": mistakes.get("variants")}
        response = render(request, "playground/_own.html", context, status=422)
        response["HX-Retarget"], response["HX-Reswap"] = "#own", "innerHTML"
        return response
    return show_outputs(request, draft)


def _fields(typed: dict[str, str], mistakes: dict[str, str] | None = None) -> dict:
    """What the form shows: a row per parameter, then the two texts."""
    mistakes = mistakes or {}
    rows = [
        {"parameter": each, "value": typed[name], "mistake": mistakes.get(name, "")}
        for name, each in judging.PARAMETERS.items()
    ]
    return {"rows": rows, "typed": typed, "mistakes": mistakes}
