"""POST /draft/: what is typed is kept exactly, valid or not."""

from playground import drafting
from playground.models import Draft
from tests.base import WebTestCase

TYPED = {
    "role-1": "system",
    "message-1": "Be brief.",
    "role-2": "user",
    "message-2": "\nLine one\r\nline two ",
    "temperature": "0.2",
    "max_tokens": "",
    "stop": ["\\n\\n", ".", ""],
    "extra": '{"seed": ',
}


class PlaygroundDraftTests(WebTestCase):
    def setUp(self):
        self.log_in(self.alice)

    def test_a_draft_is_kept_as_typed(self):
        self.assertEqual(self.client.post("/draft/", TYPED).status_code, 204)
        draft = Draft.objects.get(owner=self.alice)
        self.assertEqual(draft.messages[1], {"role": "user", "content": "\nLine one\nline two "})
        self.assertEqual(draft.params, {"temperature": "0.2"})
        self.assertEqual(draft.stop, ["\\n\\n", "."])
        self.assertEqual(draft.extra, '{"seed": ')

    def test_the_page_shows_it_again(self):
        self.client.post("/draft/", TYPED)
        page = self.client.get("/")
        # The first line feed after the tag belongs to HTML, the second to the prompt.
        self.assertContains(page, 'dir="auto">\n\nLine one\nline two </textarea>')
        self.assertContains(page, "{&quot;seed&quot;: </textarea>")
        self.assertContains(page, "temp 0.2 · 2 stops · extra JSON")

    def test_each_person_has_a_draft_of_their_own(self):
        self.client.post("/draft/", TYPED)
        self.log_in(self.bob)
        self.assertNotContains(self.client.get("/"), "Line one")

    def test_columns_and_run_are_left_alone(self):
        draft = drafting.draft_of(self.alice)
        column = {"position": 3, "endpoint": "4b0b1d5e-9d4b-4d43-b7de-31eb9d4bbf5d"}
        Draft.objects.filter(pk=draft.pk).update(columns=[column])
        self.client.post("/draft/", TYPED)
        self.assertEqual(Draft.objects.get(owner=self.alice).columns, [column])

    def test_a_form_without_fields_still_leaves_a_prompt_to_type_in(self):
        self.client.post("/draft/")
        self.assertContains(self.client.get("/"), 'aria-label="User message"')

    def test_only_post_is_answered(self):
        self.assertEqual(self.client.get("/draft/").status_code, 405)

    def test_anonymous_is_asked_to_sign_in(self):
        self.client.logout()
        self.assertEqual(self.client.post("/draft/", TYPED).status_code, 302)
        self.assertFalse(Draft.objects.filter(messages__icontains="Line one").exists())
