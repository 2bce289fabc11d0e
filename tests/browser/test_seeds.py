"""The four ways of LangChain's Databricks page, by hand in a browser, from an empty account on.

What reaches the workspace is compared with what LangChain sends there; `live/test_seeds.py` makes
the same claims of the API and of `manage.py ask`.
"""

import re

from playwright.sync_api import Locator, Response, WebSocket, expect

from tests.browser.base import BrowserTestCase
from tests.site import PASSWORD, Site, wait_for
from tests.upstream import Received
from tests.workspace import (
    SEED_CLUSTER,
    SEED_EMBEDDING,
    SEED_PORT,
    SEED_VECTOR,
    Workspace,
    plant_seeds,
)

TOKEN = "dapi-of-alice-0123456789"
OPENAI_KEY = "sk-of-openai-0123456789abcdef"
PROMPT = "How are you?"
ANSWER = "Good. You wrote: How are you?"
BEFORE = ["dolly", SEED_EMBEDDING]
DRIVER_PROXY = f"/driver-proxy-api/o/0/{SEED_CLUSTER}/{SEED_PORT}"


class SeedsTestCase(BrowserTestCase):
    """Each test starts signed in, on a site of its own that knows no workspace yet."""

    def setUp(self) -> None:
        super().setUp()
        self.there = self.enterContext(Workspace(tokens={TOKEN: "alice"}))
        plant_seeds(self.there)
        self.site = self.enterContext(Site(PLAYGROUND_WORKSPACE_ORIGINS=self.there.origin))
        self.page.goto(f"{self.site.url}/login/")
        self.page.get_by_label("User name").fill("alice")
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page).to_have_url(f"{self.site.url}/")

    # The workspace and its endpoints -----------------------------------------------------------

    def go(self, *places: str) -> None:
        """By the navigation, then by links of these names."""
        navigation = self.page.get_by_role("navigation", name="Main")
        navigation.get_by_role("link", name=places[0]).click()
        for place in places[1:]:
            self.page.get_by_role("main").get_by_role("link", name=place).click()

    def add_workspace(self) -> None:
        self.go("Workspaces")
        self.page.get_by_label("Name", exact=True).fill("mine")
        self.page.get_by_label("Host").fill(f"{self.there.origin}/?o=0")
        self.page.get_by_label("Access token").fill(TOKEN)
        self.page.get_by_role("button", name="Check and save").click()
        expect(self.page.get_by_role("row", name="mine")).to_contain_text("Works")

    def new_endpoint(self, name: str) -> None:
        """The empty form, its name and workspace filled in."""
        self.go("Endpoints", "New endpoint")
        self.page.get_by_label("Name", exact=True).fill(name)
        self.page.get_by_label("Workspace", exact=True).select_option(index=1)

    def check_and_open(self) -> None:
        """Store the endpoint of the form, see that it works, go on to its column."""
        self.page.get_by_role("button", name="Save and check").click()
        expect(self.page.get_by_role("region", name="Connection test")).to_contain_text("Works:")
        self.page.get_by_role("button", name="Open in playground").click()
        expect(self.page).to_have_url(f"{self.site.url}/")

    # The playground ----------------------------------------------------------------------------

    def column(self, name: str) -> Locator:
        return self.page.locator(f'section.col:has(h2[title="{name}"])')

    def leave_alone(self, *names: str) -> None:
        """Take every other column away."""
        titles = "headings => headings.map((heading) => heading.title)"
        for name in self.page.locator("h2.col__name").evaluate_all(titles):
            if name not in names:
                self.column(name).get_by_role("button", name="Remove column").click()
                expect(self.column(name)).to_have_count(0)

    def write(self, prompt: str) -> None:
        self.page.get_by_label("System message").fill("")
        self.page.get_by_label("User message").fill(prompt)

    def add_stop(self, stop: str) -> None:
        self.page.get_by_label("Stop sequences").fill(stop)
        self.page.get_by_label("Stop sequences").press("Enter")

    def run_it(self, many: int = 1) -> list[Received]:
        """Press Run, wait for every column; the requests that this made, in no order."""
        before = len(self.posts())
        self.page.get_by_role("button", name="Run", exact=False).first.click()
        wait_for(lambda: len(self.posts()) >= before + many, 20, lambda: "Nothing was sent.")
        done = self.page.locator("section.col[data-status=done]")
        expect(done).to_have_count(self.page.locator("section.col").count(), timeout=20_000)
        received = self.posts()[before:]
        self.assertEqual(len(received), many)
        for each in received:
            self.assertEqual(each.token, TOKEN)
        return received

    def posts(self) -> list[Received]:
        """What was sent; a page that was just left may still ask what the workspace has."""
        return [each for each in self.there.requests if each.method == "POST"]

    def expect_answer(self, name: str, text: str) -> None:
        """Waits: after a request the page may still show the columns of the run before."""
        plain = self.column(name).locator(".plain")
        expect(plain).to_have_text(re.compile(rf"^{re.escape(text)}$"))
        expect(self.column(name)).to_have_attribute("data-status", "done")


