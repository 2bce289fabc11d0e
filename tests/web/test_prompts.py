"""Saved prompts: versions that never change, aliases, use in the playground, who may do what."""

import json

from django.urls import reverse

from playground import deleting, drafting, forking, importing, prompting, vetting
from playground.connecting import Refused
from playground.models import Membership, Prompt, PromptAlias, PromptVersion, Run
from tests.base import WebTestCase
from tests.make import make_endpoint

HTMX = {"HX-Request": "true"}
FORM = {"role-1": "user", "message-1": "Answer {{mail}} as {{tone}}.", "variable-tone": "a friend"}
TYPES = {"kind-mail": "text", "default-mail": "", "kind-tone": "choice"}
TYPES |= {"default-tone": "a friend", "choices-tone": "a friend\r\na lawyer\r\n"}


def content(text: str = "Hi {{name}}", **more) -> dict:
    return {"messages": [{"role": "user", "content": text}]} | more


class PromptTestCase(WebTestCase):
    def setUp(self) -> None:
        self.version = prompting.save_prompt(self.alice, content(), name="Support reply")
        self.prompt = self.version.prompt
        self.log_in(self.alice)

    def post(self, route: str, *args, **data):
        return self.client.post(reverse(route, args=args), data, headers=HTMX)

    def add(self, text: str, user=None, **more) -> PromptVersion:
        return prompting.save_prompt(user or self.alice, content(text), prompt=self.prompt, **more)

    def share(self) -> None:
        prompting.share_prompt(self.alice, self.prompt, self.team)


class VersionTests(PromptTestCase):
    def test_a_version_is_never_changed(self) -> None:
        self.version.message = "other"
        with self.assertRaises(TypeError):
            self.version.save()

    def test_numbers_go_on_and_the_same_again_is_refused(self) -> None:
        self.assertEqual(self.add("Two").number, 2)
        with self.assertRaisesMessage(Refused, "Nothing changed since version 2"):
            self.add("Two")
        self.assertEqual(self.add("Hi {{name}}").number, 3)  # as version 1 was

    def test_what_a_colleague_saved_meanwhile_is_not_overwritten(self) -> None:
        self.share()
        self.add("Of Bob", self.bob, base=1)
        with self.assertRaises(prompting.Newer) as newer:
            self.add("Of Alice", base=1)
        self.assertEqual(newer.exception.version.number, 2)
        self.assertEqual(self.prompt.versions.count(), 2)
        self.assertEqual(self.add("Of Alice", base=2).number, 3)

    def test_a_variable_has_a_type_and_a_default_that_fits(self) -> None:
        def spec(**more) -> dict:
            return content(variables=[{"name": "name", "type": "number", "default": "3"} | more])

        version = prompting.save_prompt(self.alice, spec(), name="n")
        self.assertEqual(version.defaults, {"name": "3"})
        for wrong in (
            {"default": "three"},
            {"type": "choice"},
            {"type": "choice", "choices": ["a"], "default": "b"},
            {"type": "date"},
            {"name": ["name"]},
            {"more": 1},
        ):
            with self.subTest(wrong), self.assertRaises(Refused):
                prompting.save_prompt(self.alice, spec(**wrong), name="m")
        self.assertFalse(Prompt.objects.filter(name="m").exists())

    def test_what_cannot_be_a_prompt_is_refused_in_words(self) -> None:
        deep: list = []
        for _ in range(2000):
            deep = [deep]
        wrong = {
            "empty": content("  "),
            "no list": {"messages": "Hi"},
            "role": {"messages": [{"role": "tool", "content": "x"}]},
            "more keys": {"messages": [{"role": "user", "content": "x", "images": []}]},
            "many": {"messages": [{"role": "user", "content": "x"}] * 1000},
            "nul": content("a\0b"),
            "half a letter": content("\ud800"),
            "unknown": content(id=str(self.prompt.pk)),
            "params": content(params={"temperature": 1}),
            "too warm": content(params={"temperature": "9"}),
            "extra": content(extra="{"),
            "stop": content(stop=[""]),
            "lines": content(takes_lines=1),
            "deep": content(stop=deep),
        }
        for why, asked in wrong.items():
            with self.subTest(why), self.assertRaises(Refused) as refused:
                prompting.save_prompt(self.alice, asked, name="x")
            self.assertTrue(refused.exception.message.endswith((".", "?")), refused.exception)
        with self.assertRaises(vetting.TooLarge):
            prompting.save_prompt(self.alice, content("x" * 600_000), name="x")
        self.assertEqual(Prompt.objects.count(), 1)

    def test_names_are_one_line_that_can_be_read_and_taken_once(self) -> None:
        for name in ("", "  ", "a@b", "a/b", "x" * 121, "a\u202eb", "a\u0007b", "Support reply"):
            with self.subTest(name), self.assertRaises(Refused):
                prompting.save_prompt(self.alice, content(), name=name)
        prompting.save_prompt(self.bob, content(), name="Support reply")  # another person's
        odd = prompting.save_prompt(self.alice, content(), name=" 返信 <b>&amp; “x”  ؟ ")
        self.assertEqual(odd.prompt.name, "返信 <b>&amp; “x” ؟")
        self.assertContains(self.client.get("/prompts/"), "返信 &lt;b&gt;&amp;amp; “x” ؟")


