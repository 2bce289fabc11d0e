"""What a hostile or broken upstream answers, and the error that it must become.

Add at the end of a table, never inside. `text` as the expected kind: a whole answer after all.
"""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import NamedTuple

from tests.upstream import DONE, Behaviour, Exchange, chat_chunk, event_bytes, raw

TOKEN_AT_RISK = b"dapi-attacked-0123456789"
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
_TEXT = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
_ANSWER = b'{"choices": [{"index": 0, "message": {"content": "Good."}}], "predictions": ["Good."]}'


class Hostile(NamedTuple):
    id: str
    what: str
    behave: Behaviour
    kinds: frozenset[str]


def whole(head: bytes, body: bytes = _ANSWER, more: bytes = b"") -> bytes:
    return head + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def again(first: bytes, piece: bytes, every_s: float = 0, times: int = 10**9) -> Behaviour:
    """The first bytes, then the same piece until the client has enough."""

    def behave(exchange: Exchange) -> None:
        exchange.send(first)
        for _ in range(times):
            exchange.send(piece)
            if every_s:
                exchange.wait(every_s)

    return behave


def then(data: bytes, end: Callable[[Exchange], None]) -> Behaviour:
    """These bytes, and then something else than an end."""

    def behave(exchange: Exchange) -> None:
        exchange.send(data)
        end(exchange)

    return behave


def redirect(status: int, more: bytes = b"") -> Behaviour:
    """To the sentinel: its port is put where `{port}` is by the test."""

    def behave(exchange: Exchange) -> None:
        place = b"http://127.0.0.1:%d/taken" % exchange.upstream.sentinel_port
        head = b"HTTP/1.1 %d Elsewhere\r\nLocation: %s\r\n" % (status, place)
        exchange.send(head + more + b"Content-Length: 0\r\n\r\n")

    return behave


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def bomb(megabytes: int) -> bytes:
    return gzip.compress(b"\0" * (megabytes * 2**20))


HANG, RESET = Exchange.hang, Exchange.reset


def table(first: int, *rows: tuple[str, bytes | Behaviour, str]) -> tuple[Hostile, ...]:
    return tuple(
        Hostile(
            f"UPSTREAM-{first + number}",
            what,
            raw(behave) if isinstance(behave, bytes) else behave,
            frozenset(kinds.split()),
        )
        for number, (what, behave, kinds) in enumerate(rows)
    )


