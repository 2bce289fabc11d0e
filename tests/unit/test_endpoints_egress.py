"""What a connection has to obey: by name, by the addresses of the name, and by what is our own."""

import itertools
import logging
import socket
import subprocess
import sys
import unittest
import unittest.mock

from endpoints import Egress, EgressDenied, EndpointError, Limits, Text, Token, client_for, guard
from endpoints.addresses import driver_url
from endpoints.connection import HeldHTTP
from endpoints.egress import OF_THE_CALLER, given
from endpoints.errors import AddressError
from endpoints.outgoing import Outgoing
from tests.attacks.base import EARS, names
from tests.upstream import Upstream, answer

WORKSPACE = "https://adb-1.2.azuredatabricks.net"
TOKEN = Token("dapi-alice-0123456789")


class EgressTestCase(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(Upstream())
        self.upstream.on("/", answer("Good."))
        logging.disable(logging.WARNING)
        self.addCleanup(logging.disable, logging.NOTSET)

    def text(self, url, egress):
        client = client_for("driver", url=url, egress=egress, limits=Limits(connect_s=2))
        return "".join(e.text for e in client.stream("x") if isinstance(e, Text))

    def denied(self, url, egress):
        with EARS.listening() as connects, self.assertRaises(EgressDenied) as caught:
            self.text(url, egress)
        self.assertEqual(connects, [])
        return caught.exception

    def find(self, egress, kind, url, *addresses):
        """The addresses that a connection would try, where the host's name has these."""
        host = url.split("/")[2].split(":")[0]
        with names({host: addresses} if addresses else {}):
            return [info[4][0] for info in egress.policy(kind, url).find()]


class WorkspaceTests(EgressTestCase):
    def test_public_addresses_are_tried_in_their_order(self):
        addresses = ["93.184.216.34", "2606:4700::1111"]
        self.assertEqual(self.find(Egress(), "serving", WORKSPACE, *addresses), addresses)

    def test_at_most_four_are_tried_and_all_are_judged(self):
        many = [f"93.184.216.{n}" for n in range(9)]
        self.assertEqual(self.find(Egress(), "serving", WORKSPACE, *many), many[:4])
        with self.assertRaises(EgressDenied):
            self.find(Egress(), "serving", WORKSPACE, *many, "10.0.0.1")

    def test_private_ones_need_the_switch_which_the_error_names(self):
        for address in ("10.1.2.3", "172.20.0.1", "192.168.3.4", "100.64.1.1", "fd12::1"):
            with self.subTest(address=address):
                with self.assertRaises(EgressDenied) as caught:
                    self.find(Egress(), "serving", WORKSPACE, address)
                self.assertIn("PLAYGROUND_PRIVATE_WORKSPACES=1", caught.exception.hint)
                self.assertIn("a private address", caught.exception.message)
                switched = Egress(private_workspaces=True)
                self.assertEqual(self.find(switched, "serving", WORKSPACE, address), [address])

    def test_the_switch_opens_neither_loopback_nor_link_local_nor_metadata(self):
        switched = Egress(private_workspaces=True)
        for address in ("127.0.0.1", "::1", "169.254.169.254", "fe80::1", "168.63.129.16"):
            with self.subTest(address=address), self.assertRaises(EgressDenied) as caught:
                self.find(switched, "serving", WORKSPACE, address)
            self.assertIn("No setting", caught.exception.hint)

    def test_the_switch_is_for_databricks_alone(self):
        switched = Egress(private_workspaces=True)
        with self.assertRaises(EgressDenied):
            self.find(switched, "serving", "https://models.example.com", "10.0.0.1")

    def test_a_listed_name_may_be_private_and_a_listed_number_is_itself(self):
        egress = Egress(("https://models.example.com", "http://127.0.0.1:9001", "http://10.1.1.1"))
        found = self.find(egress, "serving", "https://models.example.com", "10.0.0.1")
        self.assertEqual(found, ["10.0.0.1"])
        for number in ("127.0.0.1:9001", "10.1.1.1"):
            found = self.find(egress, "serving", f"http://{number}")
            self.assertEqual(found, [number.split(":")[0]])

    def test_localhost_may_be_this_machine_and_nothing_else(self):
        egress = Egress(("http://localhost:9001", "http://ws.localhost:9001"))
        self.assertIn("127.0.0.1", self.find(egress, "serving", "http://localhost:9001"))
        url = "http://ws.localhost:9001"
        self.assertEqual(self.find(egress, "serving", url, "127.0.0.1"), ["127.0.0.1"])
        with self.assertRaises(EgressDenied):
            self.find(egress, "serving", url, "10.0.0.1")


class DriverTests(EgressTestCase):
    def test_a_listed_name_leads_anywhere_but_to_this_machine(self):
        egress = Egress(driver_origins=("http://app.example.com:7777",))
        url = "http://app.example.com:7777/"
        self.assertEqual(self.find(egress, "driver", url, "10.0.0.9"), ["10.0.0.9"])
        with self.assertRaises(EgressDenied) as caught:
            self.find(egress, "driver", url, "127.0.0.1")
        self.assertIn("PLAYGROUND_DRIVER_ORIGINS", caught.exception.hint)

    def test_a_network_admits_its_numbers_and_no_names(self):
        egress = Egress(driver_origins=("http://10.1.0.0/16:7000-7999", "http://[fd12::]/32"))
        for url in ("http://10.1.2.3:7777/", "http://10.1.255.255:7000/", "http://[fd12::9]/"):
            self.assertEqual(driver_url(url, egress), url)
            self.assertEqual(len(egress.policy("driver", url).find()), 1)
        for url in (
            *("http://10.2.0.1:7777/", "http://10.1.2.3:8000/", "https://10.1.2.3:7777/"),
            *("http://app.example.com:7777/", "http://[::ffff:10.1.2.3]:7777/"),
            *("http://0xa010203:7777/", "http://167838211:7777/"),
        ):
            with self.subTest(url=url), self.assertRaises(EgressDenied):
                driver_url(url, egress)

    def test_not_even_all_addresses_hold_one_that_is_never_used(self):
        egress = Egress(driver_origins=("http://0.0.0.0/0",))
        self.denied("http://169.254.169.254/", egress)
        self.denied("http://0.0.0.0/", egress)

    def test_a_slip_in_a_list_shows_at_once(self):
        for listed in (
            *("http://10.1.2.3/16", "http://10.0.0.0/33", "http://app.example.com/16"),
            *("http://169.254.169.254", "http://0.0.0.0:7777", "http://[fe80::1]:7777"),
            *("http://224.0.0.1", "http://[::ffff:169.254.169.254]", "http://10.0.0.0/8:9-3"),
        ):
            with self.subTest(listed=listed), self.assertRaises(ValueError):
                Egress(driver_origins=(listed,))

    def test_no_credential_goes_to_a_driver(self):
        egress = Egress(driver_origins=(self.upstream.origin,))
        policy = egress.policy("driver", self.upstream.origin)
        with self.assertRaises(ValueError):
            Outgoing("POST", self.upstream.origin, "driver", "*/*", policy, credential=TOKEN)
        client = client_for("driver", url=self.upstream.origin, credential=TOKEN, egress=egress)
        list(client.stream("x"))
        self.assertNotIn("Authorization", self.upstream.requests[-1].headers)

    def test_an_ipv6_address_is_one_in_whatever_notation(self):
        egress = Egress(driver_origins=("http://[2a00:1450::1]:7777",))
        url = "http://[2a00:1450:0:0:0:0:0:0001]:7777/"
        self.assertEqual(driver_url(url, egress), "http://[2a00:1450::1]:7777/")
        for text in ("http://[:::]:7777/", "http://[1:2]/", "http://[::1%lo]/"):
            with self.assertRaises(AddressError):
                driver_url(text, egress)


class OwnTests(EgressTestCase):
    """The site, its database and its Redis, in the middle of a range that is allowed."""

    RANGE = ("http://127.0.0.0/8:1024-65535", "http://localhost:1024-65535")

    def egress(self, *own):
        return Egress(driver_origins=self.RANGE, own=own)

    def test_our_own_port_is_denied_and_the_one_beside_it_is_not(self):
        own = self.egress(("127.0.0.1", self.upstream.port))
        error = self.denied(self.upstream.origin, own)
        self.assertIn("playground’s own", error.message)
        self.assertIn("port of its own", error.hint)
        beside = self.egress(("127.0.0.1", self.upstream.port - 1))
        self.assertEqual(self.text(self.upstream.origin, beside), "Good.")

    def test_by_whatever_name_and_at_whatever_address_of_this_machine(self):
        port = self.upstream.port
        for own in ("127.0.0.1", "localhost", "0.0.0.0", "::", "::1", "127.0.0.3"):
            for host in ("127.0.0.1", "localhost", "127.0.0.2"):
                with self.subTest(own=own, host=host):
                    self.denied(f"http://{host}:{port}", self.egress((own, port)))

    def test_a_database_elsewhere_is_denied_by_its_address_too(self):
        egress = Egress(driver_origins=("http://10.0.0.0/8:1-65535",), own=(("db.internal", 5432),))
        with names({"db.internal": ["10.0.0.7"]}):
            self.denied("http://10.0.0.7:5432/", egress)
            self.assertEqual(len(egress.policy("driver", "http://10.0.0.8:5432/").find()), 1)
            self.assertEqual(len(egress.policy("driver", "http://10.0.0.7:5433/").find()), 1)

    def test_a_name_of_ours_that_cannot_be_looked_up_may_be_anywhere(self):
        egress = Egress(driver_origins=("http://10.0.0.0/8:1-65535",), own=(("db.internal", 5432),))
        with names({}):
            self.denied("http://10.0.0.8:5432/", egress)

    def test_a_name_that_leads_to_our_own_is_denied(self):
        egress = Egress(driver_origins=("http://app.internal:5432",), own=(("10.0.0.7", 5432),))
        with names({"app.internal": ["10.0.0.7"]}):
            self.denied("http://app.internal:5432/", egress)


class RebindingTests(EgressTestCase):
    """A name that answers differently the second time: it is asked once."""

    def setUp(self):
        super().setUp()
        self.url = f"http://app.localhost:{self.upstream.port}/"
        self.egress = Egress(driver_origins=(self.url,))

    def test_the_socket_goes_to_the_address_that_was_judged(self):
        turns = itertools.chain([["127.0.0.1"]], itertools.repeat(["127.0.0.2"]))
        with names({"app.localhost": lambda: next(turns)}) as asked, EARS.listening() as connects:
            self.assertEqual(self.text(self.url, self.egress), "Good.")
        self.assertEqual(asked, ["app.localhost"])
        self.assertEqual(connects, [("127.0.0.1", self.upstream.port)])

    def test_a_bad_answer_is_not_asked_again(self):
        turns = itertools.chain([["169.254.169.254"]], itertools.repeat(["127.0.0.1"]))
        with names({"app.localhost": lambda: next(turns)}) as asked:
            self.denied(self.url, self.egress)
        self.assertEqual(asked, ["app.localhost"])
        self.assertEqual(self.upstream.requests, [])

    def test_each_call_asks_anew(self):
        turns = iter([["127.0.0.1"], ["10.0.0.1"]])
        with names({"app.localhost": lambda: next(turns)}):
            self.assertEqual(self.text(self.url, self.egress), "Good.")
            self.denied(self.url, self.egress)

    def test_an_address_that_takes_nobody_leaves_time_for_the_next(self):
        with names({"app.localhost": ["127.0.0.9", "127.0.0.1"]}):
            self.assertEqual(self.text(self.url, self.egress), "Good.")


class DefaultTests(unittest.TestCase):
    """Without an egress: in a notebook the caller decides, on a site nothing is sent."""

    def run_python(self, code):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_a_notebook_reaches_the_app_that_its_author_typed(self):
        with Upstream() as upstream:
            upstream.on("/", answer("Good."))
            said = self.run_python(
                "from endpoints import client_for\n"
                f"events = client_for('driver', url={upstream.origin!r}).stream('x')\n"
                "print(''.join(getattr(event, 'text', '') for event in events))"
            )
        self.assertEqual(said, "Good.")

    def test_a_notebook_sends_its_token_to_databricks_alone(self):
        said = self.run_python(
            "from endpoints import EgressDenied, Token, client_for, whoami\n"
            "for ask in (\n"
            "    lambda host: whoami(host, Token('dapi-0123456789')),\n"
            "    lambda host: client_for('serving', host=host, serving_endpoint='x'),\n"
            "):\n"
            "    try:\n"
            "        ask('https://workspace.example.com')\n"
            "    except EgressDenied as error:\n"
            "        print('denied')\n"
        )
        self.assertEqual(said, "denied\ndenied")

    def test_a_notebook_may_be_in_a_private_network_and_not_at_metadata(self):
        logging.disable(logging.WARNING)
        self.addCleanup(logging.disable, logging.NOTSET)
        with names({"adb-1.2.azuredatabricks.net": ["10.0.0.1"]}):
            self.assertEqual(len(OF_THE_CALLER.policy("serving", WORKSPACE).find()), 1)
        with self.assertRaises(EgressDenied):
            OF_THE_CALLER.policy("driver", "http://169.254.169.254/latest")

    def test_a_site_that_forgets_its_egress_sends_nothing(self):
        said = self.run_python(
            "from endpoints import OAuthClient, Token, client_for, guard, oauth, whoami\n"
            "from endpoints.workspace import WorkspaceApi\n"
            "guard.install()\n"
            "guard.install()\n"
            "host, token = 'https://adb-1.azuredatabricks.net', Token('dapi-0123456789')\n"
            "for ask in (\n"
            "    lambda: client_for('driver', url='http://127.0.0.1:7777/'),\n"
            "    lambda: client_for('serving', host=host, serving_endpoint='x'),\n"
            "    lambda: whoami(host, token),\n"
            "    lambda: WorkspaceApi(host, token),\n"
            "    lambda: oauth.bearer(OAuthClient('app', 'dose-0123456789'), host),\n"
            "):\n"
            "    try:\n"
            "        ask()\n"
            "    except LookupError:\n"
            "        print('refused')\n"
        )
        self.assertEqual(said.split(), ["refused"] * 5)

    def test_what_was_given_stands(self):
        egress = Egress()
        self.assertIs(given(egress), egress)


class GuardTests(EgressTestCase):
    """The second line: a thread that sends may connect to what was judged for it."""

    def setUp(self):
        super().setUp()
        guard.install()
        logging.disable(logging.ERROR)

    def connect(self):
        socket.create_connection(("127.0.0.1", self.upstream.port), timeout=2).close()

    def test_another_connection_of_a_thread_that_sends_is_refused(self):
        with guard.sending(), self.assertRaises(EgressDenied):
            self.connect()
        with guard.sending():
            guard.permit(("127.0.0.1", self.upstream.port))
            self.connect()
            guard.permit(("127.0.0.1", self.upstream.port))
            with socket.socket(socket.AF_UNIX) as other, self.assertRaises(EgressDenied):
                other.connect("/var/run/docker.sock")
            with socket.socket() as other, self.assertRaises(EgressDenied):
                other.connect_ex(("127.0.0.2", self.upstream.port))

    def test_what_was_permitted_once_is_not_the_next_time(self):
        with guard.sending():
            guard.permit(("127.0.0.1", self.upstream.port))
        with guard.sending(), self.assertRaises(EgressDenied):
            self.connect()

    def test_a_thread_that_sends_nothing_connects_as_it_likes(self):
        self.connect()

    def test_a_library_that_goes_elsewhere_while_it_sends_is_refused(self):
        """As if requests had followed a redirect, or asked a proxy of the environment."""
        elsewhere = self.enterContext(Upstream())
        egress = Egress(driver_origins=(self.upstream.origin,))
        client = client_for("driver", url=self.upstream.origin, egress=egress)

        def astray(connection):
            return socket.create_connection(("127.0.0.1", elsewhere.port), timeout=2)

        is_astray = unittest.mock.patch.object(HeldHTTP, "_new_conn", astray)
        with is_astray, self.assertRaises(EndpointError) as caught:
            list(client.stream("x"))
        self.assertEqual(caught.exception.kind, "egress_denied")
        self.assertEqual(elsewhere.requests, [])
