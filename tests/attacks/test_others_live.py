"""What happened to others and shows only on a real server, by id."""

import json
import re
import socket
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from tests import recorder
from tests.site import Site, csrf_in

USERS = 200
MAKE_USERS = f"""
import json
from django.conf import settings
from django.test import Client
from playground.models import ApiToken, Draft, User
made = {{}}
for number in range({USERS}):
    user = User.objects.create_user(f"user-{{number:03d}}-x")
    draft = [{{"role": "user", "content": f"draft-of-{{number:03d}}-x"}}]
    Draft.objects.create(owner=user, messages=draft)
    client = Client()
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    made[number] = [cookie, ApiToken.make(user, "test")[1]]
print(json.dumps([settings.SESSION_COOKIE_NAME, made]))
"""


class LiveOthersTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.site = cls.enterClassContext(Site())

    def test_024_two_hundred_people_at_once_see_each_only_what_is_theirs(self) -> None:
        """OTHERS-024: Channels CVE-2020-35681 mixed up requests that ran side by side."""
        said = self.site.manage("shell", "-v", "0", "-c", MAKE_USERS).stdout
        self.cookie, made = json.loads(said.splitlines()[-1])
        with ThreadPoolExecutor(50) as pool:
            strange = list(filter(None, pool.map(self.look, made.items())))
        self.assertEqual(strange, [])

    def look(self, made: tuple[str, list[str]]) -> str | None:
        """What this person sees of others; None if it is nothing, and all of their own."""
        number, (cookie, token) = f"{int(made[0]):03d}", made[1]
        session = requests.Session()
        session.cookies.set(self.cookie, cookie)
        page = session.get(f"{self.site.url}/", timeout=60).text
        sent = {"message-1": f"draft-of-{number}-x, edited", "csrfmiddlewaretoken": csrf_in(page)}
        saved = session.post(f"{self.site.url}/draft/", sent, timeout=60)
        bearer = {"Authorization": f"Bearer {token}"}
        me = requests.get(f"{self.site.url}/api/v1/me", headers=bearer, timeout=60).text
        page += session.get(f"{self.site.url}/", timeout=60).text
        if (
            not saved.ok
            or f"draft-of-{number}-x, edited" not in page
            or f"user-{number}-x" not in me
        ):
            return f"{number} misses something: {saved.status_code} {me}"
        named = set(re.findall(r"-(\d{3})-x", page + me))
        return None if named == {number} else f"{number} reads of {named}"

    def test_025_a_foreign_host_gets_nothing_not_even_a_style_sheet(self) -> None:
        """OTHERS-025: MLflow CVE-2025-14279, DNS rebinding, with static files and sockets."""
        for path in ("/", "/login/", "/static/css/base.css", "/api/v1/docs", "/nowhere"):
            with self.subTest(path):
                foreign = {"Host": f"evil.test:{self.site.port}"}
                answer = requests.get(self.site.url + path, headers=foreign, timeout=10)
                self.assertEqual(answer.status_code, 400)
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        upgrade |= {"Sec-WebSocket-Key": "x" * 22 + "==", "Host": f"evil.test:{self.site.port}"}
        upgrade |= {"Origin": f"http://evil.test:{self.site.port}"}
        path = "/ws/runs/00000000-0000-4000-8000-000000000000/"
        answer = requests.get(self.site.url + path, headers=upgrade, timeout=10)
        self.assertEqual(answer.status_code, 400)

    def test_026_an_underscore_is_no_hyphen_in_the_name_of_a_header(self) -> None:
        """OTHERS-026: Django CVE-2026-3902; and who may name themselves by a header is nobody."""
        for header in ("X_Forwarded_Host: evil.test", "Remote_User: alice", "Remote-User: alice"):
            said = self.raw(f"GET /api/v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n")
            self.assertIn("401", said.splitlines()[0])
        token = self.site.tokens["alice"]
        said = self.raw(
            f"GET /api/v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization_: Bearer {token}\r\n"
        )
        self.assertIn("401", said.splitlines()[0])

    def raw(self, head: str) -> str:
        with socket.create_connection(("127.0.0.1", self.site.port), timeout=10) as line:
            line.sendall(f"{head}Connection: close\r\n\r\n".encode())
            return line.makefile("rb").read().decode()

    @unittest.skipUnless(Path("/proc/self/environ").exists(), "only Linux shows it")
    def test_027_what_is_started_beside_the_site_gets_none_of_its_secrets(self) -> None:
        """OTHERS-027: the demo driver's environment, and every command line."""
        site = Path(f"/proc/{self.site.process.pid}")
        children = [each.read_text().split() for each in site.glob("task/*/children")]
        pids = [pid for each in children for pid in each]
        self.assertTrue(pids, "The demo driver runs beside the site.")
        for file in (*(Path(f"/proc/{pid}/environ") for pid in pids), site / "cmdline"):
            recorder.see("environment", file.read_bytes(), str(file))
