"""Who may see, change and run: what holds for every kind of row."""

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.test import TestCase

from playground.access import RULES, can_edit, can_run, editable_by, runnable_by, visible_to
from playground.models import Endpoint, KeyCheck, Membership, User
from tests.attacks import cast


class AccessTests(TestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        cls.people = cast.make_people()
        cls.things = cast.make_things(cls.people["owner"], "http://127.0.0.1:9")

    def test_every_model_has_a_rule(self) -> None:
        models = set(apps.get_app_config("playground").get_models())
        self.assertEqual(
            set(RULES), models - {User, KeyCheck}, "Say in access.RULES who sees and changes it."
        )

    def test_what_one_may_change_or_run_one_sees(self) -> None:
        for who, user in self.people.items():
            if user is None:
                continue
            for model in RULES:
                with self.subTest(who=who, model=model.__name__):
                    self.assertLessEqual(
                        set(editable_by(user, model)), set(visible_to(user, model))
                    )
            self.assertLessEqual(set(runnable_by(user)), set(visible_to(user, Endpoint)))

    def test_nobody_and_a_deactivated_owner_have_nothing(self) -> None:
        alice = self.people["owner"]
        self.assertTrue(all(visible_to(alice, model).exists() for model in (Endpoint, Membership)))
        alice.is_active = False
        for user in (alice, AnonymousUser()):
            for model in RULES:
                with self.subTest(model=model.__name__):
                    self.assertFalse(visible_to(user, model).exists())
                    self.assertFalse(editable_by(user, model).exists())
            self.assertFalse(runnable_by(user).exists())

    def test_each_role_may_what_it_may(self) -> None:
        for who, sees, runs, edits in (
            ("owner", True, True, True),
            ("admin", True, True, True),
            ("member", True, True, False),
            ("viewer", True, False, False),
            ("other", False, False, False),
            ("root", False, False, False),
        ):
            with self.subTest(who):
                user, shared = self.people[who], self.things.shared
                self.assertEqual(visible_to(user, Endpoint).filter(pk=shared.pk).exists(), sees)
                self.assertEqual(can_run(user, shared), runs)
                self.assertEqual(can_edit(user, shared), edits)
