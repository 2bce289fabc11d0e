"""The history and its search with few and with many runs: the server's time and its queries.

python -m bench.history --runs 1000 --runs 1000000     in a database of its own, with SQLite, or in
                                                       the one that DATABASE_URL names, an empty one
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

from tests.site import ROOT

from .measures import Row

REPEAT = 30
MANY = 100_000  # runs of one owner; --runs takes any number
BAR = 1.5  # times as long with many as with few
RARE = 20  # runs that have the rare word, however many there are
# Each in a process of its own, with nothing in any cache but what the first request left there.
MEASURING = r"""
import os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "playground.settings"
import django; django.setup()
from datetime import timedelta
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from playground import searching
from playground.models import Call, Endpoint, Run, RunEntry, User

runs, repeat, rare = map(int, sys.argv[1:])
call_command("migrate", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
Run._meta.get_field("created_at").auto_now_add = False  # the years are made up here
alice = User.objects.filter(username="alice").first()
alice = alice or User.objects.create_user("alice", password="x")
endpoint = Endpoint.objects.create(owner=alice, name="bench", kind="driver", task="custom",
    url="http://127.0.0.1:7777/")
config, begin = endpoint.config(), timezone.now() - timedelta(days=365)
words = ("Please write a short reply to the customer about the order of shelf number {n} in the "
    "warehouse of city {c}, and be friendly about it").format
for first in range(0, runs, 5000):
    some = [Run(owner=alice, fingerprint="", created_at=begin + timedelta(seconds=30 * n),
        messages=[{"role": "user",
            "content": words(n=n, c=n % 97) + (" zebra" if n % rare == 0 else "")}])
        for n in range(first, min(first + 5000, runs))]
    Run.objects.bulk_create(some)
    calls = [Call(run=run, person=alice, position=at, endpoint=endpoint, config=config,
        status="done", text="Your shelf is on its way to the city, and we are sorry.",
        started_at=begin, ended_at=begin, latency_ms=900) for run in some for at in range(2)]
    Call.objects.bulk_create(calls)
    for at, run in enumerate(some):
        run.two = calls[2 * at : 2 * at + 2]
    RunEntry.objects.bulk_create([RunEntry(number=searching.number_at(run.created_at, spread=True),
        run=run, words=" ".join([*searching._facts(run, run.two),
        *searching._text_words(run, run.two)]), is_stale=False) for run in some])
if connection.vendor == "postgresql":
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

client = Client(HTTP_HOST="127.0.0.1:8000")
client.force_login(alice)
for name, path in (("page", "/runs/"), ("common", "/runs/?q=shelf"), ("two", "/runs/?q=shelf+city"),
    ("rare", "/runs/?q=zebra"), ("both", "/runs/?q=zebra+shelf"), ("none", "/runs/?q=unheardof"),
    ("filter", f"/runs/?q=shelf&endpoint={endpoint.pk}&status=done")):
    headers = {"HX-Request": "true", "HX-Target": "runs"} if "?" in path else {}
    assert client.get(path, headers=headers).status_code == 200
    took = []
    for _ in range(repeat):
        start = time.perf_counter()
        client.get(path, headers=headers)
        took.append((time.perf_counter() - start) * 1000)
    with CaptureQueriesContext(connection) as queries:
        client.get(path, headers=headers)
    print(name, len(queries), *took)
"""
WORDS = {
    "page": "history page",
    "common": "search, a word in every run",
    "two": "search, two such words",
    "rare": "search, a rare word",
    "both": "search, a rare word and a common one",
    "none": "search, a word in none",
    "filter": "search, a common word and two filters",
}


def rows(*sizes: int, repeat: int = REPEAT) -> list[Row]:
    """The times with each of these numbers of runs; the bar is against the first."""
    found, first = [], {}
    for runs in sizes or (1000, MANY):
        for name, (queries, took) in _measured(runs, repeat).items():
            median = statistics.median(took)
            bar = f"{BAR * first[name]:.1f} ms" if name in first else ""
            first.setdefault(name, median)
            title = f"{WORDS[name]}, {runs:,} runs, {queries} queries"
            found.append(Row(title, f"{median:.1f} ms", f"{max(took):.1f} ms", bar))
    return found


def _measured(runs: int, repeat: int) -> dict[str, tuple[int, list[float]]]:
    with tempfile.TemporaryDirectory(prefix="playground-bench-") as folder:
        environment = os.environ | {"PLAYGROUND_DATA_DIR": folder, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", MEASURING, str(runs), str(repeat), str(runs // RARE)]
        done = subprocess.run(
            command, env=environment, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
    lines = (line.split() for line in done.stdout.splitlines())
    return {name: (int(queries), [float(ms) for ms in took]) for name, queries, *took in lines}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__)
    parser.add_argument("--runs", type=int, action="append", help="how many; may be given again")
    parser.add_argument("--repeat", type=int, default=REPEAT)
    options = parser.parse_args()
    for row in rows(*(options.runs or ()), repeat=options.repeat):
        print(f"{row.name:<74} {row.median:>10} {row.worst:>10}  {row.bar}", flush=True)


if __name__ == "__main__":
    main()
