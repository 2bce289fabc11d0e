"""The playground: the draft, its columns, and the fragments that show them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from .. import drafting, judging, managing, prompting
from ..access import visible_to
from ..asking import ROLES
from ..connecting import Refused
from ..limits import TooMany
from ..models import Call, Draft, Endpoint, PromptVersion, User
from ..running import Variant


@require_safe
def playground(request: HttpRequest) -> HttpResponse:
    return show_page(request, drafting.draft_of(request.user))


@require_POST
def draft_save(request: HttpRequest) -> HttpResponse:
    """Keep what is typed, unless another tab saved something else since the page's `saved_at`.

    Then 409 with that draft, and nothing is overwritten.
    """
    draft = drafting.draft_of(request.user)
    drafting.take_typed(draft, request.POST)
    is_kept = drafting.keep_typed(draft, _time(request.POST.get("saved_at", "")))
    mistakes = drafting.mistakes_of(draft)
    if not is_kept:
        stored = drafting.draft_of(request.user)
        fields, typed = drafting.fields_of(stored), drafting.fields_of(draft)
        if fields != typed:
            answer = {"saved_at": stored.saved_at.isoformat(), "fields": fields}
            return JsonResponse(answer, status=409)
        draft = stored
    answer = {"saved_at": draft.saved_at.isoformat(), "mistakes": mistakes}
    version = prompting.version_of(draft)
    if version is not None:
        answer["prompt"] = changes_in_words(draft, version)
    return JsonResponse(answer)


def lead_to_column(request: HttpRequest, endpoint: Endpoint, words: str = "") -> HttpResponse:
    """To the playground, where the endpoint has a column now; `words` say what came before."""
    draft = drafting.draft_of(request.user)
    try:
        drafting.add_column(request.user, draft, endpoint)
    except Refused as refused:
        why = gettext("%(endpoint)s has no column.") % {"endpoint": endpoint}
        messages.error(request, f"{words} {why} {refused.message}".strip())
    else:
        if words:
            messages.success(request, words)
    return redirect("playground")


def show_page(request: HttpRequest, draft: Draft, refusal: Exception | None = None) -> HttpResponse:
    calls = drafting.columns_of(request.user, draft)
    mistakes = drafting.mistakes_of(draft)
    params = [
        replace(
            parameter,
            value=draft.params.get(parameter.name, ""),
            mistake=mistakes.get(parameter.name, ""),
        )
        for parameter in judging.PARAMETERS.values()
    ]
    variables = drafting.variables_of(draft)
    unused = {name: text for name, text in draft.variables.items() if name not in dict(variables)}
    context = outputs_of(request.user, draft, calls) | {
        "draft": draft,
        "roles": ROLES,
        "empty_message": {"role": "user", "content": ""},
        "variables": variables,
        "unused_variables": sorted(unused.items()),
        "params": params,
        "paramline": _paramline(draft, params),
        "idempotency_key": uuid4(),
        "refusal": refusal,
        "mistakes": mistakes,
        "state": state_of(draft),
        "max_prompt_bytes": settings.MAX_PROMPT_BYTES,
        "max_image_bytes": settings.MAX_IMAGE_BYTES,
    }
    status = 200 if refusal is None else status_of(refusal)
    return render(request, "playground/page.html", context | tabs_of(calls), status=status)


def show_outputs(request: HttpRequest, draft: Draft, removed: Call | None = None) -> HttpResponse:
    """The board after a change; the picker's list rides along, because its groups changed too.

    `removed` is a column that can be taken back.
    """
    if not request.htmx:
        return redirect("playground")
    calls = drafting.columns_of(request.user, draft)
    context = outputs_of(request.user, draft, calls) | {"removed": removed}
    return render(request, "playground/_changed.html", context)


def show_run(
    request: HttpRequest, draft: Draft, variants: Sequence[Variant], skipped: Sequence[str] = ()
) -> HttpResponse:
    """The board as a run of these begins, and nothing that its first token would have to wait for.

    `skipped` are the letters of columns that did not run.
    """
    calls = drafting.columns_of(request.user, draft, [each.endpoint for each in variants])
    context = board_of(draft, calls) | {"skipped": skipped}
    return render(request, "playground/_ran.html", context)


def refuse(request: HttpRequest, error: Exception) -> HttpResponse:
    """Say beside the prompt why nothing happened; whatever was typed stays where it is."""
    status = status_of(error)
    response = render(request, "playground/_refusal.html", {"refusal": error}, status=status)
    response["HX-Retarget"] = "#prompt-errors"
    response["HX-Reswap"] = "innerHTML"
    if isinstance(error, TooMany):
        response["Retry-After"] = str(error.wait_s)
    return response


def status_of(refusal: Exception) -> int:
    return 429 if isinstance(refusal, TooMany) else 422


def tell_saved(response: HttpResponse, draft: Draft) -> HttpResponse:
    """Tell the page's script which draft is stored now, so that its next save is on top of it."""
    told = {"at": draft.saved_at.isoformat()}
    version = prompting.version_of(draft)
    if version is not None:
        told["prompt"] = changes_in_words(draft, version)
    return trigger_client_event(response, "draft-saved", told)


