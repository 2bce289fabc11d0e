"""A team's page: members, roles, leaving, the last admin, several teams."""

import threading

from django.db import connection
from django.test import TransactionTestCase
from django.urls import reverse

from playground import teaming
from playground.connecting import Refused
from playground.models import AuditEvent, Endpoint, Membership, Team
from playground.running import Conflict
from tests.base import WebTestCase
from tests.make import make_endpoint, make_run, make_team, make_user

ROLES = Membership.Role


class TeamTestCase(WebTestCase):
    def page(self, user, team=None):
        self.log_in(user)
        return self.client.get(reverse("team"), {"team": team.pk} if team else {})

    def role(self, by, user, role: str, team=None):
        self.log_in(by)
        path = reverse("member-role", args=[(team or self.team).pk, user.pk])
        return self.client.post(path, {"role": role})

    def remove(self, by, user, team=None):
        self.log_in(by)
        return self.client.post(reverse("member-remove", args=[(team or self.team).pk, user.pk]))

    def leave(self, user, team=None):
        self.log_in(user)
        return self.client.post(reverse("team-leave", args=[(team or self.team).pk]))

    def roles(self, team=None) -> dict[str, str]:
        places = (team or self.team).memberships
        return dict(places.values_list("user__username", "role"))


class PageTests(TeamTestCase):
    def test_everybody_in_it_sees_who_is_in_it_and_only_admins_get_forms(self) -> None:
        for user in (self.alice, self.bob, self.vera):
            page = self.page(user)
            for name in ("alice", "bob", "vera"):
                self.assertContains(page, name)
            self.assertNotContains(page, "charlie")
            shows = self.assertContains if user == self.alice else self.assertNotContains
            shows(page, reverse("invitation-make", args=[self.team.pk]))
            shows(page, reverse("member-role", args=[self.team.pk, self.bob.pk]))
            shows(page, reverse("audit"))

    def test_addresses_of_people_are_for_admins(self) -> None:
        self.bob.email = "bob@example.org"
        self.bob.save()
        self.assertContains(self.page(self.alice), "bob@example.org")
        self.assertNotContains(self.page(self.vera), "bob@example.org")

    def test_who_is_in_no_team_is_told_what_to_do(self) -> None:
        self.assertContains(self.page(make_user("dora")), "You are in no team")

    def test_a_team_one_is_not_in_is_a_404(self) -> None:
        for asked in (self.other_team.pk, "x", "\0"):
            self.log_in(self.alice)
            answer = self.client.get(reverse("team"), {"team": asked})
            self.assertEqual(answer.status_code, 404)

    def test_the_rail_leads_there(self) -> None:
        self.log_in(self.vera)
        self.assertContains(self.client.get("/"), 'href="/team/"')


class RoleTests(TeamTestCase):
    def test_an_admin_changes_a_role_and_it_counts_at_once(self) -> None:
        endpoint = make_endpoint(self.alice, team=self.team)
        path = reverse("endpoint-check", args=[endpoint.pk])
        self.log_in(self.bob)
        self.role(self.alice, self.bob, "viewer")
        self.assertEqual(self.roles()["bob"], "viewer")
        self.log_in(self.bob)
        self.assertEqual(self.client.post(path).status_code, 403)

    def test_a_role_that_is_none_is_refused(self) -> None:
        answer = self.role(self.alice, self.bob, "owner")
        self.assertContains(answer, "Choose a role", status_code=422)
        self.assertEqual(self.roles()["bob"], "member")

    def test_members_and_viewers_change_nothing_their_own_role_least(self) -> None:
        before = self.roles()
        for user in (self.bob, self.vera):
            self.assertEqual(self.role(user, user, "admin").status_code, 403)
            self.assertEqual(self.remove(user, self.alice).status_code, 403)
            path = reverse("team-rename", args=[self.team.pk])
            self.assertEqual(self.client.post(path, {"name": "Ours"}).status_code, 403)
            path = reverse("invitation-make", args=[self.team.pk])
            body = {"email": "x@example.org", "role": "admin"}
            self.assertEqual(self.client.post(path, body).status_code, 403)
        self.assertEqual(self.roles(), before)
        self.assertEqual(Team.objects.get(pk=self.team.pk).name, "Acme")

    def test_the_admin_of_another_team_does_nothing_here(self) -> None:
        self.assertEqual(self.role(self.charlie, self.bob, "viewer").status_code, 404)
        self.assertEqual(self.remove(self.charlie, self.bob).status_code, 404)
        # Nor by way of the own team, with somebody of this one.
        answer = self.role(self.charlie, self.bob, "admin", self.other_team)
        self.assertEqual(answer.status_code, 404)
        self.assertEqual(self.remove(self.charlie, self.bob, self.other_team).status_code, 404)
        self.assertEqual(self.roles(), {"alice": "admin", "bob": "member", "vera": "viewer"})

    def test_open_sockets_hear_of_a_new_role_and_of_a_removal(self) -> None:
        for change in (self.role, self.remove):
            with self.captureOnCommitCallbacks() as callbacks:
                change(self.alice, self.bob, *["viewer"] * (change == self.role))
            told = [each for each in callbacks if self.bob.pk in getattr(each, "args", ())]
            self.assertEqual(len(told), 1)


