"""POST /runs/start/: the prompt goes to every column, once."""

import json
from unittest import mock
from uuid import uuid4

from django.conf import settings

from playground.models import Call, Draft, Run
from tests.base import WebTestCase
from tests.make import make_endpoint

HTMX = {"HTTP_HX_REQUEST": "true"}


class RunStartTests(WebTestCase):
    def setUp(self):
        self.log_in(self.alice)
        self.endpoint = make_endpoint(self.alice, name="echo")
        self.other = make_endpoint(self.alice, name="other")

    def test_every_column_gets_a_queued_call(self):
        ringing = mock.patch("playground.announcing.ring_soon")
        with ringing as ring, self.captureOnCommitCallbacks(execute=True):
            board = self.start(column=[f"0:{self.endpoint.pk}", f"2:{self.other.pk}"])
        ring.assert_called_once_with()
        run = Run.objects.get()
        self.assertEqual(run.owner, self.alice)
        self.assertEqual(
            list(run.calls.values_list("position", "endpoint", "status")),
            [(0, self.endpoint.pk, "queued"), (2, self.other.pk, "queued")],
        )
        self.assertContains(board, 'id="col-a" data-status="queued"')
        self.assertContains(board, 'id="col-c" data-status="queued"')
        self.assertContains(board, f'data-socket="/ws/runs/{run.pk}/"')

    def test_what_is_set_is_sent_and_nothing_else(self):
        self.start(temperature="0.5", max_tokens="", stop=["\\n\\n", "."], extra='{"seed": 7}')
        call = Call.objects.get()
        self.assertEqual(call.overrides, {"temperature": 0.5, "seed": 7})
        self.assertEqual(call.stop_override, ["\n\n", "."])

    def test_a_line_break_and_blanks_are_stop_sequences(self):
        self.start(stop=["\\n", "\r\n", " "])
        self.assertEqual(Call.objects.get().stop_override, ["\n", "\n", " "])

    def test_nothing_set_leaves_everything_to_the_endpoint(self):
        self.start()
        call = Call.objects.get()
        self.assertEqual((call.overrides, call.stop_override), ({}, None))

    def test_text_arrives_code_point_for_code_point(self):
        self.start(**{"message-2": "你好吗？\r\n\t👩🏽‍🚀 {{name}} <b>"})
        self.assertEqual(
            Run.objects.get().messages[1]["content"], "你好吗？\n\t👩🏽‍🚀 {{name}} <b>"
        )

    def test_variables_are_filled_in_and_examples_come_first(self):
        self.start(
            **{
                "message-1": "Be {{tone}}.",
                "message-2": "{{ topic }}{{nothing}}, {{topic}}",
                "example-user-1": "{{topic}}?",
                "example-assistant-1": "Yes.",
                "variable-tone": "kind",
                "variable-topic": "{{tone}}",
                "variable-nothing": "",
                "variable-unused": "x",
            }
        )
        run = Run.objects.get()
        self.assertEqual(
            [message["content"] for message in run.messages],
            ["Be kind.", "{{tone}}?", "Yes.", "{{tone}}, {{tone}}"],
        )
        self.assertEqual(run.variables, {"tone": "kind", "topic": "{{tone}}", "nothing": ""})

    def test_half_an_example_is_refused_at_its_field(self):
        answer = self.start(**{"example-user-1": "2+2?", "example-assistant-1": ""})
        self.assert_refused(answer, 'data-field="example-assistant-1"')
        self.assert_refused(answer, "Example 1 has no answer")

    def test_tools_and_a_format_are_sent_where_the_task_takes_them(self):
        chat = make_endpoint(self.alice, name="chat", task="chat")
        text = make_endpoint(self.alice, name="text", task="completions")
        tool = {"type": "function", "function": {"name": "get_weather"}}
        self.start(
            column=[f"0:{chat.pk}", f"1:{text.pk}"],
            tools=json.dumps([tool]),
            response_format='{"type": "json_object"}',
        )
        asked = [call.overrides for call in Call.objects.order_by("position")]
        form = {"type": "json_object"}
        self.assertEqual(asked, [{"tools": [tool], "response_format": form}, {}])

    def test_a_tool_without_a_name_is_refused_with_its_place(self):
        answer = self.start(tools='[{"type": "function",\n"function": {}}]')
        self.assert_refused(answer, 'data-field="tools"')
        self.assert_refused(answer, "Tools: Line 1, column 2: this tool has no name.")

    def test_a_long_prompt_is_told_by_how_much(self):
        answer = self.start(**{"message-2": "{{x}}" * 600, "variable-x": "1" * 1024})
        self.assert_refused(answer, "600 KB long; at most 512 KB can be sent. Shorten it by 89 KB.")

    def test_the_draft_remembers_prompt_columns_and_run(self):
        self.start()
        draft = Draft.objects.get(owner=self.alice)
        self.assertEqual(draft.run, Run.objects.get())
        self.assertEqual(draft.messages[1]["content"], "How are you?")
        self.assertEqual(draft.columns, [{"position": 0, "endpoint": str(self.endpoint.pk)}])

    def test_a_double_submit_is_one_run(self):
        key = uuid4().hex
        first, second = self.start(idempotency_key=key), self.start(idempotency_key=key)
        self.assertEqual((first.status_code, second.status_code), (200, 200))
        self.assertEqual(Run.objects.count(), 1)
        self.assertEqual(Call.objects.count(), 1)

    def test_two_intents_are_two_runs(self):
        self.start(), self.start()
        self.assertEqual(Run.objects.count(), 2)

    def test_a_key_used_for_something_else_is_refused(self):
        key = uuid4().hex
        self.start(idempotency_key=key)
        answer = self.start(idempotency_key=key, **{"message-2": "Something else"})
        self.assert_refused(answer, "idempotency key")
        self.assertEqual(Run.objects.count(), 1)

    def test_an_empty_prompt_is_refused(self):
        for empty in ("", "  \n "):
            self.assert_refused(self.start(**{"message-2": empty}), "The prompt is empty")

    def test_a_role_that_is_none_is_refused(self):
        self.assert_refused(self.start(**{"role-2": "emperor"}), "needs a role")

    def test_a_prompt_of_a_megabyte_is_refused_and_kept(self):
        long = "x" * 2**20
        self.assert_refused(self.start(**{"message-2": long}), "KB long")
        self.assertEqual(Draft.objects.get(owner=self.alice).messages[1]["content"], long)

    def test_no_column_is_refused(self):
        self.assert_refused(self.start(column=[]), "Choose at least one endpoint")

    def test_more_columns_than_allowed_are_refused(self):
        columns = [f"{n}:{self.endpoint.pk}" for n in range(settings.MAX_VARIANTS + 1)]
        self.assert_refused(self.start(column=columns), "at most 50")

    def test_columns_that_name_nothing_are_refused(self):
        for bad in ("", "0", "x:y", "0:", "0:../../api", f"-1:{uuid4()}", f"9999:{uuid4()}"):
            with self.subTest(bad):
                self.assert_refused(self.start(column=[bad]), "Load the page again")

    def test_two_columns_in_one_place_are_refused(self):
        both = [f"0:{self.endpoint.pk}", f"0:{self.other.pk}"]
        self.assert_refused(self.start(column=both), "same place")

    def test_an_unknown_endpoint_is_refused_by_its_letter(self):
        answer = self.start(column=[f"1:{uuid4()}"])
        self.assert_refused(answer, "The endpoint of column B is not there any more")

    def test_a_strangers_endpoint_is_as_unknown_as_a_missing_one(self):
        foreign = make_endpoint(self.charlie, name="foreign")
        self.assert_refused(self.start(column=[f"0:{foreign.pk}"]), "not there any more")

    def test_a_viewer_may_not_run(self):
        shared = make_endpoint(self.alice, name="shared", team=self.team)
        self.log_in(self.vera)
        self.assert_refused(self.start(column=[f"0:{shared.pk}"]), "Your role does not let you")

    def test_bad_extra_json_is_refused_with_its_place(self):
        for extra, words in (
            ('{"a": 1,\n "b": }', "Line 2, column 7"),
            ("[1]", "one JSON object"),
            ('{"a": NaN}', "NaN"),
            ('{"messages": []}', "cannot be set as a parameter"),
            ("[" * 100_000, "nested too deeply"),
        ):
            with self.subTest(extra[:20]):
                self.assert_refused(self.start(extra=extra), words)

    def test_parameters_out_of_range_are_refused(self):
        for name, value in (
            ("temperature", "3"),
            ("temperature", "warm"),
            ("temperature", "nan"),
            ("max_tokens", "0"),
            ("max_tokens", "1.5"),
            ("max_tokens", "9" * 5000),
            ("max_tokens", "9" * 400),
            ("top_p", "-1"),
        ):
            with self.subTest(name, value=value[:9]):
                answer = self.start(**{name: value})
                self.assert_refused(answer, "not set")
                self.assertContains(answer, f'data-field="{name}"', status_code=422)

    def test_every_wrong_field_is_named_at_once(self):
        wrong = {"temperature": "3", "top_p": "x", "max_tokens": "0", "extra": "{"}
        answer = self.start(**wrong)
        for name in wrong:
            self.assertContains(answer, f'data-field="{name}"', count=1, status_code=422)

    def test_the_answer_says_which_draft_is_stored(self):
        for extra in ("", "{"):
            answer = self.start(extra=extra)
            stored = Draft.objects.get(owner=self.alice).saved_at.isoformat()
            self.assertIn(stored, answer["HX-Trigger"])

    def test_null_characters_are_left_out(self):
        self.start(idempotency_key="k\0ey", **{"role-2": "user\0"})
        self.assertEqual(Run.objects.get().idempotency_key, "key")

    def test_without_htmx_the_run_page_follows(self):
        answer = self.client.post("/runs/start/", self.form())
        self.assertRedirects(answer, f"/runs/{Run.objects.get().pk}/")

    def test_without_htmx_a_refusal_shows_the_page_with_what_was_typed(self):
        answer = self.client.post("/runs/start/", self.form(extra="{", temperature="7"))
        self.assertContains(answer, "Nothing was sent", status_code=422)
        self.assertContains(answer, "How are you?", status_code=422)
        self.assertContains(answer, 'value="7"', status_code=422)

    def test_only_post_is_answered(self):
        self.assertEqual(self.client.get("/runs/start/").status_code, 405)

    def test_anonymous_is_asked_to_sign_in(self):
        self.client.logout()
        self.assertEqual(self.start().status_code, 302)
        self.assertFalse(Run.objects.exists())

    def test_a_form_without_the_sessions_token_starts_nothing(self):
        client = self.client_class(enforce_csrf_checks=True)
        client.force_login(self.alice)
        answer = client.post("/runs/start/", self.form())
        self.assertContains(answer, "Nothing was changed", status_code=403)
        self.assertIn("signed-out", answer["HX-Trigger"])
        self.assertFalse(Run.objects.exists())

    def form(self, **fields) -> dict:
        return {
            "role-1": "system",
            "message-1": "You explain things in plain words.",
            "role-2": "user",
            "message-2": "How are you?",
            "column": [f"0:{self.endpoint.pk}"],
            "idempotency_key": uuid4().hex,
        } | fields

    def start(self, **fields):
        return self.client.post("/runs/start/", self.form(**fields), **HTMX)

    def assert_refused(self, answer, words: str) -> None:
        runs = Run.objects.count()
        self.assertContains(answer, words, status_code=422)
        self.assertEqual(answer["HX-Retarget"], "#prompt-errors")
        self.assertEqual(Run.objects.count(), runs)
