"""GET /: the draft, its columns and what stands in them."""

import re
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from playground import drafting
from playground.models import Call, Draft
from tests.base import WebTestCase
from tests.make import make_call, make_endpoint, make_run, make_workspace

SCRIPT = "<script>alert('hi')</script>"


class PlaygroundPageTests(WebTestCase):
    def setUp(self):
        self.log_in(self.alice)

    def test_anonymous_is_asked_to_sign_in(self):
        self.client.logout()
        self.assertRedirects(self.client.get("/"), "/login/?next=/")

    def test_first_visit_shows_the_sample_prompt_on_the_demo_endpoints(self):
        for name in ("demo-echo", "demo-poet"):
            make_endpoint(self.alice, name=name, is_demo=True)
        page = self.client.get("/")
        self.assertContains(page, "Explain gradient descent to a new colleague")
        self.assertContains(page, 'aria-label="System message"')
        self.assertContains(page, 'aria-label="User message"')
        self.assertEqual(re.findall(r'id="(col-\w+)" data-status="(\w+)"', page.text), IDLE_PAIR)

    def test_demo_endpoints_of_strangers_are_not_shown(self):
        make_endpoint(self.charlie, name="demo-secret", is_demo=True)
        self.assertNotContains(self.client.get("/"), "demo-secret")

    def test_without_columns_the_page_says_what_to_do(self):
        page = self.client.get("/")
        self.assertContains(page, "Pick an endpoint to get your first answer")
        self.assertNotContains(page, 'id="board"')

    def test_only_get_is_answered(self):
        self.assertEqual(self.client.post("/").status_code, 405)

    def test_model_text_is_never_markup(self):
        self.show(status=Call.Status.DONE, text=SCRIPT)
        page = self.client.get("/")
        self.assertNotContains(page, SCRIPT)
        self.assertContains(page, "&lt;script&gt;alert(&#x27;hi&#x27;)&lt;/script&gt;")

    def test_every_character_of_an_answer_is_in_the_page(self):
        self.show(status=Call.Status.DONE, text="你好吗？\r\n  two\n")
        self.assertContains(self.client.get("/"), '-text">你好吗？&#13;\n  two\n</div>')

    def test_an_error_says_what_happened_and_what_to_do(self):
        self.show(status=Call.Status.FAILED, error=ERROR, text="so far", response=RESPONSE)
        page = self.client.get("/")
        for words in ("so far", ERROR["hint"], "What the server said"):
            self.assertContains(page, words)
        for words in ("There is no such endpoint</h3>", "it was deleted."):
            self.assertContains(page, words)
        self.assertContains(page, "&lt;b&gt;no&lt;/b&gt;")
        self.assertContains(page, f"/endpoints/{self.endpoint.pk}/")

    def test_a_missing_credential_leads_to_the_workspaces(self):
        self.show(status=Call.Status.FAILED, error=ERROR | {"kind": "no_credential"})
        self.assertContains(self.client.get("/"), "Add a credential")

    def test_a_stopped_cluster_can_be_started_from_the_column(self):
        workspace = make_workspace(self.alice)
        proxy = {"kind": "driver_proxy", "cluster_id": "0812-091530-k3v9q2", "port": 7777}
        endpoint = make_endpoint(self.alice, name="app", workspace=workspace, **proxy)
        stopped = ERROR | {"kind": "cluster_stopped"}
        run = make_run(self.alice, endpoint, status=Call.Status.FAILED, error=stopped)
        start = f'hx-post="/workspaces/{workspace.pk}/clusters/0812-091530-k3v9q2/start/"'
        self.assertContains(self.client.get(run.get_absolute_url()), start)

    def test_an_endpoint_of_others_has_no_edit_link(self):
        self.log_in(self.bob)
        self.show(owner=self.bob, status=Call.Status.FAILED, error=ERROR)
        self.assertNotContains(self.client.get("/"), "Edit endpoint")

    def test_a_run_that_goes_on_is_shown_going_on(self):
        run = self.show(status=Call.Status.STREAMING, text="half")
        page = self.client.get("/")
        self.assertContains(page, 'data-status="streaming"')
        self.assertContains(page, f'data-socket="/ws/runs/{run.pk}/"')
        self.assertContains(page, 'aria-busy="true"')
        self.assertRegex(page.text, r'id="run"[^>]* aria-disabled="true"')
        self.assertNotRegex(page.text, r'id="stop"[^>]* disabled')

    def test_the_tab_says_how_many_ended_how(self):
        run = self.show(status=Call.Status.DONE, text="x")
        self.assertContains(self.client.get("/"), ">1 of 1 done</span>")
        make_call(run, self.endpoint, position=1, status="failed", error=ERROR)
        page = self.client.get(f"/runs/{run.pk}/")
        self.assertContains(page, ">1 done, 1 failed</span>")
        make_call(run, self.endpoint, position=2)
        self.assertContains(self.client.get(f"/runs/{run.pk}/"), ">1 of 3 done, 1 failed</span>")

    def test_a_mistake_in_the_draft_is_marked_at_its_field(self):
        self.client.post("/draft/", {"message-1": "Hi", "top_p": "7", "extra": "{"})
        page = self.client.get("/").text
        for name in ("top_p", "extra"):
            self.assertRegex(page, rf'name="{name}"[^>]* aria-invalid="true"')
            self.assertRegex(page, rf'id="{name}-error">[^<]')

    def test_blanks_are_a_stop_sequence_like_any(self):
        self.client.post("/draft/", {"message-1": "Hi", "stop": [" ", r"\n", "\t"]})
        page = self.client.get("/").text
        for drawn in ("␣", r"\n", r"\t"):
            self.assertIn(f"<code>{drawn}</code>", page)
        self.assertNotRegex(page, r'id="p-stop"[^>]* aria-invalid')

    def test_a_rate_limit_says_until_when(self):
        run = self.show(
            status=Call.Status.FAILED,
            error=ERROR | {"kind": "rate_limited", "retry_after_s": 12.5},
        )
        until = run.calls.get().ended_at + timedelta(seconds=12.5)
        self.assertContains(self.client.get("/"), f'data-until="{until:%Y-%m-%dT%H:%M:%S}')
        run.calls.update(error=ERROR | {"retry_after_s": 1e300})
        self.assertContains(self.client.get("/"), "data-until")
        run.calls.update(error=ERROR)
        self.assertNotContains(self.client.get("/"), "data-until")

    def test_cards_of_failed_calls_cost_no_queries(self):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                self.client.get(f"/runs/{run.pk}/")
            return len(captured)

        run = self.show(status=Call.Status.FAILED, error=ERROR)
        self.client.get("/")  # the session is stored now
        before = queries()
        theirs = make_endpoint(self.bob, team=self.team)
        for position in range(1, 9):
            make_call(run, theirs, position=position, status="failed", error=ERROR)
        self.assertEqual(queries(), before)

    def test_the_newest_attempt_of_a_column_is_shown(self):
        run = self.show(status=Call.Status.FAILED, error=ERROR)
        make_call(run, self.endpoint, position=0, attempt=2, status="done", text="second")
        page = self.client.get("/")
        self.assertContains(page, "second")
        self.assertNotContains(page, ERROR["message"])

    def test_a_deleted_endpoint_takes_its_column_along(self):
        self.show(status=Call.Status.DONE, text="old answer")
        self.endpoint.delete()
        self.assertNotContains(self.client.get("/"), "old answer")

    def test_there_is_no_inline_script_style_or_handler(self):
        self.show(status=Call.Status.DONE, text="x")
        page = self.client.get("/").text
        data = r' id="words" type="application/json"'  # runs nothing
        self.assertEqual(re.findall(rf"<script(?!{data}>)(?![^>]*\bsrc=)", page), [])
        self.assertEqual(re.findall(r"<style|\sstyle=|\son\w+=|hx-on|javascript:", page), [])

    def show(self, owner=None, **call_fields):
        """A run of one call in column A of the draft."""
        owner = owner or self.alice
        self.endpoint = make_endpoint(self.alice, team=self.team)
        run = make_run(owner, self.endpoint, **call_fields)
        draft = drafting.draft_of(owner)
        Draft.objects.filter(pk=draft.pk).update(
            run=run, columns=[{"position": 0, "endpoint": str(self.endpoint.pk)}]
        )
        return run


IDLE_PAIR = [("col-a", "idle"), ("col-b", "idle")]
ERROR = {
    "kind": "not_found",
    "message": "There is no such endpoint: it was deleted.",
    "hint": "Choose another name.",
}
RESPONSE = {"status": 404, "content_type": "text/html", "body": "<b>no</b>"}
