"""GET /calls/{pk}/diff/: one answer against another, both of one's own."""

from datetime import timedelta
from uuid import uuid4

from playground.models import Call, Run
from tests.base import WebTestCase
from tests.make import make_call, make_endpoint, make_run

HTMX = {"HX-Request": "true"}
COUNTS = '<ins>{}<span class="vh"> {}</span> added</ins>, <del>1 removed</del>'


class DiffTests(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)
        self.one, self.two = (
            make_endpoint(self.alice, name=name, team=self.team) for name in ("one", "two")
        )
        self.run_ = make_run(self.alice, self.one, self.two, status="done")
        self.a, self.b = self.run_.calls.all()
        self.say(self.a, "Hi <b>there</b>, friend")
        self.say(self.b, "Hello <b>there</b>, old friend")

    def say(self, call: Call, text: str) -> None:
        call.text = text
        call.save()

    def diff(self, call: Call, **query):
        return self.client.get(f"/calls/{call.pk}/diff/", query, headers=HTMX)

    def test_against_the_other_column_by_words_escaped(self) -> None:
        page = self.diff(self.b)
        self.assertContains(page, "<del>Hi</del> <ins>Hello</ins> &lt;b&gt;there&lt;/b&gt;, ")
        self.assertContains(page, COUNTS.format(2, "words"))
        self.assertContains(page, f'<option value="{self.a.pk}" selected>A · one</option>')
        self.assertContains(page, "[-Hi-] {+Hello+} &lt;b&gt;")

    def test_by_lines(self) -> None:
        page = self.diff(self.b, by="lines", **{"with": str(self.a.pk)})
        self.assertContains(page, COUNTS.format(1, "line"))
        self.assertContains(page, 'value="lines" id="col-b-diff-lines" autocomplete="off" checked')

    def test_what_is_not_mine_is_a_404_on_either_side(self) -> None:
        theirs = make_run(self.bob, self.one, status="done", text="theirs").calls.get()
        for pk in (theirs.pk, uuid4(), "\0", "nobody"):
            self.assertEqual(self.diff(self.a, **{"with": str(pk)}).status_code, 404)
        for other in (self.bob, self.vera, self.charlie):
            self.log_in(other)
            self.assertEqual(self.diff(self.a).status_code, 404)
        self.log_in(self.bob)
        self.assertEqual(self.diff(theirs, **{"with": str(self.a.pk)}).status_code, 404)

    def test_earlier_runs_of_mine_and_attempts_are_offered_and_nobody_elses(self) -> None:
        earlier = make_run(self.alice, self.two, self.one, status="done", text="Hi, friend")
        theirs = make_run(self.bob, self.one, status="done", text="of bob")
        for run in (earlier, theirs):
            before = self.run_.created_at - timedelta(hours=2)
            Run.objects.filter(pk=run.pk).update(created_at=before)
        first = make_call(self.run_, self.one, position=0, attempt=2, status="done", text="Again")
        page = self.diff(self.a)
        old = earlier.calls.get(endpoint=self.one)
        self.assertContains(page, f'<option value="{first.pk}">Attempt 2</option>')
        self.assertContains(page, f'<option value="{old.pk}">2\xa0hours ago · How are you?')
        self.assertNotContains(page, str(theirs.calls.get().pk))
        self.assertContains(self.diff(self.a, **{"with": str(old.pk)}), "<ins>")

    def test_nothing_to_compare_with_says_so(self) -> None:
        alone = make_run(self.alice, make_endpoint(self.alice, name="new"), text="x").calls.get()
        self.assertContains(self.diff(alone), "nothing to compare this answer with yet")

    def test_what_is_still_coming_is_compared_as_stored_and_that_is_said(self) -> None:
        Call.objects.filter(pk=self.a.pk).update(status="streaming")
        page = self.diff(self.b)
        self.assertContains(page, "The other answer is still coming: compared as stored so far.")
        self.assertContains(page, f'data-waits="{self.a.pk} "')

    def test_white_space_alone_is_said_and_equal_is_equal(self) -> None:
        self.say(self.a, "same  words")
        self.say(self.b, "same words")
        self.assertContains(self.diff(self.b), "Only white space differs.")
        self.say(self.a, "same words")
        page = self.diff(self.b)
        self.assertContains(page, "No difference")
        self.assertNotContains(page, "Only white space")

    def test_too_large_for_words_says_what_was_done(self) -> None:
        self.say(self.a, "a " * 300_000)
        self.say(self.b, "b " * 300_000)
        self.assertContains(self.diff(self.b), "too different to compare word by word")

    def test_an_address_opened_by_itself_leads_to_the_run(self) -> None:
        response = self.client.get(f"/calls/{self.a.pk}/diff/")
        self.assertRedirects(response, self.run_.get_absolute_url())
