"""Keep what one person has in the playground: the prompt as typed, the columns, the last run."""

import math
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Prefetch
from django.http import QueryDict
from django.utils import timezone

from . import following
from .access import has_confirmed, visible_to, with_edit_rights
from .connecting import Mistyped, Refused, check_params
from .models import Call, Draft, Endpoint, Run, User
from .notation import NotationError, read_object, unescape
from .running import Variant

SAMPLE = [
    {"role": "system", "content": "You explain things in plain words."},
    {
        "role": "user",
        "content": "Explain gradient descent to a new colleague in three sentences.",
    },
]


@dataclass(frozen=True)
class Parameter:
    """One row of the panel; without a value nothing is sent and the endpoint decides."""

    name: str
    label: str
    short: str
    read: Callable[[str], float]
    least: float
    most: float
    step: float
    usual: float  # where the slider stands before it is touched
    is_capped: bool = True  # else `most` is only the end of the slider
    value: str = ""
    mistake: str = ""


PARAMETERS = {
    parameter.name: parameter
    for parameter in (
        Parameter("temperature", "Temperature", "temp", float, 0, 2, 0.05, 1),
        Parameter("max_tokens", "Max tokens", "max", int, 1, 8192, 1, 512, is_capped=False),
        Parameter("top_p", "Top p", "top p", float, 0, 1, 0.01, 1),
    )
}
NOTHING = [{"role": "system", "content": ""}, {"role": "user", "content": ""}]
TYPED = ("messages", "params", "stop", "extra", "takes_lines")
MAX_POSITION = 701  # column ZZ
LARGEST = 2**53 - 1  # whole numbers beyond this are not exact everywhere


def draft_of(user: User) -> Draft:
    """The person's draft; the first one holds the sample prompt and the demo endpoints."""
    draft = visible_to(user, Draft).select_related("run").first()
    if draft is None:
        columns = _placed([], [endpoint.id for endpoint in demo_endpoints(user)])
        fresh = {"messages": SAMPLE, "columns": columns}
        draft, _ = Draft.objects.get_or_create(owner=user, defaults=fresh)
    return draft


def demo_endpoints(user: User) -> list[Endpoint]:
    return list(visible_to(user, Endpoint).filter(is_demo=True).order_by("created_at", "name"))


# Columns ------------------------------------------------------------------------------------


def columns_of(user: User, draft: Draft) -> list[Call]:
    """One call per column: the newest of the draft's run, or one that has not run (status idle)."""
    ids = [column["endpoint"] for column in draft.columns]
    endpoints = visible_to(user, Endpoint).select_related("workspace", "transforms_by")
    by_id = {str(pk): endpoint for pk, endpoint in endpoints.in_bulk(ids).items()}
    ran = following.columns_along(user, draft.run)
    calls = [
        _call_of(column["position"], by_id[column["endpoint"]], ran.get(column["position"]))
        for column in draft.columns
        if column["endpoint"] in by_id
    ]
    for call in calls:
        call.is_earlier = call.status != "idle" and call.run_id != draft.run_id
        call.can_follow = following.can_follow(call)
        # Said before the first run, in the column itself.
        call.is_unread = call.status == "idle" and not is_read(user, call.endpoint)
    return calls


def calls_of(run: Run | None) -> list[Call]:
    """The newest attempt of every column of a run, read in one go for a page."""
    if run is None:
        return []
    calls = with_edit_rights(Call.objects.defer("request"))
    calls = calls.select_related("endpoint", "run__owner")
    return Run.objects.prefetch_related(Prefetch("calls", calls)).get(pk=run.pk).current_calls()


def _call_of(position: int, endpoint: Endpoint, ran: Call | None) -> Call:
    if ran is not None and ran.endpoint_id == endpoint.id:
        return ran
    # A column that has not run is a call that is not in the table: one template shows both.
    return Call(position=position, endpoint=endpoint, config=endpoint.config(), status="idle")


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
        raise Refused("variants", f"That is {asked} columns; at most {most} can run at once.")


def remove_column(draft: Draft, position: int) -> None:
    draft.columns = [column for column in draft.columns if column["position"] != position]
    draft.save(update_fields=["columns"])


def _placed(columns: list[dict], endpoint_ids: Sequence) -> list[dict]:
    taken = {column["position"] for column in columns}
    free = (position for position in range(MAX_POSITION) if position not in taken)
    added = [
        {"position": position, "endpoint": str(endpoint_id)}
        for endpoint_id, position in zip(dict.fromkeys(endpoint_ids), free, strict=False)
    ]
    return sorted(columns + added, key=lambda column: column["position"])


# The prompt ---------------------------------------------------------------------------------


