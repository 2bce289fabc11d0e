"""OAuth clients against a real token service: one fetch, kept, renewed, stoppable, never shown."""

import logging
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

from endpoints import (
    Egress,
    EndpointError,
    Limits,
    Stopped,
    Stopper,
    Text,
    Token,
    client_for,
    oauth,
    whoami,
)
from endpoints.credentials import MASK, OAuthClient
from endpoints.errors import AddressError, BadResponse, LoginPage, NotFound, Unauthorized
from tests.upstream import answer, hang_before_headers, page, raw, reset_before_headers
from tests.workspace import Workspace

SECRET = "dose-very-secret-0123456789"
PATH = "/oidc/v1/token"


class OAuthTestCase(unittest.TestCase):
    def setUp(self):
        self.workspace = self.enterContext(Workspace(tokens={}))
        self.workspace.clients = {"app-one": SECRET, "app-two": "dose-another-9876543210"}
        self.egress = Egress(workspace_origins=(self.workspace.origin,))
        self.client = OAuthClient("app-one", SECRET)

    def bearer(self, credential=None, **options):
        options = {"egress": self.egress, **options}
        return oauth.bearer(credential or self.client, self.workspace.origin, **options)

    @property
    def fetches(self):
        return [each for each in self.workspace.requests if each.path == PATH]

    def failure(self, **options):
        with self.assertRaises(EndpointError) as caught:
            self.bearer(**options)
        shown = f"{caught.exception.message} {caught.exception.hint} {caught.exception.response}"
        self.assertNotIn(SECRET, shown)
        return caught.exception

    def set_limits(self, **limits):
        self.enterContext(mock.patch("endpoints.oauth._LIMITS", Limits(**limits)))

    def set_clock_forward(self, seconds):
        now = time.monotonic
        later = mock.Mock(monotonic=lambda: now() + seconds)
        self.enterContext(mock.patch("endpoints.oauth.time", later))


class FetchTests(OAuthTestCase):
    def test_the_request_is_the_documented_one(self):
        self.assertEqual(self.bearer().reveal(), "oauth-app-one-0001")
        (sent,) = self.fetches
        self.assertEqual(sent.body, b"grant_type=client_credentials&scope=all-apis")
        self.assertEqual(sent.headers["Content-Type"], "application/x-www-form-urlencoded")
        self.assertEqual(sent.headers["Authorization"], self.client.basic())

    def test_a_token_goes_through_as_it_is(self):
        token = Token("dapi-alice-0123456789")
        self.assertIs(self.bearer(token), token)
        self.assertEqual(self.workspace.requests, [])

    def test_questions_to_the_workspace_carry_the_fetched_token(self):
        name = whoami(self.workspace.origin, self.client, self.egress)
        self.assertEqual(name, "app-one")
        self.assertEqual(self.workspace.requests[-1].token, "oauth-app-one-0001")

    def test_it_is_fetched_once_however_many_ask_at_once(self):
        gate = threading.Barrier(20)
        self.workspace.before_token = lambda exchange: exchange.wait(0.1)

        def ask(_):
            gate.wait(10)
            return self.bearer().reveal()

        with ThreadPoolExecutor(20) as pool:
            tokens = set(pool.map(ask, range(20)))
        self.assertEqual(tokens, {"oauth-app-one-0001"})
        self.assertEqual(len(self.fetches), 1)

    def test_a_failed_fetch_is_the_failure_of_all_who_waited_and_not_sent_again(self):
        gate = threading.Barrier(8)
        self.workspace.clients = {}
        self.workspace.before_token = lambda exchange: exchange.wait(0.3)

        def ask(_):
            gate.wait(10)
            return self.failure()

        with ThreadPoolExecutor(8) as pool:
            errors = list(pool.map(ask, range(8)))
        self.assertEqual({each.kind for each in errors}, {"unauthorized"})
        self.assertEqual(len({id(each) for each in errors}), 8)
        self.assertEqual(len(self.fetches), 1)

    def test_workspaces_clients_and_secrets_have_tokens_of_their_own(self):
        with Workspace(tokens={}) as other:
            other.clients = self.workspace.clients
            egress = Egress(workspace_origins=(self.workspace.origin, other.origin))
            self.bearer()
            oauth.bearer(self.client, other.origin, egress)
            self.assertEqual(len([each for each in other.requests if each.path == PATH]), 1)
        two = OAuthClient("app-two", "dose-another-9876543210")
        self.assertEqual(self.bearer(two).reveal(), "oauth-app-two-0002")
        with self.assertRaises(Unauthorized):
            self.bearer(OAuthClient("app-one", "dose-wrong-secret-000"))
        self.assertEqual(self.bearer().reveal(), "oauth-app-one-0001")


