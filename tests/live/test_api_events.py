"""Following a run over the API: server-sent events, cut and resumed at will."""

import json
import random
from collections.abc import Iterator

import requests

from tests.live.base import LiveTestCase
from tests.upstream import events, hang_before_headers

WORDS = [f"wörd{number} 你好 " for number in range(100)]


class Follower:
    """A client as docs/api.md tells people to write one; complains about any gap or repeat."""

    def __init__(self) -> None:
        self.calls: dict[str, dict] = {}
        self.last_id = ""
        self.has_ended = False

    def take(self, name: str, event_id: str, data: dict) -> None:
        self.last_id = event_id
        if name == "call":
            self.calls[data["id"]] = data
        elif name == "delta":
            call = self.calls[data["call"]]
            if data["at"] != len(call["text"]):
                raise AssertionError(f"at {data['at']}, but {len(call['text'])} characters known")
            call["text"] += data["text"]
        else:
            self.has_ended = True


class EventsTests(LiveTestCase):
    def test_pieces_make_up_the_whole(self):
        run = self.start()
        follower, names = Follower(), []
        for name, event_id, data in self.follow(run):
            names.append(name)
            follower.take(name, event_id, data)
        self.assertGreater(names.count("delta"), 10)
        self.assertEqual((names[0], names[-1]), ("call", "run"))
        self.assert_whole(follower, run)

    def test_a_line_cut_anywhere_resumes_without_gap_or_repeat(self):
        run, chance = self.start(slower=4), random.Random(7)
        follower, cuts = Follower(), 0
        while not follower.has_ended:
            left = chance.randrange(1, 5)
            for event in self.follow(run, follower.last_id):
                follower.take(*event)
                left -= 1
                if not left:
                    cuts += 1
                    break
        self.assertGreater(cuts, 5)
        self.assert_whole(follower, run)

    def test_after_the_end_it_tells_everything_at_once_and_then_nothing(self):
        run = self.start()
        self.site.wait_for_run(run["id"])
        follower = Follower()
        for event in self.follow(run):
            follower.take(*event)
        self.assert_whole(follower, run)
        with self.open(run, follower.last_id) as response:
            self.assertEqual((response.status_code, response.content), (204, b""))

    def test_a_retry_goes_on_where_the_end_was(self):
        run = self.start()
        call = self.site.wait_for_run(run["id"])["calls"][0]
        again = self.site.api("POST", f"/calls/{call['id']}/retry", status=201)
        follower = Follower()
        for event in self.follow(run, "end"):
            follower.take(*event)
        self.assertEqual(follower.calls[again["id"]]["status"], "done")

    def test_an_id_that_means_nothing_is_no_id(self):
        run = self.start()
        self.site.wait_for_run(run["id"])
        for nonsense in (
            "x",
            "W10",
            "bnVsbA",
            "eyJhIjogLTF9",
            "é".encode().decode("latin-1"),
            "{}",
        ):
            with self.subTest(nonsense):
                follower = Follower()
                for event in self.follow(run, nonsense):
                    follower.take(*event)
                self.assert_whole(follower, run)

    def test_stop_is_told(self):
        run = self.site.start_run("never", self.add_endpoint("/silent", hang_before_headers))
        follower = Follower()
        for event in self.follow(run):
            follower.take(*event)
            if [c["status"] for c in follower.calls.values()] == ["waiting"]:
                self.site.api("POST", f"/runs/{run['id']}/stop")
        self.assertEqual([c["status"] for c in follower.calls.values()], ["stopped"])
        self.assertTrue(follower.has_ended)

    def test_nothing_on_the_way_may_hold_it_back(self):
        run = self.start()
        with self.open(run, accept_encoding="gzip, br") as response:
            self.assertEqual(response.headers["Content-Type"], "text/event-stream")
            self.assertEqual(response.headers["X-Accel-Buffering"], "no")
            self.assertEqual(response.headers["Cache-Control"], "no-store")
            self.assertTrue(next(response.iter_content(6)).startswith(b"event:"))
        self.site.api("POST", f"/runs/{run['id']}/stop")

    def start(self, slower: int = 1) -> dict:
        """A run that streams for about a second (times `slower`) on two endpoints."""
        names = [
            self.add_endpoint("/a", events(WORDS, delay_s=0.01 * slower)),
            self.add_endpoint("/b", events(WORDS[:50], delay_s=0.02 * slower)),
        ]
        return self.site.start_run("follow me", *names)

    def open(self, run: dict, last_id: str = "", accept_encoding: str = "identity"):
        headers = {"Authorization": f"Bearer {self.site.tokens['alice']}"}
        headers["Accept-Encoding"] = accept_encoding
        if last_id:
            headers["Last-Event-ID"] = last_id
        url = f"{self.site.url}/api/v1/runs/{run['id']}/events"
        return requests.get(url, headers=headers, stream=True, timeout=20)

    def follow(self, run: dict, last_id: str = "") -> Iterator[tuple[str, str, dict]]:
        """(event, id, data) until the end; leaving the loop cuts the line."""
        with self.open(run, last_id) as response:
            self.assertEqual(response.status_code, 200, response.status_code)
            fields: dict[str, str] = {}
            for line in response.iter_lines(chunk_size=1):
                if line:
                    name, _, value = line.decode().partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    yield fields["event"], fields["id"], json.loads(fields["data"])
                    fields = {}

    def assert_whole(self, follower: Follower, run: dict) -> None:
        saved = self.site.wait_for_run(run["id"])["calls"]
        self.assertEqual(list(follower.calls.values()), saved)
        self.assertEqual([call["text"] for call in saved], ["".join(WORDS), "".join(WORDS[:50])])
