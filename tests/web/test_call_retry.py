"""POST /calls/<id>/retry/: the same column again; the old attempt is kept."""

from uuid import uuid4

from playground.models import Call
from tests.base import WebTestCase
from tests.make import make_endpoint, make_run


class CallRetryTests(WebTestCase):
    def setUp(self):
        self.log_in(self.alice)
        self.endpoint = make_endpoint(self.alice, team=self.team)
        self.call = self.failed_call(self.alice)

    def test_the_column_is_queued_again(self):
        column = self.retry()
        again = self.call.run.calls.get(attempt=2)
        self.assertContains(column, 'id="col-a" data-status="queued"')
        self.assertContains(column, f'data-call="{again.pk}"')
        self.assertContains(column, "attempt 2")
        self.assertEqual(again.overrides, {"temperature": 0.1})

    def test_the_old_attempt_is_kept(self):
        self.retry()
        self.call.refresh_from_db()
        self.assertEqual((self.call.status, self.call.text), (Call.Status.FAILED, "half"))

    def test_a_second_retry_shows_the_one_that_goes_on(self):
        self.retry()
        column = self.retry()
        self.assertContains(column, "attempt 2")
        self.assertEqual(self.call.run.calls.count(), 2)

    def test_a_deleted_endpoint_is_explained(self):
        self.endpoint.delete()
        answer = self.retry()
        self.assertContains(answer, "was deleted", status_code=422)
        self.assertEqual(answer["HX-Retarget"], "#toasts")

    def test_a_viewer_may_not_retry(self):
        self.log_in(self.vera)
        self.call = self.failed_call(self.vera)
        self.assertContains(self.retry(), "Your role does not let you", status_code=422)

    def test_others_get_404_and_start_nothing(self):
        for somebody in (self.bob, self.charlie):
            self.log_in(somebody)
            self.assertEqual(self.retry().status_code, 404)
        self.assertEqual(self.call.run.calls.count(), 1)

    def test_what_is_missing_is_404(self):
        self.assertEqual(self.client.post(f"/calls/{uuid4()}/retry/").status_code, 404)

    def test_only_post_is_answered(self):
        self.assertEqual(self.client.get(f"/calls/{self.call.pk}/retry/").status_code, 405)

    def failed_call(self, owner) -> Call:
        run = make_run(
            owner, self.endpoint, status="failed", text="half", overrides={"temperature": 0.1}
        )
        return run.calls.get()

    def retry(self):
        return self.client.post(f"/calls/{self.call.pk}/retry/", HTTP_HX_REQUEST="true")
