"""The canary run itself: that a leak is seen, in every form and by every way out."""

import base64
import html
import json
import logging
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from urllib.parse import quote

import redis
from asgiref.sync import async_to_sync
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, override_settings
from django.urls import path

from playground.layers import MemoryLayer
from tests import canary, recorder, runner
from tests.base import WebTestCase
from tests.live.base import ALICE, LiveTestCase
from tests.make import TOKEN, make_workspace
from tests.recorder import Leaked, expecting
from tests.site import ROOT, Site, free_port, wait_for

LEAKED = canary.canary()
REDIS = shutil.which("redis-server")


def leak_whole(request) -> HttpResponse:
    return HttpResponse(f"<p>Your token is {LEAKED}.</p>")


def leak_in_a_header(request) -> HttpResponse:
    return HttpResponse("fine", headers={"X-Token": LEAKED})


def leak_in_pieces(request) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([f"Your token is {LEAKED[:9]}", LEAKED[9:], "."]))


urlpatterns = [
    path("whole/", leak_whole),
    path("header/", leak_in_a_header),
    path("pieces/", leak_in_pieces),
]


class FormsTests(unittest.TestCase):
    """A secret is recognised however it is written, and from twelve of its characters."""

    def assert_leaks(self, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        self.assertTrue(canary.leaks_in(b"before " + data + b" after"), data)
        self.assertTrue(canary.may_leak(data), data)

    def test_every_twelve_characters_of_it_are_recognised(self) -> None:
        for start in range(len(LEAKED) - canary.WINDOW + 1):
            self.assert_leaks(LEAKED[start : start + canary.WINDOW])

    def test_fewer_are_not_and_neither_are_the_last_four_that_pages_show(self) -> None:
        for text in (LEAKED[-4:], LEAKED[:8], "••••••••" + LEAKED[-4:], canary.MARK * 9):
            self.assertEqual(canary.leaks_in(text.encode()), [])

    def test_as_the_usual_encoders_write_it(self) -> None:
        for part in (LEAKED, LEAKED[3:15], LEAKED[20:]):
            for text in (
                part.upper(),
                part[::-1],
                part.encode().hex(),
                "".join(f"%{ord(c):02X}" for c in part),
                "".join(f"\\u{ord(c):04x}" for c in part),
                "".join(f"&#{ord(c)};" for c in part),
                "".join(f"&#x{ord(c):x};" for c in part),
                json.dumps({"token": part}),
                quote(f"token={part}&x=ü"),
                html.escape(f"<b>{part}</b>"),
                repr({"token": part}),
                part.encode("utf-16"),
            ):
                self.assert_leaks(text)

    def test_in_base64_wherever_it_begins(self) -> None:
        for before in ("", "a", "ab", "abc", "client-id:", "Bearer "):
            for after in ("", "x", "@host"):
                for encode in (base64.b64encode, base64.urlsafe_b64encode):
                    self.assert_leaks(encode(f"{before}{LEAKED}{after}".encode()))

    def test_what_only_looks_like_one_is_none(self) -> None:
        for _ in range(200):
            self.assertEqual(canary.leaks_in(f"dapi{secrets.token_hex(16)}c0de".encode()), [])

    def test_a_leak_says_which_secret_it_was_and_in_what_form(self) -> None:
        (leak,) = canary.leaks_in(f"Bearer {LEAKED[::-1]}".encode())
        self.assertIn("tests.attacks.test_canary:", str(leak))
        self.assertIn("reversed", str(leak))


class WaysOutTests(WebTestCase):
    """Where the runner listens. What is planted here does not fail the run."""

    def setUp(self) -> None:
        self.assertTrue(recorder.is_on, "Run the tests by manage.py: nobody listens.")
        self.enterContext(expecting())

    def test_answers_whole_in_a_header_and_across_pieces(self) -> None:
        self.log_in(self.alice)
        with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[]):
            for name in ("whole", "header", "pieces"):
                with self.subTest(name), self.assertRaises(Leaked):
                    response = Client().get(f"/{name}/")
                    b"".join(response)

    def test_log_lines_and_their_tracebacks(self) -> None:
        handler = logging.StreamHandler()
        for failed in (None, (ValueError, ValueError(LEAKED), None)):
            words = "no secret" if failed else f"Sent {LEAKED}"
            record = logging.LogRecord("x", logging.ERROR, "", 1, words, (), failed)
            with self.assertRaises(Leaked):
                handler.format(record)

    def test_rows(self) -> None:
        make_workspace(self.alice, name="w", token=TOKEN)
        runner.see_rows()  # sealed, it is none
        self.team.name = LEAKED
        self.team.save()
        with self.assertRaises(Leaked):
            runner.see_rows()
        self.team.name = "Acme"
        self.team.save()

    def test_messages_on_the_channel_layer(self) -> None:
        with self.assertRaises(Leaked):
            async_to_sync(MemoryLayer().send)("calls", {"type": "x", "token": LEAKED})

    def test_what_processes_print(self) -> None:
        for stream in ("stdout", "stderr"):
            code = f"import sys; sys.{stream}.write('{LEAKED}')"
            with self.subTest(stream), self.assertRaises(Leaked):
                subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    def test_files_and_their_names(self) -> None:
        for name, text in (("core", LEAKED), (LEAKED, "")):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                (Path(folder) / name).write_text(text)
                with self.assertRaises(Leaked):
                    recorder.see_files(Path(folder))


