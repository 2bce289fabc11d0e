"""Code that repeats a call, run for real: what it sends is what was sent.

mlflow's, OpenAI's and LangChain's are imported by the processes that run the code; where a package
is missing, its test is skipped and says so.
"""

import contextlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from dataclasses import replace
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from endpoints import AddressError, Egress, Prompt, Token, client_for
from endpoints.code import FORMATS, Sent, code_for
from tests.certificates import certificate_file
from tests.upstream import answer, chat_chunk, events
from tests.workspace import SEED_ENTITY, Workspace, ready_endpoint

ALICE = "dapi-alice-0123456789"
CLUSTER = "0812-091530-k3v9q2"
HARD = "It's \"so\"\n\t$HOME `id` $(id) ${x} \\ %s {y} '''\nJSON\n é 😀 \u2028 \x7f !!"
HALF = "half \ud83d of a letter"
ASKED = [{"role": "user", "content": "How are you?"}]
PARTS = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "data:x"}}]
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
TOOL_TALK = [
    *ASKED,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "5"},
]
ACCEPT = "text/event-stream, application/json"


def serving(task, body, name=None):
    name = name or {"chat": "chat", "custom": "dolly"}.get(task, task)
    return {"kind": "serving", "task": task, "serving_endpoint": name, "body": body}


def proxy(task, body, **more):
    return {
        "kind": "driver_proxy", "task": task, "cluster_id": CLUSTER, "port": 7777, "body": body,
        **more,
    }  # fmt: skip


def driver(task, body, path="/", **more):
    return {"kind": "driver", "task": task, "url": path, "body": body, **more}


SEED = '''def transform_input(**request):
    full_prompt = f"""{request["prompt"]}
    Be Concise.
    """
    request["prompt"] = full_prompt
    return request


def transform_output(response):
    return response.upper()
'''
CONCISE = "How are you?\n    Be Concise.\n    "


def transformed(call, before, source=SEED):
    return {**call, "before": before, "transform_input": source, "transform_output": source}


CALLS = {
    "chat": serving("chat", {"messages": ASKED}),
    "chat, everything set": serving("chat", {
        "messages": [{"role": "system", "content": "Be brief."}, *ASKED],
        "temperature": 0.1, "n": 2, "max_tokens": 64, "stop": ["END", "'"], "top_k": 5,
        "response_format": {"type": "json_object"},
    }),
    "chat, hard text": serving("chat", {"messages": [{"role": "user", "content": HARD}]}),
    "chat, half a letter": serving("chat", {"messages": [{"role": "user", "content": HALF}]}),
    "chat, streamed": serving("chat", {"messages": ASKED, "stream": True, "temperature": 0}),
    "chat, parts": serving("chat", {"messages": [{"role": "user", "content": PARTS}]}),
    "chat, tools": serving("chat", {"messages": TOOL_TALK, "tools": [{"type": "function"}]}),
    "chat, tools, streamed": serving("chat", {"messages": TOOL_TALK, "stream": True}),
    "chat, a model of its own": serving("chat", {"messages": ASKED, "model": "other"}),
    "completions": serving("completions", {"prompt": "Once", "max_tokens": 5}),
    "completions, all": serving("completions", {
        "prompt": HARD, "temperature": 0.5, "n": 1, "stop": ["."], "top_k": 4,
    }),
    "completions, streamed": serving("completions", {"prompt": "Once", "stream": True}),
    "embeddings": serving("embeddings", {"input": ["a", HARD]}),
    "embeddings, with parameters": serving("embeddings", {"input": ["a"], "dimensions": 5, "x": 1}),
    "embeddings, in floats": serving("embeddings", {"input": ["a"], "encoding_format": "float"}),
    "embeddings, one text": serving("embeddings", {"input": "a"}),
    "custom": serving("custom", {"dataframe_records": [{"prompt": HARD, "stop": []}]}),
    "custom, stop and more": serving("custom", {
        "dataframe_records": [{"prompt": "How are you?", "stop": ["."], "temperature": 0.1}],
    }),
    "custom, split": serving("custom", {
        "dataframe_split": {"columns": ["prompt", "stop"], "data": [["Hi", []]]},
    }),
    "custom, inputs and params": serving("custom", {
        "inputs": [{"prompt": "Hi", "stop": ["."]}], "params": {"temperature": 0.1},
    }),
    "agent": serving("responses", {"input": ASKED, "custom_inputs": {"a": None}, "x": True}),
    "agent, streamed": serving("responses", {"input": ASKED, "stream": True}),
    "chat agent": serving("responses", {"messages": ASKED, "context": {"user_id": "u"}}),
    "driver proxy": proxy("custom", {"prompt": HARD, "stop": ["."], "temperature": 0.1}),
    "driver proxy, without stop": proxy("custom", {"prompt": "How are you?"}),
    "driver proxy, streamed": proxy("custom", {"prompt": "Hi"}, is_streamed=True),
    "driver proxy, a path": proxy("custom", {"prompt": "Hi"}, path="/$(id)'x!&y", org_id="12"),
    "driver proxy, chat": proxy("chat", {"messages": ASKED}),
    "driver proxy, chat with a model": proxy("chat", {"messages": ASKED, "model": "m", "top_k": 1}),
    "driver": driver("custom", {"prompt": HARD}, "/echo"),
    "driver, streamed": driver("custom", {"prompt": "Hi"}, is_streamed=True),
    "driver, chat": driver("chat", {"messages": ASKED}),
    "driver, chat streamed": driver("chat", {"messages": ASKED, "stream": True}, "/v1"),
    "custom, transformed": transformed(
        serving("custom", {"dataframe_records": [{"prompt": CONCISE, "stop": ["?"], "n": 2}]}),
        {"prompt": "How are you?", "stop": ["?"], "n": 2},
    ),
    "completions, transformed": transformed(
        serving("completions", {"prompt": CONCISE, "top_k": 4}),
        {"prompt": "How are you?", "top_k": 4},
        SEED.replace("response.upper()", "response['choices'][0]['text'].upper()"),
    ),
    "chat, transformed": transformed(
        serving("chat", {"messages": ASKED, "top_k": 1}), {"messages": ASKED}
    ),
    "driver proxy, transformed": transformed(
        proxy("custom", {"prompt": CONCISE}), {"prompt": "How are you?"}
    ),
    "driver, an array": transformed(driver("custom", ["How are you?"]), {"prompt": "How are you?"}),
}  # fmt: skip

