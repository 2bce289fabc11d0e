"""mlflow's deployments client over our transport: its contract, two users at once, every verb."""

import inspect
import json
import random
import subprocess
import sys
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from endpoints import AddressError, Egress, EndpointError, Limits, Stopped, Stopper, Token
from endpoints import deployments as d
from endpoints.credentials import OAuthClient
from endpoints.discovery import Field
from endpoints.errors import (
    BadRequest,
    BadResponse,
    Forbidden,
    NotFound,
    Truncated,
    UpstreamFailed,
)
from endpoints.providers import endpoint_config, external_model
from endpoints.workspace import WorkspaceApi, workspace_id
from tests.upstream import answer, chat_chunk, events, page, raw
from tests.workspace import (
    ORG_ID,
    SEED_ENTITY,
    SEED_OPENAPI,
    Workspace,
    ready_endpoint,
)

ALICE = "dapi-alice-0123456789"
BOB = "dapi-bob-0123456789"
ROOT = Path(__file__).resolve().parents[2]
CHAT = {"messages": [{"role": "user", "content": "How are you?"}]}
KEY = "{{secrets/my-scope/openai}}"


class DeploymentsTestCase(unittest.TestCase):
    def setUp(self):
        tokens = {ALICE: "alice", BOB: "bob"}
        self.workspace = self.enterContext(Workspace(tokens=tokens))
        self.api = self.api_for(ALICE)

    def api_for(self, token, **options):
        egress = Egress(workspace_origins=(self.workspace.origin,))
        return WorkspaceApi(self.workspace.origin, Token(token), egress, **options)

    @property
    def client(self):
        return d.deployments_client(self.api)

    @property
    def sent(self):
        return self.workspace.requests[-1]