def take_typed(draft: Draft, form: QueryDict) -> None:
    """Put the form's fields on the draft exactly as typed, valid or not. Saves nothing."""
    draft.messages = [
        {
            "role": _text(form.get(f"role-{number}", "user")),
            "content": _text(form[f"message-{number}"]),
        }
        for number in _message_numbers(form)
    ] or NOTHING
    draft.params = {name: _text(form[name]).strip() for name in PARAMETERS if form.get(name)}
    draft.stop = [_text(stop) for stop in form.getlist("stop") if stop]
    draft.extra = _text(form.get("extra", ""))
    draft.takes_lines = "takes_lines" in form


def fields_of(draft: Draft) -> list[tuple[str, str]]:
    """The prompt as the form's fields, in its order: what take_typed reads."""
    fields = []
    for number, message in enumerate(draft.messages, 1):
        fields += [(f"role-{number}", message["role"]), (f"message-{number}", message["content"])]
    fields += [(name, draft.params[name]) for name in PARAMETERS if draft.params.get(name)]
    fields += [("stop", stop) for stop in draft.stop]
    fields += [("extra", draft.extra)] if draft.extra else []
    return fields + ([("takes_lines", "on")] if draft.takes_lines else [])


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
    draft.save(update_fields=[*TYPED, "run", "saved_at"])


def keep_run(draft: Draft, run: Run, variants: Sequence[Variant]) -> None:
    """The prompt, the columns it was sent to and the run that came of it."""
    draft.run = run
    draft.columns = [
        {"position": variant.position, "endpoint": str(variant.endpoint.id)} for variant in variants
    ]
    draft.save(update_fields=[*TYPED, "run", "columns", "saved_at"])


def variants_of(user: User, draft: Draft, columns: Sequence[str]) -> list[Variant]:
    """What the form asks for: one variant per "position:endpoint id". Raises Refused."""
    if mistakes := mistakes_of(draft):
        raise Mistyped(mistakes)
    params = typed_params(draft.params) | typed_extra(draft.extra)
    stop = [unescape(stop) for stop in draft.stop] or None
    placed = [_column(column) for column in columns]
    if len({position for position, _ in placed}) < len(placed):
        raise Refused("variants", "Two columns have the same place. Load the page again.")
    known = visible_to(user, Endpoint).select_related("workspace")
    endpoints = {str(e.id): e for e in known.filter(pk__in=[pk for _, pk in placed])}
    missing = [position for position, pk in placed if pk not in endpoints]
    if missing:
        letter = Call(position=missing[0]).letter
        raise Refused(
            "variants",
            f"The endpoint of column {letter} is not there any more. Remove the column.",
        )
    return [
        Variant(endpoints[pk], params=params, stop=stop, position=position)
        for position, pk in placed
    ]


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
        raise Refused("variants", "A column names no endpoint. Load the page again.") from error
    if not 0 <= number <= MAX_POSITION:
        raise Refused("variants", "A column is out of place. Load the page again.")
    return number, endpoint_id


def mistakes_of(draft: Draft) -> dict[str, str]:
    """Every field of the prompt that cannot be sent as it is typed, and why."""
    readings = [lambda name=n, text=t: typed_params({name: text}) for n, t in draft.params.items()]
    readings.append(lambda: typed_extra(draft.extra))
    mistakes = {}
    for read in readings:
        try:
            read()
        except Refused as refused:
            mistakes[refused.field] = refused.message
    return mistakes


def typed_params(typed: dict[str, str]) -> dict[str, float]:
    """The parameters that are set, as numbers. Raises Refused."""
    return {name: _number(PARAMETERS[name], text) for name, text in typed.items()}


def _number(parameter: Parameter, text: str) -> float:
    try:
        number = parameter.read(text)
    except ValueError:
        number = math.nan
    most = parameter.most if parameter.is_capped else LARGEST
    if not parameter.least <= number <= most:
        kind = "a whole number" if parameter.read is int else "a number"
        span = f"{parameter.least} to {most}" if parameter.is_capped else f"{parameter.least} up"
        raise Refused(
            parameter.name, f"{parameter.label} is {kind} from {span}, or empty for “not set”."
        )
    return number


def typed_extra(typed: str) -> dict:
    """The extra JSON: nothing, or one object. Raises Refused with line and column."""
    try:
        extra = read_object(typed)
        check_params(extra)
    except (NotationError, Refused) as error:
        raise Refused("extra", f"Extra JSON: {error}") from error
    return extra


def _message_numbers(form: QueryDict) -> list[int]:
    names = (re.fullmatch(r"message-([1-9][0-9]{0,2})", name) for name in form)
    return sorted(int(match[1]) for match in names if match)


def _text(typed: str) -> str:
    """A form sends line ends as CR LF; what was typed is LF. NUL cannot be typed or stored."""
    return typed.replace("\r\n", "\n").replace("\0", "")
