"""Journeys in the system's Chromium, driven by Playwright."""

import os
import shutil
import unittest

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests import recorder
from tests.site import PASSWORD, Site

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PATIENCE_MS = 20_000  # how long to wait for what is expected: the machine may be busy
# What a page shows and keeps; a page without an address keeps nothing.
KEPT = """() => {
  const kept = [document.documentElement.outerHTML];
  if (location.protocol.startsWith("http")) kept.push({...localStorage}, {...sessionStorage});
  return JSON.stringify(kept);
}"""
# The console names some breaches of the policy and leaves out others, so each is written there.
TELL_BREACHES = """document.addEventListener("securitypolicyviolation", (event) => console.error(
  `Policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`))"""
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


class BrowserTestCase(unittest.TestCase):
    """`self.page` is a fresh page.

    What any page's console complains about and every breach of the policy fails the test, unless
    the test said before that it expects it.
    """

    viewport = {"width": 1440, "height": 900}
    opened_with: dict = {}  # what else a page is opened with: colours, touch

    @classmethod
    def setUpClass(cls) -> None:
        if CHROMIUM is None:
            if os.environ.get("CI"):
                raise AssertionError("Browser tests may not be skipped here: install chromium.")
            raise unittest.SkipTest("There is no Chromium. Install the package 'chromium'.")
        expect.set_options(timeout=PATIENCE_MS)
        playwright = cls.enterClassContext(sync_playwright())
        cls.browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        cls.addClassCleanup(cls.browser.close)

    def setUp(self) -> None:
        self.complaints: list[str] = []
        self.expected: list[str] = []
        self.page = self.new_page()

    def tearDown(self) -> None:
        """Before the site of a test ends, which its pages would complain about."""
        for context in self.browser.contexts:
            for page in context.pages:
                page.evaluate("0")  # what was said before this answer has arrived by now
        self.check_complaints()

    def new_page(self) -> Page:
        """A page of its own person: no cookies, no storage."""
        context = self.browser.new_context(
            viewport=self.viewport, reduced_motion="reduce", **self.opened_with
        )
        self.addCleanup(context.close)
        self.addCleanup(self._look_for_secrets, context)
        context.add_init_script(TELL_BREACHES)
        context.on("weberror", lambda found: self.complaints.append(str(found.error)))
        context.on("console", self._note)
        return context.new_page()

    def sign_in(self, site: Site, page: Page | None = None) -> None:
        """Alice, to her playground."""
        page = page or self.page
        page.goto(f"{site.url}/login/")
        page.get_by_label("User name").fill("alice")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{site.url}/")
        page.wait_for_load_state()

    def expect_complaint(self, words: str) -> None:
        """The console will complain with these words, at least once in this test."""
        self.expected.append(words)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def check_complaints(self) -> None:
        for words in self.expected:
            self.assertTrue(any(words in each for each in self.complaints), f"Nothing: {words}")
        surprises = [
            each for each in self.complaints if not any(words in each for words in self.expected)
        ]
        if surprises:
            self.fail("The browser complained:\n" + "\n".join(surprises))

    def _look_for_secrets(self, context: BrowserContext) -> None:
        for page in context.pages:
            recorder.see("browser", page.evaluate(KEPT), page.url)
