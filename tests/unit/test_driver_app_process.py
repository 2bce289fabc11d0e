"""The driver app as a real process on a real socket."""

import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "endpoints.driver_app"]
TIMEOUT_S = 10
FAST = {"delay_ms": 0, "token_delay_ms": 0}
ECHO = "Demo echo, not a language model. You wrote: "


def start(*options: str, **popen) -> subprocess.Popen:
    command = [*COMMAND, "--model", "demo", "--port", "0", *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, **popen)


def read_port(process: subprocess.Popen) -> int:
    readable, _, _ = select.select([process.stdout], [], [], TIMEOUT_S)
    line = process.stdout.readline() if readable else ""
    match = re.fullmatch(
        r"driver app: demo on http://127\.0\.0\.1:(\d+)/ \(echo at /, /echo; poet at /poet\)\n",
        line,
    )
    if match is None:
        raise AssertionError(f"unexpected start line: {line!r}")
    return int(match[1])


@contextmanager
def running(*options: str, **popen) -> Iterator[tuple[subprocess.Popen, int]]:
    with start(*options, **popen) as process:
        try:
            yield process, read_port(process)
        finally:
            process.kill()


def connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)


def send(
    port: int, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    with closing(connect(port)) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()


def post(port: int, path: str, **fields: object) -> tuple[int, object]:
    status, _, body = send(port, "POST", path, json.dumps(fields).encode())
    return status, json.loads(body)


def read_info(port: int) -> dict:
    return json.loads(send(port, "GET", "/info")[2])


def read_events(raw: bytes) -> list[object]:
    events = raw.decode().removesuffix("\n\n").split("\n\n")
    data = [event.removeprefix("data: ") for event in events]
    return [text if text == "[DONE]" else json.loads(text) for text in data]


def stream(port: int, path: str, **fields: object) -> list[object]:
    body = json.dumps(fields | {"stream": True}).encode()
    return read_events(send(port, "POST", path, body)[2])


def join_text(events: list[object]) -> str:
    return "".join(event for event in events if isinstance(event, str) and event != "[DONE]")


def open_stream(port: int, **fields: object) -> tuple[socket.socket, bytes]:
    """Ask for a stream, and give the socket and the bytes that came with the header."""
    body = json.dumps(fields | {"stream": True}).encode()
    head = f"POST /poet HTTP/1.1\r\nHost: app\r\nContent-Length: {len(body)}\r\n\r\n"
    client = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
    client.sendall(head.encode() + body)
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(4096)
    return client, received


def wait_until(is_true: Callable[[], bool]) -> float:
    """Wait for a condition; give the seconds it took."""
    started_s = time.monotonic()
    pause = threading.Event()
    while not is_true():
        if time.monotonic() - started_s > TIMEOUT_S:
            raise AssertionError("the condition did not come true in time")
        pause.wait(0.005)
    return time.monotonic() - started_s


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), TIMEOUT_S).close()
    except ConnectionError:
        return False
    return True


class AnswerTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.process, cls.port = cls.enterClassContext(running())

    def test_plain_answer_is_a_readable_json_string(self) -> None:
        body = json.dumps({"prompt": "你好吗？\n"} | FAST).encode()
        status, headers, raw = send(self.port, "POST", "/", body)
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        self.assertEqual(raw.decode(), f'"{ECHO}你好吗？\\n"')

    @settings(deadline=None, max_examples=60)
    @given(st.text(st.characters(codec=None), max_size=200))
    def test_any_prompt_comes_back_code_point_for_code_point(self, prompt: str) -> None:
        self.assertEqual(post(self.port, "/echo", prompt=prompt, **FAST)[1], ECHO + prompt)
        events = stream(self.port, "/echo", prompt=prompt, **FAST)
        self.assertEqual(join_text(events), ECHO + prompt)

    def test_stream_is_pieces_then_usage_then_done(self) -> None:
        body = json.dumps({"prompt": "How are you?", "stream": True} | FAST).encode()
        status, headers, raw = send(self.port, "POST", "/", body)
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Type"], "text/event-stream; charset=utf-8")
        self.assertEqual(headers["Cache-Control"], "no-cache")
        *pieces, usage, done = read_events(raw)
        self.assertEqual("".join(pieces), f"{ECHO}How are you?")
        self.assertEqual(len(pieces), 11)
        self.assertEqual(
            usage, {"usage": {"input_tokens": 3, "output_tokens": 11}, "finish_reason": "stop"}
        )
        self.assertEqual(done, "[DONE]")

    def test_events_have_no_line_break_of_any_kind_inside(self) -> None:
        body = {"prompt": "a\u2028b\u0085c\rd\x0be\n\nf", "stream": True} | FAST
        _, _, raw = send(self.port, "POST", "/", json.dumps(body).encode())
        for line in raw.decode().splitlines():
            self.assertTrue(line == "" or line.startswith("data: "), line)

    def test_accept_header_asks_for_a_stream_and_the_body_has_the_last_word(self) -> None:
        accept = "text/event-stream, application/json"
        for flag, is_streamed in (({}, True), ({"stream": False}, False), ({"stream": None}, True)):
            with self.subTest(flag):
                body = json.dumps({"prompt": "a"} | FAST | flag).encode()
                _, headers, _ = send(self.port, "POST", "/", body, Accept=accept)
                self.assertEqual("event-stream" in headers["Content-Type"], is_streamed)

    def test_pieces_arrive_while_the_answer_is_being_written(self) -> None:
        client, received = open_stream(self.port, prompt="a", delay_ms=0, token_delay_ms=60000)
        with closing(client):
            while b'data: "A"\n\n' not in received:
                received += client.recv(4096)
            self.assertNotIn(b"[DONE]", received)
            self.assertEqual(read_info(self.port)["streams_open"], 1)
        wait_until(lambda: read_info(self.port)["streams_open"] == 0)

    def test_stop_across_pieces_ends_the_text_before_it(self) -> None:
        fields = {"prompt": "one two three four", "stop": ["wo thr", "four"]} | FAST
        self.assertEqual(post(self.port, "/", **fields), (200, f"{ECHO}one t"))
        *pieces, usage, _ = stream(self.port, "/", **fields)
        self.assertEqual("".join(pieces), f"{ECHO}one t")
        self.assertEqual(usage["finish_reason"], "stop")

    def test_max_tokens_ends_with_length(self) -> None:
        *pieces, usage, _ = stream(self.port, "/poet", prompt="tea", max_tokens=4, **FAST)
        self.assertEqual("".join(pieces), "A demo verse, drawn")
        self.assertEqual(usage["finish_reason"], "length")
        self.assertEqual(usage["usage"]["output_tokens"], 4)

    def test_same_seed_repeats_the_answer_streamed_or_whole(self) -> None:
        fields = {"prompt": "How are you?", "seed": 7, "temperature": 1.5} | FAST
        whole = post(self.port, "/poet", **fields)[1]
        self.assertEqual(join_text(stream(self.port, "/poet", **fields)), whole)
        self.assertNotEqual(post(self.port, "/poet", **fields | {"seed": 8})[1], whole)

    def test_delays_are_kept(self) -> None:
        started_s = time.monotonic()
        stream(self.port, "/poet", prompt="a", delay_ms=150, token_delay_ms=50, max_tokens=4)
        self.assertGreaterEqual(time.monotonic() - started_s, 0.3)

    def test_long_answer_at_the_default_pace_comes_in_fewer_events(self) -> None:
        prompt = "word " * 2000
        events = stream(self.port, "/", prompt=prompt, delay_ms=0, max_tokens=60)
        self.assertEqual(len(events) - 2, 20)

    def test_many_streams_at_once_are_each_exact(self) -> None:
        def read(number: int) -> str:
            fields = {"prompt": f"stream {number}", "token_delay_ms": 20, "delay_ms": 20}
            return join_text(stream(self.port, "/", **fields))

        with ThreadPoolExecutor(40) as pool:
            texts = list(pool.map(read, range(40)))
        self.assertEqual(texts, [f"{ECHO}stream {number}" for number in range(40)])

    def test_client_that_leaves_before_the_first_token_ends_the_answer(self) -> None:
        client, _ = open_stream(self.port, prompt="a", delay_ms=600000)
        wait_until(lambda: read_info(self.port)["streams_open"] == 1)
        client.close()
        self.assertLess(wait_until(lambda: read_info(self.port)["streams_open"] == 0), 10)

    def test_client_that_leaves_between_tokens_ends_the_answer(self) -> None:
        client, received = open_stream(self.port, prompt="a", delay_ms=0, token_delay_ms=60000)
        while b"data:" not in received:
            received += client.recv(4096)
        client.close()
        self.assertLess(wait_until(lambda: read_info(self.port)["streams_open"] == 0), 10)

    def test_client_that_leaves_a_plain_answer_ends_it(self) -> None:
        connection = connect(self.port)
        connection.request("POST", "/", json.dumps({"prompt": "a", "delay_ms": 600000}))
        wait_until(lambda: read_info(self.port)["streams_open"] == 1)
        connection.close()
        self.assertLess(wait_until(lambda: read_info(self.port)["streams_open"] == 0), 10)

    def test_info_and_health(self) -> None:
        info = read_info(self.port)
        self.assertEqual((info["model"], info["demo"]), ("demo", True))
        self.assertEqual(info["behaviours"], ["echo", "poet"])
        self.assertIn("top_p", info["parameters"])
        self.assertEqual(
            set(info) - {"model", "demo", "behaviours", "parameters", "streams_open"},
            {"version", "started_at"},
        )
        self.assertEqual(json.loads(send(self.port, "GET", "/health")[2]), {"ok": True})

    def test_bad_body_is_a_400_that_names_the_field(self) -> None:
        status, answer = post(self.port, "/", prompt="a", stop=".")
        self.assertEqual(status, 400)
        self.assertEqual(answer["error"]["type"], "invalid_request")
        self.assertEqual(answer["error"]["field"], "stop")
        self.assertIn("list of strings", answer["error"]["message"])
        for body in (b"", b"[]", b"{", b'{"prompt": NaN}'):
            status, _, raw = send(self.port, "POST", "/poet", body)
            self.assertEqual((status, json.loads(raw)["error"]["type"]), (400, "invalid_request"))

    def test_wrong_path_and_method_are_json_errors(self) -> None:
        for method, path, expected in (
            ("GET", "/", (405, "method_not_allowed")),
            ("PUT", "/poet", (405, "method_not_allowed")),
            ("POST", "/info", (405, "method_not_allowed")),
            ("POST", "/echo/", (404, "not_found")),
            ("GET", "/nowhere", (404, "not_found")),
        ):
            with self.subTest(method=method, path=path):
                status, _, raw = send(self.port, method, path)
                self.assertEqual((status, json.loads(raw)["error"]["type"]), expected)

    def test_body_over_the_limit_is_a_413(self) -> None:
        body = json.dumps({"prompt": "a" * 4 * 1024 * 1024}).encode()
        status, _, raw = send(self.port, "POST", "/", body)
        self.assertEqual((status, json.loads(raw)["error"]["type"]), (413, "too_large"))

    def test_megabyte_prompt_is_answered_and_others_go_on(self) -> None:
        prompt = "好 word\n" * 130_000
        events = stream(self.port, "/", prompt=prompt, max_tokens=50, **FAST)
        self.assertEqual(events[-2]["finish_reason"], "length")
        self.assertTrue((ECHO + prompt).startswith(join_text(events)))


