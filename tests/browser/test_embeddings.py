"""Vectors on the page: the switch for lines, the vectors of each column, and how near they are."""

from playwright.sync_api import expect

from tests.browser.base import BrowserTestCase
from tests.canary import canary
from tests.site import PASSWORD, Site
from tests.upstream import Upstream


class EmbeddingsTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.upstream = cls.enterClassContext(Upstream())
        cls.site = cls.enterClassContext(
            Site(
                PLAYGROUND_WORKSPACE_ORIGINS=cls.upstream.origin,
                PLAYGROUND_DRIVER_ORIGINS=f"{cls.upstream.origin},http://127.0.0.1:7600-7999",
            )
        )
        api = cls.site.api
        workspace = api("POST", "/workspaces", {"name": "prod", "host": cls.upstream.origin})["id"]
        credential = {"kind": "token", "token": canary()}
        api("PUT", f"/workspaces/{workspace}/credential", credential)
        cls.ids = set()
        for name in ("bge", "bge-2"):
            endpoint = {"name": name, "kind": "serving", "task": "embeddings"}
            endpoint |= {"serving_endpoint": "bge", "workspace": workspace}
            cls.ids.add(api("POST", "/endpoints", endpoint, status=201)["id"])

    def test_lines_become_vectors_that_are_compared_when_all_are_there(self):
        page = self.page
        page.goto(f"{self.site.url}/login/")
        page.get_by_label("User name").fill("alice")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Password", exact=True).press("Enter")
        expect(page).to_have_url(f"{self.site.url}/")
        switch = page.get_by_role("switch", name="One input per line")
        expect(switch).to_be_hidden()

        page.locator("#add-endpoint").click()
        for box in page.locator("#picker [name=endpoint]").all():
            box.set_checked(box.get_attribute("value") in self.ids)
        page.locator("#picker [data-use]").click()
        expect(page.locator("section.col")).to_have_count(2)
        switch.check(force=True)
        page.get_by_label("User message").fill("Hello\n\nFarewell")
        page.get_by_label("User message").press("Control+Enter")
        for letter in "ab":
            column = page.locator(f"#col-{letter}")
            expect(column.get_by_text("2 vectors of 26 dimensions")).to_be_visible(timeout=20_000)
        table = page.locator("#similarity table")
        expect(table.locator("tbody tr")).to_have_count(4)
        expect(table.locator("tbody td").first).to_have_text("1.000")

        # A reload shows the same; a new run clears the table until it is over.
        page.reload()
        expect(switch).to_be_checked()
        expect(table.locator("tbody tr")).to_have_count(4)
        self.upstream.serve("bge", lambda exchange: exchange.hang())
        page.locator("#run").click()
        expect(page.locator("#col-a")).to_have_attribute("data-status", "waiting")
        expect(table).to_have_count(0)
        page.locator("#stop").click(timeout=5000)
