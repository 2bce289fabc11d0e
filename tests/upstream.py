"""A scripted upstream on a real socket: a fake workspace, apps on its clusters, and every fault.

    with Upstream(tokens={"dapi-alice": "alice"}) as upstream:
        upstream.on("/slow", events(["Hel", "lo"], delay_s=0.05))
        ...                                     # talk to upstream.origin
        upstream.requests[-1].json              # what was asked
        upstream.requests[-1].wait_until_gone() # when the client hung up

Without a script it plays a workspace. With `tokens`, the paths of a workspace want one of these
bearer tokens; every path else, and every path without `tokens`, wants none.

    POST /serving-endpoints/{name}/invocations            `models`: "chat", "dolly" (custom),
                                                          "davinci" (completions), "bge"
                                                          (embeddings), "agent" (responses) and
                                                          "chat-agent" at first
    POST /driver-proxy-api/o/{org}/{cluster}/{port}{path} `apps`: (cluster, port), any by default
    GET  /api/2.0/preview/scim/v2/Me
    POST /, /echo, ...                                    an app on a driver, asked directly

Models and apps answer "Good. You wrote: ..." in words, honour `stop`, and take `max_tokens`,
`delay_ms` (before the first piece), `token_delay_ms` (between two), `repeat` (how often the
answer is said) and, where OpenAI has it, `n`. A chat that may use tools calls the first of them,
one that is asked to `think` a text says it as its reasoning first.

Behaviours are functions of one Exchange; those below cover what upstreams do to us. No Django here:
`python -m tests.upstream --port 9001 --token dapi-alice=alice` runs one by hand.
"""

import argparse
import json
import re
import select
import socket
import ssl
import string
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DONE = "[DONE]"
SIGN_IN_PAGE = "<!doctype html><html><head><title>Databricks - Sign In</title></head></html>"
BAD_GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body></body></html>"
_TERMINATED = "Cluster {} is in Terminated state"
_SERVING = re.compile(r"/serving-endpoints/([A-Za-z0-9_-]+)/invocations")
_DRIVER_PROXY = re.compile(r"/driver-proxy-api/o/([0-9]+)/([a-z0-9-]+)/([0-9]+)(/.*)?")
_WORDS = re.compile(r"\s*\S+|\s+")


class ClientGone(Exception):
    """The client closed its connection."""


@dataclass
class Received:
    """One request as it arrived; `gone_at` is the monotonic time its client was seen to hang up."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    arrived_at: float
    gone_at: float | None = None
    _gone: threading.Event = field(default_factory=threading.Event)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def token(self) -> str | None:
        """The bearer token, if there is one."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token if scheme == "Bearer" else None

    @property
    def wants_stream(self) -> bool:
        """Whether a stream was asked for: `stream` in the body decides, else the Accept header."""
        body = self.json
        if isinstance(body, dict) and isinstance(body.get("stream"), bool):
            return body["stream"]
        return "text/event-stream" in self.headers.get("Accept", "")

    def wait_until_gone(self, timeout_s: float = 5) -> float:
        """The monotonic time at which the client hung up. Raises TimeoutError."""
        if not self._gone.wait(timeout_s):
            raise TimeoutError("the client is still connected")
        return self.gone_at

    def note_gone(self) -> None:
        if self.gone_at is None:
            self.gone_at = time.monotonic()
            self._gone.set()


