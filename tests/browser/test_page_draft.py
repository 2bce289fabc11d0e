"""What is typed is never lost: slow saves, two tabs, a lost session, big pastes, mistakes."""

import json

from playwright.sync_api import Route, expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site, wait_for

MEGABYTE = "The quick brown fox jumps over the lazy dog.\n" * 23_302


class PageDraftTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site = cls.enterClassContext(Site())

    def setUp(self) -> None:
        super().setUp()
        self.page.goto(f"{self.site.url}/login/")
        self.sign_in()
        self.message = self.page.get_by_label("User message")

    def sign_in(self) -> None:
        self.page.get_by_label("User name").fill("alice")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page).to_have_url(f"{self.site.url}/")
        self.page.wait_for_load_state()  # what is typed before the scripts run is not heard

    def save(self) -> None:
        with self.page.expect_response("**/draft/") as answered:
            self.page.evaluate("window.dispatchEvent(new Event('online'))")  # save what is unsaved
        self.assertIn(answered.value.status, (200, 409))

    def wait_for_kept(self, many: int) -> None:
        """Until the browser's own storage holds this many drafts."""
        kept = "() => Object.keys(localStorage).filter((key) => key.startsWith('draft:')).length"
        wait_for(lambda: self.page.evaluate(kept) == many, 10, lambda: f"not {many} kept")

    def test_saves_go_one_after_the_other(self):
        held: list[Route] = []

        def hold_the_first(route: Route) -> None:
            route.continue_() if held else held.append(route)

        self.page.route("**/draft/", hold_the_first)
        self.message.fill("first")
        self.page.evaluate("window.dispatchEvent(new Event('online'))")
        self.wait_for_kept(1)
        self.message.fill("second")
        self.page.evaluate("window.dispatchEvent(new Event('online'))")
        self.assertEqual(len(held), 1)
        with self.page.expect_response("**/draft/"):
            held[0].continue_()
        with self.page.expect_response("**/draft/"):
            pass
        expect(self.page.locator("#draft-state")).to_contain_text("Draft saved")
        self.wait_for_kept(0)
        self.page.reload()
        expect(self.message).to_have_value("second")
        expect(self.page.locator("#restored")).to_be_hidden()

    def test_a_cleared_message_stays_cleared(self):
        self.page.get_by_label("System message").fill("")
        self.save()
        self.page.reload()
        expect(self.page.get_by_label("System message")).to_have_value("")

    def test_blanks_and_line_breaks_are_stop_sequences(self):
        typing = self.page.get_by_label("Stop sequences")
        for stop in (" ", r"\n", "\t"):
            typing.fill(stop)
            typing.press("Enter")
        drawn = ["␣", r"\n", r"\t"]
        expect(self.page.locator("[data-chips] code")).to_have_text(drawn)
        expect(typing).not_to_have_attribute("aria-invalid", "true")
        self.save()
        self.page.reload()
        expect(self.page.locator("[data-chips] code")).to_have_text(drawn)
        stored = self.page.locator("[data-chips] [type=hidden]")
        values = stored.evaluate_all("inputs => inputs.map((input) => input.value)")
        self.assertEqual(values, [" ", r"\n", "\t"])
        for drawn_one in drawn:  # the draft is shared with the other tests
            self.page.get_by_role("button", name=f"Remove stop sequence {drawn_one}").click()
        self.save()

    def test_a_second_tab_overwrites_nothing(self):
        self.expect_complaint("409")
        other = self.page.context.new_page()
        other.goto(self.site.url)
        other.get_by_label("User message").fill("of the other tab")
        with other.expect_response("**/draft/"):
            other.evaluate("window.dispatchEvent(new Event('online'))")
        self.message.fill("of this tab")
        self.save()
        banner = self.page.locator("#restored")
        expect(banner).to_contain_text("Another tab saved this draft at")
        expect(self.message).to_have_value("of this tab")
        banner.get_by_role("button", name="Use that one").click()
        expect(self.message).to_have_value("of the other tab")
        expect(banner).to_be_hidden()
        self.message.fill("mine after all")
        self.save()
        expect(banner).to_be_hidden()
        other.get_by_label("User message").fill("and mine")
        with other.expect_response("**/draft/"):
            other.evaluate("window.dispatchEvent(new Event('online'))")
        other.locator("#restored").get_by_role("button", name="Keep mine").click()
        with other.expect_response("**/draft/") as answered:
            other.evaluate("window.dispatchEvent(new Event('online'))")
        self.assertEqual(answered.value.status, 200)

    def test_two_drafts_are_compared_before_one_is_chosen(self):
        self.expect_complaint("409")
        self.message.fill("Write it in three sentences.")
        self.page.get_by_label("Temperature, exact").fill("")
        self.save()
        other = self.page.context.new_page()
        other.goto(self.site.url)
        other.get_by_label("User message").fill("Write it in two sentences.")
        other.get_by_label("Temperature, exact").fill("0.5")
        with other.expect_response("**/draft/"):
            other.evaluate("window.dispatchEvent(new Event('online'))")
        self.message.fill("Write it in four sentences.")
        self.save()
        banner, dialog = self.page.locator("#restored"), self.page.locator("#draft-compare")
        banner.get_by_role("button", name="Compare").click()
        expect(dialog).to_be_visible()
        expect(dialog.locator("[data-body] del")).to_have_text(["four"])
        expect(dialog.locator("[data-body] ins")).to_have_text(["two", "0.5"])
        self.page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(banner).to_be_visible()
        banner.get_by_role("button", name="Compare").click()
        dialog.get_by_role("button", name="Take the other").click()
        expect(dialog).to_be_hidden()
        expect(banner).to_be_hidden()
        expect(self.message).to_have_value("Write it in two sentences.")
        self.page.get_by_label("Temperature, exact").fill("")
        self.save()
        other.get_by_label("User message").fill("Mine.")
        with other.expect_response("**/draft/"):
            other.evaluate("window.dispatchEvent(new Event('online'))")
        other.locator("#restored").get_by_role("button", name="Compare").click()
        other.locator("#draft-compare").get_by_role("button", name="Keep mine").click()
        expect(other.locator("#draft-compare")).to_be_hidden()
        expect(other.get_by_label("User message")).to_have_value("Mine.")
        expect(other.locator("#restored")).to_be_hidden()

    def test_signed_out_a_run_loses_nothing(self):
        self.expect_complaint("403")
        self.message.fill("typed before and after")
        self.page.context.clear_cookies()
        self.page.locator("#run").click()
        # Now or later: here on the page, or by the link that the banner keeps.
        again, banner = self.page.locator("#sign-in-again"), self.page.locator("#signed-out")
        again.get_by_role("button", name="Not now").click()
        expect(banner).to_be_visible()
        expect(self.message).to_have_value("typed before and after")
        banner.get_by_role("link", name="Sign in").click()
        self.sign_in()
        expect(self.message).to_have_value("typed before and after")

    def test_signed_in_again_over_the_page_the_run_goes_on_once(self):
        self.expect_complaint("403")  # the run, of a session that is over
        self.expect_complaint("422")  # the wrong password
        self.message.fill("goes on")
        before = len(self.site.api("GET", "/runs")["items"])
        self.site.manage(
            "shell",
            "-c",
            "from django.contrib.sessions.models import *; Session.objects.all().delete()",
        )
        self.page.locator("#run").click()
        again = self.page.locator("#sign-in-again")
        again.get_by_label("Password").fill("wrong")
        again.get_by_role("button", name="Sign in").click()
        expect(again.locator("#again-error")).to_contain_text("Check for a typo")
        again.get_by_label("Password").fill(PASSWORD)
        again.get_by_label("Password").press("Enter")
        expect(again).to_be_hidden()
        for column in "ab":
            expect(self.page.locator(f"#col-{column}")).to_have_attribute("data-status", "done")
        expect(self.page.locator("#col-a .plain")).to_contain_text("goes on")
        expect(self.page.locator("#signed-out")).to_be_hidden()
        self.assertEqual(len(self.site.api("GET", "/runs")["items"]), before + 1)
        # And the page works on: its next request carries the new session's token.
        self.message.fill("and on")
        with self.page.expect_response("**/draft/") as saved:
            pass
        self.assertEqual(saved.value.status, 200)

    def test_a_megabyte_is_pasted_without_freezing_the_page(self):
        self.message.fill("")
        self.message.focus()
        self.page.evaluate(PASTE, MEGABYTE)
        expect(self.page.locator("#size-error")).to_have_text(
            "The prompt is 1,024 KB long; at most 512 KB can be sent. Shorten it by 513 KB."
        )
        self.page.locator("#run").click()
        expect(self.page.locator("#prompt-errors")).to_contain_text("1,024 KB long; at most 512 KB")
        self.page.wait_for_timeout(2500)  # the draft's saves are over
        # Frozen is seconds; how fast exactly depends on what else the machine does.
        self.assertLess(min(self.page.evaluate(KEY_PRESS_MS) for _ in range(5)), 1000)
        self.message.fill("short")
        expect(self.page.locator("#prompt-errors")).to_be_empty()
        self.save()  # the next page would open with a megabyte
        expect(self.page.locator("#size-error")).to_be_empty()

    def test_every_mistake_is_marked_and_goes_when_it_is_mended(self):
        self.expect_complaint("422")
        self.page.get_by_label("Temperature, exact").fill("3")
        self.page.get_by_label("Top p, exact").fill("many")
        self.page.get_by_label("User message").press("Control+Enter")
        callout = self.page.locator("#prompt-errors")
        expect(callout.locator("[data-field]")).to_have_count(2)
        temperature = self.page.get_by_label("Temperature, exact")
        expect(temperature).to_be_focused()
        expect(temperature).to_have_attribute("aria-invalid", "true")
        expect(self.page.locator("#top_p-error")).to_contain_text("from 0 to 1")
        temperature.fill("1")
        expect(temperature).not_to_have_attribute("aria-invalid", "true")
        self.page.get_by_label("Top p, exact").fill("")
        expect(callout).to_be_empty()
        self.save()

    def test_a_run_that_goes_on_says_so(self):
        self.page.get_by_label("Top p, exact").fill("0.5")  # the demo takes it
        self.message.fill(" ".join(["word"] * 1500))
        self.message.press("Control+Enter")
        streaming = self.page.locator(".col[data-status=streaming]")
        expect(streaming.first).to_be_visible(timeout=20_000)
        self.page.wait_for_timeout(800)  # longer than a double click
        self.message.press("Control+Enter")
        expect(self.page.locator(".toast")).to_contain_text("Still running. Stop it first (Esc).")
        self.page.get_by_role("button", name="Stop", exact=False).first.click()

    def test_parts_of_a_long_message_are_joined(self):
        sockets = []
        self.page.route_web_socket("**/ws/runs/**", lambda socket: sockets.append(socket))
        self.message.fill("How are you?")
        self.message.press("Control+Enter")
        wait_for(lambda: self.page.evaluate("1") and sockets, 10, lambda: "no socket was opened")
        text = self.page.locator("#col-a .plain")
        call_id = text.get_attribute("id").removeprefix("call-").removesuffix("-text")
        delta = json.dumps({"type": "delta", "id": call_id, "text": "你好, whole"})
        for part, is_last in ((delta[:9], False), (delta[9:40], False), (delta[40:], True)):
            sockets[0].send(json.dumps({"type": "part", "text": part, "last": is_last}))
        expect(text).to_have_text("你好, whole")


PASTE = """text => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  const how = { clipboardData: data, bubbles: true, cancelable: true };
  document.activeElement.dispatchEvent(new ClipboardEvent("paste", how));
}"""

# From the key to the frame that shows it.
KEY_PRESS_MS = """async () => {
  const area = document.querySelector("[name=message-2]");
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
  const start = performance.now();
  document.execCommand("insertText", false, "x");
  area.getBoundingClientRect();
  area.scrollHeight;
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - start;
}"""