class LastAdminTests(TeamTestCase):
    WORDS = "“Acme” would have no admin. Make somebody else admin first."

    def assert_kept(self, answer) -> None:
        self.assertContains(answer, self.WORDS, status_code=409)
        self.assertEqual(self.roles()["alice"], "admin")

    def test_stays_admin_and_stays_in_it(self) -> None:
        self.assert_kept(self.role(self.alice, self.alice, "member"))
        self.assert_kept(self.remove(self.alice, self.alice))
        self.assert_kept(self.leave(self.alice))
        self.assertFalse(AuditEvent.objects.exists())

    def test_an_admin_who_cannot_sign_in_is_none(self) -> None:
        self.role(self.alice, self.bob, "admin")
        self.bob.is_active = False
        self.bob.save()
        self.assert_kept(self.leave(self.alice))

    def test_may_go_once_there_is_another(self) -> None:
        self.role(self.alice, self.bob, "admin")
        self.assertRedirects(self.leave(self.alice), reverse("team"))
        self.assertEqual(self.roles(), {"bob": "admin", "vera": "viewer"})


class LeavingTests(TeamTestCase):
    def test_who_is_removed_sees_nothing_of_it_any_more_and_keeps_the_own(self) -> None:
        shared = make_endpoint(self.alice, name="of-alice", team=self.team)
        run = make_run(self.alice, shared, status="done")
        run.team = self.team
        run.save()
        own = make_endpoint(self.bob, name="of-bob", team=self.team)
        self.remove(self.alice, self.bob)
        self.log_in(self.bob)
        self.assertEqual(self.client.get(run.get_absolute_url()).status_code, 404)
        self.assertNotContains(self.client.get("/endpoints/"), "of-alice")
        self.assertContains(self.client.get("/endpoints/"), "of-bob")
        self.log_in(self.alice)
        self.assertNotContains(self.client.get("/endpoints/"), "of-bob")
        self.assertTrue(Endpoint.objects.filter(pk=own.pk).exists())

    def test_who_is_gone_already_is_said_so(self) -> None:
        place = self.team.memberships.get(user=self.bob)
        self.remove(self.alice, self.bob)
        with self.assertRaises(Conflict):
            teaming.change_role(self.alice, place, "admin")
        self.assertEqual(self.remove(self.alice, self.bob).status_code, 404)


class SeveralTests(TeamTestCase):
    def test_a_new_team_is_its_makers_and_is_switched_to(self) -> None:
        self.log_in(self.vera)
        answer = self.client.post(reverse("team-make"), {"name": " Vera’s  own "})
        team = Team.objects.get(name="Vera’s own")
        self.assertRedirects(answer, f"{reverse('team')}?team={team.pk}")
        self.assertEqual(self.roles(team), {"vera": "admin"})
        page = self.page(self.vera, team)
        self.assertContains(page, f'href="{reverse("team")}?team={self.team.pk}"')
        self.assertContains(page, reverse("invitation-make", args=[team.pk]))
        self.assertNotContains(self.page(self.vera, self.team), "Make invitation link")

    def test_a_name_is_needed_and_not_too_long(self) -> None:
        self.log_in(self.alice)
        for name in ("", "  ", "a\u202eb", "x" * 121):
            answer = self.client.post(reverse("team-make"), {"name": name})
            self.assertEqual(answer.status_code, 422, name)
            path = reverse("team-rename", args=[self.team.pk])
            self.assertEqual(self.client.post(path, {"name": name}).status_code, 422, name)
        self.assertEqual(Team.objects.count(), 2)

    def test_an_admin_renames_it(self) -> None:
        self.log_in(self.alice)
        self.client.post(reverse("team-rename", args=[self.team.pk]), {"name": "Acme 2"})
        self.assertContains(self.page(self.vera), "Acme 2")

    def test_nobody_is_in_more_than_fifty(self) -> None:
        for number in range(teaming.MOST_TEAMS):
            Membership.objects.create(user=self.bob, team=make_team(str(number)))
        with self.assertRaises(Refused):
            teaming.make_team(self.bob, "one more")


class AtOnceTests(TransactionTestCase):
    """Threads with connections of their own, let go at the same moment."""

    def at_once(self, *jobs: tuple) -> list[str]:
        """The names of what the jobs raised."""
        together, raised = threading.Barrier(len(jobs)), []

        def do(function, *arguments) -> None:
            together.wait()
            try:
                function(*arguments)
            except Exception as error:
                raised.append(type(error).__name__)
            finally:
                connection.close()

        threads = [threading.Thread(target=do, args=job) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return raised

    def test_two_admins_who_demote_each_other_leave_one(self) -> None:
        team = make_team()
        ada, ben = (make_user(name, team=team, role=ROLES.ADMIN) for name in ("ada", "ben"))
        for _ in range(5):
            team.memberships.update(role=ROLES.ADMIN)
            places = {
                place.user: place for place in team.memberships.select_related("user", "team")
            }
            raised = self.at_once(
                (teaming.change_role, ada, places[ben], ROLES.MEMBER),
                (teaming.change_role, ben, places[ada], ROLES.MEMBER),
            )
            self.assertEqual(raised, ["PermissionDenied"])
            self.assertEqual(team.memberships.filter(role=ROLES.ADMIN).count(), 1)

    def test_two_admins_who_leave_together_leave_one(self) -> None:
        team = make_team()
        ada, ben = (make_user(name, team=team, role=ROLES.ADMIN) for name in ("ada", "ben"))
        raised = self.at_once((teaming.leave_team, ada, team), (teaming.leave_team, ben, team))
        self.assertEqual(raised, ["Conflict"])
        self.assertEqual(team.memberships.count(), 1)

    def test_an_invitation_that_two_accept_takes_one(self) -> None:
        team = make_team()
        ada = make_user("ada", team=team, role=ROLES.ADMIN)
        _, code = teaming.invite(ada, team, "x@example.org", ROLES.MEMBER)
        accept = teaming.accept_invitation
        raised = self.at_once((accept, make_user("cid"), code), (accept, make_user("dan"), code))
        self.assertEqual(raised, ["Gone"])
        self.assertEqual(team.memberships.count(), 2)
