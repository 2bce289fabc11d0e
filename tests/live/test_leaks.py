"""A workspace repeats every token that it gets: nothing here shows one, stores one or logs one.

The same by the page, its socket, the API, its event stream and `manage.py ask`; then every byte of
the data folder is read, but for the keys.
"""

import json
import re
import threading
import unittest

import requests

from tests.canary import traces
from tests.leaky import ANSWERS, FAILURES, leaking
from tests.site import Site, messages
from tests.upstream import Upstream, answer, chat_chunk, events

# One as Databricks makes them, one that no shape would know.
TOKENS = {"pat": "dapi00f1e2d3c4b5a6978897a6b5c4d3e2f1-2", "odd": "Zq7-unlike+anything/else=0x"}
MASK = "••••••••"
SLOW = {
    "slow": lambda t: events(
        [*(chat_chunk(c) for c in f"It is {t}, I wanted"), chat_chunk(None, "stop")], delay_s=0.02
    )
}
BEHAVIOURS = ANSWERS | FAILURES | SLOW


class LeakTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.upstream = cls.enterClassContext(Upstream())
        origin = cls.upstream.origin
        cls.site = cls.enterClassContext(
            Site(PLAYGROUND_WORKSPACE_ORIGINS=origin, PLAYGROUND_LOG_LEVEL="DEBUG")
        )
        cls.names = {}  # what an endpoint does -> its name upstream
        for number, (title, make) in enumerate(BEHAVIOURS.items()):
            cls.names[title] = f"leaky{number}"
            cls.upstream.serve(f"leaky{number}", leaking(make))
        cls.said: list[tuple[str, str]] = []  # (where, what) of everything that came out
        cls.workspaces = {}
        for kind, token in TOKENS.items():
            path = "/workspaces"
            made = cls.site.api("POST", path, {"name": kind, "host": origin}, status=201)
            cls.workspaces[kind] = made["id"]
            credential = {"kind": "token", "token": token}
            cls.site.api("PUT", f"{path}/{made['id']}/credential", credential, status=200)
            for name in cls.names.values():
                endpoint = {"name": f"{name}-{kind}", "kind": "serving", "task": "chat"}
                endpoint |= {"workspace": made["id"], "serving_endpoint": name}
                cls.site.api("POST", "/endpoints", endpoint, status=201)
        cls.session = cls.site.session()

    def heard(self, where: str, what: str) -> str:
        self.said.append((where, what))
        return what

    def get(self, path: str, **headers: str) -> str:
        response = self.session.get(f"{self.site.url}{path}", headers=headers, timeout=30)
        self.assertEqual(response.status_code, 200, path)
        return self.heard(path, f"{response.headers} {response.text}")

    def follow(self, run_id: str) -> list[threading.Thread]:
        """The page's socket and the API's event stream, to their ends."""

        def listen() -> None:
            with self.site.socket(run_id, self.session) as socket:
                joined = {}
                for message in messages(socket, 60):
                    self.heard("socket", json.dumps(message, ensure_ascii=False))
                    if message["type"] == "delta":
                        joined[message["id"]] = joined.get(message["id"], "") + message["text"]
                self.heard("socket, joined", "\n".join(joined.values()))

        def read_events() -> None:
            url = f"{self.site.url}/api/v1/runs/{run_id}/events"
            headers = {"Authorization": f"Bearer {self.site.tokens['alice']}"}
            text = requests.get(url, headers=headers, timeout=60).text
            deltas = re.findall(r'"text":"((?:[^"\\]|\\.)*)"', text)
            self.heard("events", text)
            self.heard("events, joined", "".join(deltas))

        threads = [threading.Thread(target=each) for each in (listen, read_events)]
        for thread in threads:
            thread.start()
        return threads

    def test_nothing_comes_out_anywhere(self) -> None:
        calls = {}
        for kind in TOKENS:
            titles = list(BEHAVIOURS)
            for start in range(0, len(titles), 40):
                some = titles[start : start + 40]
                run = self.site.start_run("Hi", *[f"{self.names[t]}-{kind}" for t in some])
                threads = self.follow(run["id"])
                ended = self.site.wait_for_run(run["id"], timeout_s=120)
                for thread in threads:
                    thread.join()
                calls |= {(kind, t): c for t, c in zip(some, ended["calls"], strict=True)}
                self.see_everything(run["id"], ended)
        self.assert_each_was_sent_and_masked(calls)
        self.ask("pat", "stream, by letter")
        self.ask("odd", "400")
        self.check_and_list()
        self.site.stop()
        self.assert_nothing_was_said()
        self.assert_nothing_is_stored()

    def see_everything(self, run_id: str, ended: dict) -> None:
        self.heard("api run", json.dumps(ended, ensure_ascii=False))
        self.get("/")
        self.get(f"/runs/{run_id}/")
        for call in ended["calls"]:
            whole = self.site.api("GET", f"/calls/{call['id']}")
            self.heard("api call", json.dumps(whole, ensure_ascii=False))
            for part in ("request", "response"):
                self.get(f"/calls/{call['id']}/raw/?part={part}", **{"HX-Request": "true"})

    def assert_each_was_sent_and_masked(self, calls: dict) -> None:
        sent = {request.token for request in self.upstream.requests}
        self.assertEqual(sent & set(TOKENS.values()), set(TOKENS.values()))
        for (kind, title), call in calls.items():
            with self.subTest(kind=kind, answer=title):
                status = "failed" if title in FAILURES else "done"
                self.assertEqual(call["status"], status, call)
                if title not in ("headers", "odd encoding", "moved"):  # whose words none repeat
                    whole = self.site.api("GET", f"/calls/{call['id']}")
                    self.assertIn(
                        MASK, json.dumps(whole["response"], ensure_ascii=False) + str(call)
                    )
        for kind in TOKENS:
            self.assertEqual(calls[kind, "slow"]["text"], f"It is {MASK}, I wanted")
            self.assertEqual(calls[kind, "stream, by letter"]["text"], f"You are {MASK}.")

    def ask(self, kind: str, title: str) -> None:
        for options in ((), ("--json",)):
            name = f"{self.names[title]}-{kind}"
            done = self.site.manage("ask", "Hi", "--endpoint", name, *options, check=False)
            self.heard("ask", done.stdout + done.stderr)
            self.assertIn(MASK, done.stdout + done.stderr)

    def check_and_list(self) -> None:
        """The workspace's own answers, by page and API."""
        for kind, token in TOKENS.items():
            self.upstream.on("/api/2.0/preview/scim/v2/Me", answer({"userName": f"me {token}"}))
            details = {
                "name": "a",
                "creator": token,
                "config": {"served_entities": [{"name": token}]},
            }
            self.upstream.on("/api/2.0/serving-endpoints", answer({"endpoints": [details]}))
            path = f"/workspaces/{self.workspaces[kind]}"
            for method, part in (("POST", "/check"), ("GET", "/serving-endpoints"), ("GET", "")):
                found = self.site.api(method, f"{path}{part}")
                self.heard(path + part, json.dumps(found, ensure_ascii=False))
            self.get(f"{path}/serving-endpoints/")
            self.get("/workspaces/")
            self.upstream.on("/api/2.0/preview/scim/v2/Me", answer({"message": f"No {token}"}, 403))
            self.heard("check", json.dumps(self.site.api("POST", f"{path}/check")))

    def assert_nothing_was_said(self) -> None:
        self.heard("log", self.site.log())
        for where, what in self.said:
            for token in TOKENS.values():
                self.assertEqual(traces(token, what), [], f"{where}: {what[:3000]}")

    def assert_nothing_is_stored(self) -> None:
        files = [path for path in self.site.data.rglob("*") if path.is_file()]
        self.assertIn("playground.sqlite3", [path.name for path in files])
        for path in files:
            if "static" not in path.parts:
                for token in TOKENS.values():
                    self.assertEqual(traces(token, path.read_bytes()), [], path)
