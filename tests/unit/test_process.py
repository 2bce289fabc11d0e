"""What a process says about itself and to its log: no core, no headers, no secret, whoever logs."""

import http.client
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

from endpoints import Egress, Text, Token, client_for
from tests.canary import traces
from tests.upstream import Upstream

ROOT = Path(__file__).resolve().parents[2]
SECRET = "Zq7-unlike-anything-else"


class ProcessTests(unittest.TestCase):
    def run_in_django(self, code: str, **environment: str) -> subprocess.CompletedProcess:
        with tempfile.TemporaryDirectory() as folder:
            return subprocess.run(
                [sys.executable, "-c", f"import django; django.setup()\n{textwrap.dedent(code)}"],
                cwd=ROOT,
                env={
                    "PATH": os.environ["PATH"],
                    "DJANGO_SETTINGS_MODULE": "playground.settings",
                    "PLAYGROUND_DATA_DIR": folder,
                    **environment,
                },
                capture_output=True,
                text=True,
                timeout=60,
            )

    def test_a_guarded_process_leaves_no_core(self):
        done = self.run_in_django(
            """
            import resource
            from playground.process import guard_process
            guard_process()
            print(resource.getrlimit(resource.RLIMIT_CORE))
            """
        )
        self.assertEqual(done.stdout.strip(), "(0, 0)", done.stderr)

    def test_what_nobody_caught_is_told_without_the_secret(self):
        done = self.run_in_django(
            f"""
            import gc, threading
            from endpoints import Token
            from playground.process import guard_process
            guard_process()
            token = Token({SECRET!r})

            def fail(where):
                raise ValueError(f"{{where}} {{token.reveal()}}")

            thread = threading.Thread(target=fail, args=("in a thread",))
            thread.start()
            thread.join()

            class Failing:
                def __del__(self):
                    fail("at its end")

            Failing()
            gc.collect()
            fail("in the main thread")
            """
        )
        said = done.stdout + done.stderr
        self.assertEqual(traces(SECRET, said.replace("token = Token", "")), [], said)
        for where in ("in a thread", "at its end", "in the main thread"):
            self.assertIn(f"ValueError: {where} ••••••••", said)
        self.assertEqual(done.returncode, 1)

    def test_every_handler_of_every_library_has_the_filter(self):
        done = self.run_in_django(
            """
            import logging
            from endpoints import Token
            from endpoints.deployments import deployments_client
            from endpoints.scrubbing import LogFilter
            from endpoints.workspace import WorkspaceApi
            import playground.asgi, playground.worker
            from playground.egress import egress
            host = "https://adb-1.2.azuredatabricks.net"
            deployments_client(WorkspaceApi(host, Token("dapi-0123456789"), egress()))
            loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
            found = {each for logger in loggers for each in getattr(logger, "handlers", ())}
            found = {each for each in found if not isinstance(each, logging.NullHandler)}
            bare = [h for h in found if not any(isinstance(f, LogFilter) for f in h.filters)]
            print(len(found) > 1, bare)
            """
        )
        self.assertEqual(done.stdout.strip(), "True []", done.stderr)

    def test_the_instances_own_secrets_are_not_in_its_log(self):
        own = {
            "PLAYGROUND_SECRET_KEY": "signs-sessions-0123456789",
            "PLAYGROUND_MASTER_KEYS": "a:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=",
            "DATABRICKS_TOKEN": SECRET,
        }
        done = self.run_in_django(
            """
            import logging, os
            from playground import vault
            vault.keys()
            for name in ("PLAYGROUND_SECRET_KEY", "PLAYGROUND_MASTER_KEYS", "DATABRICKS_TOKEN"):
                logging.error("%s is %s", name, os.environ[name])
            """,
            **own,
        )
        self.assertEqual(done.stderr.count("••••••••"), 3, done.stderr)
        for value in own.values():
            self.assertEqual(traces(value.removeprefix("a:"), done.stderr), [])

    def test_http_clients_debugging_prints_no_header(self):
        upstream = self.enterContext(Upstream())
        client = client_for(
            "serving",
            host=upstream.origin,
            serving_endpoint="chat",
            credential=Token(SECRET),
            egress=Egress(workspace_origins=(upstream.origin,)),
        )
        before = http.client.HTTPConnection.debuglevel
        http.client.HTTPConnection.debuglevel = 1
        try:
            with tempfile.TemporaryFile("w+") as said:
                real, sys.stdout = sys.stdout, said
                try:
                    text = "".join(e.text for e in client.stream("Hi") if isinstance(e, Text))
                finally:
                    sys.stdout = real
                said.seek(0)
                self.assertEqual(said.read(), "")
        finally:
            http.client.HTTPConnection.debuglevel = before
        self.assertEqual(text, "Good. You wrote: Hi")
