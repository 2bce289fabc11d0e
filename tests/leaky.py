"""Upstreams that give away the token they were sent: whole, in pieces, encoded, in every place.

Behaviours for `tests.upstream`. Each echoes whatever bearer token the request carries.
"""

import base64
import html
import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from tests.upstream import Behaviour, Exchange, answer, chat_chunk, events, page

Made = Callable[[str], Behaviour]


def leaking(make: Made) -> Behaviour:
    """What `make` makes of the token that comes in."""

    def behave(exchange: Exchange) -> None:
        make(exchange.request.token or "no token came")(exchange)

    return behave


def _delta(**more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": more, "finish_reason": None}]}


def _letters(text: str, size: int = 1) -> Iterable[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def _stream(pieces: Iterable[Any], **options: Any) -> Behaviour:
    return events([*pieces, chat_chunk(None, "stop")], **options)


def _tool_call(arguments: str, **more: Any) -> dict[str, Any]:
    return _delta(tool_calls=[{"index": 0, "function": {"arguments": arguments, **more}}])


def _agent(kind: str, pieces: Iterable[str]) -> Behaviour:
    deltas = [{"type": kind, "item_id": "m1", "delta": piece} for piece in pieces]
    return events([*deltas, {"type": "response.completed", "response": {"status": "completed"}}])


def _message(content: Any) -> Behaviour:
    choice = {"index": 0, "message": {"content": content}, "finish_reason": "stop"}
    return answer({"choices": [choice]})


def _escaped(text: str) -> str:
    """Only some letters escaped, as nobody would."""
    return "".join(f"\\u{ord(c):04x}" if at % 3 else c for at, c in enumerate(text))


def _raw_events(*payloads: str) -> Behaviour:
    def behave(exchange: Exchange) -> None:
        exchange.send_head(content_type="text/event-stream")
        exchange.send("".join(f"data: {each}\n\n" for each in (*payloads, "[DONE]")).encode())

    return behave


def _chunks(pieces: Iterable[str], content_type: str) -> Behaviour:
    def behave(exchange: Exchange) -> None:
        exchange.send_head(content_type=content_type, transfer_encoding="chunked")
        for piece in pieces:
            exchange.send_chunk(piece.encode())
        exchange.end_chunks()

    return behave


# Answers that succeed. The text, or what stands beside it, holds the token in some form.
ANSWERS: dict[str, Made] = {
    "whole": lambda t: _message(f"You are Bearer {t}."),
    "whole, at the end": lambda t: _message(f"You are {t}"),
    "whole, base64": lambda t: _message(base64.b64encode(f"Bearer {t}".encode()).decode()),
    "whole, base64 for urls": lambda t: _message(base64.urlsafe_b64encode(t.encode()).decode()),
    "whole, hex": lambda t: _message(t.encode().hex()),
    "whole, in a url": lambda t: _message("?a=" + "".join(f"%{ord(c):02X}" for c in t)),
    "whole, quoted": lambda t: _message(quote(t) + json.dumps(t) + html.escape(t)),
    "whole, escaped": lambda t: _message("".join(f"\\u{ord(c):04x}" for c in t)),
    "whole, entities": lambda t: _message("".join(f"&#{ord(c)};" for c in t)),
    "whole, in parts": lambda t: _message([{"type": "text", "text": each} for each in _letters(t)]),
    "whole, in two halves": lambda t: _message(
        [{"type": "text", "text": t[:11]}, {"type": "text", "text": t[11:]}]
    ),
    "whole, reason": lambda t: answer(
        {"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": t}]}
    ),
    "prediction": lambda t: answer({"predictions": [t]}),
    "prediction of an object": lambda t: answer({"predictions": [{"a": t, t: 1}]}),
    "stream": lambda t: _stream([chat_chunk(f"You are {t}.")]),
    "stream, by letter": lambda t: _stream(chat_chunk(c) for c in f"You are {t}."),
    "stream, by letter, at the end": lambda t: _stream(chat_chunk(c) for c in t),
    "stream, by seven": lambda t: _stream(chat_chunk(c) for c in _letters(f"It is {t}, or?", 7)),
    "stream, base64 by letter": lambda t: _stream(
        chat_chunk(c) for c in base64.b64encode(f"x{t}y".encode()).decode()
    ),
    "stream, hex by letter": lambda t: _stream(chat_chunk(c) for c in t.encode().hex()),
    "stream, two choices": lambda t: _stream(
        {"choices": [{"index": n, "delta": {"content": c}, "finish_reason": None}]}
        for c in t
        for n in (0, 1)
    ),
    "stream, reasoning": lambda t: _stream(_delta(reasoning_content=c) for c in t),
    "stream, refusal": lambda t: _stream(_delta(refusal=c) for c in t),
    "stream, tool call": lambda t: _stream(
        [_tool_call("", name=t), *(_tool_call(c) for c in json.dumps({"q": t}))]
    ),
    "stream, tool call's id": lambda t: _stream(
        _delta(tool_calls=[{"id": t, "function": {"name": "f", "arguments": part}}])
        for part in ("{", "}")
    ),
    "stream, parts of a part": lambda t: _stream(
        [_delta(content=[{"type": "text", "text": c} for c in (t[:9], t[9:])])]
    ),
    "stream, some letters escaped": lambda t: _raw_events(
        f'{{"choices": [{{"delta": {{"content": "It is {_escaped(t)}!"}}}}]}}',
        '{"choices": [{"delta": {}, "finish_reason": "stop"}]}',
    ),
    "stream, beside the text": lambda t: _stream([{**chat_chunk("x"), "id": t, "model": [t]}]),
    "agent": lambda t: _agent("response.output_text.delta", t),
    "agent, arguments": lambda t: _agent("response.function_call_arguments.delta", t),
    "agent, outputs": lambda t: answer(
        {
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "x"}]}],
            "custom_outputs": {t: [t]},
        }
    ),
    "headers": lambda t: answer({"predictions": ["x"]}, served_model_name=t, x_echo=f"Bearer {t}"),
}

