"""Verbs of a run that no page shows by itself: variables, the idempotency key, claims."""

from django.test import override_settings

from playground import claiming, running
from playground.asking import TooLarge, check_asked
from playground.connecting import Refused
from playground.models import Call, Run
from playground.running import Variant
from tests.base import WebTestCase
from tests.make import make_call, make_endpoint, make_run, make_workspace

ASK = [{"role": "user", "content": "How are you?"}]


class FillInTests(WebTestCase):
    def fill(self, text: str, **variables: str) -> str:
        asked = check_asked([{"role": "user", "content": text}], variables=variables)
        return asked.messages[0]["content"]

    def test_values_replace_names_and_unknown_names_stay(self):
        self.assertEqual(self.fill("{{ a }}-{{b}}-{{c}}", a="1", b="{{c}}"), "1-{{c}}-{{c}}")

    def test_a_short_prompt_that_would_become_huge_is_refused_before_it_does(self):
        with self.assertRaises(TooLarge):
            self.fill("{{a}}" * 20_000, a="x" * 200_000)


class StartRunTests(WebTestCase):
    def setUp(self) -> None:
        self.endpoint = make_endpoint(self.alice)

    def test_an_endpoint_deleted_meanwhile_never_answers_an_older_run(self):
        variant = Variant(self.endpoint)
        running.start_run(self.alice, ASK, [variant])
        type(self.endpoint).objects.all().delete()
        with self.assertRaises(Refused):
            running.start_run(self.alice, ASK, [Variant(type(self.endpoint)(id=None))])
        self.assertEqual(Run.objects.count(), 1)

    def test_the_same_key_with_another_prompt_is_a_conflict(self):
        variants = [Variant(self.endpoint)]
        running.start_run(self.alice, ASK, variants, idempotency_key="k")
        other = [{"role": "user", "content": "Something else"}]
        with self.assertRaises(running.Conflict):
            running.start_run(self.alice, other, variants, idempotency_key="k")

    def test_the_same_key_of_another_person_is_another_run(self):
        theirs = make_endpoint(self.bob)
        first = running.start_run(self.alice, ASK, [Variant(self.endpoint)], idempotency_key="k")
        second = running.start_run(self.bob, ASK, [Variant(theirs)], idempotency_key="k")
        self.assertNotEqual(first.pk, second.pk)


