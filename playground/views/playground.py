"""The playground: the draft, its columns, and the fragments that show them."""

from dataclasses import replace
from itertools import groupby
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from .. import drafting
from ..access import get_visible, visible_to
from ..asking import ROLES
from ..connecting import Refused
from ..models import Call, Draft, Endpoint, User


@require_safe
def playground(request: HttpRequest) -> HttpResponse:
    return show_page(request, drafting.draft_of(request.user))


@require_POST
def draft_save(request: HttpRequest) -> HttpResponse:
    draft = drafting.draft_of(request.user)
    drafting.take_typed(draft, request.POST)
    drafting.keep_typed(draft)
    return HttpResponse(status=204)


@require_POST
def columns_choose(request: HttpRequest) -> HttpResponse:
    ids = dict.fromkeys(request.POST.getlist("endpoint"))
    if len(ids) > settings.MAX_VARIANTS:
        return refuse(request, Refused("variants", _too_many(len(ids))))
    endpoints = [get_visible(request.user, Endpoint, pk) for pk in ids]
    draft = drafting.draft_of(request.user)
    drafting.choose_columns(draft, endpoints)
    return show_outputs(request, draft)


@require_POST
def column_remove(request: HttpRequest, position: int) -> HttpResponse:
    draft = drafting.draft_of(request.user)
    drafting.remove_column(draft, position)
    return show_outputs(request, draft)


def show_page(request: HttpRequest, draft: Draft, refusal: Exception | None = None) -> HttpResponse:
    calls = drafting.columns_of(request.user, draft)
    params = [
        replace(parameter, value=draft.params.get(parameter.name, ""))
        for parameter in drafting.PARAMETERS.values()
    ]
    context = outputs_of(request.user, draft, calls) | {
        "draft": draft,
        "roles": ROLES,
        "params": params,
        "paramline": _paramline(draft, params),
        "idempotency_key": uuid4(),
        "refusal": refusal,
    }
    status = 200 if refusal is None else 422
    return render(request, "playground/page.html", context | tabs_of(calls), status=status)


def show_outputs(request: HttpRequest, draft: Draft) -> HttpResponse:
    """The board after a change; the picker's list rides along, because its groups changed too."""
    if not request.htmx:
        return redirect("playground")
    calls = drafting.columns_of(request.user, draft)
    return render(request, "playground/_changed.html", outputs_of(request.user, draft, calls))


def refuse(request: HttpRequest, error: Exception) -> HttpResponse:
    """Say beside the prompt why nothing happened; whatever was typed stays where it is."""
    response = render(request, "playground/_refusal.html", {"refusal": error}, status=422)
    response["HX-Retarget"] = "#prompt-errors"
    response["HX-Reswap"] = "innerHTML"
    return response


def outputs_of(user: User, draft: Draft, calls: list[Call]) -> dict:
    endpoints = list(visible_to(user, Endpoint).select_related("workspace", "owner", "team"))
    return {
        "run": draft.run,
        "calls": calls,
        "is_running": any(is_going(call) for call in calls),
        "has_endpoints": bool(endpoints),
        "demos": [endpoint for endpoint in endpoints if endpoint.is_demo],
        "groups": _groups(user, endpoints, calls),
        "chosen": len(calls),
    }


def tabs_of(calls: list[Call]) -> dict:
    """What the two tabs of a phone say, and which one is open."""
    started = [call for call in calls if call.status != "idle"]
    is_going_on = any(is_going(call) for call in started)
    return {
        "started": len(started),
        "ended": sum(call.is_over for call in started),
        "shown": "outputs" if is_going_on else "prompt",
    }


def is_going(call: Call) -> bool:
    return call.is_live or call.status == Call.Status.QUEUED


def _groups(user: User, endpoints: list[Endpoint], calls: list[Call]) -> list[tuple]:
    """The picker's groups: what is compared now, mine, and what each team shares."""
    used = {call.endpoint_id: call for call in calls}
    by_id = {endpoint.id: endpoint for endpoint in endpoints}
    compared = [{"endpoint": by_id[pk], "call": call} for pk, call in used.items()]
    others = [endpoint for endpoint in endpoints if endpoint.id not in used]
    mine = [{"endpoint": e, "call": None} for e in others if e.owner_id == user.id]
    shared = sorted((e for e in others if e.owner_id != user.id), key=lambda e: str(e.team))
    teams = [
        (f"Shared with {team}", [{"endpoint": e, "call": None} for e in group])
        for team, group in groupby(shared, key=lambda e: str(e.team))
    ]
    groups = [("In this comparison", compared), ("Mine", mine), *teams]
    return [(title, items) for title, items in groups if items]


def _paramline(draft: Draft, params: list[drafting.Parameter]) -> str:
    """One line of what is set: temp 0.2 · max 800 · 2 stops · extra JSON."""
    parts = [f"{p.short} {p.value}" for p in params if p.value]
    if draft.stop:
        parts.append(f"{len(draft.stop)} stop{'s' if len(draft.stop) > 1 else ''}")
    if draft.extra.strip():
        parts.append("extra JSON")
    return " · ".join(parts) or "no parameters set"


def _too_many(asked: int) -> str:
    return f"That is {asked} columns; at most {settings.MAX_VARIANTS} can run at once."
