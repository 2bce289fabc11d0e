"""Transforms: saved with the endpoint, tried while written, read by others before they run."""

import json
from unittest import mock

from endpoints.errors import TransformFailed
from playground import connecting, running, sandbox, transforming
from playground.asking import prompt_of
from playground.models import Call, Draft, Endpoint, EndpointConfirmation, Run
from playground.transforming import Unconfirmed
from tests.base import WebTestCase
from tests.make import TOKEN, make_call, make_endpoint, make_run, make_workspace
from tests.unit.test_sandbox import IDENTITY, SEED, SPIN

HTMX = {"HX-Request": "true"}
CONCISE = "How are you?\n    Be Concise.\n    "
LOUD = "def transform_output(response):\n    return response.upper()"
MESSAGES = [{"role": "user", "content": "How are you?"}]


class TransformTestCase(WebTestCase):
    def setUp(self):
        self.log_in(self.alice)

    def make(self, owner=None, *, by="owner", **fields):
        """An endpoint saved as its form does; shared with the team."""
        owner = owner or self.alice
        endpoint = Endpoint(
            owner=owner,
            name="mine",
            kind="driver",
            task="custom",
            url="http://127.0.0.1:7777/",
            team=self.team,
        )
        for name, value in fields.items():
            setattr(endpoint, name, value)
        connecting.save_endpoint(endpoint, owner if by == "owner" else by)
        return endpoint

    def form(self, **typed):
        address = {"kind": "driver", "url": "http://127.0.0.1:7777/", "task": "custom"}
        return {**address, "name": "mine", "stream": "on", **typed}

    def api(self, method, path, body=None, status=200):
        answer = self.client.generic(
            method, f"/api/v1{path}", json.dumps(body) if body is not None else "",
            content_type="application/json",
        )  # fmt: skip
        self.assertEqual(answer.status_code, status, answer.content)
        return answer.json() if answer.content else None


