"""Endpoints: list, form, check and delete, and who may do which."""

import re

from django.test import override_settings
from django.urls import reverse

from playground.connecting import save_credential
from playground.models import Call, Endpoint, Membership
from tests.base import WebTestCase
from tests.canary import canary
from tests.make import TOKEN, make_endpoint, make_run, make_workspace
from tests.upstream import Upstream, answer

LIST, NEW = "/endpoints/", "/endpoints/new/"
HTMX = {"HX-Request": "true"}


def typed(**changes) -> dict:
    """The form of a direct URL as a browser sends it; None leaves a field out."""
    fields = {
        "kind": "driver",
        "name": "echo",
        "url": "http://127.0.0.1:7777/",
        "task": "custom",
        "stream": "on",
        "temperature": "",
        "max_tokens": "",
        "timeout_s": "",
        "max_input_tokens": "",
        "extra": "",
        "stop": "",
        "team": "",
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def typed_proxy(workspace, **changes) -> dict:
    fields = {
        "kind": "driver_proxy",
        "workspace": str(workspace.pk),
        "cluster_id": "0812-091530-k3v9q2",
        "port": "7777",
        "path": "/",
        "url": None,
    }
    return typed(**(fields | changes))


def typed_serving(workspace, **changes) -> dict:
    fields = {
        "kind": "serving",
        "workspace": str(workspace.pk),
        "serving_endpoint": "dolly",
        "task": "chat",
        "url": None,
    }
    return typed(**(fields | changes))


def edit_path(endpoint: Endpoint) -> str:
    return reverse("endpoint-edit", args=[endpoint.pk])


class EndpointListTests(WebTestCase):
    def test_shows_ones_own_and_what_is_shared(self) -> None:
        make_endpoint(self.alice, name="shared-one", team=self.team)
        make_endpoint(self.alice, name="private-one")
        make_endpoint(self.bob, name="bobs-own")
        self.log_in(self.bob)
        response = self.client.get(LIST)
        self.assertContains(response, "shared-one")
        self.assertContains(response, "bobs-own")
        self.assertNotContains(response, "private-one")

    def test_says_where_each_one_is(self) -> None:
        workspace = make_workspace(self.alice, host="https://adb-1.2.azuredatabricks.net")
        make_endpoint(self.alice, name="a", url="http://127.0.0.1:7777/poet")
        on_cluster = {"cluster_id": "0812-k3", "port": 7777, "path": "/v1"}
        make_endpoint(self.alice, name="b", kind="driver_proxy", workspace=workspace, **on_cluster)
        serving = {"workspace": workspace, "serving_endpoint": "llama"}
        make_endpoint(self.alice, name="c", kind="serving", **serving)
        self.log_in(self.alice)
        response = self.client.get(LIST)
        for address in (
            "http://127.0.0.1:7777/poet",
            "adb-1.2.azuredatabricks.net/0812-k3:7777/v1",
            "adb-1.2.azuredatabricks.net/llama",
        ):
            self.assertContains(response, address)

    def test_offers_only_what_one_may_do(self) -> None:
        endpoint = make_endpoint(self.alice, team=self.team)
        may = {}
        for user in (self.alice, self.bob, self.vera):
            self.log_in(user)
            (line,) = self.client.get(LIST).context["list"].lines
            may[user.username] = (line.can_edit, line.can_run)
        self.assertEqual(may, {"alice": (True, True), "bob": (False, True), "vera": (False, False)})
        self.assertNotContains(self.client.get(LIST), reverse("endpoint-check", args=[endpoint.pk]))

    def test_a_stranger_sees_nothing(self) -> None:
        make_endpoint(self.alice, team=self.team)
        self.log_in(self.charlie)
        self.assertContains(self.client.get(LIST), "No endpoint yet")

    def test_names_are_escaped(self) -> None:
        make_endpoint(self.alice, name="<img src=x onerror=alert(1)>")
        self.log_in(self.alice)
        self.assertNotContains(self.client.get(LIST), "<img")


class EndpointNewTests(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)
        self.workspace = make_workspace(self.alice)

    def make(self, form: dict) -> Endpoint:
        self.assertRedirects(self.client.post(NEW, form), LIST)
        return Endpoint.objects.get()

    def test_starts_with_a_serving_endpoint(self) -> None:
        response = self.client.get(NEW)
        self.assertContains(response, 'name="serving_endpoint"')
        self.assertContains(response, "prod-eu · adb-1.2.azuredatabricks.net")

    def test_makes_a_direct_url(self) -> None:
        endpoint = self.make(
            typed(temperature="0.2", max_tokens="512", timeout_s="30", max_input_tokens="8192")
        )
        self.assertEqual(endpoint.owner, self.alice)
        self.assertEqual((endpoint.kind, endpoint.url), ("driver", "http://127.0.0.1:7777/"))
        self.assertEqual(endpoint.params, {"temperature": 0.2, "max_tokens": 512})
        self.assertEqual((endpoint.timeout_s, endpoint.max_input_tokens), (30, 8192))
        self.assertTrue(endpoint.stream)

    def test_makes_a_driver_proxy(self) -> None:
        endpoint = self.make(typed_proxy(self.workspace, stream=None))
        self.assertEqual(endpoint.workspace, self.workspace)
        self.assertEqual((endpoint.cluster_id, endpoint.port), ("0812-091530-k3v9q2", 7777))
        self.assertFalse(endpoint.stream)

    def test_makes_a_serving_endpoint(self) -> None:
        endpoint = self.make(typed_serving(self.workspace, task="custom", format="inputs"))
        self.assertEqual(endpoint.serving_endpoint, "dolly")
        self.assertEqual((endpoint.task, endpoint.format), ("custom", "inputs"))

    def test_what_is_left_empty_is_not_sent(self) -> None:
        self.assertEqual(self.make(typed()).params, {})

    def test_is_shared_with_a_team_of_ones_own_only(self) -> None:
        response = self.client.post(NEW, typed(team=str(self.other_team.pk)))
        self.assertContains(response, "Choose one of your own teams", status_code=422)
        self.assertEqual(self.make(typed(team=str(self.team.pk))).team, self.team)

    def test_a_workspace_that_one_cannot_see_is_refused(self) -> None:
        theirs = make_workspace(self.charlie, name="theirs")
        response = self.client.post(NEW, typed_proxy(theirs))
        self.assertContains(response, 'id="id_workspace_error"', status_code=422)
        self.assertNotContains(self.client.get(NEW), "theirs")

    def test_fields_of_other_kinds_are_ignored_whatever_they_hold(self) -> None:
        endpoint = self.make(typed(port="not a number", cluster_id="x" * 500, workspace="nonsense"))
        self.assertEqual((endpoint.port, endpoint.cluster_id), (None, ""))

    def test_save_and_check_opens_the_form_which_then_checks_itself_once(self) -> None:
        response = self.client.post(NEW, typed() | {"check": "yes"}, follow=True)
        [(address, _)] = response.redirect_chain
        self.assertTrue(address.endswith("/#endpoint-check"), address)
        self.assertContains(response, 'hx-trigger="load, submit"')
        again = self.client.get(edit_path(Endpoint.objects.get()))
        self.assertNotContains(again, 'hx-trigger="load, submit"')

    def test_csrf_is_enforced(self) -> None:
        self.assert_csrf_enforced(NEW, typed(), user=self.alice)


class EndpointMistakeTests(WebTestCase):
    def setUp(self) -> None:
        self.log_in(self.alice)
        self.workspace = make_workspace(self.alice)

    def assert_refused(self, field: str, form: dict, words: str = "") -> str:
        response = self.client.post(NEW, form)
        self.assertContains(response, f'id="id_{field}_error"', status_code=422)
        page = response.content.decode()
        self.assertIn(words, page)
        self.assertFalse(Endpoint.objects.exists())
        return page

    def test_address_mistakes_are_explained_at_their_field(self) -> None:
        proxy, serving = typed_proxy(self.workspace), typed_serving(self.workspace)
        cases = [
            ("name", typed(name="   ")),
            ("url", typed(url="")),
            ("url", typed(url="http://169.254.169.254/latest/meta-data")),
            ("url", typed(url="http://127.0.0.1:22/")),
            ("url", typed(url="file:///etc/passwd")),
            ("workspace", proxy | {"workspace": ""}),
            ("cluster_id", proxy | {"cluster_id": "0812-091530-k3v9q2/../x"}),
            ("cluster_id", proxy | {"cluster_id": ""}),
            ("port", proxy | {"port": "0"}),
            ("port", proxy | {"port": "65536"}),
            ("port", proxy | {"port": "eighty"}),
            ("port", proxy | {"port": ""}),
            ("path", proxy | {"path": "/../../api/2.0/token/create"}),
            ("serving_endpoint", serving | {"serving_endpoint": "../../api/2.0/token/create#"}),
            ("serving_endpoint", serving | {"serving_endpoint": ""}),
            ("timeout_s", typed(timeout_s="0")),
            ("timeout_s", typed(timeout_s="999999")),
            ("max_input_tokens", typed(max_input_tokens="0")),
            ("max_input_tokens", typed(max_input_tokens="many")),
            ("temperature", typed(temperature="warm")),
            ("max_tokens", typed(max_tokens="1.5")),
        ]
        for field, form in cases:
            with self.subTest(field=field, form=form):
                self.assert_refused(field, form)

    def test_all_that_is_wrong_is_told_at_once_each_at_its_field(self) -> None:
        make_endpoint(self.alice, name="taken")
        wrong = {"name": "taken", "cluster_id": "x", "port": "65536", "path": "/../x"}
        wrong |= {"workspace": "", "template": "{nothing}", "timeout_s": "0"}
        unread = {"temperature": "warm", "max_tokens": "1.5", "extra": "{"}
        for more in ({}, unread):
            response = self.client.post(NEW, typed_proxy(self.workspace) | wrong | more)
            page = response.content.decode()
            self.assertEqual(response.status_code, 422)
            found = set(re.findall(r'id="id_(\w+)_error"', page))
            self.assertEqual(found, {*wrong, *more})
            main = page.partition("<main")[2].partition("</main>")[0]
            self.assertEqual(main.count("autofocus"), 1)
        self.assertEqual(Endpoint.objects.count(), 1)

    def test_what_could_not_be_read_has_one_message_not_two(self) -> None:
        page = self.assert_refused("port", typed_proxy(self.workspace, port="eighty", name=""))
        self.assertIn("Enter a whole number.", page)
        self.assertNotIn("A port is", page)
        self.assertIn("Give an endpoint a name", page)

    def test_an_edit_judges_the_rest_too_and_changes_nothing(self) -> None:
        endpoint = make_endpoint(self.alice, name="kept")
        form = typed(name="", temperature="warm", url="ftp://x")
        response = self.client.post(edit_path(endpoint), form)
        for field in ("name", "temperature", "url"):
            self.assertContains(response, f'id="id_{field}_error"', status_code=422)
        self.assertContains(response, "<h1>kept</h1>", status_code=422)
        self.assertEqual(Endpoint.objects.get().config(), endpoint.config())

    def test_an_unknown_kind_or_task_is_refused(self) -> None:
        self.assert_refused("kind", typed(kind="carrier pigeon"))
        self.assert_refused("task", typed(task="juggling"))

    def test_values_are_kept(self) -> None:
        page = self.assert_refused(
            "url",
            typed(
                name="my model", url="ftp://x", temperature="0.7", stop="END\nX", extra='{"a": 1}'
            ),
        )
        for kept in (
            'value="my model"',
            'value="ftp://x"',
            'value="0.7"',
            "END\nX",
            "&quot;a&quot;",
        ):
            self.assertIn(kept, page)

    def test_a_second_one_of_the_same_name_is_refused(self) -> None:
        make_endpoint(self.alice)
        response = self.client.post(NEW, typed())
        self.assertContains(response, "You already have", status_code=422)
        self.assertContains(response, "<h1>New endpoint</h1>", status_code=422)

    def test_extra_json_says_line_column_and_what_to_do(self) -> None:
        cases = {
            '{"a": 1,}': "Line 1, column 9: remove the comma before }.",
            '{\n  "a": 1\n  "b": 2}': "Line 3, column 3: add a comma before it",
            "{'a': 1}": "use straight double quotes",
            '{"a": ': "the text ends too early",
            '{"a": 1} x': "remove what follows the end",
            "[1]": "Write one JSON object",
            '"text"': "Write one JSON object",
            '{"a": NaN}': "NaN is not a JSON number",
            '{"a": 1e999}': "1e999 is too large a number",
            '{"a": ' + "9" * 5000 + "}": "A number in it is too long",
            '{"a": "\\ud800"}': "Half a character",
            "[" * 100_000: "nested too deeply",
            '{"temperature": 1}': "is set above already",
            '{"prompt": "x"}': "has its own field",
            '{"stream": false}': "has its own field",
        }
        for extra, words in cases.items():
            with self.subTest(extra=extra[:30]):
                self.assert_refused("extra", typed(extra=extra, temperature="0.5"), words)

    def test_a_port_beyond_the_usual_range_wants_a_confirmation(self) -> None:
        form = typed_proxy(self.workspace, port="9000")
        page = self.assert_refused("confirm_port", form, "outside 3000-8000")
        self.assertIn('name="confirm_port"', page)
        self.assertRedirects(self.client.post(NEW, form | {"confirm_port": "on"}), LIST)
        endpoint = Endpoint.objects.get()
        self.assertEqual(endpoint.port, 9000)
        again = self.client.post(edit_path(endpoint), form | {"name": "renamed"})
        self.assertRedirects(again, LIST)  # confirmed once is confirmed for this port
        self.client.post(edit_path(endpoint), form | {"port": "9001"})
        endpoint.refresh_from_db()
        self.assertEqual(endpoint.port, 9000)


class EndpointFieldsTests(WebTestCase):
    """The part of the form that follows kind and task."""

    def setUp(self) -> None:
        self.log_in(self.alice)

    def part(self, trigger: str = "kind", **fields) -> str:
        headers = HTMX | {"HX-Trigger-Name": trigger}
        response = self.client.get(NEW, fields, headers=headers)
        self.assertEqual(response.status_code, 200)
        self.assertIn("HX-Request", response["Vary"])
        self.assertNotContains(response, "<html")
        return response.content.decode()

    def test_each_kind_shows_its_own(self) -> None:
        shown = {
            "serving": ["workspace", "serving_endpoint"],
            "driver_proxy": ["workspace", "cluster_id", "port", "path"],
            "driver": ["url"],
        }
        for kind, names in shown.items():
            part = self.part(kind=kind)
            for name in ("workspace", "serving_endpoint", "cluster_id", "port", "path", "url"):
                with self.subTest(kind=kind, field=name):
                    self.assertEqual(
                        f'<label class="field__label" for="id_{name}"' in part, name in names
                    )

    def test_what_was_typed_for_another_kind_is_kept(self) -> None:
        part = self.part(kind="serving", url="http://127.0.0.1:7777/mine", port="7", task="chat")
        self.assertRegex(part, r'type="hidden" name="url" value="http://127.0.0.1:7777/mine"')
        self.assertRegex(part, r'type="hidden" name="port" value="7"')

    def test_a_new_kind_brings_its_usual_task(self) -> None:
        self.assertRegex(self.part(kind="driver", task="chat"), r'value="custom"[^>]* checked')
        self.assertRegex(self.part(kind="serving", task="custom"), r'value="chat"[^>]* checked')

    def test_a_task_chosen_by_hand_stays(self) -> None:
        part = self.part(trigger="task", kind="driver", task="chat")
        self.assertRegex(part, r'value="chat"[^>]* checked')

    def test_only_a_custom_serving_model_asks_for_its_format(self) -> None:
        label = 'for="id_format"'
        self.assertIn(label, self.part(trigger="task", kind="serving", task="custom"))
        self.assertNotIn(label, self.part(trigger="task", kind="serving", task="chat"))
        self.assertNotIn(label, self.part(kind="driver"))

    def test_nonsense_shows_the_first_kind(self) -> None:
        self.assertIn('for="id_serving_endpoint"', self.part(kind="x", workspace="y", port="z"))

    def test_without_script_a_button_shows_the_fields_and_saves_nothing(self) -> None:
        form = typed(kind="driver_proxy", name="kept") | {"show-fields": "yes"}
        response = self.client.post(NEW, form)
        self.assertContains(response, 'for="id_cluster_id"')
        self.assertContains(response, 'value="kept"')
        self.assertFalse(Endpoint.objects.exists())


class EndpointEditTests(WebTestCase):
    def setUp(self) -> None:
        self.endpoint = make_endpoint(self.alice, team=self.team)
        self.path = edit_path(self.endpoint)
        self.log_in(self.alice)

    def stored(self) -> Endpoint:
        return Endpoint.objects.get(pk=self.endpoint.pk)

    def test_a_changed_address_is_a_new_version_a_shared_one_is_not(self) -> None:
        self.client.post(self.path, typed(url="http://127.0.0.1:7777/poet"))
        self.assertEqual(self.stored().version, 2)
        self.client.post(self.path, typed(url="http://127.0.0.1:7777/poet", team=str(self.team.pk)))
        self.assertEqual(self.stored().version, 2)

    def test_what_is_stored_survives_the_form_unchanged(self) -> None:
        params = {"temperature": 0.2, "max_tokens": 5, "top_k": [1], "note": "你好", "t": True}
        stop = ["\n\n", " User:", "\\n", "\\d", "  "]
        Endpoint.objects.filter(pk=self.endpoint.pk).update(params=params, stop=stop, timeout_s=9)
        form = self.client.get(self.path).context["form"]
        fields = {f.name: f.value() for f in form if f.value() not in (None, False)}
        response = self.client.post(self.path, fields | {"team": str(self.team.pk), "stream": "on"})
        self.assertRedirects(response, LIST)
        endpoint = self.stored()
        self.assertEqual((endpoint.params, endpoint.stop, endpoint.timeout_s), (params, stop, 9))
        self.assertEqual(endpoint.version, 1)

    def test_a_demo_that_is_moved_by_hand_is_no_demo_any_more(self) -> None:
        Endpoint.objects.update(is_demo=True)
        self.client.post(self.path, typed(name="renamed"))
        self.assertTrue(self.stored().is_demo)
        self.client.post(self.path, typed(url="http://127.0.0.1:7778/"))
        self.assertFalse(self.stored().is_demo)

    def test_a_parameter_that_is_no_number_is_shown_as_json(self) -> None:
        Endpoint.objects.filter(pk=self.endpoint.pk).update(params={"temperature": "hot"})
        self.assertContains(self.client.get(self.path), "&quot;temperature&quot;: &quot;hot&quot;")

    def test_a_stop_sequence_with_windows_line_ends_is_one_per_line(self) -> None:
        self.client.post(self.path, typed(stop="END\r\n\r\nUser:\r\n"))
        self.assertEqual(self.stored().stop, ["END", "User:"])

    def test_a_refused_change_keeps_the_stored_name_as_the_heading(self) -> None:
        response = self.client.post(self.path, typed(name="other", url="ftp://x"))
        self.assertContains(response, "<h1>echo</h1>", status_code=422)

    def test_a_team_admin_may_change_it_too(self) -> None:
        self.endpoint.owner = self.bob
        self.endpoint.save()
        self.client.post(self.path, typed(name="renamed", team=str(self.team.pk)))
        self.assertEqual((self.stored().name, self.stored().owner), ("renamed", self.bob))

    def test_team_mates_see_it_with_its_owner_and_cannot_change_it(self) -> None:
        for user in (self.bob, self.vera):
            with self.subTest(user=user.username):
                self.log_in(user)
                response = self.client.get(self.path)
                self.assertContains(response, "alice owns this endpoint")
                self.assertNotContains(response, 'name="url"')
                refused = self.client.post(self.path, typed(name="x"))
                self.assertContains(refused, "Only its owner", status_code=403)
        self.assertEqual(self.stored().name, "echo")

    def test_a_stranger_gets_404(self) -> None:
        self.log_in(self.charlie)
        self.assertEqual(self.client.get(self.path).status_code, 404)
        self.assertEqual(self.client.get(self.path, headers=HTMX).status_code, 404)
        self.assertEqual(self.client.post(self.path, typed(name="x")).status_code, 404)

    def test_unshared_it_is_gone_for_the_others(self) -> None:
        self.client.post(self.path, typed())
        self.log_in(self.bob)
        self.assertEqual(self.client.get(self.path).status_code, 404)


class EndpointCheckTests(WebTestCase):
    def setUp(self) -> None:
        self.upstream = self.enterContext(Upstream(tokens={TOKEN: "alice"}))
        self.enterContext(
            override_settings(
                DRIVER_ORIGINS=[self.upstream.origin], WORKSPACE_ORIGINS=[self.upstream.origin]
            )
        )
        self.endpoint = make_endpoint(self.alice, url=self.upstream.url("/echo"), team=self.team)
        self.path = reverse("endpoint-check", args=[self.endpoint.pk])
        self.log_in(self.alice)

    def check(self, path: str | None = None):
        return self.client.post(path or self.path, headers=HTMX)

    def serving(self, **fields) -> str:
        workspace = make_workspace(self.alice, host=self.upstream.origin)
        endpoint = make_endpoint(
            self.alice,
            name="chat",
            kind="serving",
            task="chat",
            serving_endpoint="chat",
            workspace=workspace,
            team=self.team,
            **fields,
        )
        return reverse("endpoint-check", args=[endpoint.pk])

    def test_shows_the_answer_and_how_long_it_took(self) -> None:
        response = self.check()
        self.assertContains(response, "Works: answered in 0.")
        self.assertContains(response, "ping")
        self.assertEqual(len(self.upstream.requests), 1)

    def test_model_output_is_text(self) -> None:
        self.upstream.on("/echo", answer("<script>alert(1)</script>"))
        response = self.check()
        self.assertContains(response, "&lt;script&gt;")
        self.assertNotContains(response, "<script>alert")

    def test_a_failure_says_what_happened_and_what_to_do(self) -> None:
        self.upstream.on("/echo", answer({"error": {"message": "broken inside"}}, status=500))
        response = self.check()
        self.assertContains(response, "callout--danger")
        self.assertContains(response, "broken inside")

    def test_nothing_listening_is_explained(self) -> None:
        with Upstream() as gone:
            origin = gone.origin
        with override_settings(DRIVER_ORIGINS=[origin]):
            Endpoint.objects.update(url=f"{origin}/")
            self.assertContains(self.check(), "callout--danger")
            self.assertContains(self.check(), "then check again")

    def test_parameters_of_any_name_go_along(self) -> None:
        params = {"text": "a", "self": "b", "cls": "c"}
        Endpoint.objects.update(params=params)
        self.assertContains(self.check(), "Works")
        self.assertEqual(self.upstream.requests[-1].json, {"prompt": "ping"} | params)

    def test_in_the_list_one_line_is_enough(self) -> None:
        headers = HTMX | {"HX-Target": f"endpoint-{self.endpoint.pk}-check"}
        response = self.client.post(self.path, headers=headers)
        self.assertContains(response, "Works")
        self.assertNotContains(response, "callout")

    def test_without_script_it_leads_back_to_the_endpoint(self) -> None:
        response = self.client.post(self.path, follow=True)
        self.assertContains(response, "echo works: it answered in")

    def test_without_a_credential_it_asks_for_one_and_sends_nothing(self) -> None:
        response = self.check(self.serving())
        self.assertContains(response, "Add token")
        self.assertEqual(self.upstream.requests, [])

    def test_it_runs_with_the_callers_own_credential(self) -> None:
        path = self.serving()
        endpoint = Endpoint.objects.get(name="chat")
        save_credential(self.alice, endpoint.workspace, TOKEN)
        response = self.check(path)
        self.assertContains(response, "Works")
        self.assertNotContains(response, TOKEN)
        self.assertEqual(self.upstream.requests[-1].token, TOKEN)
        self.log_in(self.bob)
        self.assertContains(self.check(path), "Add token")
        self.assertEqual(len(self.upstream.requests), 1)

    def test_a_workspace_that_is_no_longer_shared_is_not_asked(self) -> None:
        self.serving()
        theirs = Endpoint.objects.get(name="chat")
        fields = {"kind": "serving", "task": "chat", "serving_endpoint": "chat"}
        mine = make_endpoint(self.bob, workspace=theirs.workspace, **fields)
        save_credential(self.bob, theirs.workspace, TOKEN)
        self.log_in(self.bob)
        path = reverse("endpoint-check", args=[mine.pk])
        self.assertContains(self.check(path), "Works")
        Endpoint.objects.filter(owner=self.alice).update(team=None)
        self.assertContains(self.check(path), "is no longer shared with you")
        self.assertEqual(len(self.upstream.requests), 1)

    def test_an_address_that_the_settings_rule_out_by_now_is_told(self) -> None:
        self.serving()
        workspace = Endpoint.objects.get(name="chat").workspace
        save_credential(self.alice, workspace, TOKEN)
        for host in ("https://a.cloud.databricks.com:8443", "https://gone.example.com"):
            workspace.host = host
            workspace.save()
            save_credential(self.alice, workspace, TOKEN)
            for name, pk in (
                ("endpoint-check", Endpoint.objects.get(name="chat").pk),
                ("workspace-check", workspace.pk),
            ):
                response = self.check(reverse(name, args=[pk]))
                self.assertContains(response, "https" if "gone" in host else "port 443")
        self.assertEqual(self.upstream.requests, [])

    def test_a_refused_token_offers_to_replace_it_and_is_not_repeated(self) -> None:
        path = self.serving()
        bad = canary()
        save_credential(self.alice, Endpoint.objects.get(name="chat").workspace, bad)
        self.upstream.serve("chat", answer({"message": f"bad token {bad}"}, status=403))
        response = self.check(path)
        self.assertContains(response, "Replace token")
        self.assertNotContains(response, bad)

    def test_members_may_viewers_may_not(self) -> None:
        self.log_in(self.bob)
        self.assertEqual(self.check().status_code, 200)
        self.log_in(self.vera)
        self.assertEqual(self.check().status_code, 403)
        Membership.objects.filter(user=self.vera).update(role=Membership.Role.MEMBER)
        self.assertEqual(self.check().status_code, 200)

    def test_a_stranger_gets_404(self) -> None:
        self.log_in(self.charlie)
        self.assertEqual(self.check().status_code, 404)
        self.assertEqual(self.upstream.requests, [])

    def test_by_post_only(self) -> None:
        self.assertEqual(self.client.get(self.path).status_code, 405)


class EndpointDeleteTests(WebTestCase):
    def setUp(self) -> None:
        self.endpoint = make_endpoint(self.alice, team=self.team)
        self.path = reverse("endpoint-delete", args=[self.endpoint.pk])
        self.log_in(self.alice)

    def test_its_runs_stay(self) -> None:
        make_run(self.alice, self.endpoint, status=Call.Status.DONE, text="kept answer")
        self.assertRedirects(self.client.post(self.path), f"{LIST}#list-t")
        self.assertFalse(Endpoint.objects.exists())
        call = Call.objects.get()
        self.assertEqual((call.text, call.name, call.has_endpoint), ("kept answer", "echo", False))

    def test_a_team_mate_cannot(self) -> None:
        for user in (self.bob, self.vera):
            self.log_in(user)
            self.assertEqual(self.client.post(self.path).status_code, 403)
        self.assertTrue(Endpoint.objects.exists())

    def test_a_stranger_gets_404(self) -> None:
        self.log_in(self.charlie)
        self.assertEqual(self.client.post(self.path).status_code, 404)
        self.assertTrue(Endpoint.objects.exists())

    def test_by_post_only(self) -> None:
        self.assertEqual(self.client.get(self.path).status_code, 405)
