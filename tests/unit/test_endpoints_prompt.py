"""Prompts as values, their text, and the bodies that the tasks make of them."""

import unittest

from endpoints import Prompt, render_text
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

    def test_no_message_and_no_text_are_refused(self):
        for messages in ((), ({"role": "user"},), ({"content": "a"},), (said("user", None),)):
            with self.subTest(messages=messages), self.assertRaises(ValueError):
                Prompt(messages)


class RenderTextTests(unittest.TestCase):
    def test_one_user_message_is_verbatim(self):
        for text in ("How are you?", "  two\n\nlines \n", "你好吗？", ""):
            self.assertEqual(render_text([said("user", text)]), text)

    def test_system_and_user_are_joined_by_a_blank_line(self):
        self.assertEqual(
            render_text([said("system", "Be brief."), said("user", " Hi ")]), "Be brief.\n\n Hi "
        )

    def test_a_conversation_is_labelled_and_asks_for_the_next_turn(self):
        turns = [said("user", "Hi"), said("assistant", "Hello"), said("user", "Bye")]
        self.assertEqual(
            render_text([said("system", "Be brief."), *turns]),
            "Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Bye\n\nAssistant:",
        )

    def test_an_answer_begun_is_left_open(self):
        turns = [said("user", "Hi"), said("assistant", "Hel")]
        self.assertEqual(render_text(turns), "User: Hi\n\nAssistant: Hel")


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
