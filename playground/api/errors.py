"""Everything that can go wrong, as `{"error": {"kind", "message", "field"?}}`."""

import json
import logging
import math
from collections.abc import Callable
from functools import partial

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import BaseModel

from endpoints import AddressError, EndpointError
from endpoints.errors import BadRequest, Forbidden, NotFound, NotSent, RateLimited, TimedOut

from ..asking import TooLarge
from ..connecting import Refused
from ..limits import TooMany
from ..prompting import Newer
from ..running import Conflict
from ..teaming import Gone
from ..transforming import Unconfirmed

log = logging.getLogger(__name__)

# How an upstream's refusal is answered; every other failure of one is a 502.
STATUSES = {NotSent: 422, BadRequest: 422, Forbidden: 403, NotFound: 404, RateLimited: 429}
STATUSES |= {TimedOut: 504}
KINDS = {400: "malformed", 401: "unauthorized", 403: "forbidden"}


class Error(BaseModel):
    """What happened, in words; `field` names the part of the request that is at fault.

    `line` counts from 1 in a field that holds source text.
    """

    kind: str
    message: str
    field: str | None = None
    line: int | None = None


class ErrorAnswer(BaseModel):
    """The body of every answer with a status of 400 or more."""

    error: Error


def install(api: NinjaAPI) -> None:
    """Tell every exception in our words. The most special handler of an exception wins."""
    for kind, handler in {
        Exception: _internal,
        Http404: _not_found,
        PermissionDenied: _forbidden,
        HttpError: _http_error,
        AuthenticationError: _unauthorized,
        ValidationError: _invalid,
        Refused: _refused,
        AddressError: _refused,
        EndpointError: _upstream,
        Gone: _gone,
        Unconfirmed: _unconfirmed,
        Conflict: _conflict,
        Newer: _conflict,
        TooLarge: _too_large,
        TooMany: _too_many,
        RequestDataTooBig: _body_too_large,
    }.items():
        api.add_exception_handler(kind, partial(handler, api))


def method_not_allowed(api: NinjaAPI, request: HttpRequest, allowed: str) -> HttpResponse:
    message = f"{request.method} does nothing at this address. Use {allowed}."
    response = _answer(api, request, 405, "method_not_allowed", message)
    response["Allow"] = allowed
    return response


def _answer(
    api: NinjaAPI,
    request: HttpRequest,
    status: int,
    kind: str,
    message: str,
    field: str | None = None,
    line: int | None = None,
) -> HttpResponse:
    error = Error(kind=kind, message=message, field=field, line=line)
    error = error.model_dump(exclude_none=True)
    return api.create_response(request, {"error": error}, status=status)


def _internal(api: NinjaAPI, request: HttpRequest, exc: Exception) -> HttpResponse:
    log.error("%s %s failed.", request.method, request.path, exc_info=exc)
    message = "Something failed inside the playground. Its log has the cause."
    return _answer(api, request, 500, "internal", message)


def _not_found(api: NinjaAPI, request: HttpRequest, exc: Http404) -> HttpResponse:
    return _answer(api, request, 404, "not_found", str(exc))


def _forbidden(api: NinjaAPI, request: HttpRequest, exc: PermissionDenied) -> HttpResponse:
    return _answer(api, request, 403, "forbidden", str(exc))


def _http_error(api: NinjaAPI, request: HttpRequest, exc: HttpError) -> HttpResponse:
    message = _what_is_no_json(exc.__cause__) if exc.status_code == 400 else exc.message
    return _answer(api, request, exc.status_code, KINDS[exc.status_code], message)


def _unauthorized(api: NinjaAPI, request: HttpRequest, exc: AuthenticationError) -> HttpResponse:
    message = exc.message
    if message == AuthenticationError().message:
        message = "Sign in, or send an API token as “Authorization: Bearer pp_…”."
    response = _answer(api, request, 401, "unauthorized", message)
    response["WWW-Authenticate"] = "Bearer"
    return response


def _refused(api: NinjaAPI, request: HttpRequest, exc: Refused | AddressError) -> HttpResponse:
    line = getattr(exc, "line", None)
    return _answer(api, request, 422, "invalid", exc.message, exc.field, line)


def _gone(api: NinjaAPI, request: HttpRequest, exc: Gone) -> HttpResponse:
    return _answer(api, request, 404, "not_found", exc.message, exc.field)


