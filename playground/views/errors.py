"""The pages for what went wrong, and the same as JSON where a program asked."""

import json
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django_htmx.http import trigger_client_event


@dataclass(frozen=True)
class Refusal:
    """An answer that needs neither database nor person: as a page, and below /api/ as JSON."""

    status: int
    kind: str
    sentence: str
    template: str | None = None  # without one the sentence is the page

    def answer(self, path: str) -> tuple[str, bytes]:
        """Content type and body."""
        if _is_program(path):
            error = {"error": {"kind": self.kind, "message": self.sentence}}
            return "application/json; charset=utf-8", json.dumps(error).encode()
        if self.template is None:
            return "text/plain; charset=utf-8", self.sentence.encode()
        # Without the request: what failed may be the database, and the page's frame would ask it.
        return "text/html; charset=utf-8", render_to_string(self.template).encode()


UNREADABLE = Refusal(400, "malformed", "The server could not read this request.", "400.html")
TOO_SLOW = Refusal(408, "too_slow", "The request did not come in time. Send it again.")
WRONG_HOST = Refusal(
    400,
    "wrong_host",
    "This is not an address of the site. Whoever runs it can add the host name to "
    "PLAYGROUND_ALLOWED_HOSTS.",
)
TOO_LARGE = Refusal(
    413,
    "too_large",
    f"The request is longer than {settings.MAX_BODY_BYTES // 2**20} MiB. Send less at once.",
    "errors/too_large.html",
)
FAILED = Refusal(500, "internal", "The server failed. Its log has the cause.", "500.html")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return refuse(request, TOO_LARGE)
    is_host = isinstance(exception, DisallowedHost)
    return refuse(request, WRONG_HOST if is_host else UNREADABLE)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_program(request.path):
        return _as_json(404, "not_found", "There is nothing at this address.")
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    return refuse(request, FAILED)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    if _is_program(request.path):
        return _as_json(403, "forbidden", "The session's CSRF token is missing or out of date.")
    response = render(request, "errors/csrf.html", status=403)
    # The page's script asked with the token of a session that is over.
    return trigger_client_event(response, "signed-out")


def refuse(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """A refusal as the answer to a request that has come to the site."""
    content_type, body = refusal.answer(request.path)
    return HttpResponse(body, status=refusal.status, content_type=content_type)


def _is_program(path: str) -> bool:
    return path.startswith("/api/")


def _as_json(status: int, kind: str, message: str) -> JsonResponse:
    return JsonResponse({"error": {"kind": kind, "message": message}}, status=status)
