"""Managing a workspace through the API: each person with an own credential, secrets never back."""

import json
from io import StringIO
from logging import DEBUG, StreamHandler, getLogger

from django.test import override_settings

from playground.access import credential_of
from playground.connecting import reveal
from playground.models import Credential, Endpoint
from tests.api import ApiTestCase
from tests.canary import canary
from tests.make import make_endpoint, make_workspace
from tests.workspace import SEED_ENTITY, SEED_OPENAPI, Workspace, ready_endpoint

ALICE, BOB = canary(), canary()
CLIENT, CLIENT_SECRET = "1a2b3c4d-0000-0000-0000-1a2b3c4d5e6f", canary("dose")
VALUE = canary("sk-proj-")
CLUSTER = "0812-091530-k3v9q2"
EXTERNAL = {
    "served_entities": [
        {
            "name": "gpt",
            "external_model": {
                "name": "gpt-4o-mini",
                "provider": "openai",
                "task": "llm/v1/chat",
                "openai_config": {"openai_api_key": "{{secrets/llm/openai}}"},
            },
        }
    ]
}


class ManagedTestCase(ApiTestCase):
    """A workspace on a real socket; Alice owns it here, Bob sees it by an endpoint she shares."""

    def setUp(self) -> None:
        self.there = self.enterContext(Workspace(tokens={ALICE: "alice", BOB: "bob"}))
        self.enterContext(override_settings(WORKSPACE_ORIGINS=[self.there.origin]))
        self.workspace = make_workspace(self.alice, host=self.there.origin, token=ALICE)
        make_endpoint(
            self.alice,
            name="shared",
            kind="serving",
            task="chat",
            serving_endpoint="shared",
            workspace=self.workspace,
            team=self.team,
        )
        self.path = f"/workspaces/{self.workspace.pk}"


class RightsTests(ManagedTestCase):
    ROUTES = (
        ("GET", "/serving-endpoints", None),
        ("POST", "/serving-endpoints", {"name": "gpt", "config": EXTERNAL}),
        ("GET", "/serving-endpoints/gpt", None),
        ("DELETE", "/serving-endpoints/gpt", None),
        ("PUT", "/secrets/llm/openai", {"value": VALUE}),
        ("GET", "/clusters", None),
        ("GET", f"/clusters/{CLUSTER}", None),
        ("POST", f"/clusters/{CLUSTER}/start", None),
    )

    def test_a_stranger_gets_404_and_nothing_is_sent(self) -> None:
        for method, below, body in self.ROUTES:
            with self.subTest(method=method, below=below):
                response = self.api(self.charlie, method, self.path + below, body)
                self.assert_error(response, 404, "not_found", says="No such workspace")
        self.assertEqual(self.there.requests, [])

    def test_without_an_own_credential_nothing_is_sent(self) -> None:
        for method, below, body in self.ROUTES:
            with self.subTest(method=method, below=below):
                response = self.api(self.bob, method, self.path + below, body)
                self.assert_error(response, 422, "no_credential", says="You have no token")
        self.assertEqual(self.there.requests, [])

    def test_a_team_mate_asks_with_his_own(self) -> None:
        body = {"kind": "token", "token": BOB}
        self.ok(self.api(self.bob, "PUT", f"{self.path}/credential", body))
        self.ok(self.api(self.bob, "GET", f"{self.path}/clusters"))
        self.assertEqual({each.token for each in self.there.requests}, {BOB})

    def test_somebody_who_is_not_signed_in_gets_401(self) -> None:
        for method, below, body in self.ROUTES:
            self.assert_error(self.api(None, method, self.path + below, body), 401, "unauthorized")


