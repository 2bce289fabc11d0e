"""/columns/<n>/parameters/: what one column is asked apart from the panel."""

from uuid import uuid4

from django.test import override_settings

from playground.models import Call, Draft
from tests.base import WebTestCase
from tests.make import make_endpoint

HTMX = {"HTTP_HX_REQUEST": "true"}


class ColumnOwnTests(WebTestCase):
    def setUp(self):
        self.log_in(self.alice)
        self.endpoint = make_endpoint(self.alice, name="echo", task="chat")
        self.client.post("/columns/", {"endpoint": [self.endpoint.pk]})

    def save(self, position: int = 0, **fields):
        return self.client.post(f"/columns/{position}/parameters/", fields, **HTMX)

    def columns(self) -> list[dict]:
        return Draft.objects.get(owner=self.alice).columns

    def start(self, **fields) -> list[Call]:
        columns = [f"{each['position']}:{each['endpoint']}" for each in self.columns()]
        form = {"role-1": "user", "message-1": "Hi", "column": columns} | fields
        form["idempotency_key"] = uuid4().hex
        self.assertEqual(self.client.post("/runs/start/", form, **HTMX).status_code, 200)
        return list(Draft.objects.get(owner=self.alice).run.calls.order_by("position"))

    def test_what_is_set_is_said_in_the_header(self):
        board = self.save(temperature="0.2", stop="\\n\r\nEnd", extra='{"seed": 7, "list": [1]}')
        own = {"temperature": 0.2, "seed": 7, "list": [1], "stop": ["\n", "End"]}
        self.assertEqual(self.columns()[0]["own"], own)
        for chip in ("temperature 0.2", "seed 7", "list", "2 stops"):
            self.assertContains(board, f'<span class="clip">{chip}</span>')
        form = self.client.get("/columns/0/parameters/", **HTMX)
        self.assertContains(form, 'name="temperature" inputmode="decimal" value="0.2"')
        self.assertContains(form, "\\n\nEnd</textarea>")
        self.assertContains(form, "&quot;seed&quot;: 7")

    def test_empty_is_as_in_the_panel(self):
        self.save(temperature="0.2")
        self.save(temperature="")
        self.assertNotIn("own", self.columns()[0])

    def test_repetitions_are_columns_beside_each_other(self):
        self.assertContains(self.save(repetitions="3"), '<span class="clip">3 times</span>')
        calls = self.start()
        self.assertEqual([call.repetition for call in calls], [1, 2, 3])
        board = self.client.get("/").content.decode()
        for slot in ("col-a", "col-a-2", "col-a-3"):
            self.assertIn(f'id="{slot}" data-status="queued"', board)
        # One column for the form and the follow-up, however often it was asked.
        self.assertEqual(board.count('name="column"'), 1)
        self.assertEqual(board.count('name="to"'), 1)
        self.assertEqual(len(self.start()), 3)

    def test_repetitions_go_from_one_to_ten_and_count_as_columns(self):
        for typed in ("0", "11", "x", "", "1.5", "9" * 5000):
            with self.subTest(typed):
                answer = self.save(repetitions=typed)
                self.assertContains(answer, "Repetitions go from 1 to 10.", status_code=422)
        with override_settings(MAX_VARIANTS=2):
            self.assertContains(self.save(repetitions="3"), "at most 2 can run", status_code=422)
        self.assertNotIn("repetitions", self.columns()[0])

    def test_repetitions_are_of_the_endpoint_they_were_set_for(self):
        other = make_endpoint(self.alice, name="other")
        self.save(repetitions="3")
        form = {"role-1": "user", "message-1": "Hi", "column": [f"0:{other.pk}"]}
        self.client.post("/runs/start/", form | {"idempotency_key": "k"}, **HTMX)
        self.assertEqual(Call.objects.count(), 1)

    def test_what_is_no_number_stays_in_the_extra_json(self):
        self.save(extra='{"max_tokens": null, "temperature": "hot"}')
        form = self.client.get("/columns/0/parameters/", **HTMX)
        self.assertContains(form, "&quot;max_tokens&quot;: null")
        self.assertContains(form, 'name="temperature" inputmode="decimal" value=""')

    def test_a_column_moves_with_its_letter_and_a_run_keeps_the_order(self):
        other = make_endpoint(self.alice, name="other")
        self.client.post("/columns/", {"endpoint": [self.endpoint.pk, other.pk]})
        board = self.client.post("/columns/1/move/", **HTMX).content.decode()
        self.assertLess(board.index('id="col-b"'), board.index('id="col-a"'))
        self.start()
        self.assertEqual([each["position"] for each in self.columns()], [1, 0])
        for _ in range(2):  # beyond the last place there is none
            self.client.post("/columns/1/move/?right=1", **HTMX)
        self.assertEqual([each["position"] for each in self.columns()], [0, 1])
        self.client.post("/columns/7/move/", **HTMX)
        self.assertEqual([each["position"] for each in self.columns()], [0, 1])

    def test_a_duplicate_is_asked_otherwise(self):
        self.save(copy="1", temperature="0.9", stop="End")
        self.assertEqual([each["position"] for each in self.columns()], [0, 1])
        plain, other = self.start(temperature="0.1", max_tokens="5", stop="x")
        self.assertEqual(plain.overrides, {"temperature": 0.1, "max_tokens": 5})
        self.assertEqual(plain.stop, ["x"])
        self.assertEqual(other.overrides, {"temperature": 0.9, "max_tokens": 5})
        self.assertEqual(other.stop, ["End"])
        self.assertEqual(plain.own_settings, {})
        self.assertEqual(other.own_settings, {"temperature": 0.9, "stop": ["End"]})
        self.assertEqual(self.columns()[1]["own"], other.own_settings)

    def test_a_retry_keeps_them(self):
        self.save(temperature="0.2")
        (call,) = self.start()
        Call.objects.filter(pk=call.pk).update(status="done")
        card = self.client.post(f"/calls/{call.pk}/retry/", **HTMX)
        self.assertContains(card, "temperature 0.2")

    def test_a_column_that_is_asked_otherwise_has_not_run(self):
        self.start()
        self.assertContains(self.client.get("/"), 'id="col-a" data-status="queued"')
        self.assertContains(self.save(top_p="0.5"), 'id="col-a" data-status="idle"')
        self.assertContains(self.save(), 'id="col-a" data-status="queued"')

    def test_mistakes_are_said_at_their_fields_and_nothing_is_kept(self):
        answer = self.save(temperature="hot", extra='{"a": 1,}', top_p="0.5")
        self.assertContains(answer, "Temperature is a number from 0 to 2", status_code=422)
        self.assertContains(answer, "Line 1, column 9: remove the comma", status_code=422)
        self.assertContains(answer, 'value="hot"', status_code=422)
        self.assertEqual(answer["HX-Retarget"], "#own")
        self.assertNotIn("own", self.columns()[0])

    @override_settings(MAX_VARIANTS=1)
    def test_a_full_board_takes_no_duplicate(self):
        self.assertContains(self.save(copy="1"), "at most 1 can run at once", status_code=422)

    def test_choosing_endpoints_leaves_duplicates_alone(self):
        self.save(copy="1", temperature="0.9")
        other = make_endpoint(self.alice, name="other")
        self.client.post("/columns/", {"endpoint": [self.endpoint.pk, other.pk]})
        self.assertEqual([each["position"] for each in self.columns()], [0, 1, 2])
        self.assertEqual(self.columns()[1]["own"], {"temperature": 0.9})

    def test_without_htmx_the_page_follows(self):
        self.assertRedirects(self.client.get("/columns/0/parameters/"), "/")
        page = self.client.post("/columns/0/parameters/", {"top_p": "2"}, follow=True)
        self.assertContains(page, "Top p is a number from 0 to 1")

    def test_a_column_that_is_not_there_is_404(self):
        self.assertEqual(self.client.get("/columns/7/parameters/", **HTMX).status_code, 404)
        self.assertEqual(self.save(7).status_code, 404)
