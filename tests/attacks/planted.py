"""Leaks on purpose, each of which must fail the whole run. `test_canary.py` runs this by itself."""

import logging

from django.urls import reverse

from tests.api import ApiTestCase
from tests.canary import canary
from tests.make import make_workspace


class PlantedTests(ApiTestCase):
    def test_a_page_shows_a_secret(self) -> None:
        workspace = make_workspace(self.alice, name=canary())
        self.log_in(self.alice)
        self.client.get(reverse("workspace-edit", args=[workspace.pk]))

    def test_a_log_line_holds_one_and_nobody_hears_of_it(self) -> None:
        # No shape that the log's own filter knows: it would mask that one.
        logging.getLogger("playground").error("Sent %s", canary("word-"))

    def test_a_row_holds_one(self) -> None:
        self.team.name = canary()
        self.team.save()
