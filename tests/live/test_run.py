"""A run on a real site: real processes, sockets and upstreams, as a person's page would see it."""

import json
import threading

from tests.live.base import ALICE, BOB, LiveTestCase
from tests.site import messages, text_in, wait_for
from tests.upstream import (
    DONE,
    answer,
    events,
    hang_before_headers,
    page,
    raw,
)

WORDS = [f"word{number} " for number in range(120)]


class RunTests(LiveTestCase):
    def test_seed_calls_work_through_all_three_kinds(self):
        names = ["dolly", "app", "direct"]
        for marker, fields, said in (
            ("How are you? (plain)", {}, "Good. You wrote: How are you? (plain)"),
            ("How are you? (stop)", {"stop": ["."]}, "Good"),
            ("How are you? (warm)", {"params": {"temperature": 0.1}}, None),
        ):
            run = self.site.start_run(marker, *[{"endpoint": name} | fields for name in names])
            calls = self.site.wait_for_run(run["id"])["calls"]
            for call in calls:
                self.assertEqual((call["status"], call["error"]), ("done", None), call)
                if said is not None:
                    self.assertEqual(call["text"], said)
        warm = [r for r in self.upstream.requests if b"(warm)" in r.body]
        bodies = {r.path.split("/")[1]: r.json for r in warm}
        plain = {"prompt": "How are you? (warm)", "temperature": 0.1}
        self.assertEqual(bodies["driver-proxy-api"], plain)
        self.assertEqual(bodies[""], plain)
        self.assertEqual(bodies["serving-endpoints"], {"dataframe_records": [plain | {"stop": []}]})
        tokens = {r.path.split("/")[1]: r.token for r in warm}
        self.assertEqual(tokens, {"driver-proxy-api": ALICE, "serving-endpoints": ALICE, "": None})

    def test_chinese_arrives_code_point_for_code_point(self):
        session = self.site.session()
        asked = {"endpoint": "chat", "params": {"token_delay_ms": 30, "repeat": 4}}
        run = self.site.start_run("你好吗？", asked, "demo-echo")
        with self.site.socket(run["id"], session) as socket:
            live = {}
            for message in messages(socket):
                if message["type"] == "delta":
                    live[message["id"]] += message["text"]
                elif message["type"] == "call":  # a card may be ahead of the text that was told
                    live[message["id"]] = text_in(message["html"])
        calls = self.site.wait_for_run(run["id"])["calls"]
        expected = " ".join(["Good. You wrote: 你好吗？"] * 4)
        self.assertEqual(calls[0]["text"], expected)
        self.assertEqual(live[calls[0]["id"]], expected)
        self.assertTrue(calls[1]["text"].endswith("You wrote: 你好吗？"))
        page_after = session.get(f"{self.site.url}/runs/{run['id']}/", timeout=10).text
        self.assertIn(expected, page_after)

    def test_one_failure_never_touches_its_neighbours(self):
        html = self.add_endpoint("/html", page())
        missing = self.add_endpoint("/missing", answer({"detail": "Not Found"}, 404))
        refused = self.add_endpoint("/refused", answer({"error": "no"}, 401))
        broken = self.add_endpoint("/broken", answer({"error": "bug"}, 500))
        half = self.add_endpoint("/half", events(["Half an ", "answer"], done=False))
        run = self.site.start_run("neighbours", html, missing, refused, broken, half, "chat")
        calls = self.site.wait_for_run(run["id"])["calls"]
        kinds = [call["error"] and call["error"]["kind"] for call in calls]
        self.assertEqual(
            kinds, ["login_page", "not_found", "unauthorized", "upstream", "truncated", None]
        )
        self.assertEqual(calls[4]["text"], "Half an answer")
        self.assertEqual(calls[5]["text"], "Good. You wrote: neighbours")
        for call in calls[:5]:
            self.assertTrue(call["error"]["message"] and call["error"]["hint"], call)

    def test_stop_mid_stream_closes_upstream_and_keeps_the_text(self):
        slow = self.add_endpoint("/slow", events(WORDS, delay_s=0.05))
        run = self.site.start_run("stop me while I talk", slow)
        call = self.site.wait_for_text(run["calls"][0]["id"])
        self.site.api("POST", f"/calls/{call['id']}/stop")
        self.received("stop me while I talk").wait_until_gone()
        call = self.site.wait_for_run(run["id"])["calls"][0]
        self.assertEqual(call["status"], "stopped")
        self.assertTrue("".join(WORDS).startswith(call["text"]) and call["text"])

    def test_stop_before_the_first_token_closes_upstream(self):
        silent = self.add_endpoint("/silent", hang_before_headers)
        run = self.site.start_run("stop me before I talk", silent, silent)
        marker = b"stop me before I talk"

        def arrived() -> list:
            return [r for r in self.upstream.requests if marker in r.body]

        wait_for(lambda: len(arrived()) == 2, 10, lambda: "The requests did not arrive.")
        self.site.api("POST", f"/runs/{run['id']}/stop")
        for request in arrived():
            request.wait_until_gone()
        calls = self.site.wait_for_run(run["id"])["calls"]
        self.assertEqual([call["status"] for call in calls], ["stopped", "stopped"])

    def test_retry_makes_a_new_call_in_the_same_run(self):
        calls = 0

        def fail_once(exchange):
            nonlocal calls
            calls += 1
            (answer({"error": "bug"}, 500) if calls == 1 else events(["better"]))(exchange)

        flaky = self.add_endpoint("/flaky", fail_once)
        run = self.site.start_run("retry me", flaky)
        failed = self.site.wait_for_run(run["id"])["calls"][0]
        self.assertEqual(failed["error"]["kind"], "upstream")
        again = self.site.api("POST", f"/calls/{failed['id']}/retry")
        self.assertNotEqual(again["id"], failed["id"])
        self.site.wait_for_run(run["id"])
        self.assertEqual(self.site.api("GET", f"/calls/{again['id']}")["text"], "better")
        self.assertEqual(self.site.api("GET", f"/calls/{failed['id']}")["status"], "failed")

    def test_reconnecting_at_any_moment_shows_every_character_once(self):
        slow = self.add_endpoint("/tale", events(WORDS, delay_s=0.02))
        session, whole = self.site.session(), "".join(WORDS)
        run = self.site.start_run("tell me a tale", slow)
        for patience_s in (0.05, 0.31, 0.12, 0.44, 0.2, 0.08, 0.27):
            with self.site.socket(run["id"], session) as socket:
                self._follow_a_while(socket, patience_s, whole)
        self.assertEqual(self.site.wait_for_run(run["id"])["calls"][0]["text"], whole)

    def test_joining_a_steady_stream_shows_its_text_at_once(self):
        steady = self.add_endpoint("/steady", events(WORDS, delay_s=0.02))
        session = self.site.session()
        run = self.site.start_run("a steady stream", steady)
        self.site.wait_for_text(run["calls"][0]["id"])
        for _ in range(3):
            with self.site.socket(run["id"], session) as socket:
                heard = messages(socket, 1)
                self.assertEqual(next(heard)["type"], "call")
                self.assertEqual([next(heard)["type"] for _ in range(5)], ["delta"] * 5)
        self.site.api("POST", f"/runs/{run['id']}/stop")

    def test_an_answer_of_megabytes_arrives_whole_on_the_page(self):
        whole = "A long answer, 很长。 " * 60_000
        long = self.add_endpoint("/long", answer(whole))
        session = self.site.session()
        run = self.site.start_run("much text", long)
        shown = ""
        with self.site.socket(run["id"], session) as socket:
            for message in messages(socket):
                if message["type"] == "call":
                    shown = text_in(message["html"])
                elif message["type"] == "delta":
                    shown += message["text"]
        self.assertEqual(shown, whole)

    def test_absurd_words_of_the_upstream_do_not_lose_the_answer(self):
        finish = {
            "usage": {"input_tokens": 10**400, "output_tokens": -3},
            "finish_reason": "\ud800\0" + "x" * 90,
        }
        stream = "".join(f"data: {json.dumps(each)}\n\n" for each in ("fine\0", finish))
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        absurd = self.add_endpoint("/absurd", raw((head + stream).encode()))
        run = self.site.start_run("say something odd", absurd)
        call = self.site.wait_for_run(run["id"])["calls"][0]
        self.assertEqual((call["status"], call["text"]), ("done", "fine\ufffd"))
        self.assertEqual(len(call["finish_reason"]), 60)
        self.site.api("GET", "/runs")

    def _follow_a_while(self, socket, patience_s: float, whole: str) -> None:
        """Read for some time; what is shown at any moment must be the beginning of the whole."""
        shown = None
        try:
            for message in messages(socket, patience_s):
                if message["type"] == "call":
                    shown = text_in(message["html"])
                elif message["type"] == "delta":
                    shown += message["text"]
                self.assertTrue(whole.startswith(shown or ""), shown)
        except TimeoutError:
            pass

    def test_two_people_at_once_never_share_a_token(self):
        self.site.add_account("bob")
        self.store_token("bob", BOB)
        tokens = {"alice": ALICE, "bob": BOB}
        runs = {"alice": [], "bob": []}

        def ask(user: str) -> None:
            for number in range(12):
                prompt = f"from {user} number {number}"
                runs[user].append(self.site.start_run(prompt, "chat", "dolly", user=user)["id"])

        people = [threading.Thread(target=ask, args=(user,)) for user in tokens]
        for person in people:
            person.start()
        for person in people:
            person.join()
        for user, ids in runs.items():
            for run_id in ids:
                for call in self.site.wait_for_run(run_id, user=user)["calls"]:
                    self.assertEqual(call["status"], "done", call)
        for user, token in tokens.items():
            sent = [r for r in self.upstream.requests if f"from {user} ".encode() in r.body]
            self.assertEqual(len(sent), 24)
            self.assertEqual({r.token for r in sent}, {token})
        self.site.api("GET", f"/runs/{runs['alice'][0]}", user="bob", status=404)

    def test_double_submit_is_one_run(self):
        first = self.site.start_run("only once", "direct", idempotency_key="k1")
        second = self.site.start_run("only once", "direct", idempotency_key="k1")
        self.assertEqual(first["id"], second["id"])
        self.site.wait_for_run(first["id"])
        self.received("only once")

    def test_many_calls_wait_for_a_seat_and_all_end(self):
        quick = self.add_endpoint("/quick", events([["x"][0], DONE], first_delay_s=0.05))
        run = self.site.start_run("a crowd", {"endpoint": quick, "repetitions": 10}, *[quick] * 30)
        calls = self.site.wait_for_run(run["id"], timeout_s=60)["calls"]
        self.assertEqual({call["status"] for call in calls}, {"done"})
        self.assertEqual(len(calls), 40)
