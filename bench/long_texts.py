"""Long texts in a browser: how soon a key shows in a big prompt, how evenly long answers scroll.

`python -m bench.long_texts` measures just this.
"""

import statistics

from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.browser.base import CHROMIUM, OPTIONS
from tests.site import Site
from tests.upstream import Upstream, answer

from .measures import Row
from .page import make_endpoint, open_playground

PROMPT_CHARACTERS = 500_000  # nearly the most that can be sent
BIG_PROMPT = "The quick brown fox jumps over it. " * (PROMPT_CHARACTERS // 35)
BARE = "<textarea spellcheck=false style='width:360px;height:300px'></textarea>"
KEYS = 40
COLUMNS, ANSWER_CHARACTERS = 12, 20_000
WHEELS = 90
SENTENCE = "The quick brown fox jumps over the lazy dog, 敏捷的棕色狐狸跳过懒狗. "
# From a key to the frame that shows it; the browser rounds to 8 ms and tells from 16 ms.
WATCH_KEYS = """
window.keys = [];
new PerformanceObserver((list) => list.getEntries().forEach((each) => {
  if (["keydown", "input"].includes(each.name))
    keys.push([each.interactionId || each.startTime, each.duration]);
})).observe({type: "event", durationThreshold: 16, buffered: true});
"""
PASTE = """(message, text) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  message.focus();
  const how = { clipboardData: data, bubbles: true, cancelable: true };
  message.dispatchEvent(new ClipboardEvent("paste", how));
}"""
WATCH_FRAMES = """() => {
  window.frames_ms = [];
  let last = 0;
  const note = (at) => {
    if (last) frames_ms.push(at - last);
    last = at;
    if (frames_ms) requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
}"""


def rows(site: Site, upstream: Upstream) -> list[Row]:
    if CHROMIUM is None:
        return [Row("long texts: there is no Chromium here", "–", "–", "")]
    text = SENTENCE * (ANSWER_CHARACTERS // len(SENTENCE))
    paragraphs = "\n\n".join(text[at : at + 700] for at in range(0, len(text), 700))
    url = upstream.on("/long-text", answer(paragraphs))
    made = [make_endpoint(site, f"long{number}", url) for number in range(COLUMNS)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(WATCH_KEYS)
        open_playground(page, site, made)
        found = [*_scrolling(page), *_typing(page)]
        browser.close()
    return found


def _typing(page: Page) -> list[Row]:
    """In the middle of a big prompt; and in a bare field: what the browser takes itself."""
    message = page.get_by_label("User message")
    message.fill("")
    message.evaluate(PASTE, BIG_PROMPT)
    ours = _press_keys(page, message)
    page.goto(f"data:text/html,{BARE}")
    page.locator("textarea").evaluate("(field, text) => { field.value = text; }", BIG_PROMPT)
    bare = _press_keys(page, page.locator("textarea"))
    what = f"a key in {PROMPT_CHARACTERS // 1000},000 characters, to its frame"
    return [
        _ms(f"{what}: bare field", statistics.median(bare), max(bare), ""),
        _ms(f"{what}: prompt", statistics.median(ours), max(ours), "as bare"),
    ]


def _press_keys(page: Page, field: Locator) -> list[float]:
    """How long each key took that is pressed as somebody types; the browser tells from 16 ms."""
    field.evaluate("one => one.setSelectionRange(one.value.length / 2, one.value.length / 2)")
    field.focus()
    page.wait_for_timeout(4000)  # the draft is saved
    page.evaluate("keys.length = 0")
    for _ in range(KEYS):
        page.keyboard.press("x")
        page.wait_for_timeout(100)
    page.wait_for_timeout(500)
    longest: dict[float, float] = {}
    for key, duration in page.evaluate("keys"):
        longest[key] = max(duration, longest.get(key, 0))
    return [*longest.values(), *[8.0] * max(0, KEYS - len(longest))]


def _scrolling(page: Page) -> list[Row]:
    """All columns together, by the wheel."""
    page.get_by_label("User message").press("Control+Enter")
    expect(page.locator(".col[data-status=done]")).to_have_count(COLUMNS, timeout=60_000)
    page.wait_for_load_state("networkidle")
    page.locator("#col-b-body").hover()
    page.locator("#col-b-body").evaluate("body => { body.scrollTop = 0; }")
    page.wait_for_timeout(1000)
    page.evaluate(WATCH_FRAMES)
    for _ in range(WHEELS):
        page.mouse.wheel(0, 60)
        page.wait_for_timeout(16)
    frames = page.evaluate("(() => { const found = frames_ms; frames_ms = null; return found; })()")
    scrolled = page.locator("#col-a-body").evaluate("body => body.scrollTop")
    if scrolled < 500:
        raise AssertionError(f"The columns did not scroll together: {scrolled} px")
    frames.sort()
    late = sum(each > 34 for each in frames) / len(frames)
    what = f"{COLUMNS} columns of {ANSWER_CHARACTERS // 1000},000 characters scroll together"
    worst = frames[int(len(frames) * 0.99)]
    return [
        _ms(f"{what}: a frame", statistics.median(frames), worst, "17 ms"),
        Row(f"{what}: frames over 34 ms", f"{100 * late:.0f} %", f"{frames[-1]:.0f} ms", "5 %"),
    ]


def _ms(name: str, median: float, worst: float, bar: str) -> Row:
    return Row(name, f"{median:.0f} ms", f"{worst:.0f} ms", bar)


def main() -> None:
    with Upstream() as upstream, Site(PLAYGROUND_DRIVER_ORIGINS=upstream.origin) as site:
        for row in rows(site, upstream):
            print(f"{row.name:<72} {row.median:>8} {row.worst:>8}  {row.bar}")


if __name__ == "__main__":
    main()
