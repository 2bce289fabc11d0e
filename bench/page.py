"""What six streams do to a page in a browser: whether anything jumps, how busy its thread is.

`python -m bench.page` measures just this.
"""

import time
from collections.abc import Callable

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.base import CHROMIUM, OPTIONS
from tests.site import PASSWORD, Site
from tests.upstream import Upstream, events

from .measures import Row

COLUMNS, PER_SECOND, SECONDS = 6, 50, 20
SHOWN = 20  # of the shifts there are
WATCH = """
window.shifts = []; window.longTasks = [];
const told = (node) => node?.id ? `#${node.id}` : node?.className || node?.nodeName;
const box = ({x, y, width, height}) => [x, y, width, height].map(Math.round).join();
new PerformanceObserver((list) => list.getEntries().forEach((each) => shifts.push({
  value: each.value, at: Math.round(each.startTime),
  parts: each.sources.map((source) => `${told(source.node?.parentElement)} > ${told(source.node)}` +
    ` from ${box(source.previousRect)} to ${box(source.currentRect)}`),
}))).observe({type: "layout-shift", buffered: true});
new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(
  (each) => each.duration))).observe({type: "longtask", buffered: true});
"""


def rows(site: Site, upstream: Upstream) -> list[Row]:
    """From pressing Run to the end of the last column; shifts also those right after the click."""
    if CHROMIUM is None:
        return [Row("page with 6 streams: there is no Chromium here", "–", "–", "")]
    words = [f"word{number} " for number in range(PER_SECOND * SECONDS)]
    url = upstream.on("/six", events(words, delay_s=1 / PER_SECOND))
    made = [make_endpoint(site, f"stream{number}", url) for number in range(COLUMNS)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(WATCH)
        open_playground(page, site, made)
        metrics = _metrics_of(page)
        before, began = metrics(), time.monotonic()
        known = page.evaluate("shifts.length")
        page.get_by_label("User message").press("Control+Enter")
        streaming = page.locator(".col[data-status=streaming]")
        expect(streaming).to_have_count(COLUMNS, timeout=30_000)
        done = page.locator(".col[data-status=done]")
        expect(done).to_have_count(COLUMNS, timeout=4000 * SECONDS)
        after, passed_s = metrics(), time.monotonic() - began
        shifts = page.evaluate(f"shifts.slice({known})")
        long_tasks = page.evaluate("longTasks")
        browser.close()
    busy = {
        name: 100 * (after[f"{name}Duration"] - before[f"{name}Duration"]) / passed_s
        for name in ("Task", "Script", "Layout", "RecalcStyle")
    }
    for shift in shifts[:SHOWN]:
        print(f"layout shift {shift['value']:.5f} at {shift['at']} ms: {shift['parts']}")
    detail = ", ".join(f"{name} {busy[name]:.0f} %" for name in list(busy)[1:])
    shifted = f"{sum(each['value'] for each in shifts):.4f}"
    task, longest = f"{busy['Task']:.0f} %", f"{max(long_tasks, default=0):.0f} ms"
    what = f"{COLUMNS} columns, {PER_SECOND} tokens/s, {SECONDS} s"
    return [
        Row(f"{what}: layout shift", shifted, shifted, "0"),
        Row(f"{what}: main thread busy", task, task, f"40 % ({detail})"),
        Row(f"{what}: tasks over 50 ms, longest", str(len(long_tasks)), longest, ""),
    ]


def make_endpoint(site: Site, name: str, url: str) -> str:
    body = {"name": name, "kind": "driver", "url": url}
    return site.api("POST", "/endpoints", body)["id"]


def open_playground(page: Page, site: Site, endpoints: list[str]) -> None:
    """Alice's playground with a column for each of these endpoints, at rest."""
    session = site.session()
    form = {"endpoint": endpoints, "csrfmiddlewaretoken": session.csrf}
    headers = {"Referer": f"{site.url}/"}
    session.post(f"{site.url}/columns/", form, headers=headers, timeout=10).raise_for_status()
    page.goto(f"{site.url}/login/")
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".col")).to_have_count(len(endpoints))
    page.wait_for_load_state("networkidle")


def _metrics_of(page: Page) -> Callable[[], dict[str, float]]:
    """Seconds that the page's main thread has spent on what so far: its own, not those of others
    who wanted the same processor meanwhile."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def metrics() -> dict[str, float]:
        found = devtools.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in found}

    return metrics


def main() -> None:
    with Upstream() as upstream, Site(PLAYGROUND_DRIVER_ORIGINS=upstream.origin) as site:
        for row in rows(site, upstream):
            print(f"{row.name:<58} {row.median:>8} {row.worst:>8}  {row.bar}")


if __name__ == "__main__":
    main()
