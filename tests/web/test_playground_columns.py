"""POST /columns/ and /columns/<n>/remove/: which endpoints are compared, under which letters."""

import re

from django.test import override_settings

from playground.models import Draft
from tests.base import WebTestCase
from tests.make import make_endpoint

HTMX = {"HTTP_HX_REQUEST": "true"}


class PlaygroundColumnsTests(WebTestCase):
    def setUp(self):
        self.log_in(self.alice)
        self.one, self.two, self.three = (
            make_endpoint(self.alice, name=name) for name in ("one", "two", "three")
        )

    def test_columns_come_in_the_order_they_were_chosen(self):
        board = self.choose(self.two, self.one)
        self.assertEqual(columns_in(board), [("a", "two"), ("b", "one")])
        self.assertContains(board, 'id="picker-list" hx-swap-oob="true"')

    def test_removing_a_column_leaves_the_other_letters(self):
        self.choose(self.one, self.two, self.three)
        board = self.client.post("/columns/1/remove/", **HTMX)
        self.assertEqual(columns_in(board), [("a", "one"), ("c", "three")])

    def test_a_new_column_takes_the_lowest_free_letter(self):
        self.choose(self.one, self.two)
        self.client.post("/columns/0/remove/", **HTMX)
        board = self.choose(self.two, self.three)
        self.assertEqual(columns_in(board), [("a", "three"), ("b", "two")])

    def test_choosing_the_same_again_changes_nothing(self):
        self.choose(self.one, self.two)
        self.assertEqual(
            columns_in(self.choose(self.two, self.one, self.one)), [("a", "one"), ("b", "two")]
        )

    def test_choosing_none_empties_the_board(self):
        self.choose(self.one)
        self.assertContains(self.choose(), "Pick an endpoint")

    def test_without_htmx_the_whole_page_follows(self):
        answer = self.client.post("/columns/", {"endpoint": [self.one.pk]})
        self.assertRedirects(answer, "/")
        self.assertRedirects(self.client.post("/columns/0/remove/"), "/")

    def test_endpoints_of_strangers_are_404(self):
        foreign = make_endpoint(self.charlie, name="foreign")
        self.assertEqual(self.choose(self.one, foreign).status_code, 404)
        self.assertEqual(Draft.objects.filter(columns__icontains=str(foreign.pk)).count(), 0)

    def test_malformed_ids_are_404(self):
        for bad in ("x", "../../api", "0", ""):
            answer = self.client.post("/columns/", {"endpoint": [bad]}, **HTMX)
            self.assertEqual(answer.status_code, 404, bad)

    def test_a_shared_endpoint_can_be_chosen(self):
        shared = make_endpoint(self.bob, name="shared", team=self.team)
        self.assertEqual(columns_in(self.choose(shared)), [("a", "shared")])

    @override_settings(MAX_VARIANTS=2)
    def test_too_many_columns_are_refused_in_words(self):
        answer = self.choose(self.one, self.two, self.three)
        self.assertContains(answer, "at most 2 can run at once", status_code=422)
        self.assertEqual(answer["HX-Retarget"], "#prompt-errors")

    def test_one_more_from_another_page_leads_to_its_column(self):
        self.choose(self.one)
        for _ in range(2):
            answer = self.client.post("/columns/add/", {"endpoint": self.two.pk}, follow=True)
            self.assertRedirects(answer, "/")
            self.assertEqual(columns_in(answer), [("a", "one"), ("b", "two")])

    @override_settings(MAX_VARIANTS=2)
    def test_one_more_than_can_run_is_refused_in_words(self):
        self.choose(self.one, self.two)
        answer = self.client.post("/columns/add/", {"endpoint": self.three.pk}, follow=True)
        self.assertContains(answer, "three has no column. That is 3 columns; at most 2 can run")
        self.assertEqual(columns_in(answer), [("a", "one"), ("b", "two")])

    def test_one_more_of_a_stranger_is_404(self):
        foreign = make_endpoint(self.charlie, name="foreign")
        for pk in (foreign.pk, "x", ""):
            answer = self.client.post("/columns/add/", {"endpoint": pk})
            self.assertEqual(answer.status_code, 404)

    def test_csrf_is_enforced(self):
        self.assert_csrf_enforced("/columns/add/", {"endpoint": self.one.pk}, user=self.alice)

    def test_removing_what_is_not_there_changes_nothing(self):
        self.choose(self.one)
        self.assertEqual(columns_in(self.client.post("/columns/9/remove/", **HTMX)), [("a", "one")])

    def test_only_post_is_answered(self):
        self.assertEqual(self.client.get("/columns/").status_code, 405)
        self.assertEqual(self.client.get("/columns/add/").status_code, 405)
        self.assertEqual(self.client.get("/columns/0/remove/").status_code, 405)

    def choose(self, *endpoints):
        return self.client.post("/columns/", {"endpoint": [e.pk for e in endpoints]}, **HTMX)


def columns_in(answer) -> list[tuple[str, str]]:
    """(slot, endpoint name) of every column."""
    return re.findall(r'<h2 class="col__name" id="n-([\w-]+)" title="([^"]+)"', answer.text)
