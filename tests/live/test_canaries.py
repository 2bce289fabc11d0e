"""Secrets leave no trace: not in an answer, a page, the log or the database, whatever goes wrong.

The workspace repeats every secret that it is sent, in bodies, headers and errors.
"""

import base64
import json
import unittest

import requests

from tests.site import Site
from tests.workspace import SEED_ENTITY, Workspace, ready_endpoint

TOKEN, OTHER = "dapi-CANARYaliceXk39Qz7Lw2", "dapi-CANARYbobMv84Rt1Pd6"
CLIENT, CLIENT_SECRET = "1a2b3c4d-0000-0000-0000-1a2b3c4d5e6f", "doseCANARYsecretHb55Yn8Kc3"
VALUE, KEY_TEXT = "sk-CANARYvalueJf27Wb9Gm4", "-----BEGIN CANARY-----\nTq61Zs8Vh5Ex3Nd9\nPk02"
CLUSTER = "0812-091530-k3v9q2"
WINDOW = 12


class Echo(Workspace):
    """A workspace that says back what it hears, where it fails and where it does not."""

    is_failing = False

    def _issue(self, client: str):
        """A token that holds nothing of the client's id."""
        issued = super()._issue(client)
        token = issued["access_token"] = f"CANARY{len(self.tokens)}oWq83Lr6Tz1Yb5"
        self.tokens = {**self.tokens, token: client}
        return issued

    def behave(self, exchange) -> None:
        request = exchange.request
        heard = f"{request.headers.get('Authorization')} {request.body.decode()}"
        if self.is_failing and request.path != "/oidc/v1/token":
            exchange.send_json({"error_code": "X", "message": f"No: {heard}", "h": heard}, 400)
        else:
            super().behave(exchange)


def say_back(exchange) -> None:
    """An answer with what was heard beside its text, which is stored as it is."""
    heard = str(dict(exchange.request.headers))
    choice = {"message": {"content": "Good.", "debug": heard}, "finish_reason": "stop"}
    exchange.send_json({"choices": [choice], heard: heard}, served_model_name=heard, x_odd=heard)


class CanaryTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.there = cls.enterClassContext(Echo(tokens={TOKEN: "alice", OTHER: "bob"}))
        cls.there.clients[CLIENT] = CLIENT_SECRET
        cls.there.endpoints["dolly"] = ready_endpoint("dolly", SEED_ENTITY)
        cls.there.add_cluster(CLUSTER, "TERMINATED")
        cls.there.serve("echo", say_back)
        cls.site = cls.enterClassContext(
            Site(
                accounts=("alice", "bob"),
                PLAYGROUND_WORKSPACE_ORIGINS=cls.there.origin,
                PLAYGROUND_LOG_LEVEL="DEBUG",
            )
        )
        cls.heard: list[str] = []

    def ask(self, method: str, path: str, body=None, user: str = "alice") -> requests.Response:
        """One call of the API; whatever it answers is kept for the search."""
        headers = {"Authorization": f"Bearer {self.site.tokens[user]}"}
        url = f"{self.site.url}/api/v1{path}"
        response = requests.request(method, url, json=body, headers=headers, timeout=30)
        self.heard.append(f"{response.headers} {response.text}")
        return response

    def browse(self, session, path: str, data=None, **headers) -> None:
        headers |= {"Referer": self.site.url}
        if data is None:
            response = session.get(self.site.url + path, headers=headers, timeout=30)
        else:
            data = {"csrfmiddlewaretoken": session.csrf, **data}
            response = session.post(self.site.url + path, data, headers=headers, timeout=30)
        self.heard += [f"{each.headers} {each.text}" for each in (*response.history, response)]

    def test_no_secret_is_found_anywhere(self) -> None:
        session = self.site.session()
        for credential in (
            {"kind": "token", "token": TOKEN},
            {"kind": "oauth", "client_id": CLIENT, "client_secret": CLIENT_SECRET},
        ):
            name = credential["kind"]
            made = self.ask("POST", "/workspaces", {"name": name, "host": self.there.origin})
            pk = made.json()["id"]
            self.ask("PUT", f"/workspaces/{pk}/credential", credential)
            for self.there.is_failing in (False, True):
                self.use(session, pk, name)
            self.there.is_failing = False
        self.use_wrongly(session, pk)
        self.search()

    def use(self, session, pk: str, name: str) -> None:
        here = f"/workspaces/{pk}"
        config = {"served_entities": [{"name": "x", **SEED_ENTITY}]}
        for method, path, body in (
            ("POST", f"{here}/check", None),
            ("GET", here, None),
            ("GET", f"{here}/serving-endpoints", None),
            ("GET", f"{here}/serving-endpoints/dolly", None),
            ("POST", f"{here}/serving-endpoints", {"name": f"m-{name}", "config": config}),
            ("DELETE", f"{here}/serving-endpoints/m-{name}", None),
            ("PUT", f"{here}/secrets/s/{name}", {"value": VALUE}),
            ("PUT", f"{here}/secrets/s/{name}-key", {"value": KEY_TEXT}),
            ("GET", f"{here}/clusters", None),
            ("POST", f"{here}/clusters/{CLUSTER}/start", None),
        ):
            self.ask(method, path, body)
        for kind in ("serving", "driver_proxy"):
            fields = {"name": f"{kind} {name} {self.there.is_failing}", "kind": kind}
            fields |= {"workspace": pk, "task": "chat", "serving_endpoint": "echo"}
            fields |= {"cluster_id": CLUSTER, "port": 7777}
            endpoint = self.ask("POST", "/endpoints", fields).json()["id"]
            self.ask("POST", f"/endpoints/{endpoint}/check")
            self.ask("POST", f"/endpoints/{endpoint}/preview", {"prompt": "Hi"})
            run = self.site.start_run("Hi", fields["name"])
            ended = self.site.wait_for_run(run["id"])
            self.heard.append(json.dumps(ended))
            call = ended["calls"][0]["id"]
            self.ask("GET", f"/calls/{call}")
            for format in ("curl", "requests", "mlflow", "openai", "langchain"):
                self.ask("GET", f"/runs/{run['id']}/code?call={call}&format={format}")
            for path in (f"/runs/{run['id']}/", f"/endpoints/{endpoint}/"):
                self.browse(session, path)
            self.browse(session, f"/calls/{call}/raw/", **{"HX-Request": "true"})
        pages, new = f"/workspaces/{pk}/", f"/workspaces/{pk}/serving-endpoints/new/"
        typed = {"name": f"w-{name}", "provider": "google-cloud-vertex-ai", "model": "m"}
        typed |= {"task": "chat", "project_id": "p", "region": "r", "private_key-scope": "s"}
        typed |= {"private_key-key": f"w-{name}", "private_key-value": KEY_TEXT}
        for data in (typed, typed | {"name": "a b"}, typed | {"show-fields": "yes"}):
            self.browse(session, new, data)
        self.browse(session, f"{pages}check/", {})
        for path in ("/workspaces/", pages, f"{pages}serving-endpoints/", "/endpoints/new/", "/"):
            self.browse(session, path)

    def use_wrongly(self, session, pk: str) -> None:
        """Secrets in every wrong place that a slip of the hand could put them."""
        wrong = {"kind": "token", "client_secret": CLIENT_SECRET}
        self.ask("PUT", f"/workspaces/{pk}/credential", wrong)
        self.ask("PUT", f"/workspaces/{pk}/credential", {"kind": "token", "token": f"{OTHER} x"})
        self.ask("PUT", f"/workspaces/{pk}/secrets/a b/c", {"value": VALUE})
        self.ask("PUT", f"/workspaces/{pk}/secrets/a/c", {"value": [VALUE]})
        self.ask("PUT", f"/workspaces/{pk}/secrets/a/c", {"value": VALUE, "more": KEY_TEXT})
        external = {"external_model": {"openai_config": {"openai_api_key": VALUE}}}
        config = {"served_entities": [external]}
        self.ask("POST", f"/workspaces/{pk}/serving-endpoints", {"name": "x", "config": config})
        typed = {"sign_in": "token", "token": f"{OTHER}\ny", "seen_host": self.there.origin}
        self.browse(session, f"/workspaces/{pk}/credential/", typed)
        typed |= {"name": "", "host": "https://evil.example.com", "token": OTHER}
        self.browse(session, "/workspaces/", typed)

    def search(self) -> None:
        self.site.stop()
        stored = b"".join(
            path.read_bytes() for path in self.site.data.rglob("playground.sqlite3*")
        ).decode("latin-1")
        self.assertIn("serving oauth", stored)  # that it is the right file
        places = {"the database": stored, "the log": self.site.log()}
        places |= {f"answer {number}": text for number, text in enumerate(self.heard)}
        issued = [each for each in self.there.tokens if each.startswith("CANARY")]
        self.assertTrue(issued)
        for secret in (TOKEN, OTHER, CLIENT_SECRET, VALUE, KEY_TEXT, *issued):
            for form in forms_of(secret):
                for place, text in places.items():
                    if form in text:
                        self.fail(f"{form!r} is in {place}: {around(form, text)!r}")


def forms_of(secret: str) -> set[str]:
    """Every part of it, and the whole in other letters."""
    parts = {secret[at : at + WINDOW] for at in range(len(secret) - WINDOW + 1)}
    pair = f"{CLIENT}:{secret}".encode()
    coded = {base64.b64encode(secret.encode()), base64.b64encode(pair)}
    return parts | {each.decode() for each in coded} | {secret.encode().hex(), secret[::-1]}


def around(form: str, text: str) -> str:
    at = text.find(form)
    return text[max(0, at - 200) : at + 100]
