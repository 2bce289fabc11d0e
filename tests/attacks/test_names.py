"""Names that are slow, missing, changing or many: a call ends, and goes where it may."""

import itertools
import logging
import socket
import threading
import time
import unittest

from endpoints import Egress, EndpointError, Limits, Stopped, Stopper, Text, client_for
from tests.attacks.base import EARS, names
from tests.upstream import Upstream, answer

SLACK_S = 5
NAME = "app.localhost"


class NameAttackTests(unittest.TestCase):
    def setUp(self) -> None:
        self.upstream = self.enterContext(Upstream())
        self.upstream.on("/", answer("Good."))
        self.url = f"http://{NAME}:{self.upstream.port}/"
        logging.disable(logging.WARNING)
        self.addCleanup(logging.disable, logging.NOTSET)

    def ask(self, stopper: Stopper | None = None, url: str = "", **limits: float) -> str:
        """The text of the answer, or the kind of the error."""
        url = url or self.url
        egress = Egress(driver_origins=(url,))
        client = client_for("driver", url=url, egress=egress, limits=Limits(**limits))
        try:
            events = list(client.stream("x", stopper=stopper))
        except EndpointError as error:
            return error.kind
        return "".join(event.text for event in events if isinstance(event, Text))

    def test_dns_101_one_that_is_not_there(self) -> None:
        def gone() -> list[str]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        with names({NAME: gone}):
            self.assertEqual(self.ask(), "connection")

    def test_dns_102_one_without_addresses(self) -> None:
        with names({NAME: []}):
            self.assertEqual(self.ask(), "connection")

    def test_dns_103_one_that_takes_long_ends_in_time(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        with names({NAME: lambda: release.wait(30) and ["127.0.0.1"]}), EARS.listening() as heard:
            began = time.monotonic()
            self.assertEqual(self.ask(connect_s=0.3), "timeout")
            self.assertLess(time.monotonic() - began, SLACK_S)
        self.assertEqual(heard, [])

    def test_dns_104_one_that_takes_long_can_be_stopped(self) -> None:
        release, stopper = threading.Event(), Stopper()
        self.addCleanup(release.set)
        with names({NAME: lambda: release.wait(30) and ["127.0.0.1"]}):
            threading.Timer(0.2, stopper.stop).start()
            began = time.monotonic()
            with self.assertRaises(Stopped):
                self.ask(stopper, connect_s=30)
            self.assertLess(time.monotonic() - began, SLACK_S)

    def test_dns_105_an_answer_that_comes_too_late_connects_nowhere(self) -> None:
        release = threading.Event()
        with names({NAME: lambda: release.wait(30) and ["127.0.0.1"]}), EARS.listening() as heard:
            self.assertEqual(self.ask(connect_s=0.2), "timeout")
            release.set()
            time.sleep(0.2)
        self.assertEqual((heard, self.upstream.requests), ([], []))

    def test_dns_106_a_thousand_addresses_take_no_longer(self) -> None:
        many = [f"127.0.{n // 250}.{n % 250 + 2}" for n in range(1000)]
        with names({NAME: many}), EARS.listening() as heard:
            began = time.monotonic()
            self.assertIn(self.ask(connect_s=1), ("connection", "nothing_listening", "timeout"))
            self.assertLess(time.monotonic() - began, 1 + SLACK_S)
        self.assertEqual(len(heard), 4)

    def test_dns_107_a_bad_one_behind_a_thousand_good_ones(self) -> None:
        many = [f"127.0.{n // 250}.{n % 250 + 2}" for n in range(1000)]
        with names({NAME: [*many, "169.254.169.254"]}), EARS.listening() as heard:
            self.assertEqual(self.ask(), "egress_denied")
        self.assertEqual(heard, [])

    def test_dns_108_one_that_changes_each_time(self) -> None:
        turns = itertools.cycle([["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["8.8.8.8"]])
        with names({NAME: lambda: next(turns)}), EARS.listening() as heard:
            said = [self.ask() for _ in range(8)]
        self.assertEqual(said, ["Good.", *["egress_denied"] * 3] * 2)
        self.assertEqual(heard, [("127.0.0.1", self.upstream.port)] * 2)

    def test_dns_109_one_for_each_of_many_threads_stays_its_own(self) -> None:
        """No thread goes where another one's name was judged good."""
        turns = {f"{n}.localhost": ["127.0.0.1" if n % 2 else "10.0.0.1"] for n in range(40)}
        found: dict[str, str] = {}

        def ask(name: str) -> None:
            found[name] = self.ask(url=f"http://{name}:{self.upstream.port}/")

        with names(turns):
            threads = [threading.Thread(target=ask, args=(name,)) for name in turns]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        expected = {
            name: "Good." if "127.0.0.1" in at else "egress_denied" for name, at in turns.items()
        }
        self.assertEqual(found, expected)

    def test_dns_110_an_address_of_ipv6_alone(self) -> None:
        try:
            server = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError:
            self.skipTest("This machine has no IPv6.")
        with server, names({NAME: ["::1"]}):

            def serve() -> None:
                visitor, _ = server.accept()
                with visitor:
                    visitor.recv(65_536)
                    visitor.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"Good."')

            threading.Thread(target=serve, daemon=True).start()
            url = f"http://{NAME}:{server.getsockname()[1]}/"
            self.assertEqual(self.ask(url=url), "Good.")
