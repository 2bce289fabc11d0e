"""Writing a transform in the form, trying it, and reading somebody else's before it runs."""

import re

from playwright.sync_api import Page, expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site
from tests.unit.test_sandbox import SEED

WRONG = 'def transform_input(**request):\n    request["prompt"] += "!"\n    return request["nope"]'


class TransformsTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site = cls.enterClassContext(Site(accounts=("alice", "bob")))
        endpoints = cls.site.api("GET", "/endpoints")["items"]
        cls.url = next(each["url"] for each in endpoints if each["name"] == "demo-echo")
        cls.team = cls.site.api("GET", "/me")["teams"][0]["id"]

    def sign_in(self, page: Page, name: str) -> None:
        page.goto(f"{self.site.url}/login/")
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name=re.compile("Sign in")).click()
        expect(page).to_have_url(f"{self.site.url}/")

    def add(self, name: str, **fields) -> str:
        body = {"name": name, "kind": "driver", "url": self.url, "team": self.team} | fields
        return self.site.api("POST", "/endpoints", body, status=201)["id"]

    def test_written_by_keys_tried_mended_and_saved(self):
        page = self.page
        self.sign_in(page, "alice")
        made = self.add("written")
        page.goto(f"{self.site.url}/endpoints/{made}/")
        editor, lines = page.get_by_label("Input function"), page.locator(".editor__lines").first

        # Enter keeps the indent, Tab indents, Shift+Tab takes it back, and undo is the browser's.
        editor.focus()
        page.keyboard.type("def transform_input(**request):")
        page.keyboard.press("Enter")
        page.keyboard.type("x = 1")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type("y")
        page.keyboard.press("Shift+Tab")
        expect(editor).to_have_value("def transform_input(**request):\n    x = 1\n    y")
        expect(lines.locator("span")).to_have_count(3)
        page.keyboard.press("Control+z")
        expect(editor).to_have_value("def transform_input(**request):\n    x = 1\n        y")

        # Esc, then Tab leaves the editor.
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        expect(editor).not_to_be_focused()

        # A mistake is marked at its line, in the editor and beside it; Ctrl+Enter tries.
        editor.fill(WRONG)
        editor.press("Control+Enter")
        expect(page.locator("#tried")).to_contain_text("KeyError: nope")
        expect(page.locator("#transform_input-state")).to_have_text("Line 3")
        expect(lines.locator(".is-wrong")).to_have_text("3\n")

        # Mended, it shows before and after; the mark is gone as soon as the text is another.
        editor.fill(SEED)
        expect(lines.locator(".is-wrong")).to_have_count(0)
        page.get_by_label("Sample message").fill("Is it <b>short</b>?")
        note = page.get_by_text("answers come in one piece")
        expect(note).to_be_hidden()
        page.get_by_label("Output function").fill(SEED)
        expect(note).to_be_visible()
        page.get_by_role("button", name="Apply").click()
        tried = page.locator("#tried")
        expect(tried.locator(".ln-del").first).to_contain_text("Is it <b>short</b>?")
        expect(tried.locator(".ln-add").first).to_contain_text("Be Concise.")
        expect(page.locator("#transform_output-state")).to_have_text("Works")

        # From a call that failed, the editor opens at its line.
        page.goto(f"{self.site.url}/endpoints/{made}/?line=1#id_transform_input")
        expect(lines.locator(".is-wrong")).to_have_count(1)
        expect(editor).to_be_focused()
        editor.fill(SEED)
        page.get_by_label("Output function").fill(SEED)

        # Saved, it runs; its call can be tried on, and the raw view shows both sides.
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page).to_have_url(re.compile("/endpoints/$"))
        run = self.site.start_run("Recorded words", "written")
        [call] = self.site.wait_for_run(run["id"])["calls"]
        self.assertIn("RECORDED WORDS", call["text"])
        page.goto(f"{self.site.url}/endpoints/{made}/")
        page.get_by_label("On", exact=True).select_option(call["id"])
        expect(page.get_by_label("Sample message")).to_be_hidden()
        page.get_by_role("button", name="Apply").click()
        expect(tried.locator("pre").last).to_contain_text("RECORDED WORDS")

    def test_a_refused_save_shows_the_line_and_keeps_what_was_typed(self):
        self.expect_complaint("422")
        page = self.page
        self.sign_in(page, "alice")
        made = self.add("refused")
        page.goto(f"{self.site.url}/endpoints/{made}/")
        wrong = "import json\n\ndef transform_input(**request)\n    return request"
        page.get_by_label("Input function").fill(wrong)
        page.get_by_label("Sample message").fill("kept")
        page.get_by_label("Stop sequences").fill("END")
        page.get_by_role("button", name="Save", exact=True).click()
        editor = page.get_by_label("Input function")
        expect(page.locator("#id_transform_input_error")).to_contain_text("Line 3: Expected")
        expect(editor).to_have_value(wrong)
        expect(editor).to_be_focused()
        expect(page.locator(".editor__lines .is-wrong")).to_have_text("3\n")
        expect(page.get_by_label("Sample message")).to_have_value("kept")
        expect(page.get_by_label("Stop sequences")).to_have_value("END")

    def test_a_dropped_file_is_the_text(self):
        page = self.page
        self.sign_in(page, "alice")
        page.goto(f"{self.site.url}/endpoints/new/")
        editor = page.get_by_label("Output function")
        page.evaluate(
            """text => {
              const files = new DataTransfer();
              files.items.add(new File([text], "transform.py", { type: "text/x-python" }));
              const how = { dataTransfer: files, bubbles: true, cancelable: true };
              const area = document.getElementById("id_transform_output");
              area.dispatchEvent(new DragEvent("drop", how));
            }""",
            SEED.replace("\n", "\r\n"),
        )
        expect(editor).to_have_value(SEED)

    def test_a_preset_fills_the_editor_and_undo_brings_back_what_was_typed(self):
        page = self.page
        self.sign_in(page, "alice")
        made = self.add("preset", task="chat")
        page.goto(f"{self.site.url}/endpoints/{made}/")
        editor = page.get_by_label("Input function")
        presets = page.get_by_role("combobox", name="Input presets")
        editor.fill("def transform_input(**request):\n    return request  # mine")
        presets.select_option(label="Without temperature")
        expect(editor).to_have_value(re.compile("pop.*temperature"))
        expect(presets).to_be_focused()
        editor.focus()
        page.keyboard.press("Control+z")
        expect(editor).to_have_value(re.compile("# mine"))
        expect(presets).to_have_value("")

        # Those of the task: another one brings its own, and what is typed stays.
        page.locator("#task-custom").check(force=True)
        expect(presets.get_by_text("A sentence after the prompt")).to_have_count(1)
        expect(presets.get_by_text("max_tokens as")).to_have_count(0)
        expect(editor).to_have_value(re.compile("# mine"))
        template = page.get_by_role("combobox", name="Template presets")
        template.select_option(label="Mistral")
        expect(page.locator("#id_template")).to_have_value(
            "<s>[INST] {system}\n\n{content} [/INST]"
        )
        expect(page.locator("#template-example")).to_contain_text("[INST] Be brief.")

    def test_a_colleague_reads_it_before_it_runs(self):
        self.expect_complaint("422")
        page = self.page
        made = self.add("concise-echo", transform_input=SEED, transform_output=SEED)
        self.sign_in(page, "bob")
        page.get_by_role("button", name="Add endpoint").click()
        page.locator("#picker").get_by_text("concise-echo").click()
        page.locator("#picker [data-use]").click()
        column = page.locator("section.col", has_text="concise-echo")
        expect(column.get_by_text("Read before the first run")).to_be_visible()
        expect(column).to_contain_text("alice")
        expect(column).to_contain_text("Be Concise.")

        # Run goes to the others; this one waits and says so.
        page.get_by_label("User message").press("Control+Enter")
        for other in ("#col-a", "#col-b"):
            expect(page.locator(other)).to_have_attribute("data-status", "done", timeout=20_000)
        expect(column).to_have_attribute("data-status", "idle")
        expect(page.locator("#toasts")).to_contain_text("did not run: read its functions")
        page.locator("#toasts").get_by_role("button", name="Close message").click()

        column.get_by_role("button", name="I have read it, use it").click()
        expect(column).to_contain_text("Read and confirmed")
        page.get_by_label("User message").press("Control+Enter")
        expect(column).to_have_attribute("data-status", "done", timeout=20_000)
        expect(column).to_contain_text("BE CONCISE.")

        # It changes: the next run of it waits again.
        changed = {"transform_output": SEED.replace("upper", "lower")}
        self.site.api("PATCH", f"/endpoints/{made}", changed)
        column.get_by_role("button", name=re.compile("^Retry")).click()
        expect(page.locator("#toasts")).to_contain_text("have not read them")
        page.goto(f"{self.site.url}/endpoints/{made}/")
        page.get_by_role("button", name="I have read it, use it").click()
        expect(page.get_by_text("Read and confirmed")).to_be_visible()


class NarrowTransformsTests(BrowserTestCase):
    viewport = {"width": 390, "height": 844}

    def test_the_form_fits_a_phone(self):
        with Site() as site:
            page = self.page
            page.goto(f"{site.url}/login/")
            page.get_by_label("User name").fill("alice")
            page.get_by_label("Password", exact=True).fill(PASSWORD)
            page.get_by_role("button", name=re.compile("Sign in")).click()
            expect(page).to_have_url(f"{site.url}/")
            page.goto(f"{site.url}/endpoints/new/")
            page.get_by_label("Input function").fill(SEED.replace("Be Concise.", "Be " * 60))
            page.get_by_role("button", name="Apply").click()
            expect(page.locator("#tried")).to_contain_text("Before")
            width = page.evaluate("document.documentElement.scrollWidth")
            self.assertLessEqual(width, 390)
