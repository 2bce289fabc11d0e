"""A fake workspace with its management API, on a real socket: an `Upstream` that remembers.

    with Workspace(tokens={"dapi-alice": "alice"}) as workspace:
        workspace.clients["app-id"] = "its-secret"          # an OAuth client
        workspace.add_cluster("0812-091530-k3v9q2", "TERMINATED")

Besides what `Upstream` plays, it answers

    POST /oidc/v1/token                                    `clients`; `token_life_s`, `token_ending`
    /api/2.0/serving-endpoints[/{name}[/config|...]]       `endpoints`, by name: their details
    /api/2.0/secrets/...                                   `secrets`: scope -> key -> value
    /api/2.1/clusters/{list,get,start}                     `clusters`, by id

An endpoint that is created is there at once and `NOT_READY` until `make_ready(name)`; only then its
model answers, and its OpenAPI document can be had. No Django here.
"""

import base64
import json
import re
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.upstream import Exchange, Upstream, chat_model, custom_model

API = "/api/2.0/serving-endpoints"
ORG_ID = "1234567890123456"
_ENDPOINT = re.compile(
    r"/api/2\.0/serving-endpoints/([^/]+)(?:/(config|tags|rate-limits|ai-gateway|openapi))?"
)
_SECRETS = "/api/2.0/secrets/"
_CLUSTERS = "/api/2.1/clusters/"
_PAGE = 2