OF_THE_CALL = ("is_streamed", "before", "transform_input", "transform_output")

# Runs many pieces of code in one process, because some imports take ten seconds.
RUNNER = """
import contextlib, io, json, sys, traceback
failures = {}
for name, code in json.load(sys.stdin).items():
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code, name, "exec"), {"__name__": "__main__"})
    except Exception:
        failures[name] = traceback.format_exc()
    print("ran", flush=True)
print(json.dumps(failures))
"""


class CodeTestCase(unittest.TestCase):
    maxDiff = None
    certificate = None

    def setUp(self):
        tokens = {ALICE: "alice"}
        self.workspace = self.enterContext(Workspace(tokens=tokens, certificate=self.certificate))
        external = {"external_model": {"provider": "openai", "name": "m"}}
        kinds = {"endpoint_type": "EXTERNAL_MODEL", "task": "llm/v1/completions"}
        self.workspace.endpoints = {
            "dolly": ready_endpoint("dolly", SEED_ENTITY),
            "completions": ready_endpoint("completions", external, **kinds),
        }
        for name in ("chat", "completions", "embeddings", "responses"):
            self.workspace.serve(name, whatever_is_due)
        for path in ("chat/completions", "completions", "embeddings", "responses"):
            self.workspace.on(f"/serving-endpoints/{path}", whatever_is_due)
        self.workspace.serve("dolly", answer({"predictions": ["Good."]}))
        self.workspace.apps = {(CLUSTER, 7777): whatever_is_due}
        for path in ("/", "/echo", "/v1/chat/completions"):
            self.workspace.on(path, whatever_is_due)

    def sent(self, call, **change):
        """The call as our client sends it to the stand-in."""
        egress = Egress((self.workspace.origin,), (self.workspace.origin,))
        said = {k: call[k] for k in OF_THE_CALL if k in call}
        address = {k: v for k, v in call.items() if k not in ("kind", "body", *said)}
        if call["kind"] == "driver":
            address["url"] = self.workspace.url(call["url"])
        client = client_for(
            call["kind"], host=self.workspace.origin, credential=Token(ALICE), egress=egress,
            **address,
        )  # fmt: skip
        url = client.request(Prompt.of("x")).url
        return replace(Sent(call["kind"], call["task"], url, call["body"], **said), **change)

    def code(self, call, format):
        return code_for(self.sent(call), format)

    def environment(self, **more):
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        fixed = {
            "DATABRICKS_HOST": self.workspace.origin,
            "DATABRICKS_TOKEN": ALICE,
            "MLFLOW_DEPLOYMENT_PREDICT_TIMEOUT": "10",
            "MLFLOW_DEPLOYMENT_PREDICT_TOTAL_TIMEOUT": "10",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONUTF8": "1",
        }
        return {**kept, **fixed, **more}

    def bodies_of(self, codes, timeout_s=300, **environment):
        """What each of these pieces of code sent, in one process that runs them in turn."""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", RUNNER],
            input=json.dumps(codes),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=self.environment(**environment),
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        failures = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual(failures, {}, "\n".join(failures.values()))
        asked = [each for each in self.workspace.requests if each.method == "POST"]
        self.assertEqual(len(asked), len(codes))
        return dict(zip(codes, asked, strict=True))

    def assert_same(self, name, sent, left_out=(), added=()):
        """That a request is the call, save for what its client cannot say or always says."""
        call = CALLS[name]
        body, due = sent.json, call["body"]
        if isinstance(body, dict):
            body = {key: value for key, value in body.items() if key not in added}
            due = {key: value for key, value in due.items() if key not in left_out}
        self.assertEqual(body, due, name)
        if call["kind"] != "driver":
            self.assertEqual(sent.token, ALICE, name)

    def skip_unless(self, *packages):
        for package in packages:
            if importlib.util.find_spec(package) is None:
                self.skipTest(f"{package} is not installed (pip install -r requirements-dev.txt)")