class Exchange:
    """One request and the means to answer it, well or badly."""

    def __init__(self, upstream: "Upstream", request: Received, connection: socket.socket) -> None:
        self.upstream = upstream
        self.request = request
        self.connection = connection
        self.args: tuple[str, ...] = ()

    def send(self, data: bytes) -> None:
        """Raw bytes. Raises ClientGone."""
        try:
            self.connection.sendall(data)
        except OSError:
            self.request.note_gone()
            raise ClientGone from None

    def send_head(self, status: int = 200, **headers: str) -> None:
        """Status line and headers; `content_type="a"` is sent as `Content-Type: a`."""
        lines = [f"HTTP/1.1 {status} {responses.get(status, 'Status')}", "Connection: close"]
        lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def send_body(self, status: int, body: bytes, content_type: str, **headers: str) -> None:
        self.send_head(status, content_type=content_type, content_length=str(len(body)), **headers)
        self.send(body)

    def send_json(self, value: Any, status: int = 200, **headers: str) -> None:
        body = json.dumps(value, ensure_ascii=False).encode()
        self.send_body(status, body, "application/json", **headers)

    def send_html(self, page: str, status: int = 200, **headers: str) -> None:
        self.send_body(status, page.encode(), "text/html; charset=utf-8", **headers)

    def send_error(self, status: int, code: str | int, message: str) -> None:
        """An error in the words of a workspace."""
        self.send_json({"error_code": code, "message": message}, status)

    def send_chunk(self, data: bytes) -> None:
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end_chunks(self) -> None:
        self.send(b"0\r\n\r\n")

    def wait(self, seconds: float) -> None:
        """Let time pass; raises ClientGone the moment the client hangs up."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if not select.select([self.connection, self.upstream.closing], [], [], left)[0]:
                return
            self._require_client()

    def hang(self) -> None:
        """Do nothing until the client hangs up."""
        self.wait(float(10**6))

    def reset(self) -> None:
        """End the connection by RST instead of an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _require_client(self) -> None:
        if self.upstream.is_closing:
            raise ClientGone
        try:
            if self.connection.recv(4096):
                return
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            pass
        self.request.note_gone()
        raise ClientGone


Behaviour = Callable[[Exchange], None]


def answer(value: Any, status: int = 200, **headers: str) -> Behaviour:
    """A JSON answer."""
    return lambda exchange: exchange.send_json(value, status, **headers)


def page(html: str = SIGN_IN_PAGE, status: int = 200, **headers: str) -> Behaviour:
    """An HTML page; `page(status=302, location="/login.html")` is how a workspace sends one off."""
    return lambda exchange: exchange.send_html(html, status, **headers)


def raw(data: bytes) -> Behaviour:
    """Exactly these bytes, then the end of the connection."""
    return lambda exchange: exchange.send(data)


def hang_before_headers(exchange: Exchange) -> None:
    exchange.hang()


def reset_before_headers(exchange: Exchange) -> None:
    exchange.reset()


def drip(byte: bytes = b"a", every_s: float = 0.05) -> Behaviour:
    """Headers, then one byte at a time for ever: never idle, never done."""

    def behave(exchange: Exchange) -> None:
        exchange.send_head(content_type="application/json")
        while True:
            exchange.send(byte)
            exchange.wait(every_s)

    return behave


def events(
    payloads: Iterable[Any],
    *,
    delay_s: float = 0,
    first_delay_s: float = 0,
    is_chunked: bool = True,
    ending: str = "end",
    done: bool = True,
    content_type: str = "text/event-stream",
) -> Behaviour:
    """Server-sent events, one per payload (text goes as it is, anything else as JSON).

    `is_chunked=False` leaves the end of the body to the end of the connection. `ending` is what
    happens after the last payload: "end", "hang", "reset" or "cut" (the end of the connection in
    the middle of a chunk). Delays keep to a schedule, so that they do not add up.
    """
    payloads = list(payloads)
    if done and ending == "end":
        payloads.append(DONE)

    def behave(exchange: Exchange) -> None:
        framing = {"transfer_encoding": "chunked"} if is_chunked else {}
        exchange.send_head(content_type=content_type, cache_control="no-cache", **framing)
        send = exchange.send_chunk if is_chunked else exchange.send
        starts_at = time.monotonic() + first_delay_s
        for number, payload in enumerate(payloads):
            exchange.wait(starts_at + number * delay_s - time.monotonic())
            send(event_bytes(payload))
        if ending == "hang":
            exchange.hang()
        elif ending == "reset":
            exchange.reset()
        elif ending == "cut":
            exchange.send(b"ff\r\ndata: {")
        elif is_chunked:
            exchange.end_chunks()

    return behave


