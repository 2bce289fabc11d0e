"""The raw drawer: a call's request, response, timing and code, and the preview of a column."""

import json
from html import unescape
from uuid import uuid4

from django.utils import timezone

from endpoints.code import FORMATS
from playground import drafting
from playground.requesting import planned_call, request_of
from playground.running import Variant
from tests.base import WebTestCase
from tests.make import TOKEN, make_endpoint, make_run, make_workspace

HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/"}
PROMPT = {"role-1": "user", "message-1": "Is <b>this</b> bold?"}


class RawTestCase(WebTestCase):
    def setUp(self):
        self.log_in(self.alice)
        self.workspace = make_workspace(self.alice, token=TOKEN)
        self.chat = make_endpoint(
            self.alice,
            name="chat",
            kind="serving",
            task="chat",
            workspace=self.workspace,
            serving_endpoint="chat-1",
            params={"temperature": 0.5},
        )


class CallRawTests(RawTestCase):
    def setUp(self):
        super().setUp()
        response = {"status": 200, "content_type": "application/json", "body": {"a": "<i>1</i>"}}
        times = {"ttft_ms": 500, "latency_ms": 2000, "started_at": timezone.now()}
        self.run_ = make_run(self.alice, self.chat, status="done", response=response, **times)
        self.call = self.run_.calls.get()
        self.call.request = dict(vars(request_of(self.call)))
        self.call.save()

    def raw(self, **headers):
        return self.client.get(f"/calls/{self.call.pk}/raw/", headers=HTMX | headers)

    def test_it_shows_request_response_timing_and_every_code(self):
        page = self.raw()
        for title in (
            *("Request", "Response", "Timing", "As cURL", "As Python", "As mlflow"),
            *("As OpenAI", "As LangChain"),
        ):
            self.assertContains(page, f">{title}</button>")
        self.assertContains(page, "POST https://adb-1.2.azuredatabricks.net/serving-endpoints/chat")
        self.assertContains(page, "HTTP 200")
        self.assertContains(page, "&lt;i&gt;1&lt;/i&gt;")
        self.assertNotContains(page, "<i>1</i>")
        self.assertContains(page, "curl -sS")
        self.assertContains(page, "ChatDatabricks")

    def test_a_stream_is_shown_event_by_event_and_other_lists_as_json(self):
        events = ['{"a": 1}', "[DONE]"]
        for content_type, shown in (
            (
                "text/event-stream; charset=utf-8",
                "HTTP 200\ndata: {&quot;a&quot;: 1}\ndata: [DONE]",
            ),
            ("application/json", "HTTP 200\n[\n  &quot;{"),
        ):
            response = {"status": 200, "content_type": content_type, "body": events}
            self.run_.calls.update(response=response)
            self.assertContains(self.raw(), shown)
            self.assertContains(self.raw(), "200 OK")

    def test_no_secret_is_anywhere_in_it(self):
        page = self.raw()
        self.assertContains(page, "Authorization: Bearer •")
        self.assertNotContains(page, TOKEN)

    def test_the_time_is_a_bar_of_parts_without_inline_styles(self):
        page = self.raw().content.decode()
        self.assertRegex(page, r'class="waiting" x="\d+" y="0" width="2[45]\d"')
        self.assertRegex(page, r'class="streaming" x="2[45]\d" y="0" width="7[45]\d"')
        self.assertNotIn("style=", page)
        self.assertIn("TTFT 0.50 s, Streaming 1.50 s", page)

    def test_while_a_call_goes_on_it_shows_what_was_sent_and_can_be_refreshed(self):
        self.run_.calls.update(status="streaming", request=None, response=None, latency_ms=None)
        page = self.raw()
        self.assertContains(page, "How are you?")
        self.assertContains(page, "still going")
        self.assertContains(page, "Refresh")

    def test_a_preview_of_the_next_one_is_offered_in_the_playground_only(self):
        self.assertContains(self.raw(), "Preview next request")
        elsewhere = {"HX-Current-URL": f"http://testserver/runs/{self.run_.pk}/"}
        self.assertNotContains(self.raw(**elsewhere), "Preview next request")

    def test_others_get_404_and_so_does_what_is_missing(self):
        for user in (self.bob, self.charlie):
            self.log_in(user)
            self.assertEqual(self.raw().status_code, 404)
        self.assertEqual(self.client.get(f"/calls/{uuid4()}/raw/").status_code, 404)

    def test_opened_by_hand_it_leads_to_the_run(self):
        page = self.client.get(f"/calls/{self.call.pk}/raw/")
        self.assertRedirects(page, f"/runs/{self.run_.pk}/")

    def test_columns_have_the_button_and_the_keys_list_names_it(self):
        page = self.client.get(f"/runs/{self.run_.pk}/")
        self.assertContains(page, f'hx-get="/calls/{self.call.pk}/raw/"')
        self.assertContains(page, '<dialog class="drawer" id="raw"')
        self.assertContains(page, "<kbd>J</kbd>")


