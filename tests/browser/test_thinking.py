"""A model that thinks before it answers: its reasoning is seen while it streams, then folded."""

import threading

from playwright.sync_api import Locator, expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site
from tests.upstream import DONE, Exchange, Upstream, chat_chunk, event_bytes

STEPS = [f"step{number} " for number in range(60)]
WORDS = [f"word{number} " for number in range(40)]


class Thinker:
    """A model that thinks half-way, goes on and says half its answer, and ends, each when told."""

    def __init__(self) -> None:
        self.go_on, self.end = threading.Event(), threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        exchange.send_head(content_type="text/event-stream", transfer_encoding="chunked")
        self.say(exchange, *map(thought, STEPS[:30]))
        self.wait_for(self.go_on, exchange)
        self.say(exchange, *map(thought, STEPS[30:]), *map(chat_chunk, WORDS[:20]))
        self.wait_for(self.end, exchange)
        self.say(exchange, *map(chat_chunk, WORDS[20:]), chat_chunk(None, "stop"), DONE)
        exchange.end_chunks()

    def say(self, exchange: Exchange, *payloads) -> None:
        for payload in payloads:
            exchange.send_chunk(event_bytes(payload))
            exchange.wait(0.02)

    def wait_for(self, told: threading.Event, exchange: Exchange) -> None:
        while not told.is_set():
            exchange.wait(0.02)


def thought(text: str) -> dict:
    chunk = chat_chunk()
    chunk["choices"][0]["delta"]["reasoning_content"] = text
    return chunk


class ThinkingTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.upstream = upstream = cls.enterClassContext(Upstream())
        cls.site = cls.enterClassContext(Site(PLAYGROUND_WORKSPACE_ORIGINS=upstream.origin))
        api = cls.site.api
        workspace = api("POST", "/workspaces", {"name": "prod", "host": upstream.origin})["id"]
        credential = {"kind": "token", "token": "dapi-0123456789"}
        api("PUT", f"/workspaces/{workspace}/credential", credential)
        endpoint = {"name": "thinker", "kind": "serving", "task": "chat"}
        endpoint |= {"serving_endpoint": "chat", "workspace": workspace}
        api("POST", "/endpoints", endpoint, status=201)

    def setUp(self) -> None:
        super().setUp()
        self.page.goto(f"{self.site.url}/login/")
        self.page.get_by_label("User name").fill("alice")
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_label("Password", exact=True).press("Enter")
        expect(self.page).to_have_url(f"{self.site.url}/")
        self.model = Thinker()
        self.upstream.serve("chat", self.model)
        run = self.site.start_run("Think.", "thinker")
        self.page.goto(f"{self.site.url}/runs/{run['id']}/")
        self.column = self.page.locator("#col-a")

    @property
    def thought(self) -> Locator:
        return self.column.locator(".col__thought .verbatim")

    def expect_done(self) -> None:
        self.model.go_on.set()
        self.model.end.set()
        expect(self.column).to_have_attribute("data-status", "done")
        self.assertEqual(self.thought.text_content(), "".join(STEPS))
        self.assertEqual(self.column.locator(".plain").text_content(), "".join(WORDS))
        count = self.column.locator(".col__thought [data-count]")
        self.assertEqual(count.text_content(), str(len("".join(STEPS))))

    def test_reasoning_grows_in_sight_and_is_folded_when_the_answer_begins(self):
        expect(self.thought).to_contain_text("step29 ")
        expect(self.thought).to_be_visible()
        expect(self.column).to_contain_text("The model is thinking")
        self.model.go_on.set()
        expect(self.column.locator(".plain")).to_contain_text("word19 ")
        expect(self.column).to_have_attribute("data-status", "streaming")
        expect(self.thought).to_be_hidden()
        self.expect_done()
        expect(self.thought).to_be_hidden()

    def test_a_reload_amid_it_goes_on_without_gap_or_repeat(self):
        expect(self.thought).to_contain_text("step9 ")
        self.page.reload()
        expect(self.thought).to_be_visible()
        self.expect_done()

    def test_what_was_opened_by_hand_stays_open(self):
        self.model.go_on.set()
        expect(self.column.locator(".plain")).to_contain_text("word0 ")
        self.column.get_by_text("Reasoning").click()
        expect(self.thought).to_be_visible()
        self.expect_done()
        expect(self.thought).to_be_visible()

    def test_a_stop_amid_it_leaves_it_to_be_read(self):
        expect(self.thought).to_contain_text("step29 ")
        self.column.get_by_role("button", name="Stop A").click()
        expect(self.column).to_have_attribute("data-status", "stopped")
        expect(self.thought).to_be_visible()
        expect(self.thought).to_contain_text("step29 ")
