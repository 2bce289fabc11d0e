"""LangChain's own clients and ours on the same inputs: the same bodies, the same answers.

Skipped where LangChain is not installed. Where theirs go wrong, the test says how, and what ours
does instead.
"""

import importlib.util
import os
import tempfile
import unittest
from unittest import mock

from endpoints import Egress, EndpointError, Prompt, Text, Token, Usage, Vectors, client_for
from tests.certificates import certificate_file
from tests.unit.test_endpoints_transforms import transform_input, transform_output
from tests.upstream import answer, chat_chunk, events, raw
from tests.workspace import SEED_ENTITY, Workspace, ready_endpoint

ALICE = "dapi-alice-0123456789"
CLUSTER = "0812-091530-k3v9q2"
PROMPT = "How are you? Tell me."
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": PROMPT}]
HAS_LANGCHAIN = all(map(importlib.util.find_spec, ("langchain_community", "databricks_langchain")))


@unittest.skipUnless(HAS_LANGCHAIN, "LangChain is not installed (requirements-dev.txt has it)")
class LangChainTestCase(unittest.TestCase):
    certificate = None

    def setUp(self):
        tokens = {ALICE: "alice"}
        self.workspace = self.enterContext(Workspace(tokens=tokens, certificate=self.certificate))
        self.workspace.endpoints["dolly"] = ready_endpoint("dolly", SEED_ENTITY)
        self.workspace.serve("embed", embed)
        origin = self.workspace.origin
        environment = {
            "DATABRICKS_HOST": origin,
            "DATABRICKS_TOKEN": ALICE,
            "MLFLOW_ENABLE_DB_SDK": "false",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            "REQUESTS_CA_BUNDLE": self.certificate or "",
        }
        self.enterContext(mock.patch.dict(os.environ, environment))
        self.egress = Egress(workspace_origins=(origin,), ca_bundle=self.certificate)

    def ours(self, kind="serving", **options):
        return client_for(
            kind, host=self.workspace.origin, credential=Token(ALICE), egress=self.egress, **options
        )

    def answered(self, client, prompt):
        found = list(client.stream(prompt))
        return "".join(each.text for each in found if isinstance(each, Text)), found

    @property
    def last_body(self):
        return self.workspace.requests[-1].json


def embed(exchange):
    texts = exchange.request.json["input"]
    data = [{"index": i, "embedding": [float(len(text)), 1.0]} for i, text in enumerate(texts)]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    exchange.send_json({"object": "list", "data": data, "usage": usage})


