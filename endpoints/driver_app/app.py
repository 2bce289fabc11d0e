"""The driver app's protocol, which is the one a cluster's driver proxy passes on.

POST / and /echo (the demo's echo) and /poet (the demo's poet) take a JSON object

    {"prompt": str, "stop": [str, ...], ...}

where only prompt is required, with the further parameters max_tokens (pieces, 1 or more),
temperature (0 to 2), top_p (0 to 1, taken and ignored: the demo draws no tokens by probability),
seed (whole number), delay_ms (before the first token, to 600000), token_delay_ms (between tokens,
to 60000) and stream. Any other is refused by name.

The answer is a JSON string (application/json, UTF-8). It is streamed if the body says
"stream": true, or the Accept header names text/event-stream and the body does not say false.
Then each event is one line "data: ", in turn: JSON strings, the pieces of the text; one object
{"usage": {"input_tokens": n, "output_tokens": n}, "finish_reason": "stop" | "length"}; and
[DONE]. Tokens are the demo's pieces, about a word each. An object {"error": {...}} instead of
these last two means that the text is not complete.

GET /info says what is served, the parameters by name, and in streams_open how many answers are
being written, streamed or whole; GET /health answers {"ok": true}. Every other answer is an error:
{"error": {"type": str, "message": str, "field": str}}, the field where there is one.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from . import __version__
from .answering import OpenAnswers, PlainAnswer, StreamedAnswer, dump_json
from .demo import BEHAVIOURS
from .parameters import NAMES, Ask, InvalidRequest, read_ask

MAX_BODY_BYTES = 4 * 1024 * 1024
# A body that is too large is read a little further: a client that is still sending when the
# connection closes never sees the answer.
_MAX_DISCARDED_BYTES = 64 * 1024 * 1024


class BodyTooLarge(Exception):
    """The request's body is larger than MAX_BODY_BYTES."""


def make_app(open_answers: OpenAnswers) -> Starlette:
    """Make the app that serves the demo model; open_answers lets its owner end every answer."""
    started_at = datetime.now(UTC).isoformat(timespec="seconds")

    async def info(request: Request) -> Response:
        return _json(
            {
                "model": "demo",
                "behaviours": list(BEHAVIOURS),
                "parameters": list(NAMES),
                "version": __version__,
                "started_at": started_at,
                "demo": True,
                "streams_open": len(open_answers),
            }
        )

    async def health(request: Request) -> Response:
        return _json({"ok": True})

    routes = [Route("/", _answer_with(BEHAVIOURS["echo"], open_answers), methods=["POST"])]
    for name, behaviour in BEHAVIOURS.items():
        routes.append(Route(f"/{name}", _answer_with(behaviour, open_answers), methods=["POST"]))
    routes += [Route("/info", info), Route("/health", health)]
    app = Starlette(routes=routes, exception_handlers=_ERROR_ANSWERS)
    # A redirect would turn a POST into a GET.
    app.router.redirect_slashes = False
    return app


def _answer_with(behaviour: Callable[[Ask], str], open_answers: OpenAnswers) -> Callable:
    async def answer(request: Request) -> StreamedAnswer | PlainAnswer:
        ask = read_ask(await _read_body(request))
        wants_stream = ask.wants_stream
        if wants_stream is None:
            wants_stream = "text/event-stream" in request.headers.get("accept", "").lower()
        kind = StreamedAnswer if wants_stream else PlainAnswer
        return kind(ask, behaviour(ask), open_answers)

    return answer


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    discarded_bytes = 0
    async for chunk in request.stream():
        if discarded_bytes or len(body) + len(chunk) > MAX_BODY_BYTES:
            discarded_bytes += len(chunk)
        else:
            body += chunk
        if discarded_bytes > _MAX_DISCARDED_BYTES:
            break
    if discarded_bytes:
        raise BodyTooLarge
    return bytes(body)


def _json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(dump_json(value), status, headers, "application/json")


def _error(kind: str, message: str, status: int, field: str | None = None, **headers) -> Response:
    error = {"type": kind, "message": message}
    if field is not None:
        error["field"] = field
    return _json({"error": error}, status, headers)


async def _invalid_request(request: Request, error: InvalidRequest) -> Response:
    return _error("invalid_request", error.message, 400, error.field)


async def _too_large(request: Request, error: BodyTooLarge) -> Response:
    limit_mib = MAX_BODY_BYTES // 1024**2
    message = f"The body is larger than {limit_mib} MiB. Send a shorter prompt."
    return _error("too_large", message, 413)


async def _not_found(request: Request, error: HTTPException) -> Response:
    message = "Nothing is served here. POST to /, /echo or /poet; GET /info or /health."
    return _error("not_found", message, 404)


async def _wrong_method(request: Request, error: HTTPException) -> Response:
    allowed = error.headers["Allow"]
    message = f"{request.method} is not answered here. Send {allowed}."
    return _error("method_not_allowed", message, 405, Allow=allowed)


async def _client_left(request: Request, error: ClientDisconnect) -> Response:
    # Nobody reads this; without it the server would log a client that left as its own failure.
    return _error("client_left", "The client left before its request was complete.", 400)


async def _internal(request: Request, error: Exception) -> Response:
    message = "The driver app failed. Its terminal says why."
    return _error("internal", message, 500)


_ERROR_ANSWERS = {
    InvalidRequest: _invalid_request,
    BodyTooLarge: _too_large,
    ClientDisconnect: _client_left,
    404: _not_found,
    405: _wrong_method,
    Exception: _internal,
}
