"""Keys are rotated while the site works and the rotation is killed again and again: nothing lost.

With TEST_DATABASE_URL, an empty PostgreSQL database, the same is tried there.
"""

import base64
import os
import random
import shutil
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Callable

from tests.site import ROOT, Site
from tests.upstream import Upstream

ALICE = "dapi-of-alice-0123456789"
STORED, KILLS = 2000, 10
FILL = f"""
from playground import models, rotating, vault
rotating.prepare_keys()
alice = models.User.objects.get(username="alice")
spaces = models.Workspace.objects.bulk_create(
    models.Workspace(owner=alice, name=f"old{{n}}", host="https://adb-1.2.azuredatabricks.net")
    for n in range({STORED})
)
rows = [models.Credential(owner=alice, workspace=each, hint="0000") for each in spaces]
for row in rows:
    row.sealed = vault.seal(f"token-of-{{row.workspace.name}}", row.bound_to)
models.Credential.objects.bulk_create(rows, batch_size=500)
"""
OPEN_ALL = """
from collections import Counter
from playground import connecting, models, vault
used = Counter()
for row in models.Credential.objects.select_related("workspace"):
    used[vault.key_id_of(row.sealed)] += 1
    token = connecting.reveal(row, "test").reveal()
    if row.workspace.name.startswith("old"):
        assert token == f"token-of-{row.workspace.name}", row.workspace.name
print(dict(used))
"""


