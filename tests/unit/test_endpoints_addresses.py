"""Names, hosts, ports and paths: what passes, what does not, and in whose words."""

import unittest

from endpoints import Egress, EgressDenied, EndpointError, addresses
from endpoints.addresses import (
    cluster_id,
    driver_url,
    is_usual_port,
    org_id,
    port,
    remembered_org,
    serving_endpoint_name,
    url_path,
    workspace_origin,
)
from endpoints.errors import AddressError

NOWHERE = Egress()
LOCAL = Egress(
    workspace_origins=("http://127.0.0.1:9001", "https://models.example.com"),
    driver_origins=("http://127.0.0.1:3000-8000", "https://app.example.com", "http://[::1]:7777"),
)


class NameTests(unittest.TestCase):
    def assert_refused(self, judge, *texts, field):
        for text in texts:
            with self.subTest(text=text), self.assertRaises(AddressError) as caught:
                judge(text)
            self.assertEqual(caught.exception.field, field)
            self.assertTrue(caught.exception.message.endswith("."))

    def test_good_names_pass_unchanged(self):
        for name in ("dolly", "my-chat", "databricks-bge_large-en", "a" * 63):
            self.assertEqual(serving_endpoint_name(name), name)

    def test_names_that_would_move_the_request_are_refused(self):
        self.assert_refused(
            serving_endpoint_name,
            *("../../api/2.0/token/create#", "..", ".", "a/b", "a?x=", "%2e%2e", "..;/..", ""),
            *("dolly\n", "dolly ", "dölly", "a" * 64, "a\\b", None, 5),
            field="serving_endpoint",
        )

    def test_cluster_ids(self):
        for good in ("0812-091530-k3v9q2", "0000-000000-xxxxxxxx"):
            self.assertEqual(cluster_id(good), good)
        self.assert_refused(
            cluster_id,
            *("0812-091530-k3v9q2/..", "0812-091530-k3v9q2\n", "0812/091530/k3v9q2", ""),
            *("0812-091530-K3V9Q2", "٠812-091530-k3v9q2", None),
            field="cluster_id",
        )

    def test_ports(self):
        self.assertEqual([port("7777"), port(7777), port(1), port("65535")], [7777, 7777, 1, 65535])
        self.assert_refused(
            port,
            *(
                0,
                "0",
                -1,
                "-1",
                65536,
                "abc",
                "",
                " 7777",
                "7777\n",
                "７７７７",
                "7e3",
                7777.0,
                True,
            ),
            None,
            field="port",
        )

    def test_usual_ports_are_3000_to_8000(self):
        self.assertEqual(
            [is_usual_port(number) for number in (2999, 3000, 8000, 8001)],
            [False, True, True, False],
        )

    def test_org_ids(self):
        self.assertEqual([org_id("0"), org_id(12), org_id("9" * 20)], ["0", "12", "9" * 20])
        self.assert_refused(org_id, "", "a", "1/2", "-1", "9" * 21, "1\n", field="org_id")

    def test_paths(self):
        for good in ("/", "/echo", "/v1/chat/completions", "/a.b/c-d_e~f", "/echo/", "/a:b@c"):
            self.assertEqual(url_path(good), good)
        self.assert_refused(
            url_path,
            *("", "echo", "//evil.test", "/a//b", "/../x", "/a/..", "/./a", "/a?b", "/a#b"),
            *("/a%2f", "/a b", "/a\\b", "/ä", "/a\n", None),
            field="path",
        )


