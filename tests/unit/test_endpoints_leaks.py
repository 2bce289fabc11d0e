"""A real upstream that repeats the token it was sent, in every place and form: none comes out."""

import dataclasses
import json
import unittest

from endpoints import (
    Egress,
    EndpointError,
    Finished,
    Limits,
    OAuthClient,
    Stopped,
    Stopper,
    Text,
    Token,
    client_for,
)
from endpoints.deployments import deployments_client
from endpoints.scrubbing import MASK
from endpoints.workspace import WorkspaceApi, whoami
from tests.canary import traces
from tests.leaky import ANSWERS, FAILURES, TEXTS, leaking
from tests.upstream import Upstream, answer, chat_chunk, events
from tests.workspace import Workspace

# One as Databricks makes them, one that no shape would know.
TOKENS = ("dapi00f1e2d3c4b5a6978897a6b5c4d3e2f1-2", "Zq7-unlike+anything/else=0x")
CLUSTER = "0812-091530-k3v9q2"
LIMITS = Limits(connect_s=5, idle_s=5, total_s=10)


class LeakTestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.enterClassContext(Upstream())
        cls.egress = Egress(workspace_origins=(cls.upstream.origin,))

    def client(self, token, task="chat"):
        return client_for(
            "serving",
            task=task,
            host=self.upstream.origin,
            serving_endpoint="leaky",
            credential=Token(token),
            egress=self.egress,
            limits=LIMITS,
        )

    def heard(self, client):
        """Everything that comes out of a call, and the error that ended it."""
        found, error = [], None
        try:
            for event in client.stream("x"):
                found.append(event)
        except EndpointError as caught:
            error = caught
        return found, error

    def assert_clean(self, token, found, error, *more):
        said = [repr(dataclasses.asdict(event)) for event in found]
        # Pieces, joined as a reader would: by kind, choice and call, whatever is between them.
        joined = {}
        for event in found:
            for name in ("text", "arguments"):
                if hasattr(event, name):
                    key = (type(event), event.choice, getattr(event, "index", None))
                    joined[key] = joined.get(key, "") + getattr(event, name)
        said += [*joined.values(), *map(str, more)]
        response = found[-1].response if found and isinstance(found[-1], Finished) else None
        if error is not None:
            said += [str(error), repr(error), error.message, error.hint, repr(error.args)]
            response = error.response
        said += [json.dumps(response), json.dumps(response, ensure_ascii=False)]
        said.append("".join(_leaves(response)))
        for each in said:
            self.assertEqual(traces(token, each), [], each[:2000])


