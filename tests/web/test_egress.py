"""The admin's settings, and what the site makes of them: where it connects to, and where never."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from django.core.checks import run_checks
from django.test import SimpleTestCase, override_settings

from playground import connecting
from playground.egress import egress, own_addresses
from tests.api import ApiTestCase
from tests.certificates import certificate_file
from tests.make import TOKEN, make_endpoint, make_workspace
from tests.upstream import Upstream

POSTGRES = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {}}
ROOT = Path(__file__).resolve().parents[2]


class SettingsTests(SimpleTestCase):
    def settings_of(self, names: str, **environment: str) -> list[str]:
        """What settings.py makes of an environment, each named one printed on a line."""
        with tempfile.TemporaryDirectory() as folder:
            code = f"from playground import settings as s\nfor name in {names.split()!r}:\n"
            code += "    print(getattr(s, name))"
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "PLAYGROUND_DATA_DIR": folder} | environment,
                capture_output=True,
                text=True,
            )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def test_on_loopback_the_usual_range_and_the_demo(self) -> None:
        (found,) = self.settings_of("DRIVER_ORIGINS")
        self.assertEqual(found, "['http://127.0.0.1:3000-8000', 'http://127.0.0.1:7777']")

    def test_elsewhere_the_demo_alone(self) -> None:
        (found,) = self.settings_of("DRIVER_ORIGINS", HOST="0.0.0.0", PLAYGROUND_DEMO_PORT="7800")
        self.assertEqual(found, "['http://127.0.0.1:7800']")

    def test_what_is_listed_replaces_the_range_and_keeps_the_demo(self) -> None:
        listed = "http://10.1.0.0/16:7777, https://app.example.com"
        (found,) = self.settings_of("DRIVER_ORIGINS", PLAYGROUND_DRIVER_ORIGINS=listed)
        expected = ["http://10.1.0.0/16:7777", "https://app.example.com", "http://127.0.0.1:7777"]
        self.assertEqual(found, str(expected))

    def test_switches_and_files(self) -> None:
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("http://me:secret@proxy:3128\n")
            file.flush()
            found = self.settings_of(
                "PRIVATE_WORKSPACES CA_BUNDLE HTTPS_PROXY",
                PLAYGROUND_PRIVATE_WORKSPACES="1",
                PLAYGROUND_CA_BUNDLE="/etc/company.pem",
                PLAYGROUND_HTTPS_PROXY_FILE=file.name,
            )
        self.assertEqual(found, ["True", "/etc/company.pem", "http://me:secret@proxy:3128"])
        self.assertEqual(self.settings_of("PRIVATE_WORKSPACES HTTPS_PROXY"), ["False", ""])

    def test_mlflow_reports_to_nobody(self) -> None:
        code = "import playground.settings, mlflow.telemetry.utils as u\n"
        code += "print(u.is_telemetry_disabled())"
        with tempfile.TemporaryDirectory() as folder:
            environment = {"PATH": os.environ["PATH"], "PLAYGROUND_DATA_DIR": folder}
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True
            )
        self.assertEqual(done.stdout.strip(), b"True", done.stderr)


class OwnAddressTests(SimpleTestCase):
    def own(self, **database) -> tuple[tuple[str, int], ...]:
        with override_settings(IS_SQLITE=False, DATABASES={"default": POSTGRES | database}):
            return own_addresses()[1:]

    @override_settings(HOST="127.0.0.1", PORT=8123, REDIS_URL="")
    def test_the_site_itself(self) -> None:
        with override_settings(IS_SQLITE=True):
            self.assertEqual(own_addresses(), (("127.0.0.1", 8123),))

    @override_settings(REDIS_URL="")
    def test_the_database(self) -> None:
        self.assertEqual(self.own(HOST="db", PORT=6432), (("db", 6432),))
        self.assertEqual(self.own(HOST="db"), (("db", 5432),))
        self.assertEqual(self.own(), (("localhost", 5432),))
        self.assertEqual(self.own(HOST="/var/run/postgresql"), ())
        self.assertEqual(self.own(HOST="a,b", PORT="1,2"), (("a", 1), ("b", 2)))
        self.assertEqual(self.own(HOST="a,b", PORT="1"), (("a", 1), ("b", 1)))
        self.assertEqual(self.own(OPTIONS={"host": "db", "port": "7"}), (("db", 7),))

    @override_settings(IS_SQLITE=True)
    def test_redis(self) -> None:
        for url, expected in (
            ("redis://cache:6380/0", (("cache", 6380),)),
            ("rediss://:password@cache", (("cache", 6379),)),
            ("redis://[::1]:6379", (("::1", 6379),)),
            ("unix:///run/redis.sock", ()),
        ):
            with self.subTest(url=url), override_settings(REDIS_URL=url):
                self.assertEqual(own_addresses()[1:], expected)


class CheckTests(SimpleTestCase):
    def errors(self, **changes) -> list:
        with override_settings(**changes):
            found = run_checks()
        return [each for each in found if each.id in ("playground.E010", "playground.E011")]

    def test_a_slip_stops_the_start_with_a_sentence(self) -> None:
        for changes, says in (
            ({"DRIVER_ORIGINS": ["127.0.0.1:7777"]}, "127.0.0.1:7777"),
            ({"WORKSPACE_ORIGINS": ["http://169.254.169.254"]}, "link-local"),
            ({"HTTPS_PROXY": "https://me:secret@proxy"}, "PLAYGROUND_HTTPS_PROXY"),
            ({"CA_BUNDLE": "/no/such/file.pem"}, "/no/such/file.pem"),
            ({"CA_BUNDLE": __file__}, "PLAYGROUND_CA_BUNDLE"),
        ):
            with self.subTest(changes=changes):
                (error,) = self.errors(**changes)
                self.assertIn(says, error.msg)
                self.assertNotIn("secret", error.msg)

    def test_good_ones_pass(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(self.errors(CA_BUNDLE=certificate_file(folder)), [])
        self.assertEqual(self.errors(HTTPS_PROXY="http://me:secret@proxy:3128"), [])


class SiteTests(ApiTestCase):
    """The site's own port, in the middle of the range that is allowed by default."""

    RANGE = ["http://127.0.0.1:3000-8000", "http://localhost:3000-8000"]

    def refused(self, url: str) -> str:
        self.log_in(self.alice)
        typed = {"kind": "driver", "name": "x", "url": url, "task": "custom"}
        response = self.client.post("/endpoints/new/", typed)
        self.assertEqual(response.status_code, 422)
        self.assertContains(response, url, status_code=422)  # what was typed is kept
        (error,) = response.context["form"].errors["url"]
        return error

    @override_settings(DRIVER_ORIGINS=RANGE, HOST="127.0.0.1", PORT=7999)
    def test_an_endpoint_at_our_own_port_is_refused_beside_its_field(self) -> None:
        self.assertIn("the playground’s own", self.refused("http://127.0.0.1:7999/api/v1/me"))
        endpoint = make_endpoint(self.alice, url="http://localhost:7999/api/v1/me")
        path = f"/endpoints/{endpoint.pk}/check"
        checked = self.ok(self.api(self.alice, "POST", path))
        self.assertEqual(checked["error"]["kind"], "egress_denied")

    @override_settings(DRIVER_ORIGINS=RANGE, REDIS_URL="redis://localhost:6379/0")
    def test_so_is_one_at_redis(self) -> None:
        self.assertIn("its Redis", self.refused("http://127.0.0.1:6379/"))

    @override_settings(DRIVER_ORIGINS=RANGE, HOST="0.0.0.0", PORT=7999)
    def test_a_site_that_listens_everywhere_is_found_everywhere(self) -> None:
        self.assertIn("the playground’s own", self.refused("http://127.0.0.1:7999/"))

    def test_the_error_names_the_setting(self) -> None:
        with override_settings(DRIVER_ORIGINS=[]):
            said = self.refused("http://10.1.2.3:7777/")
        self.assertIn("add http://10.1.2.3:7777 to PLAYGROUND_DRIVER_ORIGINS", said)

    def test_the_settings_reach_every_call(self) -> None:
        with override_settings(PRIVATE_WORKSPACES=True, CA_BUNDLE="/x.pem", HTTPS_PROXY="http://p"):
            found = egress()
        self.assertTrue(found.private_workspaces)
        self.assertEqual((found.ca_bundle, found.https_proxy), ("/x.pem", "http://p"))

    def test_a_workspaces_certificate_is_taken_from_the_admins_bundle(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        certificate = certificate_file(folder)
        upstream = self.enterContext(Upstream(tokens={TOKEN: "alice"}, certificate=certificate))
        with override_settings(WORKSPACE_ORIGINS=[upstream.origin]):
            workspace = make_workspace(self.alice, host=upstream.origin, token=TOKEN)
            checked = connecting.check_workspace(self.alice, workspace)
            self.assertEqual(checked["error"]["kind"], "tls")
            with override_settings(CA_BUNDLE=certificate):
                checked = connecting.check_workspace(self.alice, workspace)
        self.assertEqual(checked, {"ok": True, "user_name": "alice"})

    def test_a_driver_never_gets_the_workspaces_token(self) -> None:
        """Even where the admin lists one origin as both."""
        upstream = self.enterContext(Upstream(tokens={TOKEN: "alice"}))
        listed = [upstream.origin]
        with override_settings(WORKSPACE_ORIGINS=listed, DRIVER_ORIGINS=listed):
            workspace = make_workspace(self.alice, host=upstream.origin, token=TOKEN)
            endpoint = make_endpoint(self.alice, url=upstream.url("/echo"), workspace=workspace)
            checked = connecting.check_endpoint(self.alice, endpoint)
        self.assertTrue(checked["ok"], checked)
        self.assertNotIn("Authorization", upstream.requests[-1].headers)
