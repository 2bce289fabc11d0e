"""Anything at all from the other side of a real socket: an EndpointError or an answer, no hang."""

import json
import unittest

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endpoints import Egress, EndpointError, Finished, Limits, Token, client_for
from tests.upstream import Upstream, raw

TOKEN = "dapi-alice-0123456789"
LIMITS = Limits(connect_s=5, idle_s=2, total_s=4, max_bytes=64 * 1024)
CALM = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TYPES = st.sampled_from(
    (
        b"application/json",
        b"text/event-stream",
        b"text/event-stream; charset=latin-1",
        b"text/plain",
        b"text/html",
        b"",
        b"\xff",
    )
)
PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        (
            b"data: ",
            b"\n\n",
            b"\r",
            b"[DONE]",
            b'"Hi"',
            b'{"choices": [{"delta": {"content": "x"}}]}',
            b'{"predictions": ["x"]}',
            b'{"error": {"message": "No."}}',
            b"event: error\n",
            b"<html><title>Sign In</title>",
            b"\xf0\x9f",
            b"5\r\n",
            b"0\r\n\r\n",
            TOKEN.encode(),
        )
    ),
)
BODIES = st.lists(PIECES, max_size=12).map(b"".join)
HEADERS = st.lists(
    st.one_of(
        st.sampled_from(
            (
                b"Transfer-Encoding: chunked",
                b"Content-Length: 5",
                b"Content-Length: -1",
                b"Content-Length: 99999999999999999999",
                b"Content-Encoding: gzip",
                b"Retry-After: 99999999999999999999",
                b"Location: http://127.0.0.1:9/",
                b"Set-Cookie: a=b",
                b"served-model-name: \xff",
                b"no colon",
            )
        ),
        st.binary(max_size=30).map(lambda value: b"X-Odd: " + value),
    ),
    max_size=4,
)


class FuzzTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.enterClassContext(Upstream())
        origin = cls.upstream.origin
        egress = Egress(workspace_origins=(origin,), driver_origins=(origin,))
        workspace = {"host": origin, "credential": Token(TOKEN), "serving_endpoint": "odd"}
        shared = {"egress": egress, "limits": LIMITS}
        cls.clients = [
            client_for("serving", task=task, **workspace, **shared)
            for task in ("chat", "completions", "embeddings", "custom", "responses")
        ]
        cls.clients.append(client_for("driver", url=cls.upstream.url("/odd"), **shared))

    def ask(self, client, answer):
        self.upstream.serve("odd", raw(answer))
        self.upstream.on("/odd", raw(answer))
        events = []
        try:
            events.extend(client.stream("x"))
        except EndpointError as error:
            kept = f"{error} {error.hint} {json.dumps(error.response, ensure_ascii=False)}"
        else:
            self.assertIsInstance(events[-1], Finished)
            json.dumps(events[-1].response, ensure_ascii=False, allow_nan=False).encode()
            kept = json.dumps(events[-1].response, ensure_ascii=False)
        if client is not self.clients[-1]:  # an app that gets no token has none to be masked
            self.assertNotIn(TOKEN, kept)

    @CALM
    @given(
        st.integers(0, 5),
        st.sampled_from((200, 201, 204, 302, 400, 429, 500)),
        TYPES,
        HEADERS,
        BODIES,
    )
    def test_any_status_headers_and_body(self, client, status, content_type, headers, body):
        head = [b"HTTP/1.1 %d X" % status, b"Content-Type: " + content_type, *headers]
        self.ask(self.clients[client], b"\r\n".join([*head, b"", b""]) + body)

    @CALM
    @given(st.integers(0, 5), st.lists(PIECES, max_size=20).map(b"".join))
    def test_any_bytes(self, client, answer):
        self.ask(self.clients[client], answer)

    @CALM
    @given(st.integers(0, 5), BODIES, st.data())
    def test_a_chunked_stream_cut_anywhere(self, client, body, data):
        size = data.draw(st.integers(1, 9))
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        whole = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
        self.ask(self.clients[client], whole[: data.draw(st.integers(0, len(whole)))])
