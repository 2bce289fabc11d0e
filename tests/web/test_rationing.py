"""How many runs one person may start within a minute and have running: exactly so many."""

import threading
from datetime import timedelta

from django.db import connection
from django.test import TransactionTestCase, override_settings
from django.utils import timezone

from playground import running
from playground.limits import TooMany, check_line, hold_line, in_words
from playground.models import Call, Run
from playground.running import Variant
from tests.api import ApiTestCase
from tests.base import WebTestCase
from tests.make import make_call, make_endpoint, make_run, make_user

ASK = [{"role": "user", "content": "hi"}]
HTMX = {"HTTP_HX_REQUEST": "true"}


def end_all() -> None:
    Call.objects.update(status=Call.Status.DONE)


@override_settings(RUNS_PER_MINUTE=3, RUNS_AT_ONCE=2)
class RationTests(ApiTestCase):
    def setUp(self) -> None:
        self.endpoint = make_endpoint(self.alice)

    def start(self, user=None, **fields):
        body = {"prompt": "hi", "variants": [{"endpoint": "echo"}]} | fields
        return self.api(user or self.alice, "POST", "/runs", body)

    def test_one_run_more_within_a_minute_is_refused_with_the_wait(self) -> None:
        for _ in range(3):
            self.ok(self.start(), 201)
            end_all()
        response = self.start()
        self.assert_error(response, 429, "too_many", says="Run again in")
        self.assertTrue(1 <= int(response["Retry-After"]) <= 60)
        self.assertEqual(Run.objects.count(), 3)

    def test_the_minute_slides(self) -> None:
        for _ in range(3):
            self.start()
            end_all()
        oldest = Run.objects.earliest("created_at")
        Run.objects.filter(pk=oldest.pk).update(created_at=timezone.now() - timedelta(seconds=58))
        self.assertLessEqual(int(self.start()["Retry-After"]), 2)
        Run.objects.filter(pk=oldest.pk).update(created_at=timezone.now() - timedelta(seconds=61))
        self.ok(self.start(), 201)

    def test_running_runs_are_limited_and_ended_ones_make_room(self) -> None:
        self.start(), self.start()
        response = self.start()
        self.assert_error(response, 429, "too_many", says="still running")
        self.assertEqual(response["Retry-After"], "5")
        Call.objects.filter(run=Run.objects.first()).update(status=Call.Status.STOPPED)
        self.ok(self.start(), 201)

    def test_every_status_that_is_not_over_counts(self) -> None:
        for status in (Call.Status.QUEUED, Call.Status.WAITING, Call.Status.STREAMING):
            with self.subTest(status=status):
                Run.objects.all().delete()
                for _ in range(2):
                    make_run(self.alice, self.endpoint, status=status)
                self.assert_error(self.start(), 429, "too_many")

    def test_others_have_their_own_ration(self) -> None:
        self.start(), self.start()
        make_endpoint(self.bob)
        self.ok(self.start(self.bob), 201)

    def test_the_same_key_again_is_no_further_run(self) -> None:
        first = self.ok(self.start(idempotency_key="k"), 201)
        self.start()
        self.assert_error(self.start(), 429, "too_many")
        self.assertEqual(self.ok(self.start(idempotency_key="k"), 201)["id"], first["id"])

    def test_a_retry_needs_room_too_unless_its_run_is_running_anyway(self) -> None:
        ended = make_run(self.alice, self.endpoint, status=Call.Status.DONE)
        live = make_run(self.alice, self.endpoint, status=Call.Status.STREAMING)
        failed = make_call(live, self.endpoint, status=Call.Status.FAILED)
        make_run(self.alice, self.endpoint, status=Call.Status.QUEUED)
        with self.assertRaises(TooMany):
            running.retry_call(self.alice, ended.calls.get())
        running.retry_call(self.alice, failed)


@override_settings(RUNS_AT_ONCE=1)
class RationPageTests(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)
        self.endpoint = make_endpoint(self.alice)
        self.running = make_run(self.alice, self.endpoint, status=Call.Status.STREAMING)

    def press_run(self, **extra):
        typed = {"role-1": "user", "message-1": "What I typed", "column": f"0:{self.endpoint.pk}"}
        return self.client.post("/runs/start/", typed, **extra)

    def test_the_page_says_why_and_keeps_what_was_typed(self) -> None:
        response = self.press_run(**HTMX)
        self.assertContains(response, "still running", status_code=429)
        self.assertEqual(response["HX-Retarget"], "#prompt-errors")
        self.assertEqual(response["Retry-After"], "5")
        self.assertContains(self.client.get("/"), "What I typed")
        self.assertNotContains(response, "data-until", status_code=429)  # nobody knows when

    @override_settings(RUNS_PER_MINUTE=1, RUNS_AT_ONCE=50)
    def test_a_wait_that_is_known_is_counted_down(self) -> None:
        response = self.press_run(**HTMX)
        self.assertContains(response, "Run again in", status_code=429)
        self.assertContains(response, "data-until", status_code=429)

    def test_the_page_says_so_without_script_too(self) -> None:
        response = self.press_run()
        self.assertContains(response, "still running", status_code=429)
        self.assertContains(response, "What I typed", status_code=429)

    def test_a_retry_says_so_in_a_message(self) -> None:
        call = make_run(self.alice, self.endpoint, status=Call.Status.DONE).calls.get()
        response = self.client.post(f"/calls/{call.pk}/retry/", **HTMX)
        self.assertContains(response, "still running", status_code=429)
        self.assertEqual(response["HX-Retarget"], "#toasts")

    def test_htmx_is_told_to_show_it(self) -> None:
        self.assertContains(self.client.get("/"), '{"code":"42[29]","swap":true}')


@override_settings(RUNS_PER_MINUTE=7, RUNS_AT_ONCE=50)
class ParallelRunsTests(TransactionTestCase):
    def race(self) -> list[str]:
        """A hundred at once; what became of each."""
        alice = make_user("alice")
        variants, outcomes = [Variant(make_endpoint(alice))], []

        def start() -> None:
            try:
                running.start_run(alice, ASK, variants)
                outcomes.append("started")
            except TooMany:
                outcomes.append("refused")
            finally:
                connection.close()

        threads = [threading.Thread(target=start) for _ in range(100)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        return outcomes

    def test_a_hundred_at_once_are_as_many_as_allowed(self) -> None:
        outcomes = self.race()
        self.assertEqual((outcomes.count("started"), outcomes.count("refused")), (7, 93))
        self.assertEqual(Run.objects.count(), 7)

    @override_settings(RUNS_PER_MINUTE=1000, RUNS_AT_ONCE=7)
    def test_a_hundred_at_once_are_as_many_as_may_run(self) -> None:
        self.assertEqual(self.race().count("started"), 7)
        self.assertEqual(Run.objects.count(), 7)


class LineTests(WebTestCase):
    @override_settings(LINES_PER_USER=2)
    def test_lines_are_counted_by_person_and_given_back(self) -> None:
        with hold_line("alice"):
            with hold_line("alice"):
                with self.assertRaises(TooMany):
                    check_line("alice")
                check_line("bob")
            check_line("alice")

    def test_waits_are_said_in_words(self) -> None:
        words = {1: "1 second", 60: "60 seconds", 61: "2 minutes", 900: "15 minutes"}
        self.assertEqual({seconds: in_words(seconds) for seconds in words}, words)
