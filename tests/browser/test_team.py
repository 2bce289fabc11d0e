"""Two people, two browsers: invited, joined, made admin, removed while a shared run streams."""

import time

from playwright.sync_api import Page, expect

from tests.browser.base import BrowserTestCase
from tests.canary import canary
from tests.site import PASSWORD, Site
from tests.upstream import Upstream, events

PHONE = {"width": 390, "height": 844}


class TeamTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.upstream = cls.enterClassContext(Upstream())
        words = [f"word{number} " for number in range(900)]
        url = cls.upstream.on("/slow", events(words, delay_s=0.1))
        cls.site = cls.enterClassContext(
            Site(accounts=("alice", "bob"), PLAYGROUND_DRIVER_ORIGINS=cls.upstream.origin)
        )
        cls.team = cls.site.api("GET", "/me")["teams"][0]["id"]
        body = {"name": "slow", "kind": "driver", "url": url, "team": cls.team}
        cls.site.api("POST", "/endpoints", body)

    def sign_in(self, page: Page, name: str) -> None:
        page.goto(f"{self.site.url}/login/")
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{self.site.url}/")

    def start_shared_run(self) -> dict:
        body = {"prompt": "Count for us", "variants": [{"endpoint": "slow"}]}
        run = self.site.api("POST", "/runs", body)
        self.site.api("PATCH", f"/runs/{run['id']}", {"team": self.team})
        return run

    def row(self, page: Page, name: str):
        return page.get_by_role("row").filter(has_text=name)

    def test_invited_by_link_a_new_account_sees_what_is_shared(self) -> None:
        alice, dora = self.page, self.new_page()
        run = self.start_shared_run()
        self.addCleanup(self.site.api, "POST", f"/runs/{run['id']}/stop")
        self.sign_in(alice, "alice")
        alice.get_by_role("link", name="Team", exact=True).click()
        expect(alice.get_by_role("heading", level=1)).to_have_text("Team")
        alice.goto(f"{self.site.url}/team/?team={self.team}")
        alice.get_by_label("E-mail").fill("dora@example.org")
        alice.get_by_role("button", name="Make invitation link").click()
        link = alice.get_by_label("Invitation link").input_value()
        code = link.rpartition("#")[2]

        dora.goto(link)
        expect(dora.get_by_role("heading", level=2)).to_have_text("Join Everyone here")
        expect(dora.locator("form.card")).to_contain_text("Your role: Member")
        self.assertNotIn(code, dora.url)
        dora.get_by_label("User name").fill("dora")
        dora.get_by_label("Password", exact=True).fill(canary("a-password-of-dora-"))
        dora.get_by_role("button", name="Make account and join").click()
        expect(self.row(dora, "dora")).to_contain_text("You")
        dora.goto(f"{self.site.url}/runs/{run['id']}/")
        expect(dora.locator("#col-a .plain")).to_contain_text("word3 ")
        self.assertNotIn(code, self.site.log())

        alice.goto(f"{self.site.url}/team/?team={self.team}")
        expect(self.row(alice, "dora").first).to_be_visible()
        expect(alice.get_by_text("dora@example.org")).to_have_count(1)  # no open invitation more
        self.expect_complaint("404")
        late = self.new_page()
        late.goto(link)
        expect(late.get_by_role("alert")).to_contain_text("used already")

        alice.get_by_role("link", name="Audit log").click()
        expect(self.row(alice, "joined the team")).to_contain_text("dora")
        alice.get_by_label("What").select_option("member.invited")
        alice.get_by_role("button", name="Filter").click()
        expect(self.row(alice, "joined the team")).to_have_count(0)
        expect(self.row(alice, "dora@example.org")).to_contain_text("role: member")
        self.assertIn("verb=member.invited", alice.url)

    def test_who_is_removed_is_cut_off_from_the_run_that_streams(self) -> None:
        alice, bob = self.page, self.new_page()
        self.sign_in(alice, "alice")
        self.sign_in(bob, "bob")
        run = self.start_shared_run()
        self.addCleanup(self.site.api, "POST", f"/runs/{run['id']}/stop")
        bob.goto(f"{self.site.url}/runs/{run['id']}/")
        expect(bob.locator("#col-a .plain")).to_contain_text("word5 ")

        alice.goto(f"{self.site.url}/team/?team={self.team}")
        alice.get_by_label("Role of bob").select_option("viewer")
        alice.get_by_role("button", name="Save the role of bob").click()
        expect(alice.get_by_label("Role of bob")).to_have_value("viewer")
        shown = bob.locator("#col-a .plain").inner_text().count("word")
        expect(bob.locator("#col-a .plain")).to_contain_text(
            f"word{shown + 20} "
        )  # still his to see

        alice.get_by_role("button", name="Remove bob").click()
        began = time.monotonic()
        alice.get_by_role("button", name="Remove bob from the team").click()
        expect(bob.locator("#toasts")).to_contain_text("not shared with you any more")
        self.assertLess(time.monotonic() - began, 30)
        expect(self.row(alice, "bob")).to_have_count(0)
        self.expect_complaint("404")
        self.assertEqual(bob.goto(f"{self.site.url}/runs/{run['id']}/").status, 404)

    def test_the_last_admin_is_told_and_a_phone_shows_cards(self) -> None:
        page = self.page
        page.set_viewport_size(PHONE)
        self.sign_in(page, "alice")
        page.goto(f"{self.site.url}/team/")
        self.expect_complaint("409")
        page.get_by_label("Role of alice").select_option("member")
        page.get_by_role("button", name="Save the role of alice").click()
        expect(page.get_by_role("alert")).to_contain_text("would have no admin")
        expect(page.get_by_label("Role of alice")).to_have_value("admin")
        page.get_by_text("Make a new team").click()
        page.get_by_label("Team name").last.fill("Evaluations")
        page.get_by_role("button", name="Make team").click()
        expect(page.get_by_role("navigation", name="Your teams")).to_contain_text("Evaluations")
        width = page.evaluate("document.documentElement.scrollWidth")
        self.assertLessEqual(width, PHONE["width"])
