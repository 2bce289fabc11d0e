"""Manage a workspace as its API lets this person: serving endpoints, secrets, clusters.

Every request carries the caller's own credential, so the workspace decides what they may do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext, gettext_lazy

from endpoints import (
    AddressError,
    EndpointError,
    addresses,
    clusters,
    deployments,
    providers,
    secrets,
)
from endpoints.clusters import Cluster
from endpoints.deployments import ServingEndpoint
from endpoints.discovery import Found
from endpoints.errors import Forbidden, NotFound
from endpoints.providers import FieldErrors
from endpoints.workspace import WorkspaceApi

from . import connecting
from .access import get_visible, visible_to
from .connecting import Refused
from .models import Endpoint, User, Workspace
from .threads import let_connection_go

TIMEOUT_S = 30  # nobody waits longer for a page
CHANGING = ("PENDING", "RESTARTING", "TERMINATING")  # states of a cluster that will not stay
START_WORDS = gettext_lazy("A cluster usually takes 3 to 7 minutes to start.")
GUESSED = gettext_lazy(
    "The task could not be found out, so it is the default, chat. Check it before you run."
)


def workspace_api(user: User, workspace: Workspace) -> WorkspaceApi:
    """The workspace as this person sees it. Raises NoCredential, AddressError."""
    credential = connecting.opened_credential(user, workspace, "manage")
    api = WorkspaceApi(
        workspace.host, credential, connecting.egress(), connecting.limits(TIMEOUT_S)
    )
    let_connection_go()
    return api


# Serving endpoints --------------------------------------------------------------------------


def list_serving_endpoints(user: User, workspace: Workspace) -> list[ServingEndpoint]:
    """What the workspace offers to this person, by name. Raises EndpointError."""
    found = deployments.list_serving_endpoints(workspace_api(user, workspace))
    return [each for each in found if _can_be_called(each.name)]


def _can_be_called(name: str) -> bool:
    try:
        return bool(addresses.serving_endpoint_name(name))
    except AddressError:
        return False


def get_serving_endpoint(user: User, workspace: Workspace, name: str) -> ServingEndpoint:
    """One of them, with a custom model's signature. Raises AddressError, EndpointError."""
    addresses.serving_endpoint_name(name)
    return deployments.get_serving_endpoint(workspace_api(user, workspace), name)


def create_serving_endpoint(
    user: User, workspace: Workspace, name: str, config: Mapping[str, Any]
) -> ServingEndpoint:
    """Create one; it answers at once and gets ready later. Secrets are named, never part of it.

    Raises Refused, EndpointError.
    """
    try:
        addresses.serving_endpoint_name(name)
    except AddressError as error:
        raise Refused("name", error.message) from error
    connecting.check_json("config", config)
    try:
        providers.require_references(config)
    except FieldErrors as found:
        raise Refused(*next(iter(found.errors.items()))) from found
    return deployments.create_serving_endpoint(workspace_api(user, workspace), name, config)


def delete_serving_endpoint(user: User, workspace: Workspace, name: str) -> None:
    """For everybody who uses it, not only here. Raises AddressError, EndpointError."""
    addresses.serving_endpoint_name(name)
    deployments.delete_serving_endpoint(workspace_api(user, workspace), name)


def add_found(user: User, workspace: Workspace, name: str) -> Endpoint:
    """Set up a found serving endpoint with its task; the one that is set up already stays."""
    known = set_up(user, workspace).get(name)
    if known is not None:
        return known
    found = get_serving_endpoint(user, workspace, name).found
    endpoint = Endpoint(
        owner=user,
        name=name,
        kind=Endpoint.Kind.SERVING,
        workspace=workspace,
        serving_endpoint=name,
    )
    _take(endpoint, found)
    with transaction.atomic():
        try:
            connecting.save_endpoint(endpoint, user)
        except Refused as refused:
            if refused.field != "name":
                raise
            endpoint.name = f"{name} ({workspace})"[:120]
            connecting.save_endpoint(endpoint, user)
    return get_visible(user, Endpoint, endpoint.pk)


def set_up(user: User, workspace: Workspace) -> dict[str, Endpoint]:
    """The endpoints that this person sees here, by the serving endpoint's name; own ones first."""
    rows = visible_to(user, Endpoint).filter(workspace=workspace, kind=Endpoint.Kind.SERVING)
    return {
        row.serving_endpoint: row for row in sorted(rows, key=lambda row: row.owner_id == user.id)
    }


def found_states(
    user: User, workspace: Workspace, found: Sequence[ServingEndpoint]
) -> list[tuple[Endpoint, ServingEndpoint]]:
    """The endpoints that this person sees here, each with what it leads to."""
    by_name = {each.name: each for each in found}
    rows = visible_to(user, Endpoint).filter(workspace=workspace, kind=Endpoint.Kind.SERVING)
    names = ((row, by_name.get(row.serving_endpoint)) for row in rows)
    return [(row, served) for row, served in names if served is not None]


def find_task(user: User, endpoint: Endpoint) -> list[str]:
    """Fill in the task that nobody gave. Answers a warning when it could only be guessed."""
    if endpoint.kind != Endpoint.Kind.SERVING or endpoint.workspace is None:
        return []
    workspace = visible_to(user, Workspace).filter(pk=endpoint.workspace_id).first()
    if workspace is None:  # who does not see it neither asks it nor reads what it is called
        return [str(GUESSED)]
    try:
        served = get_serving_endpoint(user, workspace, endpoint.serving_endpoint)
    except AddressError:
        return []  # what is wrong with the address is told when it is saved
    except EndpointError as error:
        return [f"{GUESSED} {error.message}"]
    _take(endpoint, served.found)
    return [str(GUESSED)] if served.found.basis == "nothing" else []