def whatever_is_due(exchange):
    """Enough of an answer, of the shape that the body asks for."""
    body = exchange.request.json
    if isinstance(body, list):
        exchange.send_json("Good.")
    elif body.get("stream"):
        done = {"type": "response.completed", "response": {"output": []}}
        text = {"choices": [{"index": 0, "text": "Good.", "finish_reason": "stop"}]}
        chat = chat_chunk("Good.", "stop")
        chat["choices"][0]["delta"]["role"] = "assistant"  # ChatDatabricks fails without it
        events([done if "input" in body else text if "prompt" in body else chat])(exchange)
    elif "embedding" in exchange.request.path:
        count = len(body["input"]) if isinstance(body["input"], list) else 1
        data = [{"object": "embedding", "index": i, "embedding": [1.0]} for i in range(count)]
        exchange.send_json({"object": "list", "data": data, "usage": {}})
    elif "input" in body:
        exchange.send_json({"object": "response", "output": []})
    elif "prompt" in body and exchange.request.path.startswith("/driver-proxy-api"):
        exchange.send_json("Good.")
    else:
        message = {"role": "assistant", "content": "Good."}
        choice = {"index": 0, "message": message, "text": "Good.", "finish_reason": "stop"}
        exchange.send_json({"object": "chat.completion", "choices": [choice], "usage": {}})


class CurlTests(CodeTestCase):
    def test_every_call(self):
        if shutil.which("curl") is None or shutil.which("bash") is None:
            self.skipTest("curl or bash is not installed")
        for number, (name, call) in enumerate(CALLS.items()):
            done = subprocess.run(
                ["bash", "-euc", self.code(call, "curl")],
                capture_output=True,
                text=True,
                env=self.environment(),
                timeout=30,
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)
            self.assertEqual(len(self.workspace.requests), number + 1)
            self.assert_same(name, self.workspace.requests[-1])


class RequestsTests(CodeTestCase):
    def test_every_call(self):
        codes = {name: self.code(call, "requests") for name, call in CALLS.items()}
        for name, sent in self.bodies_of(codes).items():
            self.assert_same(name, sent)
            if "streamed" in name:
                self.assertEqual(sent.headers["Accept"], ACCEPT)

    def test_the_url_is_the_one_that_our_client_asks(self):
        codes = {name: self.code(call, "requests") for name, call in CALLS.items()}
        urls = [self.sent(call).url for call in CALLS.values()]
        asked = self.bodies_of(codes).values()
        self.assertEqual([self.workspace.url(each.path) for each in asked], urls)


