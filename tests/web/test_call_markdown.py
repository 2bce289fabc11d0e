"""GET /calls/{pk}/markdown/: an answer as Markdown, and each further one of several."""

from tests.base import WebTestCase
from tests.make import make_endpoint, make_run

HTMX = {"HX-Request": "true"}
CHOICES = [{"index": 0, "text": "*one*"}, {"index": 2, "text": "*three* <b>"}]


class CallMarkdownTests(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)
        run = make_run(
            self.alice, make_endpoint(self.alice), status="done", text="*one*", choices=CHOICES
        )
        self.path = f"/calls/{run.calls.get().pk}/markdown/"

    def markdown(self, query: str = ""):
        return self.client.get(self.path + query, headers=HTMX)

    def test_the_answer_and_a_further_choice_by_its_index(self) -> None:
        self.assertContains(self.markdown(), "<em>one</em>")
        self.assertContains(self.markdown("?choice=2"), "<em>three</em> &lt;b&gt;")

    def test_another_choice_is_a_404(self) -> None:
        for index in ("1", "-1", "", "x", "%00"):
            self.assertEqual(self.markdown(f"?choice={index}").status_code, 404)

    def test_a_stranger_gets_404(self) -> None:
        self.log_in(self.charlie)
        self.assertEqual(self.markdown("?choice=2").status_code, 404)
