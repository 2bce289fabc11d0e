"""Invitations: made once, shown once, used once; what is wrong is said and changes nothing."""

import re
from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from playground import teaming
from playground.models import Invitation, Membership, User
from tests.base import WebTestCase
from tests.canary import canary

PASSWORD = canary("a-password-of-the-invited-")
MAIL = "dora@example.org"


class InvitationTestCase(WebTestCase):
    def invite(self, role: str = "member", email: str = MAIL) -> str:
        """The code, as the page shows it to the admin."""
        self.log_in(self.alice)
        path = reverse("invitation-make", args=[self.team.pk])
        answer = self.client.post(path, {"email": email, "role": role})
        self.assertEqual(answer.status_code, 200)
        return re.search(r'value="http://testserver/team/join/#([\w-]{43})"', answer.text)[1]

    def open(self, code: str, user: User | None = None):
        self.person = Client()
        if user is not None:
            self.person.force_login(user)
        return self.person.post(reverse("invitation"), {"link": f"http://x/team/join/#{code}"})

    def accept(self, code: str, user: User | None = None, **data: str):
        self.open(code, user)
        return self.person.post(reverse("invitation-accept"), {"code": code} | data)

    def sign_up(self, code: str, username: str = "dora", password: str = PASSWORD):
        return self.accept(code, username=username, password=password)

    def roles(self) -> dict[str, str]:
        return dict(self.team.memberships.values_list("user__username", "role"))


class MakingTests(InvitationTestCase):
    def test_the_code_is_shown_once_and_stored_as_a_hash(self) -> None:
        code = self.invite()
        row = Invitation.objects.get()
        self.assertEqual(row.digest, Invitation.digest_of(code))
        self.assertNotIn(code, str(Invitation.objects.values()))
        self.assertEqual((row.email, row.role, row.made_by), (MAIL, "member", self.alice))
        hours = (row.expires_at - row.created_at).total_seconds() / 3600
        self.assertAlmostEqual(hours, 72, places=2)
        page = self.client.get(reverse("team"))
        self.assertContains(page, MAIL)
        self.assertNotContains(page, code)

    def test_a_wrong_address_or_role_is_said_beside_its_field(self) -> None:
        self.log_in(self.alice)
        path = reverse("invitation-make", args=[self.team.pk])
        for body in ({"email": "dora", "role": "member"}, {"email": MAIL, "role": "owner"}):
            answer = self.client.post(path, body)
            self.assertContains(answer, 'aria-invalid="true"', status_code=422)
        self.assertFalse(Invitation.objects.exists())

    def test_not_for_who_is_in_the_team_already(self) -> None:
        User.objects.filter(pk=self.bob.pk).update(email="Dora@Example.org")
        self.log_in(self.alice)
        path = reverse("invitation-make", args=[self.team.pk])
        answer = self.client.post(path, {"email": MAIL, "role": "member"})
        self.assertContains(answer, "is in this team already", status_code=422)


class JoiningTests(InvitationTestCase):
    def test_who_is_signed_in_sees_team_and_role_and_joins_with_one_click(self) -> None:
        code = self.invite("viewer")
        offer = self.open(code, self.charlie)
        self.assertContains(offer, "Acme")
        self.assertContains(offer, "Viewer")
        self.assertContains(offer, "Join the team")
        self.assertNotIn("charlie", self.roles())  # seeing it changes nothing
        self.accept(code, self.charlie)
        self.assertEqual(self.roles()["charlie"], "viewer")

    def test_who_has_no_account_makes_one_in_that_team_alone(self) -> None:
        code = self.invite()
        self.assertContains(self.open(code), "Make account and join")
        answer = self.sign_up(code)
        self.assertRedirects(answer, reverse("team"), fetch_redirect_response=False)
        dora = User.objects.get(username="dora")
        self.assertEqual((dora.email, dora.is_staff, dora.is_superuser), (MAIL, False, False))
        self.assertEqual([str(team) for team in dora.teams.all()], ["Acme"])
        self.assertContains(self.person.get(reverse("team")), "Acme")

    def test_fields_that_nobody_may_set_are_not_set(self) -> None:
        code = self.invite("viewer")
        more = {"role": "admin", "is_superuser": "1", "is_staff": "1", "email": "x@example.org"}
        self.accept(code, username="dora", password=PASSWORD, team=self.other_team.pk, **more)
        dora = User.objects.get(username="dora")
        self.assertEqual((dora.email, dora.is_staff, dora.is_superuser), (MAIL, False, False))
        self.assertEqual(self.roles()["dora"], "viewer")

    def test_a_weak_password_or_a_taken_name_leaves_the_invitation_as_it_is(self) -> None:
        code = self.invite()
        for name, password in (
            ("dora", "password"),
            ("bob", PASSWORD),
            ("a b", PASSWORD),
            ("", ""),
        ):
            answer = self.sign_up(code, name, password)
            self.assertContains(answer, 'aria-invalid="true"', status_code=422)
            self.assertContains(answer, code, status_code=422)
        self.assertFalse(User.objects.filter(email=MAIL).exists())
        self.sign_up(code)
        self.assertIn("dora", self.roles())

    def test_an_account_with_that_address_in_other_letters_may(self) -> None:
        User.objects.filter(pk=self.charlie.pk).update(email="DORA@example.org")
        self.charlie.refresh_from_db()
        self.accept(self.invite(), self.charlie)
        self.assertIn("charlie", self.roles())


