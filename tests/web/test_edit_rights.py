"""Who is led from a failed card to the endpoint: whoever may change it, wherever it shows."""

from django.template.loader import render_to_string
from django.urls import reverse

from playground import watching
from playground.access import can_edit, with_edit_rights
from playground.models import Call, Membership
from tests.base import WebTestCase
from tests.make import make_endpoint, make_run

ERROR = {"kind": "timeout", "message": "It took too long.", "hint": "Try again."}


class EditRightsTests(WebTestCase):
    def failed(self, person, endpoint) -> Call:
        return make_run(person, endpoint, status="failed", error=ERROR).calls.get()

    def assert_link(self, call: Call, is_there: bool) -> None:
        """On the run's page, and in the card that the socket sends."""
        self.log_in(call.run.owner)
        link = reverse("endpoint-edit", args=[call.endpoint_id])
        page = self.client.get(call.run.get_absolute_url()).text
        watcher = watching._Watcher(call.run_id, {}, False, call.run.owner_id)
        read = watcher._read_call(call.pk)
        card = render_to_string("runs/_call.html", {"call": read})
        for html in (page, card, render_to_string("runs/_call.html", {"call": call})):
            self.assertEqual(f'href="{link}">Edit endpoint' in html, is_there)

    def test_its_owner_is(self):
        self.assert_link(self.failed(self.bob, make_endpoint(self.bob)), True)

    def test_an_admin_of_the_team_it_is_shared_with_is(self):
        self.assert_link(self.failed(self.alice, make_endpoint(self.bob, team=self.team)), True)

    def test_a_member_of_that_team_is_not(self):
        self.assert_link(self.failed(self.bob, make_endpoint(self.alice, team=self.team)), False)

    def test_the_mark_says_for_everybody_what_can_edit_says(self):
        people = (self.alice, self.bob, self.vera, self.charlie)
        for owner in people:
            for team in (None, self.team, self.other_team):
                endpoint = make_endpoint(owner, name=f"{owner} {team}", team=team)
                for person in people:
                    self.failed(person, endpoint)
        for moment in ("as it is", "bob has left"):
            with self.subTest(moment):
                for person in people:
                    read = with_edit_rights(Call.objects.all(), person.pk)
                    marks = {call.pk: call.may_edit for call in read}
                    rights = {c.pk: can_edit(person, c.endpoint) for c in Call.objects.all()}
                    self.assertEqual(marks, rights)
                    self.assertEqual(set(marks.values()), {True, False})
                    mine = {call.pk for call in read if call.is_mine}
                    own = set(Call.objects.filter(run__owner=person).values_list("pk", flat=True))
                    self.assertEqual(mine, own)
            Membership.objects.filter(user=self.bob).delete()
