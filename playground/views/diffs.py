"""How one answer differs from another: shown in the column, computed from what is stored."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from .. import comparing
from ..access import get_visible
from ..diff import LINES, WORDS, compare
from ..models import Call


@require_safe
def call_diff(request: HttpRequest, pk) -> HttpResponse:
    """`?with=` names the call it is compared with, `&by=` is words or lines."""
    call = get_visible(request.user, Call, pk)
    chosen = request.GET.get("with")
    other = get_visible(request.user, Call, chosen) if chosen else None
    if not request.htmx:
        return redirect(call.run)
    groups = comparing.offers_for(request.user, call)
    other = other or comparing.first_offer(groups)
    by = LINES if request.GET.get("by") == LINES else WORDS
    context = {
        "call": call,
        "other": other,
        "groups": groups,
        "is_offered": any(other in group.calls for group in groups),
        "by": by,
        "difference": compare(other.text, call.text, by) if other else None,
        "unfinished": [each for each in (other, call) if each and not each.is_over],
    }
    return render(request, "runs/_diff.html", context)
