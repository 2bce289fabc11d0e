"""Serving endpoints of a workspace: list, look at, create, change, delete.

It is mlflow's own deployments client over our transport. That client takes its credential from the
process environment at every call, so that with two users in one process one's token goes out for
the other; here each client holds the one credential it was made with, keeps no cookie, follows no
redirect, and repeats no request. mlflow is imported when the first client is made, not before:
it costs a second and some 50 MB.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from . import sse
from .addresses import serving_endpoint_name
from .answers import parsed
from .discovery import (
    Found,
    State,
    detect_task,
    is_stopped,
    scales_to_zero,
    served_names,
    state_of,
)
from .errors import (
    BadRequest,
    BadResponse,
    EndpointError,
    Forbidden,
    TooLarge,
    Truncated,
)
from .refusals import error_in
from .scrubbing import cover
from .tasks import ACCEPT_STREAM
from .workspace import WorkspaceApi, error_code

if TYPE_CHECKING:
    from mlflow.deployments.databricks import DatabricksDeploymentClient

API = "/api/2.0"
MOST_LISTED = 1000
_NAMED = re.compile(r"([A-Za-z0-9_-]{1,63})(?:/([a-z-]+))?")
# Every route of mlflow's client, so that a name like `a/config` cannot lead to another one.
_ROUTES: dict[tuple[str, str], tuple[str | None, ...]] = {
    ("POST", "/"): ("invocations",),
    ("GET", API): (None,),
    ("DELETE", API): (None,),
    ("PUT", API): ("config", "rate-limits", "ai-gateway"),
    ("PATCH", API): ("tags",),
}


@dataclass(frozen=True)
class ServingEndpoint:
    """A serving endpoint as its workspace describes it; `served_entities` are their names."""

    name: str
    found: Found
    state: State
    served_entities: tuple[str, ...]
    details: Mapping[str, Any]

    @property
    def is_stopped(self) -> bool:
        return is_stopped(self.details)

    @property
    def scales_to_zero(self) -> bool:
        """As far as that is told: a list of endpoints may leave it out."""
        return scales_to_zero(self.details)


def deployments_client(api: WorkspaceApi) -> "DatabricksDeploymentClient":
    """mlflow's `DatabricksDeploymentClient` for one user; every public method of it works.

    It raises AddressError for a name that is none and EndpointError instead of mlflow's and
    requests' exceptions. A stream skips comments, and ends in Truncated when it broke off.
    """
    return _client_class()(api)


def list_serving_endpoints(api: WorkspaceApi) -> list[ServingEndpoint]:
    """The endpoints that the user may see, by name; of very many the first 1,000."""
    found = deployments_client(api).list_endpoints()
    named = (each for each in found if isinstance(each, dict) and isinstance(each.get("name"), str))
    first = sorted(named, key=lambda each: each["name"])[:MOST_LISTED]
    return [_described(each) for each in first]


def get_serving_endpoint(api: WorkspaceApi, name: str) -> ServingEndpoint:
    """One endpoint; for a custom model that is ready its OpenAPI document is asked for too."""
    details = deployments_client(api).get_endpoint(name)
    described = _described(details, asked=name)
    if described.found.task != "custom" or not described.state.is_ready:
        return described
    return _described(details, openapi(api, name), asked=name)


def openapi(api: WorkspaceApi, name: str) -> Any:
    """The OpenAPI document of an endpoint, None where it cannot be had: nothing depends on it."""
    path = f"{API}/serving-endpoints/{serving_endpoint_name(name)}/openapi"
    try:
        return api.send("GET", path, kind="serving")
    except EndpointError:
        return None


def create_serving_endpoint(
    api: WorkspaceApi,
    name: str,
    config: Mapping[str, Any],
    ai_gateway: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> ServingEndpoint:
    """Create an endpoint, in one request; it answers at once and gets ready later.

    `config` holds `served_entities` and, if wanted, `traffic_config`; `providers.external_model`
    builds what an external model needs.
    """
    payload: dict[str, Any] = {"name": serving_endpoint_name(name), "config": dict(config)}
    if ai_gateway:
        payload["ai_gateway"] = dict(ai_gateway)
    if tags:
        payload["tags"] = _tags(tags)
    try:
        return _described(deployments_client(api).create_endpoint(config=payload), asked=name)
    except BadRequest as error:
        if error_code(error) == "RESOURCE_ALREADY_EXISTS":
            raise BadRequest(
                f"This workspace has a serving endpoint named {name} already.",
                hint="Choose another name.",
                field="name",
                upstream_status=error.upstream_status,
                response=error.response,
            ) from error
        raise


def update_config(api: WorkspaceApi, name: str, config: Mapping[str, Any]) -> ServingEndpoint:
    """Replace what an endpoint serves; it goes on with the old until the new is ready."""
    changed = deployments_client(api).update_endpoint_config(endpoint=name, config=dict(config))
    return _described(changed, asked=name)


def update_ai_gateway(api: WorkspaceApi, name: str, ai_gateway: Mapping[str, Any]) -> None:
    """Replace the whole AI gateway block, which `update_config` does not take."""
    deployments_client(api).update_endpoint_ai_gateway(endpoint=name, config=dict(ai_gateway))


def update_tags(
    api: WorkspaceApi, name: str, add: Mapping[str, str], delete: tuple[str, ...] = ()
) -> None:
    change: dict[str, Any] = {"add_tags": _tags(add)} if add else {}
    if delete:
        change["delete_tags"] = list(delete)
    deployments_client(api).update_endpoint_tags(endpoint=name, config=change)


def delete_serving_endpoint(api: WorkspaceApi, name: str) -> None:
    deployments_client(api).delete_endpoint(name)


def _described(details: Any, document: Any = None, *, asked: str | None = None) -> ServingEndpoint:
    """`asked` is the name that was asked for: it stands, whatever name comes back."""
    name = details.get("name") if isinstance(details, dict) else None
    if not isinstance(name, str):
        raise BadResponse("The workspace described a serving endpoint without a name.")
    found, state = detect_task(details, document), state_of(details)
    return ServingEndpoint(asked or name, found, state, served_names(details), details)


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _path(method: str, prefix: str, route: str | None) -> str:
    """The path of one of mlflow's routes. Raises AddressError for a name that is none."""
    if route is None:
        return f"{API}/serving-endpoints"
    found = _NAMED.fullmatch(route)
    if not found or found[2] not in _ROUTES.get((method, prefix), ()):
        serving_endpoint_name(f"{route}/")  # no name has a slash: this raises
    return f"{prefix.rstrip('/')}/serving-endpoints/{route}"


