"""What is too long, and what waits: said where a person looks for it."""

from playwright.sync_api import expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site
from tests.upstream import Upstream, answer, hang_before_headers

TOO_LONG = {"error": {"message": "No.", "code": "context_length_exceeded"}}


class LimitTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.upstream = cls.enterClassContext(Upstream())
        origins = f"{cls.upstream.origin},http://127.0.0.1:7600-7999"
        cls.site = cls.enterClassContext(
            Site(PLAYGROUND_DRIVER_ORIGINS=origins, PLAYGROUND_CALLS_PER_USER="1")
        )
        for each in cls.site.api("GET", "/endpoints")["items"]:
            cls.site.api("DELETE", f"/endpoints/{each['id']}")
        for name, behaviour, most in (
            ("small", answer(TOO_LONG, 400), 100),
            ("hangs", hang_before_headers, None),
            ("busy", answer({"message": "No."}, 429, retry_after="4"), None),
        ):
            url = cls.upstream.on(f"/{name}", behaviour)
            body = {"name": name, "kind": "driver", "url": url, "max_input_tokens": most}
            cls.site.api("POST", "/endpoints", body)

    def setUp(self) -> None:
        super().setUp()
        self.page.goto(f"{self.site.url}/login/")
        self.page.get_by_label("User name").fill("alice")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page).to_have_url(f"{self.site.url}/")
        self.page.wait_for_load_state()

    def add(self, name: str) -> None:
        self.page.keyboard.press("e")
        self.page.get_by_label(f"{name}, direct URL", exact=False).check()
        self.page.get_by_role("button", name="Use 1 endpoint").click()
        expect(self.page.locator("#picker")).to_be_hidden()

    def test_more_than_an_endpoint_takes_is_said_before_and_after(self) -> None:
        page = self.page
        self.add("small")
        page.get_by_label("System message").fill("word " * 120)  # about 150 tokens
        over = page.locator("#over")
        page.get_by_label("User message").fill("Hi there")
        expect(over).to_have_text("About 52 tokens over what A · small takes (100)")
        page.get_by_label("System message").fill("word " * 60)
        expect(over).to_be_hidden()
        page.get_by_label("System message").fill("word " * 120)
        expect(over).to_be_visible()

        # It is an estimate, so it stops nobody; the endpoint's own word leads to the message.
        page.locator("#run").click()
        column = page.locator("#col-a")
        expect(column).to_have_attribute("data-status", "failed")
        expect(column).to_contain_text("The prompt is too long for the endpoint")
        column.get_by_role("button", name="Show the longest message").click()
        expect(page.get_by_label("System message")).to_be_focused()

    def test_after_a_429_the_wait_is_counted_down(self) -> None:
        run = self.site.start_run("hi", "busy")
        self.page.goto(f"{self.site.url}/runs/{run['id']}/")
        column = self.page.locator("#col-a")
        expect(column).to_contain_text("You can ask again in")
        expect(column).to_contain_text("You can ask again now.")

    def test_a_place_in_line_counts_down_and_says_what_it_waits_for(self) -> None:
        page = self.page
        run = self.site.start_run("hi", *[{"endpoint": "hangs"}] * 3)
        page.goto(f"{self.site.url}/runs/{run['id']}/")
        b, c = (page.locator(f"#col-{letter}") for letter in "bc")
        own = "in your own line. You have 1 call running"
        expect(b.locator("[data-line]")).to_contain_text(f"Place 1 {own}")
        expect(c.locator("[data-line]")).to_contain_text(f"Place 2 {own}")
        top = c.locator("[data-line]").bounding_box()
        page.get_by_role("button", name="Stop A").click()
        expect(b).to_have_attribute("data-status", "waiting")
        expect(b.locator("[data-line]")).to_have_count(0)
        expect(c.locator("[data-line]")).to_contain_text(f"Place 1 {own}")
        self.assertEqual(c.locator("[data-line]").bounding_box(), top)
        page.keyboard.press("Escape")
        for letter in "abc":
            column = page.locator(f"#col-{letter}")
            expect(column).to_have_attribute("data-status", "stopped")


class TakingTests(BrowserTestCase):
    def test_what_run_will_take_is_said_before_it(self) -> None:
        with Site() as site:
            for each in site.api("GET", "/endpoints")["items"]:
                prices = {"prices": {"input": 2, "output": 5}}
                site.api("PATCH", f"/endpoints/{each['id']}", prices)
            page = self.page
            page.goto(f"{site.url}/login/")
            page.get_by_label("User name").fill("alice")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_label("System message").fill("")
            page.get_by_label("User message").fill("x" * 4000)
            estimate = page.locator(".estimate")
            expect(estimate).to_contain_text("2 calls, ≈ 1,000 tokens each")
            expect(estimate).to_contain_text("from about $0.0040")
            page.get_by_label("Max tokens, exact").fill("2000")
            expect(estimate).to_contain_text("up to about $0.024")
            page.goto("about:blank")
