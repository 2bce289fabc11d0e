"""The board: columns scroll together, move by their menu, repeat; a long run tells when it ends."""

from playwright.sync_api import expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site, wait_for

# Headless Chromium has nobody to ask for permission: this one has said yes, and looks elsewhere.
LOOKS_ELSEWHERE = """
window.told = [];
window.Notification = class extends EventTarget {
  static permission = "granted";
  constructor(title, options) { super(); window.told.push(options.body); }
};
Object.defineProperty(document, "hidden", { get: () => true });
"""


class BoardTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site = cls.enterClassContext(Site())
        poet = next(e for e in cls.site.api("GET", "/endpoints")["items"] if "poet" in e["name"])
        cls.site.api("DELETE", f"/endpoints/{poet['id']}")

    def sign_in(self) -> None:
        page = self.page
        page.goto(f"{self.site.url}/login/")
        page.get_by_label("User name").fill("alice")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{self.site.url}/")
        page.wait_for_load_state()

    def open_menu(self, letter: str, item: str) -> None:
        self.page.get_by_role("button", name=f"More for column {letter}", exact=True).click()
        self.page.get_by_role("button", name=item).click()

    def run_prompt(self, text: str, columns: int) -> None:
        self.page.get_by_label("User message").fill(text)
        self.page.get_by_label("User message").press("Control+Enter")
        done = self.page.locator("section.col[data-status=done]")
        expect(done).to_have_count(columns, timeout=60_000)
        # Of this run, not of the one before.
        expect(self.page.locator("#col-a .plain")).to_contain_text(text[:60])

    def test_columns_repeat_move_and_scroll_together(self) -> None:
        page = self.page
        page.set_viewport_size({"width": 1440, "height": 560})
        self.sign_in()
        self.open_menu("A", "Duplicate with other parameters")
        page.get_by_label("Repetitions").fill("2")
        page.get_by_role("button", name="Add column").click()
        expect(page.locator("#col-b")).to_contain_text("2 times")
        self.run_prompt("word " * 300, 3)
        self.assertEqual(self.order(), ["col-a", "col-b", "col-b-2"])

        body = page.locator("#col-a-body")
        body.hover()
        body.evaluate("body => { body.scrollTop = body.scrollHeight / 4; }")
        tops = "all => all.map(each => each.scrollTop)"
        bodies = page.locator(".col__body")

        def are_together() -> bool:
            at = bodies.evaluate_all(tops)
            return min(at) > 10 and max(at) - min(at) < 4

        wait_for(are_together, 10, lambda: str(bodies.evaluate_all(tops)))
        page.get_by_role("switch", name="Sync scroll").uncheck(force=True)
        body.evaluate("body => { body.scrollTop = 0; }")
        page.wait_for_timeout(200)
        self.assertGreater(page.locator("#col-b-body").evaluate("body => body.scrollTop"), 10)

        # What was scrolled to stays where a column moves.
        self.open_menu("B", "Move left")
        expect(page.locator("section.col").first).to_have_id("col-b")
        self.assertEqual(self.order(), ["col-b", "col-b-2", "col-a"])
        self.assertGreater(page.locator("#col-b-body").evaluate("body => body.scrollTop"), 10)
        page.reload()
        expect(page.locator("section.col").first).to_have_id("col-b")

    def order(self) -> list[str]:
        return self.page.locator("section.col").evaluate_all("all => all.map(each => each.id)")

    def test_one_column_alone_and_keys_that_are_switched_off(self) -> None:
        page = self.page
        self.sign_in()
        if page.locator("section.col").count() < 2:
            self.open_menu("A", "Duplicate with other parameters")
            page.get_by_role("button", name="Add column").click()
        expect(page.locator("#col-b")).to_be_visible()
        page.get_by_role("button", name="Column B alone").click()
        expect(page.locator("#col-a")).to_be_hidden()
        self.run_prompt("alone", page.locator("section.col").count())
        expect(page.locator("#col-a")).to_be_hidden()  # also once it was filled anew
        page.locator("#strip a[href='#col-a']").click()
        expect(page.locator("#col-b")).to_be_hidden()
        page.get_by_role("button", name="Column A alone").click()
        expect(page.locator("#col-b")).to_be_visible()

        page.keyboard.press("/")
        expect(page.locator("#picker [type=search]")).to_be_focused()
        page.goto(f"{self.site.url}/account/")
        page.get_by_role("switch", name="Shortcuts of a single letter").uncheck(force=True)
        page.get_by_role("button", name="Save shortcuts").click()
        page.goto(f"{self.site.url}/")
        page.wait_for_load_state()
        page.locator("section.col .col__body").first.focus()
        page.keyboard.press("/")
        page.keyboard.press("e")
        page.keyboard.press("ArrowRight")  # which is no letter
        expect(page.locator("section.col").nth(1).locator(".col__body")).to_be_focused()
        expect(page.locator("#picker")).to_be_hidden()

    def test_a_long_run_that_nobody_looks_at_tells_when_it_ends(self) -> None:
        self.page.add_init_script(LOOKS_ELSEWHERE)
        self.page.clock.install()
        self.sign_in()
        self.page.get_by_label("User message").fill("word " * 200)
        self.page.get_by_label("User message").press("Control+Enter")
        expect(self.page.locator("#col-a")).to_have_attribute("data-status", "streaming")
        self.page.clock.fast_forward(21_000)
        expect(self.page.locator("#col-a")).to_have_attribute("data-status", "done", timeout=60_000)
        told: list[str] = []
        wait_for(lambda: told or told.extend(self.page.evaluate("window.told")), 10, str)
        self.assertRegex(told[0], "The run ended: [0-9] of [0-9] done")