def _kind(route: str | None) -> str:
    return "workspace" if route is None else "serving"


def _explained(error: Forbidden, method: str, prefix: str) -> Forbidden:
    """The same refusal with the permission that this request needs, unless it knows better."""
    if prefix == "/" or not error.hint.startswith("Ask for "):
        return error
    if method == "GET":
        error.hint = "Ask for “Can View” on this endpoint, then try again."
    elif method == "POST":
        error.hint = "Ask a workspace admin for the right to create serving endpoints."
    else:
        error.hint = "Ask for “Can Manage” on this endpoint, then try again."
    return error


@cache
def _client_class() -> type["DatabricksDeploymentClient"]:
    """The subclass, made once, when mlflow is wanted for the first time.

    Only the two methods that send are ours. Both are private in mlflow, so its version is pinned
    and a test holds their signatures.
    """
    from mlflow.deployments.databricks import DatabricksDeploymentClient, DatabricksEndpoint

    cover(logging.getLogger("mlflow").handlers)  # its own, made by the import

    class Client(DatabricksDeploymentClient):
        def __init__(self, api: WorkspaceApi) -> None:
            super().__init__("databricks")
            self._api = api

        def _call_endpoint(
            self,
            *,
            method: str,
            prefix: str = API,
            route: str | None = None,
            json_body: dict[str, Any] | None = None,
            timeout: int | None = None,
            retry_timeout_seconds: int | None = None,
        ) -> DatabricksEndpoint:
            path = _path(method, prefix, route)
            try:
                found = self._api.send(method, path, json_body, kind=_kind(route))
            except Forbidden as error:
                raise _explained(error, method, prefix) from error
            if isinstance(found, dict):
                return DatabricksEndpoint(found)
            raise BadResponse("The workspace answered with JSON that is no object.")

        def _call_endpoint_stream(
            self,
            *,
            method: str,
            prefix: str = API,
            route: str | None = None,
            json_body: dict[str, Any] | None = None,
            timeout: int | None = None,
            retry_timeout_seconds: int | None = None,
        ) -> Iterator[str]:
            path = _path(method, prefix, route)
            asked = self._api.exchange(
                method, path, json_body, kind=_kind(route), accept=ACCEPT_STREAM
            )
            with asked as answer:
                yield from _lines(answer)

        def list_endpoints(self) -> list[Any]:
            """mlflow's own fails in a workspace without endpoints, which leaves the key out."""
            found = self._call_endpoint(method="GET").get("endpoints") or []
            if not isinstance(found, list):
                raise BadResponse("The workspace's list of serving endpoints is none.")
            return found

    return Client


def _lines(answer: Any) -> Iterator[str]:
    """The answer as mlflow reads it: `data: ...` lines, one for each event, errors raised."""
    if not answer.is_event_stream:
        yield f"data: {_one_answer(answer)}"
        return
    is_finished = False
    try:
        for event in sse.events(answer.chunks()):
            if event.data == "[DONE]":
                return
            value = _payload(event.data, answer)
            is_finished = is_finished or _has_finish_reason(value)
            yield f"data: {answer.clean(event.data)}"
    except Truncated:
        if is_finished:
            return
        raise
    except sse.BeyondLimits as error:
        raise TooLarge(str(error)) from error
    if not is_finished:
        raise Truncated("The stream ended before the answer was whole.")


def _one_answer(answer: Any) -> str:
    """An answer in one piece, where a stream was asked for."""
    value = answer.clean(answer.json())
    if (error := error_in(value)) is not None:
        raise error
    return json.dumps(value)


def _payload(data: str, answer: Any) -> Any:
    try:
        value = parsed(data)
    except ValueError as error:
        raise BadResponse("The stream holds something that is no JSON.") from error
    if error_in(value) is not None:
        raise error_in(answer.clean(value))
    return value


def _has_finish_reason(value: Any) -> bool:
    choices = value.get("choices") if isinstance(value, dict) else None
    if not isinstance(choices, list):
        # Agents have no choices: their last event names itself.
        return isinstance(value, dict) and value.get("type") == "response.completed"
    return any(isinstance(each, dict) and each.get("finish_reason") for each in choices)
