"""A company's egress proxy: it looks names up and connects; what may be asked for stays ours."""

import logging
import os
import socket
import tempfile
import threading
import time
import unittest
import unittest.mock

from endpoints import (
    Egress,
    EgressDenied,
    EndpointError,
    Limits,
    OAuthClient,
    Stopped,
    Stopper,
    Text,
    Token,
    client_for,
    whoami,
)
from tests.attacks.base import EARS, names
from tests.certificates import certificate_file
from tests.proxy import TAKEN, Proxy
from tests.upstream import Upstream, answer
from tests.workspace import Workspace

NAME = "adb-1.2.azuredatabricks.net"
HOST = f"https://{NAME}"
ALICE = "dapi-alice-0123456789"
LIMITS = Limits(connect_s=2)


class ProxyTestCase(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.certificate = certificate_file(folder, NAME)
        self.workspace = self.enterContext(
            Workspace(tokens={ALICE: "alice"}, certificate=self.certificate)
        )
        self.proxy = self.enterContext(Proxy({NAME: self.workspace.port}))
        self.asked = self.enterContext(names({}))  # nothing but the proxy looks names up
        logging.disable(logging.WARNING)
        self.addCleanup(logging.disable, logging.NOTSET)

    def egress(self, proxy=None, **more):
        return Egress(https_proxy=proxy or self.proxy.url, ca_bundle=self.certificate, **more)

    def text(self, **options):
        options = {"egress": self.egress(), "limits": LIMITS} | options
        client = client_for(
            "serving", host=HOST, serving_endpoint="chat", credential=Token(ALICE), **options
        )
        return "".join(e.text for e in client.stream("x") if isinstance(e, Text))


class TunnelTests(ProxyTestCase):
    def test_a_call_goes_through_it_and_tls_ends_at_the_host(self):
        with EARS.listening() as connects:
            self.assertEqual(self.text(), "Good. You wrote: x")
        self.assertEqual(connects[0], ("127.0.0.1", self.proxy.port))
        (asked,) = self.proxy.asked
        self.assertEqual(asked.place, f"{NAME}:443")
        self.assertNotIn(ALICE, asked.head)
        self.assertNotIn(ALICE.encode(), self.proxy.seen)
        self.assertEqual(self.workspace.requests[-1].token, ALICE)
        self.assertEqual(self.workspace.requests[-1].headers["Host"], NAME)

    def test_so_do_the_workspaces_api_and_its_tokens(self):
        self.workspace.clients["app"] = "its-secret-0123"
        client = OAuthClient("app", "its-secret-0123")
        self.assertEqual(whoami(HOST, client, self.egress()), "app")
        self.assertEqual([asked.place for asked in self.proxy.asked], [f"{NAME}:443"] * 2)

    def test_a_login_is_for_the_proxy_alone_and_does_not_print(self):
        url = f"http://me:pass%20word@127.0.0.1:{self.proxy.port}"
        egress = self.egress(url)
        self.text(egress=egress)
        self.assertIn("Proxy-Authorization: Basic bWU6cGFzcyB3b3Jk", self.proxy.asked[-1].head)
        self.assertNotIn("Proxy-Authorization", self.workspace.requests[-1].headers)
        for shown in (repr(egress), repr(egress.policy("serving", HOST))):
            self.assertNotIn("pass", shown)
            self.assertNotIn("bWU6", shown)

    def test_the_certificate_is_the_hosts(self):
        with tempfile.TemporaryDirectory() as folder:
            other = certificate_file(folder, "other.azuredatabricks.net")
            egress = Egress(https_proxy=self.proxy.url, ca_bundle=other)
            with self.assertRaises(EndpointError) as caught:
                self.text(egress=egress)
        self.assertEqual(caught.exception.kind, "tls")
        self.assertEqual(self.workspace.requests, [])

    def test_numbers_localhost_and_http_are_near_and_asked_directly(self):
        with Upstream() as upstream:
            upstream.on("/", answer("Good."))
            origins = (upstream.origin, f"http://localhost:{upstream.port}")
            egress = self.egress(driver_origins=origins)
            for origin in origins:
                self.assertTrue(list(client_for("driver", url=origin, egress=egress).stream("x")))
            secure = Egress(
                (self.workspace.origin,), https_proxy=self.proxy.url, ca_bundle=self.certificate
            )
            with self.assertRaises(EndpointError) as caught:
                whoami(self.workspace.origin, Token(ALICE), secure)
            self.assertEqual(caught.exception.kind, "tls")  # the certificate is the name's
        self.assertEqual(self.proxy.asked, [])

    def test_it_is_cut_by_the_stopper_while_the_proxy_thinks(self):
        self.proxy.answers[NAME] = lambda visitor: visitor.recv(1)
        stopper = Stopper()
        client = client_for(
            "serving",
            host=HOST,
            serving_endpoint="chat",
            credential=Token(ALICE),
            egress=self.egress(),
        )
        threading.Timer(0.3, stopper.stop).start()
        began = time.monotonic()
        with self.assertRaises(Stopped):
            list(client.stream("x", stopper=stopper))
        self.assertLess(time.monotonic() - began, 3)


class PolicyTests(ProxyTestCase):
    def test_names_that_are_not_allowed_are_not_asked_for(self):
        for host in ("https://evil.test", "https://evilazuredatabricks.net", "https://x.y"):
            with self.subTest(host=host), self.assertRaises(EgressDenied):
                whoami(host, Token(ALICE), self.egress())
        with self.assertRaises(EgressDenied):
            client_for("driver", url="https://app.example.com/", egress=self.egress())
        self.assertEqual(self.proxy.asked, [])

    def test_our_own_names_are_denied_before_it_is_asked(self):
        egress = self.egress(
            driver_origins=("https://db.internal:5432",), own=(("db.internal", 5432),)
        )
        client = client_for("driver", url="https://db.internal:5432/", egress=egress)
        with self.assertRaises(EgressDenied):
            list(client.stream("x"))
        self.assertEqual(self.proxy.asked, [])

    def test_proxies_of_the_environment_are_nobodys(self):
        elsewhere = self.enterContext(Proxy({NAME: self.workspace.port}))
        variables = {
            name: elsewhere.url
            for upper in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
            for name in (upper, upper.lower())
        }
        with unittest.mock.patch.dict(os.environ, variables):
            self.text()
            with self.assertRaises(EndpointError):  # without a proxy there is nobody to look it up
                self.text(egress=Egress(ca_bundle=self.certificate))
        self.assertEqual(elsewhere.asked, [])
        with unittest.mock.patch.dict(os.environ, {"NO_PROXY": "*", "no_proxy": "*"}):
            self.text()
        self.assertEqual(len(self.proxy.asked), 2)

    def test_what_is_no_proxy_is_refused_without_showing_its_login(self):
        for url in (
            "https://u:secret@p:1",
            "socks5://u:secret@p",
            "u:secret@p:1",
            "http://u:secret@",
        ):
            with self.subTest(url=url), self.assertRaises(ValueError) as caught:
                Egress(https_proxy=url)
            self.assertNotIn("secret", str(caught.exception))


class TroubleTests(ProxyTestCase):
    def failure(self, **options):
        with self.assertRaises(EndpointError) as caught:
            self.text(**options)
        self.assertEqual(self.workspace.requests, [])
        return caught.exception

    def test_whatever_it_answers_the_error_names_the_setting(self):
        for said in (
            b"HTTP/1.1 403 Forbidden\r\n\r\n",
            b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
            b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
            b"",
            b"HTTP/1.1 200 OK\r\n",
            b"x" * 20_000,
            TAKEN + b"and more",
        ):
            self.proxy.answers[NAME] = said
            with self.subTest(said=said[:40]):
                error = self.failure()
                self.assertEqual(error.kind, "connection")
                self.assertIn("PLAYGROUND_HTTPS_PROXY", error.hint)

    def test_one_that_says_nothing_or_drips_ends_in_time(self):
        def drip(visitor: socket.socket) -> None:
            while True:
                visitor.sendall(b"H")
                time.sleep(0.05)

        for answer_ in (lambda visitor: visitor.recv(1), drip):
            self.proxy.answers[NAME] = answer_
            began = time.monotonic()
            self.assertEqual(self.failure(limits=Limits(connect_s=0.5)).kind, "timeout")
            self.assertLess(time.monotonic() - began, 5)

    def test_one_that_is_not_there(self):
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        error = self.failure(egress=self.egress(f"http://127.0.0.1:{port}"))
        self.assertEqual(error.kind, "connection")
        self.assertIn("proxy", error.message)
