"""Prompts as values, and the bodies that the tasks make of them."""

import unittest

from endpoints import Prompt, PromptError
from endpoints.errors import BadRequest
from endpoints.tasks import task_for


def said(role, content):
    return {"role": role, "content": content}


class PromptTests(unittest.TestCase):
    def test_of_makes_one_user_message(self):
        prompt = Prompt.of("How are you?", stop=["."], temperature=0.1)
        self.assertEqual(prompt.messages, (said("user", "How are you?"),))
        self.assertEqual(prompt.params, {"temperature": 0.1})
        self.assertEqual(prompt.stop, (".",))

    def test_a_lone_stop_string_is_one_sequence(self):
        self.assertEqual(Prompt.of("x", stop="END").stop, ("END",))

    def test_later_changes_of_the_arguments_do_not_reach_it(self):
        message, params = said("user", "a"), {"n": 1}
        prompt = Prompt((message,), params)
        message["content"] = "b"
        params["n"] = 2
        self.assertEqual((prompt.messages[0]["content"], prompt.params["n"]), ("a", 1))

    def test_parts_tools_and_further_keys_are_kept_untouched(self):
        messages = (
            said("user", [{"type": "image_url", "image_url": {"url": "data:,x"}}, {"odd": 1}]),
            {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}], "name": "bot"},
            {"role": "tool", "tool_call_id": "a", "content": "found"},
        )
        self.assertEqual(Prompt(messages).messages, messages)

    def test_later_changes_inside_do_not_reach_it(self):
        parts, params = [{"type": "text", "text": "a"}], {"x": [1]}
        prompt = Prompt((said("user", parts),), params)
        parts[0]["text"] = "b"
        params["x"].append(2)
        self.assertEqual(prompt.messages[0]["content"][0]["text"], "a")
        self.assertEqual(prompt.params, {"x": [1]})

    def test_texts_are_the_inputs_or_the_user_messages(self):
        self.assertEqual(Prompt(inputs=("a", "b")).texts, ("a", "b"))
        self.assertEqual(Prompt(inputs="ab").texts, ("ab",))
        messages = (
            said("system", "x"),
            said("user", "a"),
            said("user", [{"type": "text", "text": "b"}]),
        )
        self.assertEqual(Prompt(messages).texts, ("a", "b"))

    def test_what_is_no_prompt_is_refused_with_its_field(self):
        hi = (said("user", "Hi"),)
        nested = []
        for _ in range(5000):
            nested = [nested]
        for field, make in (
            ("messages", lambda: Prompt(())),
            ("messages", lambda: Prompt(({"role": "user"},))),
            ("messages", lambda: Prompt(({"content": "a"},))),
            ("messages", lambda: Prompt((said("user", None),))),
            ("messages", lambda: Prompt((said("user", 5),))),
            ("messages", lambda: Prompt(("Hi",))),
            ("messages", lambda: Prompt("Hi")),
            ("messages", lambda: Prompt(5)),
            ("params", lambda: Prompt(hi, ["temperature"])),
            ("params", lambda: Prompt(hi, {1: 2})),
            ("params", lambda: Prompt(hi, {"x": nested})),
            ("stop", lambda: Prompt(hi, {}, (5,))),
            ("stop", lambda: Prompt(hi, {}, ("",))),
            ("stop", lambda: Prompt(hi, {}, {"a": 1})),
            ("stop", lambda: Prompt(hi, {}, 5)),
            ("inputs", lambda: Prompt(inputs=(None,))),
        ):
            with self.subTest(field=field), self.assertRaises(PromptError) as caught:
                make()
            self.assertEqual(caught.exception.field, field)
            self.assertIsInstance(caught.exception, ValueError)
            self.assertTrue(caught.exception.message.endswith("."))


