"""A report of an exception, were one turned on, hides what is secret by type, name or value."""

import sys

from django.test import RequestFactory, SimpleTestCase, override_settings
from django.views.debug import get_default_exception_reporter_filter, get_exception_reporter_class

from endpoints import OAuthClient, Token
from playground.reporting import SecretFilter
from tests.canary import traces

SECRET = "Zq7-unlike-anything-else"


def failing(held: Token) -> None:
    """Locals in every way that one could hold a secret."""
    token = access_key = credential = password = SECRET  # noqa: F841
    innocent = held.reveal()  # noqa: F841
    headers = {"Authorization": f"Bearer {SECRET}", "nested": [{"client_secret": SECRET}]}  # noqa: F841
    objects = [held, OAuthClient("app", SECRET)]  # noqa: F841
    master = SECRET.encode()  # noqa: F841
    harmless = "shown as it is"  # noqa: F841
    raise ValueError(f"It said {held.reveal()}")


class ReportTests(SimpleTestCase):
    def report(self, held: Token):
        request = RequestFactory().post(
            "/x/",
            {"token": SECRET, "name": "prod-eu"},
            headers={"Authorization": f"Bearer {SECRET}", "Cookie": f"playground_8000={SECRET}"},
        )
        try:
            failing(held)
        except ValueError:
            return get_exception_reporter_class(request)(request, *sys.exc_info())

    def test_neither_text_nor_html_shows_a_secret(self):
        self.assertIsInstance(get_default_exception_reporter_filter(), SecretFilter)
        for is_debugging in (False, True):
            with override_settings(DEBUG=is_debugging, SECRET_KEY=SECRET):
                held = Token(SECRET)
                report = self.report(held)
                for shown in (report.get_traceback_html(), report.get_traceback_text()):
                    self.assertEqual(traces(SECRET, shown), [])
                    self.assertIn("ValueError", shown)
        self.assertIn("shown as it is", report.get_traceback_html())
        self.assertIn("prod-eu", report.get_traceback_html())
