"""Endpoints and Workspaces as lists: sorted, filtered, in pages, all of it in the address."""

from playground.models import ApiToken
from playground.views.lists import ROWS_A_PAGE
from tests.base import WebTestCase
from tests.make import TOKEN, make_endpoint, make_workspace

ENDPOINTS, WORKSPACES = "/endpoints/", "/workspaces/"
HTMX = {"HX-Request": "true"}


class ListTestCase(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)

    def names(self, query: str = "") -> list[str]:
        lines = self.client.get(f"{ENDPOINTS}{query}").context["list"].lines
        return [line.endpoint.name for line in lines]


class SortTests(ListTestCase):
    def setUp(self) -> None:
        super().setUp()
        make_endpoint(self.alice, name="beta", task="chat")
        make_endpoint(self.alice, name="Alpha", task="custom", team=self.team)
        make_endpoint(self.bob, name="gamma", task="embeddings", team=self.team)

    def test_by_every_column_both_ways(self) -> None:
        self.assertEqual(self.names(), ["Alpha", "beta", "gamma"])
        self.assertEqual(self.names("?sort=-name"), ["gamma", "beta", "Alpha"])
        self.assertEqual(self.names("?sort=task"), ["beta", "Alpha", "gamma"])
        self.assertEqual(self.names("?sort=-owner"), ["gamma", "Alpha", "beta"])
        for name in ("kind", "team"):
            for sign in ("", "-"):
                self.assertEqual(len(self.names(f"?sort={sign}{name}")), 3)

    def test_the_header_says_it_and_leads_the_other_way(self) -> None:
        page = self.client.get(f"{ENDPOINTS}?sort=task&q=a")
        self.assertContains(page, 'aria-sort="ascending"', count=1)
        self.assertContains(page, 'href="/endpoints/?q=a&amp;sort=-task"')
        self.assertContains(page, 'href="/endpoints/?q=a"')  # by name, as usual
        page = self.client.get(f"{ENDPOINTS}?sort=-task")
        self.assertContains(page, 'aria-sort="descending"', count=1)

    def test_nonsense_is_passed_over(self) -> None:
        for query in ("?sort=password", "?sort=--name", "?sort=owner__password", "?sort=%00",
                      "?page=0", "?page=-1", "?page=x", "?page=99999999999999999999", "?kind=x",
                      "?owner=alice", "?q=%00", "?sort=&q=&kind="):  # fmt: skip
            with self.subTest(query):
                self.assertEqual(self.names(query), ["Alpha", "beta", "gamma"])


class FilterTests(ListTestCase):
    def setUp(self) -> None:
        super().setUp()
        prod = make_workspace(
            self.alice, name="prod-eu", host="https://adb-1.2.azuredatabricks.net"
        )
        serving = {"kind": "serving", "workspace": prod, "serving_endpoint": "llama"}
        make_endpoint(self.alice, name="served", task="chat", **serving)
        make_endpoint(self.alice, name="echo", url="http://127.0.0.1:7777/poet")
        make_endpoint(self.bob, name="bobs", team=self.team)
        make_endpoint(self.bob, name="bobs-secret")

    def test_by_name_place_and_host(self) -> None:
        wanted = {
            "ECHO": ["echo"],
            "poet": ["echo"],
            "prod-eu": ["served"],
            "azuredatabricks llama": ["served"],
            "o": ["bobs", "echo", "served"],
            "secret": [],
        }
        for words, found in wanted.items():
            with self.subTest(words):
                self.assertEqual(self.names(f"?q={words}"), found)

    def test_by_kind_task_and_owner(self) -> None:
        self.assertEqual(self.names("?kind=serving"), ["served"])
        self.assertEqual(self.names("?task=custom"), ["bobs", "echo"])
        self.assertEqual(self.names("?owner=mine"), ["echo", "served"])
        self.assertEqual(self.names("?owner=shared"), ["bobs"])
        self.assertEqual(self.names("?owner=mine&task=custom&q=127"), ["echo"])

    def test_what_is_asked_stands_in_the_fields(self) -> None:
        page = self.client.get(f"{ENDPOINTS}?q=%22ec%3Eho&kind=driver&sort=-task")
        self.assertContains(page, 'value="&quot;ec&gt;ho"')
        self.assertContains(page, '<option value="driver" selected>')
        self.assertContains(page, '<option value="-task" selected>')

    def test_nothing_found_says_so_and_leads_back(self) -> None:
        page = self.client.get(f"{ENDPOINTS}?q=nope&sort=-task")
        self.assertContains(page, "0 of 3 endpoints")
        self.assertContains(page, '<a class="btn" href="/endpoints/?sort=-task">Clear filter</a>')
        self.assertNotContains(page, "Nothing to send prompts to yet")

    def test_for_htmx_it_is_the_list_alone_with_a_short_address(self) -> None:
        answer = self.client.get(f"{ENDPOINTS}?q=echo&kind=&task=&owner=&sort=name", headers=HTMX)
        self.assertNotContains(answer, "<html")
        self.assertContains(answer, 'id="list"', count=1)
        self.assertNotContains(answer, 'id="filter-q"')
        self.assertEqual(answer["HX-Push-Url"], "/endpoints/?q=echo")
        self.assertIn("HX-Request", answer["Vary"])

    def test_a_stranger_finds_nothing(self) -> None:
        self.log_in(self.charlie)
        for query in ("", "?q=echo", "?owner=shared", "?kind=serving", "?q=127.0.0.1"):
            self.assertEqual(self.names(query), [])
            self.assertContains(self.client.get(f"{ENDPOINTS}{query}"), "No endpoint yet")


