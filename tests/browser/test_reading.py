"""An answer as plain text or as Markdown; secrets typed in time and too late; signing out."""

import threading

from playwright.sync_api import expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site
from tests.upstream import Exchange, Upstream, event_bytes, events

LIST = "- one\n- two\n\n  still two\n"
CODE = "```\ncode\n\nmore\n```\n"
LONG = f"# Title\n\nSome *words*.\n\n{LIST}\n{CODE}\n你好 😀 **end**\n\nLast *line*"
ANSWER = "# Title\n\nSome *words* and [a link](https://a.test/).\n\n- one\n- two\n"


class ReadingTestCase(BrowserTestCase):
    gates: list[threading.Event]  # what has to be opened for the next part of LONG to come

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.upstream = cls.enterClassContext(Upstream())
        cls.site = cls.enterClassContext(
            Site(PLAYGROUND_DRIVER_ORIGINS=f"{cls.upstream.origin},http://127.0.0.1:7600-7999")
        )
        pieces = [ANSWER[at : at + 5] for at in range(0, len(ANSWER), 5)]
        for name, behaviour in {
            "quick": events([ANSWER]),
            "blocks": cls.send_in_parts,
            "slow": events(pieces, delay_s=0.15),
            "long": events(["word " * 12_000]),
        }.items():
            url = cls.upstream.on(f"/{name}", behaviour)
            cls.site.api("POST", "/endpoints", {"name": name, "kind": "driver", "url": url})

    @classmethod
    def send_in_parts(cls, exchange: Exchange) -> None:
        """Up to its list, which is still open; when that is closed; the rest."""
        exchange.send_head(content_type="text/event-stream", transfer_encoding="chunked")
        first, second = LONG.index(CODE), LONG.index("**end**")
        parts = (LONG[:first].rstrip("\n"), "\n\n" + LONG[first:second], LONG[second:])
        for part, gate in zip(parts, [None, *cls.gates], strict=True):
            if gate is not None and not gate.wait(60):
                return
            for at in range(0, len(part), 3):
                exchange.send_chunk(event_bytes(part[at : at + 3]))
        exchange.send_chunk(event_bytes("[DONE]"))
        exchange.end_chunks()

    def setUp(self) -> None:
        super().setUp()
        type(self).gates = [threading.Event(), threading.Event()]
        for gate in self.gates:
            self.addCleanup(gate.set)
        self.page.goto(f"{self.site.url}/login/")
        self.page.get_by_label("User name").fill("alice")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page).to_have_url(f"{self.site.url}/")

    def column(self, letter: str = "a"):
        return self.page.locator(f"#col-{letter}")

    def choose(self, words: str) -> None:
        self.page.locator("#reading label", has_text=words).click()


