"""Prompts in a browser: save, change, see the changes, save again, point an alias, use one."""

import re

from playwright.sync_api import expect

from tests.browser.base import BrowserTestCase
from tests.site import Site


class PromptsTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site = cls.enterClassContext(Site())

    def setUp(self) -> None:
        super().setUp()
        for each in self.site.api("GET", "/prompts")["items"]:
            self.site.api("DELETE", f"/prompts/{each['id']}")
        self.sign_in(self.site)

    def open_dialog(self):
        self.page.get_by_role("button", name="Save prompt").click()
        dialog = self.page.locator("#save-prompt")
        expect(dialog).to_be_visible()
        return dialog

    def save(self, **fields) -> None:
        dialog = self.open_dialog()
        for label, text in fields.items():
            dialog.get_by_label(label.replace("_", " ")).fill(text)
        dialog.get_by_role("button", name="Save", exact=True).click()
        expect(dialog).to_be_hidden()

    def test_from_the_first_save_to_the_use_of_an_old_version(self) -> None:
        page = self.page
        text = page.get_by_label("User message")
        text.fill("Answer {{mail}} kindly")
        self.save(Name="Support reply", What_is_new="The first one")
        expect(page.locator("#toasts")).to_contain_text("Saved “Support reply” as version 1.")
        expect(page.locator("#prompt-state")).to_contain_text("v1")
        changes = page.locator("#prompt-changes")
        expect(changes).to_be_hidden()

        text.fill("Answer {{mail}} briefly")
        page.get_by_label("Temperature, exact").fill("0.2")
        expect(changes).to_have_text("+ 2 changes")
        changes.click()
        difference = page.locator("#difference")
        expect(difference.locator(".prose ins").first).to_have_text("briefly")
        expect(difference.locator(".prose del").first).to_have_text("kindly")

        page.goto(f"{self.site.url}/")
        self.save(What_is_new="Shorter")
        expect(page.locator("#prompt-state")).to_contain_text("v2")
        expect(changes).to_be_hidden()
        page.get_by_role("link", name="Support reply").click()
        expect(page.locator(".versions__item")).to_have_count(2)

        page.get_by_label("Alias", exact=True).fill("production")
        page.get_by_label("Version of the alias").fill("1")
        page.get_by_role("button", name="Point").click()
        expect(page.locator("#alias-production")).to_contain_text("v1")
        page.locator("#version-1").get_by_role("link", name="v1").click()
        page.get_by_role("button", name="Use v1").click()
        expect(page.get_by_label("User message")).to_have_value("Answer {{mail}} kindly")
        expect(page.locator("#prompt-state")).to_contain_text("v1")
        page.get_by_role("button", name="Bring it back").click()
        expect(page.get_by_label("User message")).to_have_value("Answer {{mail}} briefly")
        expect(page.locator("#prompt-state")).to_contain_text("v2")

    def test_a_choice_is_typed_in_and_what_another_tab_saved_is_not_overwritten(self) -> None:
        page = self.page
        page.get_by_label("User message").fill("Answer as {{tone}}")
        dialog = self.open_dialog()
        dialog.get_by_label("Name").fill("Tones")
        dialog.get_by_label("Type of tone").select_option("choice")
        dialog.get_by_label("Choices of tone").fill("a friend\na lawyer")
        dialog.get_by_label("Default of tone").fill("a pirate")
        self.expect_complaint("422")
        dialog.get_by_role("button", name="Save", exact=True).click()
        expect(dialog.get_by_role("alert")).to_contain_text("is one of: a friend, a lawyer")
        dialog.get_by_label("Default of tone").fill("a friend")
        dialog.get_by_role("button", name="Save", exact=True).click()
        expect(dialog).to_be_hidden()

        prompt = self.site.api("GET", "/prompts")["items"][0]
        body = {"messages": [{"role": "user", "content": "Of another tab"}]}
        self.site.api("POST", f"/prompts/{prompt['id']}/versions", body, status=201)
        page.get_by_label("User message").fill("Of mine")
        dialog = self.open_dialog()
        dialog.get_by_role("button", name="Save", exact=True).click()
        expect(dialog.get_by_role("alert")).to_contain_text("saved version 2 meanwhile")
        expect(dialog.locator(".prose del", has_text="mine")).to_be_visible()
        dialog.get_by_role("button", name="Save as the next version").click()
        expect(dialog).to_be_hidden()
        expect(page.locator("#prompt-state")).to_contain_text("v3")

    def test_a_file_is_chosen_and_a_row_deleted_and_brought_back(self) -> None:
        page = self.page
        made = {"name": "Greeting", "messages": [{"role": "user", "content": "Hello"}]}
        made = self.site.api("POST", "/prompts", made, status=201)
        with page.expect_download() as download:
            page.goto(f"{self.site.url}/prompts/{made['id']}/")
            page.get_by_role("link", name="Export JSON").click()
        page.goto(f"{self.site.url}/prompts/")
        page.locator("#import-file").set_input_files(download.value.path())
        expect(page.get_by_label("Or its text")).to_have_value(re.compile("prompt-playground"))
        page.get_by_label("Name else the one").fill("Copy")
        page.get_by_role("button", name="Import").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Copy")
        page.get_by_role("link", name="Prompts", exact=True).click()
        rows = page.locator("#list tbody th[scope=row] a")
        expect(rows).to_have_text(["Copy", "Greeting"])
        page.get_by_role("button", name="Delete Copy").click()
        expect(rows).to_have_text(["Greeting"])
        page.get_by_role("button", name="Undo").click()
        expect(rows).to_have_text(["Copy", "Greeting"])
