"""The three kinds of client against a real socket: what they send and what they make of answers."""

import json
import os
import tempfile
import unittest
from unittest import mock

from endpoints import (
    AddressError,
    Choice,
    Egress,
    EgressDenied,
    EndpointError,
    Finished,
    Limits,
    OAuthClient,
    Opened,
    Prompt,
    Text,
    Token,
    ToolCall,
    Usage,
    Vectors,
    client_for,
    whoami,
)
from endpoints.credentials import MASK
from tests import upstream as scripts
from tests.upstream import Upstream, answer, chat_chunk, events, page, raw
from tests.workspace import Workspace

ALICE = "dapi-alice-0123456789"
BOB = "dapi-bob-0123456789"
SECRET = "dose-secret-0123456789"
CLUSTER = "0812-091530-k3v9q2"


class ClientTestCase(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream(tokens={ALICE: "alice", BOB: "bob"}))
        origin = self.upstream.origin
        self.egress = Egress(workspace_origins=(origin,), driver_origins=(origin,))

    def serving(self, name="chat", **options):
        options = {"credential": Token(ALICE), "egress": self.egress, **options}
        return client_for("serving", host=self.upstream.origin, serving_endpoint=name, **options)

    def driver_proxy(self, port=7777, **options):
        options = {"credential": Token(ALICE), "egress": self.egress, **options}
        return client_for(
            "driver_proxy", host=self.upstream.origin, cluster_id=CLUSTER, port=port, **options
        )

    def driver(self, path="/", **options):
        return client_for("driver", url=self.upstream.url(path), egress=self.egress, **options)

    def scripted(self, behaviour, **options):
        """A driver client whose app behaves like that."""
        self.upstream.on("/scripted", behaviour)
        return self.driver("/scripted", **options)

    def text(self, client, prompt="How are you?"):
        return "".join(e.text for e in client.stream(prompt) if isinstance(e, Text))

    def failure(self, client, prompt="How are you?"):
        """The error, and the events before it."""
        seen = []
        with self.assertRaises(EndpointError) as caught:
            seen.extend(client.stream(prompt))
            self.fail(f"no error, but {seen}")
        return caught.exception, seen

    @property
    def sent(self):
        return self.upstream.requests[-1]


class SeedCallTests(ClientTestCase):
    def asked(self, client, prompt):
        text = self.text(client, prompt)
        return text, self.sent.path, self.sent.json

    def test_custom_serving_endpoint(self):
        llm = self.serving("dolly", task="custom")
        path = "/serving-endpoints/dolly/invocations"

        def body(**record):
            return {"dataframe_records": [{"prompt": "How are you?", **record}]}

        for prompt, text, sent in (
            ("How are you?", "Good. You wrote: How are you?", body(stop=[])),
            (Prompt.of("How are you?", stop=["."]), "Good", body(stop=["."])),
            (
                Prompt.of("How are you?", temperature=0.1),
                "Good. You wrote: How are you?",
                body(stop=[], temperature=0.1),
            ),
        ):
            self.assertEqual(self.asked(llm, prompt), (text, path, sent))

    def test_driver_proxy_and_driver(self):
        paths = {
            self.driver_proxy(): f"/driver-proxy-api/o/0/{CLUSTER}/7777",
            self.driver_proxy("7777", path="/echo", org_id="12"): (
                f"/driver-proxy-api/o/12/{CLUSTER}/7777/echo"
            ),
            self.driver("/"): "/",
            self.driver("/echo"): "/echo",
        }
        for llm, path in paths.items():
            for prompt, text, sent in (
                ("How are you?", "Good. You wrote: How are you?", {}),
                (Prompt.of("How are you?", stop=["."]), "Good", {"stop": ["."]}),
                (
                    Prompt.of("How are you?", temperature=0.1),
                    "Good. You wrote: How are you?",
                    {"temperature": 0.1},
                ),
            ):
                with self.subTest(path=path, sent=sent):
                    expected = (text, path, {"prompt": "How are you?", **sent})
                    self.assertEqual(self.asked(llm, prompt), expected)

    def test_chat_serving_endpoint(self):
        prompt = Prompt.of("How are you?", stop=["."], temperature=0.1)
        self.assertEqual(
            self.asked(self.serving(), prompt),
            (
                "Good",
                "/serving-endpoints/chat/invocations",
                {
                    "messages": [{"role": "user", "content": "How are you?"}],
                    "temperature": 0.1,
                    "stop": ["."],
                    "stream": True,
                },
            ),
        )

    def test_chat_app_at_the_openai_path(self):
        self.assertEqual(
            self.text(self.driver("/v1", task="chat")), "Good. You wrote: How are you?"
        )
        self.assertEqual(self.sent.path, "/v1/chat/completions")

    def test_plain_answers_give_the_same_text(self):
        for client in (
            self.serving(stream=False),
            self.driver(stream=False),
            self.driver_proxy(stream=False),
        ):
            self.assertEqual(self.text(client), "Good. You wrote: How are you?")
            self.assertEqual(self.sent.headers["Accept"], "application/json")
            self.assertNotIn("stream", self.sent.json)

    def test_chinese_comes_back_code_point_for_code_point(self):
        for client in (self.serving(), self.driver(), self.driver(stream=False)):
            self.assertEqual(self.text(client, "你好吗？"), "Good. You wrote: 你好吗？")