class Workspace(Upstream):
    """The server; `requests` holds everything that was asked, in order."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.clients: dict[str, str] = {}
        self.token_life_s: float | None = 3600
        self.token_ending = ""
        self.before_token: Any = None
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.openapi: dict[str, Any] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.clusters: dict[str, dict[str, Any]] = {}
        self.cookie: str | None = None
        self._lock = threading.Lock()
        self._issued = 0

    def add_cluster(self, cluster_id: str, state: str = "RUNNING", **more: Any) -> None:
        name = more.pop("cluster_name", cluster_id)
        cluster = {"cluster_id": cluster_id, "cluster_name": name, "state": state, **more}
        self.clusters[cluster_id] = cluster

    def make_ready(self, name: str) -> None:
        """End the creation or the update of an endpoint."""
        details = self.endpoints[name]
        details["state"] = {"ready": "READY", "config_update": "NOT_UPDATING"}
        details["config"] = details.pop("pending_config", details.get("config"))
        is_external = "external_model" in details["config"]["served_entities"][0]
        self.models.setdefault(name, chat_model if is_external else custom_model)

    def behave(self, exchange: Exchange) -> None:
        path = urlsplit(exchange.request.path).path.rstrip("/")
        if exchange.request.path.partition("?")[0] in self._scripts:
            super().behave(exchange)
        elif path == "/oidc/v1/token":
            self._token(exchange)
        elif path == API:
            self._as_workspace(exchange, self._all_endpoints)
        elif found := _ENDPOINT.fullmatch(path):
            self._as_workspace(exchange, lambda each: self._endpoint(each, found[1], found[2]))
        elif path.startswith(_SECRETS):
            self._as_workspace(exchange, lambda each: self._secret(each, path[len(_SECRETS) :]))
        elif path.startswith(_CLUSTERS):
            self._as_workspace(exchange, lambda each: self._cluster(each, path[len(_CLUSTERS) :]))
        elif path == "/login.html":
            exchange.send_html("<!doctype html><title>Databricks - Sign In</title>")
        else:
            super().behave(exchange)

    def _reply(self, exchange: Exchange, value: Any, status: int = 200) -> None:
        more = {"set_cookie": self.cookie} if self.cookie else {}
        exchange.send_json(value, status, x_databricks_org_id=ORG_ID, **more)

    def _me(self, exchange: Exchange) -> None:
        name = (self.tokens or {}).get(exchange.request.token or "", "somebody@example.com")
        self._reply(exchange, {"id": "1", "userName": name, "active": True})

    def _token(self, exchange: Exchange) -> None:
        if self.before_token is not None:
            self.before_token(exchange)
        form = parse_qs(exchange.request.body.decode())
        scheme, _, pair = exchange.request.headers.get("Authorization", "").partition(" ")
        client, _, secret = base64.b64decode(pair).decode().partition(":")
        if form != {"grant_type": ["client_credentials"], "scope": ["all-apis"]}:
            error = {"error": "invalid_request", "error_description": "Unknown grant"}
            exchange.send_json(error, 400)
        elif scheme != "Basic" or self.clients.get(client) != secret:
            words = "Client authentication failed"
            exchange.send_json({"error": "invalid_client", "error_description": words}, 401)
        else:
            exchange.send_json(self._issue(client))

    def _issue(self, client: str) -> dict[str, Any]:
        with self._lock:
            self._issued += 1
            token = f"oauth-{client}-{self._issued:04d}{self.token_ending}"
            self.tokens = {**(self.tokens or {}), token: client}
        life = {} if self.token_life_s is None else {"expires_in": self.token_life_s}
        return {"access_token": token, "token_type": "Bearer", "scope": "all-apis", **life}

    def _all_endpoints(self, exchange: Exchange) -> None:
        if exchange.request.method == "GET":
            # A workspace without endpoints leaves the key out.
            listed = [self._reduced(each) for each in self.endpoints.values()]
            self._reply(exchange, {"endpoints": listed} if listed else {})
            return
        body = exchange.request.json
        with self._lock:
            if body["name"] in self.endpoints:
                words = f"Endpoint with name '{body['name']}' already exists."
                exchange.send_error(400, "RESOURCE_ALREADY_EXISTS", words)
                return
            state = {"ready": "NOT_READY", "config_update": "IN_PROGRESS"}
            details = {"name": body["name"], "id": "ab12", "state": state}
            details["pending_config"] = body["config"]
            details |= {key: body[key] for key in ("tags", "ai_gateway") if key in body}
            external = body["config"]["served_entities"][0].get("external_model")
            if external:
                details |= {"task": external["task"], "endpoint_type": "EXTERNAL_MODEL"}
            self.endpoints[body["name"]] = details
        self._reply(exchange, details)

    def _reduced(self, details: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in details.items() if key not in ("tags", "ai_gateway")}

    def _endpoint(self, exchange: Exchange, name: str, part: str | None) -> None:
        details = self.endpoints.get(name)
        if details is None:
            words = f"The given endpoint does not exist: {name}"
            exchange.send_error(404, "RESOURCE_DOES_NOT_EXIST", words)
            return
        asked = (exchange.request.method, part)
        if asked == ("GET", None):
            self._reply(exchange, details)
        elif asked == ("DELETE", None):
            del self.endpoints[name]
            self.models.pop(name, None)
            self._reply(exchange, {})
        elif asked == ("GET", "openapi"):
            self._openapi(exchange, name)
        elif asked == ("PUT", "config"):
            details["pending_config"] = exchange.request.json
            details["state"] = {**details["state"], "config_update": "IN_PROGRESS"}
            self._reply(exchange, details)
        elif asked == ("PUT", "ai-gateway"):
            details["ai_gateway"] = exchange.request.json
            self._reply(exchange, exchange.request.json)
        elif asked == ("PATCH", "tags"):
            details["tags"] = self._tags(details.get("tags", []), exchange.request.json)
            self._reply(exchange, {"tags": details["tags"]})
        else:
            exchange.send_error(404, "ENDPOINT_NOT_FOUND", "No API found")

    def _tags(self, tags: list[Any], change: dict[str, Any]) -> list[Any]:
        kept = [each for each in tags if each["key"] not in change.get("delete_tags", [])]
        return kept + change.get("add_tags", [])

    def _openapi(self, exchange: Exchange, name: str) -> None:
        is_ready = self.endpoints[name]["state"]["ready"] == "READY"
        if name in self.openapi and is_ready:
            self._reply(exchange, self.openapi[name])
        else:
            exchange.send_error(400, "BAD_REQUEST", "The endpoint has no OpenAPI schema.")

    def _secret(self, exchange: Exchange, action: str) -> None:
        query = parse_qs(urlsplit(exchange.request.path).query)
        body = exchange.request.json if exchange.request.body else {}
        scope = body.get("scope") or (query.get("scope") or [""])[0]
        if action == "scopes/list":
            self._reply(exchange, {"scopes": [{"name": each} for each in self.secrets]})
        elif action == "scopes/create":
            self._create_scope(exchange, scope)
        elif scope not in self.secrets:
            words = f"Scope {scope} does not exist!"
            exchange.send_error(404, "RESOURCE_DOES_NOT_EXIST", words)
        elif action == "put":
            self.secrets[scope][body["key"]] = body["string_value"]
            self._reply(exchange, {})
        elif action == "list":
            self._reply(exchange, {"secrets": [{"key": each} for each in self.secrets[scope]]})
        elif action == "delete":
            self.secrets[scope].pop(body["key"], None)
            self._reply(exchange, {})
        else:
            exchange.send_error(404, "ENDPOINT_NOT_FOUND", "No API found")

    def _create_scope(self, exchange: Exchange, scope: str) -> None:
        if scope in self.secrets:
            words = f"Scope {scope} already exists!"
            exchange.send_error(400, "RESOURCE_ALREADY_EXISTS", words)
            return
        self.secrets[scope] = {}
        self._reply(exchange, {})

    def _cluster(self, exchange: Exchange, action: str) -> None:
        query = parse_qs(urlsplit(exchange.request.path).query)
        if action == "list":
            self._cluster_page(exchange, int((query.get("page_token") or ["p=0"])[0][2:]))
            return
        is_start = action == "start"
        wanted = exchange.request.json["cluster_id"] if is_start else query["cluster_id"][0]
        cluster = self.clusters.get(wanted)
        if cluster is None:
            words = f"Cluster {wanted} does not exist"
            exchange.send_error(400, "INVALID_PARAMETER_VALUE", words)
        elif not is_start:
            self._reply(exchange, cluster)
        elif cluster["state"] not in ("TERMINATED", "ERROR"):
            words = f"Cluster {wanted} is in unexpected state {cluster['state'].title()}."
            exchange.send_error(400, "INVALID_STATE", words)
        else:
            cluster["state"] = "PENDING"
            self._reply(exchange, {})

    def _cluster_page(self, exchange: Exchange, start: int) -> None:
        clusters = list(self.clusters.values())
        page: dict[str, Any] = {"clusters": clusters[start : start + _PAGE]} if clusters else {}
        if start + _PAGE < len(clusters):
            page["next_page_token"] = f"p={start + _PAGE}"
        self._reply(exchange, page)


def ready_endpoint(name: str, entity: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The details of an endpoint that serves one entity."""
    state = {"ready": "READY", "config_update": "NOT_UPDATING"}
    config = {"served_entities": [{"name": name, **entity}]}
    return {"name": name, "id": "ab12", "state": state, "config": config, **more}


