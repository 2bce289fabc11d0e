"""MLflow's prompt registry on a tracking server: versions and aliases, written and read.

It is mlflow's own store over our transport, so that a request is guarded like every other one, goes
to the one server that was named, and carries nothing of the process environment. mlflow is imported
when the first store is made, not before.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

from .addresses import AddressError
from .egress import Egress
from .errors import BadRequest, BadResponse, EndpointError
from .outgoing import Outgoing
from .tasks import ACCEPT_ANSWER
from .wire import Exchange, Limits

MOST_VERSIONS = 1_000
_NAME = re.compile(r"[A-Za-z0-9._-]{1,120}")
_PATH = re.compile(r"/api/[23]\.0/mlflow/[a-z/-]+")
_TEXT, _KIND = "mlflow.prompt.text", "_mlflow_prompt_type"
_IS_PROMPT = "tags.`mlflow.prompt.is_prompt` = 'true'"


@dataclass(frozen=True)
class Entry:
    """One version in the registry; `template` is a text or a list of messages."""

    version: int
    template: str | Sequence[Mapping[str, Any]]
    message: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Sequence[str] = ()


@dataclass(frozen=True)
class PromptRegistry:
    """The registry of one server, an origin that `egress.mlflow_origins` lists.

    Its methods raise AddressError, EndpointError and BadResponse.
    """

    origin: str
    egress: Egress
    limits: Limits = field(default_factory=Limits)

    def versions(self, name: str) -> list[Entry]:
        """Every version of a prompt, the oldest first; none where there is no such prompt."""
        store = _store_class()(self)
        query, token = f"name='{_named(name)}' AND {_IS_PROMPT}", None
        found: list[Any] = []
        while len(found) < MOST_VERSIONS:
            page = store.search_model_versions(query, 200, None, token)
            found += page
            token = page.token
            if not token:
                break
        aliases = _aliases_of(store, name) if found else {}
        entries = [_entry(each, aliases) for each in found if _TEXT in (each.tags or {})]
        return sorted(entries, key=lambda entry: entry.version)

    def add(self, name: str, entries: Sequence[Entry]) -> list[int]:
        """One more version for each; answers the numbers that the registry gave them."""
        store = _store_class()(self)
        if not self._has(store, _named(name)):
            store.create_prompt(name)
        return [
            int(
                store.create_prompt_version(
                    name, entry.template, entry.message or None, dict(entry.tags)
                ).version
            )
            for entry in entries
        ]

    def point(self, name: str, alias: str, version: int) -> None:
        """Point an alias to a version, wherever it pointed before."""
        _store_class()(self).set_prompt_alias(_named(name), alias, version)

    def _has(self, store: Any, name: str) -> bool:
        """Raises BadRequest for a name that is a model's: both are in one registry."""
        try:
            found = store.get_registered_model(name)
        except EndpointError as error:
            if error.upstream_status == 404:
                return False
            raise
        if "mlflow.prompt.is_prompt" not in (found._tags or {}):
            raise BadRequest(
                f"{name} is a model in MLflow's registry.",
                hint="Choose another name.",
                field="name",
            )
        return True

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """The parsed answer to one request of mlflow's; a path is one of its own."""
        if not _PATH.fullmatch(path):
            raise AddressError("path", "This is no path of MLflow's registry.")
        url = f"{self.origin}{path}"
        if method == "GET":
            url, body = f"{url}?{urlencode(body, doseq=True)}", None
        policy = self.egress.policy("mlflow", url)
        outgoing = Outgoing(method, url, "mlflow", ACCEPT_ANSWER, policy, body)
        with Exchange(outgoing, self.limits) as answer:
            return answer.clean(answer.json())


def _named(name: str) -> str:
    """Raises AddressError for what MLflow takes for no name of a prompt."""
    if not _NAME.fullmatch(name):
        raise AddressError(
            "name", "A name in MLflow's registry has letters, digits and . _ - and at most 120."
        )
    return name


def _aliases_of(store: Any, name: str) -> dict[int, list[str]]:
    aliases: dict[int, list[str]] = {}
    for alias, version in (store.get_registered_model(name).aliases or {}).items():
        aliases.setdefault(int(version), []).append(alias)
    return aliases


def _entry(found: Any, aliases: Mapping[int, Sequence[str]]) -> Entry:
    tags, template = dict(found.tags), found.tags[_TEXT]
    if tags.get(_KIND) == "chat":
        try:
            template = json.loads(template)
        except (ValueError, RecursionError) as error:
            raise BadResponse("A prompt of the registry holds no JSON.") from error
    number = int(found.version)
    return Entry(number, template, found.description or "", tags, aliases.get(number, ()))


@cache
def _store_class() -> type:
    from mlflow.protos.model_registry_pb2 import ModelRegistryService
    from mlflow.store.model_registry.rest_store import RestStore
    from mlflow.utils.proto_json_utils import parse_dict
    from mlflow.utils.rest_utils import _REST_API_PATH_PREFIX, extract_api_info_for_service

    routes = extract_api_info_for_service(ModelRegistryService, _REST_API_PATH_PREFIX)

    class Store(RestStore):
        """mlflow's store, whose every request goes through our wire."""

        def __init__(self, registry: PromptRegistry) -> None:
            super().__init__(_no_credentials)
            self._registry = registry

        def _call_endpoint(
            self,
            api: Any,
            json_body: str | None,
            call_all_endpoints: bool = False,
            extra_headers: Any = None,
        ) -> Any:
            path, method = routes[api]
            found = self._registry.send(method, path, json.loads(json_body or "{}"))
            answer = api.Response()
            try:
                parse_dict(found, answer)
            except Exception as error:  # protobuf's own, of many kinds
                raise BadResponse("The MLflow server answered something else.") from error
            return answer

    return Store


def _no_credentials() -> None:
    raise LookupError("Nothing of mlflow's own connects from here.")
