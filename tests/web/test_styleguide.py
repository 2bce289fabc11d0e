"""The style guide: every part in its states, for staff alone."""

import re

from playground.models import Call
from tests.base import WebTestCase


class StyleguideTests(WebTestCase):
    def setUp(self) -> None:
        self.client.force_login(self.alice)

    def make_staff(self) -> None:
        self.alice.is_staff = True
        self.alice.save()

    def test_staff_see_a_column_of_every_status_and_every_icon(self) -> None:
        self.make_staff()
        page = self.client.get("/styleguide/").content.decode()
        for status in (*Call.Status.values, "idle"):
            self.assertIn(f'data-status="{status}" data-series=', page)
        for icon in re.findall(r'<symbol id="i-([^"]+)"', page):
            self.assertIn(f"<code>{icon}</code>", page)

    def test_it_stores_nothing(self) -> None:
        self.make_staff()
        self.client.get("/styleguide/")
        self.assertFalse(Call.objects.exists())

    def test_the_account_page_leads_there_for_staff_alone(self) -> None:
        self.assertNotContains(self.client.get("/account/"), "/styleguide/")
        self.assertEqual(self.client.get("/styleguide/").status_code, 404)
        self.make_staff()
        self.assertContains(self.client.get("/account/"), "/styleguide/")
