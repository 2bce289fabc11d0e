"""Keep what one person has in the playground: the prompt as typed, the columns, the last run."""

import re
import uuid
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db.models import Prefetch, prefetch_related_objects
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from . import following, judging
from .access import has_confirmed, visible_to, with_edit_rights
from .asking import names_in
from .attaching import typed_images, with_images
from .connecting import Mistyped, Refused
from .judging import (
    PARAMETERS,
    tools_for,
    typed_extra,
    typed_format,
    typed_params,
    typed_stop,
    typed_tools,
)
from .models import Call, Draft, Endpoint, Run, User
from .running import Variant

SAMPLE = {
    "system": gettext_lazy("You explain things in plain words."),
    "user": gettext_lazy("Explain gradient descent to a new colleague in three sentences."),
}

SIDES = ("user", "assistant")  # of an example
NOTHING = [{"role": "system", "content": ""}, {"role": "user", "content": ""}]
TYPED = ("messages", "examples", "variables", "params", "stop", "extra")
TYPED += ("tools", "response_format", "takes_lines")
# JSON as typed, and what it is called in one line.
TEXTS = {
    "extra": gettext_lazy("extra JSON"),
    "tools": gettext_lazy("tools"),
    "response_format": gettext_lazy("response format"),
}
MAX_VARIABLES = 200  # fields on the page (prompt/variables.js: MOST); further names stay as typed
MAX_POSITION = 701  # column ZZ
MOST_REMOVED = 12  # columns that were removed and can be taken back


def draft_of(user: User) -> Draft:
    """The person's draft; the first one holds the sample prompt and the demo endpoints."""
    draft = visible_to(user, Draft).select_related("run", "forked_from").first()
    if draft is None:
        columns = _placed([], [endpoint.id for endpoint in demo_endpoints(user)])
        sample = [{"role": role, "content": str(words)} for role, words in SAMPLE.items()]
        fresh = {"messages": sample, "columns": columns}
        draft, _ = Draft.objects.get_or_create(owner=user, defaults=fresh)
    return draft


def demo_endpoints(user: User) -> list[Endpoint]:
    return list(visible_to(user, Endpoint).filter(is_demo=True).order_by("created_at", "name"))


# Columns ------------------------------------------------------------------------------------


def columns_of(user: User, draft: Draft, read: Sequence[Endpoint] = ()) -> list[Call]:
    """One call per column: the newest of the draft's run, or one that has not run (status idle).

    `read` are endpoints that were read for this person just now.
    """
    by_id = {str(endpoint.pk): endpoint for endpoint in read}
    ids = [column["endpoint"] for column in draft.columns if column["endpoint"] not in by_id]
    if ids:
        endpoints = visible_to(user, Endpoint).select_related("workspace", "transforms_by")
        by_id |= {str(pk): endpoint for pk, endpoint in endpoints.in_bulk(ids).items()}
    ran = _begun(draft) or following.columns_along(
        user, draft.run, {column["position"] for column in draft.columns}
    )
    calls = [
        call
        for column in draft.columns
        if column["endpoint"] in by_id
        for call in _calls_in(column, by_id[column["endpoint"]], ran)
    ]
    for call in calls:
        call.is_earlier = call.status != "idle" and call.run_id != draft.run_id
        call.can_follow = following.can_follow(call)
        # Said before the first run, in the column itself.
        call.is_unread = call.status == "idle" and not is_read(user, call.endpoint)
    return calls


def _begun(draft: Draft) -> dict[tuple[int, int], Call]:
    """The columns of a run that was begun just now; nothing unless it is in all of them."""
    calls = draft.run.begun if draft.run else ()
    if {call.position for call in calls} != {column["position"] for column in draft.columns}:
        return {}
    for call in calls:
        call.is_mine = True
    return {(call.position, call.repetition): call for call in calls}


def calls_of(user: User, run: Run) -> list[Call]:
    """The newest attempt of every column of a run, read in one go for this person's page."""
    calls = with_edit_rights(visible_to(user, Call).defer("request"), user.pk)
    calls = calls.select_related("endpoint", "run__owner")
    prefetch_related_objects([run], Prefetch("calls", calls))
    return run.current_calls()


