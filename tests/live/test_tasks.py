"""Every task, end to end: what is stored of an answer, what the API and the page show of it."""

import re

from tests.live.base import LiveTestCase
from tests.site import messages, wait_for
from tests.upstream import letter_counts

TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]


class TasksTestCase(LiveTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.upstream.serve("databricks-bge-large-en", cls.upstream.models["bge"])
        for name, task, serving, more in (
            ("chat at once", "chat", "chat", {"stream": False}),
            ("davinci", "completions", "davinci", {"template": "{system}|{content}|"}),
            ("bge", "embeddings", "databricks-bge-large-en", {}),
            ("bge 2", "embeddings", "bge", {}),
            ("agent", "responses", "agent", {}),
            ("chat agent", "responses", "chat-agent", {"format": "chat_agent"}),
        ):
            cls.site.api(
                "POST",
                "/endpoints",
                {"name": name, "kind": "serving", "task": task, "serving_endpoint": serving}
                | {"workspace": cls.workspace}
                | more,
                status=201,
            )

    def ask(self, prompt, *endpoints, **fields) -> list[dict]:
        """The calls of a run that is over, whole."""
        run = self.site.wait_for_run(self.site.start_run(prompt, *endpoints, **fields)["id"])
        return [self.site.api("GET", f"/calls/{call['id']}") for call in run["calls"]]

    def ask_with(self, endpoint: str, prompt: str = "Hi", **params) -> dict:
        [call] = self.ask(prompt, {"endpoint": endpoint, "params": params})
        self.assertEqual(call["status"], "done", call["error"])
        return call


class ChatTests(TasksTestCase):
    def test_reasoning_is_kept_apart_from_the_text(self):
        for endpoint in ("chat", "chat at once"):
            call = self.ask_with(endpoint, think="Let me see.")
            self.assertEqual(call["reasoning"], "Let me see.")
            self.assertEqual(call["text"], "Good. You wrote: Hi")
            self.assertIsNotNone(call["ttft_ms"])

    def test_a_model_that_thinks_is_streaming_before_its_first_word(self):
        thought = " ".join(f"step{number}" for number in range(40))
        variant = {"endpoint": "chat", "params": {"think": thought, "token_delay_ms": 75}}
        session = self.site.session()  # before it begins: signing in takes a while
        run = self.site.start_run("Hi", variant)
        with self.site.socket(run["id"], session) as socket:
            told = list(messages(socket))
        cards = [m["html"] for m in told if m["type"] == "call"]
        thinking = [html for html in cards if "The model is thinking" in html]
        self.assertTrue(thinking)
        self.assertIn('data-status="streaming"', thinking[0])
        self.assertIn("step39", cards[-1])
        self.assertNotIn("is thinking", cards[-1])
        # A card has what was thought by then, and every piece after it follows once.
        shown, seen = "", []
        for message in told:
            if message["type"] == "thought":
                shown += message["text"]
            elif message["type"] == "call" and "is thinking" in message["html"]:
                # Before the first thought the card has no place for it; the next card does.
                _, _, rest = message["html"].partition('-thought">')
                shown = rest.split("<")[0]
            self.assertTrue(thought.startswith(shown), shown)
            seen.append(len(shown))
        self.assertEqual(seen, sorted(seen))
        self.assertGreater(len(set(seen)), 4)

    def test_tool_calls_are_whole(self):
        call = self.ask_with("chat", "weather in Oslo", tools=TOOLS, tool_choice="auto")
        self.assertEqual(
            call["tool_calls"],
            [{"id": "call_1", "name": "look_up", "arguments": '{"q": "weather in Oslo"}'}],
        )
        self.assertEqual((call["text"], call["finish_reason"]), ("", "tool_calls"))
        self.assertIsNone(call["choices"])
        self.assertEqual(call["request"]["body"]["tools"], TOOLS)

    def test_every_choice_is_kept(self):
        call = self.ask_with("chat", n=3)
        self.assertEqual([choice["index"] for choice in call["choices"]], [0, 1, 2])
        self.assertEqual({choice["text"] for choice in call["choices"]}, {"Good. You wrote: Hi"})
        self.assertEqual({choice["finish_reason"] for choice in call["choices"]}, {"stop"})
        self.assertEqual(call["text"], "Good. You wrote: Hi")

    def test_parts_and_tool_messages_go_through_untouched(self):
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
        function = {"name": "look_up", "arguments": "{}"}
        asked = [
            {"role": "user", "content": [{"type": "text", "text": "What {{what}}?"}, image]},
            {"role": "assistant", "content": None}
            | {"tool_calls": [{"id": "c1", "type": "function", "function": function}]},
            {"role": "tool", "tool_call_id": "c1", "content": ""},
            {"role": "user", "content": "parts-go-through", "name": "ann"},
        ]
        variants = [{"endpoint": "chat", "params": {"response_format": {"type": "json_object"}}}]
        body = {"messages": asked, "variables": {"what": "is it"}, "variants": variants}
        run = self.site.wait_for_run(self.site.api("POST", "/runs", body, status=201)["id"])
        self.assertEqual(run["calls"][0]["status"], "done", run["calls"][0]["error"])
        sent = self.received("parts-go-through").json
        asked[0]["content"][0]["text"] = "What is it?"
        self.assertEqual(sent["messages"], asked)
        self.assertEqual(sent["response_format"], {"type": "json_object"})
        self.assertEqual(run["messages"], asked)
        page = self.site.session().get(f"{self.site.url}/runs/{run['id']}/").text
        self.assertIn("What is it?", page)
        self.assertIn("data:image/png;base64,AAAA", page)


class OtherTasksTests(TasksTestCase):
    def test_completions_are_asked_by_the_template(self):
        body = {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "How are you?"},
            ],
            "variants": [{"endpoint": "davinci"}],
        }
        run = self.site.wait_for_run(self.site.api("POST", "/runs", body)["id"])
        self.assertEqual(run["calls"][0]["text"], "Good. You wrote: Be brief.|How are you?|")

    def test_agents_answer_with_text_tool_calls_and_custom_outputs(self):
        call = self.ask_with("agent", custom_inputs={"seed": 7})
        self.assertEqual(call["text"], "Good. You wrote: Hi")
        self.assertEqual(call["tool_calls"][0]["name"], "look_up")
        self.assertEqual(call["custom_outputs"], {"heard": {"seed": 7}})
        call = self.ask_with("chat agent", custom_inputs={"seed": 8})
        self.assertEqual(call["text"], "Good. You wrote: Hi")
        self.assertEqual(call["custom_outputs"], {"heard": {"seed": 8}})

    def test_a_card_shows_everything_the_agent_answered(self):
        run = self.site.start_run(
            "Hi", {"endpoint": "agent", "params": {"custom_inputs": {"a": 1}}}
        )
        session = self.site.session()
        with self.site.socket(run["id"], session) as socket:
            html = [m["html"] for m in messages(socket) if m["type"] == "call"][-1]
        for words in ("Tool call", "look_up", "&quot;q&quot;: &quot;Hi&quot;", "Custom outputs"):
            self.assertIn(words, html)


