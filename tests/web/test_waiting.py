"""What a queued or waiting call says: its place in the line, and what it waits for."""

from datetime import timedelta

from django.test import override_settings
from django.utils import timezone

from playground import claiming, running, waiting
from playground.models import Call
from playground.waiting import Place
from tests.base import WebTestCase
from tests.make import make_call, make_endpoint, make_run


@override_settings(CALLS_PER_USER=3, CALLS_PER_HOST=10)
class PlaceTests(WebTestCase):
    def setUp(self) -> None:
        self.endpoint = make_endpoint(self.alice)

    def places(self, run) -> list[Place]:
        found = waiting.places_in(run.pk)
        return [found[str(call.pk)] for call in run.calls.filter(status="queued")]

    def live(self, owner, many: int, **fields) -> None:
        endpoint = make_endpoint(owner, name=f"live {Call.objects.count()}", **fields)
        lease = timezone.now() + timedelta(seconds=6)
        make_run(owner, *[endpoint] * many, status="waiting", worker="w", lease_until=lease)

    def age(self, run, seconds: float = 60) -> None:
        run.calls.update(created_at=timezone.now() - timedelta(seconds=seconds))

    def test_all_seats_taken_counts_everybody_before(self) -> None:
        self.live(self.bob, 1)
        earlier = make_run(self.bob, make_endpoint(self.bob))
        run = make_run(self.alice, self.endpoint, self.endpoint)
        self.assertEqual(self.places(run), [Place(2, "seats"), Place(3, "seats")])
        claiming.claim_calls("w", 2)  # one of each: both people have one in flight more
        self.assertEqual(self.places(run), [Place(1, "seats")])
        self.assertEqual(self.places(earlier), [])

    def test_ones_own_limit_counts_ones_own_calls(self) -> None:
        make_run(self.bob, make_endpoint(self.bob))
        self.live(self.alice, 3)
        run = make_run(self.alice, self.endpoint, self.endpoint)
        self.assertEqual(self.places(run), [Place(1, "person"), Place(2, "person")])
        self.assertEqual(self.places(run)[0].most, 3)

    @override_settings(CALLS_PER_HOST=2)
    def test_the_limit_of_a_host_counts_its_calls(self) -> None:
        self.live(self.bob, 2)
        elsewhere = make_endpoint(self.bob, name="elsewhere", url="http://127.0.0.1:7000/")
        make_run(self.bob, elsewhere)
        run = make_run(self.alice, self.endpoint)
        self.assertEqual(self.places(run), [Place(1, "host")])
        self.assertEqual(self.places(run)[0].most, 2)

    def test_no_worker_is_said_only_after_a_while(self) -> None:
        run = make_run(self.alice, self.endpoint)
        self.assertEqual(self.places(run), [Place(1, "seats")])
        self.age(run)
        self.assertEqual(self.places(run), [Place(1, "worker")])
        self.live(self.bob, 1)
        self.assertEqual(self.places(run), [Place(1, "seats")])
        Call.objects.filter(worker="w").update(lease_until=timezone.now() - timedelta(seconds=1))
        self.assertEqual(self.places(run), [Place(1, "worker")])

    def test_it_is_one_query_however_many_wait(self) -> None:
        run = make_run(self.alice, *[self.endpoint] * 20)
        with self.assertNumQueries(1):
            places = waiting.places_in(run.pk)
        self.assertEqual(sorted(place.number for place in places.values()), [*range(1, 21)])


class NoteTests(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)
        self.run_ = make_run(self.alice)
        self.endpoint = make_endpoint(self.alice)

    def call(self, **fields) -> Call:
        return make_call(self.run_, self.endpoint, status="waiting", worker="w", **fields)

    def page(self):
        return self.client.get(f"/runs/{self.run_.pk}/")

    def test_each_reason_has_its_sentence(self) -> None:
        for reason, words in {
            "": "No answer yet from direct URL",
            "scaled_to_zero": "had scaled to zero",
            "updating": "is being created or updated",
            "not_ready": "is not ready",
            "cluster_starting": "The cluster is starting",
            "cluster_stopped": "the cluster is not running",
        }.items():
            self.run_.calls.all().delete()
            self.call(waits_for=reason)
            self.assertContains(self.page(), words, count=1)

    def test_it_is_noted_only_while_the_call_waits_for_this_worker(self) -> None:
        call = self.call()
        self.assertFalse(running.note_wait("another", call.pk, "updating"))
        self.assertTrue(running.note_wait("w", call.pk, "updating"))
        Call.objects.update(status="streaming")
        self.assertFalse(running.note_wait("w", call.pk, "not_ready"))
        self.assertEqual(Call.objects.get().waits_for, "updating")

    def test_a_prompt_that_was_too_long_offers_the_longest_message(self) -> None:
        error = {"kind": "bad_request", "message": "No: too long.", "hint": "Shorten it."}
        call = self.call()
        Call.objects.update(status="failed", error=error)
        self.assertNotContains(self.page(), "data-longest")
        Call.objects.filter(pk=call.pk).update(error=error | {"reason": "too_long"})
        self.assertContains(self.page(), "Show the longest message")