def _calls_in(column: dict, endpoint: Endpoint, ran: dict[tuple[int, int], Call]) -> list[Call]:
    """What a column shows: its call, and one more for each time that it was repeated."""
    own, position = column.get("own", {}), column["position"]
    calls = [call for place, call in ran.items() if place[0] == position]
    if calls and calls[0].endpoint_id == endpoint.id and calls[0].own_settings == own:
        return calls
    # A column that has not run is a call that is not in the table: one template shows both.
    call = Call(
        position=position,
        endpoint=endpoint,
        config=endpoint.config(),
        own_settings=own,
        status="idle",
    )
    call.repetitions, call.is_mine = column.get("repetitions", 1), True
    return [call]


def is_read(user: User, endpoint: Endpoint) -> bool:
    """Whether this person wrote or read the endpoint's transforms, if it has any."""
    return has_confirmed(user, endpoint, endpoint.transforms_fingerprint)


def choose_columns(draft: Draft, endpoints: Sequence[Endpoint]) -> None:
    """These and no others. Who stays keeps the letter, who comes takes the lowest free one."""
    chosen = [str(endpoint.id) for endpoint in endpoints]
    kept = [column for column in draft.columns if column["endpoint"] in chosen]
    there = {column["endpoint"] for column in kept}
    draft.columns = _placed(kept, [one for one in chosen if one not in there])
    draft.save(update_fields=["columns"])  # saved_at is the prompt's


def add_column(user: User, draft: Draft, endpoint: Endpoint) -> None:
    """One more column, unless the endpoint has one. Raises Refused when the board is full."""
    there = [call.endpoint for call in columns_of(user, draft)]
    if endpoint not in there:
        check_columns(len(there) + 1)
        choose_columns(draft, [*there, endpoint])


def check_columns(asked: int) -> None:
    """Raises Refused for more than can run at once."""
    if asked > settings.MAX_VARIANTS:
        most = settings.MAX_VARIANTS
        raise Refused(
            "variants",
            gettext("That is %(asked)s columns; at most %(most)s can run at once.")
            % {"asked": asked, "most": most},
        )


def column_at(draft: Draft, position: int) -> dict | None:
    return next((each for each in draft.columns if each["position"] == position), None)


def set_own(draft: Draft, column: dict, own: dict, repetitions: int = 1) -> None:
    """Parameters for this column alone, on top of the panel's; {} for none. Raises Refused."""
    others = sum(each.get("repetitions", 1) for each in draft.columns if each is not column)
    check_columns(others + repetitions)
    for name in ("own", "repetitions"):
        column.pop(name, None)
    column.update(_apart(own, repetitions))
    draft.save(update_fields=["columns"])


def _apart(own: dict, repetitions: int) -> dict:
    return ({"own": own} if own else {}) | ({"repetitions": repetitions} if repetitions > 1 else {})


def move_column(draft: Draft, position: int, by: int) -> None:
    """One place to the left (-1) or to the right (1); its letter goes with it."""
    order = [column["position"] for column in draft.columns]
    if position not in order:
        return
    at = order.index(position)
    to = min(len(order) - 1, max(0, at + by))
    draft.columns.insert(to, draft.columns.pop(at))
    draft.save(update_fields=["columns"])


def duplicate_column(draft: Draft, column: dict, own: dict, repetitions: int = 1) -> None:
    """The same endpoint once more, with other parameters. Raises Refused when the board is full."""
    check_columns(len(draft.columns) + 1)
    there = {each["position"] for each in draft.columns}
    draft.columns = _placed(draft.columns, [column["endpoint"]])
    fresh = next(each for each in draft.columns if each["position"] not in there)
    set_own(draft, fresh, own, repetitions)


def remove_column(draft: Draft, position: int) -> bool:
    """Answers whether there was one; it can be taken back by restore_column."""
    column = column_at(draft, position)
    if column is None:
        return False
    at = draft.columns.index(column)
    draft.columns.remove(column)
    draft.removed = [*draft.removed, {"at": at, "column": column}][-MOST_REMOVED:]
    draft.save(update_fields=["columns", "removed"])
    return True


def restore_column(draft: Draft, position: int) -> dict:
    """The column that was removed last from this letter, where it was and as it was set.

    Where the letter has a column again, it takes the lowest free one. Raises Refused.
    """
    was = next((each for each in reversed(draft.removed) if _position_of(each) == position), None)
    if was is None:
        raise Refused(
            "variants", gettext("This column cannot be brought back. Add its endpoint again.")
        )
    check_columns(sum(each.get("repetitions", 1) for each in [*draft.columns, was["column"]]))
    column = was["column"]
    taken = {each["position"] for each in draft.columns}
    if position in taken:
        column["position"] = next(at for at in range(MAX_POSITION) if at not in taken)
    draft.removed.remove(was)
    draft.columns.insert(was["at"], column)
    draft.save(update_fields=["columns", "removed"])
    return column


