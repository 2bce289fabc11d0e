"""The API's teams: the rules of the pages; 403 where known, 404 where not, 409 for the last."""

from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from playground import auditing
from playground.models import AuditEvent, Invitation, Team
from tests.api import ApiTestCase
from tests.make import make_user

MAIL = "dora@example.org"


class ApiTeamsTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.path = f"/teams/{self.team.pk}"

    def roles(self) -> dict[str, str]:
        return dict(self.team.memberships.values_list("user__username", "role"))


class TeamsTests(ApiTeamsTestCase):
    def test_made_listed_read_and_renamed(self) -> None:
        made = self.ok(self.api(self.vera, "POST", "/teams", {"name": "Mine"}), 201)
        self.assertEqual((made["name"], made["role"]), ("Mine", "admin"))
        listed = self.ok(self.api(self.vera, "GET", "/teams"))["items"]
        self.assertEqual([(each["name"], each["role"]) for each in listed],
                         [("Mine", "admin"), ("Acme", "viewer")])  # fmt: skip
        renamed = self.ok(self.api(self.vera, "PATCH", f"/teams/{made['id']}", {"name": "Ours"}))
        self.assertEqual(renamed["name"], "Ours")
        self.assertEqual(self.ok(self.api(self.bob, "GET", self.path))["role"], "member")

    def test_what_is_not_yours_is_a_404_and_what_is_not_allowed_a_403(self) -> None:
        asked = {
            ("GET", ""): None,
            ("PATCH", ""): {"name": "x"},
            ("GET", "/members"): None,
            ("PATCH", "/members/bob"): {"role": "viewer"},
            ("DELETE", "/members/vera"): None,
            ("GET", "/invitations"): None,
            ("POST", "/invitations"): {"email": MAIL},
            ("GET", "/audit"): None,
        }
        open_to_all = {("GET", ""), ("GET", "/members")}
        for (method, below), body in asked.items():
            with self.subTest(method=method, below=below):
                answer = self.api(self.charlie, method, self.path + below, body)
                self.assert_error(answer, 404, "not_found")
                missing = self.api(self.charlie, method, f"/teams/{uuid4()}{below}", body)
                self.assertEqual(answer.content, missing.content)
                if (method, below) not in open_to_all:
                    answer = self.api(self.bob, method, self.path + below, body)
                    self.assert_error(answer, 403, "forbidden")
        self.assertEqual(self.roles(), {"alice": "admin", "bob": "member", "vera": "viewer"})

    def test_fields_nobody_may_set_are_refused(self) -> None:
        answer = self.api(self.alice, "POST", "/teams", {"name": "x", "role": "admin"})
        self.assert_error(answer, 422, "invalid", field="role")
        body = {"name": "x", "members": [{"username": "charlie", "role": "admin"}]}
        self.assert_error(self.api(self.alice, "PATCH", self.path, body), 422, "invalid",
                          field="members")  # fmt: skip
        body = {"role": "admin", "team": str(self.team.pk)}
        answer = self.api(self.charlie, "PATCH", f"/teams/{self.other_team.pk}/members/charlie",
                          body)  # fmt: skip
        self.assert_error(answer, 422, "invalid", field="team")
        answer = self.api(self.alice, "PATCH", f"{self.path}/members/bob", {"role": "owner"})
        self.assert_error(answer, 422, "invalid", field="role")


class MembersTests(ApiTeamsTestCase):
    def test_listed_for_everybody_in_it_without_addresses(self) -> None:
        members = self.ok(self.api(self.vera, "GET", f"{self.path}/members"))
        self.assertEqual([each["username"] for each in members], ["alice", "bob", "vera"])
        self.assertEqual(set(members[0]), {"id", "username", "role", "is_active"})

    def test_by_name_or_id(self) -> None:
        for who, role in (("bob", "viewer"), (str(self.bob.pk), "admin")):
            changed = self.api(self.alice, "PATCH", f"{self.path}/members/{who}", {"role": role})
            self.assertEqual(self.ok(changed)["role"], role)
            self.assertEqual(self.roles()["bob"], role)
        for who in ("charlie", str(self.charlie.pk), "nobody"):
            answer = self.api(self.alice, "DELETE", f"{self.path}/members/{who}")
            self.assert_error(answer, 404, "not_found")

    def test_removed_and_left(self) -> None:
        self.ok(self.api(self.alice, "DELETE", f"{self.path}/members/bob"), 204)
        self.assert_error(self.api(self.bob, "GET", self.path), 404, "not_found")
        self.ok(self.api(self.vera, "DELETE", f"{self.path}/members/vera"), 204)
        self.assertEqual(self.roles(), {"alice": "admin"})

    def test_the_last_admin_is_a_409(self) -> None:
        path = f"{self.path}/members/alice"
        for answer in (self.api(self.alice, "PATCH", path, {"role": "member"}),
                       self.api(self.alice, "DELETE", path)):  # fmt: skip
            self.assert_error(answer, 409, "conflict", says="would have no admin")
        self.assertEqual(self.roles()["alice"], "admin")


