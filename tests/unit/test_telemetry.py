"""mlflow, as the site uses it, reports to nobody and leaves nothing in the home folder."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, sys
seen = []
def note(event, args):
    if event in ("socket.getaddrinfo", "socket.connect"):
        seen.append(str(args))
sys.addaudithook(note)
import django
django.setup()
from endpoints import Token, deployments
from endpoints.workspace import WorkspaceApi
from playground.egress import egress
host = "https://a.cloud.databricks.com"
deployments.deployments_client(WorkspaceApi(host, Token("dapi-0123"), egress()))
from mlflow.telemetry import get_telemetry_client
print(json.dumps([seen, get_telemetry_client() is None]))
"""


class TelemetryTests(unittest.TestCase):
    def test_making_a_deployments_client_calls_nobody_and_writes_no_installation_number(self):
        with tempfile.TemporaryDirectory() as home:
            environment = {
                "PATH": os.environ.get("PATH", ""),
                "HOME": home,
                "PLAYGROUND_DATA_DIR": f"{home}/data",
                "DJANGO_SETTINGS_MODULE": "playground.settings",
                "MLFLOW_DISABLE_TELEMETRY": "false",
            }
            ran = subprocess.run(
                [sys.executable, "-c", SCRIPT],
                cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
            )  # fmt: skip
            self.assertEqual(json.loads(ran.stdout), [[], True])
            written = [str(each.relative_to(home)) for each in Path(home).rglob("*mlflow*")]
            self.assertEqual(written, [])