class MlflowTests(CodeTestCase):
    def test_every_serving_call_and_a_comment_for_the_others(self):
        codes = {name: self.code(call, "mlflow") for name, call in CALLS.items()}
        for name, sent in self.bodies_of(codes).items():
            self.assert_same(name, sent)
            is_serving = CALLS[name]["kind"] == "serving"
            self.assertEqual(codes[name].startswith("# mlflow's deployments"), not is_serving)


class OpenAITests(CodeTestCase):
    def test_every_call(self):
        self.skip_unless("openai")
        codes = {name: self.code(call, "openai") for name, call in CALLS.items()}
        for name, sent in self.bodies_of(codes).items():
            is_own_call = "model=" in codes[name] and CALLS[name]["kind"] == "serving"
            self.assert_same(name, sent, added=("model",) if is_own_call else ())
            if is_own_call:
                self.assertEqual(sent.json["model"], CALLS[name]["serving_endpoint"])
            self.assertEqual("plain post" in codes[name], "client.post" in codes[name], name)


class LangChainTests(CodeTestCase):
    def test_every_serving_call(self):
        self.skip_unless("langchain_community", "databricks_langchain")
        codes = {
            name: self.code(call, "langchain")
            for name, call in CALLS.items()
            if call["kind"] == "serving"
        }
        for name, sent in self.bodies_of(codes).items():
            # Its Databricks class cannot stream, and the code says so.
            cannot_stream = "cannot stream" in codes[name]
            self.assertEqual(cannot_stream, name == "completions, streamed")
            self.assert_same(name, sent, left_out=("stream",) if cannot_stream else ())

    def test_transforms_are_functions_of_the_users_there_and_the_body_elsewhere(self):
        for name in (
            "custom, transformed",
            "completions, transformed",
            "driver proxy, transformed",
        ):
            code = self.code(CALLS[name], "langchain")
            self.assertEqual(code.count("def transform_input(**request):"), 1)
            self.assertIn("transform_output_fn=transform_output", code)
            self.assertNotIn("Concise.\\n", code)
        for name, format in (("custom, transformed", "curl"), ("chat, transformed", "langchain")):
            self.assertNotIn("def transform_input", self.code(CALLS[name], format))
        self.assertIn("Be Concise.", self.code(CALLS["custom, transformed"], "mlflow"))

    def test_its_own_classes_are_used_where_they_can_say_it(self):
        classes = ("ChatDatabricks", "DatabricksEmbeddings", "llms import Databricks")
        used = {}
        for name, call in CALLS.items():
            code = self.code(call, "langchain")
            used[name] = next((each for each in classes if each in code), None)
        self.assertEqual(used["chat, everything set"], "ChatDatabricks")
        self.assertEqual(used["embeddings, with parameters"], "DatabricksEmbeddings")
        for name in ("custom, stop and more", "completions", "driver proxy"):
            self.assertEqual(used[name], "llms import Databricks")
        for name in ("chat, tools", "custom, split", "agent", "driver", "driver proxy, a path"):
            self.assertIsNone(used[name])
            self.assertIn("# LangChain's", self.code(CALLS[name], "langchain"))


class LangChainDriverProxyTests(CodeTestCase):
    """Its class knows https alone, so here the stand-in speaks it."""

    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.certificate = certificate_file(folder)
        super().setUp()

    def test_every_call(self):
        self.skip_unless("langchain_community")
        codes = {
            name: self.code(call, "langchain")
            for name, call in CALLS.items()
            if call["kind"] == "driver_proxy"
        }
        found = self.bodies_of(codes, REQUESTS_CA_BUNDLE=self.certificate)
        for name, sent in found.items():
            self.assert_same(name, sent)


