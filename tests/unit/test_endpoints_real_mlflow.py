"""Real software behind our clients: MLflow's, with a model of the seed's signature.

The scoring server has no `/serving-endpoints/...` paths, so a stand-in workspace passes bodies on
to it. MLflow's AI gateway is here too. Skipped where they are not installed.
"""

import http.client
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from endpoints import Egress, EndpointError, Prompt, Text, Token, client_for
from tests.upstream import Upstream, chat_chunk, events, pieces_of
from tests.workspace import Workspace

ALICE = "dapi-alice-0123456789"
PROMPT = "How are you? Tell me."
HAS_MLFLOW = all(map(importlib.util.find_spec, ("mlflow", "pandas", "sklearn", "uvicorn")))

HAS_GATEWAY = HAS_MLFLOW and all(map(importlib.util.find_spec, ("slowapi", "watchfiles")))

GATEWAY = """
endpoints:
  - name: chat
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: m
      config: {{openai_api_key: sk-none, openai_api_base: "{origin}/v1"}}
"""

SAVE_MODEL = """
import sys

import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import Array


class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [self.say(row, params or {}) for row in model_input.to_dict("records")]

    def say(self, row, params):
        text = f"Good. You wrote: {row['prompt']}"
        for stop in list(row["stop"]):
            text = text.partition(stop)[0]
        return text * params.get("repeat", 1)


inputs = Schema([ColSpec("string", "prompt"), ColSpec(Array("string"), "stop")])
params = ParamSchema([ParamSpec("repeat", "integer", 1)])
signature = ModelSignature(inputs, Schema([ColSpec("string")]), params)
mlflow.pyfunc.save_model(
    sys.argv[1], python_model=Echo(), signature=signature, pip_requirements=["mlflow"]
)
"""


@unittest.skipUnless(HAS_MLFLOW, "the full mlflow is not installed (requirements-dev.txt has it)")
class ScoringServerTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        model = os.path.join(folder, "model")
        environment = {
            **os.environ,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_TRACKING_URI": folder,
        }
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SAVE_MODEL, model],
            check=True, capture_output=True, env=environment, cwd=folder, timeout=120,
        )  # fmt: skip
        cls.port = free_port()
        command = [sys.executable, "-m", "uvicorn", "mlflow.pyfunc.scoring_server.app:app"]
        server = subprocess.Popen(
            [*command, "--port", str(cls.port), "--log-level", "error"],
            env={**environment, "__pyfunc_model_path__": model},
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.terminate)
        wait_until_up(f"http://127.0.0.1:{cls.port}/ping")

    def setUp(self):
        self.workspace = self.enterContext(Workspace(tokens={ALICE: "alice"}))
        self.workspace.serve("dolly", self.pass_on)

    def pass_on(self, exchange):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/invocations", exchange.request.body, headers)
        answer = connection.getresponse()
        exchange.send_body(answer.status, answer.read(), answer.headers["Content-Type"])
        connection.close()

    def client(self, **options):
        egress = Egress(workspace_origins=(self.workspace.origin,))
        return client_for(
            "serving", host=self.workspace.origin, serving_endpoint="dolly", task="custom",
            credential=Token(ALICE), egress=egress, **options,
        )  # fmt: skip

    def text(self, client, prompt):
        return "".join(each.text for each in client.stream(prompt) if isinstance(each, Text))

    def test_every_format_with_and_without_stop(self):
        for format in ("dataframe_records", "dataframe_split", "inputs"):
            client = self.client(format=format)
            with self.subTest(format=format):
                self.assertEqual(self.text(client, PROMPT), f"Good. You wrote: {PROMPT}")
                stopped = self.text(client, Prompt.of(PROMPT, stop=["?"]))
                self.assertEqual(stopped, "Good. You wrote: How are you")

    def test_a_column_that_is_not_in_the_signature_is_dropped_there(self):
        said = self.text(self.client(), Prompt.of(PROMPT, temperature=0.1))
        self.assertEqual(said, f"Good. You wrote: {PROMPT}")

    def test_parameters_of_the_signature_go_as_params(self):
        said = self.text(self.client(), Prompt.of("Hi.", params={"repeat": 2}))
        self.assertEqual(said, "Good. You wrote: Hi." * 2)

    def test_asked_by_its_own_url_it_answers_a_bare_list(self):
        url = f"http://127.0.0.1:{self.port}/invocations"
        egress = Egress(driver_origins=(f"http://127.0.0.1:{self.port}",))
        for stream in (True, False):
            client = client_for("driver", url=url, egress=egress, stream=stream)
            with self.subTest(stream=stream):
                said = self.text(client, Prompt.of(PROMPT, stop=["?"]))
                self.assertEqual(said, "Good. You wrote: How are you")

    def test_a_body_that_breaks_the_signature_is_a_bad_request_that_names_the_field(self):
        client = self.client(format="instances")  # which cannot carry stop unless it is set
        with self.assertRaises(EndpointError) as caught:
            self.text(client, PROMPT)
        self.assertEqual((caught.exception.kind, caught.exception.field), ("bad_request", "stop"))


