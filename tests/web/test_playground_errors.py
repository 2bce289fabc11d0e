"""The pages for what went wrong."""

import json
from unittest import mock

from django.test import RequestFactory

from playground.views import errors
from tests.base import WebTestCase


class ErrorPageTests(WebTestCase):
    def test_an_address_that_is_none_leads_back(self):
        for user in (self.alice, None):
            self.client.logout()
            if user:
                self.log_in(user)
            answer = self.client.get("/nowhere/")
            self.assertContains(answer, "There is nothing at this address", status_code=404)

    def test_programs_get_the_same_as_json(self):
        answer = errors.not_found(RequestFactory().get("/api/v1/nowhere"), Exception())
        self.assertEqual((answer.status_code, kind_in(answer)), (404, "not_found"))
        answer = errors.server_error(RequestFactory().get("/api/v1/runs"))
        self.assertEqual((answer.status_code, kind_in(answer)), (500, "internal"))
        answer = errors.csrf_failed(RequestFactory().post("/api/v1/runs"))
        self.assertEqual((answer.status_code, kind_in(answer)), (403, "forbidden"))

    def test_the_page_of_a_failed_server_asks_no_database(self):
        with self.assertNumQueries(0):
            answer = errors.server_error(RequestFactory().get("/"))
        self.assertContains(answer, "failed on this page", status_code=500)

    def test_a_failing_view_answers_that_page_and_logs_the_cause(self):
        self.log_in(self.alice)
        self.client.raise_request_exception = False
        broken = mock.patch("playground.drafting.draft_of", side_effect=RuntimeError("broken"))
        with broken, self.assertLogs("django.request", "ERROR") as logged:
            answer = self.client.get("/")
        self.assertContains(answer, "failed on this page", status_code=500)
        self.assertNotContains(answer, "broken", status_code=500)
        self.assertIn("RuntimeError: broken", logged.output[0])


def kind_in(answer) -> str:
    return json.loads(answer.content)["error"]["kind"]