def _position_of(removed: dict) -> int:
    return removed["column"]["position"]


def _placed(columns: list[dict], endpoint_ids: Sequence) -> list[dict]:
    """With a column for each of these: the lowest free letter, where the letters say it stands."""
    taken = {column["position"] for column in columns}
    free = (position for position in range(MAX_POSITION) if position not in taken)
    placed = list(columns)
    for endpoint_id, position in zip(dict.fromkeys(endpoint_ids), free, strict=False):
        later = (at for at, column in enumerate(placed) if column["position"] > position)
        column = {"position": position, "endpoint": str(endpoint_id)}
        placed.insert(next(later, len(placed)), column)
    return placed


# The prompt ---------------------------------------------------------------------------------


def take_typed(draft: Draft, form: QueryDict) -> None:
    """Put the form's fields on the draft exactly as typed, valid or not. Saves nothing."""
    draft.messages = [
        {
            "role": _text(form.get(f"role-{number}", "user")),
            "content": _text(form[f"message-{number}"]),
        }
        | _images(form, number)
        for number in _numbers(form, "message")
    ] or NOTHING
    draft.examples = [
        {side: _text(form.get(f"example-{side}-{number}", "")) for side in SIDES}
        for number in _numbers(form, "example-user")
    ]
    draft.variables = {
        match[1]: _text(form[name])
        for name in form
        if (match := re.fullmatch(r"variable-(\w+)", name)) and "\0" not in name
    }
    draft.params = {name: _text(form[name]).strip() for name in PARAMETERS if form.get(name)}
    draft.stop = [_text(stop) for stop in form.getlist("stop") if stop]
    for name in TEXTS:
        setattr(draft, name, _text(form.get(name, "")))
    draft.takes_lines = "takes_lines" in form


def fields_of(draft: Draft) -> list[tuple[str, str]]:
    """The prompt as the form's fields: what take_typed reads."""
    fields = []
    for number, message in enumerate(draft.messages, 1):
        fields += [(f"role-{number}", message["role"]), (f"message-{number}", message["content"])]
        images = message.get("images", ())
        fields += [(f"image-{number}", f"{image['id']} {image['words']}") for image in images]
    for number, pair in enumerate(draft.examples, 1):
        fields += [(f"example-{side}-{number}", pair[side]) for side in SIDES]
    fields += [(f"variable-{name}", value) for name, value in sorted(draft.variables.items())]
    fields += [(name, draft.params[name]) for name in PARAMETERS if draft.params.get(name)]
    fields += [("stop", stop) for stop in draft.stop]
    fields += [(name, text) for name in TEXTS if (text := getattr(draft, name))]
    return fields + ([("takes_lines", "on")] if draft.takes_lines else [])


def messages_of(draft: Draft) -> list[dict]:
    """As they are sent but for images and variables: the system message, the examples, the rest."""
    said = draft.messages
    examples = [{"role": side, "content": pair[side]} for pair in draft.examples for side in SIDES]
    others = (number for number, each in enumerate(said) if each["role"] != "system")
    start = next(others, len(said))
    return said[:start] + examples + said[start:]


def variables_of(draft: Draft) -> list[tuple[str, str]]:
    """Every name in the texts with its value, "" where it has none, in the order they stand in."""
    names = names_in(messages_of(draft))[:MAX_VARIABLES]
    return [(name, draft.variables.get(name, "")) for name in names]


def asked_of(draft: Draft, variants: Sequence[Variant]) -> dict:
    """What the prompt asks of these columns, as arguments of start_run and planned_call."""
    names = dict(variables_of(draft))
    return {
        "messages": with_images(draft.owner, messages_of(draft)),
        "inputs": inputs_of(draft, variants),
        "variables": {name: text for name, text in draft.variables.items() if name in names},
    }


def keep_typed(draft: Draft, seen: datetime | None = None) -> bool:
    """Store the prompt. With `seen`, only over the draft that was saved then; else False."""
    rows = Draft.objects.filter(pk=draft.pk)
    if seen is not None:
        rows = rows.filter(saved_at=seen)
    draft.saved_at = timezone.now()
    typed = {name: getattr(draft, name) for name in TYPED}
    return bool(rows.update(saved_at=draft.saved_at, **typed))


