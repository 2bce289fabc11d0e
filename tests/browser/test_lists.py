"""Lists in a browser: sorted and filtered in place, rows and columns deleted and taken back."""

import re

from playwright.sync_api import Locator, expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site

NAMES = ("alpha", "beta", "gamma-with-a-name-so-long-that-no-column-shows-all-of-it-v14-eu-west-1")
URL = "http://127.0.0.1:7777/"


class ListTestCase(BrowserTestCase):
    """Alice's endpoints and workspaces, and nothing else of hers."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.site = cls.enterClassContext(Site())

    def setUp(self) -> None:
        super().setUp()
        for each in self.site.api("GET", "/endpoints")["items"]:
            self.site.api("DELETE", f"/endpoints/{each['id']}")
        for name in NAMES:
            task = "custom" if name == "beta" else "chat"
            body = {"name": name, "kind": "driver", "task": task, "url": URL}
            self.site.api("POST", "/endpoints", body, status=201)
        for each in self.site.api("GET", "/workspaces")["items"]:
            self.site.api("DELETE", f"/workspaces/{each['id']}")
        for name in ("dev", "prod"):
            host = f"https://{name}-1.cloud.databricks.com"
            self.site.api("POST", "/workspaces", {"name": name, "host": host}, status=201)
        self.page.goto(f"{self.site.url}/login/?next=/endpoints/")
        self.page.get_by_label("User name").fill("alice")
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page).to_have_url(f"{self.site.url}/endpoints/")

    def rows(self) -> Locator:
        return self.page.locator("#list tbody th[scope=row] a")

    def toast(self, words: str) -> Locator:
        return self.page.locator("#toasts .toast").filter(has_text=words)


class ListTests(ListTestCase):
    def test_sorted_by_header_and_back_again(self) -> None:
        expect(self.rows()).to_have_text([*NAMES])
        header = self.page.get_by_role("link", name="Endpoint", exact=True)
        header.focus()
        self.page.keyboard.press("Enter")
        expect(self.rows()).to_have_text([*reversed(NAMES)])
        expect(self.page).to_have_url(f"{self.site.url}/endpoints/?sort=-name")
        expect(header).to_be_focused()
        column = self.page.get_by_role("columnheader", name="Endpoint")
        expect(column).to_have_attribute("aria-sort", "descending")
        self.page.get_by_role("link", name="Task", exact=True).click()
        expect(self.rows().last).to_have_text("beta")
        self.page.go_back()
        expect(self.rows()).to_have_text([*reversed(NAMES)])

    def test_filtered_while_the_focus_stays_in_the_field(self) -> None:
        field = self.page.get_by_label("Search endpoints").and_(self.page.get_by_role("searchbox"))
        self.page.keyboard.press("/")
        expect(field).to_be_focused()
        self.page.keyboard.type("alp")
        expect(self.rows()).to_have_text(["alpha"])
        expect(self.page.locator("#list-t")).to_have_text("1 of 3 endpoints")
        expect(self.page.locator("#announce")).to_have_text("1 of 3 endpoints")
        expect(self.page).to_have_url(f"{self.site.url}/endpoints/?q=alp")
        expect(field).to_be_focused()
        self.page.keyboard.type("zz")
        self.page.get_by_text("Nothing here fits the filter.").wait_for()
        expect(field).to_have_value("alpzz")
        self.page.get_by_role("link", name="Clear filter").click()
        expect(self.rows()).to_have_text([*NAMES])
        expect(field).to_have_value("")
        self.page.get_by_label("Task", exact=True).select_option("custom")
        expect(self.rows()).to_have_text(["beta"])
        expect(self.page).to_have_url(re.compile("task=custom"))
        self.page.reload()
        expect(self.rows()).to_have_text(["beta"])
        expect(self.page.get_by_label("Task", exact=True)).to_have_value("custom")

    def test_a_filter_keeps_the_order_and_an_order_the_filter(self) -> None:
        self.page.get_by_label("Task", exact=True).select_option("chat")
        expect(self.rows()).to_have_count(2)
        self.page.get_by_role("link", name="Endpoint", exact=True).click()
        expect(self.rows()).to_have_text([NAMES[2], NAMES[0]])
        self.page.get_by_label("Task", exact=True).select_option("")
        expect(self.rows()).to_have_text([*reversed(NAMES)])

    def test_a_deleted_endpoint_comes_back_and_the_focus_follows(self) -> None:
        self.page.get_by_role("button", name="Delete alpha").click()
        expect(self.rows()).to_have_text([*NAMES[1:]])
        expect(self.rows().first).to_be_focused()
        self.toast("Deleted alpha.").get_by_role("button", name="Undo").click()
        expect(self.rows()).to_have_text([*NAMES])
        expect(self.rows().first).to_be_focused()
        expect(self.toast("Deleted alpha.")).to_have_count(0)
        self.toast("Restored alpha.").wait_for()
        self.page.get_by_role("button", name=f"Delete {NAMES[2]}").click()
        expect(self.rows()).to_have_text([*NAMES[:2]])
        expect(self.page.locator("#list-t")).to_be_focused()

    def test_the_offer_to_undo_goes_by_itself_but_not_from_under_the_hand(self) -> None:
        self.page.clock.install()
        self.page.goto(f"{self.site.url}/endpoints/")
        self.page.get_by_role("button", name="Delete alpha").click()
        undo = self.toast("Deleted alpha.").get_by_role("button", name="Undo")
        undo.focus()
        self.page.clock.run_for(12_000)
        expect(undo).to_be_focused()
        self.page.locator("#list-t").focus()
        self.page.mouse.move(5, 400)
        self.page.clock.run_for(7_000)
        expect(undo).to_have_count(0)

    def test_a_workspace_without_a_credential_comes_back_too(self) -> None:
        self.page.goto(f"{self.site.url}/workspaces/")
        self.page.get_by_role("button", name="Delete dev").click()
        expect(self.rows()).to_have_text(["prod"])
        expect(self.rows().first).to_be_focused()
        self.toast("Deleted dev.").get_by_role("button", name="Undo").click()
        expect(self.rows()).to_have_text(["dev", "prod"])
        expect(self.rows().first).to_be_focused()

    def test_deleted_from_its_form_it_is_taken_back_in_the_list(self) -> None:
        self.rows().nth(1).click()
        self.page.get_by_role("button", name="Delete endpoint").click()
        expect(self.rows()).to_have_text([NAMES[0], NAMES[2]])
        self.toast("Deleted beta.").get_by_role("button", name="Undo").click()
        self.toast("Restored beta.").wait_for()
        expect(self.rows()).to_have_text([*NAMES])


class ColumnTests(ListTestCase):
    """The columns of the playground, which have the same endpoints."""

    def setUp(self) -> None:
        super().setUp()
        self.page.goto(f"{self.site.url}/")
        self.page.keyboard.press("e")
        for name in NAMES:
            self.page.get_by_role("checkbox", name=name).check()
        self.page.get_by_role("button", name="Use 3 endpoints").click()
        expect(self.page.locator("#picker")).to_be_hidden()
        expect(self.columns()).to_have_count(3)

    def columns(self) -> Locator:
        return self.page.locator("section.col")

    def test_a_removed_column_comes_back_to_its_place(self) -> None:
        self.page.get_by_role("button", name="More for column B", exact=True).click()
        self.page.get_by_role("button", name="Parameters of this column").click()
        self.page.locator("#own").get_by_label("Temperature").fill("0.7")
        self.page.locator("#own").get_by_role("button", name="Save").click()
        expect(self.page.locator("#col-b")).to_contain_text("temperature 0.7")
        self.page.get_by_role("button", name="Remove column B").click()
        expect(self.columns()).to_have_count(2)
        expect(self.page.locator("#col-c-body")).to_be_focused()
        self.toast("Removed column B.").get_by_role("button", name="Undo").click()
        expect(self.columns()).to_have_count(3)
        expect(self.columns().nth(1)).to_have_id("col-b")
        expect(self.page.locator("#col-b")).to_contain_text("temperature 0.7")
        expect(self.page.locator("#col-b-body")).to_be_focused()
        expect(self.toast("Removed column B.")).to_have_count(0)

    def test_a_cut_name_is_shown_whole_and_copied_by_keys(self) -> None:
        name = self.page.locator("#n-c").get_by_role("button", name=NAMES[2])
        name.focus()
        self.page.keyboard.press("Enter")
        whole = self.page.locator("#name-c")
        expect(whole).to_be_visible()
        expect(whole.locator("p").first).to_have_text(NAMES[2])
        self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        whole.get_by_role("button", name=re.compile("^Copy name")).click()
        expect(self.page.locator("#announce")).to_have_text("Copied")
        self.assertEqual(self.page.evaluate("navigator.clipboard.readText()"), NAMES[2])
        self.page.keyboard.press("Escape")
        expect(whole).to_be_hidden()
        expect(name).to_be_focused()
