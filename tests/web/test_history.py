"""The history: the list, its filters and pages, the run beside it, comparing, undo, the palette."""

import re
from uuid import uuid4

from django.urls import reverse

from playground import drafting, filing, sharing, voting
from playground.models import Run
from tests.base import WebTestCase
from tests.make import make_endpoint, make_run

PART = {"HX-Request": "true", "HX-Target": "runs"}
DETAIL = {"HX-Request": "true", "HX-Target": "detail"}


class HistoryTestCase(WebTestCase):
    def setUp(self) -> None:
        self.endpoint = make_endpoint(self.alice, name="poet-large", team=self.team)
        self.shelf = make_run(
            self.alice, self.endpoint, prompt="The oak shelf", status="done", text="It came late."
        )
        self.lamp = make_run(
            self.alice, self.endpoint, self.endpoint, prompt="A lamp", status="failed"
        )
        self.log_in(self.alice)

    def page(self, query: str = "", headers: dict | None = None):
        return self.client.get(reverse("run-list") + query, headers=headers)

    def titles(self, page) -> list[str]:
        html = page.content.decode()
        return re.findall(r'class="run__link[^>]*>([^<]*)<', html)


class ListTests(HistoryTestCase):
    def test_newest_first_with_what_tells_them_apart(self) -> None:
        filing.describe_run(self.shelf, "Support reply", ["release-7"])
        page = self.page()
        self.assertEqual(self.titles(page), ["A lamp", "Support reply"])
        for words in ("Today, ", "release-7", "2 failed", "The oak shelf", "2 columns"):
            self.assertContains(page, words)

    def test_the_newest_is_shown_beside_it_or_the_one_asked_for(self) -> None:
        self.assertContains(self.page(), 'data-view="list"')
        self.assertNotContains(self.page(), "It came late.</div>")
        page = self.page(f"?run={self.shelf.pk}")
        self.assertContains(page, 'data-view="detail"')
        self.assertContains(page, "It came late.</div>")
        part = self.page(f"?run={self.shelf.pk}", DETAIL)
        self.assertTemplateUsed(part, "runs/_summary.html")
        self.assertTemplateNotUsed(part, "runs/list.html")

    def test_a_filter_swaps_the_list_alone_and_stays_in_the_address(self) -> None:
        part = self.page("?q=shelf&author=&tag=", PART)
        self.assertEqual(self.titles(part), ["The oak shelf"])
        self.assertEqual(part["HX-Push-Url"], "/runs/?q=shelf")
        self.assertIn("HX-Request", part["Vary"])
        self.assertContains(part, "1 run found")
        self.assertNotContains(part, "<form")
        self.assertEqual(self.page("", PART)["HX-Push-Url"], "/runs/")
        whole = self.page("?q=shelf&status=done")
        self.assertContains(whole, 'value="shelf"')
        self.assertContains(whole, '<option value="done" selected>')

    def test_every_filter(self) -> None:
        filing.describe_run(self.shelf, tags=["release-7"])
        voting.mark_best(self.alice, self.shelf.calls.get(), True)
        other = make_endpoint(self.alice, name="other")
        for query, titles in (
            ("author=me", ["A lamp", "The oak shelf"]),
            (f"author={self.bob.pk}", []),
            (f"endpoint={other.pk}", []),
            (f"endpoint={self.endpoint.pk}&status=failed", ["A lamp"]),
            ("tag=release-7", ["The oak shelf"]),
            ("vote=best", ["The oak shelf"]),
            ("cost=0.01", []),
            ("since=2020-01-01", ["A lamp", "The oak shelf"]),
            ("until=2020-01-01", []),
            ("since=nonsense&until=9999-12-31", ["A lamp", "The oak shelf"]),
            ("endpoint=nonsense", []),
            ("q=nothing-like-it", []),
        ):
            with self.subTest(query):
                self.assertEqual(self.titles(self.page(f"?{query}", PART)), titles)

    def test_nothing_yet_nothing_that_fits_and_nothing_to_search_for(self) -> None:
        self.assertContains(self.page("?q=zebra"), "No run fits")
        self.assertContains(self.page("?q=%22%2A%22"), "Only letters and digits")
        self.assertEqual(self.page("?q=" + "%22" * 5000, PART).status_code, 200)
        self.assertEqual(self.page("?q=" + "word+" * 2000, PART).status_code, 200)
        self.log_in(self.charlie)
        self.assertContains(self.page(), "No runs yet")

    def test_older_runs_come_without_gap_or_repeat(self) -> None:
        for number in range(40):
            make_run(self.alice, self.endpoint, prompt=f"Number {number}", status="done")
        first = self.page()
        self.assertEqual(len(self.titles(first)), 24)
        older = re.search(r'hx-get="([^"]*before=[^"]*)"', first.content.decode())[1]
        second = self.client.get(older.replace("&amp;", "&"), headers=PART)
        titles = self.titles(first) + self.titles(second)
        self.assertEqual(len(titles), 42)
        self.assertEqual(len(set(titles)), 42)
        self.assertNotContains(second, 'class="day"')  # the same day goes on
        self.assertNotContains(second, "before=")
        self.assertNotIn("HX-Push-Url", second)

    def test_the_number_of_queries_does_not_grow_with_the_runs(self) -> None:
        self.page()
        with self.assertNumQueries(14):
            self.page("?q=poet-large")
        for number in range(28):
            make_run(self.alice, self.endpoint, self.endpoint, prompt=str(number), status="done")
        with self.assertNumQueries(14):
            self.page("?q=poet-large")

    def test_words_of_people_and_models_stay_words(self) -> None:
        evil = "<script>alert(1)</script>"
        make_run(self.alice, self.endpoint, prompt=evil, status="done", text=evil)
        for query in ("", "?q=alert"):
            page = self.page(query)
            self.assertNotContains(page, evil)
            self.assertContains(page, "&lt;script&gt;alert(1)")


