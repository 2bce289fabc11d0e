"""Which hosts and origins are this site's: exactly, with scheme, host and port."""

import asyncio

from django.test import SimpleTestCase, override_settings

from playground.origins import is_own_host, same_origin_only

LOCAL = ["127.0.0.1", "localhost", "[::1]"]


@override_settings(ALLOWED_HOSTS=LOCAL, PUBLIC_ORIGINS=[])
class SocketOriginTests(SimpleTestCase):
    def is_let_in(self, *headers: tuple[str, str]) -> bool:
        reached, sent = [], []

        async def site(scope, receive, send):
            reached.append(scope)

        async def send(message):
            sent.append(message)

        scope = {"type": "websocket", "headers": [(k.encode(), v.encode()) for k, v in headers]}
        asyncio.run(same_origin_only(site)(scope, None, send))
        self.assertEqual(len(reached) + len(sent), 1)
        if sent:
            self.assertEqual(sent, [{"type": "websocket.close", "code": 4403}])
        return bool(reached)

    def test_the_page_at_the_same_address_is_let_in(self) -> None:
        for host in ("127.0.0.1:8000", "localhost:8000", "[::1]:8000", "LOCALHOST:8000"):
            with self.subTest(host):
                self.assertTrue(self.is_let_in(("host", host), ("origin", f"http://{host}")))

    def test_every_other_origin_is_refused(self) -> None:
        for origin in (
            "http://127.0.0.1:9999",
            "http://localhost:8000",
            "https://127.0.0.1:8000",
            "http://127.0.0.1",
            "http://127.0.0.1:80",
            "ws://127.0.0.1:8000",
            "ftp://127.0.0.1:8000",
            "file://127.0.0.1:8000",
            "http://127.0.0.1:8000/",
            "http://127.0.0.1:8000@evil.test",
            "http://127.0.0.1:8000.evil.test",
            "http://evil.test",
            "null",
            "",
        ):
            with self.subTest(origin):
                headers = (("host", "127.0.0.1:8000"), ("origin", origin))
                self.assertFalse(self.is_let_in(*headers))

    def test_no_origin_is_no_browser_of_ours(self) -> None:
        self.assertFalse(self.is_let_in(("host", "127.0.0.1:8000")))

    def test_two_of_either_are_refused(self) -> None:
        good = ("host", "127.0.0.1:8000"), ("origin", "http://127.0.0.1:8000")
        self.assertFalse(self.is_let_in(*good, ("origin", "http://evil.test")))
        self.assertFalse(self.is_let_in(*good, ("host", "evil.test")))

    def test_a_foreign_host_is_refused_though_the_origin_fits_it(self) -> None:
        for host in (
            "evil.test:8000",
            "127.0.0.1.evil.test:8000",
            "0.0.0.0:8000",
            "evil@localhost",
        ):
            with self.subTest(host):
                headers = (("host", host), ("origin", f"http://{host}"))
                self.assertFalse(self.is_let_in(*headers))

    @override_settings(
        ALLOWED_HOSTS=[*LOCAL, "play.test"], PUBLIC_ORIGINS=["https://play.test:8443"]
    )
    def test_where_the_admin_named_an_origin_only_that_one_counts(self) -> None:
        host = ("host", "play.test:8443")
        self.assertTrue(self.is_let_in(host, ("origin", "https://play.test:8443")))
        self.assertFalse(self.is_let_in(host, ("origin", "http://play.test:8443")))
        self.assertFalse(self.is_let_in(host, ("origin", "https://play.test")))
        local = ("host", "127.0.0.1:8000"), ("origin", "http://127.0.0.1:8000")
        self.assertFalse(self.is_let_in(*local))


@override_settings(ALLOWED_HOSTS=LOCAL)
class HostTests(SimpleTestCase):
    def test_our_own_names_are_ours_with_any_port(self) -> None:
        for host in ("127.0.0.1", "127.0.0.1:8000", "localhost:1", "[::1]:8000", "localhost."):
            with self.subTest(host):
                self.assertTrue(is_own_host([host]))

    def test_no_other_is(self) -> None:
        for hosts in ([], [""], ["evil.test"], ["127.0.0.1", "127.0.0.1"], ["127.0.0.1/x"]):
            with self.subTest(hosts=hosts):
                self.assertFalse(is_own_host(hosts))
        for host in ("a b", "localhost:8000:1", "127.0.0.1\t", "[::1", "localhost:x", "*"):
            with self.subTest(host):
                self.assertFalse(is_own_host([host]))