class ContractTests(unittest.TestCase):
    """What mlflow's own class must still be for ours to be right; fails when mlflow changes it."""

    def test_the_pinned_mlflow_is_installed(self):
        import mlflow.version

        self.assertEqual(mlflow.version.VERSION, "3.17.2")
        requirements = (ROOT / "requirements.txt").read_text()
        self.assertIn("mlflow-skinny==3.17.2", requirements)

    def test_the_two_private_methods_take_what_ours_take(self):
        from mlflow.deployments.databricks import DatabricksDeploymentClient

        ours = d._client_class()
        for name in ("_call_endpoint", "_call_endpoint_stream"):
            theirs = inspect.signature(getattr(DatabricksDeploymentClient, name)).parameters
            mine = inspect.signature(getattr(ours, name)).parameters
            shape = [(each.name, each.kind, each.default) for each in theirs.values()]
            self.assertEqual([(e.name, e.kind, e.default) for e in mine.values()], shape)
            names = "self method prefix route json_body timeout retry_timeout_seconds"
            self.assertEqual(list(theirs), names.split())

    def test_nothing_else_of_mlflows_client_sends(self):
        from mlflow.deployments import databricks

        source = inspect.getsource(databricks.DatabricksDeploymentClient)
        self.assertEqual(source.count("http_request("), 2)
        self.assertEqual(source.count("get_databricks_host_creds("), 2)

    def test_mlflow_is_imported_only_when_a_client_is_made(self):
        code = (
            "import sys, endpoints, endpoints.deployments\n"
            "bad = [m for m in sys.modules if m.split('.')[0] in ('mlflow', 'django')]\n"
            "print(bad)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        self.assertEqual(done.stdout.strip(), "[]")


class VerbTests(DeploymentsTestCase):
    def test_a_workspace_without_endpoints_gives_an_empty_list(self):
        self.assertEqual(d.list_serving_endpoints(self.api), [])
        self.assertEqual((self.sent.method, self.sent.token), ("GET", ALICE))

    def test_listed_endpoints_carry_task_and_state_by_name(self):
        external = {"external_model": {"provider": "openai", "name": "m", "task": "llm/v1/chat"}}
        self.workspace.endpoints = {
            "zeta": ready_endpoint("zeta", SEED_ENTITY),
            "alpha": ready_endpoint("alpha", external, endpoint_type="EXTERNAL_MODEL"),
        }
        alpha, zeta = d.list_serving_endpoints(self.api)
        self.assertEqual(
            (alpha.name, alpha.found.task, alpha.state.is_ready), ("alpha", "chat", True)
        )
        self.assertEqual((zeta.found.task, zeta.found.format), ("custom", "dataframe_records"))
        self.assertEqual(zeta.served_entities, ("zeta",))

    def test_a_custom_models_signature_comes_from_its_openapi(self):
        self.workspace.endpoints["dolly"] = ready_endpoint("dolly", SEED_ENTITY)
        self.workspace.openapi["dolly"] = SEED_OPENAPI
        found = d.get_serving_endpoint(self.api, "dolly").found
        self.assertEqual(
            found.signature, (Field("prompt", "string", True), Field("stop", "array", True))
        )
        self.assertEqual(
            (found.task, found.format, found.basis), ("custom", "dataframe_records", "openapi")
        )

    def test_without_an_openapi_document_the_entity_decides(self):
        self.workspace.endpoints["dolly"] = ready_endpoint("dolly", SEED_ENTITY)
        self.assertEqual(d.get_serving_endpoint(self.api, "dolly").found.basis, "entity")

    def test_an_external_model_is_created_watched_updated_and_deleted(self):
        model = external_model("openai", "gpt-4", "chat", {"openai_api_key": KEY})
        config = endpoint_config("my-chat", model)
        gateway = {"usage_tracking_config": {"enabled": True}}
        made = d.create_serving_endpoint(self.api, "my-chat", config, gateway, {"team": "ml"})
        self.assertEqual(
            self.sent.json,
            {
                "name": "my-chat",
                "config": {
                    "served_entities": [
                        {
                            "name": "my-chat",
                            "external_model": {
                                "name": "gpt-4",
                                "provider": "openai",
                                "task": "llm/v1/chat",
                                "openai_config": {"openai_api_key": KEY},
                            },
                        }
                    ]
                },
                "ai_gateway": gateway,
                "tags": [{"key": "team", "value": "ml"}],
            },
        )
        self.assertEqual((made.state.is_ready, made.state.words), (False, "Being created."))
        self.assertEqual(made.found.task, "chat")
        self.workspace.make_ready("my-chat")
        self.assertEqual(d.get_serving_endpoint(self.api, "my-chat").state.words, "Ready.")

        changed = d.update_config(self.api, "my-chat", config)
        self.assertEqual(
            (self.sent.method, self.sent.path), ("PUT", "/api/2.0/serving-endpoints/my-chat/config")
        )
        self.assertEqual(changed.state.words, "Ready, being updated.")
        d.update_ai_gateway(self.api, "my-chat", {})
        self.assertEqual(self.sent.path, "/api/2.0/serving-endpoints/my-chat/ai-gateway")
        d.update_tags(self.api, "my-chat", {"a": "b"}, ("team",))
        self.assertEqual(
            self.sent.json, {"add_tags": [{"key": "a", "value": "b"}], "delete_tags": ["team"]}
        )

        d.delete_serving_endpoint(self.api, "my-chat")
        self.assertEqual((self.sent.method, self.workspace.endpoints), ("DELETE", {}))
        with self.assertRaises(NotFound):
            d.get_serving_endpoint(self.api, "my-chat")

    def test_a_name_that_is_taken_is_an_error_of_the_name(self):
        config = endpoint_config(
            "a", external_model("anthropic", "m", "chat", {"anthropic_api_key": KEY})
        )
        d.create_serving_endpoint(self.api, "a", config)
        with self.assertRaises(BadRequest) as caught:
            d.create_serving_endpoint(self.api, "a", config)
        self.assertEqual(caught.exception.field, "name")

    def test_refusals_name_the_permission_that_is_missing(self):
        path = "/api/2.0/serving-endpoints"
        no = answer({"error_code": "PERMISSION_DENIED", "message": "no"}, 403)
        self.workspace.on(f"{path}/a", no)
        self.workspace.on(path, no)
        for act, word in (
            (lambda: self.client.get_endpoint("a"), "Can View"),
            (lambda: self.client.delete_endpoint("a"), "Can Manage"),
            (lambda: d.create_serving_endpoint(self.api, "a", {"served_entities": []}), "admin"),
        ):
            with self.assertRaises(Forbidden) as caught:
                act()
            self.assertIn(word, caught.exception.hint)

    def test_a_document_that_cannot_be_had_stands_in_nobodys_way(self):
        self.workspace.endpoints["dolly"] = ready_endpoint("dolly", SEED_ENTITY)
        path = "/api/2.0/serving-endpoints/dolly/openapi"
        large = raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 5_000_000)
        for behaviour in (answer({}, 500), answer({}, 503), answer({}, 429), page(), large):
            self.workspace.on(path, behaviour)
            self.assertEqual(d.get_serving_endpoint(self.api, "dolly").found.basis, "entity")
            self.assertEqual(self.sent.path, path)

    def test_of_very_many_the_first_by_name_are_listed(self):
        rows = [{"name": f"e{number:05d}"} for number in range(3000)]
        self.workspace.on("/api/2.0/serving-endpoints", answer({"endpoints": rows[::-1]}))
        found = d.list_serving_endpoints(self.api)
        self.assertEqual([found[0].name, found[-1].name, len(found)], ["e00000", "e00999", 1000])

    def test_what_has_no_name_is_left_out_of_the_list(self):
        rows = [{"name": "a"}, {}, {"name": 5}, None, "x"]
        self.workspace.on("/api/2.0/serving-endpoints", answer({"endpoints": rows}))
        self.assertEqual([each.name for each in d.list_serving_endpoints(self.api)], ["a"])
        self.workspace.on("/api/2.0/serving-endpoints", answer({"endpoints": 5}))
        with self.assertRaises(BadResponse):
            d.list_serving_endpoints(self.api)

    def test_the_name_that_was_asked_for_stands_and_those_of_entities_are_one_line(self):
        entities = [{"name": "a\nb"}, {"name": "x" * 5000}, {"name": 5}, 7]
        details = {"name": "../x", "config": {"served_entities": entities}}
        self.workspace.on("/api/2.0/serving-endpoints/a", answer(details))
        found = d.get_serving_endpoint(self.api, "a")
        self.assertEqual((found.name, found.served_entities[0]), ("a", "a b"))
        self.assertLess(len(found.served_entities[1]), 500)
        self.assertEqual(len(found.served_entities), 2)
        for odd in (5, True, "abc", {"a": 1}):
            details["config"]["served_entities"] = odd
            self.workspace.on("/api/2.0/serving-endpoints/a", answer(details))
            self.assertEqual(d.get_serving_endpoint(self.api, "a").served_entities, ())

    def test_an_answer_that_repeats_the_token_is_masked_and_half_letters_are_mended(self):
        body = json.dumps({"name": "a", "creator": ALICE, "odd": "\ud800"}).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
        self.workspace.on("/api/2.0/serving-endpoints/a", raw(head + body))
        details = d.get_serving_endpoint(self.api, "a").details
        self.assertEqual((details["creator"], details["odd"]), ("••••••••", "\ufffd"))

    def test_answers_of_another_shape_are_bad_responses(self):
        path = "/api/2.0/serving-endpoints/a"
        for behaviour in (answer([]), answer("x"), answer({"name": 5}), answer({})):
            self.workspace.on(path, behaviour)
            with self.assertRaises(BadResponse):
                d.get_serving_endpoint(self.api, "a")
        self.workspace.on(path, page())
        with self.assertRaises(EndpointError) as caught:
            d.get_serving_endpoint(self.api, "a")
        self.assertEqual(caught.exception.kind, "login_page")

    def test_an_empty_answer_to_a_deletion_is_fine(self):
        self.workspace.on(
            "/api/2.0/serving-endpoints/a", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        )
        d.delete_serving_endpoint(self.api, "a")

    def test_the_workspace_tells_its_number(self):
        self.assertEqual(workspace_id(self.api), ORG_ID)


