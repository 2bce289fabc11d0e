"""The site ends when it is told to, whatever it is still doing."""

import threading

import requests

from tests.live.base import LiveTestCase
from tests.upstream import hang_before_headers


class LeaveTests(LiveTestCase):
    def test_a_request_under_way_does_not_keep_the_site_from_ending(self):
        name = self.add_endpoint("/silent", hang_before_headers)
        found = self.site.api("GET", "/endpoints")["items"]
        pk = next(each["id"] for each in found if each["name"] == name)
        before = len(self.upstream.requests)
        asking = threading.Thread(target=self.check, args=(pk,))
        asking.start()
        self.upstream.wait_for_requests(before + 1)
        self.site.stop()  # raises unless it ends in time
        asking.join(10)
        self.assertFalse(asking.is_alive())
        self.assertIn("Stopped.", self.site.log())
        self.site.start()
        self.site.api("GET", "/me")

    def check(self, pk: str) -> None:
        try:
            self.site.api("POST", f"/endpoints/{pk}/check")
        except (AssertionError, requests.ConnectionError):
            return  # cut off, as it must be