class OAuthTests(ManagedTestCase):
    def save(self, secret: str = CLIENT_SECRET):
        body = {"kind": "oauth", "client_id": CLIENT, "client_secret": secret}
        return self.api(self.alice, "PUT", f"{self.path}/credential", body)

    def setUp(self) -> None:
        super().setUp()
        self.there.clients[CLIENT] = CLIENT_SECRET
        self.there.token_ending = canary("-")

    def test_the_secret_is_sealed_and_never_answered(self) -> None:
        response = self.save()
        self.assertEqual(self.ok(response), {"kind": "oauth", "hint": CLIENT[-4:]})
        credential = Credential.objects.get()
        self.assertEqual((credential.kind, credential.client_id), ("oauth", CLIENT))
        self.assertNotIn(CLIENT_SECRET.encode(), bytes(credential.sealed))
        self.assertEqual(reveal(credential, "test").client_id, CLIENT)
        shown = self.api(self.alice, "GET", self.path)
        self.assertNotIn(CLIENT_SECRET, shown.content.decode())

    def test_a_check_fetches_a_token_and_later_calls_use_the_same(self) -> None:
        self.save()
        checked = self.ok(self.api(self.alice, "POST", f"{self.path}/check"))
        self.assertEqual(checked, {"ok": True, "user_name": CLIENT})
        self.ok(self.api(self.alice, "GET", f"{self.path}/clusters"))
        paths = [each.path for each in self.there.requests]
        self.assertEqual(paths.count("/oidc/v1/token"), 1)
        self.assertTrue(self.there.requests[-1].token.startswith("oauth-"))

    def test_a_wrong_secret_is_told_as_unauthorized(self) -> None:
        self.save("wrong-secret-0123456789")
        checked = self.ok(self.api(self.alice, "POST", f"{self.path}/check"))
        self.assertEqual(checked["error"]["kind"], "unauthorized")
        with self.assertLogs("django.request", "ERROR"):
            response = self.api(self.alice, "GET", f"{self.path}/clusters")
        self.assert_error(response, 502, "unauthorized", says="OAuth client")
        self.assertNotIn("wrong-secret", response.content.decode())

    def test_a_client_secret_does_not_open_as_a_token_or_for_another_client(self) -> None:
        self.save()
        for change in ({"kind": "token"}, {"client_id": "another"}):
            Credential.objects.update(**change)
            checked = self.ok(self.api(self.alice, "POST", f"{self.path}/check"))
            self.assertEqual(checked["error"]["kind"], "no_credential")
        self.assertEqual(self.there.requests, [])

    def test_a_token_takes_its_place_and_the_other_way_round(self) -> None:
        self.save()
        body = {"kind": "token", "token": ALICE}
        self.ok(self.api(self.alice, "PUT", f"{self.path}/credential", body))
        credential = credential_of(self.alice, self.workspace)
        self.assertEqual((credential.kind, credential.client_id), ("token", ""))
        self.assertEqual(reveal(credential, "test").reveal(), ALICE)

    def test_an_endpoint_is_called_with_the_fetched_token(self) -> None:
        self.save()
        self.there.endpoints["shared"] = ready_endpoint("shared", {"external_model": {}})
        self.there.make_ready("shared")
        endpoint = Endpoint.objects.get(name="shared")
        answer = self.ok(self.api(self.alice, "POST", f"/endpoints/{endpoint.pk}/check"))
        self.assertTrue(answer["ok"], answer)
        self.assertTrue(self.there.requests[-1].token.startswith("oauth-"))


