"""Comments on answers: who says, who sees, who takes back."""

from playground import deleting, sharing
from playground.models import Comment
from tests.api import ApiTestCase
from tests.make import make_endpoint, make_run

HTMX = {"HX-Request": "true"}


class CommentTests(ApiTestCase):
    def setUp(self) -> None:
        endpoint = make_endpoint(self.alice, team=self.team)
        self.run_ = make_run(self.alice, endpoint, endpoint, status="done", text="An answer")
        sharing.share_run(self.alice, self.run_, self.team)
        self.first, self.second = self.run_.calls.all()

    def say(self, user, text: str, call=None, run=None):
        self.log_in(user)
        path = f"/runs/{(run or self.run_).pk}/comments/"
        return self.client.post(path, {"call": (call or self.first).pk, "text": text}, headers=HTMX)

    def page(self, user) -> str:
        self.log_in(user)
        return self.client.get(self.run_.get_absolute_url()).text

    def test_a_team_mate_says_something_and_all_of_them_read_it(self) -> None:
        answer = self.say(self.bob, "A asks <b>first</b>", self.second)
        self.assertContains(answer, "A asks &lt;b&gt;first&lt;/b&gt;")
        for user in (self.alice, self.vera):
            self.assertIn("A asks &lt;b&gt;first&lt;/b&gt;", self.page(user))
        self.assertEqual(Comment.objects.get().call, self.second)

    def test_a_viewer_only_reads(self) -> None:
        self.assertEqual(self.say(self.vera, "Me too").status_code, 422)
        self.assertNotIn('name="text"', self.page(self.vera))
        self.assertFalse(Comment.objects.exists())

    def test_a_stranger_neither_reads_nor_writes(self) -> None:
        self.assertEqual(self.say(self.charlie, "Hi").status_code, 404)

    def test_not_on_an_answer_of_another_run(self) -> None:
        other = make_run(self.alice, make_endpoint(self.alice, name="x"), status="done")
        self.assertEqual(self.say(self.bob, "Hi", other.calls.get()).status_code, 404)
        self.assertEqual(self.say(self.alice, "Hi", other.calls.get()).status_code, 404)

    def test_what_cannot_be_kept_stays_in_its_field(self) -> None:
        for text, words in (("  ", "Write what you want"), ("x" * 5001, "this one has 5001")):
            answer = self.say(self.alice, text)
            self.assertContains(answer, words, status_code=422)
            self.assertIn(text.strip(), answer.text)
        self.assertFalse(Comment.objects.exists())

    def test_its_author_and_the_runs_owner_delete_it_nobody_else(self) -> None:
        for who, status in ((self.alice, 200), (self.bob, 200), (self.vera, 403)):
            self.say(self.bob, "Hm")
            comment = Comment.objects.get()
            self.log_in(who)
            answer = self.client.post(f"/comments/{comment.pk}/delete/", headers=HTMX)
            self.assertEqual(answer.status_code, status)
            self.assertEqual(Comment.objects.exists(), status == 403)

    def test_who_sees_the_run_no_more_cannot_even_delete_their_own(self) -> None:
        self.say(self.bob, "Hm")
        sharing.share_run(self.alice, self.run_, None)
        path = f"/comments/{Comment.objects.get().pk}/delete/"
        self.assertEqual(self.client.post(path).status_code, 404)
        self.assertIn("Hm", self.page(self.alice))

    def test_the_api_does_the_same(self) -> None:
        path = f"/calls/{self.first.pk}/comments"
        made = self.ok(self.api(self.bob, "POST", path, {"text": "Hm"}), 201)
        self.assertEqual(self.ok(self.api(self.alice, "GET", path)), [made])
        self.assertEqual(made["author"], "bob")
        self.assertEqual(self.api(self.vera, "POST", path, {"text": "Hm"}).status_code, 403)
        self.assertEqual(self.api(self.bob, "POST", path, {"text": " "}).status_code, 422)
        self.assertEqual(self.api(self.bob, "DELETE", f"/comments/{made['id']}").status_code, 204)

    def test_a_deleted_run_hides_its_comments(self) -> None:
        self.say(self.bob, "Hm")
        deleting.delete_run(self.alice, self.run_)
        path = f"/calls/{self.first.pk}/comments"
        self.assertEqual(self.api(self.bob, "GET", path).status_code, 404)
