"""Narrow, zoomed, spaced out, from right to left: nothing is cut off, covered or sticks out."""

from playwright.sync_api import expect

from tests.browser.base import BrowserTestCase
from tests.canary import canary
from tests.pictures import furnish
from tests.site import Site
from tests.upstream import chat_model
from tests.workspace import Workspace, plant_seeds

TOKEN = canary("dapi-")
NARROW = {"width": 320, "height": 800}
ZOOMED = {"width": 320, "height": 256}  # 1280 x 1024 at 400 %
WIDE = {"width": 1280, "height": 800}
# What sticks out of the window and cannot be scrolled to within a box of its own.
STICKS_OUT = """() => {
  const root = document.scrollingElement;
  const found = root.scrollWidth > innerWidth ? [`the page is ${root.scrollWidth} wide`] : [];
  const isIn = (one, test) => {
    for (let at = one; at; at = at.parentElement) if (test(at)) return true;
    return false;
  };
  const scrolls = (one) =>
    one !== root && ["auto", "scroll"].includes(getComputedStyle(one).overflowX);
  const isHidden = (one) => one.matches(".vh, .vh-s, svg, .skip");
  // What lies in a box that cuts names short sticks out of that one alone.
  const cutsNames = (one) => one.matches(".clip, .mid, .mid__a, .bar__meta");
  for (const one of document.querySelectorAll("main *, dialog[open] *, .toasts *")) {
    if (!one.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const box = one.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    if (box.left > -1.5 && box.right < innerWidth + 1.5) continue;
    if (isIn(one, (at) => scrolls(at) || isHidden(at)) || isIn(one.parentElement, cutsNames))
      continue;
    found.push(`${one.outerHTML.slice(0, 80)} ${Math.round(box.left)}–${Math.round(box.right)}`);
  }
  return found.slice(0, 8);
}"""
# WCAG 1.4.12; a sheet by script, which the policy allows.
SPACE_OUT = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important;
    word-spacing: .16em !important; } p { margin-bottom: 2em !important; }`);
  document.adoptedStyleSheets = [sheet];
}"""
# Words that their own box, or the next that hides what is too much, cuts off. Names that are cut
# short on purpose are whole in their title.
CUT_OFF = """() => {
  const found = [];
  const hides = (style, axis) => ["hidden", "clip"].includes(style[`overflow${axis}`]);
  const scrolls = (style, axis) => ["auto", "scroll"].includes(style[`overflow${axis}`]);
  const isHidden = (one) => one.closest(".vh, .vh-s, .clip, .mid, .bar__meta, .hint-keys")
    || !one.checkVisibility({ visibilityProperty: true });
  for (const root of document.querySelectorAll("main, dialog[open]")) {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const [node, one] = [texts.currentNode, texts.currentNode.parentElement];
      if (!node.data.trim() || isHidden(one) || one.matches("script, option, textarea")) continue;
      // Left out where it does not fit: its button has a name.
      if (one.matches(".col__foot .lbl")) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const text = range.getBoundingClientRect();
      for (let at = one; at && at !== document.body; at = at.parentElement) {
        const [style, box] = [getComputedStyle(at), at.getBoundingClientRect()];
        if (scrolls(style, "X") || scrolls(style, "Y") || style.clipPath !== "none") break;
        const isBox = at.matches(".btn, .pill, .tag, .seg label");
        const isOut = (isBox || hides(style, "X"))
          && (text.right > box.right + 1.5 || text.left < box.left - 1.5)
          || (isBox || hides(style, "Y"))
          && (text.bottom > box.bottom + 3 || text.top < box.top - 3);
        if (!isOut) continue;
        found.push(`“${node.data.trim().slice(0, 40)}” in ${at.tagName}.${at.className}`);
        break;
      }
    }
  }
  return [...new Set(found)].slice(0, 12);
}"""
# Controls that lie over each other though neither holds the other: the parts of them in sight.
COVERED = """() => {
  const unseen = ".vh, .banners, [type=hidden], .seg input, .to input, .choice input";
  const controls = [];
  const all = "main :is(button, a, select, input, textarea, h1, h2)";
  for (const one of document.querySelectorAll(all)) {
    if (one.closest(unseen)) continue;
    if (!one.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    let { left, top, right, bottom } = one.getBoundingClientRect();
    for (let at = one.parentElement; at; at = at.parentElement) {
      if (getComputedStyle(at).overflow === "visible") continue;
      const box = at.getBoundingClientRect();
      [left, top] = [Math.max(left, box.left), Math.max(top, box.top)];
      [right, bottom] = [Math.min(right, box.right), Math.min(bottom, box.bottom)];
    }
    if (right - left > 2 && bottom - top > 2) controls.push({ one, left, top, right, bottom });
  }
  const found = [];
  for (const [number, a] of controls.entries()) for (const b of controls.slice(number + 1)) {
    if (a.one.contains(b.one) || b.one.contains(a.one)) continue;
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    const told = ({ one }) => one.outerHTML.slice(0, 90);
    if (across > 2 && down > 2) found.push(`${told(a)} and ${told(b)}`);
  }
  return found.slice(0, 5);
}"""
RIGHT_TO_LEFT = "document.documentElement.dir = 'rtl'"
ARABIC = "اكتب قصيدة عن Databricks في سطرين `print(x)`."
MIXED = f"{ARABIC}\n\nA second paragraph in English.\n\nשלום עולם, זה `code` בתוך משפט."
# The room left and right of each paragraph of an output.
ROOM = """body => {
  const plain = body.querySelector(".plain");
  const box = plain.getBoundingClientRect();
  const text = plain.firstChild;
  const found = [];
  let at = 0;
  for (const line of text.data.split("\\n")) {
    const range = document.createRange();
    range.setStart(text, at);
    range.setEnd(text, at + line.length);
    at += line.length + 1;
    const { left, right } = range.getBoundingClientRect();
    if (line) found.push([left - box.left, box.right - right]);
  }
  return found;
}"""


class ReflowTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        there = cls.enterClassContext(Workspace(tokens={TOKEN: "alice"}))
        plant_seeds(there)
        there.models["writer"] = chat_model
        cls.site = cls.enterClassContext(Site(PLAYGROUND_WORKSPACE_ORIGINS=there.origin))
        cls.paths = furnish(cls.site, there, TOKEN)

    def each_page(self, look) -> None:
        """Every page and the parts that open over them, looked at."""
        page = self.page
        page.goto(f"{self.site.url}/login/")
        look("login")
        self.sign_in(self.site)
        self.expect_complaint("404")
        for name, path in self.paths.items():
            page.goto(self.site.url + path)
            page.wait_for_load_state("networkidle")
            look(name)
        page.goto(self.site.url)
        page.wait_for_load_state("networkidle")
        if page.viewport_size["width"] < 768:
            page.locator("#pane-outputs").check(force=True)
            look("playground, outputs")
        page.locator("#col-a-body").focus()
        for key, dialog in {"e": "picker", "j": "raw", "?": "keys"}.items():
            page.keyboard.press(key)
            expect(page.locator(f"dialog#{dialog}")).to_be_visible()
            look(dialog)
            page.keyboard.press("Escape")
            expect(page.locator(f"dialog#{dialog}")).to_be_hidden()

    def expect_nothing(self, script: str, name: str, what: str) -> None:
        with self.subTest(name, of=what):
            self.assertEqual(self.page.evaluate(script), [])

    def test_nothing_scrolls_sideways_at_320_px(self) -> None:
        self.page.set_viewport_size(NARROW)
        self.each_page(lambda name: self.expect_nothing(STICKS_OUT, name, "narrow"))

    def test_at_400_percent_all_can_be_reached(self) -> None:
        page = self.page
        page.set_viewport_size(ZOOMED)
        self.each_page(lambda name: self.expect_nothing(STICKS_OUT, name, "zoomed"))
        page.goto(self.site.url)
        page.get_by_label("User message").fill("How are you?")
        run = page.get_by_role("button", name="Run", exact=False).first
        run.scroll_into_view_if_needed()
        run.click()
        column = page.locator("#col-a")
        expect(column.locator(".plain")).to_contain_text("How are you?")
        expect(column).to_have_attribute("data-status", "done")
        column.locator(".plain").scroll_into_view_if_needed()
        height = column.locator(".col__body").evaluate("body => body.clientHeight")
        self.assertGreater(height, 60)  # some lines to read

    def test_spaced_out_text_is_not_cut(self) -> None:
        def look(name: str) -> None:
            self.page.evaluate(SPACE_OUT)
            self.expect_nothing(CUT_OFF, name, f"spacing at {self.page.viewport_size}")
            self.expect_nothing(STICKS_OUT, name, f"spacing at {self.page.viewport_size}")

        for size in (WIDE, {"width": 390, "height": 844}):
            self.page = self.new_page()
            self.page.set_viewport_size(size)
            self.each_page(look)

    def test_from_right_to_left_nothing_sticks_out_or_is_covered(self) -> None:
        def look(name: str) -> None:
            page = self.page
            self.expect_nothing(COVERED, name, "left to right")
            page.evaluate(RIGHT_TO_LEFT)
            self.expect_nothing(STICKS_OUT, name, f"right to left at {page.viewport_size}")
            self.expect_nothing(COVERED, name, f"right to left at {page.viewport_size}")

        for size in (WIDE, {"width": 390, "height": 844}):
            self.page = self.new_page()
            self.page.set_viewport_size(size)
            self.each_page(look)

    def test_the_arrows_follow_the_direction(self) -> None:
        page = self.page
        self.sign_in(self.site)
        page.evaluate(RIGHT_TO_LEFT)
        page.keyboard.press("1")
        first, second = (page.locator("section.col").nth(at) for at in (0, 1))
        self.assertGreater(first.bounding_box()["x"], second.bounding_box()["x"])
        page.keyboard.press("ArrowLeft")
        expect(second.locator(".col__body")).to_be_focused()
        page.keyboard.press("ArrowRight")
        expect(first.locator(".col__body")).to_be_focused()
        splitter = page.locator(".splitter")
        splitter.focus()
        before = page.locator("#prompt").bounding_box()["width"]
        page.keyboard.press("ArrowLeft")
        self.assertGreater(page.locator("#prompt").bounding_box()["width"], before)

    def test_paragraphs_stand_at_the_side_of_their_language(self) -> None:
        page = self.page
        self.sign_in(self.site)
        message = page.get_by_label("User message")
        message.fill(ARABIC)
        self.assertEqual(message.evaluate("one => getComputedStyle(one).direction"), "rtl")
        message.fill(MIXED)
        message.press("Control+Enter")
        echo = page.locator("section.col", has_text="echo").first
        expect(echo.locator(".plain")).to_contain_text("בתוך משפט")
        expect(echo).to_have_attribute("data-status", "done")
        lines = echo.locator(".col__body").evaluate(ROOM)
        starts = {
            "right" if right < 2 < left else "left" if left < 2 else "?" for left, right in lines
        }
        self.assertEqual(starts, {"left", "right"}, lines)
        page.locator("#reading").get_by_text("Markdown").click()
        code = echo.locator(".marked code").first
        expect(code).to_have_text("print(x)")
        self.assertEqual(code.evaluate("one => getComputedStyle(one).direction"), "ltr")

    def test_answers_say_their_language_and_wrap(self) -> None:
        page = self.page
        self.sign_in(self.site)
        for language, text in {
            "zh": "你好世界，" * 120,
            "ar": "مرحبا بالعالم " * 40,
            "": "x" * 900,
        }.items():
            message = page.get_by_label("User message")
            message.fill(text)
            message.press("Control+Enter")
            echo = page.locator("section.col", has_text="echo").first
            expect(echo.locator(".plain")).to_contain_text(text.strip()[:30])
            expect(echo).to_have_attribute("data-status", "done", timeout=60_000)
            answer = echo.locator("[data-answer]")
            self.assertEqual(answer.get_attribute("lang") or "", language)
            box = echo.locator(".col__body")
            self.assertEqual(box.evaluate("body => body.scrollWidth - body.clientWidth"), 0)
            page.reload()
            expect(echo).to_have_attribute("data-status", "done")
            self.assertEqual(answer.get_attribute("lang") or "", language)

    def test_this_test_would_notice(self) -> None:
        page = self.page
        self.sign_in(self.site)
        for script in (STICKS_OUT, CUT_OFF, COVERED):
            self.assertEqual(page.evaluate(script), [])
        page.evaluate("document.querySelector('#stop').style.marginInlineStart = '-6rem'")
        self.assertTrue(page.evaluate(COVERED))
        narrow = "{width: '2rem', flex: 'none', overflow: 'clip'}"
        page.evaluate(f"Object.assign(document.querySelector('#run').style, {narrow})")
        self.assertTrue(page.evaluate(CUT_OFF))
        page.evaluate("document.querySelector('#add-endpoint').textContent = 'wide '.repeat(400)")
        self.assertTrue(page.evaluate(STICKS_OUT))
