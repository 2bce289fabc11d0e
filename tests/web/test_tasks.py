"""Tasks in the form and in the API: what each asks for, what is refused, what a run shows."""

import json

from playground import asking
from playground.connecting import Refused
from playground.forms.endpoints import TASKS_IN_WORDS
from playground.models import Call, Draft, Endpoint, Run
from tests.api import ApiTestCase
from tests.base import WebTestCase
from tests.make import make_endpoint, make_run, make_workspace
from tests.web.test_endpoint import NEW, edit_path, typed, typed_serving

EXAMPLE = "/endpoints/template/"
USER = {"role": "user", "content": "Hi"}


def function(**changes) -> dict:
    return {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"} | changes}


class TaskFormTests(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)
        self.workspace = make_workspace(self.alice)

    def part(self, **fields) -> str:
        headers = {"HX-Request": "true", "HX-Trigger-Name": "task"}
        return self.client.get(NEW, typed(**fields), headers=headers).content.decode()

    def save(self, **fields) -> Endpoint:
        response = self.client.post(NEW, typed_serving(self.workspace, **fields))
        self.assertEqual(response.status_code, 302, response.content)
        return Endpoint.objects.get(name=fields.get("name", "echo"))

    def test_every_task_can_be_chosen_and_says_what_it_does(self) -> None:
        for task in Endpoint.Task.values:
            part = self.part(kind="serving", task=task)
            self.assertRegex(part, f'value="{task}"[^>]* checked')
            self.assertIn(str(TASKS_IN_WORDS[task]), part)
            self.assertEqual(self.save(task=task, name=task).task, task)

    def test_formats_are_those_of_the_task(self) -> None:
        self.assertIn("dataframe_split", self.part(kind="serving", task="custom"))
        agent = self.part(kind="driver", task="responses", format="inputs")
        self.assertIn("ChatAgent", agent)
        self.assertNotIn("dataframe_split", agent)
        self.assertNotIn('for="id_format"', self.part(kind="serving", task="embeddings"))
        self.assertEqual(self.save(task="responses", format="chat_agent").format, "chat_agent")

    def test_only_what_takes_one_text_asks_for_a_template(self) -> None:
        for task in Endpoint.Task.values:
            part = self.part(kind="serving", task=task, template="a{content}")
            asks = task in ("completions", "custom")
            self.assertEqual('for="id_template"' in part, asks, task)
            self.assertIn("a{content}", part)  # else it is kept hidden

    def test_a_template_is_kept_as_it_was_typed(self) -> None:
        source = "@user\r\n{content}\r\n\r\n@end\r\nA:"
        endpoint = self.save(task="completions", template=source)
        self.assertEqual(endpoint.template, source.replace("\r\n", "\n"))
        self.assertEqual(endpoint.config()["template"], endpoint.template)
        self.assertContains(self.client.get(edit_path(endpoint)), "@end")
        version = endpoint.version
        form = typed_serving(self.workspace, task="completions", template=" ")
        self.client.post(edit_path(endpoint), form)
        endpoint.refresh_from_db()
        self.assertEqual((endpoint.template, endpoint.version), ("", version + 1))

    def test_a_template_without_content_is_refused_beside_it(self) -> None:
        form = typed_serving(self.workspace, task="completions", template="{system}")
        response = self.client.post(NEW, form)
        self.assertContains(response, 'id="id_template_error"', status_code=422)
        self.assertContains(response, "{system}", status_code=422)
        self.assertFalse(Endpoint.objects.exists())

    def test_a_template_is_tried_while_it_is_typed(self) -> None:
        for source, words in (
            ("", "Be brief.\n\nHow are you?"),
            ("&lt;{system}|{content}>", "&amp;lt;Be brief.|How are you?&gt;"),
            ("{system}", "A template needs {content}"),
            ("@user\n{content}", "no section for the role “system”"),
        ):
            with self.subTest(source):
                self.assertContains(self.client.post(EXAMPLE, {"template": source}), words)

    def test_a_viewer_of_the_endpoint_sees_template_and_format(self) -> None:
        make_endpoint(self.alice, name="t", team=self.team, template="<{content}>")
        self.log_in(self.bob)
        page = self.client.get(edit_path(Endpoint.objects.get(name="t")))
        self.assertContains(page, "&lt;{content}&gt;")


class TaskApiTests(ApiTestCase):
    def setUp(self) -> None:
        self.workspace = make_workspace(self.alice)

    def make(self, **fields):
        body = {"name": "e", "kind": "serving", "serving_endpoint": "m", "task": "chat"}
        body |= {"workspace": str(self.workspace.pk)}
        return self.api(self.alice, "POST", "/endpoints", body | fields)

    def change(self, made: dict, **fields):
        return self.api(self.alice, "PATCH", f"/endpoints/{made['id']}", fields)

    def test_left_out_a_format_is_the_usual_one_of_the_task(self) -> None:
        formats = {"custom": "dataframe_records", "responses": "responses", "chat": None}
        for task, format in formats.items():
            made = self.ok(self.make(task=task, name=task), 201)
            self.assertEqual((made["format"], made["template"]), (format, None))

    def test_another_task_brings_its_own_format(self) -> None:
        made = self.ok(self.make(task="custom", format="inputs", template="{content}!"), 201)
        made = self.ok(self.change(made, task="responses"))
        self.assertEqual((made["format"], made["template"]), ("responses", None))

    def test_a_format_of_another_task_is_refused(self) -> None:
        response = self.make(task="custom", format="chat_agent")
        self.assert_error(response, 422, "invalid", field="format", says="dataframe_records")

    def test_bad_templates_name_the_field(self) -> None:
        for template in ("{system}", "@a\n@a\n{content}", "{content}" + "x" * 20_000):
            response = self.make(task="completions", template=template)
            self.assert_error(response, 422, "invalid", field="template")

    def test_what_is_no_prompt_is_refused(self) -> None:
        make_endpoint(self.alice, name="bge", task="embeddings")
        make_endpoint(self.alice, name="chat", task="chat")
        for body, field in (
            ({"prompt": []}, "prompt"),
            ({"prompt": ["a", " "]}, "prompt"),
            ({"prompt": ["a", 7]}, "prompt"),
            ({"prompt": ["a"] * 501}, "prompt"),
            ({"prompt": ["a"], "variants": [{"endpoint": "chat"}]}, "prompt"),
            ({"messages": [USER | {"content": []}]}, "messages.0.content"),
            ({"messages": [USER | {"content": ["Hi"]}]}, "messages.0.content"),
            ({"messages": [USER | {"content": [{"text": "Hi"}]}]}, "messages.0.content"),
            ({"messages": [USER | {"content": [{"type": "text"}]}]}, "messages.0.content"),
            ({"messages": [USER | {"content": None}]}, "messages.0.content"),
            ({"messages": [USER | {"tool_calls": {}}]}, "messages"),
            ({"messages": [USER | {"tool_calls": [function(name=7)]}]}, "messages"),
            ({"messages": [USER | {"tool_calls": [function(arguments={})]}]}, "messages"),
            ({"messages": [USER, {"role": "tool", "content": "x"}]}, "messages"),
        ):
            with self.subTest(body):
                body = {"variants": [{"endpoint": "bge"}]} | body
                response = self.api(self.alice, "POST", "/runs", body)
                self.assert_error(response, 422, "invalid", field=field)
        self.assertFalse(Run.objects.exists())

    def test_inputs_may_not_be_beyond_the_limit_together(self) -> None:
        make_endpoint(self.alice, name="bge", task="embeddings")
        body = {"prompt": ["x" * 300_000] * 2, "variants": [{"endpoint": "bge"}]}
        self.assert_error(
            self.api(self.alice, "POST", "/runs", body), 413, "too_large", field="prompt"
        )

    def test_a_run_with_inputs_has_a_title_and_no_messages(self) -> None:
        make_endpoint(self.alice, name="bge", task="embeddings")
        body = {"prompt": ["{{a}} b", "c"], "variables": {"a": "A"}}
        body |= {"variants": [{"endpoint": "bge"}], "idempotency_key": "k"}
        run = self.ok(self.api(self.alice, "POST", "/runs", body), 201)
        self.assertEqual((run["inputs"], run["messages"]), (["A b", "c"], []))
        self.assertEqual(run["title"], "2 inputs: A b")
        other = self.api(self.alice, "POST", "/runs", body | {"prompt": ["c"]})
        self.assert_error(other, 409, "conflict")


class AskedTests(WebTestCase):
    def test_variables_stand_in_text_parts_and_nowhere_else(self) -> None:
        image = {"type": "image_url", "image_url": {"url": "{{a}}"}}
        parts = [{"type": "text", "text": "{{a}}"}, image]
        asked = asking.check_asked([{"role": "user", "content": parts}], variables={"a": "b"})
        self.assertEqual(asked.messages[0]["content"], [{"type": "text", "text": "b"}, image])

    def test_a_long_image_counts(self) -> None:
        parts = [{"type": "image_url", "image_url": {"url": "x" * 600_000}}]
        with self.assertRaises(asking.TooLarge):
            asking.check_asked([{"role": "user", "content": parts}])

    def test_an_empty_answer_of_a_tool_is_kept_and_an_empty_system_is_not(self) -> None:
        tool = {"role": "tool", "tool_call_id": "c1", "content": ""}
        asked = asking.check_asked([{"role": "system", "content": " "}, USER, tool])
        self.assertEqual(asked.messages, [USER, tool])

    def test_many_inputs_name_the_endpoint_that_cannot_take_them(self) -> None:
        chat = make_endpoint(self.alice, name="talker", task="chat")
        with self.assertRaisesMessage(Refused, "“talker” is chat"):
            asking.check_takes(chat, asking.Asked([], ["a", "b"]))


class AnswerPageTests(WebTestCase):
    """What a page shows of answers that are no text."""

    def setUp(self) -> None:
        self.log_in(self.alice)
        self.bge = make_endpoint(self.alice, name="bge", task="embeddings")

    def shown(self, **call_fields) -> str:
        run = make_run(self.alice, self.bge, status=Call.Status.DONE, **call_fields)
        return self.client.get(run.get_absolute_url()).content.decode()

    def test_a_model_cannot_put_markup_on_the_page(self) -> None:
        evil = "<script>alert(1)</script>"
        call = {"id": evil, "name": evil, "arguments": json.dumps({"a": evil})}
        choice = {"index": 1, "text": evil, "finish_reason": evil, "reasoning": evil}
        choice |= {"tool_calls": [call]}
        page = self.shown(
            reasoning=evil, tool_calls=[call], choices=[choice, choice], custom_outputs={evil: evil}
        )
        self.assertNotIn(evil, page)
        self.assertEqual(page.count("Choice 2"), 1)
        self.assertGreaterEqual(page.count("&lt;script&gt;"), 8)

    def test_half_a_tool_call_is_shown_as_it_came(self) -> None:
        page = self.shown(tool_calls=[{"id": None, "name": None, "arguments": '{"q": "we'}])
        self.assertIn("unnamed", page)
        self.assertIn("{&quot;q&quot;: &quot;we</pre>", page)
        self.assertNotIn("empty text", page)

    def test_a_vector_is_its_dimension_norm_and_first_numbers(self) -> None:
        page = self.shown(vectors=[[3.0, 4.0, 0, 0, 0, 0, 0]])
        for words in ("Dimension", ">7<", "5.0000", "3.0000  4.0000", "…"):
            self.assertIn(words, page)
        self.assertNotIn("Similarity", page)

    def test_vectors_are_compared_once_all_are_there(self) -> None:
        run = make_run(self.alice, self.bge, self.bge, status=Call.Status.DONE, vectors=[[1, 0]])
        run.calls.filter(position=1).update(vectors=[[1, 1], [0, 0], [1, 2, 3]])
        page = self.client.get(run.get_absolute_url()).content.decode()
        row = '<td data-level="5">1.000</td><td data-level="4">0.707</td><td>–</td><td>–</td>'
        self.assertIn(row, page)
        self.assertIn("where two vectors differ", page)
        run.calls.filter(position=0).update(status=Call.Status.WAITING)
        self.assertNotContains(self.client.get(run.get_absolute_url()), "Similarity")

    def test_the_switch_for_lines_is_kept_with_the_draft(self) -> None:
        self.client.get("/")
        form = {"role-1": "user", "message-1": "a", "takes_lines": "on"}
        self.client.post("/draft/", form)
        self.assertTrue(Draft.objects.get(owner=self.alice).takes_lines)
        self.assertRegex(self.client.get("/").content.decode(), r'name="takes_lines"[^>]* checked')
        self.client.post("/draft/", {"role-1": "user", "message-1": "a"})
        self.assertFalse(Draft.objects.get(owner=self.alice).takes_lines)

    def test_lines_with_another_task_beside_are_refused(self) -> None:
        chat = make_endpoint(self.alice, name="talker", task="chat")
        form = {"role-1": "user", "message-1": "a\r\nb", "takes_lines": "on"}
        both = [f"0:{self.bge.pk}", f"1:{chat.pk}"]
        response = self.client.post("/runs/start/", form | {"column": both})
        self.assertContains(response, "talker", status_code=422)
        self.assertFalse(Run.objects.exists())
        self.client.post("/runs/start/", form | {"column": [f"1:{chat.pk}"]})
        self.assertEqual(Run.objects.get().inputs, None)  # nothing embeds: one text as ever
