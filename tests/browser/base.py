"""Journeys in the system's Chromium, driven by Playwright."""

import os
import shutil
import unittest

from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests import recorder

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
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


class BrowserTestCase(unittest.TestCase):
    """`self.page` is a fresh page; what the browser's console complains about fails the test."""

    viewport = {"width": 1440, "height": 900}

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
        self.page = self.new_page()

    def new_page(self) -> Page:
        """A page of its own person: no cookies, no storage."""
        context = self.browser.new_context(viewport=self.viewport, reduced_motion="reduce")
        self.addCleanup(context.close)
        self.addCleanup(self._look_for_secrets, context)
        page = context.new_page()
        self.complaints = complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        return page

    def _look_for_secrets(self, context: BrowserContext) -> None:
        for page in context.pages:
            recorder.see("browser", page.evaluate(KEPT), page.url)
