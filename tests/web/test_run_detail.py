"""GET /runs/<id>/: one run, for good."""

from uuid import uuid4

from playground import drafting
from tests.base import WebTestCase
from tests.make import make_call, make_endpoint, make_run

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Is <b>this</b> bold?"},
]


class RunDetailTests(WebTestCase):
    def setUp(self):
        self.log_in(self.alice)
        self.endpoint = make_endpoint(self.alice)
        self.run_ = make_run(
            self.alice, self.endpoint, messages=MESSAGES, status="done", text="<i>No.</i>"
        )

    def test_the_bytes_of_an_image_are_left_out(self):
        url = "data:image/png;base64," + "A" * 5000
        parts = [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": url}}]
        run = make_run(self.alice, self.endpoint, messages=[{"role": "user", "content": parts}])
        page = self.client.get(f"/runs/{run.pk}/")
        self.assertContains(page, "data:image/png;base64,AAAA")
        self.assertContains(page, "… (5 KB)")
        self.assertNotContains(page, "A" * 300)

    def test_prompt_and_answers_are_shown_as_text(self):
        page = self.page()
        self.assertContains(page, "Is &lt;b&gt;this&lt;/b&gt; bold?")
        self.assertContains(page, "&lt;i&gt;No.&lt;/i&gt;")
        self.assertContains(page, 'id="board"')
        self.assertNotContains(page, "<b>this</b>")

    def test_it_says_what_was_set_for_which_column(self):
        make_call(self.run_, self.endpoint, position=1, overrides={"temperature": 0.2})
        self.assertContains(self.page(), "<code>temperature 0.2</code>")

    def test_only_the_newest_attempt_is_shown(self):
        make_call(self.run_, self.endpoint, position=0, attempt=2, status="done", text="Again.")
        page = self.page()
        self.assertContains(page, "Again.")
        self.assertNotContains(page, "&lt;i&gt;No.")

    def test_a_deleted_endpoint_leaves_its_answers(self):
        self.endpoint.delete()
        page = self.page()
        self.assertContains(page, "&lt;i&gt;No.&lt;/i&gt;")
        self.assertNotContains(page, "Edit endpoint")

    def test_it_leads_back_to_the_playground(self):
        self.assertContains(self.page(), "Back to playground")
        draft = drafting.draft_of(self.alice)
        draft.run = self.run_
        draft.save()
        self.assertContains(self.page(), "Open in playground")

    def test_others_get_404(self):
        for somebody in (self.bob, self.charlie):
            self.log_in(somebody)
            self.assertEqual(self.page().status_code, 404)

    def test_what_is_missing_is_404(self):
        for pk in (uuid4(), "x", "1"):
            self.assertEqual(self.client.get(f"/runs/{pk}/").status_code, 404)

    def test_only_get_is_answered(self):
        self.assertEqual(self.client.post(f"/runs/{self.run_.pk}/").status_code, 405)

    def page(self):
        return self.client.get(f"/runs/{self.run_.pk}/")
