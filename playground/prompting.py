"""Saved prompts: keep what is in the playground as a version, name one, use one, tell the changes.

What a version may say is judged in vetting.py, wherever it comes from.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from . import drafting, vetting
from .access import editable_by, teams_to_share_with, visible_to
from .comparing import count_changes
from .connecting import Refused
from .forking import keep_before
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
from .vetting import CONTENT

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
    judged = vetting.judge_content(content)
    message = vetting.judge_message(message)
    with transaction.atomic():
        if prompt is None:
            prompt, number = _new_prompt(user, name), 1
        else:
            number = _next_number(user, prompt, judged, base)
        return PromptVersion.objects.create(
            prompt=prompt, number=number, message=message, author=user, **judged
        )


def _new_prompt(user: User, name: str) -> Prompt:
    name = vetting.judge_name(user, name)
    try:
        with transaction.atomic():
            return Prompt.objects.create(owner=user, name=name)
    except IntegrityError as error:
        raise vetting.name_taken(name) from error


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
    prompt.name = vetting.judge_name(prompt.owner, name, besides=prompt)
    try:
        with transaction.atomic():
            prompt.save(update_fields=["name"])
    except IntegrityError as error:
        raise vetting.name_taken(prompt.name) from error


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
    name = vetting.judge_alias(name)
    version = prompt.versions.filter(number=number).first()
    if version is None:
        words = gettext("“%(prompt)s” has no version %(number)s.")
        raise Refused("version", words % {"prompt": prompt.name, "number": number})
    others = prompt.aliases.exclude(name=name)
    if others.count() >= MOST_ALIASES:
        words = gettext("A prompt has at most %(most)s aliases. Remove one first.")
        raise Refused("alias", words % {"most": MOST_ALIASES})
    alias, _ = prompt.aliases.update_or_create(name=name, defaults={"version": version})
    return alias


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
    """Put it into the draft; columns stay. `forking.restore_draft` brings back what was there."""
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
