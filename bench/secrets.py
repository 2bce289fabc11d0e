"""What it costs to keep secrets: to open one, and to keep them out of what streams through."""

import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from endpoints import Token
from endpoints.answers import storable
from endpoints.scrubbing import Hold, Masking
from tests.site import ROOT, Site
from tests.upstream import Upstream, answer, chat_chunk, event_bytes

from . import reading
from .measures import Row

TOKEN = "dapi0123456789abcdef0123456789abcdef"
# Words of an answer, those among them that end as a secret might begin.
WORDS = re.split(
    " ",
    "The quick answer is decided by data : it wanted 50 % more than a third of the kind , and would"
    " need a model that understood\n every Zebra & each code \\n block did 6 do so dap done .",
)
OPENING = """
import django; django.setup()
import sys, time
from playground import connecting, models
alice = models.User.objects.get(username="alice")
workspace = models.Workspace.objects.create(
    name="bench", owner=alice, host="https://adb-1.2.azuredatabricks.net"
)
credential = connecting.save_credential(alice, workspace, sys.argv[1])
for _ in range(int(sys.argv[2])):
    began = time.perf_counter()
    connecting.reveal(credential, "bench")
    print((time.perf_counter() - began) * 1000)
"""


def rows(repeat: int) -> list[Row]:
    """Without a site: of the CPU that a hundred streams take, the part that the scrubber has."""
    chance, repeat = random.Random(3), max(3, repeat // 7)
    pieces = [f" {chance.choice(WORDS)}" for _ in range(reading.TOKENS)]
    payloads = [event_bytes(chat_chunk(each))[6:-2].decode() for each in pieces]
    shares = []
    with reading.hundred_streams() as cpu_s:
        for _ in range(repeat):
            whole_s = cpu_s()
            ours_s = _cpu_s(lambda: [_scrub(pieces, payloads) for _ in range(reading.STREAMS)])
            shares.append(100 * ours_s / whole_s)
    return [_row("scrubber, of the CPU of reading 100 streams", shares, "10 %", "{:.1f} %")]


def large_answer(site: Site, upstream: Upstream, repeat: int) -> list[Row]:
    """Of the CPU that the site takes for one answer of 4 MB, the scrubber's part."""
    chance, text = random.Random(3), ""
    while len(text) < 4_000_000:
        text += " ".join(chance.choice(WORDS) for _ in range(10_000))
    text = text[:4_000_000]
    url = upstream.on("/large", answer(text))
    site.api("POST", "/endpoints", {"name": "large", "kind": "driver", "url": url})
    shares = []
    for _ in range(max(3, repeat // 7)):
        before = _cpu_s_of(site.process.pid)
        site.wait_for_run(site.start_run("Hi", "large")["id"])
        whole_s = _cpu_s_of(site.process.pid) - before
        token = Token(TOKEN)
        # Twice: once for the text that is shown, once for the answer that is kept.
        ours_s = _cpu_s(lambda token=token: (token.scrub(text), storable(text, token)))
        shares.append(100 * ours_s / whole_s)
    return [_row("scrubber, of the CPU of an answer of 4 MB", shares, "10 %", "{:.1f} %")]


def opening(site: Site, repeat: int) -> list[Row]:
    """From the row to the token, as before every call."""
    done = subprocess.run(
        [sys.executable, "-c", OPENING, TOKEN, str(50 * repeat)],
        cwd=ROOT,
        env={**site.environment, "DJANGO_SETTINGS_MODULE": "playground.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    took = [float(line) for line in done.stdout.split()]
    return [_row("opening a credential", took, "1 ms", "{:.3f} ms")]


def _scrub(pieces: list[str], payloads: list[str]) -> None:
    """All that is done for one stream, with a token that is new."""
    token = Token(TOKEN)
    hold = Hold(Masking(token.scrubber))
    text = "".join([hold.add(piece) for piece in pieces]) + hold.rest()
    storable(payloads, token)
    if text != "".join(pieces):
        raise AssertionError("The scrubber changed a text without a secret.")


def _row(name: str, found: list[float], bar: str, form: str) -> Row:
    return Row(name, form.format(statistics.median(found)), form.format(max(found)), bar)


def _cpu_s(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def _cpu_s_of(pid: int) -> float:
    """CPU seconds of another process so far."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