class WorkspaceOriginTests(unittest.TestCase):
    def test_what_people_paste_becomes_the_origin(self):
        for text in (
            "adb-1.2.azuredatabricks.net",
            "  https://adb-1.2.azuredatabricks.net/  ",
            "HTTPS://ADB-1.2.AzureDatabricks.net",
            "https://adb-1.2.azuredatabricks.net:443",
            "https://adb-1.2.azuredatabricks.net/?o=12#workspace/Users/a@b.com/x%20y",
            "https://adb-1.2.azuredatabricks.net?o=12",
        ):
            with self.subTest(text=text):
                self.assertEqual(
                    workspace_origin(text, NOWHERE), "https://adb-1.2.azuredatabricks.net"
                )

    def test_every_cloud_is_known(self):
        for suffix in addresses.DATABRICKS_SUFFIXES:
            self.assertEqual(workspace_origin(f"ws{suffix}", NOWHERE), f"https://ws{suffix}")

    def test_listed_origins_pass_with_or_without_scheme(self):
        self.assertEqual(workspace_origin("127.0.0.1:9001", LOCAL), "http://127.0.0.1:9001")
        self.assertEqual(
            workspace_origin("http://127.0.0.1:9001/x", LOCAL), "http://127.0.0.1:9001"
        )
        self.assertEqual(
            workspace_origin("models.example.com", LOCAL), "https://models.example.com"
        )

    def test_what_parsers_disagree_about_is_refused(self):
        for text in (
            "https://127.0.0.1\\@adb-1.azuredatabricks.net/",
            "https://127.0.0.1\t@adb-1.azuredatabricks.net/",
            "https://adb-1.azuredatabricks.net%2eevil.test/",
            "https://user:pw@adb-1.azuredatabricks.net",
            "https://adb-1.azuredatabricks.net.",
            "https://adb-1.azuredatabricks.net.:443",
            "https://ädb-1.azuredatabricks.net",
            "https://adb-1。azuredatabricks.net",
            "https://.azuredatabricks.net",
            "https://-.azuredatabricks.net",
            "https://adb-1.azuredatabricks.net:0",
            "https://adb-1.azuredatabricks.net:99999",
            "https://adb-1.azuredatabricks.net:44 3",
            "https://https://adb-1.azuredatabricks.net",
            "ftp://adb-1.azuredatabricks.net",
            "https:adb-1.azuredatabricks.net",
            "javascript://adb-1.azuredatabricks.net",
            "http://adb-1.azuredatabricks.net",
            "https://adb-1.azuredatabricks.net:8443",
            "",
            "   ",
            None,
        ):
            with self.subTest(text=text), self.assertRaises(AddressError) as caught:
                workspace_origin(text, NOWHERE)
            self.assertEqual(caught.exception.field, "host")
            self.assertNotIsInstance(caught.exception, EgressDenied)

    def test_other_hosts_are_denied_with_the_setting_named(self):
        for text in (
            "example.com",
            "http://127.0.0.1:9002",
            "https://127.0.0.1:9001",
            "https://azuredatabricks.net",
            "https://adb-1.azuredatabricks.net.evil.test",
            "https://evilazuredatabricks.net",
            "https://169.254.169.254",
            "2130706433",
            "https://[::1]:9001",
        ):
            with self.subTest(text=text), self.assertRaises(EgressDenied) as caught:
                workspace_origin(text, LOCAL)
            self.assertIn("PLAYGROUND_WORKSPACE_ORIGINS", caught.exception.hint)
            self.assertEqual(caught.exception.kind, "egress_denied")

    def test_a_denial_is_an_address_error_and_an_endpoint_error(self):
        for kind in (AddressError, EndpointError):
            with self.assertRaises(kind):
                workspace_origin("example.com", NOWHERE)

    def test_the_workspace_id_in_a_link_is_remembered(self):
        self.assertEqual(remembered_org("https://x.azuredatabricks.net/?o=123#job/1"), "123")
        self.assertEqual(remembered_org("https://x.azuredatabricks.net/?a=1&o=5"), "5")
        self.assertIsNone(remembered_org("https://x.azuredatabricks.net/?foo=123"))
        self.assertIsNone(remembered_org("https://x.azuredatabricks.net/?o=12a"))


class DriverUrlTests(unittest.TestCase):
    def test_urls_inside_the_listed_origins_keep_their_path(self):
        for text, url in (
            ("http://127.0.0.1:7777/echo", "http://127.0.0.1:7777/echo"),
            ("127.0.0.1:3000", "http://127.0.0.1:3000/"),
            ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/"),
            ("https://APP.example.com/v1", "https://app.example.com/v1"),
            ("https://app.example.com:443/v1", "https://app.example.com/v1"),
            ("http://[::1]:7777/", "http://[::1]:7777/"),
        ):
            with self.subTest(text=text):
                self.assertEqual(driver_url(text, LOCAL), url)

    def test_urls_outside_are_denied_with_the_setting_named(self):
        for text in (
            "http://127.0.0.1:2999/",
            "http://127.0.0.1:8001/",
            "http://127.0.0.1/",
            "https://127.0.0.1:7777/",
            "http://localhost:7777/",
            "http://127.1:7777/",
            "http://app.example.com/",
            "http://169.254.169.254/latest",
        ):
            with self.subTest(text=text), self.assertRaises(EgressDenied) as caught:
                driver_url(text, LOCAL)
            self.assertIn("PLAYGROUND_DRIVER_ORIGINS", caught.exception.hint)
            self.assertEqual(caught.exception.field, "url")

    def test_nothing_is_allowed_where_nothing_is_listed(self):
        with self.assertRaises(EgressDenied):
            driver_url("http://127.0.0.1:7777/", NOWHERE)

    def test_what_is_no_plain_url_is_refused(self):
        for text in (
            "http://127.0.0.1:7777/../x",
            "http://127.0.0.1:7777//x",
            "http://127.0.0.1:7777/?token=1",
            "http://127.0.0.1:7777/#x",
            "http://me@127.0.0.1:7777/",
            "http://127.0.0.1:7777\\@app.example.com/",
            "http://127.0.0.1:/",
            "file:///etc/passwd",
            "",
        ):
            with self.subTest(text=text), self.assertRaises(AddressError) as caught:
                driver_url(text, LOCAL)
            self.assertEqual(caught.exception.field, "url")
            self.assertNotIsInstance(caught.exception, EgressDenied)


class EgressTests(unittest.TestCase):
    def test_a_slip_in_the_lists_shows_at_once(self):
        for origin in (
            "127.0.0.1:7777",
            "http://127.0.0.1:7777/path",
            "http://127.0.0.1:8000-3000",
            "http://*.example.com",
            "http://127.0.0.1:0-70000",
            "",
        ):
            with self.subTest(origin=origin), self.assertRaises(ValueError):
                Egress(driver_origins=(origin,))