class NameTests(DeploymentsTestCase):
    def test_no_name_leads_anywhere_else(self):
        names = (
            "/api/2.0/secrets", "a/../../api/2.0/x", "a?b=c", "a#b", "..", ".", "", "a b", "a\n",
            "a/config", "a/openapi", "a%2fb", "ä", "a" * 64, "a/invocations",
        )  # fmt: skip
        for name in names:
            for act in self.every_act(name):
                with self.subTest(name=name), self.assertRaises(AddressError):
                    act()
        self.assertEqual(self.workspace.requests, [])

    def every_act(self, name):
        client, api = self.client, self.api
        return (
            lambda: client.predict(endpoint=name, inputs=CHAT),
            lambda: list(client.predict_stream(endpoint=name, inputs=CHAT)),
            lambda: client.get_endpoint(name),
            lambda: client.delete_endpoint(name),
            lambda: client.update_endpoint_config(name, {}),
            lambda: client.update_endpoint_tags(name, {}),
            lambda: client.update_endpoint_ai_gateway(name, {}),
            lambda: client.update_endpoint_rate_limits(name, {}),
            lambda: d.openapi(api, name),
            lambda: d.create_serving_endpoint(api, name, {}),
        )


class PredictTests(DeploymentsTestCase):
    def stream(self, behaviour):
        self.workspace.on("/serving-endpoints/chat/invocations", behaviour)
        return self.client.predict_stream(endpoint="chat", inputs=CHAT)

    def test_predict_gives_the_answer_as_mlflow_does(self):
        found = self.client.predict(endpoint="chat", inputs=CHAT)
        self.assertEqual(found.choices[0]["message"]["content"], "Good. You wrote: How are you?")
        self.assertEqual(self.sent.json, CHAT)

    def test_predict_stream_gives_chunks_and_ends_the_call_when_it_is_closed(self):
        chunks = list(self.client.predict_stream(endpoint="chat", inputs=CHAT))
        text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
        self.assertEqual(text, "Good. You wrote: How are you?")
        self.assertEqual(self.sent.json, {**CHAT, "stream": True})
        stream = self.stream(events([chat_chunk("a")], ending="hang"))
        next(stream)
        stream.close()
        self.sent.wait_until_gone()

    def test_streams_that_mlflows_own_transport_breaks_on_are_read(self):
        chunk = json.dumps(chat_chunk("a\u2028b\u0085c"), ensure_ascii=False).encode()
        body = (
            b": ping\n\nevent: x\nid: 1\nretry: 5\ndata: {\ndata: "
            + chunk[1:]
            + b"\n\ndata: [DONE]\n\n"
        )
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        (found,) = self.stream(raw(head + body))
        self.assertEqual(found["choices"][0]["delta"]["content"], "a\u2028b\u0085c")

    def test_json_where_a_stream_was_asked_for_is_one_chunk(self):
        self.assertEqual(list(self.stream(answer({"choices": []}))), [{"choices": []}])

    def test_the_end_without_done_is_fine_after_a_finish_reason_only(self):
        whole = [chat_chunk("a"), chat_chunk(None, "stop")]
        self.assertEqual(len(list(self.stream(events(whole, done=False)))), 2)
        self.assertEqual(len(list(self.stream(events(whole, ending="cut")))), 2)
        for ending in ("end", "cut", "reset"):
            with self.assertRaises(Truncated):
                list(self.stream(events([chat_chunk("a")], done=False, ending=ending)))

    def test_errors_in_a_stream_are_raised(self):
        for payload in (
            {"error": {"message": "no"}},
            {"error_code": "INTERNAL_ERROR", "message": "no"},
        ):
            with self.assertRaises(UpstreamFailed):
                list(self.stream(events([chat_chunk("a"), payload])))
            with self.assertRaises(UpstreamFailed):
                list(self.stream(answer(payload)))
        with self.assertRaises(BadResponse):
            list(
                self.stream(
                    raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n")
                )
            )

    def test_no_request_is_repeated(self):
        for status in (429, 500, 502, 503):
            with Workspace() as workspace:
                path = "/serving-endpoints/chat/invocations"
                workspace.on(path, answer({"message": "no"}, status))
                egress = Egress(workspace_origins=(workspace.origin,))
                client = d.deployments_client(WorkspaceApi(workspace.origin, Token(ALICE), egress))
                with self.assertRaises(EndpointError) as caught:
                    client.predict(endpoint="chat", inputs=CHAT)
                self.assertEqual(caught.exception.upstream_status, status)
                self.assertEqual(len(workspace.requests), 1)

    def test_a_stopper_and_limits_hold(self):
        self.workspace.on("/serving-endpoints/chat/invocations", lambda exchange: exchange.hang())
        with self.assertRaises(EndpointError) as caught:
            d.deployments_client(self.api_for(ALICE, limits=Limits(idle_s=0.2))).predict(
                endpoint="chat", inputs=CHAT
            )
        self.assertEqual(caught.exception.kind, "timeout")
        stopper = Stopper()
        threading.Timer(0.1, stopper.stop).start()
        with self.assertRaises(Stopped):
            d.deployments_client(self.api_for(ALICE, stopper=stopper)).predict(
                endpoint="chat", inputs=CHAT
            )

    def test_an_oauth_client_works_too(self):
        self.workspace.clients["app"] = "dose-secret-012345"
        egress = Egress(workspace_origins=(self.workspace.origin,))
        credential = OAuthClient("app", "dose-secret-012345")
        api = WorkspaceApi(self.workspace.origin, credential, egress)
        d.list_serving_endpoints(api)
        self.assertEqual(self.sent.token, "oauth-app-0001")


