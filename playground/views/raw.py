"""The raw drawer: what a column sends, what came back, how long it took, and code for it."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from endpoints import Request
from endpoints.code import FORMATS

from .. import drafting, requesting
from ..access import credential_of, get_visible, visible_to
from ..asking import TooLarge
from ..connecting import Refused
from ..models import Call, User, Workspace
from ..models.endpoint import TRANSFORMS
from ..transforming import Unconfirmed

TITLES = {
    "curl": gettext_lazy("As cURL"),
    "requests": gettext_lazy("As Python"),
    "mlflow": gettext_lazy("As mlflow"),
    "openai": gettext_lazy("As OpenAI"),
    "langchain": gettext_lazy("As LangChain"),
}


@require_safe
def call_raw(request: HttpRequest, pk) -> HttpResponse:
    call = get_visible(request.user, Call, pk)
    return _drawer(request, call) if request.htmx else redirect(call.run)


@require_POST
def column_preview(request: HttpRequest, position: int) -> HttpResponse:
    """The exact request that Run would send from this column, for the prompt as typed."""
    if not request.htmx:
        return redirect("playground")
    draft = drafting.draft_of(request.user)
    drafting.take_typed(draft, request.POST)
    try:
        variants = drafting.variants_of(request.user, draft, request.POST.getlist("column"))
        variant = next((each for each in variants if each.position == position), None)
        if variant is None:
            raise Http404("This column is not there any more.")
        asked = drafting.asked_of(draft, variants)
        call = requesting.planned_call(request.user, variant, **asked)
    except (Refused, TooLarge) as error:
        return _nothing(request, Call(position=position, status="idle"), error)
    return _drawer(request, call)


def _drawer(request: HttpRequest, call: Call) -> HttpResponse:
    try:
        sent = requesting.request_of(call)
    except Refused as error:
        return _nothing(request, call, error)
    except Unconfirmed as error:
        return _nothing(request, call, f"{error} {error.hint}")
    context = {
        "call": call,
        "sent": sent,
        "size": len(sent.content),
        "of": requesting.count_requests(call),
        "transforms": [name for name in TRANSFORMS if call.config.get(name)],
        "codes": [(format, TITLES[format], _code(call, sent, format)) for format in FORMATS],
        "bars": bars_of(call),
        "lacks_credential": not call.request and _lacks_credential(request.user, call),
        "is_in_playground": request.htmx.current_url_abs_path == reverse("playground"),
    }
    return render(request, "runs/_raw.html", context)


def _nothing(request: HttpRequest, call: Call, error: Exception | str) -> HttpResponse:
    return render(request, "runs/_raw.html", {"call": call, "problem": str(error)}, status=422)


def _code(call: Call, sent: Request, format: str) -> str:
    try:
        return requesting.code_of(call, format, sent)
    except Refused as error:
        return f"# {error.message}"


def _lacks_credential(user: User, call: Call) -> bool:
    if call.config["workspace"] is None:
        return False
    workspace = visible_to(user, Workspace).filter(pk=call.config["workspace"]).first()
    return workspace is None or credential_of(user, workspace) is None


def bars_of(call: Call) -> list[dict]:
    """How a call's time went, in parts of 1,000: until a seat, until the first text, reading.

    A part that nobody measured has no time (None) and no width: endpoints do not tell how long
    their compute took to start, which is then within the wait for the first text.
    """
    if call.status == "idle" or call.started_at is None:
        return []
    first_ms = call.elapsed_ms if call.ttft_ms is None else call.ttft_ms
    spans = [
        ("queued", gettext("Queued"), call.queued_ms or 0),
        ("cold", gettext("Cold start"), None),
        ("waiting", "TTFT" if call.ttft_ms is not None else gettext("Waiting"), first_ms),
        ("streaming", gettext("Streaming"), max(0, call.elapsed_ms - first_ms)),
    ]
    whole = sum(ms or 0 for _, _, ms in spans) or 1
    bars, x = [], 0
    for name, title, ms in spans:
        share = (ms or 0) / whole
        width = round(share * 1000)
        percent = None if ms is None else round(share * 100)
        bar = {"name": name, "title": title, "ms": ms, "percent": percent}
        bars.append(bar | {"x": x, "width": width})
        x += width
    return bars
