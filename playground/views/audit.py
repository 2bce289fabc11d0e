"""A team's audit log, for its admins: filtered by the address, in pages, as a file."""

from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from .. import auditing
from ..access import can_edit, visible_to
from ..api.pages import PageQuery, page_of
from ..connecting import Refused
from ..exporting import TYPES, audit_as_csv
from ..forms.teams import AuditForm
from ..models import AuditEvent, Team
from .team import chosen_team


@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    team, form, events = _asked(request)
    if events is None:
        return _page(request, team, form, status=422)
    try:
        page = page_of(events, PageQuery(cursor=request.GET.get("cursor") or None), list)
    except Refused as refused:
        return _page(request, team, form, status=422, problem=refused.message)
    older = request.GET.dict() | {"team": team.pk, "cursor": page.next} if page.next else None
    return _page(request, team, form, events=page.items, older=older and urlencode(older))


@require_safe
def audit_export(request: HttpRequest) -> HttpResponse:
    """What the page shows, all pages of it, as CSV."""
    team, form, events = _asked(request)
    if events is None:
        return _page(request, team, form, status=422)
    response = HttpResponse(audit_as_csv(events), TYPES["csv"])
    response["Content-Disposition"] = f'attachment; filename="audit-{team.pk}.csv"'
    return response


def _asked(request: HttpRequest) -> tuple[Team, AuditForm, object]:
    """The team, its filter, and what the filter lets through: None where it cannot be read."""
    team = chosen_team(request)
    if team is None:
        raise Http404("No team.")
    if not can_edit(request.user, team):
        raise PermissionDenied(gettext("Only an admin of the team reads its audit log."))
    events = visible_to(request.user, AuditEvent).filter(team=team)
    names = events.order_by("actor_name").values_list("actor_name", flat=True).distinct()
    form = AuditForm(list(names), request.GET)
    return team, form, auditing.events_like(events, **form.wanted()) if form.is_valid() else None


def _page(request: HttpRequest, team: Team, form: AuditForm, status=200, **more) -> HttpResponse:
    query = request.GET.dict() | {"team": team.pk}
    query.pop("cursor", None)
    context = {
        "team": team,
        "form": form,
        "query": urlencode(query),
        "is_filtered": any(request.GET.get(name) for name in form.fields),
    }
    return render(request, "teams/audit.html", context | more, status=status)