class RenewalTests(OAuthTestCase):
    def test_it_is_renewed_before_it_ends(self):
        self.bearer()
        self.set_clock_forward(3600 - 121)
        self.assertEqual(self.bearer().reveal(), "oauth-app-one-0001")
        self.set_clock_forward(3600 - 60)
        self.assertEqual(self.bearer().reveal(), "oauth-app-one-0002")

    def test_a_short_life_is_used_by_half(self):
        self.workspace.token_life_s = 10
        self.bearer()
        self.bearer()
        self.assertEqual(len(self.fetches), 1)
        self.set_clock_forward(6)
        self.bearer()
        self.assertEqual(len(self.fetches), 2)

    def test_without_a_life_it_is_kept_for_a_short_while(self):
        self.workspace.token_life_s = None
        self.bearer()
        self.set_clock_forward(100)
        self.bearer()
        self.assertEqual(len(self.fetches), 1)
        self.set_clock_forward(301)
        self.bearer()
        self.assertEqual(len(self.fetches), 2)

    def test_the_old_token_serves_while_renewing_fails_for_a_passing_reason(self):
        self.bearer()
        self.workspace.on(PATH, answer({"message": "down"}, 503))
        self.set_clock_forward(3600 - 60)
        self.assertEqual(self.bearer().reveal(), "oauth-app-one-0001")
        self.set_clock_forward(3600)
        self.assertEqual(self.failure().kind, "not_ready")

    def test_while_the_old_one_holds_only_the_one_who_renews_waits(self):
        self.bearer()
        release = threading.Event()
        self.workspace.before_token = lambda exchange: release.wait(10)
        self.set_clock_forward(3600 - 60)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(self.bearer)
            self.workspace.wait_for_requests(2)
            self.assertEqual(self.bearer().reveal(), "oauth-app-one-0001")
            release.set()
            self.assertEqual(first.result(5).reveal(), "oauth-app-one-0002")

    def test_a_renewal_that_fails_is_not_tried_by_every_call(self):
        self.bearer()
        self.workspace.on(PATH, answer({"message": "down"}, 503))
        self.set_clock_forward(3600 - 60)
        for _ in range(5):
            self.assertEqual(self.bearer().reveal(), "oauth-app-one-0001")
        self.assertEqual(len(self.fetches), 2)
        self.set_clock_forward(3600 - 60 + 11)
        self.bearer()
        self.assertEqual(len(self.fetches), 3)

    def test_a_life_beyond_measure_is_a_day(self):
        for life in ("1e999", "1" + "0" * 400):
            self.set_clock_forward(0)
            body = f'{{"access_token": "long-enough-1", "expires_in": {life}}}'.encode()
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
            self.workspace.on(PATH, raw(head + body))
            client = OAuthClient(f"app-{len(life)}", SECRET)
            self.assertEqual(self.bearer(client).reveal(), "long-enough-1")
            before = len(self.fetches)
            self.bearer(client)
            self.assertEqual(len(self.fetches), before)
            self.set_clock_forward(24 * 3600)
            self.bearer(client)
            self.assertEqual(len(self.fetches), before + 1)

    def test_a_late_refusal_of_the_old_token_leaves_the_new_one(self):
        old = self.bearer()
        oauth.forget(self.client, self.workspace.origin, old, self.egress)
        new = self.bearer()
        self.assertNotEqual(old, new)
        oauth.forget(self.client, self.workspace.origin, old, self.egress)
        self.assertEqual(self.bearer(), new)
        self.assertEqual(len(self.fetches), 2)

    def test_a_token_that_is_no_longer_taken_is_forgotten(self):
        self.bearer()
        self.workspace.tokens = {}
        with self.assertRaises(EndpointError) as caught:
            self.workspace.on("/api/2.0/preview/scim/v2/Me", answer({"message": "ended"}, 401))
            whoami(self.workspace.origin, self.client, self.egress)
        self.assertEqual(caught.exception.kind, "unauthorized")
        self.assertEqual(self.bearer().reveal(), "oauth-app-one-0002")


