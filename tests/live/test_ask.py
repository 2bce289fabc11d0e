"""`manage.py ask` and `createtoken`: the main job without a browser, as a shell sees it."""

import json
import os
import pty
import signal
import subprocess
import sys
import unittest

from tests.site import ROOT, Site, free_port
from tests.upstream import Upstream, answer, events, hang_before_headers

DEMOS = ("--endpoint", "demo-echo", "--endpoint", "demo-poet")
WORDS = [f"word{number} " for number in range(200)]


class AskTestCase(unittest.TestCase):
    """An instance with one account, and an upstream behind its endpoints."""

    is_site_running = False

    @classmethod
    def setUpClass(cls) -> None:
        cls.upstream = cls.enterClassContext(Upstream())
        cls.site = Site(
            PLAYGROUND_DRIVER_ORIGINS=f"{cls.upstream.origin},http://127.0.0.1:7600-7999"
        )
        if cls.is_site_running:
            cls.enterClassContext(cls.site)
        else:
            cls.addClassCleanup(cls.site.clear)
            cls.site.manage("migrate", "--verbosity=0")
            cls.site.add_account("alice")

    def ask(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.site.manage("ask", *arguments, check=False)

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        """In the background, with its output in pipes unless told otherwise."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command = [sys.executable, "manage.py", "ask", *arguments]
        process = subprocess.Popen(
            command, cwd=ROOT, env=self.site.environment, **(pipes | options)
        )
        self.addCleanup(process.kill)
        return process


class AskTests(AskTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        behaviours = {
            "plain": answer("Fine."),
            "broken": answer({"error": "bug"}, 500),
            "half": events(["Half an ", "answer"], done=False),
            "slow": events(WORDS, delay_s=0.05),
            "silent": hang_before_headers,
            "lines": events([f"{word}\n" for word in WORDS], delay_s=0.02),
            "wild": answer("\x1b[2J" + "word " * 40),
        }
        urls = {name: cls.upstream.on(f"/{name}", told) for name, told in behaviours.items()}
        urls["gone"] = f"http://127.0.0.1:{free_port(7900, 7999)}/"
        code = (
            "from playground import connecting, models;"
            "alice = models.User.objects.get(username='alice');"
            "make = lambda n, url: models.Endpoint(owner=alice, kind='driver', name=n, url=url);"
            f"[connecting.save_endpoint(make(name, url)) for name, url in {urls}.items()]"
        )
        cls.site.manage("shell", "--no-imports", "-c", code)

    def test_two_endpoints_answer_side_by_side(self):
        done = self.ask("How are you?", *DEMOS)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertIn(
            "A demo-echo │ Demo echo, not a language model. You wrote: How are you?", lines
        )
        self.assertGreater(len([line for line in lines if line.startswith("B demo-poet │")]), 4)
        self.assertTrue(all(line[:11] in ("A demo-echo", "B demo-poet") for line in lines), lines)
        self.assertRegex(done.stderr, r"A demo-echo +done · TTFT \d+ ms · [\d.]+ tok/s · \d+ in")
        self.assertRegex(done.stderr, r"B demo-poet +done")

    def test_one_endpoint_is_its_text_and_nothing_else(self):
        done = self.ask("你好吗？", "--endpoint", "demo-echo", "--param", "token_delay_ms=0")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "Demo echo, not a language model. You wrote: 你好吗？\n")

    def test_parameters_stop_and_system_are_sent_as_they_are(self):
        done = self.ask(
            *("Hi", "--endpoint", "plain", "--system", "Be brief.", "--stop", ".", "--stop", "END"),
            *(
                "--param",
                "temperature=0.2",
                "--param",
                "style=plain",
                "--param",
                'extra={"a": [1]}',
            ),
        )
        self.assertEqual((done.returncode, done.stdout), (0, "Fine.\n"), done.stderr)
        sent = {"stop": [".", "END"], "temperature": 0.2, "style": "plain", "extra": {"a": [1]}}
        self.assertEqual(self.upstream.requests[-1].json, {"prompt": "Be brief.\n\nHi"} | sent)

    def test_json_is_the_run_as_the_api_answers_it(self):
        done = self.ask("你好", "--json", *DEMOS, "--param", "token_delay_ms=0")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        run = json.loads(done.stdout)
        self.assertEqual(run["status"], "ended")
        self.assertEqual(run["url"], f"{self.site.url}/runs/{run['id']}/")
        self.assertTrue(run["calls"][0]["text"].endswith("You wrote: 你好"))
        self.assertEqual([call["status"] for call in run["calls"]], ["done", "done"])
        self.assertIsInstance(run["calls"][1]["usage"]["output_tokens"], int)

    def test_a_broken_endpoint_says_why_and_spares_its_neighbour(self):
        done = self.ask("Hi", "--endpoint", "broken", "--endpoint", "demo-echo")
        self.assertEqual(done.returncode, 1)
        self.assertIn("You wrote: Hi", done.stdout)
        self.assertRegex(done.stderr, r"failed[^\n]*\n  The endpoint failed \(500\)\S* .+\.")
        self.assertRegex(done.stderr, r"B demo-echo +done")

    def test_nothing_listening_is_said(self):
        done = self.ask("Hi", "--endpoint", "gone")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"failed[^\n]*\n  \S+ .+\.")

    def test_an_answer_cut_short_keeps_its_text_and_fails(self):
        done = self.ask("Hi", "--endpoint", "half")
        self.assertEqual((done.returncode, done.stdout), (1, "Half an answer\n"))

    def test_bad_usage_is_exit_2_and_says_what_to_do(self):
        cases = (
            (["Hi"], "--endpoint"),
            (["Hi", "--endpoint", "nobody"], "demo-echo"),
            (["Hi", "--endpoint", "demo-echo", "--user", "nobody"], "alice"),
            ([" ", "--endpoint", "plain"], "empty"),
            (
                ["x" * 100_000 + " y" * 1, "--endpoint", "demo-echo", "--param", "prompt=a"],
                "prompt",
            ),
            (["Hi", "--endpoint", "plain", "--param", "temperature"], "KEY=VALUE"),
            (["Hi", "--endpoint", "plain", "--stop", ""], "Stop"),
            (["Hi", "--endpoint", "../../api/2.0/token/create#"], "no endpoint"),
            (["Hi", *["--endpoint", "plain"] * 51], "at most 50"),
        )
        for process, (arguments, says) in [(self.start(*case[0]), case) for case in cases]:
            with self.subTest(arguments[1:5]):
                stdout, stderr = process.communicate(timeout=60)
                self.assertEqual((process.returncode, stdout), (2, ""), stderr)
                self.assertIn(says, stderr)
                self.assertNotIn("Traceback", stderr)

    def test_ctrl_c_stops_the_endpoints_and_keeps_the_text(self):
        before = len(self.upstream.requests)
        process = self.start("Hi", "--endpoint", "slow", "--endpoint", "silent", "--json")
        for request in self.upstream.wait_for_requests(before + 2, timeout_s=15)[before:]:
            self.assertIsNone(request.gone_at)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=10)
        self.assertEqual(process.returncode, 130, stderr)
        self.assertNotIn("Traceback", stderr)
        for request in self.upstream.requests[before:]:
            request.wait_until_gone()
        run = json.loads(stdout)
        self.assertEqual([call["status"] for call in run["calls"]], ["stopped", "stopped"])

    def test_a_reader_that_goes_away_stops_the_run(self):
        process = self.start("Hi", "--endpoint", "lines")
        self.assertEqual(process.stdout.readline(), "word0 \n")
        process.stdout.close()
        self.assertEqual(process.wait(timeout=10), 130)
        self.upstream.requests[-1].wait_until_gone()
        self.assertNotIn("Traceback", process.stderr.read())
        process.stderr.close()

    def test_on_a_terminal_lines_are_folded_and_controls_shown(self):
        ours, theirs = pty.openpty()
        self.site.environment["COLUMNS"] = "80"
        self.addCleanup(self.site.environment.pop, "COLUMNS")
        process = self.start("Hi", "--endpoint", "wild", "--endpoint", "plain", stdout=theirs)
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        os.close(ours)
        process.communicate(timeout=10)
        lines = shown.decode().replace("\r\n", "\n").splitlines()
        self.assertNotIn("\x1b", "".join(lines))
        self.assertLessEqual(max(map(len, lines)), 80)
        folded = "".join(line.split("│ ", 1)[1] + " " for line in lines if line.startswith("A"))
        self.assertEqual(folded.split(), ["\ufffd[2Jword"] + ["word"] * 39)

        done = self.site.manage("createtoken", "alice", "--name", "nightly")
        self.assertRegex(done.stdout, r"\App_[A-Za-z0-9_-]{43}\n\Z")
        self.assertIn("nightly", done.stderr)
        self.assertNotIn(done.stdout.strip(), done.stderr)

    def test_createtoken_tells_who_there_is(self):
        done = self.site.manage("createtoken", "nobody", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("alice", done.stderr)


class AskBesideTheSiteTests(AskTestCase):
    is_site_running = True

    def test_the_run_is_the_sites_run_too(self):
        done = self.ask("Hi", "--json", *DEMOS, "--param", "token_delay_ms=0")
        self.assertEqual(done.returncode, 0, done.stderr)
        run = json.loads(done.stdout)
        self.assertEqual(self.site.api("GET", f"/runs/{run['id']}")["calls"], run["calls"])

    def test_the_default_user_is_the_first_superuser(self):
        self.site.add_account("bob")
        self.assertEqual(self.ask("Hi", "--endpoint", "demo-echo").returncode, 0)
        done = self.ask("Hi", "--json", "--endpoint", "demo-echo", "--user", "bob")
        self.assertEqual(done.returncode, 0, done.stderr)
        path = f"/runs/{json.loads(done.stdout)['id']}"
        self.site.api("GET", path, user="bob", status=200)
        self.site.api("GET", path, user="alice", status=404)


class FreshInstanceTests(unittest.TestCase):
    def test_before_the_set_up_it_says_what_to_do(self):
        site = Site()
        self.addCleanup(site.clear)
        for _ in range(2):  # without a database, then without an account
            done = site.manage("ask", "Hi", "--endpoint", "demo-echo", check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("make run", done.stderr)
            self.assertNotIn("Traceback", done.stderr)
            site.manage("migrate", "--verbosity=0")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side is closed
        return b""
