"""A user's own functions around a call: what they are given, what becomes of what they return."""

import unittest

from endpoints import EndpointError, Finished, Prompt, Text, Usage, Vectors
from endpoints.errors import TransformInputFailed, TransformOutputFailed
from tests.unit.test_endpoints_client import ALICE, ClientTestCase
from tests.upstream import answer, chat_chunk, events


# LangChain's page on Databricks has these two.
def transform_input(**request):
    full_prompt = f"""{request["prompt"]}
    Be Concise.
    """
    request["prompt"] = full_prompt
    return request


def transform_output(response):
    return response.upper()


CONCISE = "How are you?\n    Be Concise.\n    "


def kept(seen):
    """A transform that changes nothing and remembers what it was given."""

    def transform(*given, **request):
        seen.append(request or given[0])
        return request or given[0]

    return transform


def noted(seen):
    """A transform that answers some text and remembers what it was given."""

    def transform(response):
        seen.append(response)
        return "text"

    return transform


class InputTests(ClientTestCase):
    def clients(self, **options):
        return {
            "serving, custom": self.serving("dolly", task="custom", **options),
            "serving, chat": self.serving("chat", **options),
            "serving, completions": self.serving("completions", task="completions", **options),
            "serving, agent": self.serving("agent", task="responses", **options),
            "serving, embeddings": self.serving("bge", task="embeddings", **options),
            "driver": self.driver("/", **options),
            "driver proxy": self.driver_proxy(**options),
        }

    def test_custom_models_and_apps_are_given_prompt_stop_and_parameters(self):
        prompt = Prompt.of("How are you?", stop=["."], temperature=0.1)
        expected = {"prompt": "How are you?", "stop": ["."], "temperature": 0.1}
        seen = []
        for name in ("serving, custom", "driver", "driver proxy"):
            self.clients(transform_input=kept(seen))[name].request(prompt)
            self.assertEqual(seen.pop(), expected, name)

    def test_other_tasks_are_given_the_body_as_it_would_be_sent(self):
        seen = []
        for name in ("serving, chat", "serving, completions", "serving, agent"):
            plain = self.clients()[name].request("Hi").body
            self.clients(transform_input=kept(seen))[name].request("Hi")
            self.assertEqual(seen.pop(), plain, name)

    def test_a_function_that_returns_its_request_changes_no_byte(self):
        prompt = Prompt.of("How are you?", stop=["."], temperature=0.1, params={"top_k": 5})
        for name, client in self.clients().items():
            with self.subTest(name):
                same = self.clients(transform_input=kept([]))[name]
                self.assertEqual(same.request(prompt).content, client.request(prompt).content)

    def test_the_seeds_function_changes_the_prompt_of_models_and_apps(self):
        for name in ("serving, custom", "driver", "driver proxy"):
            with self.subTest(name):
                client = self.clients(transform_input=transform_input)[name]
                self.assertEqual(self.text(client), f"Good. You wrote: {CONCISE}")

    def test_a_request_shows_what_was_before(self):
        request = self.driver(transform_input=transform_input).request("How are you?")
        self.assertEqual(request.before, {"prompt": "How are you?"})
        self.assertEqual(request.body, {"prompt": CONCISE})
        self.assertNotIn("before", self.driver().request("Hi").as_dict())

    def test_a_plan_makes_the_requests_once_however_often_it_is_shown(self):
        calls = []

        def numbered(**request):
            calls.append(request)
            return {"prompt": f"call {len(calls)}"}

        plan = self.driver(transform_input=numbered).plan("Hi")
        self.assertEqual(plan.request.body, plan.requests[0].body)
        list(plan.stream())
        self.assertEqual((self.sent.json, len(calls)), ({"prompt": "call 1"}, 1))

    def test_a_function_with_named_arguments_and_defaults(self):
        def by_name(prompt: str, stop: list[str] | None = None, **rest) -> dict:
            return {"text": prompt, "ends": stop or [], **rest}

        request = self.driver(transform_input=by_name).request(Prompt.of("Hi", top_k=1))
        self.assertEqual(request.body, {"text": "Hi", "ends": [], "top_k": 1})

    def test_it_cannot_change_the_prompt_itself(self):
        prompt = Prompt.of("Hi", tools=[{"a": 1}])

        def greedy(**request):
            request["tools"][0]["a"] = 2
            request["messages"].clear()
            return request

        self.serving(transform_input=greedy).request(prompt)
        self.assertEqual(prompt.params, {"tools": [{"a": 1}]})
        self.assertEqual(prompt.messages[0]["content"], "Hi")

    def test_a_failure_is_told_before_anything_is_sent(self):
        def broken(**request):
            return request["nope"]

        for function, words in (
            (broken, "transform_input failed: KeyError: 'nope'"),
            (lambda **request: None, "returned nothing"),
            (lambda **request: "text", "returned a str"),
            (lambda prompt: {}, "unexpected keyword argument"),
        ):
            client = self.driver(transform_input=function)
            error, seen = self.failure(client, Prompt.of("Hi", top_k=1))
            self.assertIsInstance(error, TransformInputFailed)
            self.assertEqual((error.kind, seen), ("transform_input", []))
            self.assertIn(words, error.message)
        self.assertEqual(self.upstream.requests, [])

    def test_an_endpoint_error_of_the_function_is_told_as_it_is(self):
        def known(**request):
            raise TransformInputFailed("Line 3: no.", line=3, reason="limit")

        error, _ = self.failure(self.driver(transform_input=known))
        self.assertEqual((error.message, error.line, error.reason), ("Line 3: no.", 3, "limit"))

    def test_apps_may_be_sent_an_array(self):
        self.upstream.on("/list", answer("Good."))
        client = self.driver("/list", transform_input=lambda **request: [request["prompt"]])
        self.assertEqual(self.text(client), "Good.")
        self.assertEqual(self.sent.json, ["How are you?"])
        request = self.serving(
            "dolly", task="custom", format="inputs", transform_input=lambda **request: [1, 2]
        ).request("Hi")
        self.assertEqual(request.body, {"inputs": [[1, 2]]})

    def test_every_batch_of_inputs_is_transformed(self):
        texts = tuple(f"text {number}" for number in range(45))

        def louder(input, **rest):
            return {"input": [text.upper() for text in input], **rest}

        client = self.serving("bge", task="embeddings", transform_input=louder)
        (found,) = (e for e in client.stream(Prompt(inputs=texts)) if isinstance(e, Vectors))
        self.assertEqual(len(found.vectors), 45)
        sent = [text for each in self.upstream.requests for text in each.json["input"]]
        self.assertEqual(sent, [text.upper() for text in texts])


