"""POST /draft/diff/: what differs between the draft on the page and the one that is offered."""

import json

from playground import comparing
from playground.models import Draft
from tests.base import WebTestCase

MINE = {"role-1": "system", "message-1": "Be brief and kind.", "temperature": "0.2"}
OTHER = MINE | {"message-1": "Be brief and exact.", "temperature": "0.7", "stop": "END"}


class DraftDiffTests(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)

    def diff(self, mine: dict, other: object):
        if isinstance(other, dict):
            other = json.dumps(list(other.items()))
        return self.client.post("/draft/diff/", mine | {"other": other})

    def test_messages_by_words_and_each_parameter(self) -> None:
        page = self.diff(MINE, OTHER)
        self.assertContains(page, "Be brief and <del>kind</del><ins>exact</ins>.")
        for title in ("Message 1", "Temperature", "Stop sequences"):
            self.assertContains(page, title, count=1)
        for value in ("0.2</del>", "0.7</ins>", "END</ins>"):
            self.assertContains(page, value)
        self.assertNotContains(page, "Top p")

    def test_a_message_more_a_role_and_a_variable(self) -> None:
        more = {"role-2": "user", "message-2": "Hi {{name}}", "variable-name": "<b>Ann</b>"}
        page = self.diff(MINE, MINE | {"role-1": "assistant"} | more)
        self.assertContains(page, "System → Assistant")
        self.assertContains(page, "<ins>Hi {{name}}</ins>")
        self.assertContains(page, "&lt;b&gt;Ann&lt;/b&gt;")

    def test_the_same_says_so_and_nothing_is_stored(self) -> None:
        self.client.get("/")
        before = Draft.objects.values().get(owner=self.alice)
        self.assertContains(self.diff(MINE, MINE), "Both say the same.")
        self.diff(MINE, OTHER)
        self.assertEqual(Draft.objects.values().get(owner=self.alice), before)

    def test_what_is_no_draft_is_a_400(self) -> None:
        for other in ("", "x", "1", "[1]", '[["a"]]', '[["a", 1]]', "null"):
            with self.subTest(other):
                self.assertEqual(self.diff(MINE, other).status_code, 400)

    def test_very_many_differences_are_counted(self) -> None:
        many = {f"message-{number}": f"text {number}" for number in range(1, 50)}
        page = self.diff({name: "other" for name in many}, many)
        self.assertContains(page, "<del>", count=comparing.MOST_PARTS)
        self.assertContains(page, "9 more parts differ.")