def _leaves(value):
    """Every text in a kept response, those of a stream's payloads parsed, in order."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            inner = value
        # Names and numbers that only stand between two pieces are left out.
        if isinstance(inner, str):
            yield inner
        else:
            for kind in ("content", "reasoning_content", "refusal", "arguments", "delta", "text"):
                yield from _named(inner, kind)


def _named(value, name):
    if isinstance(value, dict):
        for key, each in value.items():
            if key == name and isinstance(each, str):
                yield each
            else:
                yield from _named(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _named(each, name)


class AnswerTests(LeakTestCase):
    def test_no_answer_gives_the_token_away(self):
        for token in TOKENS:
            for name, make in ANSWERS.items():
                with self.subTest(token=token[:4], answer=name):
                    self.upstream.serve("leaky", leaking(make))
                    found, error = self.heard(self.client(token))
                    self.assertIsNone(error)
                    self.assertIsInstance(found[-1], Finished)
                    self.assert_clean(token, found, error)
                    self.assertIn(MASK, repr(found))

    def test_what_stands_around_it_stays(self):
        for name in ("whole", "stream", "stream, by letter"):
            self.upstream.serve("leaky", leaking(ANSWERS[name]))
            found, _ = self.heard(self.client(TOKENS[1]))
            text = "".join(event.text for event in found if isinstance(event, Text))
            self.assertIn(text, (f"You are Bearer {MASK}.", f"You are {MASK}."))
            self.assertEqual(found[-1].choices[0].text, text)
        kept = found[-1].response["body"]
        self.assertIn('"content": "Y"', kept[0])
        self.assertIn(MASK, kept)
        self.assertEqual(kept[-1], "[DONE]")

    def test_a_tool_call_whose_id_is_the_token_stays_one_call(self):
        self.upstream.serve("leaky", leaking(ANSWERS["stream, tool call's id"]))
        found, _ = self.heard(self.client(TOKENS[1]))
        self.assertEqual([call["id"] for call in found[-1].choices[0].tool_calls], [MASK])

    def test_plain_text_neither(self):
        for token in TOKENS:
            for name, make in TEXTS.items():
                with self.subTest(token=token[:4], answer=name):
                    self.upstream.apps = {(CLUSTER, 7777): leaking(make)}
                    client = client_for(
                        "driver_proxy",
                        host=self.upstream.origin,
                        cluster_id=CLUSTER,
                        port=7777,
                        credential=Token(token),
                        egress=self.egress,
                        limits=LIMITS,
                    )
                    found, error = self.heard(client)
                    self.assertIsNone(error)
                    self.assert_clean(token, found, error)
                    self.assertIn(MASK, repr(found))

    def test_vectors_with_the_token_beside_them(self):
        for token in TOKENS:
            value = {"data": [{"index": 0, "embedding": [1.0]}], "model": token, token: token}
            self.upstream.serve("leaky", answer(value, served_model_name=token))
            found, error = self.heard(self.client(token, "embeddings"))
            self.assertIsNone(error)
            self.assert_clean(token, found, error)

    def test_stopping_within_a_token_tells_no_half_of_it(self):
        for token in TOKENS:
            pieces = [chat_chunk(c) for c in f"It is {token}"[:-2]]
            self.upstream.serve("leaky", events(pieces, ending="hang"))
            stopper, found = Stopper(), []
            with self.assertRaises(Stopped):
                for event in self.client(token).stream("x", stopper=stopper):
                    found.append(event)
                    if "".join(e.text for e in found if isinstance(e, Text)) == "It is ":
                        stopper.stop()
            self.assert_clean(token, found, None)


class FailureTests(LeakTestCase):
    def test_no_failure_gives_the_token_away(self):
        for token in TOKENS:
            for name, make in FAILURES.items():
                with self.subTest(token=token[:4], failure=name), self.assertNoLogs():
                    self.upstream.serve("leaky", leaking(make))
                    found, error = self.heard(self.client(token))
                    self.assertIsNotNone(error, found)
                    self.assert_clean(token, found, error)

    def test_another_tokens_shape_in_an_error_is_masked_too(self):
        other = "dapi11112222333344445555666677778888"
        self.upstream.serve("leaky", answer({"message": f"{other} Bearer abcdef0123456789"}, 400))
        found, error = self.heard(self.client(TOKENS[1]))
        self.assertNotIn(other, f"{error} {error.response}")
        self.assertNotIn("abcdef0123456789", f"{error} {error.response}")


class WorkspaceLeakTests(unittest.TestCase):
    """The workspace's own answers: who am I, what is there, the secrets of a service principal."""

    @classmethod
    def setUpClass(cls):
        cls.workspace = cls.enterClassContext(Workspace())
        cls.egress = Egress(workspace_origins=(cls.workspace.origin,))

    def test_names_and_lists(self):
        for token in TOKENS:
            self.workspace.on("/api/2.0/preview/scim/v2/Me", answer({"userName": f"me {token}"}))
            details = {"name": "a", "creator": token, "state": {token: token}}
            self.workspace.on("/api/2.0/serving-endpoints", answer({"endpoints": [details]}))
            held = Token(token)
            api = WorkspaceApi(self.workspace.origin, held, self.egress, LIMITS)
            said = repr(deployments_client(api).list_endpoints())
            said += whoami(self.workspace.origin, held, self.egress, LIMITS)
            self.assertEqual(traces(token, said), [])
            self.assertEqual(said.count(MASK), 4)

    def test_a_client_secret_repeated_by_the_token_service(self):
        for secret in TOKENS:
            held = OAuthClient("app-1", secret)

            def refuse(exchange, secret=secret):
                echoed = exchange.request.headers["Authorization"]
                exchange.send_json({"error_description": f"{echoed} {secret}"}, 401)

            self.workspace.on("/oidc/v1/token", refuse)
            with self.assertRaises(EndpointError) as caught:
                whoami(self.workspace.origin, held, self.egress, LIMITS)
            said = f"{caught.exception} {caught.exception.response}"
            self.assertEqual(traces(secret, said), [])
            self.assertIn(MASK, said)
