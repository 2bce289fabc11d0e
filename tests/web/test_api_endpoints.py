"""Endpoints through the API: the config in and out, the check and the preview."""

from django.test import override_settings

from playground.models import Endpoint, Run
from tests.api import ApiTestCase
from tests.make import TOKEN, make_endpoint, make_run, make_workspace
from tests.upstream import Upstream

URL = "http://127.0.0.1:7777/echo"
FIELDS = {
    "refused",
    "id",
    "version",
    "name",
    "owner",
    "team",
    "is_demo",
    "kind",
    "task",
    "workspace",
    "serving_endpoint",
    "cluster_id",
    "port",
    "path",
    "url",
    "format",
    "template",
    "params",
    "stop",
    "stream",
    "timeout_s",
    "max_input_tokens",
    "transform_input",
    "transform_output",
    "prices",
    "transforms",
    "may",
    "warnings",
}


class EndpointMakeTests(ApiTestCase):
    def test_a_driver_needs_a_name_and_a_url(self):
        body = {"name": "echo", "kind": "driver", "url": URL, "params": {"temperature": 0.2}}
        made = self.ok(self.api(self.alice, "POST", "/endpoints", body), 201)
        self.assertEqual(set(made), FIELDS)
        expected = body | {
            "task": "custom",
            "owner": "alice",
            "version": 1,
            "team": None,
            "workspace": None,
            "port": None,
            "serving_endpoint": None,
            "stop": [],
            "stream": True,
            "may": ["run", "edit", "delete"],
            "warnings": [],
            "is_demo": False,
        }
        self.assertEqual({name: made[name] for name in expected}, expected)
        self.assertEqual(self.ok(self.api(self.alice, "GET", f"/endpoints/{made['id']}")), made)
        self.assertEqual(
            self.ok(self.api(self.alice, "GET", "/endpoints")), {"items": [made], "next": None}
        )

    def test_a_serving_endpoint_lives_in_a_workspace(self):
        workspace = make_workspace(self.alice)
        body = {
            "name": "dolly",
            "kind": "serving",
            "workspace": str(workspace.pk),
            "serving_endpoint": "dolly",
            "stop": ["."],
        }
        made = self.ok(self.api(self.alice, "POST", "/endpoints", body), 201)
        self.assertLessEqual(body.items(), made.items())
        self.assertEqual(made["task"], "chat")

    def test_an_unusual_driver_port_is_accepted_with_a_warning(self):
        made = self.ok(self.api(self.alice, "POST", "/endpoints", self.proxy(port=9000)), 201)
        self.assertIn("9000", made["warnings"][0])
        usual = self.proxy(name="usual", port=7777)
        self.assertEqual(
            self.ok(self.api(self.alice, "POST", "/endpoints", usual), 201)["warnings"], []
        )

    def test_bad_input_names_the_field(self):
        make_endpoint(self.alice, name="taken")
        theirs = make_workspace(self.charlie, name="theirs")
        driver = {"name": "e", "kind": "driver", "url": URL}
        serving = {"name": "s", "kind": "serving", "workspace": str(make_workspace(self.alice).pk)}
        for body, field in (
            (driver | {"name": "taken"}, "name"),
            (driver | {"name": " "}, "name"),
            (driver | {"name": 7}, "name"),
            (driver | {"kind": "other"}, "kind"),
            (driver | {"task": "poems"}, "task"),
            (driver | {"url": "http://169.254.169.254/latest"}, "url"),
            (driver | {"url": "file:///etc/passwd"}, "url"),
            (driver | {"url": ""}, "url"),
            (driver | {"params": [1]}, "params"),
            (driver | {"params": {"prompt": "x"}}, "params"),
            (driver | {"stop": "."}, "stop"),
            (driver | {"stop": [""]}, "stop"),
            (driver | {"stop": [1]}, "stop.0"),
            (driver | {"stream": "yes"}, "stream"),
            (driver | {"timeout_s": 0}, "timeout_s"),
            (driver | {"timeout_s": 10**9}, "timeout_s"),
            (driver | {"timeout_s": 1.5}, "timeout_s"),
            (driver | {"max_input_tokens": 0}, "max_input_tokens"),
            (driver | {"max_input_tokens": 10**9}, "max_input_tokens"),
            (driver | {"team": str(self.other_team.pk)}, "team"),
            (driver | {"team": "Acme"}, "team"),
            (driver | {"transform_input": "def f(): pass"}, "transform_input"),
            (driver | {"prices": 1}, "prices"),
            (driver | {"prices": {"input": -1}}, "prices.input"),
            (driver | {"prices": {"output": "1"}}, "prices.output"),
            (driver | {"prices": {"per_hour": True}}, "prices.per_hour"),
            (driver | {"prices": {"per_hour": 10**9}}, "prices.per_hour"),
            (driver | {"prices": {"per_day": 1}}, "prices.per_day"),
            (driver | {"concurrency": 2}, "concurrency"),
            (driver | {"owner": "bob"}, "owner"),
            (driver | {"is_demo": True}, "is_demo"),
            ({"name": "e", "url": URL}, "kind"),
            ({"kind": "driver", "url": URL}, "name"),
            (serving | {"serving_endpoint": "../../api/2.0/token/create#"}, "serving_endpoint"),
            (serving | {"serving_endpoint": ".."}, "serving_endpoint"),
            (serving | {"serving_endpoint": ""}, "serving_endpoint"),
            (serving, "serving_endpoint"),
            (serving | {"workspace": str(theirs.pk), "serving_endpoint": "d"}, "workspace"),
            (serving | {"workspace": None, "serving_endpoint": "d"}, "workspace"),
            (serving | {"workspace": "w", "serving_endpoint": "d"}, "workspace"),
            (self.proxy(port=0), "port"),
            (self.proxy(port=65536), "port"),
            (self.proxy(port=-1), "port"),
            (self.proxy(port="7777"), "port"),
            (self.proxy(port=True), "port"),
            (self.proxy(port=None), "port"),
            (self.proxy(cluster_id="0812-091530-k3v9q2/../x"), "cluster_id"),
            (self.proxy(cluster_id="a/b"), "cluster_id"),
            (self.proxy(path="/../../api"), "path"),
            (self.proxy(name=" ", port=0, path="/..", timeout_s=0), "name"),
            (self.proxy(timeout_s=0, path="/..", port=0), "port"),
        ):
            with self.subTest(body):
                before = Endpoint.objects.count()
                response = self.api(self.alice, "POST", "/endpoints", body)
                self.assert_error(response, 422, "invalid", field=field)
                self.assertEqual(Endpoint.objects.count(), before)

    def test_malformed_bodies_are_a_400_that_says_where(self):
        for data, says in (
            (b"{", "line 1, column 2"),
            (b"", "JSON object"),
            (b'{"name": NaN}', "NaN"),
            (b'{"name": "\\ud800"}', "surrogate"),
            (b'{"name": "\\u0000"}', "NUL"),
            (b'{"name": "\xff"}', "UTF-8"),
            (b"[" * 100_000, "nested"),
            (b'{"params": ' + b'{"a": ' * 100 + b"1" + b"}" * 101, "nested"),
        ):
            with self.subTest(data[:20]):
                self.log_in(self.alice)
                response = self.client.post("/api/v1/endpoints", data, "application/json")
                self.assert_error(response, 400, "malformed", says=says)

    def test_a_body_that_is_no_object_is_a_422(self):
        self.log_in(self.alice)
        for data in ("[]", '"text"', "7", "null"):
            with self.subTest(data):
                response = self.client.post("/api/v1/endpoints", data, "application/json")
                self.assert_error(response, 422, "invalid", says="JSON object")

    def proxy(self, **fields) -> dict:
        if not hasattr(self, "proxy_workspace"):
            self.proxy_workspace = make_workspace(self.alice, name="for the proxy")
        body = {
            "name": "proxy",
            "kind": "driver_proxy",
            "workspace": str(self.proxy_workspace.pk),
            "cluster_id": "0812-091530-k3v9q2",
            "port": 7777,
        }
        return body | fields