@unittest.skipUnless(HAS_GATEWAY, "the MLflow AI gateway is not installed (requirements-dev.txt)")
class GatewayTests(unittest.TestCase):
    """MLflow's AI gateway in front of a stand-in for OpenAI, asked as an app on a driver."""

    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.upstream.on("/v1/chat/completions", openai_itself)
        folder = self.enterContext(tempfile.TemporaryDirectory())
        config = os.path.join(folder, "gateway.yaml")
        with open(config, "w") as file:
            file.write(GATEWAY.format(origin=self.upstream.origin))
        self.port = free_port()
        app = "mlflow.gateway.app:create_app_from_env"
        command = [sys.executable, "-m", "uvicorn", "--factory", app, "--port", str(self.port)]
        server = subprocess.Popen(
            [*command, "--log-level", "error"],
            env={**os.environ, "MLFLOW_GATEWAY_CONFIG": config, "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        wait_until_up(f"http://127.0.0.1:{self.port}/health")

    def events_of(self, path, params, **options):
        origin = f"http://127.0.0.1:{self.port}"
        egress = Egress(driver_origins=(origin,))
        client = client_for("driver", task="chat", url=f"{origin}{path}", egress=egress, **options)
        return list(client.stream(Prompt.of("Hi", **params)))

    def test_both_of_its_paths_plain_and_streamed_without_done(self):
        for path, params in (
            ("/v1/chat/completions", {"model": "chat"}),
            ("/gateway/chat/invocations", {}),
        ):
            for stream in (True, False):
                with self.subTest(path=path, stream=stream):
                    found = self.events_of(path, params, stream=stream)
                    said = "".join(each.text for each in found if isinstance(each, Text))
                    self.assertEqual(said, "Good. You wrote: Hi")
                    self.assertEqual(found[-1].finish_reason, "stop")
                    self.assertNotIn("[DONE]", str(found[-1].response))

    def test_what_it_refuses_is_a_bad_request_with_the_field(self):
        with self.assertRaises(EndpointError) as caught:
            self.events_of("/gateway/chat/invocations", {"temperature": "hot"})
        self.assertEqual(caught.exception.kind, "bad_request")
        self.assertEqual(caught.exception.field, "temperature")


def openai_itself(exchange):
    """All that OpenAI's own answers have; the gateway fails without any of it."""
    body = exchange.request.json
    base = {"id": "c1", "created": 1, "model": body["model"]}
    pieces, reason = pieces_of(body["messages"][-1]["content"], body)
    if not body.get("stream"):
        message = {"role": "assistant", "content": "".join(pieces)}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
        whole = {"object": "chat.completion", "choices": [choice], "usage": usage}
        exchange.send_json({**base, **whole})
        return
    chunks = [chat_chunk(piece) | base for piece in pieces]
    events([*chunks, chat_chunk("", reason) | base])(exchange)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_up(url, timeout_s=90):
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)  # a process of its own, which rings no bell
    raise TimeoutError(f"{url} did not come up")
