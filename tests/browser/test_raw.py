"""The raw drawer: seen before a run, after it, by mouse and by keys."""

import re

from playwright.sync_api import expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site


class RawTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site = cls.enterClassContext(Site())

    def setUp(self) -> None:
        super().setUp()
        page = self.page
        page.goto(f"{self.site.url}/login/")
        page.get_by_label("User name").fill("alice")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name=re.compile("Sign in")).click()
        expect(page).to_have_url(f"{self.site.url}/")
        self.drawer = page.locator("dialog#raw")

    def test_preview_run_and_the_bytes_that_were_sent(self):
        page, drawer = self.page, self.drawer

        # Before Run: the exact request for the prompt as typed, edits included.
        page.get_by_label("User message").fill("How are <you>? 你好")
        page.get_by_role("button", name="Preview the request of A").click()
        expect(drawer).to_be_visible()
        shown = drawer.locator("#raw-request-text")
        expect(shown).to_contain_text("How are <you>? 你好")
        expect(drawer.get_by_role("tab", name="Request")).to_be_focused()
        expect(drawer.get_by_role("tab", name="Response")).to_have_count(0)
        planned = shown.text_content()
        page.keyboard.press("Escape")
        expect(drawer).to_be_hidden()

        # After Run: the same bytes went out; J opens the focused column's.
        page.get_by_label("User message").press("Control+Enter")
        column = page.locator("section.col#col-a")
        expect(column).to_have_attribute("data-status", "done", timeout=20_000)
        column.locator(".col__body").focus()
        page.keyboard.press("j")
        expect(drawer).to_be_visible()
        self.assertEqual(shown.text_content(), planned)

        # Tabs by arrow keys and by mouse.
        page.keyboard.press("ArrowRight")
        expect(drawer.get_by_role("tab", name="Response")).to_be_focused()
        expect(drawer.locator("#raw-response-text")).to_contain_text("HTTP 200")
        drawer.get_by_role("tab", name="Timing").click()
        expect(drawer.get_by_role("img", name=re.compile("TTFT .* Streaming"))).to_be_visible()
        drawer.get_by_role("tab", name="As cURL").click()
        expect(drawer.locator("#raw-curl-text")).to_contain_text("curl -sS")
        expect(drawer.locator("#raw-request-text")).to_be_hidden()

        # The next one, for what has been typed since.
        page.keyboard.press("Escape")
        page.get_by_label("User message").fill("Another one")
        column.get_by_role("button", name="Raw request and response of A").click()
        drawer.get_by_role("button", name="Preview next request").click()
        expect(shown).to_contain_text("Another one")
        expect(drawer).to_contain_text("not sent")
        drawer.get_by_role("button", name="Close").click()
        expect(drawer).to_be_hidden()

    def test_copying_gives_the_code(self):
        page, drawer = self.page, self.drawer
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name=re.compile("request.* of B")).click()
        drawer.get_by_role("tab", name="As Python").click()
        drawer.get_by_role("button", name="Copy code").click()
        expect(page.locator("#announce")).to_have_text("Copied")
        copied = page.evaluate("navigator.clipboard.readText()")
        self.assertEqual(copied, drawer.locator("#raw-requests-text").text_content())
        self.assertIn("import requests", copied)