class ServingEndpointTests(ManagedTestCase):
    def test_made_watched_and_deleted(self) -> None:
        body = {"name": "gpt", "config": EXTERNAL}
        path = f"{self.path}/serving-endpoints"
        made = self.ok(self.api(self.alice, "POST", path, body), 201)
        waiting = {"ready": False, "settled": False, "message": "Being created."}
        self.assertEqual(made["state"], waiting)
        self.assertEqual(self.there.endpoints["gpt"]["pending_config"], EXTERNAL)
        self.there.make_ready("gpt")
        (listed,) = self.ok(self.api(self.alice, "GET", path))
        self.assertEqual(
            listed,
            {
                "name": "gpt",
                "task": "chat",
                "state": {"ready": True, "settled": True, "message": "Ready."},
                "served_entities": ["gpt"],
            },
        )
        self.assertEqual(self.ok(self.api(self.alice, "GET", f"{path}/gpt")), listed)
        self.ok(self.api(self.alice, "DELETE", f"{path}/gpt"), 204)
        self.assertEqual(self.ok(self.api(self.alice, "GET", path)), [])
        self.assert_error(self.api(self.alice, "DELETE", f"{path}/gpt"), 404, "not_found")

    def test_bad_ones_name_the_field_and_are_not_sent(self) -> None:
        path = f"{self.path}/serving-endpoints"
        for body, field in (
            ({"name": "a/b", "config": EXTERNAL}, "name"),
            ({"name": "../x", "config": EXTERNAL}, "name"),
            ({"name": "gpt"}, "config"),
            ({"name": "gpt", "config": []}, "config"),
        ):
            with self.subTest(body=body):
                response = self.api(self.alice, "POST", path, body)
                self.assert_error(response, 422, "invalid", field=field)
        self.assertEqual(self.there.requests, [])

    def test_secrets_are_named_and_never_part_of_it(self) -> None:
        path = f"{self.path}/serving-endpoints"
        for name, config in (
            ("openai_config", {"openai_api_key": VALUE}),
            ("openai_config", {"openai_api_key_plaintext": VALUE}),
            ("openai_config", {"openai_api_key": [VALUE]}),
            ("custom_provider_config", {"bearer_token_auth": {"token": VALUE}}),
            ("custom_provider_config", {"api_key_auth": {"key": "X", "value_plaintext": VALUE}}),
            ("amazon_bedrock_config", {"aws_secret_access_key_plaintext": VALUE}),
        ):
            entity = {"external_model": {"provider": "x", name: config}}
            body = {"name": "gpt", "config": {"served_entities": [{}, entity]}}
            with self.subTest(config=config):
                response = self.api(self.alice, "POST", path, body)
                self.assert_error(response, 422, "invalid", field="config", says="{{secrets/")
                self.assertNotIn(VALUE, response.content.decode())
        self.assertEqual(self.there.requests, [])

    def test_a_name_that_is_taken_is_a_422_at_the_name(self) -> None:
        body = {"name": "gpt", "config": EXTERNAL}
        self.ok(self.api(self.alice, "POST", f"{self.path}/serving-endpoints", body), 201)
        response = self.api(self.alice, "POST", f"{self.path}/serving-endpoints", body)
        self.assert_error(response, 422, "bad_request", field="name", says="already")

    def test_a_workspace_that_says_no_is_a_403(self) -> None:
        def refuse(exchange) -> None:
            exchange.send_error(403, "PERMISSION_DENIED", "No rights.")

        self.there.on("/api/2.0/serving-endpoints", refuse)
        response = self.api(self.alice, "GET", f"{self.path}/serving-endpoints")
        self.assert_error(response, 403, "forbidden")