class PageTests(ListTestCase):
    def test_many_are_shown_in_pages_that_keep_order_and_filter(self) -> None:
        for number in range(ROWS_A_PAGE + 5):
            make_endpoint(self.alice, name=f"e-{number:03}")
        page = self.client.get(f"{ENDPOINTS}?q=e-&sort=-name")
        self.assertEqual(len(page.context["list"].lines), ROWS_A_PAGE)
        self.assertContains(page, "1 to 100 of 105")
        self.assertContains(page, 'href="/endpoints/?q=e-&amp;sort=-name&amp;page=2"')
        self.assertEqual(
            self.names("?q=e-&sort=-name&page=2"), [f"e-{n:03}" for n in range(4, -1, -1)]
        )
        self.assertEqual(len(self.names("?q=e-&sort=-name&page=9")), 5)


class TokenListTests(ListTestCase):
    def test_sorted_by_name_end_and_use_the_newest_first_else(self) -> None:
        for name, days in (("b", 30), ("a", None), ("c", 7)):
            ApiToken.make(self.alice, name, days=days)
        ApiToken.make(self.bob, "bobs")

        def names(query: str) -> list[str]:
            page = self.client.get(f"/account/{query}")
            return [token.name for token in page.context["list"].lines]

        self.assertEqual(names(""), ["c", "a", "b"])
        self.assertEqual(names("?sort=name"), ["a", "b", "c"])
        self.assertEqual(names("?sort=-name"), ["c", "b", "a"])
        self.assertEqual(names("?sort=expires"), ["c", "b", "a"])
        self.assertEqual(len(names("?sort=-used")), 3)
        self.assertEqual(names("?sort=digest"), ["c", "a", "b"])
        answer = self.client.get("/account/?sort=name", headers=HTMX)
        self.assertNotContains(answer, "<html")
        self.assertContains(answer, 'aria-sort="ascending"', count=1)


class WorkspaceListTests(ListTestCase):
    def setUp(self) -> None:
        super().setUp()
        make_workspace(self.alice, name="prod", token=TOKEN)
        make_workspace(self.alice, name="dev", host="https://adb-9.9.azuredatabricks.net")
        make_workspace(self.bob, name="lent", team=self.team)

    def names(self, query: str = "") -> list[str]:
        lines = self.client.get(f"{WORKSPACES}{query}").context["list"].lines
        return [line.workspace.name for line in lines]

    def test_sorted_and_filtered_as_endpoints_are(self) -> None:
        self.assertEqual(self.names(), ["dev", "lent", "prod"])
        self.assertEqual(self.names("?sort=-name"), ["prod", "lent", "dev"])
        self.assertEqual(self.names("?sort=credential")[0], "prod")
        self.assertEqual(self.names("?q=adb-9.9"), ["dev"])
        self.assertEqual(self.names("?owner=shared"), ["lent"])
        for query in ("?sort=checked", "?sort=-checked", "?sort=endpoints", "?sort=nonsense"):
            self.assertEqual(len(self.names(query)), 3)

    def test_nothing_found_leaves_the_form_for_another(self) -> None:
        page = self.client.get(f"{WORKSPACES}?q=nope")
        self.assertContains(page, "0 of 3 workspaces")
        self.assertContains(page, "Clear filter")
        self.assertContains(page, "Check and save")