class AliasTests(PromptTestCase):
    def test_it_points_and_is_moved(self) -> None:
        self.add("Two")
        self.post("prompt-alias-set", self.prompt.pk, alias="production", version="1")
        self.post("prompt-alias-set", self.prompt.pk, alias="production", version="2")
        alias = PromptAlias.objects.get()
        self.assertEqual(alias.version.number, 2)
        self.assertContains(self.client.get(self.prompt.get_absolute_url()), "production")
        self.post("prompt-alias-remove", self.prompt.pk, "production")
        self.assertFalse(PromptAlias.objects.exists())
        self.assertEqual(self.prompt.versions.count(), 2)

    def test_reserved_and_odd_ones_and_other_prompts_versions_are_refused(self) -> None:
        for name in ("latest", "Latest", "draft", "7", "v7", "", "a b", "a/b", "é", "a" * 61):
            with self.subTest(name):
                answer = self.post("prompt-alias-set", self.prompt.pk, alias=name, version="1")
                self.assertContains(answer, "Nothing was changed", status_code=422)
        for number in ("2", "0", "-1", "x", "99999999999999999999", "١"):
            with self.subTest(number):
                answer = self.post("prompt-alias-set", self.prompt.pk, alias="a", version=number)
                self.assertEqual(answer.status_code, 422)
        self.assertFalse(PromptAlias.objects.exists())

    def test_a_version_is_found_by_name_and_number_or_alias(self) -> None:
        self.add("Two")
        prompting.set_alias(self.prompt, "production", 1)
        found = {
            "Support reply/2": 2,
            "Support reply@production": 1,
            "Support reply@latest": 2,
            str(self.version.pk): 1,
        }
        for asked, number in found.items():
            self.assertEqual(prompting.find_version(self.alice, asked).number, number, asked)
            self.assertIsNone(prompting.find_version(self.charlie, asked))
        for asked in (
            "Support reply",
            "Support reply/3",
            "Support reply@x",
            "x/1",
            "",
            "@",
            "a/b/c",
        ):
            self.assertIsNone(prompting.find_version(self.alice, asked), asked)


