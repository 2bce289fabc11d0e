"""Reading a stream through `endpoints.Client`, beside the cheapest reader there is; no site needed.

The upstream is a process of its own, so that the CPU counted here is the reader's alone.
"""

import json
import resource
import statistics
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

import requests

from endpoints import Client, Egress, Limits, Text, client_for, sse
from tests.upstream import Upstream, answer, chat_chunk, event_bytes, events

from .measures import Row

STREAMS, TOKENS, EVERY_S = 100, 100, 0.02
FIRST_TOKEN_S = 0.05
EVENTS = 100_000
ANSWER_BYTES = 4 * 1024 * 1024
WORD = " word"
BODY = {"messages": [{"role": "user", "content": "How are you?"}], "stream": True}
IMPORTING = """
import sys, time

def resident_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

before, began = resident_mb(), time.perf_counter()
import endpoints
took = time.perf_counter() - began
print(took, resident_mb() - before, "django" in sys.modules or "mlflow" in sys.modules)
"""


def rows(repeat: int) -> list[Row]:
    """Every measure of reading, in the order of the table."""
    with _upstream() as origin:
        found = [
            *_stream_cost(origin, max(3, repeat // 7)),
            *_first_token(origin, repeat),
            *_large_answer(origin),
        ]
    return [*found, *_sse_events(max(3, repeat // 4)), *_import(max(3, repeat // 4))]


# Measures -----------------------------------------------------------------------------------


def _stream_cost(origin: str, repeat: int) -> list[Row]:
    """CPU seconds for 10,000 tokens that come in a hundred streams at once."""
    client = _client(f"{origin}/tokens")
    ours, bare = [], []
    for _ in range(repeat):
        bare.append(_cpu_s(lambda: _bare(f"{origin}/tokens")))
        ours.append(_cpu_s(lambda: _read(client)))
    return [
        _row("CPU-s per 10,000 tokens, 100 streams, raw.read_chunked()", bare, "", "{:.2f} s"),
        _row("CPU-s per 10,000 tokens, 100 streams, Client.stream", ours, "1.5 s", "{:.2f} s"),
    ]


def _first_token(origin: str, repeat: int) -> list[Row]:
    url = f"{origin}/first"
    client, added = _client(url), []
    for _ in range(repeat):
        direct = _timed(lambda: _bare_first(url))
        added.append((_timed(lambda: _first(client)) - direct) * 1000)
    return [_row("first token, added by Client.stream", added, "5 ms", "{:.1f} ms")]


@contextmanager
def hundred_streams() -> Iterator[Callable[[], float]]:
    """Gives a function: the CPU seconds of reading a hundred streams of a hundred tokens."""
    with _upstream() as origin:
        client = _client(f"{origin}/tokens")
        yield lambda: _cpu_s(lambda: _read(client)) * (STREAMS * TOKENS) / 10_000


def _large_answer(origin: str) -> list[Row]:
    """What reading an answer of 4 MiB takes above the answer itself."""
    client = _client(f"{origin}/large", max_bytes=2 * ANSWER_BYTES)
    tracemalloc.start()
    text = _read(client)
    size, peak = len(text), tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    over = [(peak - size) / 1e6]
    return [_row("memory above an answer of 4 MiB, whole", over, "20 MB", "{:.1f} MB")]


def _sse_events(repeat: int) -> list[Row]:
    chunk = event_bytes(chat_chunk(WORD))
    speeds = []
    for _ in range(repeat):
        began = time.process_time()
        read = sum(1 for _ in sse.events(iter([chunk] * EVENTS)))
        speeds.append(read / (time.process_time() - began))
    median, worst = statistics.median(speeds), min(speeds)
    return [Row("server-sent events/s on one core", f"{median:,.0f}", f"{worst:,.0f}", "200,000")]


def _import(repeat: int) -> list[Row]:
    took, grown = [], []
    for _ in range(repeat):
        command = [sys.executable, "-c", IMPORTING]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        took.append(float(said[0]))
        grown.append(float(said[1]))
        if said[2] == "True":
            raise AssertionError("import endpoints brings Django or mlflow along.")
    return [
        _row("import endpoints", took, "0.3 s", "{:.2f} s"),
        _row("import endpoints, memory", grown, "40 MB", "{:.0f} MB"),
    ]


# Readers ------------------------------------------------------------------------------------


def _read(client: Client) -> str:
    return "".join(e.text for e in client.stream("How are you?") if isinstance(e, Text))


def _first(client: Client) -> None:
    stream = client.stream("How are you?")
    next(event for event in stream if isinstance(event, Text))
    stream.close()


def _bare(url: str) -> str:
    """The least that gives the same text: urllib3's chunks, split by hand."""
    pieces = []
    with requests.post(url, json=BODY, stream=True, timeout=30) as response:
        for chunk in response.raw.read_chunked():
            for line in chunk.split(b"\n"):
                if line.startswith(b"data: {"):
                    for choice in json.loads(line[6:])["choices"]:
                        pieces.append(choice["delta"].get("content") or "")
    return "".join(pieces)


def _bare_first(url: str) -> None:
    with requests.post(url, json=BODY, stream=True, timeout=30) as response:
        next(response.raw.read_chunked())


def _client(url: str, max_bytes: int = ANSWER_BYTES) -> Client:
    origin = url.rpartition("/")[0]
    limits = Limits(max_bytes=max_bytes)
    return client_for(
        "driver", task="chat", url=url, egress=Egress(driver_origins=(origin,)), limits=limits
    )


def _cpu_s(read: Callable[[], str]) -> float:
    """CPU seconds of this process while a hundred threads read, for 10,000 tokens."""
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(read())) for _ in range(STREAMS)]
    before = _own_cpu_s()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = _own_cpu_s() - before
    if set(texts) != {WORD * TOKENS} or len(texts) != STREAMS:
        raise AssertionError("A stream was not read as it was sent.")
    return took * 10_000 / (STREAMS * TOKENS)


def _own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _row(name: str, found: list[float], bar: str, form: str) -> Row:
    return Row(name, form.format(statistics.median(found)), form.format(max(found)), bar)


# The upstream -------------------------------------------------------------------------------


@contextmanager
def _upstream() -> Iterator[str]:
    """Its origin. The process ends when this side of the pipe closes."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,))
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        process.join()


def _serve(pipe: Connection) -> None:
    words = [chat_chunk(WORD) for _ in range(TOKENS)]
    large = {"choices": [{"index": 0, "message": {"content": "x" * (ANSWER_BYTES - 200)}}]}
    with Upstream() as upstream:
        for path, behaviour in {
            "/tokens": events([*words, chat_chunk(None, "stop")], delay_s=EVERY_S),
            "/first": events(words[:2], first_delay_s=FIRST_TOKEN_S, done=False),
            "/large": answer(large),
        }.items():
            upstream.on(f"{path}/v1/chat/completions", behaviour)
            upstream.on(path, behaviour)
        pipe.send(upstream.origin)
        try:
            pipe.recv()
        except EOFError:
            return
