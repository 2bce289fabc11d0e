"""Every small part of the pages in its states, for who works on them: nothing here is stored."""

import re
from datetime import timedelta

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from ..diff import WORDS, compare
from ..forms.house import HouseForm
from ..models import Call, Endpoint, Run

TEXT = "Hi Søren,\n\nyour parcel was handed over this morning and arrives **today**."
OTHER = "Dear Søren,\n\nyour parcel arrives tomorrow."
NAMES = (
    "gpt-4o-mini",
    "databricks-meta-llama-3-3-70b-instruct-eu-west",
    "claude-sonnet",
    "dolly",
    "demo-echo",
    "demo-poet",
    "a custom model",
)
ERROR = {
    "kind": "timeout",
    "message": "No answer within 30 s: the endpoint is still starting.",
    "hint": "Raise the limit of this endpoint, or retry once it is up.",
}


class PartsForm(HouseForm, forms.Form):
    """One field of each sort: as it is at first, filled in, refused and disabled."""

    plain = forms.CharField(label="Plain", required=False, help_text="A hint says what is taken.")
    filled = forms.CharField(label="Filled in", initial="prod")
    refused = forms.CharField(label="Refused")
    disabled = forms.CharField(label="Disabled", disabled=True, initial="cannot be changed")
    choice = forms.ChoiceField(label="Choice", choices=[("eu", "Europe"), ("us", "America")])
    long = forms.CharField(label="Long text", widget=forms.Textarea({"rows": 3}))


@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """For staff; to everybody else there is no such page."""
    if not request.user.is_staff:
        raise Http404
    typed = {"plain": "", "filled": "prod", "refused": "77777", "choice": "eu", "long": TEXT}
    form = PartsForm(typed)
    form.add_error("refused", "Use a number from 1 to 65535.")
    form.add_error(None, "Another endpoint of yours has this name.")
    form.fields["refused"].widget.attrs["autofocus"] = False  # it would scroll the page there
    calls = _calls(Run(owner=request.user, messages=[{"role": "user", "content": "Hello"}]))
    done, stopped = calls[3:5]
    context = {
        "form": form,
        "calls": calls,
        "diff": {
            "call": done,
            "other": stopped,
            "difference": compare(stopped.text, done.text, WORDS),
            "by": WORDS,
        },
        "picked": [{"endpoint": _endpoint(request), "call": call} for call in (calls[0], None)],
        "icons": re.findall(r'id="i-([a-z-]+)"', render_to_string("_icons.html")),
    }
    return render(request, "styleguide/styleguide.html", context)


def _calls(run: Run) -> list[Call]:
    """One column of each status, the idle one last."""
    now = timezone.now()
    started = {"run": run, "created_at": now, "started_at": now - timedelta(seconds=4)}
    counted = {"usage": {"input_tokens": 148, "output_tokens": 214}, "ttft_ms": 312}
    of_status = {
        "queued": {"started_at": None},
        "waiting": {},
        "streaming": {"text": TEXT[:40], "ttft_ms": 312},
        "done": {"text": TEXT, "latency_ms": 4123, **counted},
        "stopped": {"text": OTHER, "latency_ms": 2210, **counted},
        "failed": {"error": ERROR, "latency_ms": 30_000, "attempt": 2},
        "idle": {"started_at": None},
    }
    calls = [
        Call(
            position=position,
            status=status,
            config={"name": name, "place": "prod · chat", "task": "chat", "workspace": None}
            | {"params": {}, "stop": [], "prices": {"input": 0.15, "output": 0.6}},
            **started | fields,
        )
        for position, (name, (status, fields)) in enumerate(
            zip(NAMES, of_status.items(), strict=True)
        )
    ]
    for call, value in zip(calls[3:5], (1, -1), strict=True):
        call.own_vote, call.is_best = value, value == 1
    return calls


def _endpoint(request: HttpRequest) -> Endpoint:
    address = {"kind": "driver", "url": "http://127.0.0.1:7600/", "task": "chat"}
    return Endpoint(owner=request.user, name=NAMES[1], **address)
