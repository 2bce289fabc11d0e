"""The prompt panel: messages, examples, variables, images and what one column is asked apart."""

import sys
import unicodedata

from playwright.sync_api import expect

from playground.asking import VARIABLE
from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site

REFUSED = "Failed to load resource: the server responded with a status of 422"
PASTE = """([text, type, name]) => {
  const data = new DataTransfer();
  if (name) data.items.add(new File([text], name, { type }));
  else data.setData(type, text);
  const how = { clipboardData: data, bubbles: true, cancelable: true };
  document.activeElement.dispatchEvent(new ClipboardEvent("paste", how));
}"""


class PromptTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site = cls.enterClassContext(Site())

    def setUp(self) -> None:
        super().setUp()
        page = self.page
        page.goto(f"{self.site.url}/login/")
        page.get_by_label("User name").fill("alice")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{self.site.url}/")
        page.wait_for_load_state()

    def paste(self, text: str, type: str = "text/plain", name: str = "") -> None:
        self.page.evaluate(PASTE, [text, type, name])

    def variable(self, name: str):
        return self.page.locator(f'[name="variable-{name}"]')

    def save(self) -> None:
        with self.page.expect_response("**/draft/") as answered:
            self.page.evaluate("window.dispatchEvent(new Event('online'))")
        self.assertEqual(answered.value.status, 200)
        expect(self.page.locator("#draft-state")).to_contain_text("Draft saved")

    def test_examples_variables_and_a_column_of_its_own(self) -> None:
        self.expect_complaint("422")
        page = self.page

        # Names become fields while they are typed; one pasted object fills them all.
        page.get_by_label("System message").fill("Be {{tone}}.")
        page.get_by_label("User message").fill("Say {{word}} and {{ word }}, not {{nothing}}.")
        empties = page.locator("[data-empties]")
        expect(empties).to_have_text("3 empty")
        expect(page.locator(".editor__hl mark.is-empty")).to_have_count(4)
        self.variable("word").focus()
        self.paste('{"tone": "kind", "word": ["a"], "other": 1}')
        expect(self.variable("word")).to_have_value('["a"]')
        expect(page.locator(".toast")).to_contain_text("Filled 2 variables. 1 more name is not in")
        self.variable("word").fill("你好")
        expect(empties).to_have_text("1 empty")
        expect(page.locator(".editor__hl mark:not(.is-empty)")).to_have_count(3)

        # A name that goes away keeps its value for when it comes back.
        page.get_by_label("System message").fill("Be")
        expect(self.variable("tone")).to_be_hidden()
        page.get_by_label("System message").fill("Be {{tone}}.")
        expect(self.variable("tone")).to_have_value("kind")

        # An example, and a message that is moved, taken out and brought back.
        page.get_by_role("button", name="Example pair").click()
        expect(page.get_by_label("User of example 1")).to_be_focused()
        page.keyboard.type("Say hi.")
        page.get_by_role("button", name="Run", exact=False).first.click()
        refusal = page.locator("#prompt-errors")
        expect(refusal).to_contain_text("Example 1 has no answer")
        page.get_by_label("Assistant of example 1").fill("hi")
        expect(refusal).to_be_empty()
        page.get_by_role("button", name="Message", exact=True).click()
        page.get_by_label("Assistant message").fill("Well,")
        up = page.get_by_role("button", name="Move message 3 up")
        up.focus()
        page.keyboard.press("Enter")
        expect(page.locator("[name=message-2]")).to_have_value("Well,")
        expect(page.get_by_role("button", name="Move message 2 up")).to_be_focused()
        page.get_by_role("button", name="Remove message 2").click()
        expect(page.locator("#messages .msg")).to_have_count(2)
        page.locator(".toast").get_by_role("button", name="Undo").last.click()
        expect(page.locator("[name=message-2]")).to_have_value("Well,")
        page.get_by_role("button", name="Move message 2 down").click()
        expect(page.locator("[name=message-3]")).to_have_value("Well,")

        # All of it is there again after a reload.
        self.save()
        page.reload()
        expect(page.locator("[name=message-3]")).to_have_value("Well,")
        expect(self.variable("word")).to_have_value("你好")
        expect(page.locator("#examples-fold")).to_contain_text("1 pair")
        page.locator("#examples-fold summary").click()
        expect(page.get_by_label("Assistant of example 1")).to_have_value("hi")
        page.get_by_role("button", name="Remove message 3").click()

        # One more column for the same endpoint, with a temperature of its own.
        page.get_by_role("button", name="More for column A").click()
        page.get_by_role("button", name="Duplicate with other parameters").click()
        temperature = page.locator("#own-temperature")
        expect(temperature).to_be_focused()
        temperature.fill("hot")
        page.get_by_role("button", name="Add column").click()
        expect(page.locator("#own-temperature-error")).to_contain_text("a number from 0 to 2")
        temperature.fill("0.2")
        page.get_by_role("button", name="Add column").click()
        expect(page.locator("#own")).to_be_hidden()
        expect(page.locator("#col-c .col__sub")).to_contain_text("temperature 0.2")

        # Run sends it rendered, in order, to each column with its own parameters.
        page.get_by_role("button", name="Run", exact=False).first.click()
        for letter in "abc":
            status = page.locator(f"#col-{letter}")
            expect(status).to_have_attribute("data-status", "done", timeout=30_000)
        answer = page.locator("#col-a .plain")
        expect(answer).to_contain_text("Be kind.")
        expect(answer).to_contain_text("Say 你好 and 你好, not .")
        page.locator("#col-c [data-raw]").click()
        request = page.locator("#raw-requests-text, #raw").first
        expect(request).to_contain_text("0.2")
        expect(page.locator("#raw")).to_contain_text("Say hi.")
        self.assertEqual([each for each in self.complaints if REFUSED not in each], [])

    def test_what_is_broken_is_said_where_it_is_typed(self) -> None:
        self.expect_complaint("422")
        page = self.page
        page.locator("#tools-fold summary").click()
        tools = page.get_by_label("Tools")
        tools.fill('[\n  {"type": "function", "function": {}}\n]')
        error = page.locator("#tools-error")
        expect(error).to_have_text(
            'Tools: Line 2, column 3: this tool has no name. Give its "function" a "name".'
        )
        page.get_by_role("button", name="Run", exact=False).first.click()
        expect(page.locator("#prompt-errors")).to_contain_text("Tools: Line 2, column 3")
        expect(tools).to_be_focused()
        tools.fill("")
        expect(error).to_be_empty()

        # An image: only where a column takes it, and only if it is one.
        page.get_by_label("User message").focus()
        self.paste("no image", "image/png", "photo.png")
        said = page.locator("#messages .msg:has([name=message-2]) [data-image-error]")
        expect(said).to_contain_text("No column here takes images")
        page.evaluate("document.querySelector('#col-a').dataset.task = 'chat'")
        self.paste("no image", "image/png", "photo.png")
        expect(said).to_contain_text("“photo.png” is no image that models take")
        gif = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
        self.paste(gif)
        shown = page.locator(".tag--image")
        expect(shown).to_contain_text("pasted · GIF · 1 KB · 1 × 1")
        size = "image => image.decode().then(() => image.naturalWidth)"
        self.assertEqual(shown.locator("img").evaluate(size), 1)
        self.save()
        page.reload()
        expect(shown).to_contain_text("pasted · GIF")
        shown.get_by_role("button").click()
        expect(shown).to_have_count(0)
        self.save()
        self.assertEqual([each for each in self.complaints if REFUSED not in each], [])

    def test_the_page_finds_the_variables_that_the_server_finds(self) -> None:
        letters = [chr(code) for code in range(sys.maxunicode + 1)]
        known = [each for each in letters if unicodedata.category(each) not in ("Cn", "Cs")]
        text = "".join(f"{{{{{each}x}}}}" for each in known if each not in "{}\r")
        found = self.page.evaluate(
            """text => {
              const area = document.createElement("textarea"); // never laid out
              area.value = text;
              return editors.read(area).names.join("|");
            }""",
            text,
        )
        self.assertTrue(found == "|".join(VARIABLE.findall(text)), "They differ.")