class PreviewTests(RawTestCase):
    def preview(self, position=0, **form):
        column = {"column": f"{position}:{self.chat.pk}"}
        path = f"/columns/{position}/preview/"
        return self.client.post(path, column | PROMPT | form, headers=HTMX)

    def test_it_is_the_request_for_the_prompt_as_typed_and_sends_and_stores_nothing(self):
        before = drafting.draft_of(self.alice).messages
        page = self.preview(max_tokens="9", stop="\\n", extra='{"seed": 7}')
        self.assertContains(page, "not sent")
        shown = unescape(page.content.decode().split('id="raw-request-text">')[1])
        body = json.loads(shown.partition("\n\n")[2].partition("</pre>")[0])
        self.assertEqual(
            body,
            {
                "messages": [{"role": "user", "content": "Is <b>this</b> bold?"}],
                "temperature": 0.5,
                "max_tokens": 9,
                "seed": 7,
                "stop": ["\n"],
                "stream": True,
            },
        )
        self.assertEqual(drafting.draft_of(self.alice).messages, before)
        self.assertFalse(self.alice.runs.exists())

    def test_it_equals_what_a_run_of_the_same_would_send(self):
        variant = Variant(self.chat, {"max_tokens": 9}, ["."])
        messages = [{"role": "user", "content": "Hello {{who}}"}]
        planned = planned_call(self.alice, variant, messages, variables={"who": "you"})
        run = make_run(self.alice, messages=[{"role": "user", "content": "Hello you"}])
        config = self.chat.config()
        stored = run.calls.create(
            person=self.alice,
            position=0,
            config=config,
            overrides={"max_tokens": 9},
            stop_override=["."],
        )
        self.assertEqual(request_of(planned).content, request_of(stored).content)

    def test_many_inputs_go_in_batches_and_the_first_is_shown(self):
        bge = make_endpoint(
            self.alice,
            name="bge",
            kind="serving",
            task="embeddings",
            workspace=self.workspace,
            serving_endpoint="databricks-bge-large-en",
        )
        lines = "\n".join(f"line {number}" for number in range(23))
        form = {"column": f"0:{bge.pk}", "takes_lines": "on", "message-1": lines}
        page = self.preview(**form)
        self.assertContains(page, "&quot;line 19&quot;")
        self.assertNotContains(page, "&quot;line 20&quot;")
        self.assertContains(page, "This is the first of 2 requests")
        self.assertContains(page, "# The first of 2 requests", count=len(FORMATS))
        fewer = form | {"message-1": "only one line"}
        self.assertNotContains(self.preview(**fewer), "The first of")
        # Without the switch every message of a user is a text of its own.
        said = {f"message-{number}": f"text {number}" for number in range(1, 42)}
        page = self.preview(**{"column": form["column"]} | said)
        self.assertContains(page, "This is the first of 3 requests")

    def test_no_code_or_request_holds_the_secret(self):
        page = self.preview()
        self.assertContains(page, "Authorization: Bearer •")
        self.assertNotContains(page, TOKEN)

    def test_a_missing_credential_is_said_before_the_run(self):
        self.assertNotContains(self.preview(), "no credential")
        self.workspace.credentials.all().delete()
        self.assertContains(self.preview(), "You have no credential for this workspace yet")

    def test_what_cannot_be_sent_says_why(self):
        for form, says in (
            ({"message-1": " "}, "The prompt is empty"),
            ({"extra": "{"}, "Extra JSON"),
            ({"max_tokens": "x"}, "Max tokens is a whole number"),
            ({"extra": '{"stream": false}'}, "has its own field"),
        ):
            with self.subTest(form):
                self.assertContains(self.preview(**form), says, status_code=422)

    def test_another_ones_endpoint_is_none(self):
        self.log_in(self.charlie)
        self.assertContains(self.preview(), "not there any more", status_code=422)

    def test_a_column_that_is_not_there_is_404(self):
        form = PROMPT | {"column": f"1:{self.chat.pk}"}
        self.assertEqual(
            self.client.post("/columns/0/preview/", form, headers=HTMX).status_code, 404
        )

    def test_csrf_is_enforced_and_it_takes_a_post(self):
        self.assert_csrf_enforced("/columns/0/preview/", PROMPT, user=self.alice)
        self.assertEqual(self.client.get("/columns/0/preview/").status_code, 405)

    def test_idle_columns_offer_it(self):
        draft = drafting.draft_of(self.alice)
        drafting.choose_columns(draft, [self.chat])
        self.assertContains(self.client.get("/"), 'hx-post="/columns/0/preview/"')
