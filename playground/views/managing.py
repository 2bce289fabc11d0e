"""What a workspace has and offers: its serving endpoints and clusters, found, made and deleted."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from endpoints import AddressError, EndpointError
from endpoints.clusters import Cluster
from endpoints.deployments import MOST_LISTED

from .. import managing
from ..access import get_visible, visible_to
from ..connecting import Refused, describe
from ..forms.managing import ServingEndpointForm
from ..forms.workspaces import ConfirmNameForm
from ..models import Endpoint, User, Workspace
from .playground import lead_to_column

NO_CREDENTIAL = ("no_credential", "unauthorized", "forbidden", "login_page")


# Serving endpoints --------------------------------------------------------------------------


@require_safe
def serving_endpoint_list(request: HttpRequest, pk) -> HttpResponse:
    """All that the workspace offers; for htmx the list alone, to choose from."""
    workspace = get_visible(request.user, Workspace, pk)
    found, error = _ask(managing.list_serving_endpoints, request.user, workspace)
    known = managing.set_up(request.user, workspace)
    context = {
        "workspace": workspace,
        "lines": [(each, known.get(each.name)) for each in found or ()],
        "most": MOST_LISTED,
        "error": error,
    }
    part, page = "workspaces/_found.html", "workspaces/serving_endpoints.html"
    return _page_or_part(request, page, part, context)


@require_safe
def found_choice(request: HttpRequest, pk) -> HttpResponse:
    """What it has that is not set up yet, as a group of the picker; and the others' states."""
    workspace = get_visible(request.user, Workspace, pk)
    found, error = _ask(managing.list_serving_endpoints, request.user, workspace)
    known = managing.set_up(request.user, workspace)
    others = [each for each in found or () if each.name not in known]
    states = managing.found_states(request.user, workspace, found or ())
    context = {"workspace": workspace, "found": others, "error": error, "served": states}
    return render(request, "playground/_picker_found.html", context)


@require_POST
def found_add(request: HttpRequest, pk) -> HttpResponse:
    """Set up a found one: from the picker to be ticked there, else to its form or its column."""
    workspace = get_visible(request.user, Workspace, pk)
    name = request.POST.get("name", "")
    try:
        endpoint, error = _ask(managing.add_found, request.user, workspace, name)
    except Refused as refused:
        endpoint, error = None, {"message": refused.message, "hint": ""}
    if request.htmx:
        return _in_picker(request, workspace, name, endpoint, error)
    if endpoint is None:
        words = gettext("Not added. %(message)s %(hint)s") % error
        messages.error(request, words.strip())
        return redirect("serving-endpoint-list", pk)
    task = endpoint.get_task_display().lower()
    words = gettext("Added %(endpoint)s with the task %(task)s.")
    words %= {"endpoint": endpoint, "task": task}
    if "to-playground" in request.POST:
        return lead_to_column(request, endpoint, words)
    messages.success(request, words)
    return redirect("endpoint-edit", endpoint.pk)


def _in_picker(
    request: HttpRequest,
    workspace: Workspace,
    name: str,
    endpoint: Endpoint | None,
    error: dict | None,
) -> HttpResponse:
    if endpoint is not None:
        context = {"item": {"endpoint": endpoint}, "is_made": True}
        return render(request, "playground/_picker_item.html", context)
    problem = (gettext("Not set up. %(message)s %(hint)s") % error).strip()
    context = {"workspace": workspace, "name": name, "problem": problem}
    return render(request, "playground/_picker_found_item.html", context, status=422)


