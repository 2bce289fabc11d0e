"""The main job as a new user does it: sign up, run, watch, reload, stop, retry, read by the API."""

import re

from playwright.sync_api import expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site

LONG = "你好吗？ " + " ".join(f"word{number}" for number in range(120))


class MainJourneyTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site = cls.enterClassContext(Site(accounts=()))

    def column(self, letter: str):
        return self.page.locator(f"section.col#col-{letter}")

    def expect_status(self, letter: str, *statuses: str) -> None:
        pattern = re.compile("|".join(statuses))
        expect(self.column(letter)).to_have_attribute("data-status", pattern, timeout=20_000)

    def test_sign_up_run_watch_reload_stop_retry(self):
        page, site = self.page, self.site

        # Whatever a new user opens leads to the set-up; the printed link carries the code.
        page.goto(f"{site.url}/endpoints/")
        expect(page).to_have_url(re.compile("/setup/"))
        page.goto(re.search(r"http://\S+/setup/\?code=\S+", site.log())[0])
        page.get_by_label("User name").fill("alice")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name=re.compile("Make account")).click()

        # The playground opens with a sample prompt and both demo endpoints ready; run by keyboard.
        expect(page).to_have_url(f"{site.url}/")
        expect(page.get_by_label("User message")).not_to_be_empty()
        expect(page.locator("section.col")).to_have_count(2)
        page.get_by_label("User message").press("Control+Enter")
        for letter in "ab":
            self.expect_status(letter, "streaming", "done")
        for letter in "ab":
            self.expect_status(letter, "done")
            expect(self.column(letter).locator(".plain")).not_to_be_empty()

        # A longer run: reload in the middle, it goes on and nothing is lost or shown twice.
        page.get_by_label("User message").fill(LONG)
        page.get_by_role("button", name="Run", exact=False).first.click()
        self.expect_status("a", "streaming")
        page.reload()
        self.expect_status("a", "streaming")
        expect(page.get_by_label("User message")).to_have_value(LONG)
        page.get_by_role("button", name="Stop A").click()
        self.expect_status("a", "stopped")
        stopped_text = self.column("a").locator(".plain").inner_text()
        self.assertTrue(stopped_text)
        self.expect_status("b", "done")

        # Retry: a new call in the same column, to its end.
        page.get_by_role("button", name="Retry A").click()
        self.expect_status("a", "queued", "waiting", "streaming")
        self.expect_status("a", "done")
        retried_text = self.column("a").locator(".plain").text_content()
        self.assertIn(LONG, retried_text)

        # The same run, read through the API.
        site.tokens["alice"] = site.manage("createtoken", "alice").stdout.strip()
        run = site.api("GET", "/runs")["items"][0]
        calls = site.api("GET", f"/runs/{run['id']}")["calls"]
        by_letter = {(c["letter"], c["attempt"]): c for c in calls}
        self.assertEqual(by_letter["A", 1]["status"], "stopped")
        self.assertTrue(by_letter["A", 1]["text"].startswith(stopped_text.rstrip()))
        self.assertEqual(by_letter["A", 2]["text"], retried_text)
        self.assertEqual(by_letter["B", 1]["status"], "done")