class FailureTests(OAuthTestCase):
    def test_a_wrong_client_is_unauthorized_with_a_hint(self):
        self.workspace.clients = {}
        error = self.failure()
        self.assertIsInstance(error, Unauthorized)
        self.assertIn("Client authentication failed", error.message)
        self.assertIn("client id and secret", error.hint)
        self.assertEqual(error.upstream_status, 401)

    def test_every_way_to_fail_has_its_kind(self):
        cases = (
            (answer({"error": "invalid_client"}, 400), Unauthorized),
            (answer({"message": "no"}, 403), Unauthorized),
            (answer({"error_code": "ENDPOINT_NOT_FOUND", "message": "x"}, 404), NotFound),
            (page(status=302, location="/login.html"), LoginPage),
            (page(), LoginPage),
            (answer({"token_type": "Bearer"}), BadResponse),
            (answer({"access_token": "with blank 123"}), BadResponse),
            (answer({"access_token": "long-enough-1", "token_type": "mac"}), BadResponse),
            (answer(["x"]), BadResponse),
            (raw(b"HTTP/1.1 200 OK\r\n\r\n{"), BadResponse),
        )
        for behaviour, kind in cases:
            self.workspace.on(PATH, behaviour)
            with self.subTest(kind=kind.__name__):
                self.assertIsInstance(self.failure(), kind)
        self.workspace.on(PATH, reset_before_headers)
        self.assertEqual(self.failure().kind, "connection")
        self.workspace.on(PATH, hang_before_headers)
        self.set_limits(idle_s=0.2)
        self.assertEqual(self.failure().kind, "timeout")

    def test_a_broken_answer_shows_nothing_of_the_token_in_it(self):
        self.workspace.on(PATH, raw(b'HTTP/1.1 200 OK\r\n\r\n{"access_token": "half-a-token-12'))
        error = self.failure()
        self.assertNotIn("half-a-token", f"{error.message} {error.response} {error.__cause__}")

    def test_an_echoed_secret_is_masked(self):
        def echo(exchange):
            said = exchange.request.headers["Authorization"]
            exchange.send_json({"message": f"no {said} {SECRET}"}, 401)

        self.workspace.on(PATH, echo)
        error = self.failure()
        self.assertNotIn(self.client.basic()[6:], f"{error.message} {error.response}")
        self.assertIn(MASK, error.message)

    def test_nothing_of_it_is_logged(self):
        with self.assertLogs(level=logging.DEBUG) as logs:
            logging.getLogger("probe").debug("on")
            token = self.bearer().reveal()
            self.failure(credential=OAuthClient("app-x", SECRET + "x"))
        text = "\n".join(logs.output)
        for secret in (SECRET, token, self.client.basic()[6:]):
            self.assertNotIn(secret, text)