def event_bytes(payload: Any) -> bytes:
    """One server-sent event."""
    text = payload if payload == DONE else json.dumps(payload, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def chat_chunk(text: str | None = None, finish_reason: str | None = None, **more: Any) -> Any:
    """One chunk of an OpenAI-shaped stream."""
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "c1", "object": "chat.completion.chunk", "choices": [choice], **more}


def chat_model(exchange: Exchange) -> None:
    """A chat endpoint: OpenAI's schema, streamed when the body asks for it."""
    body = exchange.request.json
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        exchange.send_error(400, "BAD_REQUEST", "Missing required parameter: 'messages'")
        return
    if body.get("tools"):
        _call_tool(exchange, body)
        return
    prompt = _text_of(body["messages"][-1]["content"])
    pieces, reason = pieces_of(prompt, body)
    usage = _openai(_usage(prompt, pieces))
    numbers = range(int(body.get("n") or 1))
    thought = body.get("think")
    if body.get("stream"):
        payloads = [_thinking(each) for each in _WORDS.findall(thought or "")]
        payloads += [_numbered(chat_chunk(piece), n) for piece in pieces for n in numbers]
        payloads += [_numbered(chat_chunk(None, reason), n) for n in numbers]
        _paced(body, [*payloads, {"choices": [], "usage": usage}])(exchange)
        return
    exchange.wait(_seconds(body, "delay_ms"))
    message = {"role": "assistant", "content": "".join(pieces)}
    message |= {"reasoning_content": thought} if thought else {}
    choices = [{"index": n, "message": message, "finish_reason": reason} for n in numbers]
    exchange.send_json({"object": "chat.completion", "choices": choices, "usage": usage})


def completions_model(exchange: Exchange) -> None:
    """A completions endpoint: OpenAI's older schema."""
    body = exchange.request.json
    if not isinstance(body, dict) or not isinstance(body.get("prompt"), str):
        exchange.send_error(400, "BAD_REQUEST", "Missing required parameter: 'prompt'")
        return
    pieces, reason = pieces_of(body["prompt"], body)
    usage = _openai(_usage(body["prompt"], pieces))
    if body.get("stream"):
        payloads = [_completion(piece, None) for piece in pieces]
        _paced(body, [*payloads, _completion("", reason) | {"usage": usage}])(exchange)
        return
    exchange.send_json(_completion("".join(pieces), reason) | {"usage": usage})


def embeddings_model(exchange: Exchange) -> None:
    """An embeddings endpoint: a vector of letter counts for each input."""
    body = exchange.request.json
    texts = body.get("input") if isinstance(body, dict) else None
    texts = [texts] if isinstance(texts, str) else texts
    if not texts or not all(isinstance(text, str) for text in texts):
        exchange.send_error(400, "BAD_REQUEST", "Missing required parameter: 'input'")
        return
    data = [
        {"object": "embedding", "index": index, "embedding": letter_counts(text)}
        for index, text in enumerate(texts)
    ]
    number = sum(len(_WORDS.findall(text)) for text in texts)
    usage = {"prompt_tokens": number, "total_tokens": number}
    exchange.send_json({"object": "list", "data": data, "usage": usage})


def agent_model(exchange: Exchange) -> None:
    """An agent of the Responses schema: it looks something up with a tool, then answers."""
    body = exchange.request.json
    if not isinstance(body, dict) or not isinstance(body.get("input"), list):
        exchange.send_error(400, "BAD_REQUEST", "Model is missing inputs ['input'].")
        return
    prompt = _text_of(body["input"][-1]["content"])
    pieces, _ = pieces_of(prompt, body)
    counts = _usage(prompt, pieces)
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look_up"}
    call |= {"arguments": json.dumps({"q": prompt})}
    found = {"type": "function_call_output", "call_id": "call_1", "output": "nothing"}
    content = [{"type": "output_text", "text": "".join(pieces)}]
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": content}
    output = [call, found, message]
    response = {"object": "response", "status": "completed", "output": output, "usage": counts}
    if "custom_inputs" in body:
        response["custom_outputs"] = {"heard": body["custom_inputs"]}
    if not body.get("stream"):
        exchange.send_json(response)
        return
    deltas = [
        {"type": "response.output_text.delta", "item_id": "msg_1", "delta": piece}
        for piece in pieces
    ]
    done = [{"type": "response.output_item.done", "item": item} for item in output]
    ending = {"type": "response.completed", "response": response}
    _paced(body, [*done[:2], *deltas, done[2], ending])(exchange)


