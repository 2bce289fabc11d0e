"""Runs: start one, look at it, stop it; its calls: stop, try again, vote, read as Markdown."""

import re

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from .. import drafting, following, prompting, running, vetting, voting
from ..access import get_editable, get_visible, visible_to
from ..connecting import Refused
from ..limits import TooMany
from ..markdown import closed_length, to_html
from ..models import Call, Run
from ..transforming import Unconfirmed
from .comments import comments_of
from .playground import is_going, refuse, show_page, show_run, status_of, tabs_of, tell_saved
from .sharing import about_of

VALUES = {"1": voting.UP, "-1": voting.DOWN, "0": voting.NEITHER}


@require_POST
def run_start(request: HttpRequest) -> HttpResponse:
    draft = drafting.draft_of(request.user)
    drafting.take_typed(draft, request.POST)
    try:
        variants = drafting.variants_of(request.user, draft, request.POST.getlist("column"))
        key = request.POST.get("idempotency_key", "").replace("\0", "")[:100]
        asked = drafting.asked_of(draft, variants)
        version = prompting.version_of(draft)
        if version is not None:
            vetting.check_values(version, asked["variables"])
            asked["prompt_version"] = version
            asked["prompt_changes"] = prompting.changes_since(draft, version)
        # A column with functions that this person has not read waits; the others do not for it.
        ready = [each for each in variants if drafting.is_read(request.user, each.endpoint)]
        # One transaction: the worker that hears of the run finds nobody else writing.
        with transaction.atomic():
            run = running.start_run(
                request.user,
                variants=ready or variants,
                idempotency_key=key,
                forked_from=visible_to(request.user, Run).filter(pk=draft.forked_from_id).first(),
                **asked,
            )
            drafting.keep_run(draft, run, variants)
    except (Refused, TooMany, running.TooLarge, running.Conflict, Unconfirmed) as error:
        drafting.keep_typed(draft)
        if not request.htmx:
            return show_page(request, draft, error)
        return tell_saved(refuse(request, error), draft)
    if not request.htmx:
        return redirect(run)
    skipped = [Call(position=each.position).letter for each in variants if each not in ready]
    return tell_saved(show_run(request, draft, variants, skipped), draft)


@require_POST
def run_follow(request: HttpRequest) -> HttpResponse:
    """One more turn in the ticked columns, each of which goes on with its own thread."""
    draft = drafting.draft_of(request.user)
    drafting.take_typed(draft, request.POST)
    asked = [{"role": "user", "content": request.POST.get("follow_up", "").replace("\r\n", "\n")}]
    try:
        if draft.run is None:
            raise Refused(
                "columns", gettext("There is no answer to follow up on. Run the prompt first.")
            )
        variants = drafting.variants_of(request.user, draft, request.POST.getlist("to"))
        key = request.POST.get("follow_up_key", "").replace("\0", "")[:100]
        with transaction.atomic():
            run = following.start_follow_up(
                request.user,
                draft.run,
                asked,
                variants=variants,
                shown=request.POST.getlist("shown") or None,
                idempotency_key=key,
            )
            drafting.keep_follow_up(draft, run)
    except (Refused, TooMany, running.TooLarge, running.Conflict, Unconfirmed) as error:
        if not request.htmx:
            return show_page(request, draft, error)
        response = refuse(request, error)
        response["HX-Retarget"] = "#follow-errors"
        return response
    return show_run(request, draft, variants) if request.htmx else redirect(run)


@require_safe
def run_detail(request: HttpRequest, pk) -> HttpResponse:
    run = get_visible(request.user, Run, pk)
    calls = drafting.calls_of(request.user, run)
    context = {
        "calls": calls,
        "settings_asked": _settings_asked(calls),
        "is_fixed": True,
        "is_running": any(is_going(call) for call in calls),
        "is_in_playground": drafting.draft_of(request.user).run_id == run.pk,
    }
    context |= (
        about_of(request, run) | comments_of(request, run) | tabs_of(calls) | {"shown": "outputs"}
    )
    return render(request, "runs/detail.html", context)


@require_POST
def run_stop(request: HttpRequest, pk) -> HttpResponse:
    running.stop_run(get_editable(request.user, Run, pk))
    return HttpResponse(status=204)


@require_POST
def call_stop(request: HttpRequest, pk) -> HttpResponse:
    running.stop_call(get_editable(request.user, Call, pk))
    return HttpResponse(status=204)


@require_POST
def call_retry(request: HttpRequest, pk) -> HttpResponse:
    call = get_editable(request.user, Call, pk)
    try:
        call = running.retry_call(request.user, call, request.GET.getlist("without"))
    except running.Conflict:
        call = call.run.calls.filter(position=call.position, repetition=call.repetition).last()
    except (Refused, TooMany, Unconfirmed) as error:
        context = {"text": error.message, "level": "error"}
        response = render(request, "_toast.html", context, status=status_of(error))
        response["HX-Retarget"], response["HX-Reswap"] = "#toasts", "beforeend"
        return response
    call.is_mine = True
    return render(request, "runs/_call.html", {"call": call})


@require_POST
def call_vote(request: HttpRequest, pk) -> HttpResponse:
    """`best` 1 or 0, or a thumb as `value`; the page shows it already, unless this is refused."""
    call = get_visible(request.user, Call, pk)
    try:
        if "best" in request.POST:
            voting.mark_best(request.user, call, request.POST["best"] == "1")
        else:
            voting.vote(request.user, call, VALUES.get(request.POST.get("value")))
    except (Refused, running.Conflict) as error:
        return HttpResponse(str(error), status=422, content_type="text/plain; charset=utf-8")
    return HttpResponse(status=204)


@require_safe
def call_markdown(request: HttpRequest, pk) -> HttpResponse:
    """The answer read as Markdown. Its characters as they came are on the page.

    `?choice=` names a further one of several, by its index.
    """
    call = get_visible(request.user, Call, pk)
    text = _choice(call, request.GET["choice"]) if "choice" in request.GET else call.text
    if not request.htmx:
        return redirect(call.run)
    most = settings.MAX_MARKDOWN_CHARACTERS
    html = to_html(text) if len(text) <= most else None
    context = {"html": html, "characters": len(text), "most": most}
    return render(request, "runs/_markdown.html", context)


@require_safe
def call_blocks(request: HttpRequest, pk) -> HttpResponse:
    """The blocks of an answer that closed since `?from=`, where the last ones ended.

    While it streams: what follows `upto` is still open. Both count characters, `units` counts the
    same as scripts do.
    """
    call = get_visible(request.user, Call, pk)
    start = request.GET.get("from", "")
    start = int(start) if re.fullmatch("[0-9]{1,9}", start) else 0
    text = call.text[start:] if len(call.text) <= settings.MAX_MARKDOWN_CHARACTERS else ""
    closed = text[: closed_length(text)]
    upto = start + len(closed)
    units = len(call.text[:upto].encode("utf-16-le", "surrogatepass")) // 2
    return JsonResponse({"html": to_html(closed), "upto": upto, "units": units})


def _choice(call: Call, index: str) -> str:
    for choice in call.choices or []:
        if str(choice["index"]) == index:
            return choice["text"]
    raise Http404("No such choice.")


def _settings_asked(calls: list[Call]) -> list[dict]:
    """What was set for which columns: one entry where all were asked alike."""
    asked: dict[str, dict] = {}
    for call in calls:
        entry = {"params": call.overrides, "stop": call.stop_override or [], "calls": []}
        asked.setdefault(repr((entry["params"], entry["stop"])), entry)["calls"].append(call)
    return list(asked.values())