class ExternalModelTests(SeedsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.seen: list[bytes] = []
        self.page.on("response", self.note_response)
        self.page.on("websocket", self.note_socket)

    def note_response(self, response: Response) -> None:
        if not 300 <= response.status < 400:
            self.seen.append(response.body())

    def note_socket(self, socket: WebSocket) -> None:
        def note(frame: str | bytes) -> None:
            self.seen.append(frame.encode() if isinstance(frame, str) else frame)

        socket.on("framereceived", note)

    def test_from_its_secret_to_its_answer(self) -> None:
        page = self.page
        self.add_workspace()
        self.go("Workspaces", "Find endpoints in mine", "Create serving endpoint")
        name, secret = page.get_by_label("Name", exact=True), page.get_by_label("Store this secret")
        name.fill("my chat")
        page.get_by_label("Provider").select_option("openai")
        page.get_by_label("Model").fill("gpt-4")
        page.get_by_label("Scope").fill("llm")
        page.get_by_label("Key", exact=True).fill("openai-api-key")
        secret.fill(OPENAI_KEY)
        page.get_by_role("button", name="Create serving endpoint").click()

        self.expect_complaint("422")
        # After a mistake all that was typed is there but the secret, and nothing was sent.
        expect(name).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label("Key", exact=True)).to_have_value("openai-api-key")
        expect(secret).to_have_value("")
        self.assertEqual((self.there.secrets, list(self.there.endpoints)), ({}, BEFORE))
        name.fill("my-chat")
        secret.fill(OPENAI_KEY)
        page.get_by_role("button", name="Create serving endpoint").click()

        # It is there and not ready; the page sees by itself when it is.
        expect(page.locator("#serving-state")).to_contain_text("Being created.")
        self.assertEqual(self.there.secrets, {"llm": {"openai-api-key": OPENAI_KEY}})
        self.there.make_ready("my-chat")
        expect(page.locator("#serving-state")).to_contain_text("Ready.", timeout=15_000)
        page.get_by_role("button", name="Add to playground").click()

        expect(page).to_have_url(f"{self.site.url}/")
        expect(page.get_by_text("Added my-chat with the task chat.")).to_be_visible()
        self.leave_alone("my-chat")
        self.write("hello")
        page.get_by_label("Temperature, exact").fill("0.1")
        [sent] = self.run_it()
        self.expect_answer("my-chat", "Good. You wrote: hello")

        self.assertEqual(sent.path, "/serving-endpoints/my-chat/invocations")
        body = {"messages": [{"role": "user", "content": "hello"}], "temperature": 0.1}
        self.assertEqual(sent.json, body | {"stream": True})
        self.assert_stored_and_created()
        self.assert_seen_nowhere(OPENAI_KEY, TOKEN)

    def assert_stored_and_created(self) -> None:
        made = [each for each in self.there.requests if each.method == "POST"]
        made = [(each.path, each.json) for each in made if each.path.startswith("/api/")]
        external_model = {
            "name": "gpt-4",
            "provider": "openai",
            "task": "llm/v1/chat",
            "openai_config": {
                "openai_api_type": "openai",
                "openai_api_key": "{{secrets/llm/openai-api-key}}",
            },
        }
        config = {"served_entities": [{"name": "my-chat", "external_model": external_model}]}
        secret = {"scope": "llm", "key": "openai-api-key", "string_value": OPENAI_KEY}
        self.assertEqual(
            [(path.rstrip("/"), body) for path, body in made],
            [
                ("/api/2.0/secrets/put", secret),  # there is no such scope yet
                ("/api/2.0/secrets/scopes/create", {"scope": "llm"}),
                ("/api/2.0/secrets/put", secret),
                ("/api/2.0/serving-endpoints", {"name": "my-chat", "config": config}),
            ],
        )
        self.assertEqual({each.token for each in self.there.requests}, {TOKEN})

    def assert_seen_nowhere(self, *secrets: str) -> None:
        """Not in what the browser got, on further pages of the site, nor in the site's files."""
        [run] = self.site.api("GET", "/runs")["items"]
        [call] = self.site.api("GET", f"/runs/{run['id']}")["calls"]
        raw = f"/calls/{call['id']}/raw/"
        for path in ("/workspaces/", "/endpoints/", f"/runs/{run['id']}/", raw):
            self.page.goto(self.site.url + path)
        stored = [path.read_bytes() for path in self.site.data.iterdir() if path.is_file()]
        for place in (b"\0".join(self.seen), b"\0".join(stored)):
            self.assertIn(b"Good. You wrote: hello", place)  # it is the right place to look
            for secret in secrets:
                self.assertNotIn(secret.encode(), place)