class RefusedTests(InvitationTestCase):
    def assert_refused(self, answer, status: int, words: str, before: dict) -> None:
        self.assertContains(answer, words, status_code=status)
        self.assertEqual(self.roles(), before)

    def test_used_revoked_and_over(self) -> None:
        used, revoked, over = self.invite(), self.invite(), self.invite()
        self.sign_up(used)
        self.log_in(self.alice)
        row = Invitation.objects.get(digest=Invitation.digest_of(revoked))
        self.client.post(reverse("invitation-revoke", args=[row.pk]))
        Invitation.objects.filter(digest=Invitation.digest_of(over)).update(
            expires_at=timezone.now() - timedelta(seconds=1)
        )
        before, people = self.roles(), User.objects.count()
        for code, words in ((used, "used already"), (revoked, "revoked"), (over, "has ended")):
            self.assert_refused(self.open(code), 404, words, before)
            self.assert_refused(self.accept(code, self.charlie), 404, words, before)
            self.assert_refused(self.sign_up(code, "eve"), 404, words, before)
        self.assertEqual(User.objects.count(), people)

    def test_a_guess_is_answered_alike_whatever_it_is(self) -> None:
        said = set()
        for code in ("", "x", "a" * 43, "b" * 43, "%00", "ü" * 500):
            answer = self.open(code, self.charlie)
            self.assertContains(answer, "No such invitation.", status_code=404)
            said.add(re.sub(r"\w{64}", "", answer.text.partition('id="shared"')[2]))
        self.assertEqual(len(said), 1)

    def test_for_somebody_elses_address(self) -> None:
        User.objects.filter(pk=self.charlie.pk).update(email="charlie@example.org")
        self.charlie.refresh_from_db()
        code = self.invite()
        answer = self.accept(code, self.charlie)
        self.assert_refused(answer, 403, "your account has another address", self.roles())
        self.sign_up(code)  # it was not used up
        self.assertIn("dora", self.roles())

    def test_who_is_in_it_already_keeps_the_role(self) -> None:
        code = self.invite("admin")
        answer = self.accept(code, self.vera)
        self.assert_refused(answer, 409, "You are in “Acme” already", self.roles())
        self.assertEqual(self.roles()["vera"], "viewer")
        self.assertIsNone(Invitation.objects.get().used_at)

    def test_what_an_admin_invited_to_ends_with_being_admin(self) -> None:
        """Else one who is removed comes back by an own invitation."""
        Membership.objects.filter(user=self.bob).update(role="admin")
        codes = [self.invite(), teaming.invite(self.bob, self.team, MAIL, "admin")[1]]
        teaming.remove_member(self.alice, self.team.memberships.get(user=self.bob))
        self.assertEqual(self.accept(codes[1], self.bob).status_code, 404)
        self.assertEqual(self.open(codes[0]).status_code, 200)

    def test_the_admin_of_another_team_cannot_revoke_it(self) -> None:
        code = self.invite()
        self.log_in(self.charlie)
        path = reverse("invitation-revoke", args=[Invitation.objects.get().pk])
        self.assertEqual(self.client.post(path).status_code, 404)
        self.assertEqual(self.open(code).status_code, 200)

    def test_it_is_accepted_by_post_with_a_token_against_forgery(self) -> None:
        path = reverse("invitation-accept")
        self.assertEqual(self.client.get(path).status_code, 405)
        self.assert_csrf_enforced(path, {"code": self.invite()}, user=self.charlie)
        self.assertNotIn("charlie", self.roles())
