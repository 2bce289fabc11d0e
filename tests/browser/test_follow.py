"""A conversation beside another one: follow up in one column, then in both, by keys alone."""

import re

from playwright.sync_api import Locator, expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site
from tests.upstream import Upstream, chat_model


class FollowTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.upstream = cls.enterClassContext(Upstream(tokens={"dapi-0123456789": "alice"}))
        cls.upstream.models |= {"one": chat_model, "two": chat_model}
        origin = cls.upstream.origin
        cls.site = cls.enterClassContext(Site(PLAYGROUND_WORKSPACE_ORIGINS=origin))
        api = cls.site.api
        workspace = api("POST", "/workspaces", {"name": "w", "host": origin})["id"]
        credential = {"kind": "token", "token": "dapi-0123456789"}
        api("PUT", f"/workspaces/{workspace}/credential", credential)
        common = {"kind": "serving", "workspace": workspace, "task": "chat"}
        for endpoint in api("GET", "/endpoints")["items"]:
            api("DELETE", f"/endpoints/{endpoint['id']}")
        for name in ("one", "two"):
            api("POST", "/endpoints", {"name": name, "serving_endpoint": name} | common)

    def column(self, letter: str) -> Locator:
        return self.page.locator(f"#col-{letter}")

    def expect_answers(self, letter: str, *texts: str) -> None:
        """Every turn that the column shows, in order: what was asked later, and the answers."""
        shown = self.column(letter).locator(".turn .prose:visible")
        expect(shown).to_have_text([re.compile(f"^{re.escape(text)}$") for text in texts])

    def messages(self, model: str) -> list[str]:
        path = f"/serving-endpoints/{model}/invocations"
        sent = [each.json for each in self.upstream.requests if each.path == path]
        return [message["content"] for message in sent[-1]["messages"]]

    def test_each_column_keeps_its_own_thread(self) -> None:
        page, site = self.page, self.site
        page.goto(f"{site.url}/login/")
        page.get_by_label("User name").fill("alice")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{site.url}/")
        page.wait_for_load_state()
        page.keyboard.press("e")
        for name in ("one", "two"):
            page.locator("#picker").get_by_label(name).check()
        page.get_by_role("button", name="Use 2 endpoints").click()
        expect(page.locator("#picker")).to_be_hidden()
        page.get_by_label("System message").fill("")
        page.get_by_label("User message").fill("Hi")
        page.get_by_label("User message").press("Control+Enter")
        for letter in "ab":
            self.expect_answers(letter, "Good. You wrote: Hi")

        # Untick A, and ask B alone; what was typed and not sent outlives a reload.
        page.get_by_label("Send to column A").uncheck(force=True)
        page.locator("#col-b-body").focus()
        page.keyboard.press("f")
        page.keyboard.type("Why?")
        page.reload()
        expect(page.get_by_label("Follow-up message")).to_have_value("Why?")
        page.get_by_label("Send to column A").uncheck(force=True)
        page.get_by_label("Follow-up message").press("Control+Enter")
        self.expect_answers("b", "Good. You wrote: Hi", "Why?", "Good. You wrote: Why?")
        self.expect_answers("a", "Good. You wrote: Hi")
        self.assertEqual(self.messages("two"), ["Hi", "Good. You wrote: Hi", "Why?"])
        expect(page.get_by_label("Follow-up message")).to_have_value("")

        # A refusal keeps what was typed.
        self.expect_complaint("422")
        page.get_by_label("Temperature, exact").fill("9")
        page.get_by_label("Follow-up message").fill("And?")
        page.get_by_role("button", name="Send follow-up").click()
        expect(page.locator("#follow-errors")).to_contain_text("Temperature is a number")
        expect(page.get_by_label("Follow-up message")).to_have_value("And?")
        page.get_by_label("Temperature, exact").fill("")

        # Then both: each goes on from where it is.
        page.get_by_label("Send to column A").check(force=True)
        page.get_by_role("button", name="Send follow-up").click()
        self.expect_answers("a", "Good. You wrote: Hi", "And?", "Good. You wrote: And?")
        expect(self.column("b").locator(".turn--user")).to_have_count(2)
        self.assertEqual(self.messages("one"), ["Hi", "Good. You wrote: Hi", "And?"])
        page.reload()
        self.expect_answers("a", "Good. You wrote: Hi", "And?", "Good. You wrote: And?")