class SaveTests(TransformTestCase):
    def test_the_form_keeps_the_seeds_functions_as_they_are(self):
        typed = SEED.replace("\n", "\r\n")
        answer = self.client.post(
            "/endpoints/new/", self.form(transform_input=typed, transform_output=typed)
        )
        self.assertRedirects(answer, "/endpoints/")
        endpoint = Endpoint.objects.get()
        self.assertEqual((endpoint.transform_input, endpoint.transform_output), (SEED, SEED))
        self.assertEqual((endpoint.version, endpoint.transforms_by), (1, self.alice))
        page = self.client.get(f"/endpoints/{endpoint.pk}/")
        self.assertContains(page, "full_prompt = f&quot;&quot;&quot;")
        self.assertContains(page, "nothing is streamed")

    def test_a_change_is_a_new_version_kept_with_the_calls(self):
        endpoint = self.make(transform_input=IDENTITY)
        call = make_run(self.alice, endpoint).calls.get()
        self.assertEqual(call.config["transform_input"], IDENTITY)
        endpoint.transform_output = LOUD
        connecting.save_endpoint(endpoint, self.alice)
        self.assertEqual(endpoint.version, 2)
        connecting.save_endpoint(endpoint, self.alice)
        self.assertEqual(endpoint.version, 2)
        self.assertEqual(endpoint.config()["transform_output"], LOUD)

    def test_a_mistake_is_shown_at_its_line_and_nothing_typed_is_lost(self):
        wrong = "import json\n\ndef transform_input(**request)\n    return request"
        typed = self.form(transform_input=wrong, transform_output=LOUD, stop="END", sample="Ahoy")
        page = self.client.post("/endpoints/new/", typed)
        self.assertEqual(page.status_code, 422)
        self.assertContains(page, 'data-line="3"', status_code=422)
        self.assertContains(page, "Line 3: Expected", status_code=422)
        for text in (wrong, LOUD, "END", "Ahoy", "http://127.0.0.1:7777/"):
            self.assertContains(page, text.replace('"', "&quot;"), status_code=422)
        self.assertFalse(Endpoint.objects.exists())

    def test_a_source_without_its_function_is_told(self):
        page = self.client.post("/endpoints/new/", self.form(transform_input=LOUD))
        self.assertContains(page, "no function transform_input", status_code=422)

    def test_blanks_are_no_transform(self):
        self.client.post(
            "/endpoints/new/", self.form(transform_input=" \r\n ", transform_output="")
        )
        endpoint = Endpoint.objects.get()
        self.assertEqual((endpoint.transform_input, endpoint.transforms_fingerprint), ("", ""))
        self.assertIsNone(endpoint.transforms_by)

    def test_words_of_the_author_are_escaped(self):
        evil = "raise ValueError('<script>alert(1)</script>')\n" + IDENTITY
        page = self.client.post("/endpoints/new/", self.form(transform_input=evil))
        self.assertContains(page, "&lt;script&gt;alert(1)", status_code=422)
        self.assertNotContains(page, "<script>alert", status_code=422)

    def test_where_monty_is_missing_the_form_says_so_and_saves_what_needs_none(self):
        endpoint = self.make(transform_input=IDENTITY)
        sandbox._monty.cache_clear()
        self.addCleanup(sandbox._monty.cache_clear)
        with mock.patch.dict("sys.modules", {"pydantic_monty": None}):
            page = self.client.get("/endpoints/new/")
            self.assertContains(page, "Transforms are off here")
            page = self.client.post("/endpoints/new/", self.form(transform_input=SEED))
            self.assertContains(page, "Transforms are off on this server", status_code=422)
            path = f"/endpoints/{endpoint.pk}/"
            typed = self.form(transform_input=IDENTITY, temperature="0.5")
            self.assertRedirects(self.client.post(path, typed), "/endpoints/")

    def test_the_api_takes_and_answers_them(self):
        body = {"name": "mine", "kind": "driver", "url": "http://127.0.0.1:7777/"}
        made = self.api("POST", "/endpoints", body | {"transform_input": SEED}, 201)
        self.assertEqual((made["transform_input"], made["transform_output"]), (SEED, None))
        transforms = made["transforms"]
        self.assertEqual((transforms["by"], transforms["confirmed"]), ("alice", True))
        self.assertEqual((len(transforms["fingerprint"]), transforms["switched_off"]), (64, False))
        path = f"/endpoints/{made['id']}"
        changed = self.api("PATCH", path, {"transform_output": LOUD})
        self.assertEqual((changed["version"], changed["transform_output"]), (2, LOUD))
        self.assertNotEqual(changed["transforms"]["fingerprint"], transforms["fingerprint"])
        self.assertEqual(self.api("GET", path), changed)
        gone = self.api("PATCH", path, {"transform_input": None, "transform_output": None})
        self.assertEqual((gone["transforms"], gone["version"]), (None, 3))

    def test_the_api_names_field_and_line(self):
        body = {"name": "mine", "kind": "driver", "url": "http://127.0.0.1:7777/"}
        for field, source, line in (
            ("transform_input", "x = 1\ndef transform_input(**r)\n    return r", 2),
            ("transform_output", "import requests\n" + LOUD, 1),
            ("transform_output", IDENTITY, None),
            ("transform_input", "#" * 20_001, None),
            ("transform_input", "while True: pass", None),
        ):
            error = self.api("POST", "/endpoints", body | {field: source}, 422)["error"]
            self.assertEqual((error["kind"], error["field"]), ("invalid", field))
            self.assertEqual(error.get("line"), line)
        self.assertFalse(Endpoint.objects.exists())

    def test_saving_is_no_way_round_the_sandbox(self):
        with mock.patch.object(connecting, "check_transform") as check:
            self.make(transform_input=IDENTITY)
        check.assert_called_once_with("transform_input", IDENTITY, self.alice)