class TextTests(CodeTestCase):
    def test_no_code_holds_a_token(self):
        for call in CALLS.values():
            for format in FORMATS:
                code = self.code(call, format)
                self.assertNotIn(ALICE, code)
                self.assertEqual("DATABRICKS_TOKEN" in code, call["kind"] != "driver")

    def test_all_of_it_is_python_of_our_own_line_style(self):
        for name, call in CALLS.items():
            for format in FORMATS[1:]:
                compile(self.code(call, format), name, "exec")

    def test_what_is_no_address_gives_no_code(self):
        for kind, url in (
            ("serving", "https://a.b/serving-endpoints/a\nimport os/invocations"),
            ("serving", "https://a.b/serving-endpoints/a.b/invocations"),
            ("serving", "https://a.b/serving-endpoints/a/b/invocations"),
            ("serving", "https://a.b/"),
            ("serving", "https://a.b\nimport os/serving-endpoints/a/invocations"),
            ("serving", 'https://a"; id; "/serving-endpoints/a/invocations'),
            ("driver_proxy", f"https://a.b/driver-proxy-api/o/0/{CLUSTER}/1;id"),
            ("driver_proxy", f"https://a.b/driver-proxy-api/o/0/{CLUSTER}x.y/7777"),
            ("driver_proxy", f"https://a.b/driver-proxy-api/o/x/{CLUSTER}/7777"),
            ("driver_proxy", f"https://a.b/driver-proxy-api/o/0/{CLUSTER}/7777/../x"),
            ("driver", "http://x/\nid"),
            ("driver", "x"),
            ("driver", "http://x/'; id; '\\"),
            ("driver", "http://x/?a=$(id)"),
            ("driver", "file:///etc"),
        ):
            with self.subTest(url=url), self.assertRaises(AddressError):
                Sent(kind, "custom", url, {"prompt": "x"})

    def test_one_of_several_requests_says_so_in_every_format(self):
        for format in FORMATS:
            code = code_for(self.sent(CALLS["embeddings"], of=3), format)
            self.assertTrue(code.startswith("# The first of 3 requests"), code)
            self.assertNotIn("The first of", self.code(CALLS["embeddings"], format))

    def test_an_unknown_format_and_endless_nesting_are_value_errors(self):
        with self.assertRaises(ValueError):
            self.code(CALLS["chat"], "perl")
        deep = []
        for _ in range(5000):
            deep = [deep]
        for format in FORMATS:
            with self.assertRaises(ValueError):
                self.code(serving("chat", {"messages": deep}), format)


TEXTS = st.text(max_size=12) | st.sampled_from(
    (
        "'",
        '"""',
        "\\",
        "\r\n",
        "$(id)",
        "`id`",
        "{{a}}",
        "\nJSON\n",
        "\u2028",
        "\x85",
        "\0",
        HALF,
        "",
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(TEXTS, each, max_size=3),
    max_leaves=12,
)  # fmt: skip
URLS = {
    "serving": "https://a.cloud.databricks.com/serving-endpoints/x/invocations",
    "driver": "http://127.0.0.1:7777/a$b'c",
    "driver_proxy": f"https://a.cloud.databricks.com/driver-proxy-api/o/0/{CLUSTER}/7777",
}
# What curl would send, instead of sending it: its arguments, then its input.
AS_CURL = """curl() { printf '%s\\0' "$@"; cat; }; """


class AnyBodyTests(unittest.TestCase):
    def setUp(self):
        origin = "https://a.cloud.databricks.com/"
        variables = {"DATABRICKS_HOST": origin, "DATABRICKS_TOKEN": ALICE}
        self.enterContext(mock.patch.dict(os.environ, variables))

    @settings(max_examples=80, deadline=None)
    @given(
        st.dictionaries(TEXTS, JSON, max_size=4),
        st.sampled_from(sorted(URLS)),
        st.sampled_from(("chat", "completions", "embeddings", "custom", "responses")),
        st.booleans(),
    )
    def test_it_is_sent_again_as_it_is(self, body, kind, task, is_streamed):
        sent = Sent(kind, task, URLS[kind], {"prompt": "x", **body}, is_streamed)
        for format in FORMATS[1:]:
            compile(code_for(sent, format), format, "exec")
        with mock.patch("requests.post") as post, contextlib.redirect_stdout(io.StringIO()):
            exec(code_for(sent, "requests"), {})  # noqa: S102 - code of ours, which is tried
        self.assertEqual((post.call_args.args[0], post.call_args.kwargs["json"]),
                         (sent.url, sent.body))  # fmt: skip
        done = subprocess.run(
            ["bash", "-euc", AS_CURL + code_for(sent, "curl")], capture_output=True, timeout=30
        )
        *arguments, data = done.stdout.split(b"\0")
        self.assertEqual((done.stderr, json.loads(data)), (b"", sent.body))
        self.assertIn(sent.url.encode(), arguments)
