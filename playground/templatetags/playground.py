"""How numbers, long names and model text are written on the pages."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from http import HTTPStatus

from django import template
from django.utils import formats, timezone
from django.utils.html import escape, format_html, json_script
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import gettext, gettext_lazy, ngettext, pgettext_lazy

from .. import doctoring
from ..access import can_edit
from ..languages import language_of, written
from ..models import Call, Endpoint
from ..notation import escape as escape_stop
from ..script_words import script_words as words_of_scripts

register = template.Library()

UNKNOWN = "–"
MAX_HEADLINE = 90
ROLES = {
    "system": gettext_lazy("System"),
    "user": gettext_lazy("User"),
    "assistant": gettext_lazy("Assistant"),
}
# One word in the strip of columns, small.
STATUSES = {
    "queued": pgettext_lazy("status", "queued"),
    "waiting": pgettext_lazy("status", "waiting"),
    "streaming": pgettext_lazy("status", "streaming"),
    "done": pgettext_lazy("status", "done"),
    "failed": pgettext_lazy("status", "failed"),
    "stopped": pgettext_lazy("status", "stopped"),
}
# What a call keeps of where it went, which is English (Endpoint.place).
PLACES = {
    "demo on this server": gettext_lazy("demo on this server"),
    "direct URL": gettext_lazy("direct URL"),
    "driver proxy": gettext_lazy("driver proxy"),
    "serving endpoint": gettext_lazy("serving endpoint"),
    "workspace not shared": gettext_lazy("workspace not shared"),
}


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """One symbol of templates/_icons.html; size is "", "sm" or "lg"."""
    classes = f"i i--{size}" if size else "i"
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="#i-{}"/></svg>', classes, name
    )


@register.simple_tag
def script_words(*scripts: str) -> SafeString:
    """What site.js and these scripts say, as data."""
    return json_script(words_of_scripts(*scripts), "words")


@register.simple_tag
def mid(name: str) -> SafeString:
    """A long name that is cut in the middle, because its end tells it from its neighbours."""
    tail = min(13, round(len(name) * 0.36))
    return format_html(
        '<span class="mid"><span class="mid__a">{}</span><span class="mid__b">{}</span></span>',
        name[: len(name) - tail],
        name[len(name) - tail :],
    )


@register.filter
def seconds(milliseconds: int | None, digits: int = 1) -> str:
    """4123 -> "4.1 s"."""
    return UNKNOWN if milliseconds is None else f"{written(milliseconds / 1000, digits)} s"


@register.filter
def ago(when: datetime) -> str:
    """ "just now", "5 minutes ago", "2 weeks ago"."""
    if timezone.now() - when < timedelta(minutes=1):
        return gettext("just now")
    # Translators: "5 minutes ago"; Django words what is in the place of %(time)s.
    return gettext("%(time)s ago") % {"time": timesince(when, depth=1)}


@register.filter
def rate(per_second: float | None) -> str:
    """62.4 -> "62", 3.14 -> "3.1": two digits say enough."""
    if per_second is None:
        return UNKNOWN
    return written(per_second, 0 if per_second >= 10 else 1)


@register.filter
def dollars(estimate: float | None) -> str:
    """0.00123 -> "≈ $0.0012": never more exact than the four digits that fit."""
    if estimate is None:
        return UNKNOWN
    if estimate < 0.0001:
        return f"≈ <${written(0.0001, 4)}" if estimate else "≈ $0"
    return f"≈ ${written(estimate, 4 if estimate < 1 else 2)}"


@register.filter
def count(number: int | None) -> str:
    return UNKNOWN if number is None else written(number)


@register.filter
def exact(text: str) -> SafeString:
    """Escaped so that the page holds every character: a bare CR would be read as a line feed."""
    return mark_safe(escape(text).replace("\r", "&#13;"))  # noqa: S308 - escaped just here


@register.filter
def lang(text: str) -> SafeString | str:
    """The attribute that tells which language this text is in, or nothing where nobody knows."""
    language = language_of(text)
    return format_html(' lang="{}"', language) if language else ""


@register.filter
def column_name(call: Call) -> str:
    """A, B … and for a repetition B 2: what buttons and regions call the column."""
    return call.letter if call.repetition == 1 else f"{call.letter} {call.repetition}"


@register.filter
def visible(typed: str) -> str:
    """A stop sequence with the blanks at its ends drawn, as they count: " User:" -> "␣User:".

    A pasted tab is shown the way it could be typed, \\t.
    """
    drawn = re.sub(r"\A +| +\Z", lambda found: "␣" * len(found[0]), typed)
    return re.sub(r"[\n\r\t]", lambda found: escape_stop(found[0]), drawn)


@register.filter
def as_typed(stop: str) -> str:
    """A stop sequence the way it is typed: \\n for a line break."""
    return escape_stop(stop)


@register.filter
def is_big(text: str) -> bool:
    """So long that a browser needs seconds unless the editor does less (prompt/editors.js: BIG)."""
    return len(text) > 50_000


@register.filter
def chips(call: Call) -> list[str]:
    """What the column alone was given: "temperature 0.2", "2 stops"; long values by name alone."""
    words = []
    for name, value in call.own_settings.items():
        if name == "stop":
            words.append(stops_in_words(len(value)))
            continue
        text = "" if isinstance(value, dict | list) else json.dumps(value, ensure_ascii=False)
        label = name.replace("_", " ")
        words.append(f"{label} {text}" if text and len(text) <= 12 else label)
    return words


def stops_in_words(number: int) -> str:
    """2 -> "2 stops"."""
    return ngettext("{n} stop", "{n} stops", number).format(n=number)


@register.filter
def said(response: dict) -> str:
    """What the server said: its status line, then its body as it came."""
    body = response.get("body", "")
    if _is_stream(response):
        body = "\n".join(f"data: {event}" for event in body)
    elif not isinstance(body, str):
        body = json.dumps(body, indent=2, ensure_ascii=False)
    status = f"HTTP {response['status']}" if response.get("status") else ""
    return "\n".join(part for part in (status, body) if part)


def _is_stream(response: dict) -> bool:
    """A stream is kept as the data of its events, each as text."""
    is_told = str(response.get("content_type", "")).startswith("text/event-stream")
    body = response.get("body")
    return is_told and isinstance(body, list) and all(isinstance(event, str) for event in body)


@register.filter
def status_line(status: int) -> str:
    """404 -> "404 Not Found"; a number alone where HTTP knows no words."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


