"""What a run shows after the server was killed, and after it was stopped in good order."""

from tests.live.base import LiveTestCase
from tests.site import wait_for
from tests.upstream import events

WORDS = [f"word{number} " for number in range(400)]


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