class ProcessTests(unittest.TestCase):
    def run_to_end(self, *options: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*COMMAND, *options], cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S
        )

    def test_busy_port_is_one_sentence_and_exit_code_98(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            ended = self.run_to_end("--model", "demo", "--port", str(port))
        self.assertEqual((ended.returncode, ended.stdout), (98, ""))
        self.assertRegex(ended.stderr, rf"\APort {port} on 127\.0\.0\.1 is in use; [^\n]+\.\n\Z")

    def test_other_model_is_refused(self) -> None:
        ended = self.run_to_end("--model", "dolly", "--port", "0")
        self.assertEqual((ended.returncode, ended.stdout), (2, ""))
        self.assertRegex(ended.stderr, r"\AOnly the model demo [^\n]+\.\n\Z")

    def test_bad_port_is_refused(self) -> None:
        for port in ("-1", "65536", "http", "٣"):
            with self.subTest(port):
                ended = self.run_to_end("--model", "demo", f"--port={port}")
                self.assertEqual(ended.returncode, 2)
                self.assertIn("use 0 to 65535", ended.stderr)

    def test_signals_end_it_cleanly_with_streams_open(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number), running(stderr=subprocess.PIPE) as (process, port):
                client, received = open_stream(port, prompt="a", delay_ms=600000)
                with closing(client):
                    process.send_signal(number)
                    while more := client.recv(4096):
                        received += more
                self.assertEqual(process.wait(TIMEOUT_S), 0)
                self.assertIn(b'data: {"error": {"type": "unavailable"', received)
                self.assertNotIn(b"[DONE]", received)
                self.assertEqual(process.stderr.read(), "")

    def test_end_of_standard_input_ends_it(self) -> None:
        with running("--until-stdin-closes", stdin=subprocess.PIPE) as (process, port):
            client, _ = open_stream(port, prompt="a", delay_ms=600000)
            with closing(client):
                process.stdin.close()
                self.assertEqual(process.wait(TIMEOUT_S), 0)

    def test_without_the_option_standard_input_does_not_matter(self) -> None:
        with running(stdin=subprocess.DEVNULL) as (process, port):
            self.assertEqual(read_info(port)["streams_open"], 0)
            self.assertIsNone(process.poll())

    def test_it_does_not_outlive_a_parent_that_is_killed(self) -> None:
        options = ["--model", "demo", "--port", "0", "--until-stdin-closes"]
        parent_code = (
            "import subprocess, sys\n"
            f"subprocess.Popen({COMMAND + options}, stdin=subprocess.PIPE).wait()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", parent_code], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as parent:
            port = read_port(parent)
            os.kill(parent.pid, signal.SIGKILL)
            wait_until(lambda: not is_listening(port))