def chat_agent_model(exchange: Exchange) -> None:
    """An agent of MLflow's ChatAgent schema."""
    body = exchange.request.json
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        exchange.send_error(400, "BAD_REQUEST", "Model is missing inputs ['messages'].")
        return
    prompt = _text_of(body["messages"][-1]["content"])
    pieces, reason = pieces_of(prompt, body)
    beside: dict[str, Any] = {"finish_reason": reason, "usage": _openai(_usage(prompt, pieces))}
    if "custom_inputs" in body:
        beside["custom_outputs"] = {"heard": body["custom_inputs"]}
    said = {"role": "assistant", "id": "m1"}
    if body.get("stream"):
        chunks = [{"delta": said | {"content": piece}} for piece in pieces]
        _paced(body, [*chunks, {"delta": said | {"content": ""}, **beside}])(exchange)
        return
    exchange.send_json({"messages": [said | {"content": "".join(pieces)}], **beside})


def custom_model(exchange: Exchange) -> None:
    """An MLflow model of the signature prompt: string, stop: list[string] -> string."""
    body = exchange.request.json
    records = _records(body)
    if records is None or "prompt" not in records[0]:
        words = "Failed to enforce schema. Error: Model is missing inputs ['prompt']."
        exchange.send_error(400, "BAD_REQUEST", words)
        return
    exchange.wait(_seconds(records[0], "delay_ms"))
    said = ["".join(pieces_of(record["prompt"], record)[0]) for record in records]
    exchange.send_json({"predictions": said})


def driver_app(exchange: Exchange) -> None:
    """An app on a driver: `{"prompt", "stop"?, ...}` in, a JSON string or a stream of them out."""
    body = exchange.request.json
    if isinstance(body, dict) and "messages" in body:
        chat_model(exchange)
        return
    if exchange.request.path.endswith("/v1/completions"):
        completions_model(exchange)
        return
    if exchange.request.path.endswith("/v1/embeddings"):
        embeddings_model(exchange)
        return
    if not isinstance(body, dict) or not isinstance(body.get("prompt"), str):
        error = {"type": "invalid_request", "message": "Send a prompt.", "field": "prompt"}
        exchange.send_json({"error": error}, 400)
        return
    pieces, reason = pieces_of(body["prompt"], body)
    if exchange.request.wants_stream:
        ending = {"usage": _usage(body["prompt"], pieces), "finish_reason": reason}
        _paced(body, [*pieces, ending])(exchange)
        return
    exchange.wait(_seconds(body, "delay_ms"))
    exchange.send_json("".join(pieces))


def pieces_of(prompt: str, asked: Mapping[str, Any]) -> tuple[list[str], str]:
    """The answer in words, cut by `stop` and `max_tokens`, and why it ended."""
    text = " ".join([f"Good. You wrote: {prompt}"] * int(asked.get("repeat", 1)))
    for stop in asked.get("stop") or []:
        text = text.partition(stop)[0]
    pieces = _WORDS.findall(text)
    limit = asked.get("max_tokens")
    is_cut = isinstance(limit, int) and limit < len(pieces)
    return (pieces[:limit], "length") if is_cut else (pieces, "stop")


def letter_counts(text: str) -> list[float]:
    """The vector that `embeddings_model` gives: how often each of a to z is in the text."""
    return [float(text.lower().count(letter)) for letter in string.ascii_lowercase]