class RunTests(TransformTestCase):
    def client_for(self, call):
        return connecting.client_for_call(call)

    def test_a_call_runs_the_functions_of_its_config(self):
        endpoint = self.make(transform_input=SEED)
        call = make_run(self.alice, endpoint).calls.get()
        endpoint.transform_input = ""
        connecting.save_endpoint(endpoint, self.alice)
        call.endpoint.refresh_from_db()
        request = self.client_for(call).plan(prompt_of(call)).request
        self.assertEqual(request.body, {"prompt": CONCISE})
        self.assertEqual(request.before, {"prompt": "How are you?"})

    def test_the_preview_shows_before_and_after_and_the_code_what_is_sent(self):
        endpoint = self.make(transform_input=SEED, transform_output=LOUD)
        path = f"/endpoints/{endpoint.pk}/preview"
        request = self.api("POST", path, {"prompt": "How are you?"})["request"]
        self.assertEqual(request["before"], {"prompt": "How are you?"})
        self.assertEqual(request["body"], {"prompt": CONCISE})
        self.assertEqual(request["headers"]["Accept"], "application/json")
        call = make_run(self.alice, endpoint).calls.get()
        for format in ("curl", "requests"):
            code = self.api("GET", f"/runs/{call.run_id}/code?call={call.pk}&format={format}")
            self.assertIn("Be Concise.", code["code"])
            self.assertNotIn("def transform_input", code["code"])

    def test_langchains_code_has_the_functions(self):
        workspace = make_workspace(self.alice, token=TOKEN)
        endpoint = self.make(
            kind="serving", workspace=workspace, serving_endpoint="dolly",
            transform_input=SEED, transform_output=SEED,
        )  # fmt: skip
        call = make_run(self.alice, endpoint).calls.get()
        path = f"/runs/{call.run_id}/code?call={call.pk}&format=langchain"
        code = self.api("GET", path)["code"]
        self.assertEqual(code.count(SEED.strip()), 1)
        for line in ("transform_input_fn=transform_input", "transform_output_fn=transform_output"):
            self.assertIn(line, code)

    def test_the_raw_drawer_shows_before_and_after(self):
        endpoint = self.make(transform_input=SEED, transform_output=LOUD)
        call = make_call(
            make_run(self.alice), endpoint, status="done", text="GOOD.",
            request={
                "method": "POST", "url": "http://127.0.0.1:7777/", "headers": {},
                "body": {"prompt": CONCISE}, "before": {"prompt": "How <are> you?"},
            },
            response={"status": 200, "content_type": "application/json", "body": "Good."},
        )  # fmt: skip
        page = self.client.get(f"/calls/{call.pk}/raw/", headers=HTMX)
        self.assertContains(page, "what transform_input was given")
        self.assertContains(page, "How &lt;are&gt; you?")
        self.assertContains(page, "what transform_output made of it")
        self.assertContains(page, "nothing is streamed")

    def test_a_call_that_its_function_failed_is_explained_without_running_it_again(self):
        endpoint = self.make(transform_input=SPIN)
        error = {"kind": "transform_input", "message": "Line 2: no.", "hint": "Mend it."}
        call = make_call(make_run(self.alice), endpoint, status="failed", error=error)
        with mock.patch.object(transforming, "run_source") as run:
            page = self.client.get(f"/calls/{call.pk}/raw/", headers=HTMX)
        run.assert_not_called()
        self.assertContains(page, "Line 2: no. Mend it.", status_code=422)

    def test_a_failure_says_what_where_and_what_next(self):
        endpoint = self.make(transform_input="def transform_input(**r):\n    return r['nope']")
        call = make_run(self.alice, endpoint).calls.get()
        with self.assertRaises(TransformFailed) as caught:
            self.client_for(call).plan(prompt_of(call))
        described = connecting.describe(caught.exception)
        self.assertEqual(described["message"], "transform_input, line 2: KeyError: nope")
        self.assertEqual(
            (described["kind"], described["reason"], described["line"], described["column"]),
            ("transform_input", "error", 2, 12),
        )
        self.assertIn("Nothing was sent", described["hint"])
        call.status, call.error = "failed", described
        call.save()
        page = self.client.get(call.run.get_absolute_url())
        self.assertContains(page, f'href="/endpoints/{endpoint.pk}/?line=2#id_transform_input"')


