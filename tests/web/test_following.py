"""Follow-ups: every column goes on with its own turns, by the page and by the API."""

from playground import drafting
from playground.asking import prompt_of
from playground.models import Call, Draft, Run
from tests.api import ApiTestCase
from tests.make import make_call, make_endpoint, make_run

HTMX = {"HTTP_HX_REQUEST": "true"}


class FollowTestCase(ApiTestCase):
    def setUp(self):
        self.log_in(self.alice)
        self.echo = make_endpoint(self.alice, name="echo")
        self.poet = make_endpoint(self.alice, name="poet")
        self.run = make_run(self.alice, self.echo, self.poet, prompt="How are you?")
        for call, text in zip(self.run.calls.all(), ("Good.", "A verse."), strict=True):
            Call.objects.filter(pk=call.pk).update(status="done", text=text, latency_ms=1)
        self.draft = drafting.draft_of(self.alice)
        drafting.choose_columns(self.draft, [self.echo, self.poet])
        Draft.objects.update(run=self.run)

    def follow(self, text: str = "Why?", *columns: str, key: str = "k1", **typed):
        form = {"follow_up": text, "to": columns or self.both(), "follow_up_key": key} | typed
        return self.client.post("/runs/follow/", form, **HTMX)

    def both(self) -> tuple[str, ...]:
        return f"0:{self.echo.pk}", f"1:{self.poet.pk}"

    def sent(self, call: Call) -> list[tuple[str, str]]:
        return [(each["role"], each["content"]) for each in prompt_of(call).messages]