@register.filter
def pretty(value: object) -> str:
    """JSON laid out for reading, every letter as itself."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def size(count: int) -> str:
    """1913 -> "1.9 kB"."""
    return f"{count} B" if count < 1000 else f"{written(count / 1000, 1)} kB"


@register.filter
def as_json(value: object) -> str:
    """A parameter's value the way it would be typed."""
    return json.dumps(value, ensure_ascii=False)


@register.filter
def lacks_credential(call: Call) -> bool:
    """Whether another credential of one's own would mend a failed call."""
    error = call.error or {}
    is_refused = error.get("kind") in ("no_credential", "unauthorized")
    return is_refused or bool(call.config["workspace"]) and "token" in error.get("hint", "")


@register.filter
def task_in_words(task: str) -> str:
    """ "responses" -> "Agent"."""
    return str(Endpoint.Task(task).label) if task in Endpoint.Task else task


@register.filter
def role_in_words(role: str) -> str:
    return str(ROLES.get(role) or role.capitalize())


@register.filter
def status_in_words(status: str) -> str:
    return str(STATUSES.get(status, status))


@register.filter
def place_in_words(place: str) -> str:
    """ "prod · driver proxy :7777", as a call keeps it, in the language of the page."""
    parts = []
    for part in place.split(" · "):
        what, colon, port = part.partition(" :")
        parts.append(f"{PLACES.get(what, what)}{colon}{port}")
    return " · ".join(parts)


@register.filter
def headline(message: str) -> str:
    """What happened, without the upstream's own words after the colon; those are its detail."""
    return _in_two(message)[0]


@register.filter
def detail(message: str) -> str:
    return _in_two(message)[1]


def _in_two(message: str) -> tuple[str, str]:
    head, _, words = message.partition(": ")
    return (head, words) if words and len(head) <= MAX_HEADLINE else (message.removesuffix("."), "")


@register.filter
def pairs(values: Mapping | None) -> list[tuple]:
    """Names and values. A template's `.items` would be the value of a key called so."""
    return list(values.items()) if values else []


@register.filter
def day(date: str) -> str:
    """A stored day, `2026-11-21`, as people write it."""
    # Translators: a day, in the letters of Django's date filter: 21 Nov 2026.
    return formats.date_format(datetime.fromisoformat(date), gettext("j M Y"))


@register.filter
def day_in_words(date: date) -> str:
    """ "Today, 21 Nov 2026", "Yesterday, 20 Nov 2026", "19 Nov 2026"."""
    # Translators: a day, in the letters of Django's date filter: 21 Nov 2026.
    written_out = formats.date_format(date, gettext("j M Y"))
    ago = (timezone.localdate() - date).days
    near = {0: gettext("Today, %(date)s"), 1: gettext("Yesterday, %(date)s")}
    return near.get(ago, "%(date)s") % {"date": written_out}


@register.filter
def refused_field(call: Call) -> str | None:
    """The field to send a failed call without, if its endpoint named one."""
    return doctoring.refused_field(call)


@register.filter
def editable_endpoint(call: Call) -> Endpoint | None:
    """The endpoint of a call, where it still exists and the run's owner may edit it.

    Calls read by `with_edit_rights` know that; of any other one it is asked.
    """
    endpoint = call.endpoint
    if endpoint is None:
        return None
    may_edit = getattr(call, "may_edit", None)
    if may_edit is None:
        may_edit = can_edit(call.run.owner, endpoint)
    return endpoint if may_edit else None