def _take(endpoint: Endpoint, found: Found) -> None:
    endpoint.task = found.task
    if found.format is not None:
        endpoint.format = found.format


@dataclass(frozen=True)
class NewSecret:
    """A secret to store on the way: the form's field that asks for it, where, and its value."""

    field: str
    scope: str
    key: str
    value: str = field(repr=False)


def create_external_model(
    user: User,
    workspace: Workspace,
    name: str,
    *,
    provider: str,
    model: str,
    task: str,
    values: Mapping[str, str],
    new_secrets: Sequence[NewSecret] = (),
) -> ServingEndpoint:
    """Store the new secrets, then create an endpoint that names them.

    `values` are the provider's fields, secrets among them by their reference. Nothing is stored
    while anything is wrong, and no secret that is there is replaced, as other endpoints may use it:
    FieldErrors names every field at fault. Raises EndpointError too.
    """
    external = check_external_model(
        name, provider=provider, model=model, task=task, values=values, new_secrets=new_secrets
    )
    api = workspace_api(user, workspace)
    _require_new(api, new_secrets)
    for secret in new_secrets:
        secrets.put_secret(api, secret.scope, secret.key, secret.value)
    config = providers.endpoint_config(name, external)
    try:
        return deployments.create_serving_endpoint(api, name, config)
    except EndpointError as error:
        if new_secrets:
            already = gettext("The secrets are stored already; leave their values empty.")
            error.hint = f"{error.hint} {already}"
        raise


def check_external_model(
    name: str,
    *,
    provider: str,
    model: str,
    task: str,
    values: Mapping[str, str],
    new_secrets: Sequence[NewSecret] = (),
) -> dict[str, Any]:
    """The external model of a served entity. FieldErrors names every field at fault."""
    errors: dict[str, str] = {}
    try:
        addresses.serving_endpoint_name(name)
    except AddressError as error:
        errors["name"] = error.message
    for secret in new_secrets:
        try:
            secrets.reference(secret.scope, secret.key)
            secrets.check_value(secret.value)
        except AddressError as error:
            errors[f"{secret.field}-{error.field}"] = error.message
    try:
        external = providers.external_model(provider, model, task, values)
    except FieldErrors as found:
        errors |= found.errors
    if errors:
        raise FieldErrors(errors)
    return external


def _require_new(api: WorkspaceApi, new_secrets: Sequence[NewSecret]) -> None:
    """Raises FieldErrors for secrets whose place is taken, by one over there or by each other."""
    errors, taken = {}, {scope: _keys_in(api, scope) for scope in {s.scope for s in new_secrets}}
    for secret in new_secrets:
        if secret.key in taken[secret.scope]:
            errors[f"{secret.field}-key"] = gettext(
                "The scope %(scope)s holds a secret %(key)s already. To use that one, "
                "leave its value empty; to store this one, choose another key."
            ) % {"scope": secret.scope, "key": secret.key}
        taken[secret.scope].add(secret.key)
    if errors:
        raise FieldErrors(errors)


def _keys_in(api: WorkspaceApi, scope: str) -> set[str]:
    try:
        return set(secrets.list_keys(api, scope))
    except (NotFound, Forbidden):  # no such scope yet, or one that is not ours to look into
        return set()


# Secrets ------------------------------------------------------------------------------------


def put_secret(user: User, workspace: Workspace, scope: str, key: str, value: str) -> str:
    """Store a secret over there and give the reference to it. The value is not kept here.

    The scope is made when it is missing. Raises AddressError for scope, key and value, and
    EndpointError.
    """
    secrets.reference(scope, key)
    return secrets.put_secret(workspace_api(user, workspace), scope, key, value)


# Clusters -----------------------------------------------------------------------------------


def list_clusters(user: User, workspace: Workspace) -> list[Cluster]:
    """The clusters that people made, running ones first. Raises EndpointError."""
    return clusters.list_clusters(workspace_api(user, workspace))


def get_cluster(user: User, workspace: Workspace, cluster_id: str) -> Cluster:
    """One of them. Raises AddressError, EndpointError."""
    return clusters.get_cluster(workspace_api(user, workspace), cluster_id)


def start_cluster(user: User, workspace: Workspace, cluster_id: str) -> Cluster:
    """Start it and give it as it is then; it takes minutes. Raises AddressError, EndpointError."""
    return clusters.start_cluster(workspace_api(user, workspace), cluster_id)


def cluster_states(user: User, workspace: Workspace) -> list[tuple[Endpoint, Cluster]]:
    """The endpoints behind the driver proxy that this person sees here, each with its cluster.

    The workspace is asked only where there are any. Raises EndpointError.
    """
    rows = list(
        visible_to(user, Endpoint).filter(workspace=workspace, kind=Endpoint.Kind.DRIVER_PROXY)
    )
    there = list_clusters(user, workspace) if rows else []
    by_id = {cluster.cluster_id: cluster for cluster in there}
    return [(row, by_id[row.cluster_id]) for row in rows if row.cluster_id in by_id]


def proxied_in(user: User) -> set:
    """The workspaces, by id, in which this person sees endpoints behind the driver proxy."""
    rows = visible_to(user, Endpoint).filter(kind=Endpoint.Kind.DRIVER_PROXY)
    return set(rows.values_list("workspace", flat=True))


def credentialed(user: User) -> list[Workspace]:
    """The workspaces that can be asked: those for which this person has a credential."""
    return list(visible_to(user, Workspace).filter(credentials__owner=user))
