"""What only a browser shows of managing a workspace: lists that come by themselves, a cluster
that is chosen and started, a wizard that changes with its provider."""

import re

from playwright.sync_api import expect

from tests.browser.base import BrowserTestCase
from tests.canary import canary
from tests.site import PASSWORD, Site, wait_for
from tests.workspace import SEED_ENTITY, Workspace, ready_endpoint

ALICE, VALUE = canary(), canary("sk-proj-")
CLUSTER = "0812-091530-k3v9q2"


class ManagingTests(BrowserTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.there = cls.enterClassContext(Workspace(tokens={ALICE: "alice"}))
        cls.there.endpoints["dolly"] = ready_endpoint("dolly", SEED_ENTITY)
        cls.site = cls.enterClassContext(Site(PLAYGROUND_WORKSPACE_ORIGINS=cls.there.origin))
        body = {"name": "prod", "host": cls.there.origin}
        cls.workspace = cls.site.api("POST", "/workspaces", body, status=201)["id"]
        credential = {"kind": "token", "token": ALICE}
        cls.site.api("PUT", f"/workspaces/{cls.workspace}/credential", credential)

    def setUp(self) -> None:
        super().setUp()
        self.there.clusters.clear()
        self.there.add_cluster(CLUSTER, "TERMINATED", cluster_name="gpu")
        self.page.goto(f"{self.site.url}/login/")
        self.page.get_by_label("User name").fill("alice")
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.site.url}/")

    def test_what_is_found_comes_by_itself_and_one_click_adds_it(self) -> None:
        self.page.goto(f"{self.site.url}/endpoints/new/")
        self.page.get_by_role("button", name="Add dolly").click()
        self.page.wait_for_url("**/endpoints/*-*/")
        self.assertEqual(self.page.locator("h1").inner_text(), "dolly")
        self.assertTrue(self.page.locator("#task-custom").is_checked())

    def test_what_is_typed_while_other_fields_are_on_their_way_stays(self) -> None:
        under_way = []
        place = f"/workspaces/{self.workspace}/serving-endpoints/new/"
        self.page.goto(self.site.url + place)
        self.page.route(f"**{place}", lambda route: under_way.append(route))
        self.page.get_by_label("Provider").select_option("openai")
        wait_for(lambda: self.page.wait_for_timeout(10) or under_way, 10, lambda: "Not asked.")
        self.page.get_by_label("Key", exact=True).fill("typed meanwhile")
        with self.page.expect_response(f"**{place}"):
            under_way.pop().continue_()
        expect(self.page.locator(".htmx-request, .htmx-settling")).to_have_count(0)
        expect(self.page.get_by_label("Key", exact=True)).to_have_value("typed meanwhile")

    def test_a_long_list_of_what_is_found_scrolls_and_the_page_ends_where_it_ends(self) -> None:
        names = [f"found-{number:03}" for number in range(90)]
        self.there.endpoints |= {name: ready_endpoint(name, SEED_ENTITY) for name in names}
        self.addCleanup(lambda: [self.there.endpoints.pop(name) for name in names])
        self.page.goto(f"{self.site.url}/endpoints/new/")
        self.page.get_by_role("button", name="Add found-089").wait_for()
        inner, page, end = self.page.evaluate("""() => [
            document.querySelector(".found").scrollHeight,
            document.scrollingElement.scrollHeight,
            Math.ceil(document.querySelector("main").getBoundingClientRect().bottom + scrollY)]""")
        self.assertGreater(inner, 3000)
        self.assertLessEqual(page, end)

    def test_what_is_found_is_set_up_and_ticked_in_the_picker(self) -> None:
        self.there.endpoints["found-late"] = ready_endpoint("found-late", SEED_ENTITY)
        self.page.goto(f"{self.site.url}/")
        before = self.page.locator(".col").count()
        self.page.keyboard.press("e")
        self.page.get_by_text("Found in prod, not set up yet").wait_for()
        self.page.get_by_role("searchbox").fill("late")
        self.page.get_by_role("button", name="Set up found-late").click()
        ticked = self.page.get_by_role("checkbox", name="found-late")
        expect(ticked).to_be_checked()
        expect(ticked).to_be_focused()
        self.page.get_by_role("button", name=f"Use {before + 1} endpoints").click()
        expect(self.page.locator("#picker")).to_be_hidden()
        expect(self.page.locator(".col")).to_have_count(before + 1)
        self.page.get_by_role("heading", name=re.compile(r"Column \w: found-late")).wait_for()

    def test_the_picker_says_what_is_stopped_and_what_scales_to_zero(self) -> None:
        entity = SEED_ENTITY | {"scale_to_zero_enabled": True}
        self.there.endpoints["sleepy"] = ready_endpoint("sleepy", entity)
        serving = {
            "name": "sleepy",
            "kind": "serving",
            "task": "chat",
            "serving_endpoint": "sleepy",
        }
        proxied = {"name": "app", "kind": "driver_proxy", "cluster_id": CLUSTER, "port": 7777}
        for body in (serving, proxied):
            body |= {"workspace": self.workspace}
            made = self.site.api("POST", "/endpoints", body, status=201)["id"]
            self.addCleanup(self.site.api, "DELETE", f"/endpoints/{made}")
        self.page.goto(f"{self.site.url}/")
        self.page.keyboard.press("e")
        for name, words in {"sleepy": "scales to zero", "app": "stopped"}.items():
            item = self.page.locator(".picker__item").filter(has_text=name)
            expect(item.locator(".pill")).to_have_text([words])
            expect(item.get_by_role("checkbox")).to_have_accessible_description(words)
        expect(self.page.get_by_role("searchbox")).to_be_focused()

    def test_a_stopped_cluster_is_started_from_the_column_that_failed(self) -> None:
        self.there.terminated.add(CLUSTER)
        self.addCleanup(self.there.terminated.clear)
        body = {"name": "proxied", "kind": "driver_proxy", "workspace": self.workspace}
        body |= {"cluster_id": CLUSTER, "port": 7777, "path": "/"}
        endpoint = self.site.api("POST", "/endpoints", body, status=201)["id"]
        run = self.site.start_run("Hello", endpoint)
        self.site.wait_for_run(run["id"])
        self.page.goto(f"{self.site.url}{run['url']}" if run["url"][0] == "/" else run["url"])
        self.page.get_by_role("button", name="Start cluster").click()
        self.page.get_by_text("gpu: Starting").wait_for()
        self.there.clusters[CLUSTER]["state"] = "RUNNING"
        self.page.get_by_text("gpu: Running").wait_for(timeout=15_000)

    def test_a_check_that_works_again_takes_its_warning_away(self) -> None:
        tokens, self.there.tokens = self.there.tokens, {}
        self.addCleanup(setattr, self.there, "tokens", tokens)
        self.page.goto(f"{self.site.url}/workspaces/")
        self.page.get_by_role("button", name="Check prod").click()
        warning = self.page.get_by_text("Your credential for prod failed its last check")
        warning.wait_for()
        self.there.tokens = tokens
        self.page.get_by_role("button", name="Check prod").click()
        expect(warning).to_be_hidden()
        self.page.get_by_text("Works", exact=True).wait_for()

    def test_names_are_suggested_once_the_field_is_used(self) -> None:
        self.page.goto(f"{self.site.url}/endpoints/new/")
        self.page.locator("#id_workspace").select_option(self.workspace)
        self.page.locator("#id_serving_endpoint").focus()
        self.page.locator('#found-names option[value="dolly"]').wait_for(state="attached")

    def test_a_stopped_cluster_is_chosen_started_and_watched(self) -> None:
        self.page.goto(f"{self.site.url}/endpoints/new/")
        self.page.locator("#kind-driver_proxy").check(force=True)
        self.page.locator("#id_cluster_id").wait_for()
        self.page.get_by_label("Name", exact=True).fill("my app")
        self.page.locator("#id_workspace").select_option(self.workspace)
        self.page.get_by_label("Clusters of prod").select_option(CLUSTER)
        self.page.get_by_text("gpu is stopped").wait_for()
        self.assertEqual(self.page.locator("#id_cluster_id").input_value(), CLUSTER)
        self.page.get_by_role("button", name="Start gpu").click()
        self.page.get_by_text("gpu: Starting").wait_for()
        self.there.clusters[CLUSTER]["state"] = "RUNNING"
        self.page.get_by_text("gpu: Running").wait_for(timeout=15_000)
        chosen = self.page.locator("#pick-cluster option:checked")
        self.assertEqual(chosen.inner_text(), "gpu · Running")
        self.assertEqual(self.page.get_by_label("Name", exact=True).input_value(), "my app")

    def test_the_wizard_follows_the_provider_and_watches_until_ready(self) -> None:
        self.page.goto(f"{self.site.url}/workspaces/{self.workspace}/serving-endpoints/new/")
        self.page.get_by_label("Name", exact=True).fill("claude")
        self.page.locator("#id_provider").select_option("anthropic")
        self.page.locator("#id_anthropic_api_key-key").wait_for()
        self.page.locator("#id_anthropic_api_key-key").fill("mine")
        self.page.locator("#id_provider").select_option("openai")
        self.page.get_by_label("Organization").fill("acme")
        self.page.get_by_label("Store this secret now").fill(VALUE)
        self.page.locator("#id_openai_api_type").select_option("azure")
        self.page.get_by_label("API version").wait_for()
        self.assertEqual(self.page.get_by_label("Store this secret now").input_value(), VALUE)
        self.page.locator("#id_provider").select_option("anthropic")
        self.page.locator("#id_anthropic_api_key-key").wait_for()
        self.assertEqual(self.page.locator("#id_anthropic_api_key-key").input_value(), "mine")
        self.assertEqual(self.page.get_by_label("Store this secret now").input_value(), "")
        self.assertEqual(self.page.get_by_label("Name", exact=True).input_value(), "claude")
        self.page.get_by_label("Model").fill("claude-sonnet")
        self.page.get_by_label("Store this secret now").fill(VALUE)
        self.page.get_by_role("button", name="Create serving endpoint").click()
        self.page.get_by_text("Being created.").wait_for()
        self.assertIn(VALUE, self.there.secrets["prompt-playground"].values())
        self.there.make_ready("claude")
        self.page.get_by_text("Ready.").wait_for(timeout=15_000)
        self.page.get_by_role("button", name="Add to playground").click()
        self.page.wait_for_url(f"{self.site.url}/")
        self.page.locator('h2[title="claude"]').wait_for()

    def test_sign_in_shows_the_fields_of_its_kind_alone(self) -> None:
        self.page.goto(f"{self.site.url}/workspaces/")
        token, secret = self.page.locator("#id_token"), self.page.locator("#id_client_secret")
        self.assertEqual((token.is_visible(), secret.is_visible()), (True, False))
        self.page.get_by_text("OAuth service principal").click()
        self.assertEqual((token.is_visible(), secret.is_visible()), (False, True))