class EmbeddingTests(TasksTestCase):
    def test_one_text_gives_one_vector(self):
        call = self.ask_with("bge", "Hello")
        self.assertEqual(call["vector"], letter_counts("Hello"))
        self.assertIsNone(call["vectors"])
        self.assertEqual((call["text"], call["usage"]["input_tokens"]), ("", 1))

    def test_many_inputs_give_vectors_in_their_order(self):
        texts = [f"text {'abc'[number % 3] * number}" for number in range(45)]
        [call] = self.ask(texts, "bge")
        self.assertEqual(call["vectors"], [letter_counts(text) for text in texts])
        self.assertIsNone(call["vector"])
        self.assertEqual(call["usage"]["input_tokens"], 90)

    def test_many_inputs_are_for_embeddings_alone(self):
        body = {"prompt": ["a", "b"], "variants": [{"endpoint": "bge"}, {"endpoint": "chat"}]}
        error = self.site.api("POST", "/runs", body, status=422)["error"]
        self.assertEqual(error["field"], "prompt")
        self.assertIn("embeddings endpoints only", error["message"])

    def test_columns_are_compared_when_the_run_is_over(self):
        run = self.site.start_run("Hello", "bge", "bge 2")
        session = self.site.session()
        with self.site.socket(run["id"], session) as socket:
            heard = list(messages(socket))
        self.assertIn("1.000", heard[-1]["similarity"])
        self.assertIn("Dimension", [m["html"] for m in heard if m["type"] == "call"][-1])
        page = session.get(f"{self.site.url}/runs/{run['id']}/").text
        self.assertIn("Similarity", page)

    def test_the_check_says_what_the_vector_is_like(self):
        listed = self.site.api("GET", "/endpoints?limit=100")["items"]
        pk = next(e["id"] for e in listed if e["name"] == "bge")
        check = self.site.api("POST", f"/endpoints/{pk}/check")
        self.assertTrue(check["ok"], check)
        self.assertIn("26 dimensions", check["answer"])

    def test_lines_of_the_page_are_inputs(self):
        session = self.site.session()
        listed = self.site.api("GET", "/endpoints?limit=100")["items"]
        pk = next(e["id"] for e in listed if e["name"] == "bge")
        form = {
            "csrfmiddlewaretoken": session.csrf,
            "role-1": "user",
            "message-1": "first\r\n\r\nsecond line",
            "takes_lines": "on",
            "column": f"0:{pk}",
        }
        answer = session.post(
            f"{self.site.url}/runs/start/", form, headers={"Referer": self.site.url}, timeout=20
        )
        self.assertEqual(answer.status_code, 200)
        run_id = re.search(r"/runs/([0-9a-f-]{36})/", answer.url)[1]
        run = self.site.wait_for_run(run_id)
        self.assertEqual(run["inputs"], ["first", "second line"])
        self.assertEqual(run["calls"][0]["vectors"][1], letter_counts("second line"))
        found = {}

        def shows() -> bool:
            found["page"] = session.get(answer.url).text
            return "2 vectors of 26 dimensions" in found["page"]

        wait_for(shows, 10, lambda: found["page"][-3000:])
        self.assertIn("2 inputs", found["page"])

    def test_ask_prints_what_the_vector_is_like(self):
        done = self.site.manage("ask", "Hello", "--endpoint", "bge", check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("26 dimensions · norm 2.6458 · 0, 0, 0, …", done.stdout)