HEADS = table(
    101,
    ("closes at once", b"", "connection"),
    ("resets at once", RESET, "connection"),
    ("says nothing", HANG, "timeout"),
    ("one byte, then nothing", then(b"H", HANG), "timeout"),
    ("a status line without an end", then(b"HTTP/1.1 200", HANG), "timeout"),
    ("drips its status line", again(b"HTTP/1.1 200 O", b"O", 0.05), "timeout"),
    ("drips its headers", again(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", 0.05), "timeout"),
    ("resets inside the headers", then(_OK, RESET), "connection truncated"),
    ("a cut status line", b"HTTP/1.1 200", "truncated"),
    ("a cut status", b"HTTP/1.1 2", "bad_response truncated"),
    ("a status line and no more", b"HTTP/1.1 200 OK\r\n", "truncated"),
    ("headers cut in a line", _OK + b"Content-Le", "truncated"),
    ("headers cut after a line", _OK + b"Content-Length: 0\r\n", "truncated"),
    ("headers cut before their last line end", _OK + b"Content-Length: 0\r\n\r", "truncated"),
    ("a 204 cut in its headers", b"HTTP/1.1 204 No Content\r\nX-A: b\r\n", "truncated"),
    ("an error cut in its headers", b"HTTP/1.1 400 Bad\r\nContent-Ty", "truncated"),
    ("random bytes", bytes(range(256)) * 4, "bad_response truncated too_large"),
    ("zeros", b"\0" * 1000, "bad_response truncated"),
    ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n", "bad_response"),
    ("HTTP/0.9", b'{"text": "Good."}', "bad_response truncated"),
    ("a version to come", whole(b"HTTP/9.9 200 OK\r\n"), "bad_response"),
    ("a radio station", whole(b"ICY 200 OK\r\n"), "bad_response"),
    ("a status of six digits", whole(b"HTTP/1.1 999999 X\r\n"), "bad_response"),
    ("a negative status", whole(b"HTTP/1.1 -200 X\r\n"), "bad_response"),
    ("a status of letters", whole(b"HTTP/1.1 2OO OK\r\n"), "bad_response"),
    ("status 0", whole(b"HTTP/1.1 000 X\r\n"), "bad_response"),
    ("status 199", whole(b"HTTP/1.1 199 X\r\n"), "bad_response"),
    ("status 600", whole(b"HTTP/1.1 600 X\r\n"), "bad_response upstream"),
    ("status 999", whole(b"HTTP/1.1 999 X\r\n"), "bad_response upstream"),
    ("no status", whole(b"HTTP/1.1\r\n"), "bad_response"),
    ("a reason of 70 KB", whole(b"HTTP/1.1 200 " + b"O" * 70_000 + b"\r\n"), "too_large"),
    ("a status line for ever", again(b"HTTP/1.1 200 ", b"O" * 65_536), "too_large"),
    ("100,000 headers", again(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", times=100_000), "too_large"),
    ("101 headers", whole(_OK, more=b"X-A: b\r\n" * 101), "too_large"),
    ("a header of 65 KB", whole(_OK, more=b"X-A: " + b"b" * 66_000 + b"\r\n"), "too_large"),
    (
        "headers of 65 KB in all",
        whole(_OK, more=(b"X: " + b"b" * 1300 + b"\r\n") * 51),
        "too_large",
    ),
    ("a header for ever", again(_OK + b"X-A: ", b"b" * 65_536), "too_large"),
    ("folded lines for ever", again(_OK + b"X-A: b\r\n", b" b\r\n"), "too_large"),
    ("100 Continue for ever", again(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "too_large"),
    ("1xx with headers for ever", again(b"", b"HTTP/1.1 100 C\r\nX-A: b\r\n\r\n"), "too_large"),
    ("early hints for ever", again(b"", b"HTTP/1.1 103 Hints\r\n\r\n"), "bad_response too_large"),
    ("switching protocols", b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n", "bad_response"),
    ("ten continues, then an answer", b"HTTP/1.1 100 Continue\r\n\r\n" * 10 + whole(_OK), "text"),
    ("a header without a colon", whole(_OK, more=b"no colon\r\n"), "text bad_response truncated"),
    ("a header with NUL", whole(_OK, more=b"X-A: \0\r\n"), "text bad_response"),
    ("bare line feeds", whole(_OK).replace(b"\r\n", b"\n"), "text"),
)

FRAMES = table(
    201,
    ("a length that is cut", whole(_OK)[:-5], "truncated"),
    ("a length, then a reset", then(whole(_OK)[:-5], RESET), "truncated"),
    ("a length, then nothing", then(whole(_OK)[:-5], HANG), "timeout"),
    ("a length of 5 for an empty body", _OK + b"Content-Length: 5\r\n\r\n", "truncated"),
    ("a negative length", _OK + b"Content-Length: -1\r\n\r\n" + _ANSWER, "bad_response"),
    ("a signed length", _OK + b"Content-Length: +88\r\n\r\n" + _ANSWER, "bad_response"),
    ("a length with an underscore", _OK + b"Content-Length: 8_8\r\n\r\n" + _ANSWER, "bad_response"),
    ("a length of letters", _OK + b"Content-Length: many\r\n\r\n" + _ANSWER, "bad_response"),
    ("an empty length", _OK + b"Content-Length: \r\n\r\n" + _ANSWER, "bad_response"),
    ("a hexadecimal length", _OK + b"Content-Length: 0x58\r\n\r\n" + _ANSWER, "bad_response"),
    ("a length of 30 digits", _OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", "bad_response"),
    ("a length of 19 digits", _OK + b"Content-Length: " + b"9" * 19 + b"\r\n\r\n", "truncated"),
    ("two lengths", whole(_OK, more=b"Content-Length: 5\r\n"), "bad_response"),
    ("two lengths in one", _OK + b"Content-Length: 5, 88\r\n\r\n" + _ANSWER, "bad_response"),
    ("the same length twice", whole(_OK, more=b"Content-Length: %d\r\n" % len(_ANSWER)), "text"),
    (
        "a length and chunks",
        whole(_OK, more=b"Transfer-Encoding: chunked\r\n"),
        "truncated bad_response",
    ),
    ("chunks without their end", _OK + _CHUNKED + chunk(_ANSWER), "truncated"),
    ("half a chunk", _OK + _CHUNKED + b"ff\r\n" + _ANSWER, "truncated"),
    ("a reset inside a chunk", then(_OK + _CHUNKED + b"ff\r\n" + _ANSWER, RESET), "truncated"),
    ("a chunk size and no more", _OK + _CHUNKED + b"ff\r\n", "truncated"),
    ("half a chunk size", _OK + _CHUNKED + b"f", "truncated"),
    ("a huge chunk size", _OK + _CHUNKED + b"f" * 16 + b"\r\n" + _ANSWER, "truncated"),
    ("a chunk size of 40 digits", _OK + _CHUNKED + b"f" * 40 + b"\r\n" + _ANSWER, "bad_response"),
    ("a negative chunk size", _OK + _CHUNKED + b"-1\r\n" + _ANSWER, "bad_response"),
    ("a signed chunk size", _OK + _CHUNKED + b"+5\r\n" + _ANSWER, "bad_response"),
    ("a chunk size with 0x", _OK + _CHUNKED + b"0x5\r\n" + _ANSWER, "bad_response"),
    ("a chunk size with an underscore", _OK + _CHUNKED + b"5_0\r\n" + _ANSWER, "bad_response"),
    ("no chunk size", _OK + _CHUNKED + b"\r\n" + _ANSWER, "bad_response"),
    ("a chunk size of letters", _OK + _CHUNKED + b"zz\r\n" + _ANSWER, "bad_response"),
    (
        "a chunk extension of 70 KB",
        _OK + _CHUNKED + b"5;" + b"x" * 70_000 + b"\r\n",
        "bad_response",
    ),
    ("a chunk extension for ever", again(_OK + _CHUNKED + b"5;", b"x" * 65_536), "bad_response"),
    (
        "chunks with extensions",
        _OK + _CHUNKED + b"%x;a=b\r\n%s\r\n0\r\n\r\n" % (len(_ANSWER), _ANSWER),
        "text",
    ),
    (
        "trailers for ever",
        again(_OK + _CHUNKED + chunk(_ANSWER) + b"0\r\n", b"X-A: b\r\n"),
        "too_large",
    ),
    ("a trailer that is cut", _OK + _CHUNKED + chunk(_ANSWER) + b"0\r\nX-A", "text truncated"),
    ("one byte in each chunk, for ever", again(_OK + _CHUNKED, b"1\r\na\r\n"), "too_large timeout"),
    ("chunked twice", _OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n", "bad_response"),
    ("chunked in two headers", _OK + b"Transfer-Encoding: chunked\r\n" + _CHUNKED, "bad_response"),
    (
        "gzip as transfer encoding",
        _OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        "bad_response",
    ),
    (
        "an unknown transfer encoding",
        whole(_OK, more=b"Transfer-Encoding: cow\r\n"),
        "bad_response",
    ),
    (
        "a part of an answer",
        whole(b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-9/99\r\n"),
        "bad_response",
    ),
    ("a number that may go on", _OK + b"\r\n12", "truncated"),
    ("a text that may go on", _TEXT + b"\r\nGood", "truncated bad_response"),
    ("JSON that nothing frames, whole", _OK + b"\r\n" + _ANSWER, "text"),
    ("JSON that nothing frames, cut", _OK + b"\r\n" + _ANSWER[:-3], "truncated"),
    (
        "JSON that nothing frames, then a reset",
        then(_OK + b"\r\n" + _ANSWER, RESET),
        "truncated text",
    ),
    ("nothing, and nothing frames it", _OK + b"\r\n", "truncated"),
)

BODIES = table(
    301,
    ("drips its body", again(_OK + b"\r\n", b" ", 0.05), "timeout"),
    ("blanks for ever", again(_OK + b"\r\n", b" " * 65_536), "too_large"),
    ("5 MiB", whole(_OK, b'"' + b"a" * 5 * 2**20 + b'"'), "too_large"),
    ("5 MiB in chunks", again(_OK + _CHUNKED, chunk(b" " * 65_536), times=80), "too_large"),
    ("bytes for ever", again(_OK + b"\r\n", b"\xff" * 65_536), "too_large"),
    ("a gzip bomb", whole(_OK, bomb(16), b"Content-Encoding: gzip\r\n"), "bad_response"),
    ("a bomb that does not say so", whole(_OK, bomb(16)), "bad_response"),
    (
        "deflate",
        whole(_OK, zlib.compress(_ANSWER), b"Content-Encoding: deflate\r\n"),
        "bad_response",
    ),
    ("brotli", whole(_OK, _ANSWER, b"Content-Encoding: br\r\n"), "bad_response"),
    ("zstandard", whole(_OK, _ANSWER, b"Content-Encoding: zstd\r\n"), "bad_response"),
    ("packed twice", whole(_OK, _ANSWER, b"Content-Encoding: gzip, gzip\r\n"), "bad_response"),
    ("an unknown packing", whole(_OK, _ANSWER, b"Content-Encoding: cow\r\n"), "bad_response"),
    ("identity, said aloud", whole(_OK, _ANSWER, b"Content-Encoding: identity\r\n"), "text"),
    (
        "an error that is packed",
        whole(b"HTTP/1.1 400 Bad\r\n", bomb(8), b"Content-Encoding: gzip\r\n"),
        "bad_response",
    ),
    ("an error for ever", again(b"HTTP/1.1 400 Bad\r\n\r\n", b"a" * 65_536), "bad_request"),
    ("JSON 1,000 deep", whole(_OK, nested(1_000)), "bad_response"),
    ("JSON 100,000 deep", whole(_OK, nested(100_000)), "bad_response"),
    ("JSON 2,000,000 deep, open", whole(_OK, b"[" * 2_000_000), "bad_response"),
    ("objects 100,000 deep", whole(_OK, b'{"a":' * 100_000), "bad_response"),
    ("NaN", whole(_OK, b'{"predictions": [NaN]}'), "bad_response"),
    ("Infinity", whole(_OK, b'{"predictions": [-Infinity]}'), "bad_response"),
    ("a number of 5,000 digits", whole(_OK, b"9" * 5_000), "bad_response"),
    ("a number of 3,000,000 digits", whole(_OK, b"9" * 3_000_000), "bad_response"),
    ("an exponent beyond everything", whole(_OK, b"1e999999999"), "bad_response"),
    ("invalid UTF-8", whole(_OK, b'"\xff\xfe"'), "bad_response"),
    ("UTF-16", whole(_OK, _ANSWER.decode().encode("utf-16")), "bad_response"),
    (
        "half of a letter",
        whole(_OK, b'{"predictions": ["\\ud83d"], "choices": []}'),
        "text bad_response",
    ),
    ("NUL in a text", whole(_OK, b'"a\x00b"'), "bad_response"),
    ("a duplicated key", whole(_OK, b'{"choices": [], "choices": {}}'), "bad_response"),
    ("a scalar", whole(_OK, b"true"), "bad_response"),
    ("null", whole(_OK, b"null"), "bad_response"),
    ("an empty object", whole(_OK, b"{}"), "bad_response"),
    ("an empty list", whole(_OK, b"[]"), "bad_response"),
    ("an empty body", whole(_OK, b""), "bad_response"),
    ("204", b"HTTP/1.1 204 No Content\r\n\r\n", "bad_response"),
    (
        "a page",
        whole(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", b"<html>Sign in</html>"),
        "login_page bad_response",
    ),
    (
        "a page that says it is JSON",
        whole(_OK, b"<!doctype html><title>Sign In</title>"),
        "login_page bad_response",
    ),
    ("two answers", whole(_OK, _ANSWER + _ANSWER), "bad_response"),
    ("a second answer behind the first", whole(_OK) + whole(_OK), "text"),
    ("a callback", whole(_OK, b"cb(" + _ANSWER + b")"), "bad_response"),
    (
        "the token in an error",
        whole(b"HTTP/1.1 400 Bad\r\n", json.dumps({"message": TOKEN_AT_RISK.decode()}).encode()),
        "bad_request",
    ),
    (
        "the token in a page",
        whole(b"HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\n", b"<p>" + TOKEN_AT_RISK),
        "upstream nothing_listening bad_response",
    ),
)

STATUSES = table(
    401,
    *(
        (f"redirects with {status}", redirect(status), "bad_response login_page upstream")
        for status in (300, 301, 302, 303, 304, 305, 306, 307, 308)
    ),
    (
        "refreshes elsewhere",
        redirect(200, b"Refresh: 0; url=http://127.0.0.1/\r\n"),
        "bad_response text",
    ),
    (
        "sets cookies, then redirects",
        redirect(302, b"Set-Cookie: a=b\r\n"),
        "bad_response login_page",
    ),
    (
        "401 with a challenge",
        whole(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\n"),
        "unauthorized",
    ),
    (
        "407",
        whole(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n"),
        "bad_request upstream bad_response",
    ),
    ("417", whole(b"HTTP/1.1 417 No\r\n"), "bad_request"),
    ("421", whole(b"HTTP/1.1 421 No\r\n"), "bad_request"),
    ("426", whole(b"HTTP/1.1 426 No\r\nUpgrade: h2\r\n"), "bad_request"),
    *(
        (
            f"429 that asks for “{after.decode()}”",
            whole(b"HTTP/1.1 429 Wait\r\nRetry-After: " + after + b"\r\n"),
            "rate_limited",
        )
        for after in (b"0", b"-1", b"1000000000", b"soon", b"1e309", b"9" * 5000, b"")
    ),
    *(
        (f"{status}", whole(b"HTTP/1.1 %d No\r\n" % status), "upstream not_ready timeout")
        for status in (500, 501, 503, 504, 505, 511, 599)
    ),
)


def _stream(*payloads: object, end: bytes = b"") -> bytes:
    return _SSE + _CHUNKED + b"".join(chunk(event_bytes(each)) for each in payloads) + end


_LAST = b"0\r\n\r\n"
_PIECE = chat_chunk("Good.")

STREAMS = table(
    501,
    ("no terminal marker", _stream(_PIECE, end=_LAST), "truncated"),
    (
        "no terminal marker, and nothing frames it",
        _SSE + b"\r\n" + event_bytes(_PIECE),
        "truncated",
    ),
    ("cut inside a chunk", _stream(_PIECE, end=b"ff\r\ndata: {"), "truncated"),
    ("cut inside an event", _SSE + b'\r\ndata: {"choices"', "truncated"),
    ("a reset", then(_stream(_PIECE), RESET), "truncated"),
    ("silence", then(_stream(_PIECE), HANG), "timeout"),
    ("an empty stream", _stream(end=_LAST), "truncated"),
    ("nothing but its end", _stream(DONE, end=_LAST), "text bad_response"),
    (
        "an end that is half there",
        _SSE + b"\r\n" + event_bytes(_PIECE) + b"data: [DON",
        "truncated bad_response",
    ),
    ("whole without an orderly end", _stream(_PIECE, DONE), "text"),
    ("a line of 300 KB", _stream(end=chunk(b"data: " + b"a" * 300_000)), "too_large"),
    ("a line for ever", again(_SSE + b"\r\ndata: ", b"a" * 65_536), "too_large"),
    (
        "an event of many lines",
        again(_SSE + b"\r\n", b"data: " + b"a" * 60_000 + b"\n"),
        "too_large",
    ),
    (
        "100,001 events",
        again(_SSE + b"\r\n", b'data:{"choices":[]}\n\n' * 1000, times=101),
        "too_large",
    ),
    ("events for ever", again(_SSE + b"\r\n", event_bytes(_PIECE) * 100), "too_large"),
    ("comments for ever", again(_SSE + b"\r\n", b": still here\n" * 1000), "too_large"),
    ("a comment now and then, for ever", again(_SSE + b"\r\n", b": ping\n\n", 0.05), "timeout"),
    ("names without data for ever", again(_SSE + b"\r\n", b"event: x\n\n" * 1000), "too_large"),
    ("NaN", _SSE + b'\r\ndata: {"choices": [NaN]}\n\n', "bad_response truncated"),
    (
        "JSON 100,000 deep",
        _SSE + b"\r\ndata: " + nested(100_000) + b"\n\n",
        "bad_response truncated",
    ),
    (
        "a number of 5,000 digits",
        _SSE + b"\r\ndata: " + b"9" * 5_000 + b"\n\n",
        "bad_response truncated",
    ),
    ("no JSON", _SSE + b"\r\ndata: Good.\n\n", "bad_response truncated"),
    ("invalid UTF-8", _SSE + b"\r\ndata: \xff\xfe\n\n", "bad_response truncated"),
    ("a list", _stream([1], DONE, end=_LAST), "bad_response"),
    (
        "an event named error",
        _SSE + b'\r\nevent: error\ndata: {"message": "No."}\n\n',
        "upstream bad_request bad_response",
    ),
    ("an error in the stream", _stream({"error": {"message": "No."}}, end=_LAST), "upstream"),
    (
        "an event for the browser",
        _SSE + b"\r\nevent: execute\ndata: alert(1)\n\n",
        "bad_response truncated",
    ),
    (
        "packed",
        _SSE + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(event_bytes(_PIECE)),
        "bad_response",
    ),
    (
        "the token in pieces",
        _stream(chat_chunk("dapi-attacked-"), chat_chunk("0123456789"), end=_LAST),
        "truncated",
    ),
)
