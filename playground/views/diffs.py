"""How one answer differs from another, shown in the column; how one draft differs from another."""

import json

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from .. import comparing, drafting
from ..access import get_visible
from ..diff import LINES, WORDS, compare
from ..models import Call, Draft


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


@require_POST
def draft_diff(request: HttpRequest) -> HttpResponse:
    """The form's fields against `other`, those of another draft as JSON [[name, value]].

    Nothing is stored.
    """
    typed = QueryDict(mutable=True)
    try:
        for name, value in json.loads(request.POST.get("other", "")):
            if not (isinstance(name, str) and isinstance(value, str)):
                raise ValueError
            typed.appendlist(name, value)
    except (ValueError, TypeError, RecursionError):
        return HttpResponseBadRequest("The other draft is a list of names and values.")
    mine, other = (Draft(owner=request.user) for _ in range(2))
    drafting.take_typed(mine, request.POST)
    drafting.take_typed(other, typed)
    parts = comparing.draft_parts(mine, other)
    context = {
        "parts": [part for part in parts if part.difference],
        "left_out": sum(not part.difference for part in parts),
    }
    return render(request, "playground/_draft_diff.html", context)
