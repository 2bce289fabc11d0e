"""What somebody does from beginning to end: compare, retry what failed; in the dark; on a phone."""

import threading
from contextlib import suppress

from playwright.sync_api import Locator, expect

from tests.browser.base import BrowserTestCase
from tests.site import Site
from tests.upstream import Exchange, Upstream, events

# Resolves once a scrolled part has stood still for a moment.
AT_REST = """(board) => new Promise((done) => {
  let [at, since] = [board.scrollLeft, performance.now()];
  const look = () => {
    if (board.scrollLeft !== at) [at, since] = [board.scrollLeft, performance.now()];
    if (performance.now() - since > 400) done();
    else requestAnimationFrame(look);
  };
  look();
})"""


class Flaky:
    """An app that is out of order until it is told otherwise."""

    def __init__(self) -> None:
        self.is_mended = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        if self.is_mended.is_set():
            events(["Here ", "it ", "is."])(exchange)
        else:
            exchange.send_error(500, "INTERNAL_ERROR", "The model ran out of memory")


class JourneyTestCase(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.upstream = cls.enterClassContext(Upstream())
        cls.site = cls.enterClassContext(Site(PLAYGROUND_DRIVER_ORIGINS=cls.upstream.origin))
        for endpoint in cls.site.api("GET", "/endpoints")["items"]:
            cls.site.api("DELETE", f"/endpoints/{endpoint['id']}")
        cls.flaky = Flaky()
        for name, behaviour in {
            "first": events(["The ", "first."], delay_s=0.02),
            "second": events([f"word{number} " for number in range(400)], delay_s=0.01),
            "third": cls.flaky,
        }.items():
            url = cls.upstream.on(f"/{name}", behaviour)
            cls.site.api("POST", "/endpoints", {"name": name, "kind": "driver", "url": url})

    def setUp(self) -> None:
        super().setUp()
        self.flaky.is_mended.clear()
        self.sign_in(self.site)

    def column(self, letter: str) -> Locator:
        return self.page.locator(f"section.col#col-{letter}")

    def expect_status(self, **statuses: str) -> None:
        for letter, status in statuses.items():
            expect(self.column(letter)).to_have_attribute("data-status", status, timeout=30_000)

    def asked(self, name: str) -> int:
        return sum(each.path == f"/{name}" for each in self.upstream.requests)

    def choose_all(self) -> None:
        if self.page.locator("section.col").count() == 3:
            return
        self.page.locator("[data-open=picker]:visible").first.click()
        picker = self.page.locator("#picker")
        for box in picker.locator("[name=endpoint]").all():
            box.check()
        picker.get_by_role("button", name="Use 3 endpoints").click()
        expect(picker).to_be_hidden()
        expect(self.page.locator("section.col")).to_have_count(3)


class RetryTests(JourneyTestCase):
    def test_compare_three_and_retry_the_one_that_failed(self) -> None:
        page = self.page
        self.choose_all()
        page.get_by_label("User message").fill("Compare")
        page.get_by_label("User message").press("Control+Enter")
        self.expect_status(a="done", b="done", c="failed")
        failed = self.column("c")
        expect(failed.locator(".col__note [role=alert], .col__note .callout")).to_be_visible()
        expect(failed).to_contain_text("The model ran out of memory")
        calls = {letter: self.column(letter).get_attribute("data-call") for letter in "abc"}
        before = {name: self.asked(name) for name in ("first", "second", "third")}

        self.flaky.is_mended.set()
        failed.get_by_role("button", name="Retry C").click()
        self.expect_status(c="done")
        expect(failed.locator(".plain")).to_have_text("Here it is.")
        expect(failed.locator(".callout")).to_have_count(0)
        expect(failed).to_contain_text("attempt 2")
        # The others were neither asked nor touched.
        after = {name: self.asked(name) - many for name, many in before.items()}
        self.assertEqual(after, {"first": 0, "second": 0, "third": 1})
        for letter in "ab":
            expect(self.column(letter)).to_have_attribute("data-call", calls[letter])
        self.assertNotEqual(failed.get_attribute("data-call"), calls["c"])
        page.reload()
        self.expect_status(a="done", b="done", c="done")


class DarkTests(JourneyTestCase):
    opened_with = {"color_scheme": "light"}

    def lightness(self, place: str) -> float:
        """Of what is painted behind it, from 0 to 255."""
        colour = self.page.locator(place).first.evaluate(
            "one => getComputedStyle(one).backgroundColor"
        )
        return sum(map(float, colour.removeprefix("rgb(").removesuffix(")").split(", "))) / 3

    def test_chosen_once_it_is_dark_everywhere_and_at_once(self) -> None:
        page = self.page
        self.assertGreater(self.lightness("body"), 200)
        with page.expect_response("**/account/theme/"):
            page.get_by_role("button", name="Theme").click()
        self.choose_all()
        page.get_by_label("User message").press("Control+Enter")
        self.expect_status(a="done")
        for place in ("body", ".stage", ".col", ".msg", ".follow__box"):
            self.assertLess(self.lightness(place), 60, place)
        page.keyboard.press("Tab")
        page.keyboard.press("e")
        expect(page.locator("#picker")).to_be_visible()
        self.assertLess(self.lightness("#picker"), 60)
        page.keyboard.press("Escape")
        for path in ("/", "/endpoints/", "/endpoints/new/", "/account/", "/nothing/"):
            answer = page.goto(self.site.url + path)
            self.assertIn('data-theme="dark"', answer.text())  # before any script: no flash
            self.assertLess(self.lightness("body"), 60, path)
        self.expect_complaint("404")
        with page.expect_response("**/account/theme/"):
            page.get_by_role("button", name="Theme").click()  # for the other tests


class PhoneTests(JourneyTestCase):
    viewport = {"width": 390, "height": 844}
    opened_with = {"has_touch": True, "is_mobile": True}

    def swipe(self, start: int, end: int) -> None:
        """A finger across an answer, from here to there."""
        box = self.page.locator("#board").bounding_box()
        devtools = self.page.context.new_cdp_session(self.page)

        def touch(kind: str, *at: int) -> None:
            points = [{"x": x, "y": box["y"] + box["height"] / 2} for x in at]
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", start)
        for x in range(start, end, 20 if end > start else -20):
            touch("touchMove", x)
        touch("touchEnd")

    def expect_in_view(self, letter: str) -> None:
        expect(self.column(letter)).to_be_in_viewport(ratio=0.95)
        others = {"a", "b", "c"} - {letter}
        for other in others:
            expect(self.column(other)).not_to_be_in_viewport(ratio=0.3)

    def swipe_to(self, letter: str, start: int, end: int) -> None:
        """Once more where the page did not take it, as a person would."""
        for _ in range(3):
            self.swipe(start, end)
            with suppress(AssertionError):
                expect(self.column(letter)).to_be_in_viewport(ratio=0.95, timeout=4000)
                break
        self.expect_in_view(letter)
        self.page.locator("#board").evaluate(AT_REST)  # a tap would only end its sliding

    def test_write_run_swipe_follow_up_and_stop(self) -> None:
        page = self.page
        page.locator("label:has(#pane-outputs)").tap()
        self.choose_all()
        page.locator("label:has(#pane-prompt)").tap()
        message = page.get_by_label("User message")
        message.tap()
        message.fill("From a phone")
        page.locator("#run").tap()
        # Run leads to the outputs: one column a screen.
        expect(self.column("a")).to_be_visible()
        expect(message).to_be_hidden()
        self.expect_in_view("a")
        self.swipe_to("b", 330, 30)
        page.locator("#strip a[href='#col-c']").tap()
        self.expect_in_view("c")
        self.swipe_to("b", 60, 360)
        page.locator("#stop").tap()
        self.expect_status(a="done", b="stopped", c="failed")
        self.assertEqual(page.evaluate("document.scrollingElement.scrollWidth - innerWidth"), 0)

        self.flaky.is_mended.set()
        page.locator("#strip a[href='#col-c']").tap()
        self.column("c").get_by_role("button", name="Retry C").tap()
        self.expect_status(c="done")
        follow = page.get_by_label("Follow-up message")
        follow.tap()
        follow.fill("Why?")
        expect(page.locator("#follow-to")).to_be_visible()
        for letter in "ab":
            page.locator(f"#follow-to label:has([data-column=col-{letter}])").tap()
        page.get_by_role("button", name="Send follow-up").tap()
        expect(self.column("c").locator(".turn--user")).to_contain_text("Why?")
        self.expect_status(c="done")
        page.locator("label:has(#pane-prompt)").tap()
        expect(message).to_have_value("From a phone")
