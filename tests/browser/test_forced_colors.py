"""In the colours that a system forces on pages everything is still told apart."""

from playwright.sync_api import Locator, expect

from tests.browser.base import BrowserTestCase
from tests.site import Site

STYLE = "(one, name) => getComputedStyle(one)[name]"


class ForcedColorsTests(BrowserTestCase):
    opened_with = {"forced_colors": "active"}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site = cls.enterClassContext(Site())

    def setUp(self) -> None:
        super().setUp()
        self.sign_in(self.site)

    def style(self, one: Locator, name: str) -> str:
        return one.evaluate(STYLE, name)

    def assert_differs(self, one: Locator, other: Locator, *names: str) -> None:
        """At least one of these is drawn otherwise."""
        looks = [[self.style(each, name) for name in names] for each in (one, other)]
        self.assertNotEqual(*looks, names)

    def run_it(self, text: str) -> None:
        message = self.page.get_by_label("User message")
        message.fill(text)
        message.press("Control+Enter")
        for letter in "ab":
            expect(self.page.locator(f"#col-{letter} .plain")).to_contain_text(text)
        expect(self.page.locator(".col[data-status=done]")).to_have_count(2, timeout=30_000)

    def test_status_letters_and_differences(self) -> None:
        page = self.page
        self.assertTrue(page.evaluate("matchMedia('(forced-colors: active)').matches"))
        self.run_it("one two three")
        column = page.locator("#col-a")
        self.assertEqual(self.style(column.locator(".letter").first, "borderTopStyle"), "solid")
        status = column.locator(".col__status .status")
        expect(status).to_have_text("Done")
        expect(status.locator("svg")).to_be_visible()
        page.get_by_role("button", name="Differences of A").click()
        for tag, line in {"ins": "underline", "del": "line-through"}.items():
            changed = column.locator(f".col__diff .prose {tag}").first
            self.assertIn(line, self.style(changed, "textDecorationLine"))

    def test_chosen_pressed_and_current(self) -> None:
        page = self.page
        seg = page.locator("#reading label")
        self.assert_differs(seg.nth(0), seg.nth(1), "backgroundColor", "borderTopColor")
        sync = page.locator("#sync")
        before = [self.style(sync, name) for name in ("backgroundColor", "borderTopColor")]
        sync.uncheck(force=True)
        after = [self.style(sync, name) for name in ("backgroundColor", "borderTopColor")]
        self.assertNotEqual(before, after)
        rail = page.locator(".rail__item")
        self.assert_differs(rail.nth(0), rail.nth(1), "backgroundColor", "color")
        strip = page.locator(".strip__item")
        self.assert_differs(strip.nth(0), strip.nth(1), "borderTopWidth", "borderTopColor")
        run, stop = page.locator("#run"), page.locator("#stop")
        self.assert_differs(run, stop, "backgroundColor", "color")
        self.run_it("four five six")
        page.get_by_label("Send to column B").uncheck(force=True)
        ticks = page.locator("#follow-to label")
        self.assert_differs(ticks.nth(0), ticks.nth(1), "backgroundColor")
        page.keyboard.press("Tab")
        page.locator("#col-a-body").focus()
        page.keyboard.press("j")
        tabs = page.locator("#raw [role=tab]")
        self.assert_differs(tabs.nth(0), tabs.nth(1), "borderBottomColor")

    def test_the_focus(self) -> None:
        page = self.page
        for name, place in {"message": "#messages .msg", "follow-up": ".follow__box"}.items():
            if name == "message":
                page.keyboard.press("p")
            else:
                page.keyboard.press("Tab")
                page.locator("#col-a-body").focus()
                page.keyboard.press("f")
            outlines = page.locator(f"{place}:focus-within")
            self.assertEqual(self.style(outlines.first, "outlineStyle"), "solid", name)
            self.assertEqual(self.style(outlines.first, "outlineWidth"), "2px", name)
        page.locator("#col-a-body").focus()
        page.keyboard.press("Tab")
        focused = page.locator(":focus-visible")
        self.assertEqual(self.style(focused, "outlineWidth"), "2px")

    def test_variables_and_the_text_over_them(self) -> None:
        message = self.page.get_by_label("User message")
        message.fill("Write to {{name}}")
        shadow = self.page.locator("#messages .editor__hl").last
        mark = shadow.locator("mark")
        expect(mark).to_have_text("{{name}}")
        transparent = "rgba(0, 0, 0, 0)"
        self.assertEqual(self.style(shadow, "color"), transparent)  # the text is drawn once
        self.assertNotEqual(self.style(mark, "backgroundColor"), transparent)
