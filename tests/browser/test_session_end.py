"""Nobody is signed out without a warning that comes in time and can be answered by one key."""

from playwright.sync_api import expect

from tests.browser.base import BrowserTestCase
from tests.site import Site

HOUR_MS = 3600 * 1000
# As if this session had begun so long ago that it ends in 100 seconds however it is used.
AGE_ALL = """
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
import time
for row in Session.objects.all():
    session = SessionStore(row.pk)
    session["began"] = int(time.time()) - settings.SESSION_COOKIE_AGE + 100
    session.save()
"""


class SessionEndTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site = cls.enterClassContext(Site())

    def test_two_minutes_before_and_stays_by_one_click_in_every_tab(self) -> None:
        page = self.page
        page.clock.install()
        self.sign_in(self.site)
        other = page.context.new_page()  # on the same clock
        other.goto(f"{self.site.url}/account/")
        other.wait_for_load_state()
        warning = page.locator(".toast", has_text="You will be signed out in")
        page.clock.fast_forward(12 * HOUR_MS - 130_000)
        page.clock.run_for(2000)
        expect(warning).to_be_hidden()
        page.get_by_label("User message").focus()
        page.clock.fast_forward(15_000)
        expect(warning).to_contain_text("in 2 minutes, at ")
        expect(page.get_by_label("User message")).to_be_focused()  # nothing was taken away
        elsewhere = other.locator(".toast", has_text="You will be signed out in")
        expect(elsewhere).to_be_visible()

        with page.expect_response("**/account/session/keep/") as answered:
            warning.get_by_role("button", name="Stay signed in").press("Enter")
        self.assertEqual(answered.value.status, 204)
        expect(page.locator(".toast")).to_contain_text("You stay signed in.")
        expect(warning).to_be_hidden()
        expect(elsewhere).to_be_hidden()
        page.clock.fast_forward(12 * HOUR_MS - 130_000)  # a whole stay more
        page.clock.run_for(6000)
        expect(warning).to_be_hidden()

    def test_what_is_typed_counts_as_use(self) -> None:
        page = self.page
        page.clock.install()
        self.sign_in(self.site)
        page.clock.fast_forward(12 * HOUR_MS - 100_000)
        warning = page.locator(".toast", has_text="You will be signed out in")
        expect(warning).to_be_visible()
        with page.expect_response("**/draft/"):
            page.get_by_label("User message").press_sequentially("more ")
            page.clock.fast_forward(3000)
        expect(warning).to_be_hidden()

    def test_an_end_that_nothing_prolongs_says_what_is_kept(self) -> None:
        page = self.page
        self.sign_in(self.site)
        self.site.manage("shell", "-c", AGE_ALL)
        page.clock.install()
        page.reload()
        warning = page.locator(".toast", has_text="You will be signed out in")
        page.clock.run_for(6000)
        expect(warning).to_contain_text("Drafts are kept")
        expect(warning.get_by_role("button", name="Stay signed in")).to_have_count(0)
        page.get_by_label("User message").focus()
        page.clock.fast_forward(120_000)
        expect(page.locator("#signed-out")).to_be_visible()
        expect(warning).to_be_hidden()
        expect(page.get_by_label("User message")).to_be_focused()