class OutputTests(ClientTestCase):
    def test_the_seeds_function_makes_the_text(self):
        for client in (
            self.serving("dolly", task="custom", transform_output=transform_output),
            self.driver(transform_output=transform_output),
            self.driver_proxy(transform_output=transform_output),
        ):
            self.assertEqual(self.text(client), "GOOD. YOU WROTE: HOW ARE YOU?")

    def test_a_custom_models_is_given_its_prediction_others_the_whole_answer(self):
        whole = {"predictions": [{"score": 0.5}, {"score": 0.1}], "model": "m"}
        for task, expected in (("custom", {"score": 0.5}), ("chat", whole), ("responses", whole)):
            seen = []
            self.upstream.serve("m", answer(whole))
            client = self.serving("m", task=task, transform_output=noted(seen))
            self.text(client)
            self.assertEqual(seen, [expected], task)
        for value, expected in (({"predictions": "one"}, "one"), ({"a": 1}, {"a": 1}), ([], [])):
            seen = []
            self.upstream.serve("m", answer(value))
            client = self.serving("m", task="custom", transform_output=noted(seen))
            self.text(client)
            self.assertEqual(seen, [expected])

    def test_nothing_is_streamed(self):
        self.text(self.serving(transform_output=lambda r: r["choices"][0]["message"]["content"]))
        self.assertNotIn("stream", self.sent.json)
        self.assertEqual(self.sent.headers["Accept"], "application/json")

    def test_usage_and_reason_are_those_of_the_answer(self):
        def content(response):
            return response["choices"][0]["message"]["content"].upper()

        found = list(self.serving(transform_output=content).stream("How are you?"))
        plain = list(self.serving(stream=False).stream("How are you?"))
        for kind in (Usage,):
            self.assertEqual(
                [e for e in found if isinstance(e, kind)], [e for e in plain if isinstance(e, kind)]
            )
        self.assertEqual(found[-1].finish_reason, plain[-1].finish_reason)
        self.assertEqual(found[-1].response["body"], plain[-1].response["body"])
        self.assertEqual(found[-1].choices[0].text, plain[-1].choices[0].text.upper())

    def test_it_may_return_an_answer_that_the_task_reads(self):
        def two(response):
            return {"choices": [{"index": n, "message": {"content": f"no {n}"}} for n in (0, 1)]}

        found = list(self.serving(transform_output=two).stream("Hi"))
        self.assertEqual([c.text for c in found[-1].choices], ["no 0", "no 1"])

    def test_an_empty_text_is_a_text(self):
        self.assertEqual(self.text(self.driver(transform_output=lambda response: "")), "")

    def test_a_failure_keeps_the_answer(self):
        self.upstream.on("/scores", answer({"score": 0.5}))
        for function, words in (
            (lambda response: response["nope"], "transform_output failed: KeyError: 'nope'"),
            (lambda response: None, "returned nothing"),
            (lambda response: 5, "returned an int that holds no text"),
            (lambda response: [1], "returned a list that holds no text"),
        ):
            error, seen = self.failure(self.driver("/scores", transform_output=function))
            self.assertIsInstance(error, TransformOutputFailed)
            self.assertEqual(error.kind, "transform_output")
            self.assertIn(words, error.message)
            self.assertEqual(error.response["body"], {"score": 0.5})
            self.assertEqual(error.response["status"], 200)
            self.assertEqual([type(each).__name__ for each in seen], ["Opened"])

    def test_an_error_of_the_endpoint_never_reaches_it(self):
        seen = []
        for status, value in ((500, {"error": "x"}), (200, {"error": {"message": "no"}})):
            self.upstream.on("/broken", answer(value, status))
            with self.assertRaises(EndpointError) as caught:
                list(self.driver("/broken", transform_output=kept(seen)).stream("Hi"))
            self.assertNotEqual(caught.exception.kind, "transform_output")
        self.assertEqual(seen, [])

    def test_a_token_that_an_endpoint_repeats_never_reaches_it(self):
        self.upstream.serve("m", answer({"said": f"Bearer {ALICE}"}))
        seen = []
        client = self.serving("m", transform_output=noted(seen))
        self.text(client)
        self.assertNotIn(ALICE, str(seen))

    def test_plain_text_is_given_as_text_and_json_in_it_as_json(self):
        for body, expected in ((b"Good.", "Good."), (b'{"a": 1}', {"a": 1}), (b'"x', '"x')):
            self.upstream.on(
                "/plain", lambda exchange, body=body: exchange.send_body(200, body, "text/plain")
            )
            seen = []
            client = self.driver("/plain", transform_output=noted(seen))
            self.text(client)
            self.assertEqual(seen, [expected])

    def test_an_app_that_streams_anyway_gives_its_one_text(self):
        self.upstream.on("/stream", events(["Good. ", "You?"]))
        client = self.driver("/stream", transform_output=transform_output)
        found = list(client.stream("Hi"))
        self.assertEqual([e.text for e in found if isinstance(e, Text)], ["GOOD. YOU?"])
        self.assertIsInstance(found[-1], Finished)

    def test_a_chat_endpoint_that_streams_anyway_is_told(self):
        self.upstream.serve("chat", events([chat_chunk("Good.", "stop")]))
        error, _ = self.failure(self.serving(transform_output=transform_output))
        self.assertEqual(error.kind, "transform_output")
        self.assertIn("stream", error.message)
        self.assertTrue(error.response["body"])

    def test_vectors(self):
        def halved(response):
            return [[number / 2 for number in each["embedding"]] for each in response["data"]]

        plain, made = (
            list(self.serving("bge", task="embeddings", transform_output=function).stream("ab"))
            for function in (None, halved)
        )
        vectors = [next(e for e in found if isinstance(e, Vectors)) for found in (plain, made)]
        self.assertEqual(vectors[1].vectors[0], tuple(x / 2 for x in vectors[0].vectors[0]))
        for function, words in (
            (lambda response: [], "What transform_output returned holds no vectors"),
            (lambda response: [[1.0], [2.0]], "transform_output returned 2 vectors to 1 inputs"),
        ):
            client = self.serving("bge", task="embeddings", transform_output=function)
            error, _ = self.failure(client, "ab")
            self.assertEqual(error.kind, "transform_output")
            self.assertIn(words, error.message)
            self.assertIn("data", error.response["body"])


if __name__ == "__main__":
    unittest.main()
