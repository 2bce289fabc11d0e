"""What prompts can be sent to: the list of endpoints, the form of one, and its check."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from .. import connecting, managing, trying
from ..access import (
    can_edit,
    can_run,
    editable_by,
    get_visible,
    has_confirmed,
    runnable_by,
    visible_to,
)
from ..connecting import Refused
from ..forms.endpoints import EndpointForm, example_of
from ..forms.transforms import TryForm
from ..languages import written
from ..models import Endpoint, User

CHECK_NEXT = "check-endpoint"  # session: the endpoint whose page checks itself, once, on arrival


@dataclass(frozen=True)
class Line:
    """One endpoint as one person sees it."""

    endpoint: Endpoint
    can_edit: bool
    can_run: bool

    @property
    def address(self) -> str:
        """Where prompts go, as somebody would recognise it in the workspace."""
        e = self.endpoint
        if e.url:
            return e.url
        host = e.seen_workspace.short_host if e.seen_workspace else "…"
        return f"{host}/{self._in_workspace}"

    @property
    def place(self) -> str:
        """The same in fewer letters: a workspace by its name."""
        e = self.endpoint
        return (
            e.url or f"{e.seen_workspace or gettext('workspace not shared')} · {self._in_workspace}"
        )

    @property
    def _in_workspace(self) -> str:
        e = self.endpoint
        return f"{e.cluster_id}:{e.port}{e.path}" if e.cluster_id else e.serving_endpoint


@require_safe
def endpoint_list(request: HttpRequest) -> HttpResponse:
    user = request.user
    endpoints = visible_to(user, Endpoint).select_related("owner", "team", "workspace")
    edits = set(editable_by(user, Endpoint).values_list("pk", flat=True))
    runs = set(runnable_by(user).values_list("pk", flat=True))
    lines = [Line(e, e.pk in edits, e.pk in runs) for e in endpoints]
    return render(request, "endpoints/list.html", {"lines": lines})


@require_http_methods(["GET", "HEAD", "POST"])
def endpoint_new(request: HttpRequest) -> HttpResponse:
    kind, task = Endpoint.Kind.SERVING, Endpoint.Task.CHAT
    return _form(request, Endpoint(owner=request.user, kind=kind, task=task))


@require_http_methods(["GET", "HEAD", "POST"])
def endpoint_edit(request: HttpRequest, pk) -> HttpResponse:
    """The form, or for those who may not change it the same facts as text."""
    endpoint = get_visible(request.user, Endpoint, pk)
    if can_edit(request.user, endpoint):
        return _form(request, endpoint)
    if request.method == "POST":
        raise PermissionDenied(gettext("Only its owner and the team's admins change an endpoint."))
    context = {
        "endpoint": endpoint,
        "can_run": can_run(request.user, endpoint),
        "is_confirmed": _is_confirmed(request.user, endpoint),
    }
    return render(request, "endpoints/detail.html", context)


@require_POST
def endpoint_check(request: HttpRequest, pk) -> HttpResponse:
    endpoint = get_visible(request.user, Endpoint, pk)
    if not can_run(request.user, endpoint):
        raise PermissionDenied(gettext("Your role does not let you run this endpoint."))
    result = connecting.check_endpoint(request.user, endpoint)
    if not request.htmx:
        _tell(request, endpoint, result)
        return redirect("endpoint-edit", pk)
    is_line = request.htmx.target == f"endpoint-{endpoint.pk}-check"
    template = "endpoints/_check_line.html" if is_line else "endpoints/_check.html"
    return render(request, template, _check_context(endpoint, result))


@require_http_methods(["GET", "HEAD", "POST"])
def endpoint_delete(request: HttpRequest, pk) -> HttpResponse:
    endpoint = get_visible(request.user, Endpoint, pk)
    if not can_edit(request.user, endpoint):
        raise PermissionDenied(gettext("Only its owner and the team's admins delete an endpoint."))
    if request.method != "POST":
        return render(request, "endpoints/delete.html", {"endpoint": endpoint})
    connecting.delete_endpoint(request.user, endpoint)
    messages.success(
        request, gettext("Deleted %(endpoint)s. Its runs are kept.") % {"endpoint": endpoint}
    )
    # The fragment puts the focus on the list's heading: the row that had it is gone.
    return redirect(f"{reverse('endpoint-list')}#list-t")


@require_POST
def template_example(request: HttpRequest) -> HttpResponse:
    """What a template that is being typed makes of two messages."""
    example = example_of(request.POST.get("template", ""))
    return render(request, "endpoints/_template_example.html", {"example": example})


# The form -----------------------------------------------------------------------------------


def _form(request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    heading = _heading(endpoint)
    if request.method != "POST":
        if request.htmx:
            return _address_part(request)
        form = EndpointForm(request.user, initial=EndpointForm.values_of(endpoint))
        return _form_page(request, endpoint, form, heading)
    if "show-fields" in request.POST:  # without script, the button beside the kinds
        form = EndpointForm(request.user, initial=_typed(request.POST))
        return _form_page(request, endpoint, form, heading)
    form = EndpointForm(request.user, request.POST)
    if form.is_valid():
        try:
            _save(request.user, form, endpoint)
        except Refused as refused:
            form.refuse(refused)
        else:
            return _saved(request, endpoint)
    else:
        form.judge(endpoint)
    return _form_page(request, endpoint, form, heading, status=422)


def _heading(endpoint: Endpoint) -> str | None:
    """The stored name, None for a new endpoint: what is typed is not yet its name."""
    return None if endpoint._state.adding else endpoint.name


def _save(user: User, form: EndpointForm, endpoint: Endpoint) -> None:
    """Store it, unless it earns a warning that nobody has confirmed. Raises Refused."""
    port_before = endpoint.port
    with transaction.atomic():
        warnings = connecting.save_endpoint(form.fill(endpoint), user)
        if warnings and endpoint.port != port_before and not form.cleaned_data["confirm_port"]:
            raise Refused("confirm_port", " ".join(warnings))


def _saved(request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    if "check" in request.POST:
        request.session[CHECK_NEXT] = str(endpoint.pk)
        # To the card with the answer: on a phone it is far below.
        return redirect(f"{reverse('endpoint-edit', args=[endpoint.pk])}#endpoint-check")
    messages.success(request, gettext("Saved %(endpoint)s.") % {"endpoint": endpoint})
    return redirect("endpoint-list")


def _form_page(
    request: HttpRequest, endpoint: Endpoint, form: EndpointForm, heading: str | None, status=200
) -> HttpResponse:
    checks_itself = request.session.get(CHECK_NEXT) == str(endpoint.pk)
    if checks_itself:
        del request.session[CHECK_NEXT]
    context = {
        "endpoint": endpoint,
        "heading": heading,
        "form": form,
        "checks_itself": checks_itself,
        "try_form": TryForm(request.POST or None),
        "recent_calls": trying.recent_calls(request.user, endpoint),
        "is_confirmed": heading is None or _is_confirmed(request.user, endpoint),
        "credentialed": [] if heading else managing.credentialed(request.user),
    }
    response = render(request, "endpoints/form.html", context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _is_confirmed(user: User, endpoint: Endpoint) -> bool:
    """Whether this person lets the stored transforms run; those being typed are not stored."""
    stored = get_visible(user, Endpoint, endpoint.pk)
    return has_confirmed(user, stored, stored.transforms_fingerprint)


def _address_part(request: HttpRequest) -> HttpResponse:
    """The fields that depend on kind and task; what was typed in any of them is kept."""
    typed = _typed(request.GET)
    if request.htmx.trigger_name == "kind":
        is_serving = typed.get("kind") == Endpoint.Kind.SERVING
        typed["task"] = Endpoint.Task.CHAT if is_serving else Endpoint.Task.CUSTOM
    form = EndpointForm(request.user, initial=typed)
    response = render(request, "endpoints/_address.html", {"form": form})
    patch_vary_headers(response, ["HX-Request"])
    return response


def _typed(data) -> dict:
    return data.dict() | {"stream": "stream" in data}


# The check ----------------------------------------------------------------------------------


def _check_context(endpoint: Endpoint, result: dict) -> dict:
    seconds = f"{written(result['latency_ms'] / 1000, 2)} s"
    return {"endpoint": endpoint, "result": as_check(result), "seconds": seconds}


def as_check(answer: dict) -> dict:
    """A check's answer, its advice put for somebody who checks and does not run."""
    if answer["ok"]:
        return answer
    hint = answer["error"]["hint"]
    hint = hint.replace("run again", "check again").replace("Run again", "Check again")
    return answer | {"error": answer["error"] | {"hint": hint}}


def _tell(request: HttpRequest, endpoint: Endpoint, result: dict) -> None:
    if result["ok"]:
        seconds = _check_context(endpoint, result)["seconds"]
        messages.success(
            request,
            gettext("%(endpoint)s works: it answered in %(seconds)s.")
            % {"endpoint": endpoint, "seconds": seconds},
        )
    else:
        error = as_check(result)["error"]
        messages.error(request, f"{endpoint}: {error['message']} {error['hint']}")