class LimitTests(TransformTestCase):
    """Three stops at the limits switch an endpoint's transforms off until they are edited."""

    def end(self, call, reason="limit"):
        Call.objects.filter(pk=call.pk).update(status="waiting", worker="w")
        call.status = "failed"
        call.error = {"kind": "transform_input", "reason": reason, "message": "", "hint": ""}
        self.assertTrue(running.end_call("w", call))

    def calls(self, endpoint, number):
        run = make_run(self.alice, *[endpoint] * number)
        return list(run.calls.select_related("endpoint", "run__owner"))

    def test_the_third_stop_switches_them_off_and_an_edit_on_again(self):
        endpoint = self.make(transform_input=IDENTITY)
        *three, last = self.calls(endpoint, 4)
        for call in three:
            connecting.client_for_call(call)
            self.end(call)
        last.endpoint.refresh_from_db()
        with self.assertRaises(TransformFailed) as caught:
            connecting.client_for_call(last)
        self.assertIn("switched off", caught.exception.message)
        answer = self.api("GET", f"/endpoints/{endpoint.pk}")
        self.assertTrue(answer["transforms"]["switched_off"])
        self.assertIn("switched off", answer["warnings"][0])
        self.log_in(self.bob)
        self.assertContains(self.client.get(f"/endpoints/{endpoint.pk}/"), "switched off")
        endpoint.refresh_from_db()
        endpoint.transform_input += "\n"
        connecting.save_endpoint(endpoint, self.alice)
        self.assertEqual(endpoint.limit_hits, 0)
        connecting.client_for_call(self.calls(endpoint, 1)[0])

    def test_other_failures_do_not_count(self):
        endpoint = self.make(transform_input=IDENTITY)
        for call, reason in zip(
            self.calls(endpoint, 4), ("error", "busy", "off", "too_large"), strict=True
        ):
            self.end(call, reason)
        endpoint.refresh_from_db()
        self.assertEqual(endpoint.limit_hits, 0)

    def test_stops_of_older_functions_do_not_count_against_newer_ones(self):
        endpoint = self.make(transform_input=IDENTITY)
        old = self.calls(endpoint, 3)
        endpoint.transform_input += "\n# better"
        connecting.save_endpoint(endpoint, self.alice)
        for call in old:
            self.end(call)
        endpoint.refresh_from_db()
        self.assertEqual(endpoint.limit_hits, 0)

    def test_a_preview_and_a_check_count_too(self):
        endpoint = self.make(transform_input=SPIN)
        self.api("POST", f"/endpoints/{endpoint.pk}/preview", {"prompt": "Hi"}, 422)
        check = self.api("POST", f"/endpoints/{endpoint.pk}/check")
        self.assertEqual((check["ok"], check["error"]["reason"]), (False, "limit"))
        endpoint.refresh_from_db()
        self.assertEqual(endpoint.limit_hits, 2)


