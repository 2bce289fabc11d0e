"""Votes: by click and by key, at once, kept over a reload, taken back where they were not kept."""

import re

from playwright.sync_api import Locator, Route, expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site, wait_for
from tests.upstream import Upstream, events


class VoteTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.upstream = cls.enterClassContext(Upstream())
        cls.site = cls.enterClassContext(
            Site(PLAYGROUND_DRIVER_ORIGINS=f"{cls.upstream.origin},http://127.0.0.1:7600-7999")
        )
        for name, behaviour in {
            "quick": events(["An answer."]),
            "other": events(["Another one."]),
            "slow": events(["word "] * 300, delay_s=0.1),
        }.items():
            body = {"name": name, "kind": "driver", "task": "chat"}
            cls.site.api(
                "POST", "/endpoints", body | {"url": cls.upstream.on(f"/{name}", behaviour)}
            )

    def setUp(self) -> None:
        super().setUp()
        self.sign_in()

    def sign_in(self) -> None:
        self.page.goto(f"{self.site.url}/login/")
        self.page.get_by_label("User name").fill("alice")
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page).to_have_url(f"{self.site.url}/")
        self.page.wait_for_load_state()

    def open_run(self, *names: str, is_over: bool = True) -> dict:
        run = self.site.start_run("hi", *names)
        if is_over:
            run = self.site.wait_for_run(run["id"])
        self.page.goto(f"{self.site.url}/runs/{run['id']}/")
        return run

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def expect_pressed(self, *names: str) -> None:
        """These of the columns A and B, and no others."""
        for letter in "AB":
            for word in ("good answer", "bad answer", "best of this run"):
                name = f"{letter}: {word}"
                is_pressed = str(name in names).lower()
                expect(self.button(name)).to_have_attribute("aria-pressed", is_pressed)
        for letter in "AB":
            pill = self.page.locator(f"#col-{letter.lower()} .col__best")
            is_best = f"{letter}: best of this run" in names
            expect(pill).to_be_visible() if is_best else expect(pill).to_be_hidden()

    def expect_stored(self, run: dict, *votes: dict | None) -> None:
        """What the server has in the end of each call, in their order."""

        def stored() -> list:
            calls = self.site.api("GET", f"/runs/{run['id']}")["calls"]
            return [call["vote"] for call in calls]

        wait_for(lambda: stored() == list(votes), 15, lambda: str(stored()))

    def test_by_click_and_by_key_the_best_moves_and_all_survives_a_reload(self) -> None:
        run = self.open_run("quick", "other")
        self.expect_pressed()
        before = self.boxes()
        self.button("A: good answer").click()
        self.expect_pressed("A: good answer")
        self.button("A: bad answer").click()
        self.expect_pressed("A: bad answer")
        self.page.locator("#col-a-body").focus()
        self.page.keyboard.press("b")
        self.expect_pressed("A: bad answer", "A: best of this run")
        expect(self.page.locator("#announce")).to_have_text("A is the best of this run.")
        self.assertEqual(self.boxes(), before)
        self.page.keyboard.press("2")
        self.page.keyboard.press("b")
        self.expect_pressed("A: bad answer", "B: best of this run")
        voted = ({"value": -1, "best": False}, {"value": 0, "best": True})
        self.expect_stored(run, *voted)
        self.page.reload()
        self.expect_pressed("A: bad answer", "B: best of this run")
        self.page.keyboard.press("2")
        self.page.keyboard.press("b")
        self.expect_pressed("A: bad answer")
        expect(self.page.locator("#announce")).to_have_text("B is not the best any more.")
        self.button("A: bad answer").click()
        self.expect_pressed()
        self.expect_stored(run, None, None)

    def boxes(self) -> list:
        """Where everything of the two columns stands."""
        selector = ".col__head, .status, .col__time, .col__foot > *"
        places = "all => all.map(each => JSON.stringify(each.getBoundingClientRect()))"
        return self.page.locator(selector).evaluate_all(places)

    def test_an_answer_that_still_comes_has_no_vote_yet_and_a_retry_starts_anew(self) -> None:
        self.open_run("slow", is_over=False)
        expect(self.page.locator("#col-a")).to_have_attribute("data-status", "streaming")
        for word in ("good answer", "bad answer", "best of this run"):
            expect(self.button(f"A: {word}")).to_be_disabled()
        self.page.locator("#col-a-body").focus()
        self.page.keyboard.press("b")
        self.button("Stop A").click()
        expect(self.page.locator("#col-a")).to_have_attribute("data-status", "stopped")
        expect(self.button("A: best of this run")).to_have_attribute("aria-pressed", "false")
        self.button("A: good answer").click()
        self.page.keyboard.press("b")
        expect(self.button("A: best of this run")).to_have_attribute("aria-pressed", "true")
        self.button("Retry A").click()
        expect(self.page.locator("#col-a")).to_have_attribute("data-attempt", "2")
        expect(self.button("A: good answer")).to_have_attribute("aria-pressed", "false")
        expect(self.page.locator("#col-a .col__best")).to_be_hidden()
        self.button("Stop A").click()
        expect(self.button("A: good answer")).to_be_enabled()
        self.button("A: best of this run").click()
        run = self.page.url.rstrip("/").rsplit("/", 1)[1]
        kept = ({"value": 1, "best": False}, {"value": 0, "best": True})
        self.expect_stored({"id": run}, *kept)  # the earlier attempt's thumb stays

    def test_what_comes_by_the_socket_knows_the_votes(self) -> None:
        run = self.open_run("quick", "slow", is_over=False)
        expect(self.page.locator("#col-a")).to_have_attribute("data-status", "done")
        self.button("A: good answer").click()
        self.button("A: best of this run").click()
        self.expect_stored(run, {"value": 1, "best": True}, None)
        self.page.reload()
        # The line told every column anew, whole, before any of this text.
        before = len(self.page.locator("#col-b .plain").inner_text())
        more = re.compile(f"^.{{{before + 10},}}", re.DOTALL)
        expect(self.page.locator("#col-b .plain")).to_have_text(more, use_inner_text=True)
        self.expect_pressed("A: good answer", "A: best of this run")
        expect(self.page.locator("#col-a")).to_have_attribute("data-voted", "up best")

    def test_on_the_playground_each_turn_has_its_own_best(self) -> None:
        page = self.page
        page.get_by_label("User message").press("Control+Enter")
        for letter in "ab":
            expect(page.locator(f"#col-{letter}")).to_have_attribute("data-status", "done")
        page.locator("#col-a-body").focus()
        page.keyboard.press("b")
        self.expect_pressed("A: best of this run")
        page.get_by_label("Follow-up message").fill("And?")
        page.locator("#follow-to label", has_text="A").click()
        page.get_by_label("Follow-up message").press("Control+Enter")
        expect(page.locator("#col-b .turn--user")).to_be_visible()
        expect(page.locator("#col-b")).to_have_attribute("data-status", "done")
        self.expect_pressed("A: best of this run")
        self.button("B: best of this run").click()
        self.expect_pressed("A: best of this run", "B: best of this run")
        self.button("B: good answer").click()
        page.wait_for_load_state("networkidle")
        page.reload()
        self.expect_pressed("A: best of this run", "B: best of this run", "B: good answer")

    def test_what_the_server_did_not_take_goes_back_with_a_toast(self) -> None:
        run = self.open_run("quick", "other")
        self.button("A: best of this run").click()
        self.button("B: good answer").click()
        self.expect_stored(run, {"value": 0, "best": True}, {"value": 1, "best": False})
        held: list[Route] = []
        self.page.route("**/vote/", lambda route: held.append(route), times=1)
        self.button("B: best of this run").click()
        self.expect_pressed("B: best of this run", "B: good answer")  # at once
        self.button("B: bad answer").click()
        self.expect_pressed("B: best of this run", "B: bad answer")
        delete = f"from playground.models import Run; Run.objects.get(pk='{run['id']}').delete()"
        self.site.manage("shell", "-c", delete)
        self.expect_complaint("404")
        held[0].continue_()
        toast = self.page.locator(".toast--danger")
        expect(toast).to_contain_text("Your vote was not kept")
        self.expect_pressed("A: best of this run", "B: good answer")

    def test_signed_out_it_goes_back_or_on_once_one_is_signed_in_again(self) -> None:
        run = self.open_run("quick", "other")
        self.expect_complaint("403")
        self.page.context.clear_cookies()
        again = self.page.locator("#sign-in-again")
        self.button("A: good answer").click()
        again.get_by_role("button", name="Not now").click()
        self.expect_pressed()
        expect(self.page.locator("#signed-out")).to_be_visible()
        self.button("B: bad answer").click()
        again.get_by_label("Password").fill(PASSWORD)
        again.get_by_label("Password").press("Enter")
        expect(again).to_be_hidden()
        self.expect_pressed("B: bad answer")
        self.expect_stored(run, None, {"value": -1, "best": False})
