"""By keys alone, from signing in to an answer and on; and where the focus is, all the while."""

from playwright.sync_api import Locator, expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site, wait_for
from tests.upstream import Upstream, events

# What the focus is in, where it is, whether it can be seen there, and how it is drawn.
FOCUSED = """async () => {
  for (let frames = 0; frames < 2; frames += 1) await new Promise(requestAnimationFrame);
  const focused = document.activeElement;
  if (!focused || focused === document.body) return null;
  const drawn = [focused, ...(function* () {
    for (let at = focused.parentElement; at; at = at.parentElement) yield at;
  })()].slice(0, 4);
  const px = (one) => {
    const style = getComputedStyle(one);
    const outline = style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
    const shadow = style.boxShadow === "none" ? 0 : parseFloat(style.boxShadow.split("px")[3]) || 0;
    return outline || (shadow ? shadow + parseFloat(style.borderTopWidth) : 0);
  };
  const shown = drawn.find((one) => one.matches(".switch, label") || px(one)) || focused;
  const box = (focused.getBoundingClientRect().width > 1 ? focused : shown).getBoundingClientRect();
  const inside = [[.5, .5], [.1, .5], [.9, .5], [.5, .1], [.5, .9]].map(([x, y]) =>
    document.elementFromPoint(box.left + box.width * x, box.top + box.height * y));
  const isMine = (hit) =>
    hit && (focused.contains(hit) || hit.closest("label, .with-icon")?.contains(focused));
  return {
    what: focused.outerHTML.slice(0, 140),
    px: Math.max(...drawn.map(px)),
    isSeen: inside.some(isMine),
    box: [box.left, box.top, box.right, box.bottom].map(Math.round),
  };
}"""


class KeyboardTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.upstream = cls.enterClassContext(Upstream())
        cls.site = cls.enterClassContext(Site(PLAYGROUND_DRIVER_ORIGINS=cls.upstream.origin))
        cls.make("sonnet", events(["A ", "short ", "answer."], delay_s=0.02))

    @classmethod
    def make(cls, name: str, behaviour) -> None:
        """An app that answers like this."""
        url = cls.upstream.on(f"/{name}", behaviour)
        cls.site.api("POST", "/endpoints", {"name": name, "kind": "driver", "url": url})

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, target: Locator) -> None:
        for _ in range(80):
            self.press("Tab")
            if target.evaluate("one => one === document.activeElement"):
                return
        self.fail(f"Tab never comes to {target}")

    def test_from_sign_in_to_the_answer_to_a_follow_up(self) -> None:
        page, keyboard = self.page, self.page.keyboard
        page.goto(f"{self.site.url}/login/")
        self.tab_to(page.get_by_label("User name"))
        keyboard.type("alice")
        self.press("Tab")
        keyboard.type(PASSWORD)
        self.press("Enter")
        expect(page).to_have_url(f"{self.site.url}/")
        page.wait_for_load_state()

        # E, three letters, Enter: what was found is a column.
        before = page.locator("section.col").count()
        self.press("e")
        expect(page.locator("#picker [type=search]")).to_be_focused()
        keyboard.type("son")
        self.press("Enter")
        expect(page.locator("#picker")).to_be_hidden()
        expect(page.locator("section.col")).to_have_count(before + 1)
        mine = page.locator("section.col").last
        expect(mine).to_contain_text("sonnet")

        # P, a prompt, Ctrl Enter; the focus stays where one types.
        self.press("p")
        message = page.get_by_label("User message")
        expect(message).to_be_focused()
        self.press("Control+a")
        keyboard.type("By keys alone")
        self.press("Control+Enter")
        done = page.locator("section.col[data-status=done]")
        expect(done).to_have_count(before + 1, timeout=60_000)
        expect(message).to_be_focused()
        expect(message).to_have_value("By keys alone")

        # Out of the field; the columns by their numbers, the raw request of one, and back.
        self.press("Tab")
        for number in range(1, before + 2):
            self.press(str(number))
            body = page.locator("section.col").nth(number - 1).locator(".col__body")
            expect(body).to_be_focused()
        self.press("j")
        expect(page.locator("#raw")).to_be_visible()
        expect(page.locator("#raw")).to_contain_text("By keys alone")
        self.press("Escape")
        expect(page.locator("#raw")).to_be_hidden()
        expect(mine.locator(".col__body")).to_be_focused()

        # Copied, compared, closed.
        self.press("d")
        expect(mine.locator(".col__diff")).to_contain_text("added")
        self.press("Escape")
        expect(mine.locator(".col__diff")).to_be_hidden()
        expect(mine.locator(".plain")).to_have_text("A short answer.")

        # F, and on in every column.
        self.press("f")
        expect(page.get_by_label("Follow-up message")).to_be_focused()
        keyboard.type("And then?")
        self.press("Control+Enter")
        expect(mine.locator(".turn--user")).to_contain_text("And then?")
        expect(done).to_have_count(before + 1, timeout=60_000)
        expect(mine.locator(".turn .prose:visible")).to_have_text(
            ["A short answer.", "And then?", "A short answer."]
        )
        expect(page.get_by_label("Follow-up message")).to_be_focused()

    def test_the_focus_is_always_drawn_and_never_hidden(self) -> None:
        page = self.page
        for width, height in ((1440, 900), (1024, 420), (390, 844)):
            page = self.new_page()
            page.set_viewport_size({"width": width, "height": height})
            self.sign_in(self.site, page)
            if not page.locator("section.col[data-status=done]").count():
                page.keyboard.press("Control+Enter")
                expect(page.locator("section.col[data-status=done]").first).to_be_visible()
            self.walk(page, f"playground at {width} x {height}")
            if width < 768:
                page.locator("#pane-outputs").check(force=True)
                page.locator("#pane-outputs").press("Shift+Tab")
                self.walk(page, "outputs on a phone")
            for path in ("/account/", "/endpoints/new/"):
                page.goto(self.site.url + path)
                page.wait_for_load_state()
                self.walk(page, f"{path} at {width} x {height}")

    def walk(self, page, where: str) -> None:
        seen, wrong = set(), []
        for _ in range(160):
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            if focused is None or (focused["what"], *focused["box"]) in seen:
                break
            seen.add((focused["what"], *focused["box"]))
            if focused["px"] < 2 or not focused["isSeen"]:
                wrong.append(focused)
        with self.subTest(where):
            self.assertEqual(wrong, [])
            self.assertGreater(len(seen), 8)

    def test_what_arrives_takes_neither_focus_nor_text_nor_caret(self) -> None:
        page = self.page
        for number in range(6):
            self.make(f"stream{number}", events([f"w{n} " for n in range(60)], delay_s=0.05))
        self.sign_in(self.site)
        page.keyboard.press("e")
        for box in page.locator("#picker [name=endpoint]").all():
            is_mine = "stream" in box.get_attribute("aria-label")
            box.set_checked(is_mine)
        page.get_by_role("button", name="Use 6 endpoints").click()
        expect(page.locator("#picker")).to_be_hidden()
        message = page.get_by_label("User message")
        message.fill("start")
        message.press("Control+Enter")
        expect(page.locator(".col[data-status=streaming]")).to_have_count(6)
        page.evaluate(
            "document.addEventListener('focusout', () => { window.left = (window.left || 0) + 1; })"
        )
        message.press("Home")
        typed = ""
        while page.locator(".col[data-status=done]").count() < 6:
            page.keyboard.type("x")
            typed += "x"
            self.assertLess(len(typed), 500)
        expect(message).to_be_focused()
        expect(message).to_have_value(f"{typed}start")
        self.assertEqual(message.evaluate("one => one.selectionStart"), len(typed))
        self.assertIsNone(page.evaluate("window.left || null"))

    def test_who_scrolled_up_stays_there(self) -> None:
        page = self.page
        self.make("long", events([f"line{n}\n\n" for n in range(150)], delay_s=0.03))
        self.make("longer", events([f"line{n}\n\n" for n in range(150)], delay_s=0.03))
        self.sign_in(self.site)
        page.keyboard.press("e")
        for box in page.locator("#picker [name=endpoint]").all():
            box.set_checked("long" in box.get_attribute("aria-label"))
        page.get_by_role("button", name="Use 2 endpoints").click()
        expect(page.locator("#picker")).to_be_hidden()
        page.get_by_label("User message").fill("go")
        page.get_by_label("User message").press("Control+Enter")
        bodies = [page.locator(f"#col-{letter} .col__body") for letter in "ab"]
        for letter in "ab":
            expect(page.locator(f"#col-{letter} .plain")).to_contain_text("line60")
        bodies[0].hover()
        page.mouse.wheel(0, -600)
        jump = page.locator("#col-a [data-jump]")
        expect(jump).to_be_visible()

        def top() -> float:
            return bodies[0].evaluate("body => body.scrollTop")

        def is_quiet() -> bool:
            before = top()
            page.wait_for_timeout(120)
            return top() == before

        wait_for(is_quiet, 10, lambda: "the wheel never came to rest")
        at = top()
        for letter in "ab":
            expect(page.locator(f"#col-{letter} .plain")).to_contain_text("line120")
        self.assertEqual(top(), at)  # though text came
        self.assertEqual(
            bodies[1].evaluate(
                "body => body.scrollHeight - body.scrollTop - body.clientHeight < 48"
            ),
            True,
        )  # the other follows its own stream
        for letter in "ab":
            expect(page.locator(f"#col-{letter}")).to_have_attribute("data-status", "done")
        self.assertEqual(top(), at)
        expect(jump).to_be_visible()
        jump.click()
        wait_for(lambda: top() > at, 5, lambda: "Latest does not lead there")
