"""What a transform costs beside its own work, in time and in memory; no site needed.

In a process of its own, so that the memory counted is the sandbox's and what it brings.
"""

import json
import statistics
import subprocess
import sys

from .measures import Row

CALLS = 1000
SIZES = {"200 B": 200, "10 kB": 10_000, "100 kB": 100_000}

MEASURING = """
import json, os, statistics, sys, threading, time
from pathlib import Path
from playground.sandbox import SandboxError, sandbox

SEED = '''def transform_input(**request):
    full_prompt = f\"\"\"{request["prompt"]}
    Be Concise.
    \"\"\"
    request["prompt"] = full_prompt
    return request
'''
HUNGRY = "def transform_input(**r):\\n    s = 'x'\\n    while True: s += s"

def call(request, source=SEED, whose="a"):
    return sandbox.call(source, "transform_input", request, whose=whose, spread=True)

def resident_mb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024

def workers():
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if name == "monty" and int(rest.split()[1]) == os.getpid():
            yield stat.parent.name

def pool_mb():
    return sum(resident_mb(pid) for pid in workers())

def timed_ms(request):
    began = time.perf_counter()
    call(request)
    return (time.perf_counter() - began) * 1000

found = {"took": {}}
before = resident_mb("self")
found["first"] = timed_ms({"prompt": "x"})
for size in json.loads(sys.argv[1]):
    request = {"prompt": "x" * size, "stop": ["."]}
    found["took"][size] = [timed_ms(request) for _ in range(int(sys.argv[2]))]
threads = [
    threading.Thread(target=lambda n=n: [call({"prompt": "x"}, whose=str(n)) for _ in range(100)])
    for n in range(4)
]
for thread in threads: thread.start()
for thread in threads: thread.join()
found["pool"] = pool_mb()
for n in range(8):
    try:
        call({"prompt": "x"}, HUNGRY, str(n))
    except SandboxError:
        pass
found["attacked"] = pool_mb()
found["grown"] = resident_mb("self") - before
print(json.dumps(found))
"""


def rows(repeat: int) -> list[Row]:
    """The table's rows about transforms."""
    calls = str(max(CALLS // 10, CALLS * repeat // 20))
    done = subprocess.run(
        [sys.executable, "-c", MEASURING, json.dumps(list(SIZES.values())), calls],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = json.loads(done.stdout)
    timed = [
        _row(f"a transform of {name}", found["took"][str(size)], bar)
        for (name, size), bar in zip(SIZES.items(), ("1 ms", "1 ms", ""), strict=True)
    ]
    first = f"{found['first']:.0f} ms"
    return [
        *timed,
        Row("the first transform of a process, pool and all", first, first, ""),
        _mb("the sandbox's workers, resident", found["pool"], "40 MB"),
        _mb("the same after eight that took all they may", found["attacked"], ""),
        _mb("what the server itself grew by", found["grown"], ""),
    ]


def _row(name: str, took_ms: list[float], bar: str) -> Row:
    return Row(name, f"{statistics.median(took_ms):.2f} ms", f"{max(took_ms):.1f} ms", bar)


def _mb(name: str, size: float, bar: str) -> Row:
    return Row(name, f"{size:.0f} MB", f"{size:.0f} MB", bar)
