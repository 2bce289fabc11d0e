"""`make bench`: streams and transforms, then the site as a browser sees it, beside a direct client.

Everything is real: `manage.py serve` as a process of its own, an upstream, HTTP and WebSocket.
"""

import argparse
import json
import os
import platform

from tests.site import Site
from tests.upstream import Upstream

from . import apart, connecting, history, long_texts, measures, page, reading, secrets, transforms

ROOM = {"PLAYGROUND_RUNS_PER_MINUTE": "100000"}  # one person measures more than one person runs


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--repeat", type=int, default=20, help="how often to measure each thing")
    parser.add_argument("--reloads", type=int, default=50, help="how many random reloads")
    parser.add_argument(
        "--runs", type=int, default=history.MANY, help="with how many runs to measure the history"
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    options = parser.parse_args()

    found = [
        *reading.rows(options.repeat),
        *secrets.rows(options.repeat),
        *connecting.rows(options.repeat),
        *transforms.rows(options.repeat),
        *history.rows(1000, options.runs),
    ]
    with (
        Upstream() as upstream,
        Site(PLAYGROUND_DRIVER_ORIGINS=f"{upstream.origin},{apart.ORIGIN}", **ROOM) as site,
    ):
        bench = measures.Bench(site, upstream, options.repeat)
        found += [
            *bench.first_token(),
            *bench.fan_out(),
            *bench.stop(),
            *bench.reloads(options.reloads),
            *bench.page(),
            *page.rows(site, upstream),
            *long_texts.rows(site, upstream),
            *secrets.large_answer(site, upstream, options.repeat),
            *bench.start(),
            *secrets.opening(site, options.repeat),
            *apart.rows(site),
        ]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    print(f"{'measure':<58} {'median':>10} {'worst':>10}  bar")
    for row in found:
        print(f"{row.name:<58} {row.median:>10} {row.worst:>10}  {row.bar}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump([row.as_dict() for row in found], file, indent=2)


if __name__ == "__main__":
    main()
