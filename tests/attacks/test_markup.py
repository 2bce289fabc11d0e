"""Markup in everything that people and models write, in a real browser: MARKUP-001 and on.

Nothing of it runs, asks another site for anything, or is even refused by the policy: a refusal
would mean that it had become markup. The texts are in markup.py.
"""

import json
from pathlib import Path
from urllib.parse import urlsplit

import requests
from playwright.sync_api import Page, expect

from tests.attacks.markup import payloads
from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site
from tests.upstream import Upstream, answer, events

PER_RUN = 45  # columns of one page
PART = 40_000  # characters of one streamed answer, less than Markdown is shown for
PIECE = 7  # characters, so that every tag is cut in the middle

# Rows as they would be after runs whose every part is hostile. The texts come in a file.
STORE = """
import json, pathlib
from django.conf import settings
from playground.models import *
texts = json.loads((settings.DATA_DIR / "texts.json").read_text())
alice = User.objects.get(username="alice")
endpoint = Endpoint.objects.filter(is_demo=True).first()
for number in range(0, len(texts), PER_RUN):
    part = texts[number:number + PER_RUN]
    run = Run.objects.create(
        owner=alice, fingerprint="", variables={},
        messages=[{"role": "user", "content": text, "name": text} for text in part],
    )
    for position, text in enumerate(part):
        is_failed = position % 3 == 2
        Call.objects.create(
            run=run, person=run.owner, position=position, endpoint=endpoint,
            status="failed" if is_failed else "done",
            config=endpoint.config() | {"name": text[:120], "place": text[:200]},
            overrides={"extra": text}, stop_override=[text], text=text, reasoning=text,
            tool_calls=[{"id": text, "name": text, "arguments": text}],
            choices=[{"index": i, "text": text, "finish_reason": text, "reasoning": text,
                      "tool_calls": [{"id": text, "name": text, "arguments": text}]}
                     for i in range(2)],
            custom_outputs={text: text}, finish_reason=text[:60],
            error={"kind": "upstream", "message": text, "hint": text} if is_failed else None,
            request={"method": "POST", "url": "http://127.0.0.1:7777/",
                     "headers": {"X-Note": text}, "body": {"prompt": text, text: text}},
            response={"status": 400, "content_type": text, "body": text},
            usage={"input_tokens": 1, "output_tokens": 1}, latency_ms=1,
        )
    print(run.pk)
for number, text in enumerate(texts):
    ApiToken.make(alice, text[:120])
draft = Draft.objects.update_or_create(owner=alice, defaults={
    "messages": [{"role": "user", "content": text} for text in texts[:60]],
    "extra": texts[0], "stop": texts[:20]})
""".replace("PER_RUN", str(PER_RUN))

# Finds what the site's own templates did not put on a page.
STRANGERS = (Path(__file__).parent / "strangers.js").read_text()

CONTENTS_OF = """(html) => {
  const main = new DOMParser().parseFromString(html, "text/html").querySelector("main");
  document.querySelector("main").replaceChildren(...main.childNodes);
}"""


class MarkupAttackTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.texts = payloads()
        cls.upstream = cls.enterClassContext(Upstream())
        cls.site = cls.enterClassContext(
            Site(PLAYGROUND_DRIVER_ORIGINS=f"{cls.upstream.origin},http://127.0.0.1:7600-7999")
        )
        (cls.site.data / "texts.json").write_text(json.dumps(list(cls.texts.values())))
        stored = cls.site.manage("shell", "--no-imports", "-c", STORE)
        cls.runs = stored.stdout.split()

    def setUp(self) -> None:
        super().setUp()
        self.happened: list[str] = []
        page = self.page
        page.expose_function("PWN", lambda name: self.happened.append(f"script {name}"))
        page.on("request", lambda request: self.note_request(request.url))
        page.on("dialog", lambda dialog: self.happened.append(f"dialog {dialog.message}"))
        page.on("popup", lambda popup: self.happened.append(f"popup {popup.url}"))
        page.goto(f"{self.site.url}/login/")
        page.get_by_label("User name").fill("alice")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{self.site.url}/")

    def note_request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "data" and parts.netloc != urlsplit(self.site.url).netloc:
            self.happened.append(f"foreign request {url}")
        if parts.path.startswith("/pwned"):
            self.happened.append(f"request {url}")

    def assert_nothing_happened(self, page: Page | None = None) -> None:
        page = page or self.page
        page.wait_for_timeout(100)
        self.assertEqual(page.evaluate(STRANGERS), [])
        self.assertEqual(self.happened, [])
        self.check_complaints()

    def show_markdown(self) -> None:
        self.page.locator("#reading label", has_text="Markdown").click()
        over = self.page.locator(".col:is([data-status=done], [data-status=failed]) .marked")
        for column in range(over.count()):
            expect(over.nth(column)).to_be_visible(timeout=20_000)
        expect(over.locator(".open")).to_have_count(0)  # all of it was read as Markdown

    # ----------------------------------------------------------------------------------------

    def test_the_list_is_long_and_this_test_would_notice(self) -> None:
        self.assertGreaterEqual(len(self.texts), 200)
        self.assertEqual(len(set(self.texts.values())), len(self.texts))
        self.page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=PWN(1)>')"
        )
        self.page.evaluate(
            "document.body.append(Object.assign(new Image(), {src: 'http://evil.test/x'}))"
        )
        self.page.wait_for_timeout(300)
        with self.assertRaisesRegex(AssertionError, "Policy: img-src http://evil"):
            self.check_complaints()
        for words in ("Policy: script-src", "Policy: img-src http://evil", "inline", "evil", "404"):
            self.expect_complaint(words)
        self.assertNotEqual(self.page.evaluate(STRANGERS), [])

    def test_in_every_part_of_a_stored_call_plain_and_as_markdown(self) -> None:
        for run in self.runs:
            with self.subTest(run=run):
                self.page.goto(f"{self.site.url}/runs/{run}/")
                self.assert_nothing_happened()
                self.show_markdown()
                self.assert_nothing_happened()
                self.page.locator("#reading label", has_text="Plain").click()

    def test_each_text_is_on_the_page_character_for_character(self) -> None:
        texts = list(self.texts.values())
        for number, run in enumerate(self.runs):
            self.page.goto(f"{self.site.url}/runs/{run}/")
            shown = self.page.locator(".col .turn .plain").evaluate_all(
                "elements => elements.map(element => element.textContent)"
            )
            part = texts[number * PER_RUN : (number + 1) * PER_RUN]
            self.assertEqual(
                [text.replace("\r\n", "\n") for text in shown],
                [t.replace("\r\n", "\n") for t in part],
            )

    def test_in_the_raw_drawer(self) -> None:
        run = self.runs[1]
        self.page.goto(f"{self.site.url}/runs/{run}/")
        for column in ("a", "c", "h", "z"):
            self.page.locator(f"#col-{column}-raw").click()
            expect(self.page.locator("#raw")).to_be_visible()
            for tab in self.page.locator("#raw [role=tab]").all():
                tab.click()
            self.assert_nothing_happened()
            self.page.keyboard.press("Escape")

    def test_in_a_diff_and_as_json(self) -> None:
        self.page.goto(f"{self.site.url}/runs/{self.runs[1]}/")
        self.page.locator("#reading label", has_text="JSON").click()
        self.assert_nothing_happened()
        for column in ("b", "e", "h", "z"):
            self.page.locator(f"#col-{column}-differ").click()
            diff = self.page.locator(f"#col-{column}-diff")
            expect(diff.locator(".prose")).to_be_visible()
            diff.locator("label", has_text="Lines").click()
            expect(diff.locator(".difflines")).to_be_visible()
            self.assert_nothing_happened()

    def test_while_they_stream_whole_and_cut_anywhere(self) -> None:
        names = []
        for number, text in enumerate(self.streams()):
            pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
            whole = text.split("\n\n")
            for kind, parts in (("cut", pieces), ("whole", whole)):
                url = self.upstream.on(f"/{kind}{number}", events(parts, first_delay_s=1.0))
                names.append(f"{kind}{number}")
                body = {"name": names[-1], "kind": "driver", "url": url}
                self.site.api("POST", "/endpoints", body)
        run = self.site.start_run("<script>PWN('prompt')</script>", *names)
        self.page.goto(f"{self.site.url}/runs/{run['id']}/")
        self.show_markdown_when_over(len(names))
        self.assert_nothing_happened()

    def streams(self) -> list[str]:
        """All the texts in answers that Markdown is shown for."""
        parts = [""]
        for text in self.texts.values():
            if len(parts[-1]) + len(text) > PART:
                parts.append("")
            parts[-1] += text + "\n\n"
        return parts

    def show_markdown_when_over(self, columns: int) -> None:
        self.page.locator("#reading label", has_text="Markdown").click()
        expect(self.page.locator(".col[data-status=done]")).to_have_count(columns, timeout=60_000)
        self.show_markdown()

    def test_in_names_of_endpoints_and_workspaces_and_in_errors_of_an_upstream(self) -> None:
        names = [t for t in self.texts.values() if len(t) <= 120 and t.isprintable() and t.strip()]
        refused = 0
        for number, name in enumerate(names):
            self.upstream.on(
                f"/error{number}", answer({"message": name, "error": name}, status=400)
            )
            url = f"{self.upstream.origin}/error{number}"
            body = {"name": name, "kind": "driver", "url": url}
            headers = {"Authorization": f"Bearer {self.site.tokens['alice']}"}
            made = requests.post(
                f"{self.site.url}/api/v1/endpoints", json=body, headers=headers, timeout=20
            )
            refused += made.status_code == 422
            if number % 8 == 0:
                workspace = {"name": name, "host": f"https://adb-{number}.7.azuredatabricks.net"}
                self.site.api("POST", "/workspaces", workspace)
        self.assertLess(refused, len(names) // 10)
        run = self.site.start_run("hi", *[{"endpoint": name} for name in names[:40]])
        self.site.wait_for_run(run["id"])
        listed = self.site.api("GET", "/endpoints?limit=3")["items"]
        paths = ["/endpoints/", "/endpoints/new/", "/workspaces/", "/account/", "/"]
        paths += [f"/endpoints/{each['id']}/" for each in listed]
        paths += ["/endpoints/?sort=-owner", f"/runs/{run['id']}/"]
        for path in paths:
            with self.subTest(path):
                self.page.goto(self.site.url + path)
                self.assert_nothing_happened()
        self.page.goto(f"{self.site.url}/")
        self.page.keyboard.press("e")
        expect(self.page.locator("#picker")).to_be_visible()
        self.assert_nothing_happened()

    def test_in_what_is_typed_and_refused(self) -> None:
        for name, text in list(self.texts.items())[::13]:
            with self.subTest(name):
                form = self.page.request
                for path, typed in (
                    ("/endpoints/new/", {"name": text, "kind": "driver", "url": text}),
                    ("/workspaces/", {"name": text, "host": text}),
                    ("/account/tokens/", {"name": text * 3, "scope": text, "days": text}),
                ):
                    token = json.loads(self.page.locator("body").get_attribute("hx-headers"))
                    answer = form.post(self.site.url + path, form=typed, headers=token)
                    self.assertIn("text/html", answer.headers["content-type"])
                    self.page.evaluate(CONTENTS_OF, answer.text())
                    self.assertEqual(self.page.evaluate(STRANGERS), [])
        self.assert_nothing_happened()

    def test_exports_are_files_and_never_pages(self) -> None:
        for format in ("json", "csv", "md"):
            path = f"{self.site.url}/api/v1/runs/{self.runs[0]}/export?format={format}"
            with self.page.expect_download() as download:
                self.page.evaluate(
                    "path => { const a = document.createElement('a'); a.href = path; a.click(); }",
                    path,
                )
            self.assertEqual(download.value.suggested_filename, f"run-{self.runs[0]}.{format}")
        self.assert_nothing_happened()

    def test_in_addresses(self) -> None:
        for text in list(self.texts.values())[::23]:
            for path in ("/login/?next=", "/setup/?code=", "/nothing?x="):
                self.page.goto(f"{self.site.url}{path}{requests.utils.quote(text[:500])}")
                self.assertEqual(self.page.evaluate(STRANGERS), [])
        # The page for what is not there is a 404, which the console notes.
        self.expect_complaint("404")
        self.assert_nothing_happened()
