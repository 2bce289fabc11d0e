"""How numbers, long names and model text are written on the pages."""

import json
import re
from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince

from ..models import Call, Endpoint
from ..notation import escape as escape_stop

register = template.Library()

UNKNOWN = "–"


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """One symbol of templates/_icons.html; size is "", "sm" or "lg"."""
    classes = f"i i--{size}" if size else "i"
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="#i-{}"/></svg>', classes, name
    )


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
    return UNKNOWN if milliseconds is None else f"{milliseconds / 1000:.{digits}f} s"


@register.filter
def ago(when: datetime) -> str:
    """ "just now", "5 minutes ago", "2 weeks ago"."""
    if timezone.now() - when < timedelta(minutes=1):
        return "just now"
    return f"{timesince(when, depth=1)} ago"


@register.filter
def rate(per_second: float | None) -> str:
    """62.4 -> "62", 3.14 -> "3.1": two digits say enough."""
    if per_second is None:
        return UNKNOWN
    return f"{per_second:.0f}" if per_second >= 10 else f"{per_second:.1f}"


@register.filter
def count(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


@register.filter
def exact(text: str) -> SafeString:
    """Escaped so that the page holds every character: a bare CR would be read as a line feed."""
    return mark_safe(escape(text).replace("\r", "&#13;"))


@register.filter
def column_name(call: Call) -> str:
    """A, B … and for a repetition B 2: what buttons and regions call the column."""
    return call.letter if call.repetition == 1 else f"{call.letter} {call.repetition}"


@register.filter
def visible(typed: str) -> str:
    """A stop sequence with the blanks at its ends drawn, as they count: " User:" -> "␣User:"."""
    return re.sub(r"^ +| +\Z", lambda found: "␣" * len(found[0]), typed)


@register.filter
def as_typed(stop: str) -> str:
    """A stop sequence the way it is typed: \\n for a line break."""
    return escape_stop(stop)


@register.filter
def is_big(text: str) -> bool:
    """So long that a browser needs seconds unless the editor does less (prompt.js: BIG)."""
    return len(text) > 50_000


@register.filter
def said(response: dict) -> str:
    """What the server said: its status line, then its body as it came."""
    body = response.get("body", "")
    if not isinstance(body, str):
        body = json.dumps(body, indent=2, ensure_ascii=False)
    status = f"HTTP {response['status']}" if response.get("status") else ""
    return "\n".join(part for part in (status, body) if part)


@register.filter
def pretty(value: object) -> str:
    """JSON laid out for reading, every letter as itself."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def size(count: int) -> str:
    """1913 -> "1.9 kB"."""
    return f"{count} B" if count < 1000 else f"{count / 1000:,.1f} kB"


@register.filter
def as_json(value: object) -> str:
    """A parameter's value the way it would be typed."""
    return json.dumps(value, ensure_ascii=False)


@register.filter
def editable_endpoint(call: Call) -> Endpoint | None:
    """The endpoint of a call, where it still exists and belongs to the run's owner.

    From loaded rows alone: cards are rendered by the hundred, and as they change.
    """
    endpoint = call.endpoint
    return endpoint if endpoint and endpoint.owner_id == call.run.owner_id else None