class RightsTests(HistoryTestCase):
    def test_a_stranger_finds_nothing_by_any_way(self) -> None:
        self.log_in(self.charlie)
        for query in ("", "?q=shelf", f"?author={self.alice.pk}", f"?endpoint={self.endpoint.pk}"):
            page = self.page(query)
            self.assertEqual(self.titles(page), [])
            self.assertContains(page, "0 runs")
            self.assertNotContains(page, "poet-large")
            self.assertNotContains(page, "alice")
        for query in ("shelf", "poet", "alice"):
            found = self.client.get(f"/find/?q={query}", headers=PART)
            self.assertContains(found, "Nothing found")
        for query in (f"?run={self.shelf.pk}", "?run=nonsense"):
            self.assertEqual(self.page(query).status_code, 404)
            self.assertEqual(self.page(query, DETAIL).status_code, 404)

    def test_a_colleague_sees_what_is_shared_and_cannot_delete_it(self) -> None:
        sharing.share_run(self.alice, self.shelf, self.team)
        self.log_in(self.bob)
        page = self.page()
        self.assertEqual(self.titles(page), ["The oak shelf"])
        self.assertContains(page, "alice")
        self.assertNotContains(page, "Delete this run")
        self.assertContains(page, "Fork to draft")


class CompareTests(HistoryTestCase):
    def compare(self, *runs: Run, more: str = ""):
        query = "&".join(f"run={run.pk}" for run in runs)
        return self.client.get(f"{reverse('run-compare')}?{query}{more}")

    def test_answers_of_runs_side_by_side_and_how_two_differ(self) -> None:
        table = make_run(
            self.alice, self.endpoint, prompt="A table", status="done", text="It came early."
        )
        page = self.compare(self.shelf, table)
        self.assertContains(page, "<del>late</del>", html=True)
        self.assertContains(page, "<ins>early</ins>", html=True)
        calls = f"&of={self.shelf.calls.get().pk}&with={table.calls.get().pk}&by=lines"
        self.assertContains(self.compare(self.shelf, table, more=calls), "difflines")

    def test_one_run_alone_leads_back_and_what_is_not_seen_is_not_there(self) -> None:
        self.assertRedirects(self.compare(self.shelf), "/runs/")
        self.assertRedirects(self.compare(self.shelf, self.shelf), "/runs/")
        self.assertEqual(self.compare(self.shelf, Run(pk=uuid4())).status_code, 404)
        self.assertEqual(self.compare(self.shelf, self.lamp).status_code, 200)  # no answers to diff
        self.log_in(self.charlie)
        self.assertEqual(self.compare(self.shelf, self.lamp).status_code, 404)