class DatabricksTests(LangChainTestCase):
    def theirs(self, **options):
        from langchain_community.llms import Databricks

        return Databricks(**options)

    def test_a_custom_model_with_stop_and_parameters(self):
        client = self.ours(serving_endpoint="dolly", task="custom")
        for params in ({}, {"temperature": 0.1, "repeat": 2}):
            llm = self.theirs(endpoint_name="dolly", extra_params=params)
            text = llm.invoke(PROMPT, stop=["?"])
            body = self.last_body
            ours, _ = self.answered(client, Prompt.of(PROMPT, stop=["?"], **params))
            self.assertEqual((ours, self.last_body), (text, body))

    def test_without_stop_ours_sends_an_empty_one_for_signatures_that_require_it(self):
        text = self.theirs(endpoint_name="dolly").invoke(PROMPT)
        self.assertEqual(self.last_body, {"dataframe_records": [{"prompt": PROMPT}]})
        ours, _ = self.answered(self.ours(serving_endpoint="dolly", task="custom"), PROMPT)
        self.assertEqual(ours, text)
        self.assertEqual(self.last_body, {"dataframe_records": [{"prompt": PROMPT, "stop": []}]})

    def test_model_kwargs_of_the_seed_fail_there_and_work_here(self):
        with self.assertRaises(ValueError):
            self.theirs(endpoint_name="dolly", model_kwargs={"temperature": 0.1})
        client = self.ours(serving_endpoint="dolly", task="custom")
        self.answered(client, Prompt.of(PROMPT, temperature=0.1))
        self.assertEqual(self.last_body["dataframe_records"][0]["temperature"], 0.1)

    def test_the_seeds_functions_give_the_same_body_and_the_same_text(self):
        functions = {"transform_input_fn": transform_input, "transform_output_fn": transform_output}
        client = self.ours(
            serving_endpoint="dolly",
            task="custom",
            transform_input=transform_input,
            transform_output=transform_output,
        )
        for params in ({}, {"temperature": 0.1, "repeat": 2}):
            llm = self.theirs(endpoint_name="dolly", extra_params=params, **functions)
            text = llm.invoke(PROMPT, stop=["?"])
            body = self.last_body
            ours, _ = self.answered(client, Prompt.of(PROMPT, stop=["?"], **params))
            self.assertEqual((ours, self.last_body), (text, body))
            self.assertIn("Be Concise.", body["dataframe_records"][0]["prompt"])
            self.assertTrue(text.isupper())

    def test_the_functions_are_given_the_same(self):
        for predictions in (["a", "b"], "a", [{"score": 1}], {"score": 1}):
            self.workspace.serve("dolly", answer({"predictions": predictions, "more": 1}))
            given = {"theirs": [], "ours": []}

            def functions(whose, given=given):
                return {
                    "in": lambda **request: given[whose].append(request) or request,
                    "out": lambda response: given[whose].append(response) or "text",
                }

            theirs, ours = functions("theirs"), functions("ours")
            self.theirs(
                endpoint_name="dolly",
                transform_input_fn=theirs["in"],
                transform_output_fn=theirs["out"],
                extra_params={"temperature": 0.1},
            ).invoke(PROMPT, stop=["?"])
            client = self.ours(
                serving_endpoint="dolly",
                task="custom",
                transform_input=ours["in"],
                transform_output=ours["out"],
            )
            self.answered(client, Prompt.of(PROMPT, stop=["?"], temperature=0.1))
            self.assertEqual(given["ours"], given["theirs"])
            self.assertEqual(len(given["ours"]), 2)


class DriverProxyTests(LangChainTestCase):
    """Theirs knows https alone, so the stand-in speaks it."""

    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.certificate = certificate_file(folder)
        super().setUp()

    def test_an_app_with_and_without_extra_parameters(self):
        from langchain_community.llms import Databricks

        client = self.ours("driver_proxy", cluster_id=CLUSTER, port=7777, stream=False)
        for params, stop in (({}, ()), ({"temperature": 0.1, "repeat": 2}, ("?",))):
            llm = Databricks(
                host=self.workspace.origin.removeprefix("https://"),
                cluster_id=CLUSTER,
                cluster_driver_port="7777",
                extra_params=params,
            )
            text = llm.invoke(PROMPT, stop=list(stop) or None)
            theirs = self.workspace.requests[-1]
            ours, _ = self.answered(client, Prompt.of(PROMPT, stop=stop, **params))
            self.assertEqual((ours, self.last_body), (text, theirs.json))
            self.assertEqual(self.workspace.requests[-1].path, theirs.path)

    def test_the_seeds_functions_give_the_same_body_and_the_same_text(self):
        from langchain_community.llms import Databricks

        client = self.ours(
            "driver_proxy",
            cluster_id=CLUSTER,
            port=7777,
            transform_input=transform_input,
            transform_output=transform_output,
        )
        llm = Databricks(
            host=self.workspace.origin.removeprefix("https://"),
            cluster_id=CLUSTER,
            cluster_driver_port="7777",
            transform_input_fn=transform_input,
            transform_output_fn=transform_output,
        )
        for stop in ((), ("?",)):
            text = llm.invoke(PROMPT, stop=list(stop) or None)
            body = self.last_body
            ours, _ = self.answered(client, Prompt.of(PROMPT, stop=stop))
            self.assertEqual((ours, self.last_body), (text, body))
            self.assertIn("Be Concise.", body["prompt"])