class EndpointRightsTests(ApiTestCase):
    def test_a_stranger_gets_404_for_everything(self):
        endpoint = make_endpoint(self.alice, team=self.team)
        path = f"/endpoints/{endpoint.pk}"
        for method, below, body in (
            ("GET", "", None),
            ("PATCH", "", {"name": "mine"}),
            ("DELETE", "", None),
            ("POST", "/check", None),
            ("POST", "/preview", {"prompt": "x"}),
        ):
            with self.subTest(f"{method} {below}"):
                response = self.api(self.charlie, method, path + below, body)
                self.assert_error(response, 404, "not_found", says="No such endpoint")
        self.assertEqual(self.ok(self.api(self.charlie, "GET", "/endpoints"))["items"], [])

    def test_a_private_endpoint_is_private_in_the_team_too(self):
        endpoint = make_endpoint(self.alice)
        response = self.api(self.bob, "GET", f"/endpoints/{endpoint.pk}")
        self.assert_error(response, 404, "not_found")

    def test_what_a_colleague_may_depends_on_the_role(self):
        endpoint = make_endpoint(self.bob, team=self.team)
        path = f"/endpoints/{endpoint.pk}"
        for user, may in (
            (self.bob, ["run", "edit", "delete"]),
            (self.alice, ["run", "edit", "delete"]),
            (self.vera, []),
        ):
            with self.subTest(user.username):
                self.assertEqual(self.ok(self.api(user, "GET", path))["may"], may)

    def test_a_member_may_run_but_not_change_what_is_shared(self):
        endpoint = make_endpoint(self.alice, team=self.team)
        path = f"/endpoints/{endpoint.pk}"
        self.assertEqual(self.ok(self.api(self.bob, "GET", path))["may"], ["run"])
        response = self.api(self.bob, "PATCH", path, {"url": "http://127.0.0.1:3000/"})
        self.assert_error(response, 403, "forbidden", says="alice")
        self.assert_error(self.api(self.bob, "DELETE", path), 403, "forbidden")

    def test_a_viewer_may_not_send_anything(self):
        endpoint = make_endpoint(self.alice, team=self.team)
        response = self.api(self.vera, "POST", f"/endpoints/{endpoint.pk}/check")
        self.assert_error(response, 403, "forbidden", says="role")


