"""Prompts to and from the prompt registry of the MLflow server that the site's admin named."""

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import Http404

from endpoints.prompt_registry import Entry, PromptRegistry

from .connecting import Refused
from .egress import egress, limits
from .importing import FIELDS, FORMAT, FORMAT_VERSION, MOST_VERSIONS
from .models import Prompt, PromptVersion
from .vetting import MOST_MESSAGE_CHARACTERS

SOURCE, CONTENT = "prompt_playground.version", "prompt_playground.content"  # tags of a version


def register_prompt(prompt: Prompt, name: str) -> dict[int, int]:
    """Add what the registry has not got, point the aliases; our numbers with those there.

    Raises Refused, AddressError and EndpointError; what was added before that stays.
    """
    registry = _registry()
    known = {entry.tags.get(SOURCE): entry.version for entry in registry.versions(name)}
    versions = list(reversed(prompt.versions.order_by("-number")[:MOST_VERSIONS]))
    fresh = [version for version in versions if str(version.pk) not in known]
    numbers = registry.add(name, [_entry(version) for version in fresh])
    known |= {str(version.pk): at for version, at in zip(fresh, numbers, strict=True)}
    for alias in prompt.aliases.select_related("version"):
        if str(alias.version_id) in known:
            registry.point(name, alias.name, known[str(alias.version_id)])
    return {version.number: known[str(version.pk)] for version in versions}


def read_registered(name: str) -> dict:
    """A prompt of the registry as a file of ours. Raises Http404, AddressError, EndpointError."""
    entries = _registry().versions(name)
    if not entries:
        raise Http404("There is no such prompt in MLflow's registry.")
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": name,
        "versions": [_version(entry) for entry in entries],
        "aliases": {alias: entry.version for entry in entries for alias in entry.aliases},
    }


def _registry() -> PromptRegistry:
    if not settings.MLFLOW_ORIGIN:
        raise Refused("name", "No MLflow server is set up here (PLAYGROUND_MLFLOW_ORIGIN).")
    return PromptRegistry(settings.MLFLOW_ORIGIN, egress(), limits(60))


def _entry(version: PromptVersion) -> Entry:
    content = {field: getattr(version, field) for field in FIELDS}
    tags = {SOURCE: str(version.pk), CONTENT: json.dumps(content)}
    return Entry(0, version.messages, version.message, tags)


def _version(entry: Entry) -> dict:
    """As we stored it, where the tag still says what the template says; else the template."""
    content = _content(entry.tags.get(CONTENT, ""))
    template = _messages(entry.template)
    if content.get("messages") != template:
        content = {"messages": template}
    message = " ".join(entry.message.split())[:MOST_MESSAGE_CHARACTERS]
    return {"number": entry.version, "message": message, **content}


def _content(tag: str) -> dict[str, Any]:
    try:
        content = json.loads(tag or "{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) and not set(content) - {*FIELDS} else {}


def _messages(template: str | list[Mapping[str, Any]]) -> list[dict]:
    """A text is one user message. What is no text in a chat prompt is refused with the import."""
    if isinstance(template, str):
        return [{"role": "user", "content": template}]
    return [dict(each) if isinstance(each, Mapping) else each for each in template]