class InvitationsTests(ApiTeamsTestCase):
    def invite(self, **more) -> dict:
        body = {"email": MAIL} | more
        return self.ok(self.api(self.alice, "POST", f"{self.path}/invitations", body), 201)

    def accept(self, user, code: str):
        return self.api(user, "POST", "/invitations/accept", {"code": code})

    def test_made_listed_without_code_and_accepted_once(self) -> None:
        made = self.invite(role="viewer")
        self.assertTrue(made["url"].endswith(f"/team/join/#{made['code']}"))
        listed = self.ok(self.api(self.alice, "GET", f"{self.path}/invitations"))
        self.assertEqual([each["email"] for each in listed], [MAIL])
        self.assertNotIn(made["code"], str(listed))
        self.assertEqual(self.ok(self.accept(self.charlie, made["url"]))["role"], "viewer")
        again = self.accept(make_user("dora"), made["code"])
        self.assert_error(again, 404, "not_found", field="code", says="used already")

    def test_refused(self) -> None:
        made = self.invite()
        self.assert_error(self.accept(self.bob, made["code"]), 409, "conflict", says="already")
        make_user("eve")
        self.charlie.email = "charlie@example.org"
        self.charlie.save()
        self.assert_error(self.accept(self.charlie, made["code"]), 403, "forbidden")
        self.ok(self.api(self.alice, "DELETE", f"/invitations/{made['id']}"), 204)
        for code, words in ((made["code"], "revoked"), ("guess", "No such invitation")):
            answer = self.accept(self.charlie, code)
            self.assert_error(answer, 404, "not_found", field="code", says=words)
        self.assertNotIn("charlie", self.roles())

    def test_one_that_is_over(self) -> None:
        made = self.invite()
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        self.assert_error(self.accept(self.charlie, made["code"]), 404, "not_found",
                          field="code", says="has ended")  # fmt: skip
        self.assertEqual(self.ok(self.api(self.alice, "GET", f"{self.path}/invitations")), [])


class AuditTests(ApiTeamsTestCase):
    def test_filtered_and_in_pages(self) -> None:
        for number in range(3):
            auditing.note(self.team, self.bob, AuditEvent.Verb.RUN_SHARED, self.team, f"n{number}")
        auditing.note(self.team, self.alice, AuditEvent.Verb.TEAM_RENAMED, self.team, "Acme")
        path = f"{self.path}/audit?actor=bob&limit=2"
        first = self.ok(self.api(self.alice, "GET", path))
        rest = self.ok(self.api(self.alice, "GET", f"{path}&cursor={first['next']}"))
        names = [each["object_name"] for each in first["items"] + rest["items"]]
        self.assertEqual(names, ["n2", "n1", "n0"])
        self.assertIsNone(rest["next"])
        future = self.ok(
            self.api(self.alice, "GET", f"{self.path}/audit?since=2999-01-01T00:00:00")
        )
        self.assertEqual(future["items"], [])
        answer = self.api(self.alice, "GET", f"{self.path}/audit?who=bob")
        self.assert_error(answer, 422, "invalid", field="who")

    def test_a_team_that_is_gone_takes_its_log_along(self) -> None:
        auditing.note(self.team, self.bob, AuditEvent.Verb.RUN_SHARED, self.team)
        Team.objects.filter(pk=self.team.pk).delete()
        self.assertFalse(AuditEvent.objects.exists())