class BodyTests(unittest.TestCase):
    def body(self, kind, task, prompt, *, is_streamed=False, format="dataframe_records"):
        return task_for(kind, task, format).body(prompt, is_streamed)

    def test_only_what_the_user_set_is_sent(self):
        prompt = Prompt.of("Hi")
        self.assertEqual(self.body("serving", "chat", prompt), {"messages": [said("user", "Hi")]})
        self.assertEqual(self.body("driver", "custom", prompt), {"prompt": "Hi"})
        self.assertEqual(
            self.body("serving", "custom", prompt),
            {"dataframe_records": [{"prompt": "Hi", "stop": []}]},
        )

    def test_unknown_parameters_go_through_untouched(self):
        params = {"temperature": 0, "x": {"y": [None, True]}, "n": None}
        prompt = Prompt.of("Hi", stop=["a", "b"], **params)
        self.assertEqual(
            self.body("serving", "chat", prompt),
            {"messages": [said("user", "Hi")], "stop": ["a", "b"], **params},
        )
        self.assertEqual(
            self.body("driver_proxy", "custom", prompt),
            {"prompt": "Hi", "stop": ["a", "b"], **params},
        )
        self.assertEqual(
            self.body("serving", "custom", prompt),
            {"dataframe_records": [{"prompt": "Hi", "stop": ["a", "b"], **params}]},
        )

    def test_only_chat_asks_for_a_stream_in_the_body(self):
        prompt = Prompt.of("Hi")
        self.assertTrue(self.body("driver", "chat", prompt, is_streamed=True)["stream"])
        self.assertNotIn("stream", self.body("driver", "custom", prompt, is_streamed=True))
        self.assertFalse(task_for("serving", "custom").can_stream)

    def test_a_stream_that_the_user_refused_is_not_asked_for(self):
        prompt = Prompt.of("Hi", stream=False)
        self.assertIs(self.body("serving", "chat", prompt, is_streamed=True)["stream"], False)

    def test_the_formats_of_a_scoring_server(self):
        prompt = Prompt.of("Hi", stop=["."], temperature=0.5)
        record = {"prompt": "Hi", "temperature": 0.5, "stop": ["."]}
        for format, expected in (
            ("dataframe_records", [record]),
            ("inputs", [record]),
            ("instances", [record]),
            ("dataframe_split", {"columns": list(record), "data": [list(record.values())]}),
        ):
            with self.subTest(format=format):
                body = self.body("serving", "custom", prompt, format=format)
                self.assertEqual(body, {format: expected})

    def test_instances_leave_an_empty_stop_out(self):
        body = self.body("serving", "custom", Prompt.of("Hi"), format="instances")
        self.assertEqual(body, {"instances": [{"prompt": "Hi"}]})

    def test_parameters_may_not_replace_the_prompt_or_its_stop(self):
        for kind, task, params, stop in (
            ("serving", "chat", {"messages": []}, ()),
            ("serving", "custom", {"prompt": "x"}, ()),
            ("driver", "custom", {"prompt": "x"}, ()),
            ("driver", "custom", {"stop": ["x"]}, (".",)),
        ):
            with self.subTest(task=task, params=params), self.assertRaises(BadRequest) as caught:
                self.body(kind, task, Prompt((said("user", "Hi"),), params, stop))
            self.assertEqual(caught.exception.field, "params")

    def test_a_stop_among_the_parameters_is_kept(self):
        prompt = Prompt((said("user", "Hi"),), {"stop": ["x"]})
        self.assertEqual(self.body("driver", "custom", prompt)["stop"], ["x"])
        body = self.body("serving", "custom", prompt)
        self.assertEqual(body["dataframe_records"][0]["stop"], ["x"])

    def test_default_tasks_and_unknown_ones(self):
        self.assertIn("messages", self.body("serving", None, Prompt.of("Hi")))
        for kind in ("driver_proxy", "driver"):
            self.assertIn("prompt", self.body(kind, None, Prompt.of("Hi")))
        for arguments in (("serving", "poetry"), ("serving", "custom", "xml")):
            with self.assertRaises(ValueError):
                task_for(*arguments)

    def test_completions_take_one_text(self):
        prompt = Prompt((said("system", "Be brief."), said("user", "Hi")), {"n": 2}, ("END",))
        self.assertEqual(
            self.body("serving", "completions", prompt, is_streamed=True),
            {"prompt": "Be brief.\n\nHi", "n": 2, "stop": ["END"], "stream": True},
        )

    def test_a_template_makes_the_prompt(self):
        prompt = Prompt.of("Hi")
        for kind, task in (("serving", "completions"), ("driver", "custom")):
            body = task_for(kind, task, template="<{content}>").body(prompt, False)
            self.assertEqual(body, {"prompt": "<Hi>"})
        body = task_for("serving", "custom", template="<{content}>").body(prompt, False)
        self.assertEqual(body["dataframe_records"][0]["prompt"], "<Hi>")
        body = task_for("serving", "chat", template="<{content}>").body(prompt, False)
        self.assertEqual(body["messages"][0]["content"], "Hi")

    def test_embeddings_go_in_batches_in_order(self):
        texts = tuple(f"t{number}" for number in range(45))
        bodies = list(
            task_for("serving", "embeddings").all_asked(Prompt(inputs=texts, params={"d": 1}), True)
        )
        self.assertEqual([len(body["input"]) for body in bodies], [20, 20, 5])
        self.assertEqual(tuple(text for body in bodies for text in body["input"]), texts)
        self.assertTrue(all(body["d"] == 1 and "stream" not in body for body in bodies))

    def test_nothing_to_embed_and_nothing_to_say_are_bad_requests(self):
        only_system = Prompt((said("system", "x"),))
        for task, prompt, field in (
            ("embeddings", only_system, "inputs"),
            ("chat", Prompt(inputs="x"), "messages"),
            ("completions", Prompt(inputs="x"), "messages"),
            ("responses", Prompt(inputs="x"), "messages"),
            ("custom", Prompt(inputs="x"), "messages"),
        ):
            with self.subTest(task=task), self.assertRaises(BadRequest) as caught:
                self.body("serving", task, prompt)
            self.assertEqual(caught.exception.field, field)

    def test_agents(self):
        prompt = Prompt.of("Hi", custom_inputs={"a": 1})
        sent = {"custom_inputs": {"a": 1}, "stream": True}
        self.assertEqual(
            self.body("serving", "responses", prompt, is_streamed=True),
            {"input": [said("user", "Hi")], **sent},
        )
        self.assertEqual(
            self.body("serving", "responses", prompt, is_streamed=True, format="chat_agent"),
            {"messages": [said("user", "Hi")], **sent},
        )

    def test_tools_take_the_form_of_items_for_a_responses_agent(self):
        call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        prompt = Prompt(
            (
                said("user", "Hi"),
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "a", "content": "found"},
            )
        )
        self.assertEqual(
            self.body("serving", "responses", prompt)["input"],
            [
                said("user", "Hi"),
                {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "a", "output": "found"},
            ],
        )

    def test_an_object_named_params_goes_beside_the_records(self):
        params = {"params": {"temperature": 0.5}, "x": 1}
        record = {"prompt": "Hi", "x": 1, "stop": []}
        body = self.body("serving", "custom", Prompt.of("Hi", **params))
        self.assertEqual(body, {"dataframe_records": [record], "params": {"temperature": 0.5}})
        body = self.body("serving", "custom", Prompt.of("Hi", **params), format="dataframe_split")
        self.assertEqual(body["params"], {"temperature": 0.5})
        with self.assertRaises(BadRequest):
            self.body("serving", "custom", Prompt.of("Hi", params=5))

    def test_a_format_of_another_task_is_left_alone(self):
        self.assertIn("input", self.body("serving", "responses", Prompt.of("Hi")))
        body = self.body("serving", "custom", Prompt.of("Hi"), format="chat_agent")
        self.assertIn("dataframe_records", body)

    def test_chat_finds_the_openai_path_under_a_base(self):
        chat = task_for("driver", "chat")
        for given, path in (
            ("/", "/v1/chat/completions"),
            ("/v1", "/v1/chat/completions"),
            ("/app/v1/", "/app/v1/chat/completions"),
            ("/v1/chat/completions", "/v1/chat/completions"),
            ("/generate", "/generate"),
        ):
            self.assertEqual(chat.path(given), path)
        self.assertEqual(task_for("driver", "custom").path("/v1"), "/v1")
        for task in ("completions", "embeddings"):
            self.assertEqual(task_for("driver", task).path("/"), f"/v1/{task}")
