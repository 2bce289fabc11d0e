"""What a serving endpoint is, from what its workspace says about it: task, signature, readiness.

Custom models tell their task seldom and their signature only in the OpenAPI document that
`GET /api/2.0/serving-endpoints/{name}/openapi` gives once they are ready.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .refusals import one_line

_EXTERNAL = "EXTERNAL_MODEL"
_FOUNDATION = "FOUNDATION_MODEL_API"
_TASKS: dict[str, tuple[str, str | None]] = {
    "llm/v1/chat": ("chat", None),
    "llm/v1/completions": ("completions", None),
    "llm/v1/embeddings": ("embeddings", None),
    "agent/v1/responses": ("responses", "responses"),
    "agent/v2/chat": ("responses", "chat_agent"),
    # MLflow's ChatModel takes and answers what a chat endpoint does.
    "agent/v1/chat": ("chat", None),
    # What langchain still meets: predictions with candidates, asked with a prompt.
    "llama2/chat": ("custom", "dataframe_records"),
}
_FORMATS = ("dataframe_records", "dataframe_split", "inputs", "instances")
_MAX_DEPTH = 24


class Field(NamedTuple):
    """One input of a model's signature; `type` is JSON Schema's word, `array` for a list."""

    name: str
    type: str
    is_required: bool


@dataclass(frozen=True)
class Found:
    """How an endpoint wants to be asked.

    `task` and `format` are arguments of `client_for`; `format` is None where the task has no
    choice. `signature` holds the inputs of a custom model, empty where they are not known.
    `basis` says what decided: `task`, `external_model`, `foundation_model`, `openapi`, `entity`, or
    `nothing` when `chat` is a guess.
    """

    task: str
    format: str | None
    signature: tuple[Field, ...]
    basis: str

    @property
    def takes_prompt(self) -> bool:
        """Whether a custom model has the input `prompt`, as far as its signature is known."""
        return not self.signature or any(each.name == "prompt" for each in self.signature)


@dataclass(frozen=True)
class State:
    """Whether an endpoint can be asked now, in words; `is_settled` when waiting changes nothing."""

    is_ready: bool
    is_settled: bool
    words: str


def detect_task(details: Any, openapi: Any = None) -> Found:
    """The task of a serving endpoint, from its details and, for a custom model, its OpenAPI.

    Order: `endpoint_type`, else the first served entity's `external_model`, `foundation_model` or
    `entity_name`. Never raises: what is not there or has another shape is passed over.
    """
    details = _mapping(details)
    entity = next(_entities(details), {})
    external = _mapping(entity.get("external_model"))
    told = details.get("task")
    kind = str(details.get("endpoint_type") or "").upper() or _kind_of(entity)
    if kind == _EXTERNAL:
        return _known(external.get("task"), "external_model") or _known(told, "task") or _CHAT
    if kind == _FOUNDATION:
        return _known(told, "task") or _of_foundation_model(entity)
    found = _known(told, "task") or _in_openapi(openapi)
    if found is not None:
        return found
    return Found("custom", _FORMATS[0], (), "entity") if entity or kind else _CHAT


def state_of(details: Any) -> State:
    """Readiness in words, from `state`, `config` and `pending_config`."""
    details = _mapping(details)
    state = _mapping(details.get("state"))
    is_ready = state.get("ready") == "READY"
    update = str(state.get("config_update") or "")
    trouble = _trouble(details)
    if update in ("UPDATE_FAILED", "UPDATE_CANCELED"):
        what = "failed" if update == "UPDATE_FAILED" else "was cancelled"
        if is_ready:
            return State(True, True, _sentence(f"Ready, but its last update {what}", trouble))
        return State(False, True, _sentence(f"Its creation {what}", trouble))
    if update == "IN_PROGRESS" or "pending_config" in details and not is_ready:
        words = "Ready, being updated" if is_ready else "Being created"
        return State(is_ready, False, _sentence(words, trouble))
    if is_ready:
        return State(True, True, "Ready.")
    has_failed = any(
        _mapping(each.get("state")).get("deployment") in ("DEPLOYMENT_FAILED", "DEPLOYMENT_ABORTED")
        for each in _entities(details)
    )
    return State(False, has_failed, _sentence("Failed" if has_failed else "Not ready", trouble))


def is_stopped(details: Any) -> bool:
    """Whether somebody stopped it; nothing starts it but a person."""
    return _mapping(_mapping(details).get("state")).get("suspend") == "SUSPENDED"


def scales_to_zero(details: Any) -> bool:
    """Whether any of its entities goes to sleep; the first request then takes a while."""
    return any(each.get("scale_to_zero_enabled") is True for each in _entities(_mapping(details)))


def served_names(details: Any) -> tuple[str, ...]:
    """The names of the served entities, those that are in use before those to come."""
    names = (each.get("name") for each in _entities(_mapping(details)))
    return tuple(dict.fromkeys(one_line(name) for name in names if isinstance(name, str)))


_CHAT = Found("chat", None, (), "nothing")


def _known(task: Any, basis: str) -> Found | None:
    found = _TASKS.get(task) if isinstance(task, str) else None
    return Found(*found, (), basis) if found else None


def _kind_of(entity: Mapping[str, Any]) -> str:
    if entity.get("external_model"):
        return _EXTERNAL
    if entity.get("foundation_model"):
        return _FOUNDATION
    return "CUSTOM" if entity else ""


def _of_foundation_model(entity: Mapping[str, Any]) -> Found:
    """Chat, save for the models whose names say that they embed; the API names no task here."""
    model = _mapping(entity.get("foundation_model"))
    name = f"{entity.get('name')} {model.get('name')} {model.get('display_name')}".lower()
    is_embedding = any(word in name for word in ("embed", "-bge-", "-gte-", "bge ", "gte "))
    return Found("embeddings" if is_embedding else "chat", None, (), "foundation_model")


def _entities(details: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Served entities, by their new and their old name; those to come while none is there."""
    for config in (details.get("config"), details.get("pending_config")):
        for key in ("served_entities", "served_models"):
            for each in _list(_mapping(config).get(key)):
                if isinstance(each, dict):
                    yield each


