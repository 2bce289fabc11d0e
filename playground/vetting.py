"""What a saved prompt may say and be called, judged wherever it comes from: page, API or file."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils.translation import gettext

from . import drafting
from .access import visible_to
from .asking import TooLarge, names_in
from .connecting import Mistyped, Refused, check_json
from .forking import ROLES
from .models import Draft, Prompt, PromptVersion, User

CONTENT = ("messages", "examples", "params", "stop", "extra")
CONTENT += ("tools", "response_format", "takes_lines")
TYPES = ("text", "number", "choice")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
RESERVED = ("latest", "draft")
MOST_NAME_CHARACTERS, MOST_MESSAGE_CHARACTERS, MOST_ALIAS_CHARACTERS = 120, 300, 60
MOST_MESSAGES, MOST_STOPS, MOST_CHOICES = 999, 100, 100

# Names and content --------------------------------------------------------------------------


def judge_name(user: User, name: str, besides: Prompt | None = None) -> str:
    """As it is stored. Raises Refused for one that is empty, too long, odd or taken."""
    name = _line("name", gettext("A name"), name, MOST_NAME_CHARACTERS)
    if not name:
        raise Refused("name", gettext("Give the prompt a name."))
    if "@" in name or "/" in name:
        raise Refused(
            "name", gettext("A name has no @ and no /: they stand before an alias or a version.")
        )
    taken = visible_to(user, Prompt).filter(owner=user, name=name)
    if taken.exclude(pk=besides and besides.pk).exists():
        raise name_taken(name)
    return name


def judge_message(message: str) -> str:
    """As it is stored. Raises Refused."""
    return _line("message", gettext("A message"), message, MOST_MESSAGE_CHARACTERS)


def name_taken(name: str) -> Refused:
    words = gettext("You have a prompt “%(name)s” already. Choose another name.")
    return Refused("name", words % {"name": name})


def _line(field: str, what: str, text: str, most: int) -> str:
    """One line that can be read: no control characters, nothing that turns the writing around."""
    text = " ".join(text.split())
    if not text.isprintable():
        words = gettext("%(what)s has a character that cannot be seen. Type it again.")
        raise Refused(field, words % {"what": what})
    if len(text) > most:
        words = gettext("%(what)s has at most %(most)s characters; this one has %(length)s.")
        raise Refused(field, words % {"what": what, "most": most, "length": len(text)})
    return text


def judge_content(content: Mapping[str, Any]) -> dict:
    """CONTENT and `variables` as a version stores them. Raises Refused, TooLarge."""
    for field, value in content.items():
        check_json(field, value)
    unknown = set(content) - {*CONTENT, "variables"}
    if unknown:
        field = sorted(unknown)[0]
        raise Refused(field, gettext("A version has no “%(field)s”.") % {"field": field[:60]})
    judged = {
        "messages": [_pair(each, "messages", ("role", "content")) for each in _listed(content)],
        "examples": [
            _pair(each, "examples", drafting.SIDES) for each in _listed(content, "examples")
        ],
        "params": _params(content.get("params", {})),
        "stop": _stops(content.get("stop", [])),
        "takes_lines": content.get("takes_lines", False),
    }
    for field in drafting.TEXTS:
        judged[field] = content.get(field, "")
        if not isinstance(judged[field], str):
            raise Refused(field, gettext("“%(field)s” is a text.") % {"field": field})
    if not isinstance(judged["takes_lines"], bool):
        raise Refused("takes_lines", gettext("“takes_lines” is true or false."))
    if any(message["role"] not in ROLES for message in judged["messages"]):
        words = gettext("A message has one of these roles: %(roles)s.")
        raise Refused("messages", words % {"roles": ", ".join(ROLES)})
    if not any(message["content"].strip() for message in judged["messages"]):
        raise Refused("messages", gettext("The prompt is empty. Write something to save."))
    if mistakes := drafting.mistakes_of(Draft(**judged)):
        raise Mistyped(mistakes)
    judged["variables"] = _variables(content.get("variables", []), judged)
    _check_size(judged)
    return judged


def _listed(content: Mapping, field: str = "messages") -> list:
    found = content.get(field, [])
    if not isinstance(found, list) or len(found) > MOST_MESSAGES:
        words = gettext("“%(field)s” is a list of at most %(most)s items.")
        raise Refused(field, words % {"field": field, "most": MOST_MESSAGES})
    return found


def _pair(each: Any, field: str, keys: Sequence[str]) -> dict:
    if not (
        isinstance(each, dict)
        and set(each) == set(keys)
        and all(isinstance(text, str) for text in each.values())
    ):
        words = gettext("Each of “%(field)s” has two texts, %(keys)s, and nothing else.")
        raise Refused(field, words % {"field": field, "keys": " + ".join(keys)})
    return {key: each[key] for key in keys}


def _params(params: Any) -> dict:
    known = drafting.PARAMETERS
    is_right = isinstance(params, dict) and all(
        name in known and isinstance(text, str) and len(text) <= 40 for name, text in params.items()
    )
    if not is_right:
        words = gettext("“params” are %(names)s, each with its number as a text.")
        raise Refused("params", words % {"names": ", ".join(known)})
    return {name: params[name].strip() for name in known if params.get(name, "").strip()}


def _stops(stop: Any) -> list[str]:
    is_right = isinstance(stop, list) and len(stop) <= MOST_STOPS
    if not is_right or not all(isinstance(text, str) and text for text in stop):
        words = gettext("“stop” is a list of at most %(most)s texts, none of them empty.")
        raise Refused("stop", words % {"most": MOST_STOPS})
    return stop


def _check_size(judged: Mapping) -> None:
    size = len(json.dumps(judged, ensure_ascii=False).encode())
    if size > settings.MAX_PROMPT_BYTES:
        words = gettext("A version has at most %(most)s KB; this one has %(size)s KB.")
        kilobytes = {"most": settings.MAX_PROMPT_BYTES // 1024, "size": size // 1024}
        raise TooLarge(words % kilobytes)


def judge_alias(name: str) -> str:
    """Raises Refused for what would be taken for something else, or cannot be typed."""
    if not ALIAS.fullmatch(name) or len(name) > MOST_ALIAS_CHARACTERS:
        words = gettext(
            "An alias is a letter, then letters, digits and . _ - and has at most %(most)s "
            "characters, such as production."
        )
        raise Refused("alias", words % {"most": MOST_ALIAS_CHARACTERS})
    if name.casefold() in RESERVED or re.fullmatch(r"v\d+", name, re.IGNORECASE):
        words = gettext("“%(name)s” is no alias: it means something else. Choose another name.")
        raise Refused("alias", words % {"name": name})
    return name


# Variables ----------------------------------------------------------------------------------


def _variables(specs: Any, judged: Mapping) -> list[dict]:
    """One entry for every name in the texts, in their order; others are dropped."""
    if not isinstance(specs, list) or not all(map(_is_spec, specs)):
        words = gettext("“variables” is a list of objects with a name, a type and a default.")
        raise Refused("variables", words)
    by_name = {spec["name"]: spec for spec in specs}
    if len(by_name) < len(specs):
        raise Refused("variables", gettext("A variable is named twice. Name each once."))
    names = names_in(drafting.messages_of(Draft(**judged)))
    if len(names) > drafting.MAX_VARIABLES:
        words = gettext("A saved prompt has at most %(most)s variables.")
        raise Refused("variables", words % {"most": drafting.MAX_VARIABLES})
    return [_spec(by_name.get(name, {"name": name})) for name in names]


def _is_spec(spec: Any) -> bool:
    return (
        isinstance(spec, dict)
        and not set(spec) - {"name", "type", "default", "choices"}
        and isinstance(spec.get("name"), str)
        and isinstance(spec.get("default", ""), str)
        and spec.get("type", "text") in TYPES
    )


def _spec(spec: Mapping) -> dict:
    """With a default that fits its type; empty for none."""
    name, kind, default = spec["name"], spec.get("type", "text"), spec.get("default", "")
    judged = {"name": name, "type": kind, "default": default}
    if kind == "choice":
        choices = spec.get("choices")
        is_right = isinstance(choices, list) and 0 < len(choices) <= MOST_CHOICES
        if not is_right or not all(isinstance(each, str) and each.strip() for each in choices):
            words = gettext("“%(name)s” is a choice: write 1 to %(most)s values to choose from.")
            raise Refused(f"variables.{name}", words % {"name": name, "most": MOST_CHOICES})
        judged["choices"] = list(dict.fromkeys(choices))
    if default:
        check_value(judged, default)
    return judged


def check_value(spec: Mapping, value: str) -> None:
    """Raises Refused for a value that does not fit the type of its variable."""
    name, kind = spec["name"], spec["type"]
    if kind == "number" and not NUMBER.fullmatch(value.strip()):
        words = gettext("“%(name)s” is a number, such as 3 or 0.5.")
        raise Refused(f"variables.{name}", words % {"name": name})
    if kind == "choice" and value not in spec["choices"]:
        words = gettext("“%(name)s” is one of: %(choices)s.")
        choices = ", ".join(spec["choices"])
        choices = choices if len(choices) <= 200 else choices[:199] + "…"
        raise Refused(f"variables.{name}", words % {"name": name, "choices": choices})


def check_values(version: PromptVersion, values: Mapping[str, str]) -> None:
    """Of a prompt's variables, those that are given. Raises Refused."""
    for spec in version.variables:
        if values.get(spec["name"]):
            check_value(spec, values[spec["name"]])