class SharingTests(TransformTestCase):
    """Somebody else's functions run only for those who have read them as they are."""

    def setUp(self):
        super().setUp()
        self.endpoint = self.make(transform_input=SEED, transform_output=LOUD)
        self.log_in(self.bob)

    def start(self, *endpoints, user=None):
        variants = [running.Variant(endpoint) for endpoint in endpoints or [self.endpoint]]
        return running.start_run(user or self.bob, MESSAGES, variants)

    def confirm(self, user=None, fingerprint=None):
        fingerprint = fingerprint or self.endpoint.transforms_fingerprint
        return transforming.confirm(user or self.bob, self.endpoint, fingerprint)

    def press_run(self, *endpoints):
        columns = [f"{at}:{endpoint.pk}" for at, endpoint in enumerate(endpoints)]
        form = {"role-1": "user", "message-1": "Hi", "column": columns}
        return self.client.post("/runs/start/", form, headers=HTMX)

    def test_the_author_needs_no_confirmation_and_colleagues_do(self):
        self.start(user=self.alice)
        with self.assertRaises(Unconfirmed):
            self.start()
        self.confirm()
        self.start()

    def test_every_change_is_read_again(self):
        self.confirm()
        self.endpoint.transform_output = LOUD.replace("upper", "lower")
        connecting.save_endpoint(self.endpoint, self.alice)
        with self.assertRaises(Unconfirmed):
            self.start()
        self.endpoint.params = {"temperature": 0.5}
        self.confirm()
        connecting.save_endpoint(self.endpoint, self.alice)  # no change of the functions
        self.start()

    def test_a_confirmation_of_what_is_gone_confirms_nothing(self):
        seen = self.endpoint.transforms_fingerprint
        self.endpoint.transform_output = ""
        connecting.save_endpoint(self.endpoint, self.alice)
        self.assertFalse(self.confirm(fingerprint=seen))
        self.assertFalse(EndpointConfirmation.objects.filter(user=self.bob).exists())

    def test_what_an_admin_changes_the_owner_reads_too(self):
        endpoint = self.make(self.bob, transform_input=IDENTITY)
        endpoint.transform_input = SEED
        connecting.save_endpoint(endpoint, self.alice)  # admin of the team
        self.assertEqual(endpoint.transforms_by, self.alice)
        self.start(endpoint, user=self.alice)
        with self.assertRaises(Unconfirmed):
            self.start(endpoint, user=self.bob)
        page = self.client.get(f"/endpoints/{endpoint.pk}/")
        self.assertContains(page, "I have read it, use it")
        self.assertContains(page, "<strong>alice</strong>")

    def test_one_confirmation_is_for_one_person_and_one_endpoint(self):
        self.confirm()
        twin = self.make(name="twin", transform_input=SEED, transform_output=LOUD)
        with self.assertRaises(Unconfirmed):
            self.start(twin)
        with self.assertRaises(Unconfirmed):
            carl = self.charlie
            carl.memberships.create(team=self.team, role="member")
            self.start(user=carl)

    def test_the_worker_asks_again(self):
        self.confirm()
        call = self.start().calls.get()
        EndpointConfirmation.objects.filter(user=self.bob).delete()
        with self.assertRaises(connecting.Forbidden) as caught:
            connecting.client_for_call(call)
        self.assertIn("have not read them", caught.exception.message)
        call.status, call.error = "failed", connecting.describe(caught.exception)
        call.save()
        page = self.client.get(call.run.get_absolute_url())
        self.assertContains(page, f'href="/endpoints/{self.endpoint.pk}/">Read its functions')

    def test_the_worker_runs_what_was_confirmed_though_it_changed_since(self):
        self.confirm()
        call = self.start().calls.get()
        self.endpoint.transform_input = IDENTITY
        connecting.save_endpoint(self.endpoint, self.alice)
        call.endpoint.refresh_from_db()
        request = connecting.client_for_call(call).plan(prompt_of(call)).request
        self.assertEqual(request.body, {"prompt": CONCISE})

    def test_a_retry_asks_again(self):
        self.confirm()
        run = make_run(self.bob, self.endpoint, status="failed", error={"kind": "x"})
        self.endpoint.transform_input = IDENTITY
        connecting.save_endpoint(self.endpoint, self.alice)
        answer = self.client.post(f"/calls/{run.calls.get().pk}/retry/", headers=HTMX)
        self.assertContains(answer, "have not read them", status_code=422)
        self.api("POST", f"/calls/{run.calls.get().pk}/retry", status=409)

    def test_the_column_shows_author_and_source_and_one_button(self):
        plain = make_endpoint(self.bob, name="plain")
        self.client.post("/columns/", {"endpoint": [self.endpoint.pk, plain.pk]}, headers=HTMX)
        page = self.client.get("/")
        self.assertContains(page, "I have read it, use it", count=1)
        self.assertContains(page, "<strong>alice</strong>")
        self.assertContains(page, "full_prompt = f&quot;&quot;&quot;")
        self.assertContains(page, "response.upper()")
        fingerprint = {"fingerprint": self.endpoint.transforms_fingerprint}
        answer = self.client.post(
            f"/endpoints/{self.endpoint.pk}/confirm/", fingerprint, headers=HTMX
        )
        self.assertContains(answer, "Read and confirmed")
        self.assertNotContains(self.client.get("/"), "I have read it")

    def test_run_starts_the_other_columns_and_says_which_one_waits(self):
        plain = make_endpoint(self.bob, name="plain")
        board = self.press_run(plain, self.endpoint)
        self.assertEqual([c.endpoint for c in Call.objects.all()], [plain])
        self.assertContains(board, "Column B did not run: read its functions there first.")
        self.assertContains(board, "I have read it, use it")
        columns = [column["endpoint"] for column in Draft.objects.get(owner=self.bob).columns]
        self.assertEqual(columns, [str(plain.pk), str(self.endpoint.pk)])
        self.confirm()
        board = self.press_run(plain, self.endpoint)
        self.assertNotContains(board, "did not run")
        self.assertEqual(Run.objects.order_by("-created_at")[0].calls.count(), 2)

    def test_run_with_no_other_column_starts_nothing_and_says_why(self):
        answer = self.press_run(self.endpoint)
        self.assertContains(answer, "have not read them", status_code=422)
        self.assertFalse(Run.objects.exists())

    def test_a_confirmation_of_changed_functions_shows_them_again(self):
        answer = self.client.post(
            f"/endpoints/{self.endpoint.pk}/confirm/", {"fingerprint": "0" * 64}, headers=HTMX
        )
        self.assertContains(answer, "changed just now", status_code=422)
        self.assertContains(answer, self.endpoint.transforms_fingerprint, status_code=422)
        self.assertFalse(EndpointConfirmation.objects.filter(user=self.bob).exists())

    def test_a_preview_and_a_check_wait_too(self):
        path = f"/endpoints/{self.endpoint.pk}"
        error = self.api("POST", f"{path}/preview", {"prompt": "Hi"}, 409)["error"]
        self.assertEqual(error["kind"], "unconfirmed")
        check = self.api("POST", f"{path}/check")
        self.assertEqual((check["ok"], check["error"]["kind"]), (False, "unconfirmed"))
        typed = {"role-1": "user", "message-1": "Hi", "column": f"0:{self.endpoint.pk}"}
        page = self.client.post("/columns/0/preview/", typed, headers=HTMX)
        self.assertContains(page, "have not read them", status_code=422)

    def test_the_api_refuses_the_run_and_takes_a_confirmation(self):
        body = {"prompt": "Hi", "variants": [{"endpoint": str(self.endpoint.pk)}]}
        error = self.api("POST", "/runs", body, 409)["error"]
        self.assertEqual((error["kind"], error["field"]), ("unconfirmed", "variants.0.endpoint"))
        self.assertIn("PUT /endpoints/{id}/confirm", error["message"])
        path = f"/endpoints/{self.endpoint.pk}"
        transforms = self.api("GET", path)["transforms"]
        self.assertEqual((transforms["by"], transforms["confirmed"]), ("alice", False))
        self.api("PUT", f"{path}/confirm", {"fingerprint": "x"}, 409)
        self.api("PUT", f"{path}/confirm", {}, 422)
        confirmed = self.api("PUT", f"{path}/confirm", {"fingerprint": transforms["fingerprint"]})
        self.assertTrue(confirmed["transforms"]["confirmed"])
        self.api("POST", "/runs", body, 201)

    def test_strangers_find_nothing_and_viewers_confirm_nothing(self):
        body = {"fingerprint": self.endpoint.transforms_fingerprint}
        for user, status in ((self.charlie, 404), (self.vera, 403)):
            self.log_in(user)
            page = self.client.post(f"/endpoints/{self.endpoint.pk}/confirm/", body)
            self.assertEqual(page.status_code, status)
            self.api("PUT", f"/endpoints/{self.endpoint.pk}/confirm", body, status)
        self.assertContains(self.client.get(f"/endpoints/{self.endpoint.pk}/"), "upper()")
        self.assert_csrf_enforced(f"/endpoints/{self.endpoint.pk}/confirm/", body, user=self.bob)

    def test_what_nobody_signed_for_is_nobodys(self):
        endpoint = self.make(by=None, name="orphan", transform_input=IDENTITY)
        for user in (self.alice, self.bob):
            with self.assertRaises(Unconfirmed):
                self.start(endpoint, user=user)