class SecretTests(ManagedTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = StringIO()
        handler, root = StreamHandler(self.log), getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(DEBUG)
        self.addCleanup(root.setLevel, level)
        self.addCleanup(root.removeHandler, handler)

    def test_is_stored_there_and_nowhere_else(self) -> None:
        response = self.api(self.alice, "PUT", f"{self.path}/secrets/llm/openai", {"value": VALUE})
        self.assertIsNone(self.ok(response, 204))
        self.assertEqual(self.there.secrets, {"llm": {"openai": VALUE}})
        self.assert_nowhere(response)

    def test_is_not_repeated_when_it_is_refused(self) -> None:
        def refuse(exchange) -> None:
            exchange.send_error(400, "INVALID_PARAMETER_VALUE", f"Bad value {VALUE}")

        self.there.on("/api/2.0/secrets/put", refuse)
        response = self.api(self.alice, "PUT", f"{self.path}/secrets/llm/openai", {"value": VALUE})
        self.assertEqual(response.status_code, 422)
        self.assert_nowhere(response)

    def test_bad_ones_name_the_field_and_are_not_sent(self) -> None:
        for scope, key, body, field in (
            ("a%20b", "openai", {"value": VALUE}, "scope"),
            ("llm", "a%20b", {"value": VALUE}, "key"),
            ("llm", "openai", {"value": ""}, "value"),
            ("llm", "openai", {"value": VALUE * 9000}, "value"),
            ("llm", "openai", {"value": [VALUE]}, "value"),
            ("llm", "openai", {"secret": VALUE}, "value"),
        ):
            with self.subTest(field=field):
                path = f"{self.path}/secrets/{scope}/{key}"
                response = self.api(self.alice, "PUT", path, body)
                self.assertEqual(response.status_code, 422)
                self.assertIn(response.json()["error"]["field"], (field, "secret"))
                self.assert_nowhere(response)
        self.assertEqual(self.there.requests, [])

    def assert_nowhere(self, response) -> None:
        self.assertNotIn(VALUE, response.content.decode())
        self.assertNotIn(VALUE, self.log.getvalue())


class ClusterTests(ManagedTestCase):
    def test_listed_and_started(self) -> None:
        self.there.add_cluster(CLUSTER, "TERMINATED", cluster_name="gpu")
        self.there.add_cluster("0812-091530-k3v9q3", cluster_name="cpu")
        listed = self.ok(self.api(self.alice, "GET", f"{self.path}/clusters"))
        stopped = {"cluster_id": CLUSTER, "name": "gpu", "state": "TERMINATED"}
        self.assertEqual([each["name"] for each in listed], ["cpu", "gpu"])
        self.assertEqual(listed[1], stopped)
        started = self.ok(self.api(self.alice, "POST", f"{self.path}/clusters/{CLUSTER}/start"))
        self.assertEqual(started, stopped | {"state": "PENDING"})
        again = self.ok(self.api(self.alice, "GET", f"{self.path}/clusters/{CLUSTER}"))
        self.assertEqual(again["state"], "PENDING")

    def test_an_id_that_is_none_is_not_sent(self) -> None:
        response = self.api(self.alice, "POST", f"{self.path}/clusters/a.b/start")
        self.assert_error(response, 422, "invalid", field="cluster_id")
        self.assertEqual(self.there.requests, [])


class TaskTests(ManagedTestCase):
    """An endpoint without a task: the workspace is asked what it is."""

    def make(self, user=None, **fields):
        body = {"name": "new", "kind": "serving", "workspace": str(self.workspace.pk)}
        body |= {"serving_endpoint": "dolly"} | fields
        return self.ok(self.api(user or self.alice, "POST", "/endpoints", body), 201)

    def test_is_found_out_with_its_format(self) -> None:
        self.there.endpoints["dolly"] = ready_endpoint("dolly", SEED_ENTITY)
        document = json.loads(json.dumps(SEED_OPENAPI))
        schema = document["paths"]["/served-models/dolly/invocations"]["post"]["requestBody"]
        del schema["content"]["application/json"]["schema"]["oneOf"][1]
        self.there.openapi["dolly"] = document
        made = self.make()
        self.assertEqual((made["task"], made["format"]), ("custom", "dataframe_split"))
        self.assertEqual(made["warnings"], [])

    def test_a_change_to_no_task_finds_it_out_anew(self) -> None:
        self.there.endpoints["dolly"] = ready_endpoint("dolly", SEED_ENTITY)
        path = f"/endpoints/{self.make(task='chat')['id']}"
        self.assertEqual(
            self.ok(self.api(self.alice, "PATCH", path, {"stop": ["."]}))["task"], "chat"
        )
        self.assertEqual(self.there.requests, [])
        changed = self.ok(self.api(self.alice, "PATCH", path, {"task": None}))
        self.assertEqual((changed["task"], changed["format"]), ("custom", "dataframe_records"))
        del self.there.endpoints["dolly"]
        changed = self.ok(self.api(self.alice, "PATCH", path, {"task": None}))
        self.assertEqual(changed["task"], "chat")
        self.assertIn("could not be found out", changed["warnings"][0])

    def test_the_workspace_is_asked_only_once_the_rest_is_right(self) -> None:
        self.there.endpoints["dolly"] = ready_endpoint("dolly", SEED_ENTITY)
        kept = self.make(task="chat")
        new = {name: kept[name] for name in ("kind", "workspace", "serving_endpoint")}
        for field, value in (
            ("name", " "),
            ("serving_endpoint", "a b"),
            ("params", {"stream": True}),
            ("stop", [""]),
            ("timeout_s", 0),
            ("template", "{nobody}"),
            ("transform_input", "def nothing(): pass"),
            ("transform_output", "def nothing(): pass"),
        ):
            with self.subTest(field=field):
                path, wrong = f"/endpoints/{kept['id']}", {"task": None, field: value}
                answer = self.api(self.alice, "PATCH", path, wrong)
                self.assert_error(answer, 422, "invalid", field=field)
                answer = self.api(self.alice, "POST", "/endpoints", {"name": "n"} | new | wrong)
                self.assert_error(answer, 422, "invalid", field=field)
        self.assertEqual(self.there.requests, [])
        self.assertEqual(self.ok(self.api(self.alice, "GET", path)), kept)

    def test_what_the_caller_says_is_not_overruled(self) -> None:
        self.there.endpoints["dolly"] = ready_endpoint("dolly", SEED_ENTITY)
        self.assertEqual(self.make(task="chat")["task"], "chat")
        self.assertEqual(self.there.requests, [])

    def test_is_the_default_with_a_warning_where_it_cannot_be_found_out(self) -> None:
        made = self.make()
        self.assertEqual(made["task"], "chat")
        self.assertIn("could not be found out", made["warnings"][0])

    def test_without_a_credential_too(self) -> None:
        made = self.make(self.bob)
        self.assertEqual(made["task"], "chat")
        self.assertIn("You have no token", made["warnings"][0])
        self.assertEqual(self.there.requests, [])