def troubles(details: Any) -> Iterator[str]:
    """What the platform says about each served entity, where it has something to say."""
    for each in _entities(_mapping(details)):
        words = _mapping(each.get("state")).get("deployment_state_message")
        if isinstance(words, str) and words.strip():
            yield one_line(words)


def _trouble(details: Mapping[str, Any]) -> str:
    return next(troubles(details), "")


def _sentence(start: str, trouble: str) -> str:
    return f"{start}: {trouble.rstrip('.')}." if trouble else f"{start}."


def _in_openapi(openapi: Any) -> Found | None:
    """What the schema of the endpoint's one request says, if there is one."""
    document = _mapping(openapi)
    seen: set[int] = set()  # what said nothing in one path says nothing in the next
    for path in _mapping(document.get("paths")).values():
        content = _mapping(_mapping(_mapping(path).get("post")).get("requestBody")).get("content")
        schema = _mapping(_mapping(content).get("application/json")).get("schema")
        bodies = [properties for properties, _ in _objects(document, schema, seen)]
        for properties in bodies:
            if found := _of_unwrapped(properties):
                return found
        for format in _FORMATS:
            for properties in bodies:
                if format in properties:
                    signature = _signature(document, properties[format])
                    return Found("custom", format, signature, "openapi")
    return None


def _of_unwrapped(properties: Mapping[str, Any]) -> Found | None:
    """Models that take a chat's or an agent's own body, with no records around it."""
    names = set(properties)
    if "messages" in names:
        is_agent = {"custom_inputs", "context"} <= names
        task, format = ("responses", "chat_agent") if is_agent else ("chat", None)
    elif "input" in names:
        is_agent = bool({"custom_inputs", "max_output_tokens"} & names)
        task, format = ("responses", "responses") if is_agent else ("embeddings", None)
    else:
        return None
    return Found(task, format, (), "openapi")


def _signature(document: Mapping[str, Any], schema: Any) -> tuple[Field, ...]:
    """The columns of one record; a split frame keeps them elsewhere, so there they are unknown."""
    for properties, required in _objects(document, schema, set()):
        if not {"columns", "data"} <= set(properties):
            return tuple(
                Field(str(name), _type(document, each), name in required)
                for name, each in properties.items()
            )
    return ()


def _objects(
    document: Mapping[str, Any], schema: Any, seen: set[int], depth: int = 0
) -> Iterator[tuple[Mapping[str, Any], frozenset[str]]]:
    """Every object that the schema allows, as its properties and the names of those required.

    Alternatives come in the document's order; what lies inside a list counts, not what lies inside
    a property. A schema is looked at once, `seen` being those by identity: they may name each other
    so that the ways through them are more than anybody can walk.
    """
    schema = _resolved(document, schema)
    if depth > _MAX_DEPTH or not schema or id(schema) in seen:
        return
    seen.add(id(schema))
    if properties := _mapping(schema.get("properties")):
        required = (each for each in _list(schema.get("required")) if isinstance(each, str))
        yield properties, frozenset(required)
    for key in ("oneOf", "anyOf", "allOf"):
        for each in _list(schema.get(key)):
            yield from _objects(document, each, seen, depth + 1)
    items = schema.get("items")
    for each in items if isinstance(items, list) else [items]:
        yield from _objects(document, each, seen, depth + 1)


def _resolved(document: Mapping[str, Any], schema: Any) -> Mapping[str, Any]:
    """The schema, or the one that its `$ref` names inside the same document."""
    for _ in range(_MAX_DEPTH):
        schema = _mapping(schema)
        place = schema.get("$ref")
        if not isinstance(place, str):
            return schema
        schema = document if place.startswith("#/") else {}
        for step in place[2:].split("/"):
            schema = _mapping(schema).get(step.replace("~1", "/").replace("~0", "~"))
    return {}


def _type(document: Mapping[str, Any], schema: Any) -> str:
    kind = _resolved(document, schema).get("type")
    return kind if isinstance(kind, str) else "any"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