def state_of(draft: Draft) -> dict:
    """What stands beside the messages: the version, and in how many fields the draft differs."""
    version = prompting.version_of(draft)
    if version is None:
        return {}
    return {"version": version} | changes_in_words(draft, version)


def changes_in_words(draft: Draft, version: PromptVersion) -> dict:
    n = prompting.changes_since(draft, version)
    words = ngettext("+ %(n)s change", "+ %(n)s changes", n) % {"n": n} if n else ""
    return {"changes": n, "words": words}


def outputs_of(user: User, draft: Draft, calls: list[Call]) -> dict:
    """The board, and what there is to choose columns from."""
    endpoints = list(visible_to(user, Endpoint).select_related("workspace", "owner", "team"))
    return board_of(draft, calls) | {
        "has_endpoints": bool(endpoints),
        "demos": [endpoint for endpoint in endpoints if endpoint.is_demo],
        "groups": _groups(user, endpoints, calls),
        "chosen": len(calls),
        "credentialed": managing.credentialed(user),
        "proxied_in": managing.proxied_in(user),
    }


def board_of(draft: Draft, calls: list[Call]) -> dict:
    return {
        "run": draft.run,
        "calls": calls,
        "follow_up_key": uuid4(),
        "is_running": any(is_going(call) for call in calls),
    }


def tabs_of(calls: list[Call]) -> dict:
    """What the two tabs of a phone say, and which one is open."""
    started = [call for call in calls if call.status != "idle"]
    is_going_on = any(is_going(call) for call in started)
    return {
        "progress": _progress(started),
        "shown": "outputs" if is_going_on else "prompt",
    }


def _progress(started: list[Call]) -> str:
    """How far a run is: "1 of 4 done, 1 failed"; in the end "4 of 4 done" or "3 done, 1 failed"."""
    many = Counter(call.status for call in started)
    words = {"failed": gettext("{n} failed"), "stopped": gettext("{n} stopped")}
    others = [words[status].format(n=many[status]) for status in words if many[status]]
    is_over = all(call.is_over for call in started)
    done = gettext("{n} done") if is_over and others else gettext("{n} of {all} done")
    return ", ".join([done.format(n=many["done"], all=len(started)), *others]) if started else ""


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
        (
            gettext("Shared with %(team)s") % {"team": team},
            [{"endpoint": e, "call": None} for e in group],
        )
        for team, group in groupby(shared, key=lambda e: str(e.team))
    ]
    groups = [(gettext("In this comparison"), compared), (gettext("Mine"), mine), *teams]
    return [(title, items) for title, items in groups if items]


def _paramline(draft: Draft, params: list[judging.Parameter]) -> str:
    """One line of what is set: temp 0.2 · max 800 · 2 stops · extra JSON."""
    parts = [f"{p.short} {p.value}" for p in params if p.value]
    if draft.stop:
        parts.append(ngettext("{n} stop", "{n} stops", len(draft.stop)).format(n=len(draft.stop)))
    for name, words in drafting.TEXTS.items():
        if getattr(draft, name).strip():
            parts.append(str(words))
    return " · ".join(parts) or gettext("no parameters set")


def _time(text: str) -> datetime | None:
    """A time with its zone, as JSON writes it; None for anything else."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None