class StopTests(OAuthTestCase):
    def test_the_fetch_can_be_stopped(self):
        self.workspace.on(PATH, hang_before_headers)
        stopper = Stopper()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self.bearer, stopper=stopper)
            self.workspace.wait_for_requests(1)
            stopper.stop()
            with self.assertRaises(Stopped):
                asked.result(5)
        self.fetches[0].wait_until_gone()

    def test_who_waits_for_anothers_fetch_can_be_stopped_alone(self):
        release = threading.Event()
        self.workspace.before_token = lambda exchange: release.wait(10)
        stopper = Stopper()
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(self.bearer)
            self.workspace.wait_for_requests(1)
            second = pool.submit(self.bearer, stopper=stopper)
            stopper.stop()
            with self.assertRaises(Stopped):
                second.result(5)
            release.set()
            self.assertEqual(first.result(5).reveal(), "oauth-app-one-0001")

    def test_a_stopped_fetch_is_taken_over_by_one_who_waits(self):
        attached = threading.Event()

        class Waiting(Stopper):
            def attach(self, line):
                super().attach(line)
                attached.set()

        self.workspace.on(PATH, hang_before_headers)
        stopper = Stopper()
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(self.bearer, stopper=stopper)
            self.workspace.wait_for_requests(1)
            second = pool.submit(self.bearer, stopper=Waiting())
            self.assertTrue(attached.wait(5))
            self.workspace._scripts.clear()
            stopper.stop()
            with self.assertRaises(Stopped):
                first.result(5)
            self.assertEqual(second.result(5).reveal(), "oauth-app-one-0001")

    def test_who_waits_too_long_gives_up(self):
        release = threading.Event()
        self.workspace.before_token = lambda exchange: release.wait(10)
        self.set_limits(total_s=0.5)
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(self.failure) for _ in range(2)]
            self.assertEqual([each.result(5).kind for each in asked], ["timeout", "timeout"])
            release.set()
        self.assertEqual(len(self.fetches), 1)

    def test_the_patience_of_one_call_is_not_that_of_those_who_wait_for_its_fetch(self):
        self.workspace.before_token = lambda exchange: exchange.wait(0.5)
        hasty = client_for(
            "serving",
            host=self.workspace.origin,
            credential=self.client,
            serving_endpoint="chat",
            egress=self.egress,
            limits=Limits(idle_s=0.2, total_s=0.3),
        )
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(list, hasty.stream("Hi"))
            self.workspace.wait_for_requests(1)
            self.assertEqual(pool.submit(self.bearer).result(5).reveal(), "oauth-app-one-0001")
            self.assertTrue(first.result(5))


class OAuthClientTests(unittest.TestCase):
    def test_no_printed_form_shows_the_secret(self):
        client = OAuthClient("app-one", SECRET)
        for form in (repr(client), str(client), f"{client}", f"{client!r:>60}", repr([client])):
            self.assertNotIn(SECRET, form)
        self.assertEqual(client.client_id, "app-one")
        with self.assertRaises(AttributeError):
            client.client_id = "other"

    def test_what_is_no_client_is_refused_by_field(self):
        for args, field in (
            (("", SECRET), "client_id"),
            (("a:b", SECRET), "client_id"),
            (("a b", SECRET), "client_id"),
            ((None, SECRET), "client_id"),
            (("app", "short"), "client_secret"),
            (("app", "with blank 12"), "client_secret"),
            (("app", None), "client_secret"),
        ):
            with self.subTest(args=args), self.assertRaises(AddressError) as caught:
                OAuthClient(*args)
            self.assertEqual(caught.exception.field, field)

    def test_equal_clients_are_equal(self):
        self.assertEqual(OAuthClient("a", SECRET), OAuthClient("a", SECRET))
        self.assertNotEqual(OAuthClient("a", SECRET), OAuthClient("b", SECRET))
        self.assertNotEqual(OAuthClient("a", SECRET), Token(SECRET))


class ClientWithOAuthTests(OAuthTestCase):
    """`client_for` takes an OAuth client where it takes a token."""

    def chat(self):
        return client_for(
            "serving",
            host=self.workspace.origin,
            credential=self.client,
            serving_endpoint="chat",
            egress=self.egress,
        )

    def test_the_call_carries_the_fetched_token(self):
        text = "".join(each.text for each in self.chat().stream("Hi") if isinstance(each, Text))
        self.assertEqual(text, "Good. You wrote: Hi")
        self.assertEqual(self.workspace.requests[-1].token, "oauth-app-one-0001")

    def test_the_preview_fetches_nothing(self):
        self.assertIn(MASK, self.chat().request("Hi").headers["Authorization"])
        self.assertEqual(self.workspace.requests, [])

    def test_a_token_that_is_refused_is_fetched_anew_for_the_next_call(self):
        self.workspace.serve("chat", answer({"error_code": 401, "message": "expired"}, 401))
        for _ in range(2):
            with self.assertRaises(Unauthorized):
                list(self.chat().stream("Hi"))
        self.assertEqual(len(self.fetches), 2)
