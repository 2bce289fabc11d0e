"""Saved prompts: keep what is in the playground as a version, name one, use one, tell the changes.

A version is judged here wherever it comes from: the page, the API or a file.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from . import drafting
from .access import editable_by, teams_to_share_with, visible_to
from .asking import TooLarge, names_in
from .comparing import count_changes
from .connecting import Mistyped, Refused, check_json
from .forking import ROLES, keep_before
from .judging import (
    tools_for,
    typed_extra,
    typed_format,
    typed_params,
    typed_stop,
    typed_tools,
)
from .models import Draft, Prompt, PromptAlias, PromptVersion, Team, User
from .running import Variant

CONTENT = ("messages", "examples", "params", "stop", "extra")
CONTENT += ("tools", "response_format", "takes_lines")
TYPES = ("text", "number", "choice")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
RESERVED = ("latest", "draft")
MOST_NAME_CHARACTERS, MOST_MESSAGE_CHARACTERS, MOST_ALIAS_CHARACTERS = 120, 300, 60
MOST_MESSAGES, MOST_STOPS, MOST_CHOICES = 999, 100, 100
MOST_VERSIONS, MOST_ALIASES = 10_000, 100  # of one prompt


class Newer(Exception):
    """Somebody saved `version` since the one that this save began with; nothing is overwritten."""

    def __init__(self, version: PromptVersion):
        self.version = version
        words = gettext(
            "Version %(number)s was saved meanwhile. Nothing was overwritten: look at what is new "
            "in it, then save yours as the next one."
        )
        super().__init__(words % {"number": version.number})


# Save ---------------------------------------------------------------------------------------


def save_prompt(
    user: User,
    content: Mapping[str, Any],
    *,
    prompt: Prompt | None = None,
    name: str = "",
    message: str = "",
    base: int | None = None,
) -> PromptVersion:
    """A first version under a new name, or the next one of `prompt`, one that the user may edit.

    `content` holds CONTENT and `variables`, what is left out is empty. With `base`, the number
    that it was made from, it is refused once there is a newer one. Raises Refused, TooLarge, Newer.
    """
    judged = judge_content(content)
    message = judge_message(message)
    with transaction.atomic():
        if prompt is None:
            prompt, number = _new_prompt(user, name), 1
        else:
            number = _next_number(user, prompt, judged, base)
        return PromptVersion.objects.create(
            prompt=prompt, number=number, message=message, author=user, **judged
        )


def _new_prompt(user: User, name: str) -> Prompt:
    name = judge_name(user, name)
    try:
        with transaction.atomic():
            return Prompt.objects.create(owner=user, name=name)
    except IntegrityError as error:
        raise _name_taken(name) from error


def _next_number(user: User, prompt: Prompt, judged: dict, base: int | None) -> int:
    """Held while it is decided, so that two saves never meet on one number."""
    editable_by(user, Prompt).select_for_update(of=("self",)).get(pk=prompt.pk)
    newest = newest_of(prompt)
    if newest is None:
        return 1
    if all(getattr(newest, field) == value for field, value in judged.items()):
        words = gettext("Nothing changed since version %(number)s, so there is nothing to save.")
        raise Refused("messages", words % {"number": newest.number})
    if base is not None and newest.number != base:
        raise Newer(newest)
    if prompt.versions.count() >= MOST_VERSIONS:
        words = gettext("A prompt has at most %(most)s versions. Save it under another name.")
        raise Refused("name", words % {"most": MOST_VERSIONS})
    return newest.number + 1


def newest_of(prompt: Prompt) -> PromptVersion | None:
    return prompt.versions.order_by("-number").first()


def rename_prompt(prompt: Prompt, name: str) -> None:
    """Raises Refused."""
    prompt.name = judge_name(prompt.owner, name, besides=prompt)
    try:
        with transaction.atomic():
            prompt.save(update_fields=["name"])
    except IntegrityError as error:
        raise _name_taken(prompt.name) from error


def share_prompt(user: User, prompt: Prompt, team: Team | None) -> None:
    """Everybody in the team sees it, its members and admins save versions. Raises Refused."""
    if team is not None and not teams_to_share_with(user).filter(pk=team.pk).exists():
        raise Refused(
            "team",
            gettext("You are no member of “%(team)s” who may share there. Nothing was shared.")
            % {"team": team.name},
        )
    prompt.team = team
    prompt.save(update_fields=["team"])


# Judge --------------------------------------------------------------------------------------


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
        raise _name_taken(name)
    return name


def judge_message(message: str) -> str:
    """As it is stored. Raises Refused."""
    return _line("message", gettext("A message"), message, MOST_MESSAGE_CHARACTERS)


def _name_taken(name: str) -> Refused:
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


def specs_of(draft: Draft, version: PromptVersion | None) -> list[dict]:
    """What a save of the draft would say of its variables: as in the version, new ones as typed."""
    known = {spec["name"]: spec for spec in version.variables} if version else {}
    return [
        known.get(name, {"name": name, "type": "text", "default": value})
        for name, value in drafting.variables_of(draft)
    ]


# Names that point to a version --------------------------------------------------------------


def set_alias(prompt: Prompt, name: str, number: int) -> PromptAlias:
    """Point this name to a version, wherever it pointed before. Raises Refused."""
    name = judge_alias(name)
    version = prompt.versions.filter(number=number).first()
    if version is None:
        words = gettext("“%(prompt)s” has no version %(number)s.")
        raise Refused("version", words % {"prompt": prompt.name, "number": number})
    others = prompt.aliases.exclude(name=name)
    if others.count() >= MOST_ALIASES:
        words = gettext("A prompt has at most %(most)s aliases. Remove one first.")
        raise Refused("alias", words % {"most": MOST_ALIASES})
    alias, _ = PromptAlias.objects.update_or_create(
        prompt=prompt, name=name, defaults={"version": version}
    )
    return alias


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


def remove_alias(alias: PromptAlias) -> None:
    """The version that it pointed to stays."""
    alias.delete()


def find_version(user: User, asked: str) -> PromptVersion | None:
    """A version by its id, or as "name/7", "name@production" or "name@latest".

    Of several prompts with that name one's own comes first, then the oldest.
    """
    seen = visible_to(user, PromptVersion).select_related("prompt")
    name, sign, which = _apart(asked)
    if not sign:
        try:
            return seen.filter(pk=asked).first()
        except (ValidationError, ValueError):
            return None
    prompts = visible_to(user, Prompt).filter(name=name).order_by("created_at", "pk")
    prompt = min(prompts, key=lambda each: each.owner_id != user.pk, default=None)
    if prompt is None:
        return None
    seen = seen.filter(prompt=prompt)
    if sign == "/":
        is_number = re.fullmatch(r"[1-9]\d{0,8}", which)
        return seen.filter(number=int(which)).first() if is_number else None
    if which == "latest":
        return seen.order_by("-number").first()
    return seen.filter(aliases__name=which).first()


def _apart(asked: str) -> tuple[str, str, str]:
    """ "name@alias" or "name/7" in its three parts."""
    found = re.fullmatch(r"([^@/]+)([@/])([^@/]+)", asked)
    return (found[1].strip(), found[2], found[3].strip()) if found else (asked, "", "")


# Use ----------------------------------------------------------------------------------------


def use_prompt(draft: Draft, version: PromptVersion) -> None:
    """Put the version into the draft; columns stay. `forking.restore_draft` brings back the rest."""
    with transaction.atomic():
        before = keep_before(draft)
        for field in CONTENT:
            setattr(draft, field, getattr(version, field))
        draft.variables = version.defaults
        draft.forked_from, draft.prompt_version, draft.replaced = None, version, before
        draft.save()


def draft_with(version: PromptVersion, owner: User) -> Draft:
    """A draft that is stored nowhere and says what the version says."""
    content = {field: getattr(version, field) for field in CONTENT}
    return Draft(owner=owner, variables=version.defaults, **content)


def asked_by(version: PromptVersion, user: User, variants: Sequence[Variant]) -> dict:
    """What a version asks of these columns, as arguments of start_run.

    What a column says of a parameter counts more than what the version says.
    """
    draft = draft_with(version, user)
    params = typed_params(draft.params) | typed_extra(draft.extra)
    tools, form = typed_tools(draft.tools), typed_format(draft.response_format)
    stop = typed_stop(draft.stop)
    asked = [
        replace(
            each,
            params=params | tools_for(each.endpoint, tools, form) | each.params,
            stop=stop if each.stop is None else each.stop,
        )
        for each in variants
    ]
    return {
        "messages": drafting.messages_of(draft),
        "inputs": drafting.inputs_of(draft, asked),
        "variants": asked,
        "prompt_version": version,
    }


def content_of(draft: Draft) -> dict:
    """What of a draft a version keeps: no images, which are one person's own."""
    content = {field: getattr(draft, field) for field in CONTENT}
    content["messages"] = [
        {"role": each["role"], "content": each["content"]} for each in draft.messages
    ]
    return content


def images_in(draft: Draft) -> int:
    return sum(len(message.get("images", ())) for message in draft.messages)


def version_of(draft: Draft) -> PromptVersion | None:
    """The version that the draft was loaded from or saved as, while its person sees it."""
    if draft.prompt_version_id is None:
        return None
    seen = visible_to(draft.owner, PromptVersion).select_related("prompt__team", "prompt__owner")
    return seen.filter(pk=draft.prompt_version_id).first()


def changes_since(draft: Draft, version: PromptVersion) -> int:
    """In how many fields the draft differs from it. Values of variables are no change."""
    mine = Draft(owner=draft.owner, **content_of(draft))
    other = draft_with(version, draft.owner)
    other.variables = {}
    return count_changes(mine, other)


def described(specs: Iterable[Mapping]) -> dict[str, str]:
    """Each variable of a version in words, to be compared with those of another one."""
    return {
        spec["name"]: " · ".join(
            filter(None, [spec["type"], spec["default"], ", ".join(spec.get("choices", ()))])
        )
        for spec in specs
    }


def keep_version(draft: Draft, version: PromptVersion | None) -> None:
    """Note what the draft was saved as."""
    draft.prompt_version = version
    draft.save(update_fields=["prompt_version"])  # the text may be another tab's by now
