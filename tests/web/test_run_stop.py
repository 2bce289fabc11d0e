"""POST /runs/<id>/stop/: everything that still goes on ends."""

from uuid import uuid4

from playground.models import Call
from tests.base import WebTestCase
from tests.make import make_call, make_endpoint, make_run


class RunStopTests(WebTestCase):
    def setUp(self):
        self.log_in(self.alice)
        self.endpoint = make_endpoint(self.alice)
        self.run_ = make_run(self.alice, self.endpoint)
        self.streaming = make_call(self.run_, self.endpoint, status="streaming", worker="worker!1")
        self.done = make_call(self.run_, self.endpoint, status="done", text="kept")

    def test_queued_calls_stop_and_live_ones_are_asked_to(self):
        self.assertEqual(self.stop().status_code, 204)
        queued, streaming, done = self.run_.calls.all()
        self.assertEqual(queued.status, Call.Status.STOPPED)
        self.assertTrue(streaming.is_stop_asked)
        self.assertEqual((done.status, done.is_stop_asked), (Call.Status.DONE, False))

    def test_stopping_twice_is_no_error(self):
        self.stop()
        self.assertEqual(self.stop().status_code, 204)

    def test_others_get_404_and_stop_nothing(self):
        for somebody in (self.bob, self.charlie):
            self.log_in(somebody)
            self.assertEqual(self.stop().status_code, 404)
        self.assertFalse(self.run_.calls.filter(is_stop_asked=True).exists())

    def test_what_is_missing_is_404(self):
        self.assertEqual(self.client.post(f"/runs/{uuid4()}/stop/").status_code, 404)

    def test_only_post_is_answered(self):
        self.assertEqual(self.client.get(f"/runs/{self.run_.pk}/stop/").status_code, 405)

    def stop(self):
        return self.client.post(f"/runs/{self.run_.pk}/stop/")