class PageTests(FollowTestCase):
    def test_each_column_is_sent_its_own_turns(self):
        board = self.follow()
        first, second = Run.objects.latest("created_at").calls.all()
        self.assertEqual(
            self.sent(first),
            [("user", "How are you?"), ("assistant", "Good."), ("user", "Why?")],
        )
        self.assertEqual(self.sent(second)[1], ("assistant", "A verse."))
        self.assertContains(board, "You, follow-up", count=2)
        self.assertContains(board, 'id="col-a" data-status="queued"')

    def test_a_third_turn_goes_on_from_the_second(self):
        self.follow()
        second = Run.objects.latest("created_at")
        second.calls.update(status="done", text="Because.", latency_ms=1)
        self.follow("Really?", f"0:{self.echo.pk}", key="k2")
        call = Run.objects.latest("created_at").calls.get()
        self.assertEqual(
            [words for _, words in self.sent(call)][2:], ["Why?", "Because.", "Really?"]
        )

    def test_columns_that_were_not_ticked_keep_what_they_show(self):
        board = self.follow("Why?", f"0:{self.echo.pk}").content.decode()
        self.assertIn('id="col-a" data-status="queued"', board)
        self.assertIn('id="col-b" data-status="done"', board)
        self.assertIn("A verse.", board)
        self.assertEqual(len(Draft.objects.get().columns), 2)
        # Asking again would be a turn of an earlier run, which this board does not follow.
        retry = board.split('id="col-b-retry"')[1].split(">")[0]
        self.assertIn("disabled", retry)

    def test_what_is_set_in_the_panel_now_is_sent(self):
        self.follow(temperature="0.5")
        self.assertEqual(Call.objects.latest("created_at").overrides, {"temperature": 0.5})

    def test_the_same_key_sends_once_even_when_its_answer_was_lost(self):
        for _ in range(2):
            self.assertEqual(self.follow().status_code, 200)
        self.assertEqual(Run.objects.count(), 2)
        self.assertContains(self.follow("Other words"), "idempotency key", status_code=422)

    def test_a_key_does_not_answer_for_another_run(self):
        self.follow("Why?", f"0:{self.echo.pk}")
        other = make_run(self.alice, self.echo, prompt="Another", status="done", text="Other.")
        Draft.objects.update(run=other)
        answer = self.follow("Why?", f"0:{self.echo.pk}")
        self.assertContains(answer, "idempotency key", status_code=422)
        self.assertEqual(Draft.objects.get().run, other)

    def test_nothing_goes_on_from_an_answer_that_is_not_shown(self):
        shown = [str(call.pk) for call in self.run.calls.all()]
        cats = make_run(self.alice, self.echo, prompt="Cats", status="done", text="Cats.")
        Draft.objects.update(run=cats)  # by another tab
        answer = self.follow("Why?", f"0:{self.echo.pk}", shown=shown)
        self.assertContains(answer, "another answer by now, from another tab", status_code=422)
        self.assertEqual(Run.objects.count(), 2)
        answer = self.follow("Why?", f"0:{self.echo.pk}", shown=[str(cats.calls.get().pk)])
        self.assertEqual(answer.status_code, 200)

    def test_the_prompt_of_another_tab_stays(self):
        Draft.objects.update(messages=[{"role": "user", "content": "typed elsewhere"}])
        for text in ("", "Why?"):
            self.follow(text, **{"message-1": "stale", "role-1": "user"})
            self.assertEqual(Draft.objects.get().messages[0]["content"], "typed elsewhere")

    def test_an_earlier_turn_is_not_asked_again_from_here(self):
        self.run.calls.filter(position=1).update(
            status="failed", text="", error={"kind": "timeout", "message": "m", "hint": "h"}
        )
        board = self.follow("Why?", f"0:{self.echo.pk}").content.decode()
        column = board.split('id="col-b"')[1]
        self.assertNotIn("/retry/", column.split("callout__actions")[1].split("</div>")[0])

    def test_a_retry_sends_the_same_turns(self):
        self.follow("Why?", f"0:{self.echo.pk}")
        call = Call.objects.latest("created_at")
        Call.objects.filter(pk=call.pk).update(status="failed", error={"kind": "timeout"})
        self.client.post(f"/calls/{call.pk}/retry/", **HTMX)
        again = Call.objects.get(run=call.run, attempt=2)
        self.assertEqual(self.sent(again), self.sent(call))

    def test_what_cannot_be_followed_says_why_and_sends_nothing(self):
        for status, text, says in (
            ("streaming", "Go", "Column A is still answering"),
            ("failed", "", "Column A has no answer"),
        ):
            self.run.calls.filter(position=0).update(status=status, text=text)
            with self.subTest(status):
                answer = self.follow()
                self.assertContains(answer, says, status_code=422)
                self.assertEqual(answer["HX-Retarget"], "#follow-errors")
        self.assertContains(
            self.follow("Why?", f"4:{self.echo.pk}"), "Column E has not run yet", status_code=422
        )
        self.assertContains(self.follow("  "), "The prompt is empty", status_code=422)
        self.assertEqual(Run.objects.count(), 1)

    def test_turns_count_like_a_prompt(self):
        self.run.calls.update(text="x" * 600_000)
        self.assertContains(self.follow(), "Column A: all turns together", status_code=422)

    def test_vectors_are_no_conversation(self):
        vectors = make_endpoint(self.alice, name="vectors", task="embeddings")
        make_call(self.run, vectors, position=2, status="done", text="x")
        answer = self.follow("Why?", f"2:{vectors.pk}")
        self.assertContains(answer, "Column C has no answer", status_code=422)


class ApiTests(FollowTestCase):
    def post(self, user=None, **body):
        path = f"/runs/{self.run.pk}/follow-up"
        return self.api(user or self.alice, "POST", path, {"prompt": "Why?"} | body)

    def test_every_column_with_an_answer_or_those_of_some_letters(self):
        self.run.calls.filter(position=1).update(status="failed", text="")
        run = self.post().json()
        self.assertEqual([call["letter"] for call in run["calls"]], ["A"])
        self.assertEqual(run["follows"], str(self.run.pk))
        [turn] = run["calls"][0]["thread"]
        self.assertEqual(turn["answer"], {"role": "assistant", "content": "Good."})
        for columns, says in ((["B"], "no answer"), (["Z"], "no column Z")):
            error = self.post(columns=columns).json()["error"]
            self.assertEqual(error["field"], "columns")
            self.assertIn(says, error["message"])

    def test_a_strangers_run_is_not_there(self):
        self.assertEqual(self.post(self.charlie).status_code, 404)