class ReadingTests(ReadingTestCase):
    def test_markdown_is_one_click_away_and_back_and_remembered(self) -> None:
        run = self.site.start_run("hi", "quick", "quick")
        self.site.wait_for_run(run["id"])
        self.page.goto(f"{self.site.url}/runs/{run['id']}/")
        expect(self.column().locator(".plain")).to_have_text(ANSWER, use_inner_text=False)
        self.choose("Markdown")
        for letter in "ab":
            expect(self.column(letter).get_by_role("heading", name="Title")).to_be_visible()
            expect(self.column(letter).locator(".plain")).to_be_hidden()
        self.page.reload()
        expect(self.column().locator(".marked li")).to_have_count(2)
        expect(self.column().locator(".marked a")).to_have_attribute("href", "https://a.test/")
        self.choose("Plain")
        expect(self.column().locator(".plain")).to_be_visible()
        expect(self.column().locator(".marked")).to_be_hidden()
        self.page.reload()
        expect(self.column().locator(".plain")).to_be_visible()

    def test_copying_takes_the_text_as_it_came(self) -> None:
        run = self.site.start_run("hi", "quick")
        self.site.wait_for_run(run["id"])
        self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page.goto(f"{self.site.url}/runs/{run['id']}/")
        self.choose("Markdown")
        expect(self.column().get_by_role("heading", name="Title")).to_be_visible()
        self.page.locator("#col-a-copy").click()
        self.assertEqual(self.page.evaluate("navigator.clipboard.readText()"), ANSWER)

    def test_blocks_become_markdown_as_they_close_and_stay(self) -> None:
        run = self.site.start_run("hi", "blocks")
        page, column = self.page, self.column()
        page.goto(f"{self.site.url}/runs/{run['id']}/")
        self.choose("Markdown")
        expect(column.get_by_role("heading", name="Title")).to_be_visible()
        expect(column.locator(".marked em")).to_have_text("words")
        expect(column).to_have_attribute("data-status", "streaming")
        expect(column.locator(".plain")).to_be_hidden()
        # A list stays open over its empty lines, and is there as it came.
        expect(column.locator(".open")).to_contain_text("still two")
        expect(column.locator(".marked li")).to_have_count(0)
        column.locator("h1").evaluate("(title) => { title.isTheSame = true; }")
        self.gates[0].set()
        expect(column.locator(".marked li")).to_have_count(2)

        # Plain and back, and a reload: the same, wherever it is by now.
        self.choose("Plain")
        expect(column.locator(".plain")).to_be_visible()
        expect(column.locator(".marked")).to_be_hidden()
        self.choose("Markdown")
        expect(column.locator(".marked li")).to_have_count(2)
        page.reload()
        expect(column.locator(".marked li")).to_have_count(2)
        expect(column).to_have_attribute("data-status", "streaming")
        column.locator("h1").evaluate("(title) => { title.isTheSame = true; }")

        self.gates[1].set()
        expect(column).to_have_attribute("data-status", "done")
        expect(column.locator(".marked strong")).to_have_text("end")
        expect(column.locator(".marked > :last-child")).to_have_text("Last line")
        expect(column.locator(".open")).to_have_count(0)
        expect(column.locator(".marked code")).to_have_text("code\n\nmore\n", use_inner_text=False)
        expect(column.locator(".plain")).to_have_text(LONG, use_inner_text=False)
        self.assertTrue(column.locator("h1").evaluate("(title) => title.isTheSame === true"))
        before = column.locator(".marked").inner_html()
        page.reload()
        expect(column.locator(".marked li")).to_have_count(2)
        self.assertEqual(column.locator(".marked").inner_html(), before)

    def test_stopped_the_open_end_joins_what_is_there(self) -> None:
        run = self.site.start_run("hi", "blocks")
        self.page.goto(f"{self.site.url}/runs/{run['id']}/")
        self.choose("Markdown")
        expect(self.column().locator(".open")).to_contain_text("- two")
        self.column().get_by_role("button", name="Stop A").click()
        expect(self.column()).to_have_attribute("data-status", "stopped")
        expect(self.column().locator(".marked li")).to_have_count(2)
        expect(self.column().locator(".open")).to_have_count(0)
        expect(self.column().locator(".plain")).to_be_hidden()

    def test_a_retry_starts_from_nothing(self) -> None:
        run = self.site.start_run("hi", "slow")
        self.site.wait_for_run(run["id"])
        self.page.goto(f"{self.site.url}/runs/{run['id']}/")
        self.choose("Markdown")
        expect(self.column().get_by_role("heading", name="Title")).to_be_visible()
        self.column().locator("[data-retry]").click()
        expect(self.column()).to_have_attribute("data-attempt", "2")
        expect(self.column()).to_have_attribute("data-status", "done", timeout=20_000)
        expect(self.column().get_by_role("heading", name="Title")).to_be_visible()

    def test_a_very_long_answer_stays_plain_and_says_why(self) -> None:
        run = self.site.start_run("hi", "long")
        self.site.wait_for_run(run["id"])
        self.page.goto(f"{self.site.url}/runs/{run['id']}/")
        self.choose("Markdown")
        expect(self.column().get_by_text("Markdown is shown for up to 50,000")).to_be_visible()
        expect(self.column().locator(".plain")).to_be_visible()


class SessionPageTests(ReadingTestCase):
    def test_a_form_left_open_asks_for_the_password_before_the_secret_is_sent(self) -> None:
        page = self.page
        page.clock.install()
        page.goto(f"{self.site.url}/workspaces/")
        page.get_by_label("Name").fill("prod")
        page.get_by_label("Host").fill("https://adb-1.2.azuredatabricks.net")
        page.get_by_label("Access token").fill("dapi-typed-early")
        expect(page.get_by_label("Your password")).to_be_hidden()
        page.clock.fast_forward("31:00")
        expect(page.get_by_label("Your password")).to_be_visible()
        expect(page.get_by_label("Access token")).to_have_value("dapi-typed-early")

    def test_signing_out_leaves_nothing_in_the_browser(self) -> None:
        page = self.page
        page.evaluate("localStorage.reading = sessionStorage.mine = 'markdown'")
        page.goto(f"{self.site.url}/account/")
        page.get_by_role("button", name="Sign out", exact=True).click()
        expect(page).to_have_url(f"{self.site.url}/login/")
        kept = page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
        self.assertEqual(kept, ["htmx-current-path-for-history"])  # of the page that is open now
        page.go_back()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    def test_another_tabs_new_password_does_not_cut_this_one_off(self) -> None:
        run = self.site.start_run("hi", "slow", "slow")
        self.page.goto(f"{self.site.url}/runs/{run['id']}/")
        expect(self.column()).to_have_attribute("data-status", "streaming", timeout=10_000)
        other = self.page.context.new_page()
        other.goto(f"{self.site.url}/account/")
        other.get_by_role("button", name="Sign out everywhere else").click()
        expect(other.get_by_text("You are signed out everywhere else")).to_be_visible()
        expect(self.column()).to_have_attribute("data-status", "done", timeout=20_000)
        expect(self.page.locator("#signed-out")).to_be_hidden()