class TwoUsersTests(DeploymentsTestCase):
    CALLS = 40

    def test_twenty_threads_of_two_users_never_mix(self):
        """Each call names its user in what it sends; the server's record is compared with it."""
        self.workspace.cookie = "session=of-somebody"
        clients = {token: d.deployments_client(self.api_for(token)) for token in (ALICE, BOB)}
        gate = threading.Barrier(20)

        def ask(number):
            """The calls of one thread; gives who it was and how many lists it asked for."""
            token = (ALICE, BOB)[number % 2]
            who, client = self.workspace.tokens[token], clients[token]
            choices = random.Random(number).choices(range(4), k=self.CALLS)
            gate.wait(10)
            for turn, choice in enumerate(choices):
                self.one_call(client, choice, who, f"{who}-{number}-{turn}")
            return token, choices.count(3)

        with ThreadPoolExecutor(20) as pool:
            lists = list(pool.map(ask, range(20)))
        self.assertEqual(len(self.workspace.requests), 20 * self.CALLS)
        wrong = [each for each in self.workspace.requests if not self.is_right(each)]
        self.assertEqual(wrong, [])
        self.assertFalse([each for each in self.workspace.requests if "Cookie" in each.headers])
        for token in (ALICE, BOB):
            asked = [e for e in self.workspace.requests if (e.method, e.token) == ("GET", token)]
            self.assertEqual(len(asked), sum(number for whose, number in lists if whose == token))

    def one_call(self, client, choice, who, name):
        inputs = {"messages": [{"role": "user", "content": who}]}
        if choice == 0:
            said = client.predict(endpoint="chat", inputs=inputs).choices[0]["message"]["content"]
            self.assertEqual(said, f"Good. You wrote: {who}")
        elif choice == 1:
            self.assertTrue(list(client.predict_stream(endpoint="chat", inputs=inputs)))
        elif choice == 2:
            config = {"served_entities": [{"name": who, **SEED_ENTITY}]}
            client.create_endpoint(config={"name": name, "config": config})
        else:
            client.list_endpoints()

    def is_right(self, request):
        """A list says nothing of who asked: those are counted instead."""
        who = self.workspace.tokens.get(request.token)
        return who is not None and (not request.body or f'"{who}"'.encode() in request.body)
