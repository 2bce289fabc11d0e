"""Two people, two browsers: one runs and shares, the other watches, forks, and is cut off."""

from playwright.sync_api import Page, expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site
from tests.upstream import Upstream, events


class SharingTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.upstream = cls.enterClassContext(Upstream())
        words = [f"word{number} " for number in range(600)]
        url = cls.upstream.on("/slow", events(words, delay_s=0.1))
        cls.site = cls.enterClassContext(
            Site(accounts=("alice", "bob"), PLAYGROUND_DRIVER_ORIGINS=cls.upstream.origin)
        )
        team = cls.site.api("GET", "/me")["teams"][0]["id"]
        for endpoint in cls.site.api("GET", "/endpoints")["items"]:
            cls.site.api("DELETE", f"/endpoints/{endpoint['id']}")
        body = {"name": "slow", "kind": "driver", "url": url, "team": team}
        cls.site.api("POST", "/endpoints", body)

    def sign_in(self, page: Page, name: str) -> None:
        page.goto(f"{self.site.url}/login/")
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{self.site.url}/")

    def test_a_colleague_watches_live_and_is_cut_off_when_it_is_not_shared_any_more(self) -> None:
        alice, bob = self.page, self.new_page()
        self.sign_in(alice, "alice")
        self.sign_in(bob, "bob")
        body = {"prompt": "Count", "variants": [{"endpoint": "slow"}]}
        run = self.site.api("POST", "/runs", body)
        path = f"{self.site.url}/runs/{run['id']}/"
        self.expect_complaint("404")
        self.assertEqual(bob.goto(path).status, 404)

        alice.goto(path)
        expect(alice.locator("#col-a .plain")).to_contain_text("word3 ")
        alice.get_by_label("Share with").select_option(index=1)
        alice.get_by_role("button", name="Share", exact=True).click()
        expect(alice.locator("#sharing .pill .clip")).to_be_visible()

        bob.goto(path)
        expect(bob.locator("#col-a .plain")).to_contain_text("word3 ")  # what came before him
        expect(bob.locator("#col-a .plain")).to_contain_text("word40 ")  # and what comes
        expect(bob.locator("#col-a-stop")).to_be_hidden()
        expect(bob.locator("#col-a-retry")).to_be_disabled()
        expect(bob.locator("#stop")).to_have_count(0)

        alice.get_by_label("Share with").select_option(index=0)
        alice.get_by_role("button", name="Share", exact=True).click()
        expect(bob.locator("#toasts")).to_contain_text("not shared with you any more")
        self.assertEqual(bob.goto(path).status, 404)
        alice.locator("#stop").click()
        expect(alice.locator("#col-a")).to_have_attribute("data-status", "stopped")

    def test_a_fork_keeps_what_was_typed_before_it(self) -> None:
        alice, bob = self.page, self.new_page()
        self.sign_in(bob, "bob")
        bob.get_by_label("User message").fill("Words of my own")
        run = self.site.api(
            "POST", "/runs", {"prompt": "A prompt to fork", "variants": [{"endpoint": "slow"}]}
        )
        self.site.api("POST", f"/runs/{run['id']}/stop")
        team = self.site.api("GET", "/me")["teams"][0]["id"]
        self.site.api("PATCH", f"/runs/{run['id']}", {"team": team, "title": "Shown to all"})
        bob.goto(f"{self.site.url}/runs/{run['id']}/")
        bob.get_by_role("button", name="Fork to draft").click()
        expect(bob.get_by_label("User message")).to_have_value("A prompt to fork")
        expect(bob.locator("#forked")).to_contain_text("Shown to all")
        expect(bob.locator(".col")).to_have_count(1)
        bob.get_by_role("button", name="Bring it back").click()
        expect(bob.get_by_label("User message")).to_have_value("Words of my own")
        self.sign_in(alice, "alice")

    def test_a_link_shows_the_run_without_an_account(self) -> None:
        run = self.site.api(
            "POST", "/runs", {"prompt": "Shown by link", "variants": [{"endpoint": "slow"}]}
        )
        self.site.api("POST", f"/runs/{run['id']}/stop")
        link = self.site.api("POST", f"/runs/{run['id']}/links", {"days": 1})
        page = self.page
        page.goto(link["url"])
        expect(page.get_by_role("heading", level=1)).to_have_text("Shown by link")
        expect(page.locator(".outs .out")).to_have_count(1)
        self.assertNotIn(link["url"].rpartition("#")[2], self.site.log())
        self.site.api("DELETE", f"/links/{link['id']}")
        self.expect_complaint("404")
        page.goto("about:blank")
        page.goto(link["url"])
        expect(page.get_by_role("heading", level=3)).to_have_text("This link shows nothing")