class ChatDatabricksTests(LangChainTestCase):
    def theirs(self, **options):
        from databricks_langchain import ChatDatabricks

        return ChatDatabricks(endpoint="chat", **options)

    def test_the_same_parameters_are_the_same_body_and_answer(self):
        params = {"temperature": 0.1, "n": 1, "max_tokens": 3}
        said = self.theirs(stop=["END"], **params).invoke(MESSAGES)
        body = self.last_body
        client = self.ours(serving_endpoint="chat", stream=False)
        ours, found = self.answered(client, Prompt(MESSAGES, params, ("END",)))
        self.assertEqual((ours, self.last_body), (said.content, body))
        usage = next(each for each in found if isinstance(each, Usage))
        self.assertEqual(usage.output_tokens, said.response_metadata["completion_tokens"])

    def test_what_was_not_set_is_not_sent_here_and_is_there(self):
        self.theirs().invoke(MESSAGES)
        self.assertEqual(self.last_body, {"messages": MESSAGES, "temperature": 0.0, "n": 1})
        self.answered(self.ours(serving_endpoint="chat", stream=False), Prompt(MESSAGES))
        self.assertEqual(self.last_body, {"messages": MESSAGES})

    def test_a_stream_gives_the_same_text_and_here_its_usage_too(self):
        first, last = chat_chunk("Good. "), chat_chunk("You.", "stop")
        first["choices"][0]["delta"]["role"] = "assistant"
        usage = {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}
        self.workspace.serve("chat", events([first, last, {"choices": [], "usage": usage}]))
        pieces = list(self.theirs(temperature=0.1).stream(MESSAGES, stream_usage=True))
        body = self.last_body
        client = self.ours(serving_endpoint="chat")
        text, found = self.answered(client, Prompt(MESSAGES, {"temperature": 0.1, "n": 1}))
        self.assertEqual((text, self.last_body), ("".join(p.content for p in pieces), body))
        self.assertFalse(any(piece.usage_metadata for piece in pieces))
        self.assertIn(Usage(2, 2), found)

    def test_streams_that_end_theirs_in_an_exception_are_read_here(self):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        delta = b'{"role":"assistant","content":"Hi\xe2\x80\xa8"}'
        chunk = b'data: {"choices":[{"index":0,"delta":' + delta + b"}]}"
        for lines in (b": ping\n\n" + chunk, b"event: x\n" + chunk, chunk):
            body = head + lines + b"\n\ndata: [DONE]\n\n"
            self.workspace.serve("chat", raw(body))
            with self.assertRaises(Exception):  # noqa: B017 - mlflow's or json's, as it comes
                list(self.theirs().stream(MESSAGES))
            text, _ = self.answered(self.ours(serving_endpoint="chat"), Prompt(MESSAGES))
            self.assertEqual(text, "Hi\u2028")

    def test_a_first_piece_without_a_role_is_read_here_only(self):
        self.workspace.serve("chat", events([chat_chunk("Good.", "stop")]))
        with self.assertRaises(ValueError):
            list(self.theirs().stream(MESSAGES))
        text, _ = self.answered(self.ours(serving_endpoint="chat"), Prompt(MESSAGES))
        self.assertEqual(text, "Good.")

    def test_half_a_stream_is_told_here_only(self):
        first = chat_chunk("Good. ")
        first["choices"][0]["delta"]["role"] = "assistant"
        self.workspace.serve("chat", events([first], done=False))
        self.assertTrue(list(self.theirs().stream(MESSAGES)))
        with self.assertRaises(EndpointError) as caught:
            self.answered(self.ours(serving_endpoint="chat"), Prompt(MESSAGES))
        self.assertEqual(caught.exception.kind, "truncated")


class EmbeddingsTests(LangChainTestCase):
    def test_forty_five_texts_are_the_same_three_requests_and_vectors(self):
        from databricks_langchain import DatabricksEmbeddings

        texts = [f"text {'x' * number}" for number in range(45)]
        theirs = DatabricksEmbeddings(endpoint="embed", documents_params={"dimensions": 2})
        expected = theirs.embed_documents(texts)
        bodies = [each.json for each in self.workspace.requests]
        self.workspace.requests.clear()
        client = self.ours(serving_endpoint="embed", task="embeddings")
        prompt = Prompt((), {"dimensions": 2}, inputs=tuple(texts))
        (vectors,) = (each for each in client.stream(prompt) if isinstance(each, Vectors))
        self.assertEqual([list(each) for each in vectors.vectors], expected)
        self.assertEqual([each.json for each in self.workspace.requests], bodies)