def keep_follow_up(draft: Draft, run: Run) -> None:
    """The run that is one more turn in some of the columns; the others stay as they are."""
    draft.run = run
    draft.save(update_fields=["run"])  # the prompt may be another tab's by now


def keep_run(draft: Draft, run: Run, variants: Sequence[Variant]) -> None:
    """The prompt, the columns it was sent to and the run that came of it."""
    draft.run = run
    draft.columns = [
        {"position": variant.position, "endpoint": str(variant.endpoint.id)}
        | _apart(variant.own, variant.repetitions)
        for variant in variants
    ]
    draft.save(update_fields=[*TYPED, "run", "columns", "saved_at"])


def variants_of(user: User, draft: Draft, columns: Sequence[str]) -> list[Variant]:
    """What the form asks for: one variant per "position:endpoint id". Raises Refused."""
    if mistakes := mistakes_of(draft):
        raise Mistyped(mistakes)
    params = typed_params(draft.params) | typed_extra(draft.extra)
    tools, form = typed_tools(draft.tools), typed_format(draft.response_format)
    stop = typed_stop(draft.stop)
    placed = [_column(column) for column in columns]
    if len({position for position, _ in placed}) < len(placed):
        raise Refused("variants", gettext("Two columns have the same place. Load the page again."))
    known = visible_to(user, Endpoint).select_related("workspace", "transforms_by")
    endpoints = {str(e.id): e for e in known.filter(pk__in=[pk for _, pk in placed])}
    missing = [position for position, pk in placed if pk not in endpoints]
    if missing:
        letter = Call(position=missing[0]).letter
        raise Refused(
            "variants",
            gettext("The endpoint of column %(letter)s is not there any more. Remove the column.")
            % {"letter": letter},
        )
    variants = []
    for position, pk in placed:
        column = column_at(draft, position) or {}
        column = column if column.get("endpoint") == pk else {}  # another tab's by now
        own = column.get("own", {})
        shared = params | tools_for(endpoints[pk], tools, form)
        apart = {name: value for name, value in own.items() if name != "stop"}
        stops = own.get("stop", stop)
        times = column.get("repetitions", 1)
        variants.append(Variant(endpoints[pk], shared | apart, stops, times, position, own=own))
    return variants


def inputs_of(draft: Draft, variants: Sequence[Variant]) -> list[str] | None:
    """Every line that a user says, where that is switched on and something embeds; else None."""
    embeds = any(variant.endpoint.task == Endpoint.Task.EMBEDDINGS for variant in variants)
    if not (draft.takes_lines and embeds):
        return None
    said = [message["content"] for message in draft.messages if message["role"] == "user"]
    return [line for text in said for line in text.split("\n") if line.strip()]


def _column(column: str) -> tuple[int, str]:
    position, _, endpoint_id = column.partition(":")
    try:
        number, endpoint_id = int(position), str(uuid.UUID(endpoint_id))
    except ValueError as error:
        raise Refused(
            "variants", gettext("A column names no endpoint. Load the page again.")
        ) from error
    if not 0 <= number <= MAX_POSITION:
        raise Refused("variants", gettext("A column is out of place. Load the page again."))
    return number, endpoint_id


def mistakes_of(draft: Draft) -> dict[str, str]:
    """Every field of the prompt that cannot be sent as it is typed, and why."""
    mistakes = {}
    for number, pair in enumerate(draft.examples, 1):
        if bool(pair["user"].strip()) != bool(pair["assistant"].strip()):
            if pair["user"].strip():
                side = "assistant"
                words = gettext("Example %(number)s has no answer. Write it, or remove the pair.")
            else:
                side = "user"
                words = gettext("Example %(number)s has no question. Write it, or remove the pair.")
            mistakes[f"example-{side}-{number}"] = words % {"number": number}
    typed = (draft.params, draft.extra, draft.tools, draft.response_format)
    return mistakes | judging.mistakes_in(*typed)


def _images(form: QueryDict, number: int) -> dict:
    images = typed_images([_text(value) for value in form.getlist(f"image-{number}")])
    return {"images": images} if images else {}


def _numbers(form: QueryDict, field: str) -> list[int]:
    names = (re.fullmatch(rf"{field}-([1-9][0-9]{{0,2}})", name) for name in form)
    return sorted(int(match[1]) for match in names if match)


def _text(typed: str) -> str:
    """A form sends line ends as CR LF; what was typed is LF. NUL cannot be typed or stored."""
    return typed.replace("\r\n", "\n").replace("\0", "")
