"""Who is believed about who asks: a proxy that the admin named, and nobody else."""

import asyncio
import ipaddress

from django.test import SimpleTestCase, override_settings

from playground.proxies import behind_proxies

PROXIES = [ipaddress.ip_network("10.0.0.7"), ipaddress.ip_network("10.1.0.0/16")]


@override_settings(TRUSTED_PROXIES=PROXIES)
class ProxyTests(SimpleTestCase):
    def seen(self, peer: str | None, *headers: tuple[str, str], kind: str = "http") -> dict:
        """The scope as the site gets it."""
        scopes = []

        async def site(scope, receive, send):
            scopes.append(scope)

        scope = {
            "type": kind,
            "scheme": "http",
            "client": peer and [peer, 4711],
            "headers": [(name.encode(), value.encode()) for name, value in headers],
        }
        asyncio.run(behind_proxies(site)(scope, None, None))
        return scopes[0]

    def address(self, peer: str, forwarded: str) -> str:
        return self.seen(peer, ("x-forwarded-for", forwarded))["client"][0]

    def test_a_trusted_proxy_says_who_asks_and_how(self) -> None:
        seen = self.seen(
            "10.0.0.7", ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")
        )
        self.assertEqual((seen["client"][0], seen["scheme"]), ("203.0.113.9", "https"))

    def test_anybody_else_says_nothing(self) -> None:
        for peer in ("10.0.0.8", "127.0.0.1", "203.0.113.9", "::1", None):
            with self.subTest(peer=peer):
                seen = self.seen(
                    peer, ("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "https")
                )
                self.assertEqual(seen["client"], peer and [peer, 4711])
                self.assertEqual(seen["scheme"], "http")

    def test_nobody_is_trusted_by_default(self) -> None:
        with self.settings(TRUSTED_PROXIES=[]):
            self.assertEqual(self.address("127.0.0.1", "198.51.100.1"), "127.0.0.1")

    def test_what_the_visitor_wrote_before_the_proxys_word_does_not_count(self) -> None:
        self.assertEqual(self.address("10.0.0.7", "198.51.100.1, 203.0.113.9"), "203.0.113.9")

    def test_a_row_of_our_proxies_is_walked_back(self) -> None:
        hops = "198.51.100.1, 203.0.113.9, 10.1.2.3"
        self.assertEqual(self.address("10.0.0.7", hops), "203.0.113.9")

    def test_several_headers_are_one_row(self) -> None:
        seen = self.seen(
            "10.0.0.7", ("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.9")
        )
        self.assertEqual(seen["client"][0], "203.0.113.9")

    def test_addresses_are_read_in_every_spelling(self) -> None:
        for spelling, address in {
            "203.0.113.9:4711": "203.0.113.9",
            "[2001:db8::9]:4711": "2001:db8::9",
            "2001:db8::9": "2001:db8::9",
            " 203.0.113.9 ": "203.0.113.9",
        }.items():
            with self.subTest(spelling):
                self.assertEqual(self.address("10.0.0.7", spelling), address)

    def test_what_is_no_address_leaves_the_last_one_known(self) -> None:
        for junk in ("unknown", "_hidden", "203.0.113.9.evil.test", "", ",,,"):
            with self.subTest(junk):
                self.assertEqual(self.address("10.0.0.7", junk), "10.0.0.7")

    def test_a_mapped_address_of_a_proxy_is_the_proxys(self) -> None:
        self.assertEqual(self.address("::ffff:10.0.0.7", "203.0.113.9"), "203.0.113.9")

    def test_only_http_and_https_are_schemes(self) -> None:
        for said in ("ftp", "javascript", "https2"):
            seen = self.seen("10.0.0.7", ("x-forwarded-proto", said))
            self.assertEqual(seen["scheme"], "http")

    def test_no_forwarding_header_reaches_the_site(self) -> None:
        headers = [
            (name, "198.51.100.1")
            for name in ("x-forwarded-for", "x-forwarded-host", "x-forwarded-port")
            + ("forwarded", "x-real-ip", "x-forwarded-anything")
        ]
        for peer in ("10.0.0.7", "203.0.113.9"):
            for kind in ("http", "websocket"):
                seen = self.seen(peer, *headers, ("host", "playground.test"), kind=kind)
                self.assertEqual(seen["headers"], [(b"host", b"playground.test")])