class TaskTests(ClientTestCase):
    """Every task against a stand-in that speaks it, streamed and plain."""

    def finished(self, client, prompt="How are you?"):
        return list(client.stream(prompt))[-1]

    def test_every_task_gives_the_same_answer_streamed_and_plain(self):
        answer = "Good. You wrote: How are you?"
        for name, options in (
            ("chat", {}),
            ("davinci", {"task": "completions"}),
            ("dolly", {"task": "custom"}),
            ("dolly", {"task": "custom", "format": "inputs"}),
            ("dolly", {"task": "custom", "format": "instances"}),
            ("dolly", {"task": "custom", "format": "dataframe_split"}),
            ("agent", {"task": "responses"}),
            ("chat-agent", {"task": "responses", "format": "chat_agent"}),
        ):
            for stream in (True, False):
                with self.subTest(name=name, options=options, stream=stream):
                    client = self.serving(name, stream=stream, **options)
                    self.assertEqual(self.text(client), answer)
                    self.assertEqual(self.finished(client).choices[0].text, answer)

    def test_openai_apps_behind_the_proxy_and_without_it(self):
        for task in ("chat", "completions"):
            for stream in (True, False):
                options = {"task": task, "stream": stream}
                for client in (self.driver_proxy(**options), self.driver("/v1", **options)):
                    self.assertEqual(self.text(client), "Good. You wrote: How are you?")
        self.assertTrue(self.sent.path.endswith("/v1/completions"))
        events = list(self.driver("/", task="embeddings").stream("ab"))
        self.assertEqual(events[1], Vectors((tuple(scripts.letter_counts("ab")),)))

    def test_n_choices_are_all_kept(self):
        prompt = Prompt.of("Hi", n=3)
        for stream in (True, False):
            events = list(self.serving(stream=stream).stream(prompt))
            choices = events[-1].choices
            self.assertEqual([each.index for each in choices], [0, 1, 2])
            self.assertEqual({each.text for each in choices}, {"Good. You wrote: Hi"})
            self.assertEqual({each.finish_reason for each in choices}, {"stop"})
            for number in range(3):
                pieces = [e.text for e in events if isinstance(e, Text) and e.choice == number]
                self.assertEqual("".join(pieces), "Good. You wrote: Hi")

    def test_tool_calls(self):
        tools = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
        prompt = Prompt.of("Hi", tools=tools, tool_choice="auto")
        for stream in (True, False):
            events = list(self.serving(stream=stream).stream(prompt))
            self.assertEqual(self.sent.json["tools"], tools)
            calls = [event for event in events if isinstance(event, ToolCall)]
            self.assertEqual("".join(call.arguments for call in calls), '{"q": "Hi"}')
            self.assertEqual(
                events[-1].choices[0].tool_calls,
                ({"id": "call_1", "name": "look_up", "arguments": '{"q": "Hi"}'},),
            )
            self.assertEqual(events[-1].finish_reason, "tool_calls")

    def test_images_tools_and_formats_go_through_untouched(self):
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
        call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        messages = (
            {"role": "user", "content": [{"type": "text", "text": "What?"}, image]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "a", "content": "found"},
        )
        params = {"response_format": {"type": "json_object"}, "reasoning_effort": "low"}
        list(self.serving().stream(Prompt(messages, params)))
        expected = {"messages": list(messages), **params, "stream": True}
        self.assertEqual(self.sent.json, expected)

    def test_what_agents_give_beside_their_text(self):
        prompt = Prompt.of("Hi", custom_inputs={"a": 1})
        for name, format in (("agent", "responses"), ("chat-agent", "chat_agent")):
            for stream in (True, False):
                with self.subTest(name=name, stream=stream):
                    client = self.serving(name, task="responses", format=format, stream=stream)
                    finished = self.finished(client, prompt)
                    self.assertEqual(finished.custom_outputs, {"heard": {"a": 1}})
                    self.assertIsNotNone(finished.finish_reason)
        self.assertIsNone(self.finished(self.serving("agent", task="responses")).custom_outputs)

    def test_an_agent_that_ends_without_a_word_after_its_message_is_whole(self):
        message = {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "a"}]}
        done = {"type": "response.output_item.done", "item": message}
        call = {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": ""}
        options = {"task": "responses"}
        self.upstream.serve("odd", events([done], done=False))
        self.assertEqual(self.text(self.serving("odd", **options)), "a")
        for behaviour in (
            events([done], done=False, is_chunked=False),
            events([done], ending="cut"),
            events([done, done | {"item": call}], done=False),
        ):
            self.upstream.serve("odd", behaviour)
            self.assertEqual(self.failure(self.serving("odd", **options))[0].kind, "truncated")


class OAuthTests(unittest.TestCase):
    def setUp(self):
        self.workspace = self.enterContext(Workspace(tokens={ALICE: "alice"}))
        self.workspace.clients["app-one"] = SECRET
        self.options = {
            "host": self.workspace.origin,
            "credential": OAuthClient("app-one", SECRET),
            "egress": Egress(workspace_origins=(self.workspace.origin,)),
        }

    def paths(self):
        return [each.path for each in self.workspace.requests]

    def test_a_token_is_fetched_for_the_first_call_only(self):
        self.workspace.serve("chat", scripts.chat_model)
        client = client_for("serving", serving_endpoint="chat", **self.options)
        self.assertEqual(client.request("x").headers["Authorization"], f"Bearer {MASK}")
        self.assertEqual(self.paths(), [])
        for _ in range(2):
            list(client.stream("x"))
        asked = "/serving-endpoints/chat/invocations"
        self.assertEqual(self.paths(), ["/oidc/v1/token", asked, asked])
        self.assertNotIn(SECRET, str(self.workspace.requests[-1].headers))

    def test_a_token_that_is_refused_is_fetched_anew_for_the_next_call(self):
        url = "/serving-endpoints/chat/invocations"
        self.workspace.on(url, answer({"error_code": 401, "message": "Expired."}, 401))
        client = client_for("serving", serving_endpoint="chat", **self.options)
        for _ in range(2):
            with self.assertRaises(EndpointError) as caught:
                list(client.stream("x"))
            self.assertEqual(caught.exception.kind, "unauthorized")
        self.assertEqual(self.paths(), ["/oidc/v1/token", url] * 2)


class EmbeddingTests(ClientTestCase):
    def embed(self, *texts, name="bge", **options):
        return self.serving(name, task="embeddings", **options), Prompt(inputs=texts)

    def test_many_inputs_go_in_batches_and_come_back_in_order(self):
        texts = [chr(ord("a") + number % 26) * number for number in range(1, 46)]
        client, prompt = self.embed(*texts)
        found = list(client.stream(prompt))
        vectors = tuple(tuple(scripts.letter_counts(text)) for text in texts)
        self.assertEqual([type(e) for e in found], [Opened, Vectors, Usage, Finished])
        self.assertEqual(found[1].vectors, vectors)
        self.assertEqual(found[2], Usage(45, None))
        self.assertEqual([len(each.json["input"]) for each in self.upstream.requests], [20, 20, 5])
        self.assertEqual(len(found[3].response["body"]), 3)
        self.assertEqual(found[3].choices, ())

    def test_the_preview_of_every_batch_is_what_is_sent(self):
        client, prompt = self.embed(*("x" * number for number in range(1, 46)))
        shown = client.requests(prompt)
        self.assertEqual(self.upstream.requests, [])
        list(client.stream(prompt))
        sent = [each.body for each in self.upstream.requests]
        self.assertEqual([each.content for each in shown], sent)
        self.assertEqual(client.request(prompt), shown[0])

    def test_one_text_has_the_answer_as_its_response(self):
        client, prompt = self.embed("a")
        self.assertEqual(list(client.stream(prompt))[-1].response["body"]["object"], "list")

    def test_a_batch_that_fails_keeps_the_vectors_before_it(self):
        def second_fails(exchange):
            if len(self.upstream.requests) > 1:
                exchange.send_error(429, "REQUEST_LIMIT_EXCEEDED", "Slow.")
            else:
                scripts.embeddings_model(exchange)

        self.upstream.serve("limited", second_fails)
        error, seen = self.failure(*self.embed(*["a"] * 30, name="limited"))
        self.assertEqual(error.kind, "rate_limited")
        self.assertEqual(len(seen[1].vectors), 20)
        self.assertEqual(seen[2], Usage(20, None))
        self.assertEqual(len(self.upstream.requests), 2)

    def test_the_time_is_for_all_batches_together(self):
        def slow(exchange):
            exchange.wait(0.3)
            scripts.embeddings_model(exchange)

        self.upstream.serve("slow", slow)
        client, prompt = self.embed(*["a"] * 60, name="slow", limits=Limits(total_s=0.75))
        error, seen = self.failure(client, prompt)
        self.assertEqual(error.kind, "timeout")
        self.assertEqual(len(seen[1].vectors), 40)

    def test_what_is_no_vector_is_a_bad_response(self):
        for value in ({"data": []}, {"choices": [{"text": "x"}]}, "x"):
            self.upstream.serve("odd", answer(value))
            error, _ = self.failure(*self.embed("a", name="odd"))
            self.assertEqual(error.kind, "bad_response")
            self.assertEqual(error.response["body"], value)
        self.upstream.serve("odd", answer({"error": {"message": "No.", "code": 429}}))
        self.assertEqual(self.failure(*self.embed("a", name="odd"))[0].kind, "rate_limited")


class PlainTextTests(ClientTestCase):
    """Driver apps that answer text/plain, in pieces or whole."""

    HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"

    def plain(self, *chunks, end=b"0\r\n\r\n"):
        framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        return raw(self.HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + framed + end)

    def test_pieces_are_text_as_they_come_letters_whole(self):
        data = "Hé 😀 ok".encode()
        for behaviour in (
            self.plain(data),
            self.plain(*(data[at : at + 1] for at in range(len(data)))),
            raw(self.HEAD + b"Content-Length: %d\r\n\r\n" % len(data) + data),
        ):
            found = list(self.scripted(behaviour).stream("x"))
            self.assertEqual("".join(e.text for e in found[1:-1]), "Hé 😀 ok")
            self.assertEqual(found[-1].response["body"], "Hé 😀 ok")
            self.assertEqual(found[-1].choices, (Choice(0, "Hé 😀 ok"),))

    def test_the_first_piece_does_not_wait_for_the_second(self):
        def behave(exchange):
            exchange.send_head(content_type="text/plain", transfer_encoding="chunked")
            exchange.send_chunk(b"H")
            exchange.hang()

        stream = self.scripted(behave).stream("x")
        self.assertEqual([next(stream), next(stream)][1], Text("H"))
        stream.close()

    def test_blanks_at_the_start_and_words_like_events_are_text(self):
        for text in (" \n\tHi", "date: today", "i", "even", "data"):
            self.assertEqual(self.text(self.scripted(self.plain(text.encode()))), text)

    def test_json_and_events_under_that_name_are_what_they_are(self):
        self.assertEqual(self.text(self.scripted(self.plain(b' "Good"'))), "Good")
        self.assertEqual(self.text(self.scripted(self.plain(b'{"te', b'xt": "Good"}'))), "Good")
        stream = self.plain(b'data: "Go"\n\ndat', b'a: "od"\n\ndata: [DONE]\n\n')
        self.assertEqual(self.text(self.scripted(stream)), "Good")
        for text in ('"Good," he said.', '{"a": 1}', "[1] is a source", '["red", "blue"]'):
            self.assertEqual(self.text(self.scripted(self.plain(text.encode()))), text)
        error, _ = self.failure(self.scripted(self.plain(b'{"error": {"message": "No."}}')))
        self.assertEqual(error.kind, "upstream")

    def test_a_text_cut_short_is_truncated_and_kept(self):
        error, seen = self.failure(self.scripted(self.plain(b"Half of", end=b"")))
        self.assertEqual(error.kind, "truncated")
        self.assertEqual(seen[1:], [Text("Half of")])
        self.assertEqual(error.response["body"], "Half of")

    def test_a_text_that_nothing_says_is_whole_is_truncated_and_kept(self):
        error, seen = self.failure(self.scripted(raw(self.HEAD + b"\r\nAll of it?")))
        self.assertEqual(error.kind, "truncated")
        self.assertIn("Content-Length", error.hint)
        self.assertEqual(seen[1:], [Text("All of it?")])
        self.assertEqual(error.response["body"], "All of it?")

    def test_an_empty_text_is_an_empty_answer(self):
        found = list(self.scripted(self.plain()).stream("x"))
        self.assertEqual([type(e) for e in found], [Opened, Finished])

    def test_what_is_kept_is_cut_at_64_kib(self):
        finished = list(self.scripted(self.plain(b"x" * 100_000)).stream("x"))[-1]
        self.assertEqual(len(finished.choices[0].text), 100_000)
        self.assertLessEqual(len(finished.response["body"]), 64 * 1024)
        self.assertIs(finished.response["cut"], True)

    def test_a_serving_endpoint_owes_json(self):
        self.upstream.serve("odd", self.plain(b"Hello"))
        self.assertEqual(self.failure(self.serving("odd"))[0].kind, "bad_response")


class RequestTests(ClientTestCase):
    def test_the_preview_is_what_is_sent_but_for_the_secret(self):
        prompt = Prompt.of("How are you?", stop=["."], temperature=0.1)
        for client in (
            self.serving(),
            self.serving("davinci", task="completions", template="<{content}>"),
            self.serving("bge", task="embeddings"),
            self.serving("dolly", task="custom", format="dataframe_split"),
            self.serving("agent", task="responses"),
            self.serving("chat-agent", task="responses", format="chat_agent"),
            self.driver_proxy(),
            self.driver("/echo"),
            self.driver("/", task="completions"),
        ):
            shown = client.request(prompt)
            self.assertEqual(self.upstream.requests, [])
            list(client.stream(prompt))
            self.assertEqual(shown.method, self.sent.method)
            self.assertEqual(shown.url, self.upstream.url(self.sent.path))
            self.assertEqual(shown.body, self.sent.json)
            self.assertEqual(shown.content, self.sent.body)
            real = dict(self.sent.headers)
            self.assertEqual(
                {name.title() for name in shown.headers} | {"Host", "Content-Length"},
                {name.title() for name in real},
            )
            if "Authorization" in shown.headers:
                self.assertEqual(shown.headers["Authorization"], f"Bearer {MASK}")
                self.assertEqual(real["Authorization"], f"Bearer {ALICE}")
            self.upstream.requests.clear()

    def test_nothing_is_sent_before_the_first_event_is_asked_for(self):
        stream = self.serving().stream("x")
        self.assertEqual(self.upstream.requests, [])
        next(stream)
        self.assertEqual(len(self.upstream.requests), 1)
        stream.close()

    def test_nothing_is_ever_sent_twice(self):
        for behaviour in (
            answer("no", 500),
            answer("no", 503, retry_after="0"),
            answer("no", 429, retry_after="0"),
            answer("no", 408),
            scripts.reset_before_headers,
            raw(b""),
            raw(b"HTTP/1.1 200 OK\r\n"),
            events(["He"], ending="reset"),
        ):
            self.upstream.requests.clear()
            self.failure(self.scripted(behaviour))
            self.assertEqual(len(self.upstream.requests), 1)

    def test_a_driver_never_gets_a_token(self):
        list(self.driver(credential=Token(ALICE)).stream("x"))
        self.assertNotIn("Authorization", self.sent.headers)

    def test_without_a_token_a_workspace_is_not_asked(self):
        client = self.serving(credential=None)
        error, seen = self.failure(client)
        self.assertEqual((error.kind, seen), ("no_credential", []))
        self.assertEqual(self.upstream.requests, [])
        self.assertNotIn("Authorization", client.request("x").headers)

    def test_two_users_never_swap_tokens(self):
        clients = [self.serving(credential=Token(each)) for each in (ALICE, BOB)]
        for number in range(20):
            list(clients[number % 2].stream("x"))
            self.assertEqual(self.sent.token, (ALICE, BOB)[number % 2])

    def test_values_that_json_cannot_say_are_not_sent(self):
        for value in (float("nan"), float("inf"), {1, 2}, b"x"):
            error, _ = self.failure(self.driver(), Prompt.of("x", temperature=value))
            self.assertEqual((error.kind, error.field), ("bad_request", "params"))
            self.assertIn("temperature", error.message)
        self.assertEqual(self.upstream.requests, [])

    def test_addresses_are_judged_when_the_client_is_made(self):
        for options in (
            {"kind": "serving", "serving_endpoint": "../../api/2.0/token/create#"},
            {"kind": "serving", "serving_endpoint": None},
            {"kind": "driver_proxy", "cluster_id": f"{CLUSTER}/..", "port": 7777},
            {"kind": "driver_proxy", "cluster_id": CLUSTER, "port": 0},
            {"kind": "driver_proxy", "cluster_id": CLUSTER, "port": 7777, "path": "/../x"},
            {"kind": "driver_proxy", "cluster_id": CLUSTER, "port": 7777, "org_id": "1/2"},
            {"kind": "driver", "url": None},
        ):
            with self.subTest(options=options), self.assertRaises(AddressError):
                client_for(
                    **options,
                    host=self.upstream.origin,
                    credential=Token(ALICE),
                    egress=self.egress,
                )
        with self.assertRaises(EgressDenied):
            self.driver_proxy(egress=Egress())
        self.assertEqual(self.upstream.requests, [])

    def test_unknown_kinds_tasks_and_formats_are_value_errors(self):
        with self.assertRaises(ValueError):
            client_for("ftp", egress=self.egress)
        for options in ({"task": "poetry"}, {"task": "custom", "format": "xml"}):
            with self.assertRaises(ValueError):
                self.serving(**options)


class EnvironmentTests(ClientTestCase):
    def test_netrc_and_proxies_of_the_environment_are_ignored(self):
        with tempfile.NamedTemporaryFile("w", suffix="netrc") as netrc:
            netrc.write("machine 127.0.0.1 login eve password stolen\n")
            netrc.flush()
            nowhere = "http://127.0.0.1:9"
            environment = {"NETRC": netrc.name, "HTTP_PROXY": nowhere, "http_proxy": nowhere}
            environment |= {"ALL_PROXY": nowhere, "NO_PROXY": "", "no_proxy": ""}
            with mock.patch.dict(os.environ, environment):
                list(self.serving().stream("x"))
        self.assertEqual(self.sent.token, ALICE)

    def test_cookies_are_never_sent_back(self):
        self.upstream.on("/cookie", answer("x", set_cookie="session=alice; Path=/"))
        for _ in range(2):
            list(self.driver("/cookie").stream("x"))
            self.assertNotIn("Cookie", self.sent.headers)

    def test_redirects_are_not_followed_and_their_body_is_not_awaited(self):
        for status in (301, 302, 303, 307, 308):
            self.upstream.serve(
                "moved", page("", status, location=self.upstream.url("/login.html"))
            )
            error, _ = self.failure(self.serving("moved"))
            self.assertEqual((error.kind, error.upstream_status), ("login_page", status))
            self.assertEqual(self.sent.path, "/serving-endpoints/moved/invocations")

    def test_a_redirect_of_an_app_says_where_it_leads(self):
        target = self.upstream.url("/echo/")
        error, _ = self.failure(self.scripted(page("", 307, location=target)))
        self.assertEqual(error.kind, "bad_response")
        self.assertIn(target, error.message)
        self.assertEqual(len(self.upstream.requests), 1)


class StreamTests(ClientTestCase):
    def test_the_events_of_a_chat_stream(self):
        first = chat_chunk("He", usage={"prompt_tokens": 3, "completion_tokens": 1})
        last = chat_chunk("llo", "stop", usage={"prompt_tokens": 3, "completion_tokens": 2})
        found = list(self.scripted(events([first, last])).stream("x"))
        response = {
            "status": 200,
            "content_type": "text/event-stream",
            "body": [json.dumps(first), json.dumps(last), "[DONE]"],
        }
        self.assertEqual(
            found,
            [
                Opened(200, "text/event-stream"),
                Text("He"),
                Text("llo"),
                Usage(3, 2),
                Finished("stop", response, (Choice(0, "Hello", "stop"),)),
            ],
        )

    def test_the_events_of_a_driver_stream(self):
        ending = {"usage": {"input_tokens": 1, "output_tokens": 2}, "finish_reason": "length"}
        found = list(self.scripted(events(["He", "llo", ending])).stream("x"))
        self.assertEqual(found[1:4], [Text("He"), Text("llo"), Usage(1, 2)])
        self.assertEqual(found[4].finish_reason, "length")

    def test_close_delimited_streams_are_read_too(self):
        found = self.text(self.scripted(events(["He", "llo"], is_chunked=False)))
        self.assertEqual(found, "Hello")

    def test_a_plain_answer_to_a_stream_request_is_an_answer(self):
        found = list(self.scripted(answer("Hello", served_model_name="dolly-1")).stream("x"))
        self.assertEqual(
            found,
            [
                Opened(200, "application/json", "dolly-1"),
                Text("Hello"),
                Finished(
                    None,
                    {"status": 200, "content_type": "application/json", "body": "Hello"},
                    (Choice(0, "Hello"),),
                ),
            ],
        )

    def test_without_done_a_finish_reason_makes_it_whole(self):
        for is_chunked in (True, False):
            behaviour = events([chat_chunk("Hi", "stop")], done=False, is_chunked=is_chunked)
            self.assertEqual(self.text(self.scripted(behaviour)), "Hi")
        for ending in ("reset", "cut"):
            behaviour = events([chat_chunk("Hi", "stop")], ending=ending)
            self.assertEqual(self.text(self.scripted(behaviour)), "Hi")

    def test_a_finish_reason_and_then_silence_is_whole(self):
        behaviour = events([chat_chunk("Hi", "stop")], ending="hang")
        self.assertEqual(self.text(self.scripted(behaviour, limits=Limits(idle_s=0.2))), "Hi")

    def test_what_comes_after_done_is_neither_read_nor_awaited(self):
        behaviour = events(["Hi", "[DONE]", "more"], ending="hang")
        self.assertEqual(self.text(self.scripted(behaviour)), "Hi")
        self.sent.wait_until_gone()

    def test_a_stream_that_ends_early_is_truncated_and_keeps_its_text(self):
        usage = {"prompt_tokens": 3, "completion_tokens": 1}
        for options in (
            {"done": False},
            {"done": False, "is_chunked": False},
            {"ending": "cut"},
            {"ending": "reset"},
        ):
            with self.subTest(options=options):
                error, seen = self.failure(
                    self.scripted(events([chat_chunk("He", usage=usage)], **options))
                )
                self.assertEqual(error.kind, "truncated")
                self.assertEqual(seen[1:], [Text("He"), Usage(3, 1)])
                self.assertEqual(len(error.response["body"]), 1)

    def test_an_event_cut_in_half_is_truncated_not_bad(self):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        error, seen = self.failure(self.scripted(raw(head + b'data: "He"\n\ndata: "ll')))
        self.assertEqual((error.kind, seen[1:]), ("truncated", [Text("He")]))

    def test_an_empty_stream_is_truncated(self):
        error, _ = self.failure(self.scripted(events([], done=False)))
        self.assertEqual(error.kind, "truncated")

    def test_errors_in_mid_stream_have_their_kind(self):
        for payload, kind in (
            ({"error": {"message": "Slow.", "type": "rate_limit_error"}}, "rate_limited"),
            ({"error_code": "INTERNAL_ERROR", "message": "Oh."}, "upstream"),
        ):
            error, seen = self.failure(self.scripted(events(["He", payload])))
            self.assertEqual((error.kind, seen[1:]), (kind, [Text("He")]))
            self.assertEqual(error.response["body"][-1], json.dumps(payload))

    def test_an_error_event_is_an_error_whatever_its_data(self):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        body = b'event: error\ndata: {"reason": "out of memory"}\n\n'
        error, _ = self.failure(self.scripted(raw(head + body)))
        self.assertEqual(error.kind, "upstream")
        self.assertIn("out of memory", error.message)

    def test_what_is_no_json_or_no_answer_is_a_bad_response(self):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        for body in (b"data: hello\n\ndata: x\n\n", b'data: {"a": 1}\n\ndata: [DONE]\n\n'):
            error, _ = self.failure(self.scripted(raw(head + body)))
            self.assertEqual(error.kind, "bad_response")

    def test_a_letter_in_two_halves_is_whole(self):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        body = b'data: "\\ud83d"\n\ndata: "\\ude00"\n\ndata: [DONE]\n\n'
        self.assertEqual(self.text(self.scripted(raw(head + body))), "😀")

    def test_the_kept_response_is_cut_at_64_kib(self):
        pieces = ["é" * 1000] * 100
        finished = list(self.scripted(events(pieces)).stream("x"))[-1]
        kept = "".join(finished.response["body"])
        self.assertLessEqual(len(kept.encode()), 64 * 1024)
        self.assertGreater(len(kept.encode()), 60 * 1024)
        self.assertIs(finished.response["cut"], True)

    def test_one_event_of_more_than_256_kib_is_too_large(self):
        error, _ = self.failure(self.scripted(events(["x" * 300_000])))
        self.assertEqual(error.kind, "too_large")


class PlainAnswerTests(ClientTestCase):
    def test_what_is_no_answer_has_its_kind(self):
        def with_head(lines, body=b""):
            return raw(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n\r\n" + body)

        for behaviour, kind in (
            (page(), "login_page"),
            (page("<html><title>Hello</title></html>"), "login_page"),
            (answer({"a": 1}), "bad_response"),
            (answer({"predictions": []}), "bad_response"),
            (answer({"error": {"message": "No."}}), "upstream"),
            (with_head(b"Content-Length: 5", b"hello"), "bad_response"),
            (with_head(b"Content-Length: 3", b"NaN"), "bad_response"),
            (with_head(b"Content-Length: 0"), "bad_response"),
            (raw(b"HTTP/1.1 204 No Content\r\n\r\n"), "bad_response"),
            (with_head(b"Content-Length: 3\r\nContent-Encoding: gzip", b"abc"), "bad_response"),
            (with_head(b"Content-Length: 99", b'"Hello"'), "truncated"),
            (with_head(b"Transfer-Encoding: chunked", b'7\r\n"Hello"\r\n'), "truncated"),
            (with_head(b"Transfer-Encoding: chunked", b'ff\r\n"Hello'), "truncated"),
            (with_head(b"Content-Type: application/json", b'{"predictions": ["He'), "truncated"),
            (with_head(b"Content-Type: application/json"), "truncated"),
            (raw(b"HTTP/1.1 200 OK\r\nContent-Type: applica"), "truncated"),
            (raw(b"HTTP/1.1 200 OK\r\n"), "truncated"),
            (raw(b""), "connection"),
            (scripts.reset_before_headers, "connection"),
            (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "bad_response"),
            (with_head(b"X: y\r\n" * 200), "too_large"),
            (answer("no", 401), "unauthorized"),
            (answer("no", 500), "upstream"),
        ):
            with self.subTest(kind=kind):
                error, _ = self.failure(self.scripted(behaviour))
                self.assertEqual(error.kind, kind, error.message)
                self.assertTrue(error.message.endswith((".", "!", "?")), error.message)

    def test_a_close_delimited_answer_that_is_whole_json_is_taken(self):
        head = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
        self.assertEqual(self.text(self.scripted(raw(head + '"Grüße"'.encode()))), "Grüße")

    def test_an_answer_above_the_limit_is_too_large(self):
        client = self.scripted(answer("x" * 5000), limits=Limits(max_bytes=4000))
        error, _ = self.failure(client)
        self.assertEqual(error.kind, "too_large")
        self.assertIn("4,000", error.message)

    def test_a_stream_above_the_limit_keeps_what_came_before(self):
        client = self.scripted(events(["x" * 1000] * 10), limits=Limits(max_bytes=4000))
        error, seen = self.failure(client)
        self.assertEqual(error.kind, "too_large")
        self.assertIn(Text("x" * 1000), seen)

    def test_tool_calls_without_text_finish_without_text(self):
        value = {"choices": [{"message": {"content": None}, "finish_reason": "tool_calls"}]}
        found = list(self.scripted(answer(value)).stream("x"))
        self.assertEqual([type(event) for event in found], [Opened, Finished])
        self.assertEqual(found[1].finish_reason, "tool_calls")


class WorkspaceFaultTests(ClientTestCase):
    def test_each_fault_has_its_kind(self):
        self.upstream.apps = {(CLUSTER, 7777): scripts.driver_app}
        bad_token = {"credential": Token("dapi-unknown-1234")}
        for client, kind in (
            (self.serving("nope"), "not_found"),
            (self.serving(**bad_token), "forbidden"),
            (self.driver_proxy(**bad_token), "forbidden"),
            (self.driver_proxy(7778), "nothing_listening"),
        ):
            error, _ = self.failure(client)
            self.assertEqual(error.kind, kind)
        self.upstream.terminated.add(CLUSTER)
        error, _ = self.failure(self.driver_proxy())
        self.assertEqual((error.kind, error.upstream_status), ("cluster_stopped", 400))

    def test_a_refused_connection_means_that_nothing_listens_or_no_connection(self):
        with Upstream() as gone:
            origin = gone.origin
        egress = Egress(workspace_origins=(origin,), driver_origins=(origin,))
        shared = {"host": origin, "credential": Token(ALICE), "egress": egress}
        for kind, client in (
            ("nothing_listening", client_for("driver", url=origin, egress=egress)),
            ("nothing_listening", client_for("driver_proxy", cluster_id=CLUSTER, port=1, **shared)),
            ("connection", client_for("serving", serving_endpoint="x", **shared)),
        ):
            error, _ = self.failure(client)
            self.assertEqual(error.kind, kind)
            self.assertIn(origin, error.message)

    def test_an_unknown_host_is_a_connection_error(self):
        egress = Egress(driver_origins=("http://no-such-host.invalid:7777",))
        client = client_for("driver", url="http://no-such-host.invalid:7777/", egress=egress)
        error, _ = self.failure(client)
        self.assertEqual(error.kind, "connection")
        self.assertIn("no-such-host.invalid", error.message)

    def test_a_host_name_is_looked_up(self):
        origin = f"http://localhost:{self.upstream.port}"
        client = client_for("driver", url=origin, egress=Egress(driver_origins=(origin,)))
        self.assertEqual(self.text(client), "Good. You wrote: How are you?")


class ScrubTests(ClientTestCase):
    def assert_no_secret(self, error):
        shown = [str(error), repr(error), error.message, error.hint, json.dumps(error.response)]
        for words in shown:
            self.assertNotIn(ALICE, words)
        self.assertIn(MASK, error.message)

    def test_a_token_echoed_in_an_error_body_is_masked(self):
        body = {
            "error_code": "BAD_REQUEST",
            "message": f"Bad header: Bearer {ALICE}",
            ALICE: [ALICE],
        }
        for behaviour in (
            answer(body, 400),
            page(f"<html><title>Bearer {ALICE}</title></html>", 500),
            page(f"<html><title>Bearer {ALICE}</title></html>", 200),
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nnot JSON " + ALICE.encode()),
            answer({"error": {"message": ALICE}}),
            events([{"error": {"message": ALICE}}]),
        ):
            self.upstream.serve("echo", behaviour)
            error, _ = self.failure(self.serving("echo"))
            self.assert_no_secret(error)

    def test_a_token_where_words_are_cut_short_leaves_no_half_behind(self):
        for length in range(0, 420, 7):
            filler = "x" * length
            for behaviour in (
                answer({"message": filler + ALICE}, 400),
                page(f"<html><title>{filler}{ALICE}</title></html>", 500),
                lambda each, body=f"{filler}{ALICE}": each.send_body(
                    200, body.encode(), "text/plain"
                ),
                page("", 307, location=f"/{filler}{ALICE}"),
            ):
                self.upstream.serve("echo", behaviour)
                error, _ = self.failure(self.serving("echo"))
                self.assertNotIn(ALICE[:12], f"{error.message} {error.response}")

    def test_a_token_in_broken_headers_is_not_logged(self):
        self.upstream.serve("echo", raw(f"HTTP/1.1 200 OK\r\n{ALICE}".encode()))
        with self.assertNoLogs():
            self.failure(self.serving("echo"))

    def test_a_token_in_headers_is_masked(self):
        behaviour = answer({"predictions": ["x"]}, served_model_name=f"m-{ALICE}")
        self.upstream.serve("echo", behaviour)
        opened = next(self.serving("echo").stream("x"))
        self.assertEqual(opened.served_model, f"m-{MASK}")

    def test_a_token_echoed_in_an_answer_is_masked_in_the_kept_response(self):
        for behaviour in (answer({"predictions": [ALICE]}), events([ALICE])):
            self.upstream.serve("echo", behaviour)
            finished = list(self.serving("echo").stream("x"))[-1]
            self.assertNotIn(ALICE, json.dumps(finished.response))


class WhoamiTests(ClientTestCase):
    def test_it_names_the_user_of_the_token(self):
        for token, name in ((ALICE, "alice"), (BOB, "bob")):
            self.assertEqual(whoami(self.upstream.origin, Token(token), self.egress), name)
        self.assertEqual(self.sent.method, "GET")
        self.assertEqual(self.sent.body, b"")

    def test_faults_are_typed(self):
        with self.assertRaises(EndpointError) as caught:
            whoami(self.upstream.origin, Token("dapi-unknown"), self.egress)
        self.assertEqual(caught.exception.kind, "forbidden")
        for behaviour, kind in (
            (page(), "login_page"),
            (answer({"id": "1"}), "bad_response"),
            (answer(["x"]), "bad_response"),
            (answer({"userName": 5}), "bad_response"),
        ):
            self.upstream.on("/api/2.0/preview/scim/v2/Me", behaviour)
            with self.assertRaises(EndpointError) as caught:
                whoami(self.upstream.origin, Token(ALICE), self.egress)
            self.assertEqual(caught.exception.kind, kind)

    def test_a_host_that_is_not_allowed_is_not_asked(self):
        with self.assertRaises(EgressDenied):
            whoami(self.upstream.origin, Token(ALICE), Egress())
        self.assertEqual(self.upstream.requests, [])
