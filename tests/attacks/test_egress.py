"""Nobody is sent to an address that is not allowed: by the library, forms, the API, commands, rows.

Each case of the tables in `egress` enters by each door. A sentinel listens where they lead, and an
ear hears of every connection that Python makes: there may be none.
"""

import logging
from io import StringIO

from django.core.management import call_command
from django.test import TransactionTestCase, override_settings

from endpoints import AddressError, EndpointError, OAuthClient, Token, client_for, whoami
from endpoints.errors import EgressDenied
from playground import connecting
from playground.models import Call, Endpoint, Workspace
from tests.api import ApiTestCase
from tests.attacks import egress as cases
from tests.attacks.base import EARS, Sentinel, names
from tests.base import TEST_KEYS
from tests.make import TOKEN, make_endpoint, make_user, make_workspace

DENIED = ("egress_denied", "bad_request")
AT_A_TIME = 50  # columns of one run


class Doors:
    """Mixed into tests: the sentinel, the names that lie, what the admin allows, and the claims."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.sentinel = cls.enterClassContext(Sentinel())
        port = cls.sentinel.port
        listed = [f"http://{case.name}.example.com:{port}" for case in cases.FOR_LISTED_NAMES]
        cls.enterClassContext(
            override_settings(
                WORKSPACE_ORIGINS=[],
                DRIVER_ORIGINS=["http://app.example.com", "http://127.0.0.1:1", *listed],
            )
        )
        answers = {f"{c.name}.azuredatabricks.net": c.addresses for c in cases.FOR_WORKSPACES}
        answers |= {f"{c.name}.example.com": c.addresses for c in cases.FOR_LISTED_NAMES}
        cls.enterClassContext(names(answers))
        super().setUpClass()

    def setUp(self) -> None:
        super().setUp()
        self.connects = self.enterContext(EARS.listening())
        logging.disable(logging.WARNING)  # every denial is one
        self.addCleanup(logging.disable, logging.NOTSET)

    def tearDown(self) -> None:
        self.assertEqual(self.connects, [])
        self.assertEqual(self.sentinel.visits, 0)
        super().tearDown()

    def text(self, case: cases.Typed) -> str:
        return case.text.replace("{port}", str(self.sentinel.port))

    def workspace_host(self, case: cases.Leading) -> str:
        return f"https://{case.name}.azuredatabricks.net"

    def listed_url(self, case: cases.Leading) -> str:
        return f"http://{case.name}.example.com:{self.sentinel.port}/"

    def assert_denied(self, checked: dict) -> None:
        self.assertFalse(checked["ok"])
        self.assertIn(checked["error"]["kind"], DENIED, checked)
        self.assertTrue(checked["error"]["hint"])
        self.assertEqual(self.connects, [])


class LibraryTests(Doors, ApiTestCase):
    def test_no_url_that_was_typed_is_used(self) -> None:
        for case in cases.URLS:
            with self.subTest(case.id, text=case.text), self.assertRaises(AddressError):
                client_for("driver", url=self.text(case), egress=connecting.egress())

    def test_no_host_that_was_typed_gets_a_token(self) -> None:
        for case in cases.HOSTS:
            options = {"egress": connecting.egress(), "credential": Token(TOKEN)}
            with self.subTest(case.id, text=case.text):
                with self.assertRaises(AddressError):
                    client_for("serving", host=self.text(case), serving_endpoint="x", **options)
                with self.assertRaises(AddressError):
                    whoami(self.text(case), Token(TOKEN), connecting.egress())
                with self.assertRaises(AddressError):
                    client = OAuthClient("app", "dose-0123456789abcdef")
                    whoami(self.text(case), client, connecting.egress())

    def test_no_name_is_trusted_for_where_it_leads(self) -> None:
        options = {"egress": connecting.egress(), "credential": Token(TOKEN)}
        proxy = {"cluster_id": "0812-091530-k3v9q2", "port": 7777}
        for case in cases.FOR_WORKSPACES:
            host = self.workspace_host(case)
            for client in (
                client_for("serving", host=host, serving_endpoint="x", **options),
                client_for("driver_proxy", host=host, **proxy, **options),
            ):
                with self.subTest(case.id, addresses=case.addresses):
                    with self.assertRaises(EgressDenied) as caught:
                        list(client.stream("x"))
                    self.assertNotIn(case.addresses[0], str(caught.exception))
            with self.subTest(case.id, door="oauth"), self.assertRaises(EgressDenied):
                whoami(host, OAuthClient("app", "dose-0123456789abcdef"), connecting.egress())
        for case in cases.FOR_LISTED_NAMES:
            client = client_for("driver", url=self.listed_url(case), egress=connecting.egress())
            with self.subTest(case.id, addresses=case.addresses):
                with self.assertRaises(EgressDenied) as caught:
                    list(client.stream("x"))
                self.assertEqual(caught.exception.field, "url")


class FormTests(Doors, ApiTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in(self.alice)

    def test_no_url_that_was_typed_is_stored(self) -> None:
        for case in cases.URLS:
            typed = {"kind": "driver", "name": "x", "url": self.text(case), "task": "custom"}
            with self.subTest(case.id, text=case.text):
                response = self.client.post("/endpoints/new/", typed)
                self.assertEqual(response.status_code, 422)
                self.assertIn("url", response.context["form"].errors)
        self.assertFalse(Endpoint.objects.exists())

    def test_no_host_that_was_typed_is_stored_or_asked(self) -> None:
        for case in cases.HOSTS:
            typed = {"name": "x", "host": self.text(case), "sign_in": "token", "token": TOKEN}
            with self.subTest(case.id, text=case.text):
                response = self.client.post("/workspaces/", typed)
                self.assertEqual(response.status_code, 422)
                self.assertIn("host", response.context["form"].errors)
        self.assertFalse(Workspace.objects.exists())

    def test_a_good_name_is_stored_and_its_check_is_denied(self) -> None:
        for case in cases.FOR_WORKSPACES:
            host = self.workspace_host(case)
            typed = {"name": case.id, "host": host, "sign_in": "token", "token": TOKEN}
            with self.subTest(case.id, addresses=case.addresses):
                self.client.post("/workspaces/", typed, follow=True)
                (credential,) = Workspace.objects.get(name=case.id).credentials.all()
                self.assertIs(credential.is_ok, False)
                self.assertIn("may not connect", credential.check_result)
        for case in cases.FOR_LISTED_NAMES:
            url = self.listed_url(case)
            typed = {"kind": "driver", "name": case.id, "url": url, "task": "custom"}
            with self.subTest(case.id, addresses=case.addresses):
                self.client.post("/endpoints/new/", typed)
                endpoint = Endpoint.objects.get(name=case.id)
                checked = self.client.post(f"/endpoints/{endpoint.pk}/check/", follow=True)
                self.assertContains(checked, "may not connect")


class ApiTests(Doors, ApiTestCase):
    def test_no_url_that_was_typed_is_stored(self) -> None:
        for case in cases.URLS:
            body = {"kind": "driver", "name": "x", "task": "custom", "url": self.text(case)}
            with self.subTest(case.id, text=case.text):
                response = self.api(self.alice, "POST", "/endpoints", body)
                self.assert_error(response, 422, "invalid", field="url")
        self.assertFalse(Endpoint.objects.exists())

    def test_no_host_that_was_typed_is_stored(self) -> None:
        for case in cases.HOSTS:
            body = {"name": "x", "host": self.text(case)}
            with self.subTest(case.id, text=case.text):
                response = self.api(self.alice, "POST", "/workspaces", body)
                self.assert_error(response, 422, "invalid", field="host")
        self.assertFalse(Workspace.objects.exists())

    def test_no_stored_one_is_moved_there(self) -> None:
        endpoint = make_endpoint(self.alice, url="http://app.example.com/")
        workspace = make_workspace(self.alice)
        for path, field, table in (
            (f"/endpoints/{endpoint.pk}", "url", cases.URLS),
            (f"/workspaces/{workspace.pk}", "host", cases.HOSTS),
        ):
            for case in table:
                with self.subTest(case.id, text=case.text):
                    response = self.api(self.alice, "PATCH", path, {field: self.text(case)})
                    self.assert_error(response, 422, "invalid", field=field)
        self.assertEqual(Endpoint.objects.get().url, "http://app.example.com/")
        self.assertEqual(Workspace.objects.get().host, workspace.host)

    def test_a_good_name_is_asked_nothing_where_it_leads_elsewhere(self) -> None:
        for case in cases.FOR_WORKSPACES:
            workspace = make_workspace(
                self.alice, name=case.id, host=self.workspace_host(case), token=TOKEN
            )
            path = f"/workspaces/{workspace.pk}"
            with self.subTest(case.id, addresses=case.addresses):
                self.assert_denied(self.ok(self.api(self.alice, "POST", f"{path}/check")))
                for method, part, body in (
                    ("GET", "serving-endpoints", None),
                    ("GET", "clusters", None),
                    ("PUT", "secrets/scope/key", {"value": "v"}),
                ):
                    response = self.api(self.alice, method, f"{path}/{part}", body)
                    self.assertEqual(response.json()["error"]["kind"], "egress_denied")

    def test_a_row_that_somebody_edited_is_judged_again(self) -> None:
        for case in cases.URLS:
            endpoint = make_endpoint(self.alice, name=case.id, url="http://app.example.com/")
            Endpoint.objects.filter(pk=endpoint.pk).update(url=self.text(case))
            with self.subTest(case.id, text=case.text):
                checked = self.api(self.alice, "POST", f"/endpoints/{endpoint.pk}/check")
                self.assert_denied(self.ok(checked))
        for case in cases.HOSTS:
            workspace = make_workspace(self.alice, name=case.id, host=self.text(case), token=TOKEN)
            with self.subTest(case.id, text=case.text):
                checked = self.api(self.alice, "POST", f"/workspaces/{workspace.pk}/check")
                self.assert_denied(self.ok(checked))

    def test_the_host_of_a_row_that_is_edited_loses_its_credential(self) -> None:
        workspace = make_workspace(self.alice, token=TOKEN)
        Workspace.objects.update(host="https://adb-evil.azuredatabricks.net")
        checked = self.ok(self.api(self.alice, "POST", f"/workspaces/{workspace.pk}/check"))
        self.assertEqual(checked["error"]["kind"], "no_credential")


class CommandTests(Doors, TransactionTestCase):
    """`manage.py ask` runs stored endpoints, as the site's worker does and with the same code."""

    def setUp(self) -> None:
        self.enterContext(override_settings(MASTER_KEYS=TEST_KEYS))
        self.alice = make_user("alice")
        super().setUp()

    def ask(self, endpoints: list[Endpoint]) -> None:
        for at in range(0, len(endpoints), AT_A_TIME):
            some = endpoints[at : at + AT_A_TIME]
            asked = [part for each in some for part in ("--endpoint", str(each.pk))]
            with self.assertRaises(SystemExit) as caught:
                call_command("ask", "Hi", *asked, stdout=StringIO(), stderr=StringIO())
            self.assertEqual(caught.exception.code, 1)
        calls = Call.objects.filter(endpoint__in=endpoints)
        self.assertEqual(calls.count(), len(endpoints))
        for call in calls:
            with self.subTest(call.endpoint.name):
                self.assertEqual(call.status, Call.Status.FAILED)
                self.assertIn(call.error["kind"], DENIED)

    def test_urls_in_edited_rows(self) -> None:
        endpoints = [make_endpoint(self.alice, name=c.id, url="http://x/") for c in cases.URLS]
        for endpoint, case in zip(endpoints, cases.URLS, strict=True):
            Endpoint.objects.filter(pk=endpoint.pk).update(url=self.text(case))
        self.ask(endpoints)

    def test_hosts_in_edited_rows(self) -> None:
        self.ask([self.served(case.id, self.text(case)) for case in cases.HOSTS])

    def test_good_names_that_lead_elsewhere(self) -> None:
        endpoints = [self.served(c.id, self.workspace_host(c)) for c in cases.FOR_WORKSPACES]
        endpoints += [
            make_endpoint(self.alice, name=c.id, url=self.listed_url(c))
            for c in cases.FOR_LISTED_NAMES
        ]
        self.ask(endpoints)

    def served(self, name: str, host: str) -> Endpoint:
        workspace = make_workspace(self.alice, name=name, host=host, token=TOKEN)
        serving = {"kind": "serving", "task": "chat", "serving_endpoint": "chat"}
        return make_endpoint(self.alice, name=name, workspace=workspace, **serving)


class TableTests(ApiTestCase):
    def test_there_are_enough_cases_and_each_has_an_id_of_its_own(self) -> None:
        tables = (cases.URLS, cases.HOSTS, cases.FOR_WORKSPACES, cases.FOR_LISTED_NAMES)
        ids = [case.id for table in tables for case in table]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertGreaterEqual(len(ids), 120)

    def test_an_egress_denied_is_told_to_everybody_who_may_ask(self) -> None:
        self.assertTrue(issubclass(EgressDenied, EndpointError))
