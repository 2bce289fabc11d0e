"""What an address is: the zone of each, whatever notation or wrapping it comes in."""

import ipaddress
import random
import unittest

from endpoints.networks import Zone, is_number, place_of, unmapped
from tests.attacks import egress as cases

PUBLIC = (
    *("8.8.8.8", "1.1.1.1", "93.184.216.34", "11.0.0.1", "9.255.255.255", "172.15.255.255"),
    *("172.32.0.1", "192.167.255.255", "192.169.0.1", "100.63.255.255", "100.128.0.1"),
    *("126.255.255.255", "128.0.0.1", "168.63.129.15", "168.63.129.17", "169.253.255.255"),
    *("198.17.255.255", "198.20.0.1", "223.255.255.255"),
    *("2606:4700::1111", "2a00:1450::1", "2001:4860::8888", "3ffe::1"),
    *("::ffff:8.8.8.8", "64:ff9b::808:808"),
)
PRIVATE = (
    *("10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0"),
    *("192.168.255.255", "100.64.0.0", "100.127.255.255", "fc00::", "fd12:3456::1"),
    *("::ffff:10.1.2.3",),
)
LOOPBACK = ("127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1")


class ZoneTests(unittest.TestCase):
    def assert_zone(self, zone, addresses):
        for address in addresses:
            with self.subTest(address=address):
                self.assertIs(place_of(address).zone, zone)

    def test_public_ones_up_to_the_edge_of_each_network_beside_them(self):
        self.assert_zone(Zone.PUBLIC, PUBLIC)

    def test_private_ones_are_private_also_where_ipv6_holds_them(self):
        self.assert_zone(Zone.PRIVATE, PRIVATE)

    def test_this_machine(self):
        self.assert_zone(Zone.LOOPBACK, LOOPBACK)

    def test_what_is_never_connected_to_says_what_it_is(self):
        for address, words in (
            ("169.254.169.254", "link-local"),
            ("fe80::1%eth0", "link-local"),
            ("168.63.129.16", "metadata"),
            ("fd00:ec2::254", "metadata"),
            ("0.0.0.0", "unspecified"),
            ("::", "unspecified"),
            ("224.0.0.1", "multicast"),
            ("192.0.2.1", "reserved"),
            ("fec0::1", "reserved"),
            ("::127.0.0.1", "reserved"),
            ("64:ff9b::a00:1", "hides"),
            ("2002:7f00:1::", "hides"),
            ("2002:808:808::1", "hides"),
            ("2001:0:808:808::1", "hides"),
        ):
            with self.subTest(address=address):
                self.assertIs(place_of(address).zone, Zone.NEVER)
                self.assertIn(words, place_of(address).words)

    def test_whatever_python_calls_not_global_is_not_public(self):
        """Ours is the stricter list: a thousand addresses of each kind at random."""
        chance = random.Random(4)
        for bits, make in ((32, ipaddress.IPv4Address), (128, ipaddress.IPv6Address)):
            for _ in range(1000):
                address = make(chance.getrandbits(bits))
                if not address.is_global or address.is_multicast:
                    self.assertIsNot(place_of(str(address)).zone, Zone.PUBLIC, address)

    def test_the_first_and_the_last_of_every_network_that_python_keeps_apart(self):
        names = ("_IPv4Constants", "_IPv6Constants")
        for constants in (getattr(ipaddress, name) for name in names):
            for network in constants._private_networks:
                for address in (network[0], network[-1]):
                    if address not in ipaddress.ip_network("::ffff:0:0/96"):
                        with self.subTest(address=str(address)):
                            self.assertIsNot(place_of(str(address)).zone, Zone.PUBLIC)

    def test_every_address_of_the_attacks_on_workspaces_is_bad_or_stands_beside_a_bad_one(self):
        for case in cases.FOR_WORKSPACES:
            worst = max(place_of(address).zone for address in case.addresses)
            self.assertGreater(worst, Zone.PUBLIC, case.id)

    def test_names_are_none(self):
        for text in ("localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "", "::g"):
            self.assertFalse(is_number(text), text)
        self.assertTrue(is_number("127.0.0.1") and is_number("::1"))

    def test_one_notation_for_what_is_one_address(self):
        self.assertEqual(unmapped("::ffff:127.0.0.1"), "127.0.0.1")
        self.assertEqual(unmapped("0:0::0:1"), "::1")