class ActTests(HistoryTestCase):
    def test_delete_leads_to_the_list_as_it_was_and_can_be_undone(self) -> None:
        path = reverse("run-delete", args=[self.shelf.pk])
        answer = self.client.post(path, {"filters": "status=done&x=//evil"}, follow=True)
        self.assertEqual(answer.redirect_chain[0][0], "/runs/?status=done&x=%2F%2Fevil")
        undo = reverse("run-restore", args=[self.shelf.pk])
        self.assertContains(answer, f'action="{undo}"')
        self.assertEqual(self.titles(self.page()), ["A lamp"])
        self.assertRedirects(self.client.post(undo), f"/runs/?run={self.shelf.pk}")
        self.assertEqual(self.titles(self.page()), ["A lamp", "The oak shelf"])

    def test_its_columns_join_the_draft_and_what_is_typed_stays(self) -> None:
        draft = drafting.draft_of(self.alice)
        draft.messages = [{"role": "user", "content": "Mine"}]
        draft.columns = [{"position": 1, "endpoint": str(self.endpoint.pk)}]
        draft.save()
        run = make_run(self.alice, self.endpoint, status="done", overrides={"temperature": 0.2})
        answer = self.client.post(reverse("run-columns", args=[run.pk]))
        self.assertRedirects(answer, "/", fetch_redirect_response=False)
        draft = drafting.draft_of(self.alice)
        self.assertEqual([c["position"] for c in draft.columns], [0, 1])
        self.assertEqual(draft.columns[0]["own"], {"temperature": 0.2})
        self.assertEqual(draft.messages, [{"role": "user", "content": "Mine"}])
        self.assertContains(self.client.get("/"), "poet-large")

    def test_a_full_board_takes_no_more(self) -> None:
        draft = drafting.draft_of(self.alice)
        column = {"endpoint": str(self.endpoint.pk), "repetitions": 10}
        draft.columns = [column | {"position": at} for at in range(5)]
        draft.save()
        answer = self.client.post(reverse("run-columns", args=[self.shelf.pk]), follow=True)
        self.assertContains(answer, "at most 50")
        self.assertEqual(len(drafting.draft_of(self.alice).columns), 5)


class PaletteTests(HistoryTestCase):
    def found(self, q: str):
        return self.client.get("/find/", {"q": q}, headers=PART)

    def test_pages_endpoints_and_runs(self) -> None:
        everything = self.found("")
        for words in ("Playground", "Workspaces", "The oak shelf"):
            self.assertContains(everything, words)
        self.assertContains(self.found("poet"), reverse("endpoint-edit", args=[self.endpoint.pk]))
        self.assertContains(self.found("oak"), self.shelf.get_absolute_url())
        self.assertNotContains(self.found("oak"), "A lamp")
        for q in ('"', "x" * 10_000, "%", "_", "\0"):
            self.assertEqual(self.found(q).status_code, 200)

    def test_without_script_it_is_the_search(self) -> None:
        answer = self.client.get("/find/?q=oak")
        self.assertRedirects(answer, "/runs/?q=oak")

    def test_it_is_on_every_page(self) -> None:
        for path in ("/", "/runs/", "/account/", self.shelf.get_absolute_url()):
            self.assertContains(self.client.get(path), 'id="palette"')
