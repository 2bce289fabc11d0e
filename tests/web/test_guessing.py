"""Guessing passwords and tokens: slowed down by name and address, the same for every name."""

import threading
import time
from datetime import timedelta
from io import StringIO

from axes.models import AccessAttempt
from django.core.management import call_command
from django.db import connection
from django.test import Client, TransactionTestCase, override_settings

from playground import guessing
from playground.models import ApiToken
from tests.api import ApiTestCase
from tests.base import WebTestCase
from tests.make import PASSWORD, make_user

LOGIN = "/login/"


class GuessingTestCase(WebTestCase):
    def sign_in(self, username="alice", password="wrong", address="192.0.2.1"):
        typed = {"username": username, "password": password}
        return Client().post(LOGIN, typed, REMOTE_ADDR=address)

    def guess(self, times: int = guessing.PER_NAME, **what) -> None:
        for _ in range(times):
            self.assertEqual(self.sign_in(**what).status_code, 422)

    def age(self, minutes: float) -> None:
        """As if the attempts so far had been so long ago."""
        for row in AccessAttempt.objects.all():
            row.attempt_time -= timedelta(minutes=minutes)
            row.save()


class PasswordGuessingTests(GuessingTestCase):
    def test_after_five_even_the_right_password_is_not_looked_at(self) -> None:
        self.guess()
        response = self.sign_in(password=PASSWORD)
        self.assertContains(response, "Try again in 15 minutes", status_code=429)
        self.assertEqual(response["Retry-After"], "900")
        self.assertContains(response, 'value="alice"', status_code=429)  # the name stays

    def test_the_wait_is_told_and_kept(self) -> None:
        self.guess()
        self.age(minutes=10)
        response = self.sign_in(password=PASSWORD)
        self.assertContains(response, "Try again in 5 minutes", status_code=429)
        self.assertLessEqual(int(response["Retry-After"]), 300)
        self.age(minutes=4.9)
        self.assertContains(self.sign_in(), "seconds", status_code=429)
        self.age(minutes=0.2)
        self.assertEqual(self.sign_in(password=PASSWORD).status_code, 302)

    def test_trying_on_does_not_make_the_wait_longer(self) -> None:
        self.guess()
        for _ in range(20):
            self.sign_in()
        self.age(minutes=15.1)
        self.assertEqual(self.sign_in(password=PASSWORD).status_code, 302)

    def test_nobody_locks_a_colleague_out_from_elsewhere(self) -> None:
        self.guess(address="192.0.2.66")
        self.assertEqual(self.sign_in(password=PASSWORD, address="192.0.2.1").status_code, 302)

    def test_a_colleague_at_the_same_address_is_not_locked_out(self) -> None:
        self.guess(username="alice")
        self.assertEqual(self.sign_in(username="bob", password=PASSWORD).status_code, 302)

    def test_many_names_from_one_address_are_limited_too(self) -> None:
        for number in range(guessing.PER_ADDRESS):
            self.sign_in(username=f"name{number}")
        response = self.sign_in(username="bob", password=PASSWORD)
        self.assertEqual(response.status_code, 429)
        self.assertEqual(
            self.sign_in(username="bob", password=PASSWORD, address="192.0.2.2").status_code, 302
        )

    def test_tries_that_are_not_looked_at_do_not_count_for_the_address(self) -> None:
        for _ in range(guessing.PER_ADDRESS + 10):
            self.sign_in(username="alice")
        self.assertEqual(self.sign_in(username="bob", password=PASSWORD).status_code, 302)

    def test_a_right_password_makes_a_clean_slate_for_its_name_only(self) -> None:
        self.guess(times=4)
        self.guess(times=4, username="bob")
        self.assertEqual(self.sign_in(password=PASSWORD).status_code, 302)
        self.guess(times=4)
        self.guess(times=1, username="bob")
        self.assertEqual(self.sign_in(username="bob", password=PASSWORD).status_code, 429)

    def test_a_whole_network_of_ipv6_is_one_address(self) -> None:
        for number in range(guessing.PER_NAME):
            self.sign_in(address=f"2001:db8::{number}")
        self.assertEqual(self.sign_in(address="2001:db8::ffff").status_code, 429)
        self.assertEqual(self.sign_in(address="2001:db8:0:1::1").status_code, 422)

    def test_a_mapped_address_is_the_same_as_the_plain_one(self) -> None:
        self.guess(address="192.0.2.1")
        self.assertEqual(self.sign_in(address="::ffff:192.0.2.1").status_code, 429)

    def test_a_header_does_not_make_another_address(self) -> None:
        for number in range(guessing.PER_NAME):
            typed = {"username": "alice", "password": "wrong"}
            Client().post(LOGIN, typed, headers={"X-Forwarded-For": f"198.51.100.{number}"})
        response = Client().post(LOGIN, {"username": "alice", "password": PASSWORD})
        self.assertEqual(response.status_code, 429)

    def test_another_browser_is_not_another_person(self) -> None:
        for number in range(guessing.PER_NAME):
            typed = {"username": "alice", "password": "wrong"}
            Client().post(LOGIN, typed, headers={"User-Agent": f"Browser {number}"})
        response = Client().post(LOGIN, {"username": "alice", "password": PASSWORD})
        self.assertEqual(response.status_code, 429)
        self.assertLessEqual(AccessAttempt.objects.count(), 2)

    def test_names_are_not_kept_readable(self) -> None:
        """People type their password into the field of the name."""
        self.sign_in(username="correct-horse-battery", password="x")
        stored = str(list(AccessAttempt.objects.values()))
        self.assertNotIn("correct-horse", stored)

    def test_old_attempts_are_not_kept(self) -> None:
        self.guess(times=3)
        self.age(minutes=16)
        self.sign_in(username="bob")
        self.assertEqual(AccessAttempt.objects.count(), 2)

    def test_the_admins_command_lets_everybody_try_again(self) -> None:
        self.guess()
        call_command("axes_reset", verbosity=0, stdout=StringIO())
        self.assertEqual(self.sign_in(password=PASSWORD).status_code, 302)

    def test_strange_input_is_survived(self) -> None:
        for name in ("", " ", "a\0b", "é" * 150, "x" * 151, "{{7*7}}", "' OR 1=1 --"):
            with self.subTest(name):
                self.assertEqual(self.sign_in(username=name).status_code, 422)
        self.assertEqual(self.sign_in(address="").status_code, 422)