class KeysUnderLoadTests(unittest.TestCase):
    environment: dict[str, str] = {}

    def setUp(self) -> None:
        self.upstream = self.enterContext(Upstream(tokens={ALICE: "alice"}))
        origin = self.upstream.origin
        self.site = self.enterContext(Site(PLAYGROUND_WORKSPACE_ORIGINS=origin, **self.environment))
        self.workspaces = [
            self.site.api("POST", "/workspaces", {"name": f"live{n}", "host": origin})["id"]
            for n in range(4)
        ]
        for each in self.workspaces:
            self.store(each)
        for path in ("chat", "dolly"):
            endpoint = {"name": path, "kind": "serving", "workspace": self.workspaces[0]}
            task = "chat" if path == "chat" else "custom"
            self.site.api("POST", "/endpoints", endpoint | {"serving_endpoint": path, "task": task})
        self.site.manage("shell", "--no-imports", "-c", FILL)
        self.mistakes: list[str] = []
        self.done = 0

    def test_ten_kills_lose_nothing_and_stop_nobody(self) -> None:
        chance = random.Random(11)
        stopping = threading.Event()
        people = [
            threading.Thread(target=self.keep_doing, args=(work, stopping))
            for work in (self.store_again, self.check, self.run_calls)
        ]
        for person in people:
            person.start()
        try:
            for number in range(KILLS):
                self.rotate_and_kill(number, chance)
            done_before = self.done
            said = self.site.manage("keys", "rotate").stdout
            self.assertIn("No other key is in use.", said)
        finally:
            stopping.set()
            for person in people:
                person.join()
        self.assertEqual(self.mistakes, [])
        self.assertGreater(self.done, done_before)
        self.assertGreater(done_before, 10)
        self.assert_one_key_opens_everything()
        self.retire_the_rest()
        self.assertTrue(self.check())  # the site has not been started again
        self.site.stop()
        self.site.start()
        self.assertTrue(self.check())

    # Rotation -------------------------------------------------------------------------------

    def rotate_and_kill(self, number: int, chance: random.Random) -> None:
        """Kill -9 at any moment since it began; the first just after the key was written."""
        process = subprocess.Popen(
            [sys.executable, "manage.py", "keys", "rotate"],
            cwd=ROOT,
            env=self.site.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = 1 if number == 0 else chance.randrange(1, 5)
        said = [process.stdout.readline() for _ in range(lines)]
        time.sleep(chance.uniform(0, 0.01 if number == 0 else 0.1))
        process.kill()
        said.append(process.stdout.read())
        process.wait()
        process.stdout.close()
        self.assertNotIn("Error", "".join(said))

    def assert_one_key_opens_everything(self) -> None:
        used = self.site.manage("shell", "--no-imports", "-c", OPEN_ALL).stdout
        self.assertRegex(used.strip(), rf"^{{'k\d+': {STORED + len(self.workspaces)}}}$")

    def retire_the_rest(self) -> None:
        keys = [line.split()[0] for line in self.site.manage("keys", "status").stdout.splitlines()]
        for key in keys[2:]:
            self.site.manage("keys", "retire", key)
        status = self.site.manage("keys", "status").stdout
        self.assertEqual(len(status.splitlines()), 2, status)
        leftovers = sorted(path.name for path in self.site.data.glob(".master*"))
        self.assertEqual(leftovers, [])

    # Load -----------------------------------------------------------------------------------

    def keep_doing(self, work: Callable[[], bool], stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                if not work():
                    self.mistakes.append(work.__name__)
                self.done += 1
            except Exception as error:
                self.mistakes.append(f"{work.__name__}: {error}")

    def store(self, workspace: str) -> None:
        credential = {"kind": "token", "token": ALICE}
        self.site.api("PUT", f"/workspaces/{workspace}/credential", credential, status=200)

    def store_again(self) -> bool:
        self.store(random.choice(self.workspaces))
        return True

    def check(self) -> bool:
        found = self.site.api("POST", f"/workspaces/{random.choice(self.workspaces)}/check")
        return found == {"ok": True, "user_name": "alice"}

    def run_calls(self) -> bool:
        run = self.site.start_run("still there?", "chat", "dolly")
        calls = self.site.wait_for_run(run["id"])["calls"]
        return [call["status"] for call in calls] == ["done", "done"]


class StartTests(unittest.TestCase):
    """What the server says in place of starting, on one line."""

    def setUp(self) -> None:
        self.site = Site()
        self.addCleanup(shutil.rmtree, self.site.data)
        self.site.manage("migrate", "--verbosity=0")
        self.site.add_account("alice")
        self.site.manage("shell", "--no-imports", "-c", FILL.replace(str(STORED), "2"))
        self.key = self.site.data / "master.key"

    def refusal(self) -> str:
        done = self.site.manage("serve", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\A[^\n]+\n\Z")
        return done.stderr

    def test_without_its_key(self) -> None:
        self.key.unlink()
        self.assertIn("There is no encryption key: put", self.refusal())
        self.assertFalse(self.key.exists())

    def test_with_another_key(self) -> None:
        self.key.write_text(f"k1:{base64.b64encode(b'x' * 32).decode()}")
        self.assertIn("is not the one that sealed what is stored", self.refusal())

    def test_with_a_key_that_others_can_read(self) -> None:
        self.key.chmod(0o644)
        self.assertIn("chmod 600", self.refusal())
        mounted = self.site.data / "mounted"
        self.key.rename(mounted)
        self.site.environment["PLAYGROUND_MASTER_KEYS_FILE"] = str(mounted)
        self.assertIn("chmod 600", self.refusal())

    def test_with_a_signing_key_that_others_can_read_or_that_is_not_there(self) -> None:
        path = self.site.data / "mounted"
        self.site.environment.pop("PLAYGROUND_SECRET_KEY", None)  # it would count before the file
        self.site.environment["PLAYGROUND_SECRET_KEY_FILE"] = str(path)
        self.assertIn("there is no such file", self.refusal())
        path.write_text("signs-sessions-0123456789")
        path.chmod(0o604)
        self.assertIn("chmod 600", self.refusal())

    def test_a_worker_neither(self) -> None:
        self.key.unlink()
        self.site.environment["REDIS_URL"] = "redis://127.0.0.1:1/"
        done = self.site.manage("runworker", "calls", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\ACommandError: There is no encryption key[^\n]+\n\Z")


if os.environ.get("TEST_DATABASE_URL"):

    class KeysUnderLoadOnPostgresTests(KeysUnderLoadTests):
        environment = {"DATABASE_URL": os.environ["TEST_DATABASE_URL"]}
