"""Whether time tells a row of somebody else's from one that does not exist."""

import statistics
import time
from collections.abc import Callable
from uuid import uuid4

import requests

from tests.site import Site

from .measures import Row

TRIES = 200
BAR_MS = 5.0
ORIGIN = "http://127.0.0.1:7999"  # nothing has to answer there


def rows(site: Site, tries: int = TRIES) -> list[Row]:
    """Bob asks for what is Alice's, and for what is nobody's, by turns; how far apart at p50."""
    site.add_account("bob")
    driver = {"kind": "driver", "name": "private", "url": f"{ORIGIN}/"}
    endpoint = site.api("POST", "/endpoints", driver)["id"]
    run = site.start_run("How are you?", "private")
    site.api("POST", "/workspaces", {"name": "w", "host": "https://adb-1.1.azuredatabricks.net"})
    workspace = site.api("GET", "/workspaces")["items"][0]["id"]
    page, bearer = site.session("bob"), {"Authorization": f"Bearer {site.tokens['bob']}"}
    program = requests.Session()

    def on_page(path: str) -> Callable[[str], requests.Response]:
        return lambda pk: page.get(site.url + path.format(pk), timeout=10)

    def in_api(path: str) -> Callable[[str], requests.Response]:
        url = f"{site.url}/api/v1{path}"
        return lambda pk: program.get(url.format(pk), headers=bearer, timeout=10)

    def run_of(pk: str) -> requests.Response:
        body = {"prompt": "hi", "variants": [{"endpoint": pk}]}
        return program.post(f"{site.url}/api/v1/runs", json=body, headers=bearer, timeout=10)

    found = []
    for name, ask, pk in (
        ("page of an endpoint", on_page("/endpoints/{}/"), endpoint),
        ("page of a workspace", on_page("/workspaces/{}/"), workspace),
        ("page of a run", on_page("/runs/{}/"), run["id"]),
        ("API, endpoint", in_api("/endpoints/{}"), endpoint),
        ("API, workspace", in_api("/workspaces/{}"), workspace),
        ("API, run", in_api("/runs/{}"), run["id"]),
        ("API, call", in_api("/calls/{}"), run["calls"][0]["id"]),
        ("API, run with an endpoint", run_of, endpoint),
    ):
        apart_ms = _apart_ms(ask, pk, tries)
        figure = f"{apart_ms:+.2f} ms"
        found.append(Row(f"not yours less missing: {name}", figure, figure, f"±{BAR_MS:g} ms"))
    return found


def _apart_ms(ask: Callable[[str], requests.Response], pk: str, tries: int) -> float:
    foreign, missing = [], []
    for turn in range(2 * tries):
        times, asked = (foreign, pk) if turn % 2 else (missing, str(uuid4()))
        began = time.perf_counter()
        answer = ask(asked)
        times.append((time.perf_counter() - began) * 1000)
        if answer.status_code not in (404, 422):
            raise AssertionError(f"Bob was answered {answer.status_code} for {asked}")
    return statistics.median(foreign) - statistics.median(missing)


if __name__ == "__main__":
    with Site() as here:
        for row in rows(here):
            print(f"{row.name:<50} {row.median:>10}  {row.bar}")