# Answers that fail: an error, and what is kept of the answer with it.
FAILURES: dict[str, Made] = {
    "400": lambda t: answer({"error_code": "BAD_REQUEST", "message": f"Bad: Bearer {t}"}, 400),
    "400, base64": lambda t: answer(
        {"message": base64.b64encode(f"Authorization: {t}".encode()).decode()}, 400
    ),
    "401": lambda t: answer({"error": {"message": t, t: [t]}}, 401),
    "403, text": lambda t: lambda each: each.send_body(403, f"No {t}".encode(), "text/plain"),
    "429": lambda t: answer({"message": t}, 429, retry_after=t),
    "500": lambda t: answer({"detail": [{"msg": t, "input": t}]}, 500),
    "500, page": lambda t: page(f"<html><title>{t}</title><pre>{t}</pre></html>", 500),
    "500, page of entities": lambda t: page(
        f"<html><title>{''.join(f'&#x{ord(c):x};' for c in t)}</title></html>", 500
    ),
    "502, page": lambda t: page(f"<html><body>{t}</body></html>", 502),
    "page": lambda t: page(f"<html><title>Hello {t}</title></html>"),
    "sign-in page": lambda t: page(f"<html><title>Sign in</title><a href='/?t={t}'></html>"),
    "moved": lambda t: page("", 302, location=f"https://x.test/{t}"),
    "error in a 200": lambda t: answer({"error": {"message": f"Bad {t}"}}),
    "error in a stream": lambda t: events([chat_chunk("x"), {"error": {"message": f"Bad {t}"}}]),
    "error event": lambda t: _raw_named_event("error", json.dumps({"message": t})),
    "no json in a stream": lambda t: _raw_events(f"Bearer {t}"),
    "no json": lambda t: lambda each: each.send_body(200, t.encode() * 9, "application/json"),
    "cut stream": lambda t: events([chat_chunk(c) for c in t], done=False),
    "cut within the token": lambda t: events([chat_chunk(c) for c in t[:-1]], done=False),
    "odd encoding": lambda t: answer({}, content_encoding=t),
}


def _raw_named_event(name: str, data: str) -> Behaviour:
    return lambda each: (
        each.send_head(content_type="text/event-stream"),
        each.send(f"event: {name}\ndata: {data}\n\n".encode()),
    )[0]


# For endpoints whose task takes plain text.
TEXTS: dict[str, Made] = {
    "text": lambda t: _chunks([f"You are {t}."], "text/plain"),
    "text, by letter": lambda t: _chunks(f"You are {t}.", "text/plain"),
    "text, half a token": lambda t: _chunks(["You are ", t[:-3]], "text/plain"),
}
