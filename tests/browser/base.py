"""Journeys in the system's Chromium, driven by Playwright."""

import os
import shutil
import unittest

from playwright.sync_api import Page, sync_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
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
        playwright = cls.enterClassContext(sync_playwright())
        cls.browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        cls.addClassCleanup(cls.browser.close)

    def setUp(self) -> None:
        self.page = self.new_page()

    def new_page(self) -> Page:
        """A page of its own person: no cookies, no storage."""
        context = self.browser.new_context(viewport=self.viewport, reduced_motion="reduce")
        self.addCleanup(context.close)
        page = context.new_page()
        self.complaints = complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        return page