class TryTests(TransformTestCase):
    def attempt(self, status=200, **typed):
        page = self.client.post("/endpoints/transforms/try/", self.form(**typed), headers=HTMX)
        self.assertEqual(page.status_code, status)
        return page

    def test_request_and_answer_are_shown_before_and_after(self):
        page = self.attempt(transform_input=SEED, transform_output=SEED, sample="How are you?")
        for text in (
            "&quot;prompt&quot;: &quot;How are you?&quot;",
            "&quot;prompt&quot;: &quot;How are you?\\n    Be Concise.\\n    &quot;",
            "I am doing great, thank you.",
            "I AM DOING GREAT, THANK YOU.",
        ):
            self.assertContains(page, text)
        self.assertContains(page, "ln-del", count=2)
        self.assertContains(page, "ln-add", count=2)
        self.assertContains(page, 'id="transform_input-state" class="status status--ok"')

    def test_nothing_is_sent_and_nothing_is_saved(self):
        with mock.patch("endpoints.wire.Exchange.__enter__") as send:
            self.attempt(transform_input=SEED, transform_output=LOUD)
        send.assert_not_called()
        self.assertFalse(Endpoint.objects.exists() or Run.objects.exists())

    def test_every_task_has_its_own_request_and_sample_answer(self):
        for kind, task, given in (
            ("driver", "chat", "message"),
            ("driver", "completions", "text"),
            ("driver", "responses", "output_text"),
            ("driver", "embeddings", "embedding"),
            ("driver", "custom", "I am doing great"),
            ("serving", "custom", "I am doing great"),
        ):
            with self.subTest(kind=kind, task=task):
                page = self.attempt(
                    kind=kind,
                    task=task,
                    transform_input=IDENTITY,
                    transform_output="def transform_output(response):\n    return response",
                )
                self.assertContains(page, given)
                self.assertNotContains(page, "callout--danger")

    def test_whatever_is_typed_or_was_answered_gets_an_answer(self):
        same = "def transform_output(response):\n    return response"
        half = "def transform_output(response):\n    print('\\ud800')\n    return '\\ud800'"
        for kind, task, typed, says in (
            ("serving", "chat", {"answer": '"\\ud800"'}, "callout"),
            ("driver", "custom", {"answer": '"\\ud800"'}, "?"),
            ("driver", "custom", {"transform_output": half}, "\ufffd"),
            ("serving", "embeddings", {"answer": '{"data": 3}'}, "callout"),
            ("serving", "completions", {"template": "{x}"}, "A template needs {content}"),
        ):
            with self.subTest(task=task, **typed):
                typed = {"transform_output": same} | typed
                self.assertContains(self.attempt(kind=kind, task=task, **typed), says)

    def test_a_mistake_is_told_with_its_line_in_the_editor_too(self):
        page = self.attempt(transform_input="def transform_input(**r):\n    return r['nope']")
        self.assertContains(page, "KeyError: nope")
        self.assertContains(
            page, 'id="transform_input-state" class="status status--danger" hx-swap-oob="true"'
        )
        self.assertContains(page, 'data-line="2"')
        page = self.attempt(transform_output="def transform_output(response)\n    return 1")
        self.assertContains(page, "Line 1: Expected")
        self.assertContains(page, 'data-line="1"')

    def test_only_what_decides_the_request_must_be_right(self):
        page = self.attempt(transform_input=SEED, name="", url="", timeout_s="soon")
        self.assertContains(page, "Be Concise.")
        page = self.attempt(transform_input=SEED, extra="{")
        self.assertContains(page, "Not tried yet")
        self.assertContains(page, "Extra JSON")

    def test_parameters_that_are_dropped_are_named(self):
        page = self.attempt(
            transform_input="def transform_input(**r):\n    return {'text': r['prompt']}",
            temperature="0.2",
            extra='{"top_k": 5}',
        )
        self.assertContains(page, "temperature, top_k are dropped")

    def test_what_is_printed_is_shown_escaped(self):
        source = "def transform_input(**r):\n    print('<b>', r['prompt'])\n    return r"
        page = self.attempt(transform_input=source, sample="Ahoy")
        self.assertContains(page, "&lt;b&gt; Ahoy")

    def test_an_answer_of_ones_own_is_json_or_text(self):
        source = "def transform_output(response):\n    return str(response['score'])"
        page = self.attempt(transform_output=source, answer='{"score": 0.75}')
        self.assertContains(page, ">0.75")
        page = self.attempt(transform_output=LOUD, answer="plain words")
        self.assertContains(page, "PLAIN WORDS")

    def test_a_result_that_holds_no_text_is_told(self):
        source = "def transform_output(response):\n    return 5"
        self.assertContains(self.attempt(transform_output=source), "returned an int that holds no")

    def test_a_recorded_call_is_what_it_was_asked_and_answered(self):
        endpoint = self.make()
        run = make_run(self.alice, prompt="Recorded?")
        response = {"status": 200, "content_type": "application/json", "body": "Yes <i>it</i> is"}
        call = make_call(
            run, endpoint, status="done", response=response, overrides={"temperature": 0.9}
        )
        page = self.client.get(f"/endpoints/{endpoint.pk}/")
        self.assertContains(page, f'<option value="{call.pk}">')
        page = self.attempt(transform_input=SEED, transform_output=LOUD, try_on=str(call.pk))
        for text in ("Recorded?\\n    Be Concise.", "0.9", "YES &lt;I&gt;IT&lt;/I&gt; IS"):
            self.assertContains(page, text)

    def test_a_streamed_call_is_shown_as_it_would_come_whole(self):
        endpoint = self.make(task="chat")
        response = {"status": 200, "content_type": "text/event-stream", "body": ["{}", "{}"]}
        call = make_call(
            make_run(self.alice), endpoint, status="done", response=response, text="Good."
        )
        source = (
            "def transform_output(response):\n"
            "    return response['choices'][0]['message']['content'].upper()"
        )
        page = self.attempt(task="chat", transform_output=source, try_on=str(call.pk))
        self.assertContains(page, "GOOD.")

    def test_calls_of_others_are_neither_offered_nor_taken(self):
        endpoint = self.make()
        response = {"status": 200, "content_type": "application/json", "body": "secret of bob"}
        call = make_call(make_run(self.bob), endpoint, status="done", response=response)
        self.assertNotContains(self.client.get(f"/endpoints/{endpoint.pk}/"), str(call.pk))
        page = self.attempt(404, transform_output=LOUD, try_on=str(call.pk))
        self.assertNotContains(page, "secret of bob", status_code=404)

    def test_without_script_it_is_a_page_of_its_own(self):
        page = self.client.post("/endpoints/transforms/try/", self.form(transform_input=SEED))
        self.assertContains(page, "Transforms tried")
        self.assertContains(page, "Be Concise.")
        self.assertNotContains(page, "hx-swap-oob")

    def test_it_is_for_people_who_are_signed_in(self):
        self.client.logout()
        answer = self.client.post("/endpoints/transforms/try/", self.form(transform_input=SEED))
        self.assertEqual(answer.status_code, 302)
        self.assert_csrf_enforced("/endpoints/transforms/try/", user=self.alice)
