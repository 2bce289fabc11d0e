"""POST /calls/<id>/stop/: one column ends, the others go on."""

from uuid import uuid4

from playground.models import Call
from tests.base import WebTestCase
from tests.make import make_endpoint, make_run


class CallStopTests(WebTestCase):
    def setUp(self):
        self.log_in(self.alice)
        endpoint = make_endpoint(self.alice)
        self.run_ = make_run(self.alice, endpoint, endpoint)
        self.call, self.neighbour = self.run_.calls.all()

    def test_only_this_call_stops(self):
        self.assertEqual(self.stop().status_code, 204)
        statuses = list(self.run_.calls.values_list("status", flat=True))
        self.assertEqual(statuses, [Call.Status.STOPPED, Call.Status.QUEUED])

    def test_others_get_404_and_stop_nothing(self):
        for somebody in (self.bob, self.charlie):
            self.log_in(somebody)
            self.assertEqual(self.stop().status_code, 404)
        self.assertFalse(self.run_.calls.exclude(status=Call.Status.QUEUED).exists())

    def test_what_is_missing_is_404(self):
        for pk in (uuid4(), "x"):
            self.assertEqual(self.client.post(f"/calls/{pk}/stop/").status_code, 404)

    def test_only_post_is_answered(self):
        self.assertEqual(self.client.get(f"/calls/{self.call.pk}/stop/").status_code, 405)

    def stop(self):
        return self.client.post(f"/calls/{self.call.pk}/stop/")