class EndpointChangeTests(ApiTestCase):
    def test_only_what_is_named_changes_and_the_version_grows(self):
        endpoint = make_endpoint(self.alice, params={"temperature": 0.5}, stop=["."])
        path = f"/endpoints/{endpoint.pk}"
        changed = self.ok(self.api(self.alice, "PATCH", path, {"url": URL, "timeout_s": 30}))
        self.assertEqual((changed["url"], changed["timeout_s"]), (URL, 30))
        for most in (8192, None):
            body = {"max_input_tokens": most}
            changed = self.ok(self.api(self.alice, "PATCH", path, body))
            self.assertEqual(changed["max_input_tokens"], most)
        self.assertEqual((changed["params"], changed["stop"]), ({"temperature": 0.5}, ["."]))
        self.assertEqual(changed["version"], 2)
        same = self.ok(self.api(self.alice, "PATCH", path, {"url": URL}))
        self.assertEqual(same["version"], 2)

    def test_sharing_and_ending_it(self):
        path = f"/endpoints/{make_endpoint(self.alice).pk}"
        shared = self.ok(self.api(self.alice, "PATCH", path, {"team": str(self.team.pk)}))
        self.assertEqual(shared["team"], str(self.team.pk))
        self.ok(self.api(self.bob, "GET", path))
        self.assertIsNone(self.ok(self.api(self.alice, "PATCH", path, {"team": None}))["team"])
        self.assert_error(self.api(self.bob, "GET", path), 404, "not_found")

    def test_a_bad_change_changes_nothing(self):
        endpoint = make_endpoint(self.alice)
        path = f"/endpoints/{endpoint.pk}"
        for change, field in (
            ({"url": "http://169.254.169.254/"}, "url"),
            ({"kind": "serving"}, "workspace"),
            ({"name": ""}, "name"),
            ({"version": 7}, "version"),
        ):
            with self.subTest(change):
                response = self.api(self.alice, "PATCH", path, change)
                self.assert_error(response, 422, "invalid", field=field)
        again = Endpoint.objects.get(pk=endpoint.pk)
        self.assertEqual(again.config(), endpoint.config())

    def test_deleting_keeps_the_runs(self):
        endpoint = make_endpoint(self.alice)
        run = make_run(self.alice, endpoint, status="done", text="Hello")
        self.ok(self.api(self.alice, "DELETE", f"/endpoints/{endpoint.pk}"), 204)
        call = self.ok(self.api(self.alice, "GET", f"/runs/{run.pk}"))["calls"][0]
        self.assertEqual((call["endpoint"], call["endpoint_name"]), (None, "echo"))