@require_safe
def serving_endpoint(request: HttpRequest, pk, name: str) -> HttpResponse:
    """One of them and whether it is ready; for htmx its state alone."""
    workspace = get_visible(request.user, Workspace, pk)
    found, error = _ask(managing.get_serving_endpoint, request.user, workspace, name)
    context = {
        "workspace": workspace,
        "name": name,
        "found": found,
        "error": error,
        "endpoint": managing.set_up(request.user, workspace).get(name),
    }
    part, page = "workspaces/_serving_state.html", "workspaces/serving_endpoint.html"
    return _page_or_part(request, page, part, context)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def serving_endpoint_new(request: HttpRequest, pk) -> HttpResponse:
    """A new external model. Secrets come by POST alone and are never rendered back."""
    workspace = get_visible(request.user, Workspace, pk)
    if request.method != "POST":
        return _new_page(request, workspace, ServingEndpointForm())
    if "show-fields" in request.POST:
        form = ServingEndpointForm(initial=request.POST.dict())
        return _new_page(request, workspace, form)
    form = ServingEndpointForm(request.POST)
    if form.is_valid() and (made := form.create(request.user, workspace)):
        messages.success(
            request,
            gettext("Created %(name)s in %(workspace)s.")
            % {"name": made.name, "workspace": workspace},
        )
        return redirect("serving-endpoint", pk, made.name)
    return _new_page(request, workspace, form, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
def serving_endpoint_delete(request: HttpRequest, pk, name: str) -> HttpResponse:
    """Asks for the name: it is gone for everybody, not only here."""
    workspace = get_visible(request.user, Workspace, pk)
    form = ConfirmNameForm(name, request.POST if request.method == "POST" else None)
    if form.is_valid():
        _, error = _ask(managing.delete_serving_endpoint, request.user, workspace, name)
        if error is None:
            messages.success(
                request,
                gettext("Deleted %(name)s in %(workspace)s.")
                % {"name": name, "workspace": workspace},
            )
            return redirect("serving-endpoint-list", pk)
        form.add_error(None, f"{error['message']} {error['hint']}".strip())
    context = {
        "workspace": workspace,
        "name": name,
        "form": form,
        "endpoint": managing.set_up(request.user, workspace).get(name),
    }
    status = 422 if form.is_bound else 200
    return render(request, "workspaces/delete_serving_endpoint.html", context, status=status)


@require_safe
def found_names(request: HttpRequest) -> HttpResponse:
    """The names of the chosen workspace's serving endpoints, as suggestions for a field."""
    workspace = _chosen_workspace(request)
    found = None
    if workspace is not None:
        found, _ = _ask(managing.list_serving_endpoints, request.user, workspace)
    return render(request, "endpoints/_found_names.html", {"found": found or ()})


# Clusters -----------------------------------------------------------------------------------


@require_safe
def cluster_choice(request: HttpRequest) -> HttpResponse:
    """The clusters of the chosen workspace, and the state of the one that is typed."""
    workspace = _chosen_workspace(request)
    typed = request.GET.get("cluster_id", "").strip()
    clusters, error = None, None
    if workspace is not None:
        clusters, error = _ask(managing.list_clusters, request.user, workspace)
    chosen = next((each for each in clusters or () if each.cluster_id == typed), None)
    context = _cluster_context(workspace, chosen)
    context |= {"clusters": clusters, "error": error, "typed": typed}
    return render(request, "endpoints/_clusters.html", context)


@require_safe
def cluster_states(request: HttpRequest, pk) -> HttpResponse:
    """Which clusters of the picker's endpoints do not run; nothing where that cannot be known."""
    workspace = get_visible(request.user, Workspace, pk)
    states, _ = _ask(managing.cluster_states, request.user, workspace)
    return render(request, "playground/_picker_states.html", {"clusters": states or ()})


@require_safe
def cluster_state(request: HttpRequest, pk, cluster_id: str) -> HttpResponse:
    return _cluster_part(request, managing.get_cluster, pk, cluster_id)


@require_POST
def cluster_start(request: HttpRequest, pk, cluster_id: str) -> HttpResponse:
    return _cluster_part(request, managing.start_cluster, pk, cluster_id)


def _cluster_part(request: HttpRequest, verb: Callable, pk, cluster_id: str) -> HttpResponse:
    workspace = get_visible(request.user, Workspace, pk)
    cluster, error = _ask(verb, request.user, workspace, cluster_id)
    context = _cluster_context(workspace, cluster)
    # A form has a list of clusters, whose words follow; a column has none.
    is_listed = (request.htmx.current_url_abs_path or "").startswith(reverse("endpoint-list"))
    context |= {"cluster_error": error, "cluster_id": cluster_id, "is_listed": is_listed}
    return render(request, "endpoints/_cluster_state.html", context)


def _cluster_context(workspace: Workspace | None, cluster: Cluster | None) -> dict[str, Any]:
    return {
        "workspace": workspace,
        "cluster": cluster,
        "is_changing": cluster is not None and cluster.state in managing.CHANGING,
        "start_words": managing.START_WORDS,
    }


# What they do -------------------------------------------------------------------------------


def _ask(verb: Callable, user: User, workspace: Workspace, *arguments) -> tuple[Any, dict | None]:
    """What the workspace answers and None, or None and its refusal as it is shown."""
    try:
        return verb(user, workspace, *arguments), None
    except EndpointError as error:
        told = describe(error)
        told["hint"] = told["hint"].replace("run again", "try again")
        told["needs_credential"] = error.kind in NO_CREDENTIAL
        return None, told
    except AddressError as error:
        return None, {"kind": "invalid", "message": error.message, "hint": ""}


def _chosen_workspace(request: HttpRequest) -> Workspace | None:
    """The workspace that the form names, if it is one that can be asked."""
    chosen = request.GET.get("workspace", "")
    visible = {str(each.pk): each for each in visible_to(request.user, Workspace)}
    return visible.get(chosen)


def _new_page(
    request: HttpRequest, workspace: Workspace, form: ServingEndpointForm, status: int = 200
) -> HttpResponse:
    context = {"workspace": workspace, "form": form}
    part, page = "workspaces/_provider_fields.html", "workspaces/new_serving_endpoint.html"
    return _page_or_part(request, page, part, context, status)


def _page_or_part(
    request: HttpRequest, page: str, part: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    response = render(request, part if request.htmx else page, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response
