"""Every page and state is what axe-core, the HTML standard and our own rules of markup ask for."""

import re
from collections import Counter

import html5lib
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Response, expect

from tests.browser.base import BrowserTestCase
from tests.canary import canary
from tests.pictures import furnish
from tests.site import PASSWORD, Site
from tests.upstream import chat_model
from tests.workspace import Workspace, plant_seeds

TOKEN = canary("dapi-")
PHONE = {"width": 390, "height": 844}
# Every rule but the two that are off until asked for; the dark theme changes colours alone.
ALL = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}
# Colours follow some frames after the theme, those of inner elements one after the other.
PAINTED = """async () => {
  for (let quiet = 0; quiet < 3;) {
    await new Promise(requestAnimationFrame);
    const isMoving = document.getAnimations().some((each) => each.playState === "running");
    quiet = isMoving ? 0 : quiet + 1;
  }
}"""
# The page behind an open dialog was looked at before.
FIND = """async (options) => {
  const found = await axe.run(document.querySelector("dialog[open]") || document, options);
  const words = (node) => [...node.any, ...node.all, ...node.none].map((each) => each.message);
  return found.violations.flatMap((rule) => rule.nodes.map((node) =>
    `${rule.id}: ${node.target.join(" ")} ${node.html.slice(0, 160)} ${words(node).join(" / ")}`));
}"""
UNCHECKED = "document.querySelectorAll('form').forEach((form) => { form.noValidate = true; })"
# What is named once, what names something that is not there, and how many main headings.
MARKUP = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  const found = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `id ${id} twice`);
  const NAMES = ["for", "form", "list", "popovertarget", "aria-controls", "aria-labelledby",
    "aria-describedby", "aria-errormessage", "aria-owns", "aria-activedescendant"];
  for (const name of NAMES)
    for (const each of document.querySelectorAll(`[${name}]`))
      for (const id of each.getAttribute(name).split(/\\s+/))
        if (!document.getElementById(id)) found.push(`${name}="${id}" names nothing`);
  for (const each of document.querySelectorAll("use"))
    if (!document.querySelector(each.getAttribute("href")))
      found.push(`no icon ${each.getAttribute("href")}`);
  const headings = document.querySelectorAll("h1").length;
  return headings === 1 ? found : [...found, `${headings} h1`];
}"""


class EveryPageTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.there = cls.enterClassContext(Workspace(tokens={TOKEN: "alice"}))
        plant_seeds(cls.there)
        cls.there.models["writer"] = chat_model
        cls.site = cls.enterClassContext(Site(PLAYGROUND_WORKSPACE_ORIGINS=cls.there.origin))
        cls.paths = furnish(cls.site, cls.there, TOKEN)

    def setUp(self) -> None:
        super().setUp()
        self.answers: list[Response] = []
        self.page.on("response", self.note_answer)

    def note_answer(self, answer: Response) -> None:
        if answer.request.is_navigation_request():
            self.answers.clear()  # those of the page before can no longer be read
        is_html = answer.headers.get("content-type", "").startswith("text/html")
        if is_html and answer.status != 204 and "location" not in answer.headers:
            self.answers.append(answer)

    def look(self, state: str) -> None:
        """At the page as it is, and at every answer that led here."""
        page = self.page
        page.wait_for_load_state()
        expect(page.locator(".htmx-request, .htmx-settling")).to_have_count(0)
        with self.subTest(state, of="HTML"):
            self.assertEqual([words for each in self.answers for words in errors_in(each)], [])
        self.answers.clear()
        with self.subTest(state, of="markup"):
            self.assertEqual(page.evaluate(MARKUP), [])
        if not page.evaluate("window.axe !== undefined"):
            page.evaluate(AXE_SCRIPT)
        for theme, options in {"light": ALL, "dark": COLOURS}.items():
            page.emulate_media(color_scheme=theme)
            page.evaluate(PAINTED)
            with self.subTest(state, of=theme):
                self.assertEqual(page.evaluate(FIND, options), [])
        page.emulate_media(color_scheme="light")

    def open(self, path: str) -> None:
        self.page.goto(self.site.url + path)

    def sign_in(self) -> None:
        self.open("/login/")
        self.page.get_by_label("User name").fill("alice")
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page).to_have_url(f"{self.site.url}/")

    def test_before_anybody_is_signed_in(self) -> None:
        self.open("/login/")
        self.look("sign in")
        self.expect_complaint("422")
        self.page.get_by_label("User name").fill("alice")
        self.page.get_by_label("Password", exact=True).fill("wrong")
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("alert")).to_be_visible()
        self.look("sign in, refused")
        with Site(accounts=()) as fresh:
            self.page.goto(f"{fresh.url}/setup/")
            self.look("set-up, without its code")
            self.page.goto(re.search(r"http://\S+/setup/\?code=\S+", fresh.log())[0])
            self.look("set-up")
            self.page.goto("about:blank")

    def test_pages(self) -> None:
        self.sign_in()
        for name, path in self.paths.items():
            self.open(path)
            self.look(name)
        self.expect_complaint("404")
        self.open(self.paths["endpoints"])
        self.page.get_by_role("button", name="Delete dolly by hand").click()
        undo = self.page.get_by_role("button", name="Undo")
        expect(undo).to_be_visible()
        self.look("endpoint deleted")
        undo.click()
        expect(self.page.get_by_text("Restored dolly by hand.")).to_be_visible()
        self.look("endpoint restored")

    def test_pages_with_mistakes(self) -> None:
        self.sign_in()
        self.expect_complaint("422")
        for name, button in {
            "endpoint-new": "Save and check",
            "serving-endpoint-new": "Create serving endpoint",
            "workspaces": "Check and save",
            "team": "Make invitation link",
            "account": "Change password",
        }.items():
            self.open(self.paths[name])
            self.page.evaluate(
                "document.querySelectorAll('form').forEach((f) => f.noValidate = true)"
            )
            self.page.get_by_role("button", name=button).click()
            expect(self.page.locator("[aria-invalid=true]").first).to_be_visible()
            self.look(f"{name}, refused")

    def test_an_invitation_from_its_making_to_its_refusal(self) -> None:
        page = self.page
        self.sign_in()
        self.open("/team/")
        page.get_by_label("E-mail").fill("new@example.org")
        page.get_by_role("button", name="Make invitation link").click()
        link = page.get_by_label("Invitation link").input_value()
        self.look("invitation made")
        self.open("/team/")
        page.get_by_role("button", name="Leave").click()
        page.get_by_text("Make a new team").click()
        page.get_by_text("What may each role do?").click()
        self.look("team, all unfolded")
        self.expect_complaint("422")
        self.open("/team/audit/?since=never")
        self.look("audit log, refused")
        page.goto(link)
        expect(page.get_by_role("heading", level=2)).to_contain_text("Join")
        self.look("invitation, signed in")
        self.expect_complaint("403")  # it is for another address than hers
        page.get_by_role("button", name="Join the team").click()
        expect(page.get_by_role("alert")).to_be_visible()
        self.look("invitation, refused")
        page.context.clear_cookies()
        page.goto("about:blank")
        page.goto(link)
        expect(page.get_by_label("User name")).to_be_visible()
        self.look("invitation, signed out")

    def test_playground(self) -> None:
        page = self.page
        self.sign_in()
        self.look("idle")
        page.locator("#n-a").get_by_role("button").click()
        expect(page.locator("#name-a")).to_be_visible()
        self.look("a whole name")
        page.keyboard.press("Escape")
        page.get_by_label("User message").press("Control+Enter")
        for letter in "ab":
            expect(page.locator(f"#col-{letter}")).to_have_attribute("data-status", "done")
        self.look("done")
        page.locator("#reading").get_by_text("Markdown").click()
        expect(page.locator("#col-a .marked")).to_be_visible()
        self.look("Markdown")
        page.get_by_label("Follow-up message").fill("Why?")
        page.get_by_role("button", name="Send follow-up").click()
        expect(page.locator(".turn--user").nth(1)).to_be_visible()
        for letter in "ab":
            expect(page.locator(f"#col-{letter}")).to_have_attribute("data-status", "done")
        self.look("follow-up thread")
        page.get_by_role("button", name="Differences of A").click()
        expect(page.locator("#col-a-diff")).to_contain_text("Words")
        self.look("differences")
        page.keyboard.press("Escape")
        for key, dialog in {"j": "raw", "e": "picker", "?": "keys"}.items():
            page.locator("#col-a-body").focus()
            page.keyboard.press(key)
            expect(page.locator(f"dialog#{dialog}")).to_be_visible()
            self.look(dialog)
            for tab in page.locator(f"dialog#{dialog} [role=tab]").all()[1:]:
                tab.click()
                self.look(f"{dialog}: {tab.inner_text()}")
            page.keyboard.press("Escape")
            expect(page.locator(f"dialog#{dialog}")).to_be_hidden()
        page.get_by_role("button", name="Save prompt").click()
        expect(page.locator("dialog#save-prompt")).to_be_visible()
        self.look("save prompt")
        page.keyboard.press("Escape")
        page.set_viewport_size(PHONE)
        for pane in ("Prompt", "Outputs"):
            page.locator(".tabs, .panes").get_by_text(pane).first.click()
            self.look(f"phone, {pane}")

    def test_this_test_would_notice(self) -> None:
        self.open("/login/")
        self.page.evaluate(
            "document.querySelector('main').insertAdjacentHTML('beforeend', "
            "'<h1 id=main><img src=\"data:,\"><label for=nothing>x</label></h1>')"
        )
        self.page.evaluate(AXE_SCRIPT)
        self.assertIn("image-alt", str(self.page.evaluate(FIND, ALL)))
        found = Counter(self.page.evaluate(MARKUP))
        self.assertEqual(set(found), {"id main twice", 'for="nothing" names nothing', "2 h1"})
        self.assertTrue(errors_of("<!doctype html><title>x</title><p id=a id=b></div>"))


def errors_in(answer: Response) -> list[str]:
    return [f"{answer.url} {words}" for words in errors_of(answer.text())]


def errors_of(text: str) -> list[str]:
    """What a strict parser would stop at, in a page or in a part of one."""
    parser = html5lib.HTMLParser()
    if text.lstrip().lower().startswith("<!doctype"):
        parser.parse(text)
    else:
        parser.parseFragment(text, container="div")
    lines = text.splitlines()
    return [
        f"{code} {about} at {line}:{column} {lines[line - 1][max(0, column - 60) : column + 10]}"
        for (line, column), code, about in parser.errors
    ]
