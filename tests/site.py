"""A real site for live and browser tests and benchmarks: `manage.py serve` in its own folder."""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from html import unescape
from pathlib import Path

import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests import recorder
from tests.canary import canary

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = canary("correct horse battery ")


# What decides where rows lie, how they are sealed or what they are at first.
_OWN_ROWS = {"DATABASE_URL", "PLAYGROUND_MASTER_KEYS", "PLAYGROUND_MASTER_KEYS_FILE"}


def free_port(first: int = 0, last: int = 0) -> int:
    """A port nobody listens on; within a range where one is given."""
    for port in range(first, last + 1) if first else [0]:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise RuntimeError(f"No free port from {first} to {last}.")


class Site:
    """`with Site() as site:` — migrated, with alice as its first account, answering on site.url."""

    def __init__(self, *, accounts: tuple[str, ...] = ("alice",), **environment: str):
        self.accounts = accounts
        self.data = Path(tempfile.mkdtemp(prefix="playground-test-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "PATH": os.environ.get("PATH", ""),
            "PLAYGROUND_DATA_DIR": str(self.data),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "PLAYGROUND_DEMO_PORT": str(free_port(7600, 7999)),
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
            "PLAYGROUND_SECRET_KEY": canary("the secret key of a site "),
            **environment,
        }
        self.process: subprocess.Popen | None = None
        self.tokens: dict[str, str] = {}

    def __enter__(self) -> "Site":
        try:
            if _OWN_ROWS & self.environment.keys():
                self.prepare()
            else:
                folder, self.tokens = _prepared(self.accounts)
                shutil.copytree(folder, self.data, dirs_exist_ok=True)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def prepare(self) -> None:
        """Tables, accounts with their tokens, and the static files."""
        self.manage("migrate", "--verbosity=0")
        self.manage("collectstatic", "--noinput", "--verbosity=0")
        for name in self.accounts:
            self.add_account(name)

    def __exit__(self, *exception) -> None:
        self.stop()
        self.clear()

    def clear(self) -> None:
        """Remove the folder, when what lies in it has been looked at for secrets."""
        try:
            if recorder.is_on:
                recorder.see_site(self.data)
        finally:
            shutil.rmtree(self.data, ignore_errors=True)

    # The process ----------------------------------------------------------------------------

    def start(self) -> None:
        with (self.data / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command(),
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_for(self._is_answering, 30, lambda: f"The site did not start:\n{self.log()}")

    def _command(self) -> list[str]:
        if recorder.is_on:
            return [sys.executable, "-m", "tests.serve", str(self.data / recorder.SENT)]
        return [sys.executable, "manage.py", "serve"]

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)
            self.process = None

    def kill(self) -> None:
        """As a power cut would: kill -9, nothing is cleaned up."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def log(self) -> str:
        return (self.data / "serve.log").read_text()

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if check and done.returncode:
            raise AssertionError(f"manage.py {arguments} failed:\n{done.stdout}{done.stderr}")
        return done

    def _is_answering(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"The site ended:\n{self.log()}")
        try:
            return requests.get(f"{self.url}/login/", timeout=2).ok
        except requests.ConnectionError:
            return False

    # People and what they do ----------------------------------------------------------------

    def add_account(self, name: str) -> None:
        self.manage("createsuperuser", "--noinput", f"--username={name}", f"--email={name}@x.test")
        self.tokens[name] = self.manage("createtoken", name).stdout.strip()

    def api(
        self, method: str, path: str, body=None, *, user: str = "alice", status: int | None = None
    ):
        """Call the API as this person; the answer's JSON. `status`: what must come back."""
        response = requests.request(
            method,
            f"{self.url}/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.tokens[user]}"},
            timeout=30,
        )
        if status is None and not response.ok or status not in (None, response.status_code):
            raise AssertionError(f"{method} {path}: {response.status_code} {response.text}")
        return response.json() if response.content else None

    def start_run(self, prompt: str, *endpoints, user: str = "alice", **fields) -> dict:
        """Variants are endpoint names, or dicts as the API takes them."""
        variants = [{"endpoint": e} if isinstance(e, str) else e for e in endpoints]
        return self.api(
            "POST", "/runs", {"prompt": prompt, "variants": variants} | fields, user=user
        )

    def wait_for_run(self, run_id: str, *, user: str = "alice", timeout_s: float = 30) -> dict:
        """The run once all its calls are over."""
        found = {}

        def is_over() -> bool:
            found.update(self.api("GET", f"/runs/{run_id}", user=user))
            return found["status"] == "ended"

        wait_for(is_over, timeout_s, lambda: f"The run did not end: {json.dumps(found)[:2000]}")
        return found

    def wait_for_text(self, call_id: str, *, user: str = "alice") -> dict:
        """The call once the first of its text is stored."""
        found = {}

        def has_text() -> bool:
            found.update(self.api("GET", f"/calls/{call_id}", user=user))
            return bool(found["text"])

        wait_for(has_text, 15, lambda: f"No text came: {found}")
        return found

    def session(self, user: str = "alice") -> requests.Session:
        """Signed in as a browser would be; `session.csrf` is the token for POSTs."""
        session = requests.Session()
        page = session.get(f"{self.url}/login/", timeout=10)
        form = {"username": user, "password": PASSWORD, "csrfmiddlewaretoken": csrf_in(page.text)}
        answer = session.post(
            f"{self.url}/login/", form, headers={"Referer": f"{self.url}/login/"}, timeout=10
        )
        if answer.url != f"{self.url}/":
            raise AssertionError(f"Signing in as {user} led to {answer.url}")
        session.csrf = csrf_in(answer.text)
        return session

    def socket(
        self, run_id: str, session: requests.Session, origin: str | None = None
    ) -> ClientConnection:
        """The page's socket of one run."""
        cookies = "; ".join(f"{c.name}={c.value}" for c in session.cookies)
        return connect(
            f"ws://127.0.0.1:{self.port}/ws/runs/{run_id}/",
            origin=origin or self.url,
            additional_headers={"Cookie": cookies},
            max_size=None,
            compression=None,
            # A test that reads no further must not wait for what it does not read.
            ping_interval=None,
            close_timeout=0.1,
        )


