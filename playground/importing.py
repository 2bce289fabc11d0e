"""Prompts as files: a prompt with its versions as JSON to take away, and back as one's own.

What comes in is judged like anything that is typed, makes a new prompt, and overwrites nothing.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from . import prompting, vetting
from .connecting import Refused
from .models import Prompt, PromptAlias, PromptVersion, User

FORMAT, FORMAT_VERSION = "prompt-playground/prompt", 1
MOST_VERSIONS = 1_000  # of a file; of a prompt with more, the newest
FIELDS = (*vetting.CONTENT, "variables")
LARGEST_NUMBER = 10**9


def prompt_as_file(prompt: Prompt) -> dict:
    """What `import_prompt` makes an equal prompt of."""
    newest = prompt.versions.select_related("author").order_by("-number")[:MOST_VERSIONS]
    versions = [_version_as_file(version) for version in reversed(newest)]
    numbers = {version["number"] for version in versions}
    aliases = prompt.aliases.values_list("name", "version__number")
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": prompt.name,
        "versions": versions,
        "aliases": {name: number for name, number in aliases if number in numbers},
    }


def _version_as_file(version: PromptVersion) -> dict:
    return {
        "number": version.number,
        "message": version.message,
        "author": version.author.username if version.author else None,
        "created_at": version.created_at.isoformat(),
        **{field: getattr(version, field) for field in FIELDS},
    }


def read_file(text: str) -> dict:
    """The object that a file holds. Raises Refused for what is no JSON, or no object."""
    try:
        found = json.loads(text.lstrip("\ufeff"))
    except RecursionError as error:
        raise Refused("file", gettext("This file is nested too deeply to be a prompt.")) from error
    except ValueError as error:
        place = {"line": getattr(error, "lineno", 1), "column": getattr(error, "colno", 1)}
        words = gettext("This is no valid JSON: look at line %(line)s, column %(column)s.")
        raise Refused("file", words % place) from error
    if not isinstance(found, dict):
        raise _no_prompt()
    return found


def import_prompt(user: User, found: Mapping[str, Any], name: str = "") -> Prompt:
    """The prompt of a file as a new one of this person; `name` instead of the file's.

    All of it or nothing. Raises Refused and TooLarge.
    """
    if found.get("format") != FORMAT:
        raise _no_prompt()
    if found.get("format_version") != FORMAT_VERSION:
        words = gettext("This file has format version %(version)s; only %(known)s can be read.")
        shown = str(found.get("format_version"))[:20]
        raise Refused("format_version", words % {"version": shown, "known": FORMAT_VERSION})
    listed, aliases = found.get("versions"), found.get("aliases", {})
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST_VERSIONS:
        words = gettext("A file has 1 to %(most)s versions in “versions”.")
        raise Refused("versions", words % {"most": MOST_VERSIONS})
    if not isinstance(aliases, dict) or len(aliases) > prompting.MOST_ALIASES:
        words = gettext("“aliases” is an object of at most %(most)s names, each with a number.")
        raise Refused("aliases", words % {"most": prompting.MOST_ALIASES})
    name = name or found.get("name")
    if not isinstance(name, str):
        raise Refused("name", gettext("Give the prompt a name."))
    versions = _read_versions(user, listed)
    _check_aliases(aliases, versions)
    try:
        with transaction.atomic():
            prompt = Prompt.objects.create(owner=user, name=vetting.judge_name(user, name))
            for version in versions.values():
                version.prompt = prompt
            PromptVersion.objects.bulk_create(versions.values(), batch_size=100)
            PromptAlias.objects.bulk_create(
                PromptAlias(prompt=prompt, name=alias, version=versions[number])
                for alias, number in aliases.items()
            )
    except IntegrityError as error:
        words = gettext("You have a prompt “%(name)s” already. Choose another name.")
        raise Refused("name", words % {"name": name}) from error
    return prompt


def _read_versions(user: User, listed: list) -> dict[int, PromptVersion]:
    versions: dict[int, PromptVersion] = {}
    for place, raw in enumerate(listed, 1):
        number = raw.get("number") if isinstance(raw, dict) else None
        if type(number) is not int or not 0 < number <= LARGEST_NUMBER or number in versions:
            words = gettext("Version %(place)s of the file needs a number of its own, from 1 up.")
            raise Refused(f"versions.{place - 1}.number", words % {"place": place})
        try:
            versions[number] = _read_version(user, number, raw)
        except Refused as refused:
            words = gettext("Version %(number)s of the file: %(why)s")
            field = f"versions.{place - 1}.{refused.field}"
            raise Refused(field, words % {"number": number, "why": refused.message}) from refused
    return versions


def _read_version(user: User, number: int, raw: Mapping[str, Any]) -> PromptVersion:
    """Its author and its time are those of the import: a file can say anything."""
    content = {field: value for field, value in raw.items() if field in FIELDS}
    others = set(raw) - {*FIELDS, "number", "message", "author", "created_at"}
    if others:
        field = sorted(others)[0]
        raise Refused(field, gettext("A version has no “%(field)s”.") % {"field": field[:60]})
    message = raw.get("message", "")
    if not isinstance(message, str):
        raise Refused("message", gettext("A message is a text."))
    return PromptVersion(
        number=number,
        author=user,
        message=vetting.judge_message(message),
        **vetting.judge_content(content),
    )


def _check_aliases(aliases: Mapping[str, Any], versions: Mapping[int, PromptVersion]) -> None:
    for alias, number in aliases.items():
        vetting.judge_alias(alias)
        if type(number) is not int or number not in versions:
            words = gettext("The alias “%(alias)s” points to a version that the file has not.")
            raise Refused("aliases", words % {"alias": alias})


def _no_prompt() -> Refused:
    words = gettext("This is no prompt that was exported here: “format” must be “%(format)s”.")
    return Refused("format", words % {"format": FORMAT})
