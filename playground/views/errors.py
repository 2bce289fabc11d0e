"""The pages for what went wrong, and the same as JSON where a program asked."""

from django.http import HttpRequest, HttpResponse, HttpResponseServerError, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django_htmx.http import trigger_client_event


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_program(request):
        return _as_json(404, "not_found", "There is nothing at this address.")
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    if _is_program(request):
        return _as_json(500, "internal", "The server failed. Its log has the cause.")
    # Without the request: what failed may be the database, and the page's frame would ask it.
    return HttpResponseServerError(render_to_string("500.html"))


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    if _is_program(request):
        return _as_json(403, "forbidden", "The session's CSRF token is missing or out of date.")
    response = render(request, "errors/csrf.html", status=403)
    # The page's script asked with the token of a session that is over.
    return trigger_client_event(response, "signed-out")


def _is_program(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _as_json(status: int, kind: str, message: str) -> JsonResponse:
    return JsonResponse({"error": {"kind": kind, "message": message}}, status=status)
