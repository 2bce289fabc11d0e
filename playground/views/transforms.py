"""Transforms: tried while they are written, and confirmed by those who did not write them."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from .. import transforming, trying
from ..access import can_run, get_visible
from ..forms.endpoints import EndpointForm
from ..forms.transforms import TryForm
from ..models import Call, Endpoint
from ..models.endpoint import TRANSFORMS

# What a request is made of; mistakes anywhere else in the form do not matter here.
MATTERS = (*TRANSFORMS, "template", "temperature", "max_tokens", "extra", "stop")


@require_POST
def transform_try(request: HttpRequest) -> HttpResponse:
    """Run what is typed, in the sandbox, on a sample or on a recorded call. Sends nothing."""
    form, asked = EndpointForm(request.user, request.POST), TryForm(request.POST)
    form.is_valid()
    asked.is_valid()
    call = _chosen_call(request)
    context = {"form": form, "on": call, "wrong": [form[n] for n in MATTERS if form[n].errors]}
    if not context["wrong"]:
        context["tried"] = trying.try_transforms(
            request.user,
            form.endpoint_to_try(),
            asked.cleaned_data.get("sample", ""),
            asked.cleaned_data.get("answer", ""),
            call,
        )
    if not request.htmx:
        return render(request, "endpoints/tried.html", context)
    context["states"] = _states(form, context.get("tried", []))
    return render(request, "endpoints/_tried.html", context)


@require_POST
def transform_confirm(request: HttpRequest, pk) -> HttpResponse:
    """“I have read it, use it”: for the transforms that the page showed, and no others."""
    endpoint = get_visible(request.user, Endpoint, pk)
    if not can_run(request.user, endpoint):
        raise PermissionDenied(gettext("Your role does not let you run this endpoint."))
    is_confirmed = transforming.confirm(request.user, endpoint, request.POST.get("fingerprint", ""))
    if not request.htmx:
        return redirect("endpoint-edit", pk)
    context = {"endpoint": endpoint, "is_confirmed": is_confirmed, "has_changed": not is_confirmed}
    status = 200 if is_confirmed else 422
    return render(request, "endpoints/_confirm.html", context, status=status)


def _states(form: EndpointForm, tried: list[trying.Tried]) -> list[dict]:
    """What the bars of the editors say."""
    states = {
        name: {"name": name, "is_wrong": name in form.errors, "line": form.error_lines.get(name)}
        for name in TRANSFORMS
    }
    for each in tried:
        states[each.name] |= {"is_wrong": bool(each.problem), "is_valid": not each.problem}
        states[each.name] |= {"line": each.line}
    return list(states.values())


def _chosen_call(request: HttpRequest) -> Call | None:
    chosen = request.POST.get("try_on", "")
    call = get_visible(request.user, Call, chosen) if chosen else None
    return call if call is None or call.response else None