class WholeRunTests(unittest.TestCase):
    def test_one_leak_of_any_kind_fails_the_run_and_names_the_test(self) -> None:
        # To a file: its canaries are another process's, and one of so many may have a part in
        # common with one of ours, which would be looked for in what a process prints.
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as printed:
            done = subprocess.run(
                [sys.executable, "manage.py", "test", "tests.attacks.planted"],
                cwd=ROOT,
                env={"PATH": "", "PLAYGROUND_DATA_DIR": folder},
                stdout=printed,
                stderr=subprocess.STDOUT,
                timeout=120,
            )
            printed.seek(0)
            said = printed.read()
        self.assertEqual(done.returncode, 1, said)
        for kind, name in (("answers", "page"), ("log", "log_line"), ("rows", "row")):
            self.assertRegex(said, f"{kind} .*made at tests.attacks.planted:.*in .*test_a_{name}")


class SiteTests(unittest.TestCase):
    def test_a_real_site_that_sends_stores_or_logs_a_secret_is_caught(self) -> None:
        """A workspace that is called like a token: it is stored, and sent as HTML and as JSON."""
        site = Site()
        with expecting(), self.assertRaises(Leaked) as leaked, site:
            body = {"name": LEAKED, "host": "https://adb-1.1.azuredatabricks.net"}
            site.api("POST", "/workspaces", body, status=201)
            site.session().get(f"{site.url}/workspaces/", timeout=10)  # gzip, as browsers ask
            sent = (site.data / recorder.SENT).read_text(errors="replace")
            database = b"".join(map(Path.read_bytes, site.data.glob("playground.sqlite3*")))
        self.assertTrue(leaked.exception)
        for address in ("http /api/v1/workspaces", "http /workspaces/"):
            self.assertRegex(sent, f"in {address}: [^\n]*[^$]*{LEAKED}")
        self.assertIn(LEAKED.encode(), database)


@unittest.skipUnless(REDIS, "redis-server is not installed")
class RedisTests(LiveTestCase):
    """With Redis between site and worker: everything it is told, and everything it keeps."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        port = free_port()
        command = [REDIS, "--port", str(port), "--dir", str(cls.folder), "--save", ""]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        cls.addClassCleanup(process.wait, 10)
        cls.addClassCleanup(process.terminate)
        cls.redis = redis.Redis(port=port, socket_timeout=600)
        cls.addClassCleanup(cls.redis.close)
        wait_for(cls._answers, 10, lambda: "Redis did not start.")
        cls.environment = {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        super().setUpClass()
        cls.worker = subprocess.Popen(
            [sys.executable, "manage.py", "runworker", "calls"],
            cwd=ROOT,
            env=cls.site.environment,
            stdout=(cls.site.data / "worker.log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        cls.addClassCleanup(cls.worker.wait, 20)
        cls.addClassCleanup(cls.worker.terminate)

    @classmethod
    def _answers(cls) -> bool:
        try:
            return cls.redis.ping()
        except redis.ConnectionError:
            return False

    def test_redis_never_holds_or_hears_a_token(self) -> None:
        heard, told = threading.Event(), []
        monitor = threading.Thread(target=self.monitor, args=(heard, told), daemon=True)
        monitor.start()
        heard.wait(10)
        run = self.site.start_run("How are you?", "chat", "app")
        with self.site.socket(run["id"], self.site.session()) as socket:
            self.assertTrue(socket.recv(timeout=20))
        calls = self.site.wait_for_run(run["id"], timeout_s=60)["calls"]
        self.assertEqual([call["status"] for call in calls], ["done", "done"], calls)
        self.assertEqual(self.upstream.requests[-1].token, ALICE)
        self.redis.set("heard", "all")
        monitor.join(20)
        self.redis.save()
        self.assertTrue(any("call.changed" in line or run["id"] in line for line in told), told)
        recorder.see("redis", "\n".join(told))
        recorder.see_files(self.folder, "redis")

    def monitor(self, heard: threading.Event, told: list[str]) -> None:
        with self.redis.monitor() as monitor:
            heard.set()
            for command in monitor.listen():
                told.append(str(command["command"]))
                if "heard all" in told[-1]:
                    return