@cache
def _prepared(accounts: tuple[str, ...]) -> tuple[Path, dict[str, str]]:
    """A data folder to copy and its people's tokens: made once, since it takes seconds."""
    site = Site(accounts=accounts)
    atexit.register(shutil.rmtree, site.data, ignore_errors=True)
    site.prepare()
    return site.data, site.tokens


def messages(socket: ClientConnection, timeout_s: float = 20) -> Iterator[dict]:
    """What the socket says, until it closes. Raises TimeoutError after so much silence."""
    parts = []
    while True:
        try:
            message = json.loads(socket.recv(timeout=timeout_s))
        except ConnectionClosed:
            return
        if message["type"] != "part":
            yield message
            continue
        parts.append(message["text"])
        if message["last"]:
            yield json.loads("".join(parts))
            parts = []


def csrf_in(html: str) -> str:
    for mark in (
        'name="csrfmiddlewaretoken" value="',
        '"X-CSRFToken": "',
        "&quot;X-CSRFToken&quot;: &quot;",
    ):
        if mark in html:
            rest = html.split(mark, 1)[1]
            return rest.split('"', 1)[0].split("&quot;", 1)[0]
    raise AssertionError("The page holds no CSRF token.")


def text_in(html: str) -> str:
    """The answer's text in a column's markup, as a browser would show it."""
    rest = html.split(" data-plain ", 1)
    return unescape(rest[1].split(">", 1)[1].split("</div>", 1)[0]) if len(rest) == 2 else ""


def wait_for(condition, timeout_s: float, complaint) -> None:
    """Poll until the condition holds; fail with the complaint when the time is up."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(complaint())
        time.sleep(0.02)
