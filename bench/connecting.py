"""What the guards of a connection cost, beside a plain one to the same address.

The plain one is requests with a session for each call, as a careful caller has it.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

import requests

from endpoints import Client, Egress, client_for, guard
from endpoints.networks import place_of
from tests.certificates import certificate_file
from tests.upstream import Upstream, answer

from .measures import Row

BODY = {"prompt": "How are you?"}
EVENTS = 200_000
ADDRESSES = ("93.184.216.34", "2606:4700::1111", "10.0.0.1", "64:ff9b::808:808")


def rows(repeat: int) -> list[Row]:
    """Every measure of connecting, in the order of the table."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        certificate = certificate_file(folder)
        for name, pem in (("http", None), ("https", certificate)):
            with _upstream(pem) as origin:
                found += _call(name, origin, certificate, repeat * 10)
    return [*found, _judging(repeat), _hook(repeat)]


def _call(name: str, origin: str, certificate: str, repeat: int) -> list[Row]:
    """One small call, its connection made for it, in turn with a plain one."""
    egress = Egress(driver_origins=(origin,), own=(("127.0.0.1", 1),), ca_bundle=certificate)
    client = client_for("driver", url=origin, egress=egress, stream=False)
    plain, added = [], []
    _guarded(client), _plain(origin, certificate)  # authorities are read once
    for _ in range(repeat):
        direct = _ms(lambda: _plain(origin, certificate))
        plain.append(direct)
        added.append(_ms(lambda: _guarded(client)) - direct)
    ratio = (statistics.median(plain) + statistics.median(added)) / statistics.median(plain)
    return [
        _row(f"a small call over {name}, plain requests", plain, ""),
        _row(f"a small call over {name}, added by the guards", added, "2 ms"),
        Row(f"a small call over {name}, guarded over plain", f"{ratio:.2f}", "", ""),
    ]


def _judging(repeat: int) -> Row:
    took = []
    for _ in range(repeat):
        place_of.cache_clear()
        took.append(_ms(lambda: [place_of(each) for each in ADDRESSES]) / len(ADDRESSES))
    return _row("judging one address, not seen before", took, "", "{:.3f} ms")


def _hook(repeat: int) -> Row:
    """An event that is none of the hook's business, such as an import, with it and without."""

    def raise_events() -> None:
        for _ in range(EVENTS):
            sys.audit("bench")

    without = min(_ms(raise_events) for _ in range(repeat))
    guard.install()
    took = [(_ms(raise_events) - without) * 1e6 / EVENTS for _ in range(repeat)]
    return _row("the audit hook, for each event of Python", took, "", "{:.0f} ns")


def _guarded(client: Client) -> None:
    for _event in client.stream("How are you?"):
        pass


def _plain(url: str, certificate: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.post(url, json=BODY, timeout=(5, 300), verify=certificate).json()


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _row(name: str, found: list[float], bar: str, form: str = "{:.2f} ms") -> Row:
    return Row(name, form.format(statistics.median(found)), form.format(max(found)), bar)


@contextmanager
def _upstream(certificate: str | None) -> Iterator[str]:
    """Its origin. The process ends when this side of the pipe closes."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, certificate))
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        process.join()


def _serve(pipe: Connection, certificate: str | None) -> None:
    with Upstream(certificate=certificate) as upstream:
        upstream.on("/", answer("Good."))
        pipe.send(upstream.origin)
        try:
            pipe.recv()
        except EOFError:
            return