def _unconfirmed(api: NinjaAPI, request: HttpRequest, exc: Unconfirmed) -> HttpResponse:
    message = (
        f"{exc.message} Read transform_input and transform_output of GET /endpoints/{{id}}, "
        "then PUT /endpoints/{id}/confirm with the fingerprint of its transforms."
    )
    return _answer(api, request, 409, exc.kind, message, exc.field)


def _upstream(api: NinjaAPI, request: HttpRequest, exc: EndpointError) -> HttpResponse:
    """A workspace would not, or could not, do what was asked; or it was not even asked."""
    status = next((code for kind, code in STATUSES.items() if isinstance(exc, kind)), 502)
    response = _answer(api, request, status, exc.kind, f"{exc.message} {exc.hint}", exc.field)
    if status == 429:
        response["Retry-After"] = str(math.ceil(exc.retry_after_s or 1))
    return response


def _conflict(api: NinjaAPI, request: HttpRequest, exc: Conflict | Newer) -> HttpResponse:
    return _answer(api, request, 409, "conflict", str(exc))


def _too_large(api: NinjaAPI, request: HttpRequest, exc: TooLarge) -> HttpResponse:
    return _answer(api, request, 413, "too_large", str(exc), "prompt")


def _too_many(api: NinjaAPI, request: HttpRequest, exc: TooMany) -> HttpResponse:
    response = _answer(api, request, 429, "too_many", exc.message)
    response["Retry-After"] = str(exc.wait_s)
    return response


def _body_too_large(api: NinjaAPI, request: HttpRequest, exc: RequestDataTooBig) -> HttpResponse:
    message = "The request is too long. Shorten the prompt or send it in parts."
    return _answer(api, request, 413, "too_large", message)


def _invalid(api: NinjaAPI, request: HttpRequest, exc: ValidationError) -> HttpResponse:
    """The first thing that does not fit; more of them would be hard to read in one sentence."""
    first = exc.errors[0]
    source, *path = first["loc"]
    if source == "body":
        path = path[1:]  # the name of the view's own argument
    field = ".".join(str(part) for part in path)
    if not field:
        if first["type"] == "missing":
            return _answer(api, request, 400, "malformed", "Send a JSON object as the body.")
        return _answer(api, request, 422, "invalid", "The body must be a JSON object.")
    return _answer(api, request, 422, "invalid", _sentence(field, first), field)


def _sentence(field: str, error: dict) -> str:
    """A validation error of pydantic in plain words."""
    words = _WORDS.get(error["type"])
    if words is None:
        return f"{field} is not valid: {error['msg']}."
    return f"{field} {words(error.get('ctx', {}))}."


def _say(text: str) -> Callable[[dict], str]:
    return lambda context: text.format(**context)


_WORDS = {
    "missing": _say("is missing"),
    "extra_forbidden": _say("is not a field that can be set here"),
    "string_type": _say("must be a text"),
    "string_too_long": _say("is longer than {max_length} characters"),
    "string_too_short": _say("must not be empty"),
    "int_type": _say("must be a whole number"),
    "int_parsing": _say("must be a whole number"),
    "int_from_float": _say("must be a whole number"),
    "bool_type": _say("must be true or false"),
    "prompt_type": _say("must be a text, or for embeddings a list of texts"),
    "list_type": _say("must be a list"),
    "dict_type": _say("must be a JSON object"),
    "model_type": _say("must be a JSON object"),
    "model_attributes_type": _say("must be a JSON object"),
    "too_long": _say("has {actual_length} items; at most {max_length} are allowed"),
    "greater_than_equal": _say("must be at least {ge}"),
    "less_than_equal": _say("must be at most {le}"),
    "uuid_parsing": _say("must be an id, as the API answers it"),
    "uuid_type": _say("must be an id, as the API answers it"),
    "literal_error": lambda context: "must be " + context["expected"].replace("'", '"'),
    "datetime_from_date_parsing": _say("must be a date and time such as 2026-01-31T12:00:00Z"),
    "datetime_parsing": _say("must be a date and time such as 2026-01-31T12:00:00Z"),
}


def _what_is_no_json(cause: BaseException | None) -> str:
    if isinstance(cause, json.JSONDecodeError):
        place = f"line {cause.lineno}, column {cause.colno}"
        return f"The body is not valid JSON: {cause.msg} ({place})."
    if isinstance(cause, UnicodeDecodeError):
        return "The body is not valid JSON: it is not UTF-8."
    if isinstance(cause, RecursionError):
        return "The body is not valid JSON: it is nested too deeply."
    return f"The body is not valid JSON: {cause}."