class ClaimTests(WebTestCase):
    def setUp(self) -> None:
        self.endpoint = make_endpoint(self.alice)

    @override_settings(CALLS_PER_USER=3)
    def test_one_person_never_has_more_calls_in_flight_than_allowed(self):
        make_run(self.alice, *[self.endpoint] * 5)
        bobs = make_run(self.bob, make_endpoint(self.bob))
        claimed = claiming.claim_calls("worker", 64)
        self.assertEqual(sum(call.run.owner_id == self.alice.pk for call in claimed), 3)
        self.assertIn(bobs.pk, [call.run_id for call in claimed])
        self.assertEqual(claiming.claim_calls("worker", 64), [])

    @override_settings(CALLS_PER_HOST=3)
    def test_a_host_never_has_more_calls_in_flight_than_allowed(self):
        same = {"url": "HTTP://127.0.0.1:7777/other"}  # spelt otherwise, and another person's
        make_run(self.alice, *[self.endpoint] * 2)
        make_run(self.bob, *[make_endpoint(self.bob, **same)] * (claiming.SPARE + 9))
        place = {"kind": "serving", "task": "chat", "workspace": make_workspace(self.alice)}
        theirs = make_run(self.alice, make_endpoint(self.alice, name="serving", **place))
        hosts = ["127.0.0.1:7777"] * 3
        first = claiming.claim_calls("worker", 3)
        self.assertEqual([call.host for call in first], hosts)
        # Those over the cap wait, and hold up nobody behind them.
        self.assertEqual([c.run_id for c in claiming.claim_calls("other", 64)], [theirs.pk])
        self.assertEqual(claiming.claim_calls("worker", 64), [])
        Call.objects.filter(pk=first[0].pk).update(status="done")
        (again,) = claiming.claim_calls("worker", 64)
        self.assertEqual((again.host, again.run.owner), (hosts[0], self.bob))
        self.assertFalse(Call.objects.filter(status="failed").exists())

    @override_settings(CALLS_PER_USER=2)
    def test_whoever_has_fewest_in_flight_comes_next(self):
        make_run(self.alice, *[self.endpoint] * 9)
        make_run(self.charlie, *[make_endpoint(self.charlie)] * 9)
        mine = make_run(self.bob, make_endpoint(self.bob))
        owners = [call.run.owner for call in claiming.claim_calls("worker", 4)]
        self.assertEqual(owners, [self.alice, self.charlie, self.bob, self.alice])
        self.assertEqual(mine.calls.get().status, "waiting")

    @override_settings(CALLS_PER_USER=64, CALLS_PER_HOST=99)
    def test_a_thousand_calls_of_one_keep_another_waiting_for_one_seat_alone(self):
        make_run(self.alice, *[self.endpoint] * 300)
        self.assertEqual(len(claiming.claim_calls("worker", 64)), 64)
        mine = make_run(self.bob, make_endpoint(self.bob))
        self.assertEqual(claiming.claim_calls("worker", 1)[0].run_id, mine.pk)

    def test_no_more_calls_are_claimed_than_there_are_seats(self):
        make_run(self.alice, *[self.endpoint] * 5)
        self.assertEqual(len(claiming.claim_calls("worker", 2)), 2)
        self.assertEqual(Call.objects.filter(status="queued").count(), 3)

    def test_a_lost_worker_can_write_nothing_more(self):
        run = make_run(self.alice, self.endpoint)
        (call,) = claiming.claim_calls("gone", 1)
        Call.objects.update(lease_until=call.started_at)
        self.assertEqual([c.pk for c in running.reap_calls("other")], [call.pk])
        call.status, call.text = Call.Status.DONE, "too late"
        self.assertFalse(running.end_call("gone", call))
        late = (str(call.pk), "late", "", 1)
        self.assertEqual(running.keep_texts("gone", [late]), [str(call.pk)])
        kept = run.calls.get()
        self.assertEqual((kept.status, kept.text), ("failed", ""))
        self.assertEqual(kept.error["kind"], "worker_lost")

    def test_a_worker_never_reaps_its_own_calls(self):
        make_run(self.alice, self.endpoint)
        (call,) = claiming.claim_calls("mine", 1)
        Call.objects.update(lease_until=call.started_at)
        self.assertEqual(running.reap_calls("mine"), [])

    def test_a_lost_call_that_was_to_be_stopped_is_stopped(self):
        make_run(self.alice, self.endpoint)
        (call,) = claiming.claim_calls("gone", 1)
        Call.objects.update(lease_until=call.started_at, is_stop_asked=True)
        running.reap_calls("other")
        self.assertEqual(Call.objects.get().status, "stopped")

    def test_a_queued_call_stops_without_a_worker(self):
        run = make_run(self.alice, self.endpoint)
        running.stop_run(run)
        self.assertEqual(run.calls.get().status, "stopped")
        self.assertEqual(claiming.claim_calls("worker", 1), [])


class SharedByOneWhoLeftTests(WebTestCase):
    def test_what_somebody_shared_leaves_the_team_with_them(self):
        endpoint = make_endpoint(self.bob, team=self.team)
        self.log_in(self.alice)
        self.assertContains(self.client.get("/endpoints/"), endpoint.name)
        self.bob.memberships.all().delete()
        self.assertNotContains(self.client.get("/endpoints/"), endpoint.name)
        with self.assertRaises(Refused):
            running.start_run(self.alice, ASK, [Variant(endpoint)])

    def test_a_call_queued_before_is_not_sent(self):
        from endpoints.errors import Forbidden
        from playground.connecting import client_for_call

        endpoint = make_endpoint(self.bob, team=self.team)
        run = make_run(self.alice)
        call = make_call(run, endpoint)
        self.bob.memberships.all().delete()
        with self.assertRaises(Forbidden):
            client_for_call(call)