class PlaygroundTests(PromptTestCase):
    def save(self, **more):
        return self.post("prompt-save", **(FORM | TYPES | more))

    def test_saved_changed_counted_and_saved_again(self) -> None:
        answer = self.save(prompt_name="Mail", version_message="First")
        self.assertContains(answer, "Saved “Mail” as version 1.")
        version = PromptVersion.objects.get(prompt__name="Mail")
        self.assertEqual(version.variables[1]["choices"], ["a friend", "a lawyer"])
        page = self.client.get("/")
        self.assertContains(page, 'id="prompt-changes" href')
        told = self.post("draft-save", **FORM).json()
        self.assertEqual(told["prompt"], {"changes": 0, "words": ""})
        changed = FORM | {"message-1": "Other", "temperature": "0.5", "variable-tone": "a lawyer"}
        self.assertEqual(
            self.post("draft-save", **changed).json()["prompt"],
            {"changes": 2, "words": "+ 2 changes"},
        )
        page = self.client.get(f"{version.prompt.get_absolute_url()}?from=1&to=draft")
        self.assertContains(page, "<ins>Other</ins>")
        self.post("prompt-save", **changed, prompt=version.prompt.pk, base="1")
        self.assertEqual(version.prompt.versions.count(), 2)
        self.assertEqual(drafting.draft_of(self.alice).prompt_version.number, 2)

    def test_a_refusal_and_a_newer_version_are_shown_in_the_dialog(self) -> None:
        answer = self.save(prompt_name="Support reply")
        self.assertContains(answer, "already. Choose another name", status_code=422)
        self.assertEqual(answer["HX-Retarget"], "#save-prompt")
        self.add("Of another tab")
        answer = self.save(prompt=self.prompt.pk, base="1")
        self.assertContains(answer, "saved version 2 meanwhile", status_code=422)
        self.assertContains(answer, 'name="base" value="2"', status_code=422)
        self.assertEqual(self.prompt.versions.count(), 2)
        answer = self.save(prompt=self.prompt.pk, base="2")
        self.assertContains(answer, "as version 3")

    def test_used_and_what_was_there_comes_back(self) -> None:
        draft = drafting.draft_of(self.alice)
        before = draft.messages
        self.post("prompt-use", self.prompt.pk, version="1")
        self.assertContains(self.client.get("/"), "Hi {{name}}")
        self.assertContains(self.client.get("/"), "Bring it back")
        self.assertEqual(drafting.draft_of(self.alice).prompt_version, self.version)
        forking.restore_draft(drafting.draft_of(self.alice))
        draft = drafting.draft_of(self.alice)
        self.assertEqual((draft.messages, draft.prompt_version), (before, None))

    def test_a_run_remembers_the_version_and_the_changes(self) -> None:
        endpoint = make_endpoint(self.alice, team=self.team)
        self.post("prompt-use", self.prompt.pk, version="1")
        form = {"message-1": "Hi {{name}}!", "column": f"0:{endpoint.pk}"}
        self.post("run-start", **form)
        run = Run.objects.get()
        self.assertEqual((run.prompt_version, run.prompt_changes), (self.version, 1))
        page = self.client.get(run.get_absolute_url())
        self.assertContains(page, "Support reply")
        self.assertContains(page, "+ 1 change")
        run.team = self.team
        run.save()
        self.log_in(self.bob)  # who sees the run, not the prompt
        self.assertNotContains(self.client.get(run.get_absolute_url()), "Support reply")

    def test_a_value_that_does_not_fit_its_type_is_not_sent(self) -> None:
        endpoint = make_endpoint(self.alice)
        self.save(prompt_name="Mail")
        form = FORM | {"variable-tone": "a pirate", "column": f"0:{endpoint.pk}"}
        answer = self.post("run-start", **form)
        self.assertContains(answer, "is one of: a friend, a lawyer", status_code=422)
        self.assertFalse(Run.objects.exists())


class RightsTests(PromptTestCase):
    def test_a_stranger_sees_nothing_and_a_mate_only_what_is_shared(self) -> None:
        for user in (self.bob, self.charlie):
            self.log_in(user)
            self.assertEqual(self.client.get(self.prompt.get_absolute_url()).status_code, 404)
            self.assertNotContains(self.client.get("/prompts/"), "Support reply")
        self.share()
        self.log_in(self.bob)
        self.assertContains(self.client.get("/prompts/"), "Support reply")
        self.log_in(self.charlie)
        self.assertNotContains(self.client.get("/prompts/"), "Support reply")

    def test_members_save_and_alias_viewers_read_only_the_owner_owns(self) -> None:
        self.share()
        pk = self.prompt.pk
        version = FORM | {"prompt": pk, "base": "1"}
        for user, edits in ((self.bob, 200), (self.vera, 403), (self.charlie, 404)):
            self.log_in(user)
            self.assertEqual(self.post("prompt-save", **version).status_code, edits)
            alias = self.post("prompt-alias-set", pk, alias="a", version="1")
            self.assertEqual(alias.status_code, 302 if edits == 200 else edits)
            owns = 404 if user == self.charlie else 403
            for name, data in (("rename", {"name": "x"}), ("share", {"team": ""}), ("delete", {})):
                self.assertEqual(self.post(f"prompt-{name}", pk, **data).status_code, owns)
        Membership.objects.filter(user=self.alice).delete()  # and takes it along
        self.log_in(self.bob)
        self.assertEqual(self.client.get(self.prompt.get_absolute_url()).status_code, 404)

    def test_deleted_and_brought_back(self) -> None:
        self.post("prompt-delete", self.prompt.pk)
        self.assertEqual(self.client.get(self.prompt.get_absolute_url()).status_code, 404)
        self.assertIsNone(prompting.find_version(self.alice, str(self.version.pk)))
        self.log_in(self.bob)
        self.assertEqual(self.post("prompt-restore", self.prompt.pk).status_code, 404)
        self.log_in(self.alice)
        self.post("prompt-restore", self.prompt.pk)
        self.assertEqual(self.client.get(self.prompt.get_absolute_url()).status_code, 200)
        self.prompt.refresh_from_db()
        deleting.delete_prompt(self.alice, self.prompt)
        prompting.save_prompt(self.alice, content(), name="Support reply")
        answer = self.client.post(reverse("prompt-restore", args=[self.prompt.pk]), follow=True)
        self.assertContains(answer, "is not restored")


