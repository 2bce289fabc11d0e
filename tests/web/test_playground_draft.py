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
        self.assertEqual(self.client.post("/draft/", TYPED).status_code, 200)
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

    def test_a_cleared_message_stays_cleared_and_there(self):
        self.client.post("/draft/", TYPED | {"message-1": "", "message-2": ""})
        page = self.client.get("/")
        self.assertContains(page, 'aria-label="System message"')
        self.assertContains(page, 'aria-label="User message"')
        messages = Draft.objects.get(owner=self.alice).messages
        self.assertEqual(messages, [{"role": r, "content": ""} for r in ("system", "user")])

    def test_a_save_on_top_of_the_stored_draft_is_taken(self):
        for text in ("one", "two"):
            known = drafting.draft_of(self.alice).saved_at.isoformat()
            answer = self.save(text, known)
            self.assertEqual(answer.status_code, 200)
            stored = drafting.draft_of(self.alice)
            self.assertEqual(answer.json()["saved_at"], stored.saved_at.isoformat())
        self.assertEqual(stored.messages[1]["content"], "two")

    def test_a_save_on_top_of_an_older_draft_gets_the_newer_one_back(self):
        old = drafting.draft_of(self.alice).saved_at.isoformat()
        self.save("of another tab", old)
        answer = self.save("of this tab", old)
        self.assertEqual(answer.status_code, 409)
        stored = drafting.draft_of(self.alice)
        self.assertEqual(stored.messages[1]["content"], "of another tab")
        self.assertEqual(answer.json()["saved_at"], stored.saved_at.isoformat())
        fields = [
            ["role-1", "system"],
            ["message-1", "Be brief."],
            ["role-2", "user"],
            ["message-2", "of another tab"],
            ["temperature", "0.2"],
            ["stop", "\\n\\n"],
            ["stop", "."],
            ["extra", '{"seed": '],
        ]
        self.assertEqual(answer.json()["fields"], fields)
        self.assertEqual(self.save("of this tab", answer.json()["saved_at"]).status_code, 200)

    def test_the_same_text_twice_is_no_conflict(self):
        old = drafting.draft_of(self.alice).saved_at.isoformat()
        self.save("same", old)
        self.assertEqual(self.save("same", old).status_code, 200)

    def test_a_change_of_columns_is_no_newer_draft(self):
        known = drafting.draft_of(self.alice).saved_at.isoformat()
        self.client.post("/columns/", {"endpoint": []})
        self.assertEqual(self.save("text", known).status_code, 200)

    def test_a_time_that_is_none_is_no_time(self):
        for known in ("", "yesterday", "2024-01-01T00:00:00"):
            self.assertEqual(self.save("text", known).status_code, 200)

    def test_what_cannot_be_sent_is_said_for_every_field(self):
        mistakes = self.client.post("/draft/", TYPED | {"top_p": "7"}).json()["mistakes"]
        self.assertEqual(set(mistakes), {"top_p", "extra"})

    def test_null_characters_are_left_out(self):
        nul = {"role-1": "sys\0tem", "message-1": "a\0b", "top_p": "0\0.5", "extra": "\0"}
        self.client.post("/draft/", nul)
        draft = Draft.objects.get(owner=self.alice)
        self.assertEqual(draft.messages, [{"role": "system", "content": "ab"}])
        self.assertEqual((draft.params, draft.extra), ({"top_p": "0.5"}, ""))

    def test_examples_and_variables_are_kept_and_shown(self):
        typed = TYPED | {
            "message-1": "Be {{tone}}.",
            "example-user-1": "2+2?",
            "example-assistant-1": "4\r\n",
            "variable-tone": "",
            "variable-later": "<b>",
            "variable-no-name": "x",
            "tools": "[",
            "response_format": "{}",
        }
        answer = self.client.post("/draft/", typed)
        self.assertEqual(set(answer.json()["mistakes"]), {"extra", "tools"})
        draft = Draft.objects.get(owner=self.alice)
        self.assertEqual(draft.examples, [{"user": "2+2?", "assistant": "4\n"}])
        self.assertEqual(draft.variables, {"tone": "", "later": "<b>"})
        self.assertEqual((draft.tools, draft.response_format), ("[", "{}"))
        page = self.client.get("/")
        self.assertContains(page, 'aria-label="Assistant of example 1"')
        self.assertContains(page, '<div class="variable" data-variable><label for="v-tone"')
        self.assertContains(page, '<div class="variable" data-variable hidden><label for="v-later"')
        self.assertContains(page, "&lt;b&gt;</textarea>")
        self.assertContains(page, "2 stops · extra JSON · tools · response format")
        conflict = self.client.post("/draft/", {"saved_at": "2024-01-01T00:00:00Z"})
        sent = {name: text for name, text in typed.items() if "no-name" not in name}
        told = {name for name, _ in conflict.json()["fields"]}
        self.assertEqual(told, {name for name, text in sent.items() if text or "variable" in name})

    def test_messages_are_as_many_and_as_ordered_as_typed(self):
        roles = ("user", "assistant", "user", "system")
        typed = {f"role-{number}": role for number, role in enumerate(roles, 1)}
        typed |= {f"message-{number}": str(number) for number in range(1, 5)}
        self.client.post("/draft/", typed)
        draft = Draft.objects.get(owner=self.alice)
        self.assertEqual([message["role"] for message in draft.messages], list(roles))
        self.assertEqual([message["content"] for message in draft.messages], list("1234"))
        self.assertContains(self.client.get("/"), 'aria-label="Move message 4 up"')

    def save(self, text: str, known: str):
        return self.client.post("/draft/", TYPED | {"message-2": text, "saved_at": known})

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
