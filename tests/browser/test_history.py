"""The history in a browser: search, filter, pages, a run beside it, compare, undo, palette."""

import re

from playwright.sync_api import expect

from tests.browser.base import BrowserTestCase
from tests.site import Site


class HistoryTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site = cls.enterClassContext(Site(PLAYGROUND_RUNS_PER_MINUTE="1000"))
        cls.runs = {
            prompt: cls.site.start_run(prompt, "demo-echo")["id"]
            for prompt in ("The oak shelf is late", "A lamp for the hall", "请用中文写一首诗")
        }
        for run in cls.runs.values():
            cls.site.wait_for_run(run)

    def setUp(self) -> None:
        super().setUp()
        self.sign_in(self.site)
        self.page.goto(f"{self.site.url}/runs/")
        self.lines, self.search = self.page.locator(".run__link"), self.page.locator("#q")

    def test_search_as_one_types_keeps_the_focus_and_the_address(self) -> None:
        page = self.page
        expect(self.lines).to_have_count(3)
        page.keyboard.press("/")
        expect(self.search).to_be_focused()
        page.keyboard.type("shelf")
        expect(self.lines).to_have_text(["The oak shelf is late"])
        expect(page.locator("#shown")).to_have_text("1 run found")
        expect(page).to_have_url(f"{self.site.url}/runs/?q=shelf")
        expect(self.search).to_be_focused()
        self.search.fill("中文")
        expect(self.lines).to_have_text(["请用中文写一首诗"])
        self.search.fill('"*(')
        expect(page.locator("#runs")).to_contain_text("Only letters and digits")
        page.get_by_role("link", name="Clear").click()
        expect(self.lines).to_have_count(3)
        expect(page).to_have_url(f"{self.site.url}/runs/")

    def test_a_filter_joins_the_search_and_a_reload_keeps_both(self) -> None:
        page = self.page
        self.search.fill("echo")
        page.get_by_label("Author").select_option("me")
        page.get_by_text("More filters").click()
        page.get_by_label("Status").select_option("failed")
        expect(page.get_by_role("heading", name="No run fits")).to_be_visible()
        page.get_by_label("Status").select_option("done")
        expect(self.lines).to_have_count(3)
        expect(page).to_have_url(f"{self.site.url}/runs/?q=echo&author=me&status=done")
        page.reload()
        expect(self.search).to_have_value("echo")
        expect(page.get_by_label("Status")).to_have_value("done")
        expect(self.lines).to_have_count(3)

    def test_a_run_beside_the_list_and_back_again(self) -> None:
        page = self.page
        self.lines.filter(has_text="oak shelf").click()
        title = page.locator("#summary-t")
        expect(title).to_have_text("The oak shelf is late")
        expect(page).to_have_url(f"{self.site.url}/runs/?run={self.runs['The oak shelf is late']}")
        expect(page.locator(".run__link[aria-current]")).to_have_text("The oak shelf is late")
        self.lines.filter(has_text="lamp").click()
        expect(title).to_have_text("A lamp for the hall")
        page.go_back()
        expect(title).to_have_text("The oak shelf is late")
        page.get_by_role("link", name="Open", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("The oak shelf is late")

    def test_two_runs_side_by_side_and_their_difference(self) -> None:
        page = self.page
        compare = page.get_by_role("button", name="Compare")
        expect(compare).to_be_disabled()
        page.get_by_label("Compare: The oak shelf is late").check()
        page.get_by_label("Compare: A lamp for the hall").check()
        compare.click()
        expect(page.locator(".side")).to_have_count(2)
        expect(page.locator("#difference ins").first).to_be_visible()
        page.get_by_text("Lines", exact=True).click()
        expect(page.locator("#difference .difflines")).to_be_visible()
        expect(page).to_have_url(re.compile(r"run=.*run=.*by=lines"))

    def test_a_deleted_run_comes_back(self) -> None:
        page = self.page
        run = self.site.start_run("To be deleted", "demo-echo")["id"]
        self.site.wait_for_run(run)
        page.goto(f"{self.site.url}/runs/?run={run}")
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("button", name="Delete this run").click()
        expect(page.locator("#toasts")).to_contain_text("Deleted “To be deleted”")
        expect(self.lines.filter(has_text="To be deleted")).to_have_count(0)
        page.locator("#toasts").get_by_role("button", name="Undo").click()
        expect(page.locator("#summary-t")).to_have_text("To be deleted")
        expect(self.lines.filter(has_text="To be deleted")).to_have_count(1)
        self.site.api("DELETE", f"/runs/{run}")

    def test_the_palette_by_keys_alone(self) -> None:
        page = self.page
        page.goto(f"{self.site.url}/")
        page.get_by_label("User message").focus()
        page.keyboard.press("Control+k")
        palette = page.locator("#palette")
        expect(palette).to_be_visible()
        chosen = palette.locator("[aria-selected=true]")
        expect(chosen).to_have_text("Playground")
        page.keyboard.press("ArrowDown")
        expect(chosen).to_have_text("History")
        page.keyboard.press("Escape")
        expect(palette).to_be_hidden()
        expect(page.get_by_label("User message")).to_be_focused()
        page.keyboard.press("Control+k")
        page.keyboard.type("lamp")
        expect(chosen).to_contain_text("A lamp for the hall")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("A lamp for the hall")
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_contain_text("Find runs, endpoints, pages")

    def test_older_runs_on_asking(self) -> None:
        for number in range(25):
            run = self.site.start_run(f"One of many, {number}", "demo-echo")["id"]
            self.addCleanup(self.site.api, "DELETE", f"/runs/{run}")
        self.search.fill("many")
        expect(self.page).to_have_url(f"{self.site.url}/runs/?q=many")
        expect(self.lines).to_have_count(24)
        self.page.get_by_role("button", name="Older runs").click()
        expect(self.lines).to_have_count(25)
        expect(self.page.get_by_role("button", name="Older runs")).to_have_count(0)
        expect(self.page.locator("h2.day")).to_have_count(1)


class PhoneTests(BrowserTestCase):
    viewport = {"width": 390, "height": 844}
    opened_with = {"has_touch": True, "is_mobile": True}

    def test_list_or_run(self) -> None:
        with Site() as site:
            run = site.start_run("On a phone", "demo-echo")["id"]
            site.wait_for_run(run)
            self.sign_in(site)
            page = self.page
            page.goto(f"{site.url}/runs/")
            expect(page.locator("#detail")).to_be_hidden()
            page.locator(".run__link").tap()
            expect(page.locator("#summary-t")).to_be_visible()
            expect(page.locator("#q")).to_be_hidden()
            page.get_by_role("link", name="All runs").tap()
            expect(page.locator("#q")).to_be_visible()
            page.goto("about:blank")
