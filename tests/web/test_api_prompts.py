"""Saved prompts by the API: rows, versions, aliases, files, and runs of a version."""

from playground.models import Prompt, Run
from tests.api import ApiTestCase
from tests.make import make_endpoint

HELLO = [{"role": "user", "content": "Hello {{name}}"}]


class ApiPromptsTests(ApiTestCase):
    def make(self, name: str = "greet", **more) -> dict:
        body = {"name": name, "messages": HELLO} | more
        return self.ok(self.api(self.alice, "POST", "/prompts", body), 201)

    def test_made_read_listed_renamed_and_deleted(self) -> None:
        made = self.make(team=str(self.team.pk))
        self.assertEqual((made["newest"], made["may"]), (1, ["edit", "own"]))
        path = f"/prompts/{made['id']}"
        seen = self.ok(self.api(self.bob, "GET", path))
        self.assertEqual((seen["owner"], seen["may"]), ("alice", ["edit"]))
        self.assertEqual(self.ok(self.api(self.vera, "GET", path))["may"], [])
        self.assertEqual(self.ok(self.api(self.charlie, "GET", "/prompts"))["items"], [])
        self.assertEqual(len(self.ok(self.api(self.bob, "GET", "/prompts"))["items"]), 1)
        changed = self.ok(self.api(self.alice, "PATCH", path, {"name": "hi", "team": None}))
        self.assertEqual((changed["name"], changed["team"]), ("hi", None))
        self.assertEqual(self.api(self.bob, "GET", path).status_code, 404)
        self.ok(self.api(self.alice, "DELETE", path), 204)
        self.assert_error(self.api(self.alice, "GET", path), 404, "not_found", says="No such")

    def test_versions_conflicts_and_pages(self) -> None:
        path = f"/prompts/{self.make()['id']}/versions"
        for number in range(2, 5):
            body = {"messages": [{"role": "user", "content": f"{number}"}], "base": number - 1}
            made = self.ok(self.api(self.alice, "POST", path, body), 201)
            self.assertEqual(made["number"], number)
        body = {"messages": HELLO, "base": 2}
        answer = self.api(self.alice, "POST", path, body)
        self.assert_error(answer, 409, "conflict", says="Version 4 was saved meanwhile")
        answer = self.api(self.alice, "POST", path, {"messages": made["messages"]})
        self.assert_error(answer, 422, "invalid", field="messages", says="Nothing changed")
        page = self.ok(self.api(self.alice, "GET", f"{path}?limit=3"))
        self.assertEqual([each["number"] for each in page["items"]], [4, 3, 2])
        rest = self.ok(self.api(self.alice, "GET", f"{path}?cursor={page['next']}"))
        self.assertEqual([each["number"] for each in rest["items"]], [1])
        self.assertEqual(self.ok(self.api(self.alice, "GET", f"{path}/2"))["number"], 2)
        for number in ("5", "0", "99999999999999999999"):
            self.assertEqual(self.api(self.alice, "GET", f"{path}/{number}").status_code, 404)

    def test_aliases(self) -> None:
        path = f"/prompts/{self.make()['id']}/aliases"
        found = self.ok(self.api(self.alice, "PUT", f"{path}/production", {"version": 1}))
        self.assertEqual(found["aliases"], {"production": 1})
        wrong = (("latest", 1, "alias"), ("7", 1, "alias"), ("a", 2, "version"))
        for name, version, field in wrong:
            answer = self.api(self.alice, "PUT", f"{path}/{name}", {"version": version})
            self.assert_error(answer, 422, "invalid", field=field)
        self.ok(self.api(self.alice, "DELETE", f"{path}/production"), 204)
        self.assertEqual(self.api(self.alice, "DELETE", f"{path}/production").status_code, 404)

    def test_out_and_in_again_overwrites_nothing(self) -> None:
        made = self.make()
        answer = self.api(self.alice, "GET", f"/prompts/{made['id']}/export?format=json")
        self.assertIn("attachment; filename*=UTF-8''greet.json", answer["Content-Disposition"])
        found = self.ok(answer)
        taken = self.api(self.alice, "POST", "/prompts/import", {"prompt": found})
        self.assert_error(taken, 422, "invalid", field="name", says="already")
        copy = {"prompt": found | {"id": made["id"]}, "name": "copy"}
        copy = self.ok(self.api(self.alice, "POST", "/prompts/import", copy), 201)
        self.assertNotEqual(copy["id"], made["id"])
        own = self.ok(self.api(self.charlie, "POST", "/prompts/import", {"prompt": found}), 201)
        self.assertEqual((own["owner"], own["team"]), ("charlie", None))
        self.assertEqual(Prompt.objects.get(pk=made["id"]).versions.count(), 1)
        deep = {"format": found["format"], "format_version": 1, "name": "deep", "versions": []}
        inner: list = []
        for _ in range(90):
            inner = [inner]
        deep["versions"] = [{"number": 1, "messages": inner}]
        answer = self.api(self.alice, "POST", "/prompts/import", {"prompt": deep})
        self.assertEqual(answer.status_code, 422)

    def test_what_is_no_version_is_a_422(self) -> None:
        for body in (
            {"name": "x", "messages": []},
            {"name": "x", "messages": [{"role": "user"}]},
            {"name": "x", "messages": HELLO, "params": {"temperature": 1}},
            {"name": "x", "messages": HELLO, "variables": [{"name": "name", "type": "choice"}]},
            {"name": "a/b", "messages": HELLO},
            {"name": "x", "messages": HELLO, "id": "x"},
            {"name": "x", "messages": HELLO, "team": str(self.other_team.pk)},
        ):
            self.assertEqual(self.api(self.alice, "POST", "/prompts", body).status_code, 422, body)
        big = {"name": "x", "messages": [{"role": "user", "content": "x" * 600_000}]}
        answer = self.api(self.alice, "POST", "/prompts", big)
        self.assert_error(answer, 413, "too_large", field="prompt")
        self.assertFalse(Prompt.objects.exists())