class PageTests(PromptTestCase):
    def test_the_list_is_filtered_and_sorted(self) -> None:
        prompting.save_prompt(self.alice, content("x"), name="Another", message="about cats")
        prompting.set_alias(self.prompt, "production", 1)
        for words, found in (("cats", "Another"), ("production", "Support reply")):
            page = self.client.get(f"/prompts/?q={words}")
            self.assertEqual([line.prompt.name for line in page.context["list"].lines], [found])
        page = self.client.get("/prompts/?sort=-name")
        names = [line.prompt.name for line in page.context["list"].lines]
        self.assertEqual(names, ["Support reply", "Another"])

    def test_any_two_versions_are_compared(self) -> None:
        self.add("Hello {{name}}")
        path = self.prompt.get_absolute_url()
        self.assertContains(self.client.get(f"{path}?from=1&to=2"), "<del>Hi</del>")
        for query in (
            "from=1&to=3",
            "from=x&to=1",
            "from=1",
            "version=9",
            "version=-1",
            "to=draft",
        ):
            self.assertEqual(self.client.get(f"{path}?{query}").status_code, 404, query)

    def test_ten_thousand_versions_are_paged(self) -> None:
        some = [
            PromptVersion(prompt=self.prompt, number=number, messages=self.version.messages)
            for number in range(2, prompting.MOST_VERSIONS + 1)
        ]
        PromptVersion.objects.bulk_create(some, batch_size=500)
        page = self.client.get(f"{self.prompt.get_absolute_url()}?page=200")
        self.assertContains(page, "9951 to 10000 of 10000")
        self.assertLess(len(page.content), 200_000)
        with self.assertRaisesMessage(Refused, "at most 10000 versions"):
            self.add("One more")


class FileTests(PromptTestCase):
    def file(self) -> dict:
        prompting.set_alias(self.prompt, "production", 1)
        return json.loads(json.dumps(importing.prompt_as_file(self.prompt)))

    def test_out_and_in_again_is_another_prompt_that_is_equal(self) -> None:
        self.add("Two {{x}}")
        found = self.file()
        answer = self.post("prompt-import", text=json.dumps(found), name="Copy")
        copy = Prompt.objects.get(name="Copy")
        self.assertRedirects(answer, copy.get_absolute_url())
        again = importing.prompt_as_file(copy)
        for version in (*again["versions"], *found["versions"]):
            del version["created_at"]
        self.assertEqual(again | {"name": ""}, found | {"name": ""})
        self.assertNotEqual(copy.pk, self.prompt.pk)

    def test_what_is_damaged_changes_nothing_and_says_why(self) -> None:
        good = self.file() | {"name": "New"}
        version = good["versions"][0]
        wrong = {
            "": "no valid JSON",
            '{"format":': "no valid JSON: look at line 1",
            "[" * 100_000: "nested too deeply",
            "[]": "no prompt that was exported here",
            json.dumps(good | {"format": "x"}): "no prompt that was exported here",
            json.dumps(good | {"format_version": 2}): "only 1 can be read",
            json.dumps(good | {"versions": []}): "1 to 1000 versions",
            json.dumps(good | {"versions": [7]}): "needs a number",
            json.dumps(good | {"versions": [version, version]}): "needs a number of its own",
            json.dumps(good | {"versions": [version | {"number": True}]}): "needs a number",
            json.dumps(good | {"versions": [version | {"id": "x"}]}): "has no “id”",
            json.dumps(good | {"versions": [version | {"messages": []}]}): "prompt is empty",
            json.dumps(good | {"aliases": {"latest": 1}}): "is no alias",
            json.dumps(good | {"aliases": {"a": 2}}): "a version that the file has not",
            json.dumps(good | {"aliases": {"a": [1]}}): "a version that the file has not",
            json.dumps(good | {"name": 7}): "Give the prompt a name",
            json.dumps(good | {"name": "Support reply"}): "already",
        }
        for text, words in wrong.items():
            with self.subTest(text[:60]):
                answer = self.client.post(reverse("prompt-import"), {"text": text})
                self.assertContains(answer, words, status_code=422)
        self.assertEqual(Prompt.objects.count(), 1)
        self.assertEqual(PromptVersion.objects.count(), 1)

    def test_what_is_huge_is_refused(self) -> None:
        with self.assertLogs("django.security.RequestDataTooBig"):
            answer = self.client.post(reverse("prompt-import"), {"text": "x" * 5_000_000})
        self.assertEqual(answer.status_code, 413)
