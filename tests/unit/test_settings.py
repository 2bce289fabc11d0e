"""What the environment decides at the start: tried in processes of their own."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase, override_settings

from playground import checks
from playground.settings import env_bool, env_networks, env_origins

ROOT = Path(__file__).resolve().parents[2]
TEAM = {
    "HOST": "0.0.0.0",
    "PLAYGROUND_PUBLIC_ORIGINS": "https://Playground.example.com:443/",
    "PLAYGROUND_TRUSTED_PROXIES": "10.0.0.7, 10.1.0.0/16",
}


class SettingsTestCase(unittest.TestCase):
    def setUp(self) -> None:
        self.data = self.enterContext(tempfile.TemporaryDirectory())

    def manage(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        base = {"PATH": os.environ["PATH"], "PLAYGROUND_DATA_DIR": self.data}
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=base | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def setting(self, *names: str, **environment: str) -> list[str]:
        code = "from django.conf import settings\nfor n in %r: print(getattr(settings, n))"
        done = self.manage("shell", "--no-imports", "-c", code % (names,), **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()


class DeployTests(SettingsTestCase):
    def test_a_teams_set_up_passes_djangos_own_check_without_a_warning(self) -> None:
        done = self.manage("check", "--deploy", "--fail-level", "WARNING", **TEAM)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("no issues (2 silenced)", done.stdout + done.stderr)

    def test_that_nobody_is_trusted_behind_tls_is_warned_of(self) -> None:
        team = TEAM | {"HOST": "127.0.0.1", "PLAYGROUND_TRUSTED_PROXIES": ""}
        done = self.manage("check", "--deploy", "--fail-level", "WARNING", **team)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("PLAYGROUND_TRUSTED_PROXIES", done.stderr)

    def test_behind_tls_cookies_are_bound_to_host_and_tls(self) -> None:
        names = ("SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "SECURE_HSTS_SECONDS")
        names += ("SECURE_SSL_REDIRECT", "PUBLIC_ORIGINS", "DEBUG", "ALLOWED_HOSTS")
        *found, hosts = self.setting(*names, **TEAM)
        self.assertEqual(
            found,
            ["__Host-playground_8000", "True", "31536000", "True"]
            + ["['https://playground.example.com']", "False"],
        )
        self.assertIn("'playground.example.com'", hosts)

    def test_on_one_machine_cookies_work_without_tls(self) -> None:
        names = ("SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "SECURE_HSTS_SECONDS", "DEBUG")
        debug = {"DEBUG": "1", "DJANGO_DEBUG": "1", "PLAYGROUND_DEBUG": "1"}  # none is read
        self.assertEqual(self.setting(*names, **debug), ["playground_8000", "False", "0", "False"])

    def test_the_site_does_not_start_for_other_machines_by_accident(self) -> None:
        done = self.manage("serve", HOST="0.0.0.0", PORT="8999")
        self.assertEqual(done.returncode, 1)
        self.assertIn("other machines could reach the site", done.stderr)


class BindTests(SimpleTestCase):
    def refusals(self, **settings) -> list:
        undecided = {"IS_LOOPBACK": False, "HOST": "0.0.0.0", "IS_TLS": False, "PLAIN_HTTP": False}
        undecided |= {"TRUSTED_PROXIES": [], "PUBLIC_ORIGINS": []}
        with override_settings(**undecided | settings):
            return checks.check_bind(None)

    def test_this_machine_alone_needs_no_decision(self) -> None:
        self.assertEqual(self.refusals(IS_LOOPBACK=True), [])

    def test_other_machines_without_tls_are_refused_with_what_to_do(self) -> None:
        for more in (
            {},
            {"PUBLIC_ORIGINS": ["http://play.test"]},
            {"PUBLIC_ORIGINS": ["https://play.test"], "IS_TLS": True},
            {"TRUSTED_PROXIES": ["10.0.0.7"]},
            {"PLAIN_HTTP": True},
        ):
            with self.subTest(more=more):
                (refusal,) = self.refusals(**more)
                self.assertIn("other machines could reach the site", refusal.msg)
                for name in ("PUBLIC_ORIGINS", "TRUSTED_PROXIES", "PLAIN_HTTP"):
                    self.assertIn(f"PLAYGROUND_{name}", refusal.hint)

    def test_a_proxy_or_the_flag_is_a_decision(self) -> None:
        self.assertEqual(self.refusals(IS_TLS=True, TRUSTED_PROXIES=["10.0.0.7"]), [])
        flag = {"PLAIN_HTTP": True, "PUBLIC_ORIGINS": ["http://play.test:8000"]}
        self.assertEqual(self.refusals(**flag), [])


class ReaderTests(SimpleTestCase):
    def read(self, reader, value: str):
        with mock.patch.dict(os.environ, NAME=value):
            return reader("NAME")

    def test_origins_are_written_as_browsers_do(self) -> None:
        given = (
            "https://Play.test:443/, http://play.test:80, https://play.test:8443, http://[::1]:1"
        )
        self.assertEqual(
            self.read(env_origins, given),
            ["https://play.test", "http://play.test", "https://play.test:8443", "http://[::1]:1"],
        )

    def test_mistakes_are_named_with_an_example(self) -> None:
        for reader, value, word in (
            (env_origins, "playground.example.com", "https://"),
            (env_origins, "https://a.test/path", "https://"),
            (env_origins, "https://me@a.test", "https://"),
            (env_origins, "ftp://a.test", "https://"),
            (env_origins, "https://*.test", "https://"),
            (env_origins, "https://a.test:x", "https://"),
            (env_networks, "nginx", "10.0.0.7"),
            (env_networks, "10.0.0.7/99", "10.0.0.7"),
            (env_bool, "perhaps", "1"),
        ):
            with self.subTest(value=value), self.assertRaises(ImproperlyConfigured) as refused:
                self.read(reader, value)
            self.assertIn("NAME", str(refused.exception))
            self.assertIn(word, str(refused.exception))