class RunOfVersionTests(ApiTestCase):
    def setUp(self) -> None:
        make_endpoint(self.alice, name="echo")
        body = {
            "name": "greet",
            "messages": HELLO,
            "params": {"temperature": "0.5"},
            "stop": ["\\n"],
            "extra": '{"top_k": 3}',
            "variables": [{"name": "name", "type": "choice", "choices": ["Ana", "Ben"]}],
        }
        self.made = self.ok(self.api(self.alice, "POST", "/prompts", body), 201)
        path = f"/prompts/{self.made['id']}/aliases/production"
        self.ok(self.api(self.alice, "PUT", path, {"version": 1}))

    def run_(self, user=None, **body):
        body = {"variants": [{"endpoint": "echo", "params": {"top_k": 9}}]} | body
        return self.api(user or self.alice, "POST", "/runs", body)

    def test_its_words_parameters_and_variables_are_sent(self) -> None:
        for asked in ("greet@production", "greet/1", "greet@latest"):
            found = self.ok(self.run_(prompt_version=asked, variables={"name": "Ben"}), 201)
            self.assertEqual(found["messages"][0]["content"], "Hello Ben")
        run = Run.objects.get(pk=found["id"])
        self.assertEqual(str(run.prompt_version_id), found["prompt_version"])
        call = run.calls.get()
        self.assertEqual(call.overrides, {"temperature": 0.5, "top_k": 9})
        self.assertEqual(call.stop_override, ["\n"])

    def test_what_is_not_there_not_yours_or_does_not_fit(self) -> None:
        for asked in ("greet/2", "greet@x", "nothing@latest", "greet", self.made["id"]):
            self.assertEqual(self.run_(prompt_version=asked).status_code, 404, asked)
        version = self.ok(self.api(self.alice, "GET", f"/prompts/{self.made['id']}/versions/1"))
        make_endpoint(self.charlie, name="echo")
        for asked in ("greet@production", version["id"]):
            self.assertEqual(self.run_(self.charlie, prompt_version=asked).status_code, 404)
        answer = self.run_(prompt_version="greet/1", variables={"name": "Cem"})
        self.assert_error(answer, 422, "invalid", field="variables.name", says="Ana, Ben")
        answer = self.run_(prompt_version="greet/1", prompt="Hi")
        self.assert_error(answer, 422, "invalid", field="prompt_version")
        self.assertFalse(Run.objects.exists())