class SameForEveryNameTests(GuessingTestCase):
    def test_the_refusal_reads_the_same_for_known_and_unknown_names(self) -> None:
        pages = []
        for name in ("alice", "zzzzz"):
            self.guess(username=name)
            page = self.sign_in(username=name).content.decode().replace(name, "NAME")
            pages.append([line for line in page.splitlines() if "csrf" not in line])
        self.assertEqual(*pages)

    @override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"],
    )
    def test_looking_takes_as_long_for_known_and_unknown_names(self) -> None:
        """CPU time of this thread, at its best of several: what else runs here adds to the rest."""
        make_user("known")

        def took(name: str) -> float:
            times = []
            for number in range(8):
                began = time.thread_time()
                self.sign_in(username=name, address=f"192.0.2.{number}")
                times.append(time.thread_time() - began)
            return min(times)

        known, unknown = took("known"), took("nobody-has-this-name")
        self.assertLess(abs(known - unknown), 0.1 * max(known, unknown), (known, unknown))


class ParallelGuessingTests(TransactionTestCase):
    def test_a_hundred_guesses_at_once_are_five(self) -> None:
        make_user("alice")
        answers = []

        def guess() -> None:
            try:
                typed = {"username": "alice", "password": "wrong"}
                answers.append(Client().post(LOGIN, typed).status_code)
            finally:
                connection.close()

        threads = [threading.Thread(target=guess) for _ in range(100)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(answers.count(422), guessing.PER_NAME)
        self.assertEqual(answers.count(429), 100 - guessing.PER_NAME)


class TokenGuessingTests(ApiTestCase):
    def get_me(self, token: str, address: str = "192.0.2.1"):
        headers = {"Authorization": f"Bearer {token}"}
        return Client().get("/api/v1/me", headers=headers, REMOTE_ADDR=address)

    def test_unknown_tokens_are_limited_by_address(self) -> None:
        for number in range(guessing.TOKENS_PER_ADDRESS):
            self.assert_error(self.get_me(f"pp_{number}"), 401, "unauthorized")
        response = self.get_me("pp_more")
        self.assert_error(response, 429, "too_many", says="15 minutes")
        self.assertEqual(response["Retry-After"], "900")
        self.assert_error(self.get_me("pp_more", address="192.0.2.2"), 401, "unauthorized")

    def test_a_good_token_is_never_refused_for_what_others_sent(self) -> None:
        for number in range(guessing.TOKENS_PER_ADDRESS + 5):
            self.get_me(f"pp_{number}")
        _, token = ApiToken.make(self.alice, "ci")
        self.ok(self.get_me(token))

    def test_wrong_tokens_do_not_keep_people_from_signing_in(self) -> None:
        for number in range(guessing.TOKENS_PER_ADDRESS + 5):
            self.get_me(f"pp_{number}")
        typed = {"username": "alice", "password": PASSWORD}
        self.assertEqual(Client().post(LOGIN, typed, REMOTE_ADDR="192.0.2.1").status_code, 302)

    def test_a_token_in_the_address_is_no_sign_in(self) -> None:
        _, token = ApiToken.make(self.alice, "ci")
        for name in ("token", "access_token", "api_key", "Authorization"):
            response = Client().get(f"/api/v1/me?{name}={token}")
            self.assert_error(response, 401, "unauthorized")