class EndpointAskTests(ApiTestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream(tokens={TOKEN: "alice"}))
        origin = self.upstream.origin
        self.enterContext(override_settings(WORKSPACE_ORIGINS=[origin], DRIVER_ORIGINS=[origin]))

    def test_check_sends_a_tiny_prompt(self):
        endpoint = make_endpoint(self.alice, url=self.upstream.url("/echo"))
        answer = self.ok(self.api(self.alice, "POST", f"/endpoints/{endpoint.pk}/check"))
        self.assertEqual((answer["ok"], answer["answer"]), (True, "Good. You wrote: ping"))
        self.assertIsInstance(answer["latency_ms"], int)
        self.assertFalse(Run.objects.exists())

    def test_check_says_what_is_wrong(self):
        self.upstream.terminated.add("0812-091530-k3v9q2")
        endpoint = self.proxy()
        answer = self.ok(self.api(self.alice, "POST", f"/endpoints/{endpoint.pk}/check"))
        self.assertEqual((answer["ok"], answer["error"]["kind"]), (False, "cluster_stopped"))
        self.assertNotIn("answer", answer)

    def test_check_uses_the_callers_own_credential(self):
        endpoint = self.proxy(team=self.team)
        answer = self.ok(self.api(self.bob, "POST", f"/endpoints/{endpoint.pk}/check"))
        self.assertEqual(answer["error"]["kind"], "no_credential")
        self.assertEqual(self.upstream.requests, [])

    def test_preview_shows_the_request_without_sending_it_or_its_secret(self):
        endpoint = self.proxy(params={"temperature": 0.5})
        body = {"prompt": "How are you?", "params": {"max_tokens": 5}, "stop": ["."]}
        response = self.api(self.alice, "POST", f"/endpoints/{endpoint.pk}/preview", body)
        request = self.ok(response)["request"]
        self.assertEqual(set(request), {"method", "url", "headers", "body"})
        self.assertEqual(request["method"], "POST")
        proxied = "/driver-proxy-api/o/0/0812-091530-k3v9q2/7777"
        self.assertEqual(request["url"].rstrip("/"), self.upstream.origin + proxied)
        self.assertEqual(
            request["body"],
            {"prompt": "How are you?", "stop": ["."], "temperature": 0.5, "max_tokens": 5},
        )
        self.assertIn("•", request["headers"]["Authorization"])
        self.assertNotIn(TOKEN, response.content.decode())
        self.assertEqual(self.upstream.requests, [])

    def test_preview_takes_what_a_run_takes(self):
        chat = make_endpoint(self.alice, name="chat", task="chat", url=self.upstream.url("/"))
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
        messages = [
            {"role": "user", "content": [{"type": "text", "text": "Hi {{who}}"}, image]},
            {"role": "tool", "content": "", "tool_call_id": "1"},
        ]
        body = {"messages": messages, "variables": {"who": "Bob"}, "params": {"tools": []}}
        answer = self.api(self.alice, "POST", f"/endpoints/{chat.pk}/preview", body)
        sent = self.ok(answer)["request"]["body"]
        self.assertEqual(
            sent["messages"][0]["content"], [{"type": "text", "text": "Hi Bob"}, image]
        )
        self.assertEqual(sent["messages"][1], messages[1])
        self.assertEqual(sent["tools"], [])

        embed = make_endpoint(
            self.alice, name="embed", task="embeddings", url=self.upstream.url("/")
        )
        answer = self.api(
            self.alice, "POST", f"/endpoints/{embed.pk}/preview", {"prompt": ["a", "b"]}
        )
        self.assertEqual(self.ok(answer)["request"]["body"]["input"], ["a", "b"])
        self.assert_error(
            self.api(self.alice, "POST", f"/endpoints/{chat.pk}/preview", {"prompt": ["a"]}),
            422,
            "invalid",
            field="prompt",
        )

    def test_parameters_that_every_call_would_keep_have_a_size(self):
        path = f"/endpoints/{make_endpoint(self.alice, url=self.upstream.url('/')).pk}"
        for body, field in (
            ({"params": {"tools": ["x" * 1024] * 130}}, "params"),
            ({"params": {"é" * 70_000: 1}}, "params"),
            ({"stop": ["x" * 1024] * 130}, "stop"),
        ):
            with self.subTest(field=field):
                response = self.api(self.alice, "PATCH", path, body)
                self.assert_error(response, 422, "invalid", field=field, says="at most 128 KB")
                response = self.api(self.alice, "POST", f"{path}/preview", {"prompt": "a", **body})
                self.assert_error(response, 422, "invalid", field=field, says="at most 128 KB")
        kept = {"params": {"tools": ["x" * 1000] * 120}, "stop": ["x" * 1000] * 120}
        self.ok(self.api(self.alice, "PATCH", path, kept))

    def test_preview_says_how_many_requests_many_inputs_take(self):
        embed = make_endpoint(
            self.alice, name="embed", task="embeddings", url=self.upstream.url("/")
        )
        for inputs, requests in ((["a"], 1), (["a"] * 20, 1), (["a"] * 21, 2), (["a"] * 60, 3)):
            answer = self.api(
                self.alice, "POST", f"/endpoints/{embed.pk}/preview", {"prompt": inputs}
            )
            self.assertEqual(self.ok(answer)["requests"], requests)

    def test_preview_refuses_what_a_run_would_refuse(self):
        path = f"/endpoints/{make_endpoint(self.alice).pk}/preview"
        for body, field in (
            ({}, "prompt"),
            ({"prompt": "a", "messages": [{"role": "user", "content": "a"}]}, "prompt"),
            ({"prompt": "  "}, "prompt"),
            ({"messages": []}, "messages"),
            ({"messages": [{"role": "poet", "content": "a"}]}, "messages"),
            ({"messages": [{"role": "user"}]}, "messages.0.content"),
            ({"prompt": "a", "params": {"stop": "x"}}, "params"),
            ({"prompt": "a", "stop": [""]}, "stop"),
        ):
            with self.subTest(body):
                self.assert_error(
                    self.api(self.alice, "POST", path, body), 422, "invalid", field=field
                )

    def proxy(self, **fields) -> Endpoint:
        workspace = make_workspace(self.alice, host=self.upstream.origin, token=TOKEN)
        return make_endpoint(
            self.alice,
            name="proxy",
            kind="driver_proxy",
            workspace=workspace,
            cluster_id="0812-091530-k3v9q2",
            port=7777,
            path="/",
            **fields,
        )
