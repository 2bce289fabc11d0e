"""The people of the tests: a team's admin, her team mate, a reader of the team, and a stranger."""

import base64

from django.test import Client, TestCase, override_settings

from playground.models import Membership

from .canary import canary
from .make import make_team, make_user

TEST_KEYS = "t1:" + base64.b64encode(canary("").encode()).decode()


class WebTestCase(TestCase):
    """Alice is admin of the team Acme, Bob a member, Vera a viewer; Charlie has his own team."""

    @classmethod
    def setUpClass(cls) -> None:
        # A key of their own: tests neither read nor make the one in the data folder.
        cls.enterClassContext(override_settings(MASTER_KEYS=TEST_KEYS))
        super().setUpClass()

    @classmethod
    def setUpTestData(cls) -> None:
        cls.team = make_team("Acme")
        cls.alice = make_user("alice", team=cls.team, role=Membership.Role.ADMIN)
        cls.bob = make_user("bob", team=cls.team)
        cls.vera = make_user("vera", team=cls.team, role=Membership.Role.VIEWER)
        cls.other_team = make_team("Other")
        cls.charlie = make_user("charlie", team=cls.other_team, role=Membership.Role.ADMIN)

    def log_in(self, user) -> None:
        """From here on the test client is this person."""
        self.client.force_login(user)

    def assert_csrf_enforced(self, path: str, data: dict | None = None, *, user=None) -> None:
        """A POST without the token is refused, whoever is signed in."""
        strict = Client(enforce_csrf_checks=True)
        if user is not None:
            strict.force_login(user)
        with self.assertLogs("django.security.csrf", "WARNING"):
            response = strict.post(path, data or {})
        self.assertEqual(response.status_code, 403)
