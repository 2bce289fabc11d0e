"""Prompts to and from the registry of a real MLflow server, over its real REST API."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from django.test import override_settings

from endpoints import Egress
from endpoints.errors import EgressDenied
from endpoints.prompt_registry import PromptRegistry
from tests.api import ApiTestCase

HAS_SERVER = all(map(importlib.util.find_spec, ("mlflow", "flask", "sqlalchemy", "uvicorn")))
READ_WITH_MLFLOW = """
import json, sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
found = mlflow.genai.load_prompt("prompts:/greet@production")
print(json.dumps([found.version, found.template, found.commit_message]))
mlflow.genai.register_prompt("of-others", "Say {{word}} twice", commit_message="by hand")
"""
BODY = {
    "name": "greet",
    "message": "First",
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello {{name}}"},
    ],
    "params": {"temperature": "0.5"},
    "variables": [{"name": "name", "type": "choice", "choices": ["Ana", "Ben"]}],
}


@unittest.skipUnless(HAS_SERVER, "mlflow's server is not installed")
class RegisteringTests(ApiTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        cls.origin = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", str(port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
        cls.env = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "HOME": folder}
        log = cls.enterClassContext(open(f"{folder}/log", "wb"))
        server = subprocess.Popen(
            command, cwd=folder, env=cls.env, stdout=log, stderr=log, start_new_session=True
        )
        cls.addClassCleanup(_end, server)
        _wait_for(f"{cls.origin}/health", server)
        cls.enterClassContext(override_settings(MLFLOW_ORIGIN=cls.origin))

    def test_there_and_back_loses_nothing_and_mlflow_reads_it(self) -> None:
        made = self.ok(self.api(self.alice, "POST", "/prompts", BODY), 201)
        path = f"/prompts/{made['id']}"
        second = {"messages": BODY["messages"][1:], "message": "Second"}
        self.ok(self.api(self.alice, "POST", f"{path}/versions", second), 201)
        self.ok(self.api(self.alice, "PUT", f"{path}/aliases/production", {"version": 1}))
        for _ in range(2):  # what is there already is not added again
            answer = self.api(self.alice, "POST", f"{path}/mlflow", {"name": "greet"})
            self.assertEqual(self.ok(answer)["versions"], {"1": 1, "2": 2})
        seen = subprocess.run(
            [sys.executable, "-c", READ_WITH_MLFLOW, self.origin],
            env=self.env,
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertIn('[1, [{"role": "system", "content": "Be kind."}', seen.stdout)
        self.assertIn('"First"]', seen.stdout)

        copy = self.api(self.bob, "POST", "/prompts/import-mlflow", {"name": "greet"})
        copy = self.ok(copy, 201)
        self.assertEqual((copy["owner"], copy["aliases"]), ("bob", {"production": 1}))
        files = [
            self.ok(self.api(user, "GET", f"/prompts/{pk}/export"))
            for user, pk in ((self.alice, made["id"]), (self.bob, copy["id"]))
        ]
        for version in (*files[0]["versions"], *files[1]["versions"]):
            del version["author"], version["created_at"]
        self.assertEqual(*files)

        other = self.api(self.bob, "POST", "/prompts/import-mlflow", {"name": "of-others"})
        other = self.ok(other, 201)
        version = self.ok(self.api(self.bob, "GET", f"/prompts/{other['id']}/versions/1"))
        self.assertEqual(version["messages"], [{"role": "user", "content": "Say {{word}} twice"}])
        self.assertEqual(version["message"], "by hand")
        missing = self.api(self.bob, "POST", "/prompts/import-mlflow", {"name": "nothing"})
        self.assertEqual(missing.status_code, 404)


class NotSetUpTests(ApiTestCase):
    def test_without_a_server_or_a_name_or_a_right_nothing_is_asked(self) -> None:
        made = self.ok(self.api(self.alice, "POST", "/prompts", BODY), 201)
        path = f"/prompts/{made['id']}/mlflow"
        answer = self.api(self.alice, "POST", path, {"name": "greet"})
        self.assert_error(answer, 422, "invalid", field="name", says="No MLflow server")
        self.assertEqual(self.api(self.charlie, "POST", path, {"name": "x"}).status_code, 404)
        with override_settings(MLFLOW_ORIGIN="http://127.0.0.1:9"):
            for name in ("a b", "x' OR name LIKE '%", "", "a/b"):
                answer = self.api(self.alice, "POST", "/prompts/import-mlflow", {"name": name})
                self.assert_error(answer, 422, "invalid", field="name", says="letters, digits")
            answer = self.api(self.alice, "POST", "/prompts/import-mlflow", {"name": "greet"})
            self.assertEqual(answer.status_code, 502)

    def test_no_other_server_than_the_admins_is_reached(self) -> None:
        listed = Egress(mlflow_origins=("http://127.0.0.1:9",))
        elsewhere = Egress(workspace_origins=("http://127.0.0.1:9",), driver_origins=())
        for egress, origin in ((elsewhere, "http://127.0.0.1:9"), (listed, "http://10.0.0.1:9")):
            with self.assertRaises(EgressDenied):
                PromptRegistry(origin, egress).versions("greet")


def _wait_for(url: str, server: subprocess.Popen) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if server.poll() is not None:
                raise AssertionError("mlflow server did not start") from None
            time.sleep(0.3)
    raise AssertionError("mlflow server did not answer")


def _end(server: subprocess.Popen) -> None:
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
