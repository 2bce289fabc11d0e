"""A run's page beside its answers: what it is called, who sees it, links to it, forks of it."""

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from .. import deleting, drafting, filing, forking, sharing
from ..access import (
    get_editable,
    get_restorable,
    get_visible,
    linked_run,
    teams_to_share_with,
    visible_to,
)
from ..connecting import Refused
from ..models import PromptVersion, Run, RunLink, Team


@require_POST
def run_describe(request: HttpRequest, pk) -> HttpResponse:
    """Its title, tags and notes; what cannot be kept is said beside the field, nothing is lost."""
    run = get_editable(request.user, Run, pk)
    typed = {name: request.POST.get(name, "") for name in ("title", "tags", "notes")}
    try:
        filing.describe_run(run, typed["title"], typed["tags"].split(","), typed["notes"])
    except Refused as refused:
        return _about(request, run, status=422, refusal=refused, typed=typed)
    return _about(request, run, is_saved=True)


@require_POST
def run_share(request: HttpRequest, pk) -> HttpResponse:
    run = get_editable(request.user, Run, pk)
    chosen = request.POST.get("team", "")
    try:
        team = get_visible(request.user, Team, chosen) if chosen else None
        sharing.share_run(request.user, run, team)
    except Refused as refused:
        return _shared(request, run, status=422, refusal=refused)
    return _shared(request, run)


@require_POST
def link_make(request: HttpRequest, pk) -> HttpResponse:
    """A read-only link, shown this once."""
    run = get_editable(request.user, Run, pk)
    days = request.POST.get("days", "")
    try:
        link, token = sharing.make_link(request.user, run, int(days) if days.isdecimal() else 0)
    except Refused as refused:
        return _shared(request, run, status=422, refusal=refused)
    # After a #: browsers send that part to nobody, so that it is in no log on the way.
    address = request.build_absolute_uri(f"{reverse('shared-run')}#{token}")
    return _shared(request, run, fresh={"link": link, "address": address})


@require_POST
def link_revoke(request: HttpRequest, pk) -> HttpResponse:
    link = get_visible(request.user, RunLink, pk)
    sharing.revoke_link(request.user, link)
    return _shared(request, link.run)


@require_POST
def run_fork(request: HttpRequest, pk) -> HttpResponse:
    """Its prompt and columns as this person's draft. Runs nothing."""
    run = get_visible(request.user, Run, pk)
    left = forking.fork_run(request.user, drafting.draft_of(request.user), run)
    for words in left:
        messages.warning(request, words)
    return redirect("playground")


@require_POST
def run_columns(request: HttpRequest, pk) -> HttpResponse:
    """Its columns beside those that the draft has; the prompt stays as it is."""
    run = get_visible(request.user, Run, pk)
    try:
        for words in forking.add_columns(request.user, drafting.draft_of(request.user), run):
            messages.warning(request, words)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect(_history_at(run))
    return redirect("playground")


@require_POST
def draft_restore(request: HttpRequest) -> HttpResponse:
    """What was in the playground before the last fork."""
    forking.restore_draft(drafting.draft_of(request.user))
    return redirect("playground")


@require_POST
def run_delete(request: HttpRequest, pk) -> HttpResponse:
    run = get_editable(request.user, Run, pk)
    deleting.delete_run(request.user, run)
    words = gettext("Deleted “%(run)s”.") % {"run": run.title}
    messages.success(request, words, extra_tags=reverse("run-restore", args=[run.pk]))
    filters = QueryDict(request.POST.get("filters", "")[:2000]).urlencode()
    return redirect(f"{reverse('run-list')}?{filters}".rstrip("?"))


@require_POST
def run_restore(request: HttpRequest, pk) -> HttpResponse:
    run = get_restorable(request.user, Run, pk)
    deleting.restore(run)
    messages.success(request, gettext("“%(run)s” is back.") % {"run": run.title})
    return redirect(_history_at(run))


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def shared_run(request: HttpRequest) -> HttpResponse:
    """One run for whoever has a link to it, signed in or not.

    The link's secret stands after a # and is sent here by the page's script, or pasted into its
    field: so it is in no address, log or Referer.
    """
    token = request.POST.get("link", "").rpartition("#")[2].strip()
    run = linked_run(token) if token else None
    context = {"run": run, "is_wrong": request.method == "POST" and run is None}
    if run is not None:
        context["calls"] = run.current_calls()
    return render(request, "runs/shared.html", context, status=404 if context["is_wrong"] else 200)


def about_of(request: HttpRequest, run: Run) -> dict:
    """What the run's page says beside the answers, and the forms for who may change it."""
    is_own = run.owner_id == request.user.pk
    return {
        "run": run,
        "is_own": is_own,
        "tags": ", ".join(run.tags),
        "forks": visible_to(request.user, Run).filter(forked_from=run).order_by("created_at")[:20],
        "forked_from": visible_to(request.user, Run).filter(pk=run.forked_from_id).first(),
        "prompt_version": visible_to(request.user, PromptVersion)
        .filter(pk=run.prompt_version_id)
        .select_related("prompt")
        .first(),
        "teams": teams_to_share_with(request.user) if is_own else (),
        "links": run.links.all() if is_own else (),
        "days": sharing.LINK_DAYS,
    }


def _history_at(run: Run) -> str:
    return f"{reverse('run-list')}?{urlencode({'run': run.pk})}"


def _about(request: HttpRequest, run: Run, *, status: int = 200, **more) -> HttpResponse:
    if not request.htmx:
        return redirect(run)
    return render(request, "runs/_about.html", about_of(request, run) | more, status=status)


def _shared(request: HttpRequest, run: Run, *, status: int = 200, **more) -> HttpResponse:
    if not request.htmx and "fresh" not in more:
        return redirect(run)
    return render(request, "runs/_sharing.html", about_of(request, run) | more, status=status)
