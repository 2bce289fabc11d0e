"""LangChain's two functions through the whole site, and what a failing one leaves behind."""

from tests.live.base import ALICE, BOB, CLUSTER, PORT, LiveTestCase
from tests.unit.test_sandbox import IDENTITY, SEED, SPIN
from tests.upstream import answer, chat_chunk, events

PROMPT = "How are you?"
CONCISE = "How are you?\n    Be Concise.\n    "
ANSWER = f"Good. You wrote: {CONCISE}".upper()


class TransformsTests(LiveTestCase):
    def add(self, name, *, user="alice", **fields):
        body = {"name": name, "transform_input": SEED, "transform_output": SEED} | fields
        return self.site.api("POST", "/endpoints", body, user=user, status=201)

    def run_it(self, endpoint, user="alice", **fields):
        run = self.site.start_run(PROMPT, {"endpoint": endpoint} | fields, user=user)
        [call] = self.site.wait_for_run(run["id"], user=user)["calls"]
        return self.site.api("GET", f"/calls/{call['id']}", user=user)

    def test_the_seeds_functions_run_as_they_are_for_models_and_apps(self):
        serving = {"kind": "serving", "workspace": self.workspace, "task": "custom"}
        proxy = {"kind": "driver_proxy", "workspace": self.workspace}
        self.add("concise dolly", **serving, serving_endpoint="dolly")
        self.add("concise app", **proxy, cluster_id=CLUSTER, port=PORT)
        for name, body in (
            ("concise dolly", {"dataframe_records": [{"prompt": CONCISE, "stop": ["?"]}]}),
            ("concise app", {"prompt": CONCISE, "stop": ["?"]}),
        ):
            call = self.run_it(name, stop=["?"])
            sent = self.upstream.requests[-1]
            self.assertEqual((sent.json, sent.token), (body, ALICE))
            self.assertEqual(
                (call["status"], call["text"]), ("done", "GOOD. YOU WROTE: HOW ARE YOU")
            )
            self.assertEqual(call["request"]["body"], body)
            self.assertEqual(call["request"]["before"], {"prompt": PROMPT, "stop": ["?"]})
            raw = call["response"]["body"]
            self.assertIn("Good. You wrote: How are you", str(raw))
            printed = self.site.manage("ask", PROMPT, "--endpoint", name).stdout
            self.assertEqual(printed.rstrip("\n"), ANSWER.rstrip("\n"))

    def test_a_chat_endpoint_is_given_its_body_and_streams_unless_its_answer_is_transformed(self):
        louder = (
            "def transform_input(**request):\n"
            "    request['messages'].insert(0, {'role': 'system', 'content': 'Be brief.'})\n"
            "    return request"
        )
        serving = {"kind": "serving", "workspace": self.workspace, "task": "chat"}
        serving |= {"serving_endpoint": "chat"}
        self.add("brief", **serving, transform_input=louder, transform_output=None)
        call = self.run_it("brief")
        self.assertEqual(call["text"], "Good. You wrote: How are you?")
        sent = self.upstream.requests[-1].json
        self.assertEqual([each["role"] for each in sent["messages"]], ["system", "user"])
        self.assertIs(sent["stream"], True)
        loud = (
            "def transform_output(response):\n"
            "    return response['choices'][0]['message']['content'].upper()"
        )
        self.add("loud", **serving, transform_input=None, transform_output=loud)
        call = self.run_it("loud")
        self.assertEqual(call["text"], "GOOD. YOU WROTE: HOW ARE YOU?")
        self.assertNotIn("stream", self.upstream.requests[-1].json)
        self.assertTrue(call["usage"]["output_tokens"])

    def test_vectors_are_transformed_too(self):
        halved = (
            "def transform_output(response):\n"
            "    return [[x / 2 for x in each['embedding']] for each in response['data']]"
        )
        serving = {"kind": "serving", "workspace": self.workspace, "task": "embeddings"}
        serving |= {"serving_endpoint": "bge", "transform_input": None}
        self.add("plain vectors", **serving, transform_output=None)
        self.add("half vectors", **serving, transform_output=halved)
        plain, half = (self.run_it(name)["vector"] for name in ("plain vectors", "half vectors"))
        self.assertEqual(half, [number / 2 for number in plain])

    def test_a_failing_input_function_sends_nothing(self):
        self.upstream.on("/never", answer("Good."))
        url = self.upstream.url("/never")
        source = "def transform_input(**request):\n    return request['nope']"
        self.add("broken in", kind="driver", url=url, transform_input=source)
        call = self.run_it("broken in")
        error = call["error"]
        self.assertEqual((call["status"], error["kind"]), ("failed", "transform_input"))
        self.assertEqual((error["reason"], error["line"]), ("error", 2))
        self.assertIn("KeyError: nope", error["message"])
        self.assertFalse([r for r in self.upstream.requests if r.path == "/never"])

    def test_a_failing_output_function_keeps_the_answer(self):
        self.upstream.on("/scores", answer({"score": 0.75}))
        source = "def transform_output(response):\n    return response['text']"
        fields = {"kind": "driver", "url": self.upstream.url("/scores"), "transform_input": None}
        self.add("broken out", **fields, transform_output=source)
        call = self.run_it("broken out")
        self.assertEqual((call["status"], call["error"]["kind"]), ("failed", "transform_output"))
        self.assertEqual(call["error"]["line"], 2)
        self.assertEqual(call["response"]["body"], {"score": 0.75})

    def test_three_stops_switch_it_off_while_others_go_on(self):
        self.upstream.on("/spin", answer("Good."))
        made = self.add(
            "spinning", kind="driver", url=self.upstream.url("/spin"), transform_input=SPIN
        )
        for _ in range(3):
            self.assertEqual(self.run_it("spinning")["error"]["reason"], "limit")
        self.assertIn("switched off", self.run_it("spinning")["error"]["message"])
        self.assertEqual(self.run_it("direct")["status"], "done")
        path = f"/endpoints/{made['id']}"
        self.site.api("PATCH", path, {"transform_input": IDENTITY, "transform_output": None})
        self.assertEqual(self.run_it("spinning")["text"], "Good.")

    def test_an_app_that_streams_though_nobody_asked_is_read_whole(self):
        self.upstream.on("/stream", events(["Good. ", "You?"]))
        fields = {"kind": "driver", "url": self.upstream.url("/stream"), "transform_input": None}
        self.add("streams anyway", **fields)
        self.assertEqual(self.run_it("streams anyway")["text"], "GOOD. YOU?")
        self.upstream.serve("rude", events([chat_chunk("Good.", "stop")]))
        serving = {"kind": "serving", "workspace": self.workspace, "serving_endpoint": "rude"}
        self.add("rude chat", **serving, task="chat", transform_input=None)
        self.assertEqual(self.run_it("rude chat")["error"]["kind"], "transform_output")

    def test_colleagues_read_it_first_by_the_api_and_by_ask(self):
        self.site.add_account("bob")
        self.store_token("bob", BOB)
        team = self.site.api("GET", "/me")["teams"][0]["id"]
        serving = {"kind": "serving", "workspace": self.workspace, "task": "custom"}
        made = self.add("shared", **serving, serving_endpoint="dolly", team=team)
        body = {"prompt": PROMPT, "variants": [{"endpoint": "shared"}]}
        refused = self.site.api("POST", "/runs", body, user="bob", status=409)
        self.assertEqual(refused["error"]["kind"], "unconfirmed")
        ask = ("ask", PROMPT, "--endpoint", "shared", "--user", "bob")
        done = self.site.manage(*ask, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("have not read them", done.stderr)
        path = f"/endpoints/{made['id']}"
        fingerprint = self.site.api("GET", path, user="bob")["transforms"]["fingerprint"]
        self.site.api("PUT", f"{path}/confirm", {"fingerprint": fingerprint}, user="bob")
        self.assertEqual(self.run_it("shared", user="bob")["text"], ANSWER)
        self.assertEqual(self.upstream.requests[-1].token, BOB)
        self.assertIn("BE CONCISE.", self.site.manage(*ask).stdout)
