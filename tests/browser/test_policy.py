"""The policy holds on every page and stops nothing that the pages need."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import Response, expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site
from tests.upstream import Upstream

ON_EVERY_ANSWER = {
    "content-security-policy": "default-src 'none'",
    "permissions-policy": "camera=()",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
}
STATIC = re.compile("/static/")


class PolicyTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.upstream = cls.enterClassContext(Upstream(tokens={"dapi-0123456789": "alice"}))
        cls.site = cls.enterClassContext(
            Site(
                PLAYGROUND_WORKSPACE_ORIGINS=cls.upstream.origin,
                PLAYGROUND_DRIVER_ORIGINS=f"{cls.upstream.origin},http://127.0.0.1:7600-7999",
            )
        )

    def setUp(self) -> None:
        super().setUp()
        self.answers: list[Response] = []
        self.page.on("response", lambda answer: self.answers.append(answer))

    def sign_in(self) -> None:
        self.page.goto(f"{self.site.url}/login/")
        self.page.get_by_label("User name").fill("alice")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page).to_have_url(f"{self.site.url}/")

    def paths(self) -> list[str]:
        """An address of every page there is."""
        api = self.site.api
        workspace = api("POST", "/workspaces", {"name": "w", "host": self.upstream.origin})["id"]
        credential = {"kind": "token", "token": "dapi-0123456789"}
        api("PUT", f"/workspaces/{workspace}/credential", credential)
        endpoint = api("GET", "/endpoints")["items"][0]["id"]
        run = self.site.start_run("Hello", "demo-echo", "demo-poet")["id"]
        self.site.wait_for_run(run)
        place = f"/workspaces/{workspace}"
        return [
            "/",
            f"/runs/{run}/",
            "/endpoints/",
            "/endpoints/new/",
            f"/endpoints/{endpoint}/",
            "/endpoints/?q=e&sort=-name",
            "/workspaces/",
            f"{place}/",
            f"{place}/delete/",
            f"{place}/serving-endpoints/",
            f"{place}/serving-endpoints/new/",
            f"{place}/serving-endpoints/at/chat/",
            f"{place}/serving-endpoints/at/chat/delete/",
            "/account/",
            "/setup/",
            "/login/",
            "/api/v1/docs",
        ]

    def assert_headers(self, *, but_not: tuple[str, ...] = ()) -> None:
        for answer in self.answers:
            if urlsplit(answer.url).scheme == "data":
                continue
            headers = answer.all_headers()
            for name, value in ON_EVERY_ANSWER.items():
                with self.subTest(url=answer.url, header=name):
                    self.assertIn(value, headers.get(name, ""))
            self.assertNotIn("unsafe", headers["content-security-policy"], answer.url)
            if not STATIC.search(answer.url):
                self.assertIn("no-store", headers.get("cache-control", ""), answer.url)

    def test_every_page_within_the_policy(self) -> None:
        paths = self.paths()
        self.page.goto(f"{self.site.url}/login/")
        self.sign_in()
        for path in paths:
            with self.subTest(path):
                self.page.goto(self.site.url + path, wait_until="networkidle")
                self.assertEqual(self.complaints, [])
        self.assert_headers()
        seen = {urlsplit(answer.url).path for answer in self.answers}
        self.assertTrue(any(path.endswith(".js") for path in seen))
        self.assertTrue(any(path.endswith(".css") for path in seen))

    def test_the_apis_own_page_works_within_it(self) -> None:
        self.sign_in()
        self.page.goto(f"{self.site.url}/api/v1/docs")
        operations = self.page.locator(".opblock-summary-control")
        expect(operations.nth(6)).to_be_visible(timeout=20_000)
        for number in range(6):
            operations.nth(number).click()
        self.page.locator(".execute").first.click()
        expect(self.page.get_by_text("Response headers").first).to_be_visible(timeout=20_000)

    def test_pages_of_what_went_wrong_within_the_policy(self) -> None:
        self.sign_in()
        self.page.goto(f"{self.site.url}/nothing/")
        expect(self.page.get_by_role("heading", name="nothing at this address")).to_be_visible()
        self.page.goto(f"{self.site.url}/account/")
        self.page.evaluate(
            """() => {
              const long = document.createElement("input");
              Object.assign(long, {type: "hidden", name: "x", value: "x".repeat(5 * 2**20)});
              document.querySelector("form[action*=theme]").append(long);
              long.form.submit();
            }"""
        )
        expect(self.page.get_by_role("heading", name="This is too long to send")).to_be_visible()
        self.page.goto(f"{self.site.url}/account/")
        self.page.evaluate(
            "document.querySelector('form[action*=theme] [name=csrfmiddlewaretoken]').value = 'x'; "
            "document.querySelector('form[action*=theme]').submit()"
        )
        expect(self.page.get_by_role("heading", name="opened before you signed in")).to_be_visible()
        for status in ("403", "404", "413"):
            self.expect_complaint(status)
        statuses = sorted({answer.status for answer in self.answers if answer.status >= 400})
        self.assertEqual(statuses, [403, 404, 413])
        self.assert_headers()

    def test_this_test_would_notice(self) -> None:
        self.page.goto(f"{self.site.url}/login/")
        self.page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<p style=color:red>x</p>')"
        )
        self.page.evaluate("console.error('mine')")
        self.page.evaluate("setTimeout(() => { throw new Error('thrown') })")
        self.page.wait_for_timeout(200)
        with self.assertRaisesRegex(AssertionError, "style-src-attr inline"):
            self.check_complaints()
        for words in ("inline style", "Policy: style-src-attr inline", "mine", "thrown"):
            self.expect_complaint(words)
        self.check_complaints()
        with self.assertRaisesRegex(AssertionError, "Nothing: never said"):
            self.expect_complaint("never said")
            self.check_complaints()
        self.expected.pop()
