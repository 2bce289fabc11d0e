"""Reading answers beside each other: what differs, JSON laid out, every choice, who was best."""

import re

from playwright.sync_api import expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site
from tests.upstream import Upstream, answer, events

OLD = "Hi Søren,\n\nyour parcel leaves on Friday."
NEW = "Dear Søren,\n\nyour parcel leaves today."
ANSWER = '{"b": 1.0, "a": [1, {"n": 12345678901234567890}], "none": []}'
LAID_OUT = (
    '{\n  "b": 1.0,\n  "a": [\n    1,\n    {\n      "n": 12345678901234567890\n    }\n  ],\n'
    '  "none": []\n}'
)
CHOICES = ["*first*", "*second*", '{"third": 3}']
PRICES = {"old": {"per_hour": 360_000}, "slow": {"per_hour": 36_000}}


class DiffTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.upstream = cls.enterClassContext(Upstream())
        cls.site = cls.enterClassContext(
            Site(PLAYGROUND_DRIVER_ORIGINS=f"{cls.upstream.origin},http://127.0.0.1:7600-7999")
        )
        pieces = [NEW[at : at + 3] for at in range(0, len(NEW), 3)]
        for name, behaviour in {
            "old": events([OLD]),
            "new": events([NEW]),
            "slow": events(pieces, delay_s=0.3),
            "json": events([ANSWER]),
        }.items():
            url = cls.upstream.on(f"/{name}", behaviour)
            body = {"name": name, "kind": "driver", "url": url, "prices": PRICES.get(name, {})}
            cls.site.api("POST", "/endpoints", body)
        said = [{"index": n, "message": {"content": text}} for n, text in enumerate(CHOICES)]
        url = cls.upstream.on("/many", answer({"choices": said}))
        body = {"name": "many", "kind": "driver", "url": url, "task": "chat", "stream": False}
        cls.site.api("POST", "/endpoints", body)

    def setUp(self) -> None:
        super().setUp()
        self.page.goto(f"{self.site.url}/login/")
        self.page.get_by_label("User name").fill("alice")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page).to_have_url(f"{self.site.url}/")

    def open_run(self, *names: str, is_over: bool = True) -> None:
        run = self.site.start_run("hi", *names)
        if is_over:
            self.site.wait_for_run(run["id"])
        self.page.goto(f"{self.site.url}/runs/{run['id']}/")

    def column(self, letter: str):
        return self.page.locator(f"#col-{letter}")

    def box(self, letter: str) -> dict:
        return self.column(letter).bounding_box()

    def test_by_key_by_lines_copied_against_an_earlier_run_and_closed(self) -> None:
        page = self.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.open_run("new")
        self.open_run("old", "new")
        before = [self.box(letter) for letter in "ab"]
        page.keyboard.press("2")
        page.keyboard.press("d")
        diff = page.get_by_role("region", name="Differences of column B")
        expect(diff).to_be_focused()
        expect(diff.locator(".prose del").first).to_have_text("Hi")
        expect(diff.locator(".prose ins").first).to_have_text("Dear")
        expect(diff.locator(".diffbar__count")).to_have_text(
            "2 words added, 3 removed", use_inner_text=False
        )
        expect(diff.locator(".prose ins").first).to_have_css(
            "text-decoration-line", re.compile("underline")
        )
        expect(diff.locator(".prose del").first).to_have_css(
            "text-decoration-line", re.compile("line-through")
        )
        self.assertEqual([self.box(letter) for letter in "ab"], before)
        expect(self.column("b").locator(".col__body")).not_to_be_visible()
        expect(self.column("a").locator(".col__body")).to_be_visible()

        diff.get_by_role("button", name="Copy the differences of B").click()
        expect(page.locator("#announce")).to_have_text("Copied")
        copied = page.evaluate("navigator.clipboard.readText()")
        self.assertEqual(
            copied,
            "[-Hi-] {+Dear+} Søren,\n\nyour parcel leaves [-on Friday-] {+today+}.",
        )
        diff.get_by_text("Lines", exact=True).click()
        expect(diff.locator(".difflines ins")).to_have_count(2)
        expect(diff.get_by_label("Lines")).to_be_focused()

        diff.get_by_label("Against").select_option(index=1)
        expect(diff.locator(".diffbar__count")).to_have_text("No difference")
        page.keyboard.press("Escape")
        expect(diff).to_be_hidden()
        expect(self.column("b").locator(".col__body")).to_be_visible()
        button = self.column("b").get_by_role("button", name="Differences of B from another answer")
        expect(button).to_be_focused()
        button.click()
        expect(diff).to_be_visible()
        button.click()
        expect(diff).to_be_hidden()

    def test_while_it_streams_and_again_when_it_has_come(self) -> None:
        self.open_run("new", "slow", is_over=False)
        column = self.column("b")
        expect(column).to_have_attribute("data-status", "streaming")
        expect(self.column("a")).to_have_attribute("data-status", "done")
        column.get_by_role("button", name="Differences of B from another answer").click()
        diff = column.locator(".col__diff")
        expect(diff).to_contain_text("still coming: compared as stored so far")
        expect(diff.locator(".prose del").first).to_be_visible()
        self.page.keyboard.press("Escape")  # closes, and does not stop the run
        expect(diff).to_be_hidden()
        self.page.keyboard.press("d")
        expect(diff).to_be_visible()
        expect(column).to_have_attribute("data-status", "done")
        expect(diff.locator(".diffbar__count")).to_have_text("No difference")

    def test_json_is_laid_out_with_every_digit_and_copied_as_it_came(self) -> None:
        page = self.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.open_run("json", "new")
        page.locator("#reading label", has_text="JSON").click()
        laid = self.column("a").locator(".laid")
        expect(laid).to_have_text(LAID_OUT, use_inner_text=False)
        expect(laid).to_be_visible()
        expect(self.column("a").locator(".plain")).to_be_hidden()
        expect(self.column("b").locator(".plain")).to_be_visible()
        expect(self.column("b").locator(".laid")).to_be_hidden()
        self.column("a").locator(".col__foot [data-copy]").click()
        expect(page.locator("#announce")).to_have_text("Copied")
        self.assertEqual(page.evaluate("navigator.clipboard.readText()"), ANSWER)
        page.reload()
        expect(laid).to_be_visible()
        page.locator("#reading label", has_text="Plain").click()
        expect(self.column("a").locator(".plain")).to_be_visible()

    def test_the_best_is_starred_once_all_have_ended_and_nothing_moves(self) -> None:
        self.open_run("old", "slow", is_over=False)
        metrics = self.column("a").locator(".metrics")
        expect(self.column("a")).to_have_attribute("data-status", "done")
        expect(self.column("b")).to_have_attribute("data-status", "streaming")
        expect(self.page.locator(".is-best")).to_have_count(0)
        before = [slot.bounding_box() for slot in metrics.locator("dt").all()]
        expect(self.column("b")).to_have_attribute("data-status", "done")
        costs = self.page.locator(".metrics [data-metric=cost]")
        expect(self.page.locator(".metrics [data-metric=cost].is-best")).to_have_count(1)
        expect(costs.locator(".vh")).to_have_text(" best", use_inner_text=False)
        expect(costs.first).to_contain_text("≈ $")
        self.assertEqual([slot.bounding_box() for slot in metrics.locator("dt").all()], before)
        self.page.reload()
        expect(self.page.locator(".metrics [data-metric=cost].is-best")).to_have_count(1)

    def test_every_choice_is_read_the_same_way(self) -> None:
        self.open_run("many")
        column = self.column("a")
        self.page.locator("#reading label", has_text="Markdown").click()
        expect(column.locator(".marked em")).to_have_text(["first", "second"])
        expect(column.locator("[data-plain]:visible")).to_have_count(0)
        self.page.locator("#reading label", has_text="JSON").click()
        expect(column.locator(".laid:visible")).to_have_text(['{\n  "third": 3\n}'])
        expect(column.locator("[data-plain]:visible")).to_have_text(CHOICES[:2])
