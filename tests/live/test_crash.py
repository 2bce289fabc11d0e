"""What a run shows after the server was killed, and after it was stopped in good order."""

import signal
import threading

from tests.live.base import LiveTestCase
from tests.site import wait_for
from tests.upstream import events

WORDS = [f"word{number} " for number in range(400)]
LEASE_S = 6


class CrashTests(LiveTestCase):
    def setUp(self) -> None:
        self.slow = self.add_endpoint("/slow", events(WORDS, delay_s=0.05))

    def start_and_wait_for_text(self, prompt: str) -> str:
        run = self.site.start_run(prompt, *[self.slow] * 18)
        self.site.wait_for_text(run["calls"][0]["id"])
        return run["id"]

    def test_after_kill_9_every_call_ends_or_continues_and_text_is_kept(self):
        run_id = self.start_and_wait_for_text("killed")
        self.site.kill()
        self.site.start()
        wait_for(
            lambda: self.statuses(run_id).count("failed") == 16,
            10,
            lambda: f"10 s after the restart: {self.statuses(run_id)}",
        )
        calls = self.site.api("GET", f"/runs/{run_id}")["calls"]
        for call in calls[:16]:
            self.assertEqual(call["error"]["kind"], "worker_lost")
            self.assertTrue("".join(WORDS).startswith(call["text"]))
        self.assertTrue(calls[0]["text"])
        # The two beyond the limit of calls in flight were still queued: they run now.
        wait_for(
            lambda: self.statuses(run_id)[16:] == ["streaming"] * 2,
            10,
            lambda: f"The queued calls did not go on: {self.statuses(run_id)}",
        )
        self.site.api("POST", f"/runs/{run_id}/stop")
        self.site.wait_for_run(run_id)

    def test_a_server_that_was_frozen_goes_on_with_its_calls(self):
        run = self.site.start_run("frozen", self.slow)
        self.site.wait_for_text(run["calls"][0]["id"])
        process = self.site.process
        process.send_signal(signal.SIGSTOP)
        threading.Event().wait(LEASE_S + 1.5)
        process.send_signal(signal.SIGCONT)
        before = self.site.api("GET", f"/calls/{run['calls'][0]['id']}")
        wait_for(
            lambda: len(self.site.api("GET", f"/calls/{before['id']}")["text"]) > 100,
            10,
            lambda: "The call did not go on.",
        )
        self.assertEqual(self.statuses(run["id"]), ["streaming"])
        self.site.api("POST", f"/runs/{run['id']}/stop")

    def test_stopping_the_server_ends_its_calls_and_exits_cleanly(self):
        run_id = self.start_and_wait_for_text("stopped")
        process = self.site.process
        self.site.stop()
        self.assertEqual(process.returncode, 0, self.site.log())
        self.site.start()
        call = self.site.api("GET", f"/runs/{run_id}")["calls"][0]
        self.assertEqual((call["status"], call["error"]["kind"]), ("failed", "worker_lost"))
        self.assertTrue(call["text"])
        self.site.api("POST", f"/runs/{run_id}/stop")

    def statuses(self, run_id: str) -> list[str]:
        return [call["status"] for call in self.site.api("GET", f"/runs/{run_id}")["calls"]]