# What LangChain's page on Databricks has: the models and the cluster of its examples.

SEED_CLUSTER, SEED_PORT = "0812-091530-k3v9q2", 7777
SEED_EMBEDDING = "databricks-bge-large-en"
SEED_VECTOR = [0.051055908203125, 0.007221221923828125, 0.003879547119140625] + [0.0] * 1021
SEED_ENTITY = {"entity_name": "main.models.dolly", "entity_version": "1", "workload_size": "Small"}

SEED_OPENAPI = json.loads("""
{"openapi": "3.1.0", "paths": {"/served-models/dolly/invocations": {"post": {"requestBody": {
  "content": {"application/json": {"schema": {"oneOf": [
    {"type": "object", "properties": {"dataframe_split": {"type": "object", "properties": {
      "index": {"type": "array", "items": {"type": "integer"}},
      "columns": {"type": "array", "items": {"type": "string", "enum": ["prompt", "stop"]}},
      "data": {"type": "array", "items": {"type": "array", "prefixItems": [
        {"type": "string"}, {"type": "array", "items": {"type": "string"}}]}}}}}},
    {"type": "object", "properties": {"dataframe_records": {"type": "array", "items": {
      "type": "object", "required": ["prompt", "stop"], "properties": {
        "prompt": {"type": "string"},
        "stop": {"type": "array", "items": {"type": "string"}}}}}}}]}}}}}}}}
""")


def plant_seeds(there: Workspace) -> None:
    """Put a custom model, an embedding model and a running cluster into a workspace."""
    there.add_cluster(SEED_CLUSTER, cluster_name="gpu")
    there.endpoints["dolly"] = ready_endpoint("dolly", SEED_ENTITY)
    there.openapi["dolly"] = SEED_OPENAPI
    model = {"foundation_model": {"name": SEED_EMBEDDING}}
    embeds = ready_endpoint(SEED_EMBEDDING, model, task="llm/v1/embeddings")
    there.endpoints[SEED_EMBEDDING] = embeds
    there.serve(SEED_EMBEDDING, _embed_as_the_seed)


def _embed_as_the_seed(exchange: Exchange) -> None:
    """A vector of 1,024 numbers for each input, as the model of this name gives."""
    texts = exchange.request.json["input"]
    data = [
        {"object": "embedding", "index": i, "embedding": SEED_VECTOR} for i in range(len(texts))
    ]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    exchange.send_json({"object": "list", "data": data, "usage": usage})
