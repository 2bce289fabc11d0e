"""Fork a run: its prompt and columns become this person's draft, to change and run again."""

import base64
import binascii
import json
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext

from .access import may_run, visible_to
from .attaching import attach
from .connecting import Refused
from .drafting import MAX_POSITION, TYPED, check_columns
from .judging import PARAMETERS
from .models import Call, Draft, PromptVersion, Run, User
from .models.run import text_of
from .notation import escape

ROLES = ("system", "user", "assistant")
KEPT = (*TYPED, "columns", "run_id", "forked_from_id", "prompt_version_id")


def fork_run(user: User, draft: Draft, run: Run) -> list[str]:
    """Put the run into the draft. Answers what could not be taken along, each as a sentence.

    What was in the draft before comes back with `restore_draft`.
    """
    calls, left = _runnable(user, run)
    with transaction.atomic():
        before = keep_before(draft)
        draft.messages, lost = _messages(user, run)
        draft.examples, draft.takes_lines = [], run.inputs is not None
        draft.variables = dict(run.variables)
        _take_settings(draft, calls)
        draft.run, draft.forked_from, draft.replaced = None, run, before
        draft.prompt_version = run.prompt_version
        draft.save()
    return left + lost


def add_columns(user: User, draft: Draft, run: Run) -> list[str]:
    """The run's columns beside those of the draft, each with what it was sent as its own.

    Answers what could not be taken along. Raises Refused when the board has no room for them.
    """
    calls, left = _runnable(user, run)
    check_columns(sum(each.get("repetitions", 1) for each in draft.columns) + len(calls))
    taken = {column["position"] for column in draft.columns}
    free = (position for position in range(MAX_POSITION) if position not in taken)
    for call, position in zip(calls, free, strict=False):
        own = _sent(call)
        column = {"position": position, "endpoint": str(call.endpoint_id)}
        draft.columns.append(column | ({"own": own} if own else {}))
    draft.columns.sort(key=lambda column: column["position"])
    draft.save(update_fields=["columns"])
    return left


def restore_draft(draft: Draft) -> bool:
    """What was typed before the last fork, instead of it. False where there is nothing."""
    if not draft.replaced:
        return False
    before, draft.replaced = draft.replaced, None
    for name, value in before.items():
        setattr(draft, name, value)
    for name, model in (("run", Run), ("forked_from", Run), ("prompt_version", PromptVersion)):
        seen = visible_to(draft.owner, model).filter(pk=getattr(draft, f"{name}_id"))
        setattr(draft, name, seen.first())
    draft.save()
    return True


def keep_before(draft: Draft) -> dict:
    """What `restore_draft` brings back, to be stored as `draft.replaced`."""
    return {
        name: str(value) if name.endswith("_id") and value else value
        for name in KEPT
        for value in [getattr(draft, name)]
    }


def _runnable(user: User, run: Run) -> tuple[list[Call], list[str]]:
    """The first repetition of every column whose endpoint this person may run; the others named."""
    calls = [call for call in run.current_calls() if call.repetition == 1]
    mine = may_run(user, [call.endpoint_id for call in calls])
    left = [
        gettext("Column %(letter)s is left out: you cannot run “%(name)s”.")
        % {"letter": call.letter, "name": call.name}
        for call in calls
        if call.endpoint_id not in mine
    ]
    return [call for call in calls if call.endpoint_id in mine], left


def _messages(user: User, run: Run) -> tuple[list[dict], list[str]]:
    """The messages as the form holds them, and what it cannot hold."""
    if run.inputs is not None:
        return [{"role": "user", "content": "\n".join(run.inputs)}], []
    messages, left = [], []
    for message in run.template or run.messages:
        role, content = message["role"], message.get("content")
        kept = {"role": role if role in ROLES else "user", "content": text_of(message)}
        parts = content if isinstance(content, list) else []
        images = [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]
        kept |= _images(user, images, left)
        is_kept_whole = role in ROLES and not set(message) - {"role", "content"}
        if not is_kept_whole or any(p.get("type") not in ("text", "image_url") for p in parts):
            left.append(
                gettext("Of a message of “%(role)s” only the words are taken along.")
                % {"role": role}
            )
        messages.append(kept)
    return messages, left


def _images(user: User, urls: Sequence[str], left: list[str]) -> dict:
    images = []
    for url in urls:
        try:
            head, _, data = url.partition(",")
            if not head.startswith("data:"):
                raise ValueError("an address elsewhere")
            image = attach(user, "image", base64.b64decode(data, validate=True))
            images.append({"id": str(image.pk), "words": str(image)})
        except (Refused, ValueError, binascii.Error):
            left.append(gettext("An image could not be taken along. Attach it again."))
    return {"images": images} if images else {}


def _take_settings(draft: Draft, calls: Sequence[Call]) -> None:
    """What the columns share goes to the panel; what one was given, or has alone, stays its own."""
    sent = [(call, _sent(call)) for call in calls]
    common = _common(sent)
    draft.columns = []
    for call, settings in sent:
        column = {"position": call.position, "endpoint": str(call.endpoint_id)}
        own = {k: v for k, v in settings.items() if k not in common or k in call.own_settings}
        times = sum(each.position == call.position for each in call.run.current_calls())
        column |= ({"own": own} if own else {}) | ({"repetitions": times} if times > 1 else {})
        draft.columns.append(column)
    draft.params = {name: json.dumps(common.pop(name)) for name in PARAMETERS if name in common}
    draft.stop = [escape(stop) for stop in common.pop("stop", [])]
    draft.tools = _text(common.pop("tools", None))
    draft.response_format = _text(common.pop("response_format", None))
    draft.extra = _text(common or None)


def _sent(call: Call) -> dict:
    """What was set for this column, wherever it was."""
    return call.overrides | ({"stop": call.stop_override} if call.stop_override else {})


def _common(sent: Sequence[tuple[Call, dict]]) -> dict:
    """Settings that are the same in every column but those with a value of their own."""
    common = {}
    for name, value in [item for _, settings in sent for item in settings.items()]:
        others = [settings for call, settings in sent if name not in call.own_settings]
        if others and all(name in each and each[name] == value for each in others):
            common[name] = value
    return common


def _text(value) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)