class FoundationModelTests(SeedsTestCase):
    def test_one_input_and_many(self) -> None:
        page = self.page
        self.add_workspace()
        self.go("Workspaces", "Find endpoints in mine", SEED_EMBEDDING)
        page.get_by_role("button", name="Add to playground").click()
        expect(page.get_by_text("with the task embeddings.")).to_be_visible()
        self.leave_alone(SEED_EMBEDDING)

        self.write("hello")
        [sent] = self.run_it()
        self.assertEqual(sent.path, f"/serving-endpoints/{SEED_EMBEDDING}/invocations")
        self.assertEqual(sent.json, {"input": ["hello"]})
        column = self.column(SEED_EMBEDDING)
        first = "  ".join(f"{number:.4f}" for number in SEED_VECTOR[:5])
        expect(column.locator("dl.facts dd")).to_have_text(["1,024", "0.0517"])
        expect(column.locator(".col__beside pre")).to_have_text(f"{first}  …")

        page.get_by_role("switch", name="One input per line").check(force=True)
        self.write("hello\nhow are you?\n\n你好")
        [sent] = self.run_it()
        self.assertEqual(sent.json, {"input": ["hello", "how are you?", "你好"]})
        expect(column).to_contain_text("3 vectors of 1,024 dimensions, in the order of the inputs")
        expect(column.locator("tbody tr")).to_have_count(3)
        expect(page.locator("#similarity tbody td").nth(1)).to_have_text("1.000")


class CustomModelTests(SeedsTestCase):
    def test_with_stop_and_extra_parameters(self) -> None:
        self.add_workspace()
        self.new_endpoint("dolly by hand")
        self.page.get_by_label("Serving endpoint", exact=True).last.fill("dolly")
        self.page.locator("label:has(#task-custom)").click()
        expect(self.page.get_by_label("Format")).to_have_value("dataframe_records")
        self.check_and_open()
        self.leave_alone("dolly by hand")
        self.write(PROMPT)

        record = {"prompt": PROMPT, "stop": []}
        self.assert_sends(record, ANSWER)
        self.add_stop(".")
        self.assert_sends(record | {"stop": ["."]}, "Good")
        self.page.get_by_label("Temperature, exact").fill("0.1")
        self.assert_sends(record | {"stop": ["."], "temperature": 0.1}, "Good")

    def assert_sends(self, record: dict, text: str) -> None:
        [sent] = self.run_it()
        self.assertEqual(sent.path, "/serving-endpoints/dolly/invocations")
        self.assertEqual(sent.json, {"dataframe_records": [record]})
        self.expect_answer("dolly by hand", text)


class DriverProxyTests(SeedsTestCase):
    def test_without_and_with_extra_parameters(self) -> None:
        self.add_workspace()
        self.fill_app("app")
        self.check_and_open()
        self.fill_app("warm app")
        self.page.get_by_label("Temperature").fill("0.1")
        self.check_and_open()
        self.leave_alone("app", "warm app")
        self.write(PROMPT)

        self.assert_sends({"prompt": PROMPT}, {"prompt": PROMPT, "temperature": 0.1}, ANSWER)
        self.page.get_by_text("Extra JSON").click()
        self.page.get_by_label("Extra JSON").fill('{"max_new_tokens": 9}')
        self.add_stop(".")
        more = {"prompt": PROMPT, "max_new_tokens": 9, "stop": ["."]}
        self.assert_sends(more, more | {"temperature": 0.1}, "Good")

    def fill_app(self, name: str) -> None:
        """The form of an app: cluster and port are chosen, nothing else is changed."""
        self.new_endpoint(name)
        self.page.locator("label:has(#kind-driver_proxy)").click()
        self.page.get_by_label("Clusters of mine").select_option("gpu · Running")
        expect(self.page.get_by_label("Cluster id")).to_have_value(SEED_CLUSTER)
        self.page.get_by_label("Port").fill(str(SEED_PORT))

    def assert_sends(self, plain: dict, warm: dict, text: str) -> None:
        received = self.run_it(many=2)
        self.assertEqual({each.path for each in received}, {DRIVER_PROXY})
        bodies = sorted((each.json for each in received), key=len)
        self.assertEqual(bodies, [plain, warm])
        self.expect_answer("app", text)
        self.expect_answer("warm app", text)
