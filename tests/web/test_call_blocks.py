"""GET /calls/{pk}/blocks/: what has closed of an answer that streams, as HTML."""

from django.test import override_settings

from tests.base import WebTestCase
from tests.make import make_endpoint, make_run

TEXT = "你 😀 *one*\n\n<script>two</script>\n\n- three\n"


class CallBlocksTests(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)
        run = make_run(self.alice, make_endpoint(self.alice), status="streaming", text=TEXT)
        self.path = f"/calls/{run.calls.get().pk}/blocks/"

    def blocks(self, start: object = "") -> dict:
        return self.client.get(f"{self.path}?from={start}").json()

    def test_closed_blocks_come_clean_and_say_where_they_end(self) -> None:
        found = self.blocks()
        first = "<p>你 😀 <em>one</em></p>\n"
        second = "<p>&lt;script&gt;two&lt;/script&gt;</p>\n"
        self.assertEqual(found["html"], first + second)
        self.assertEqual(TEXT[found["upto"] :], "- three\n")
        self.assertEqual(found["units"], found["upto"] + 1)  # the face is two of a script's

    def test_only_what_closed_since(self) -> None:
        start = TEXT.index("<script>")
        self.assertEqual(self.blocks(start)["html"], "<p>&lt;script&gt;two&lt;/script&gt;</p>\n")
        for end in (len(TEXT), 10**6):
            self.assertEqual((self.blocks(end)["html"], self.blocks(end)["upto"]), ("", end))

    def test_a_place_that_is_none_is_the_start(self) -> None:
        for start in ("", "x", "-1", "9" * 30, "%00"):
            self.assertEqual(self.blocks(start)["upto"], self.blocks()["upto"])

    @override_settings(MAX_MARKDOWN_CHARACTERS=10)
    def test_too_long_an_answer_has_no_blocks(self) -> None:
        self.assertEqual(self.blocks(), {"html": "", "upto": 0, "units": 0})

    def test_a_stranger_gets_404(self) -> None:
        self.log_in(self.charlie)
        self.assertEqual(self.client.get(self.path).status_code, 404)