class Upstream:
    """The server; listens from `with` on, each connection in a thread of its own."""

    def __init__(
        self,
        *,
        tokens: Mapping[str, str] | None = None,
        port: int = 0,
        certificate: str | None = None,
    ) -> None:
        """`certificate` is a PEM file with key and certificate: then it speaks https."""
        self.tokens = tokens
        self.requests: list[Received] = []
        self.models: dict[str, Behaviour] = {
            "chat": chat_model,
            "dolly": custom_model,
            "davinci": completions_model,
            "bge": embeddings_model,
            "agent": agent_model,
            "chat-agent": chat_agent_model,
        }
        self.apps: dict[tuple[str, int], Behaviour] | None = None
        self.terminated: set[str] = set()
        self.is_closing = False
        self._scripts: dict[str, Behaviour] = {}
        self._arrived = threading.Condition()
        self.closing, self._close_bell = socket.socketpair()
        self._server = _Server(("127.0.0.1", port), self)
        self._scheme = "http"
        if certificate:
            self._scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.tls = context
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> "Upstream":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closing = True
        self._close_bell.send(b".")
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.closing.close()
        self._close_bell.close()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def origin(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"{self.origin}{path}"

    def on(self, path: str, behaviour: Behaviour) -> str:
        """Script a path, whatever the method and the token; answers its URL."""
        self._scripts[path] = behaviour
        return self.url(path)

    def serve(self, name: str, behaviour: Behaviour) -> None:
        """Put a serving endpoint into the workspace."""
        self.models[name] = behaviour

    def wait_for_requests(self, number: int, timeout_s: float = 5) -> list[Received]:
        """The requests so far, once there are that many. Raises TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.requests) >= number, timeout_s):
                raise TimeoutError(f"{len(self.requests)} of {number} requests arrived")
            return list(self.requests)

    def note(self, request: Received) -> None:
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()

    def behave(self, exchange: Exchange) -> None:
        """Answer one request by the script, or as a workspace."""
        path = exchange.request.path.partition("?")[0]
        if script := self._scripts.get(path):
            script(exchange)
        elif found := _SERVING.fullmatch(path):
            self._as_workspace(exchange, lambda each: self._serving(each, found[1]))
        elif found := _DRIVER_PROXY.fullmatch(path):
            self._driver_proxy(exchange, found[2], int(found[3]))
        elif path == "/api/2.0/preview/scim/v2/Me":
            self._as_workspace(exchange, self._me)
        elif path.startswith("/api/"):
            words = f"No API found for '{exchange.request.method} {path}'"
            exchange.send_error(404, "ENDPOINT_NOT_FOUND", words)
        elif exchange.request.method == "POST":
            driver_app(exchange)
        else:
            exchange.send_json({"detail": "Not Found"}, 404)

    def _as_workspace(self, exchange: Exchange, behaviour: Behaviour) -> None:
        """Check the token first, in the words of a workspace."""
        token = exchange.request.token
        if self.tokens is None or token in self.tokens:
            behaviour(exchange)
        elif token is None:
            exchange.send_error(401, 401, "Credential was not sent or was of an unsupported type")
        else:
            exchange.send_error(403, 403, "Invalid access token. [ReqId: 00000000]")

    def _serving(self, exchange: Exchange, name: str) -> None:
        if model := self.models.get(name):
            model(exchange)
            return
        words = f"The given endpoint does not exist: {name}"
        exchange.send_error(404, "RESOURCE_DOES_NOT_EXIST", words)

    def _driver_proxy(self, exchange: Exchange, cluster: str, port: int) -> None:
        if cluster in self.terminated:
            # The workspace says so before it looks at the token.
            exchange.send_error(400, "INVALID_STATE", _TERMINATED.format(cluster))
            return
        self._as_workspace(exchange, lambda each: self._app(each, cluster, port))

    def _app(self, exchange: Exchange, cluster: str, port: int) -> None:
        app = driver_app if self.apps is None else self.apps.get((cluster, port))
        if app is None:
            exchange.send_html(BAD_GATEWAY_PAGE, 502)
        else:
            app(exchange)

    def _me(self, exchange: Exchange) -> None:
        name = (self.tokens or {}).get(exchange.request.token or "", "somebody@example.com")
        exchange.send_json({"id": "1", "userName": name, "active": True})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 2048
    tls: ssl.SSLContext | None = None

    def __init__(self, address: tuple[str, int], upstream: Upstream) -> None:
        self.upstream = upstream
        super().__init__(address, _Handler)

    def finish_request(self, request: socket.socket, client_address: Any) -> None:
        if self.tls is not None:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return  # the client did not trust us, or did not speak TLS
        super().finish_request(request, client_address)
        if self.tls is not None:
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is no news, many tests are about it; a mistake in a script is."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        self.close_connection = True
        length = int(self.headers.get("Content-Length", 0))
        request = Received(
            self.command, self.path, self.headers, self.rfile.read(length), time.monotonic()
        )
        upstream = self.server.upstream
        upstream.note(request)
        with suppress(ClientGone):
            upstream.behave(Exchange(upstream, request, self.connection))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `requests` instead."""


def _records(body: Any) -> list[dict[str, Any]] | None:
    """The records in any of the formats of a scoring server."""
    if not isinstance(body, dict):
        return None
    if "dataframe_split" in body:
        split = body["dataframe_split"]
        return [dict(zip(split["columns"], row, strict=True)) for row in split["data"]] or None
    for key in ("dataframe_records", "inputs", "instances"):
        if key in body:
            value = body[key]
            return ([value] if isinstance(value, dict) else value) or None
    return None


def _call_tool(exchange: Exchange, body: Mapping[str, Any]) -> None:
    """Call the first tool with the prompt as its only argument."""
    name = body["tools"][0]["function"]["name"]
    arguments = json.dumps({"q": _text_of(body["messages"][-1]["content"])})
    call = {"id": "call_1", "type": "function"}
    if body.get("stream"):
        half = len(arguments) // 2
        head = {"index": 0, **call, "function": {"name": name, "arguments": arguments[:half]}}
        rest = {"index": 0, "function": {"arguments": arguments[half:]}}
        deltas = [{"role": "assistant", "content": None, "tool_calls": [head]}]
        deltas += [{"tool_calls": [rest]}, {}]
        payloads = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        payloads[-1]["choices"][0]["finish_reason"] = "tool_calls"
        _paced(body, payloads)(exchange)
        return
    call["function"] = {"name": name, "arguments": arguments}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    exchange.send_json({"object": "chat.completion", "choices": [choice]})


def _completion(text: str, reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "finish_reason": reason}
    return {"object": "text_completion", "choices": [choice]}


def _thinking(text: str) -> Any:
    chunk = chat_chunk()
    chunk["choices"][0]["delta"]["reasoning_content"] = text
    return chunk


def _numbered(chunk: Any, number: int) -> Any:
    return {**chunk, "choices": [{**chunk["choices"][0], "index": number}]}


def _text_of(content: Any) -> str:
    """The text of a content in parts."""
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def _paced(asked: Mapping[str, Any], payloads: list[Any]) -> Behaviour:
    return events(
        payloads,
        first_delay_s=_seconds(asked, "delay_ms"),
        delay_s=_seconds(asked, "token_delay_ms"),
    )


def _seconds(asked: Mapping[str, Any], name: str) -> float:
    return float(asked.get(name, 0)) / 1000


def _usage(prompt: str, pieces: list[str]) -> dict[str, int]:
    return {"input_tokens": len(_WORDS.findall(prompt)), "output_tokens": len(pieces)}


def _openai(usage: dict[str, int]) -> dict[str, int]:
    given, made = usage["input_tokens"], usage["output_tokens"]
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument(
        "--token", action="append", default=[], metavar="TOKEN=USER", help="may be repeated"
    )
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    tokens = dict(pair.partition("=")[::2] for pair in arguments.token) or None
    with Upstream(tokens=tokens, port=arguments.port) as upstream:
        print(f"upstream on {upstream.origin}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("ended")


if __name__ == "__main__":
    main()
