"""The pages that manage a workspace: what is found there, the wizard, clusters, deleting."""

import re

from django.test import override_settings
from django.urls import reverse
from django.utils.html import escape

from playground.models import Endpoint
from tests.base import WebTestCase
from tests.canary import canary
from tests.make import make_endpoint, make_workspace
from tests.workspace import SEED_ENTITY, Workspace, ready_endpoint

ALICE, BOB = canary(), canary()
VALUE = canary("sk-proj-")
CLUSTER = "0812-091530-k3v9q2"
EXTERNAL = {"external_model": {"name": "gpt", "provider": "openai", "task": "llm/v1/chat"}}
HTMX = {"HX-Request": "true"}


class ManagedPagesTestCase(WebTestCase):
    """A workspace on a real socket; Alice owns it here, Bob sees it by an endpoint she shares."""

    def setUp(self) -> None:
        self.there = self.enterContext(Workspace(tokens={ALICE: "alice", BOB: "bob"}))
        self.enterContext(override_settings(WORKSPACE_ORIGINS=[self.there.origin]))
        self.workspace = make_workspace(self.alice, host=self.there.origin, token=ALICE)
        make_endpoint(
            self.alice,
            name="shared",
            kind="serving",
            task="chat",
            serving_endpoint="shared",
            workspace=self.workspace,
            team=self.team,
        )
        self.there.endpoints["dolly"] = ready_endpoint("dolly", SEED_ENTITY)
        self.log_in(self.alice)

    def path(self, name: str, *more: str) -> str:
        return reverse(name, args=[self.workspace.pk, *more])


class PickerStateTests(ManagedPagesTestCase):
    """What the picker says of endpoints that are set up, once it is open."""

    def proxied(self, user, name: str, cluster_id: str = CLUSTER, **fields):
        fields |= {"kind": "driver_proxy", "workspace": self.workspace, "port": 7777, "path": "/"}
        return make_endpoint(user, name=name, cluster_id=cluster_id, **fields)

    def told(self, name: str, user=None) -> dict[str, str]:
        self.log_in(user or self.alice)
        answer = self.client.get(self.path(name), headers=HTMX).content.decode()
        found = re.findall(r'id="pick-([-\w]+)" hx-swap-oob="true">(.*?)</span></span>', answer)
        names = {str(each.pk): each.name for each in Endpoint.objects.all()}
        return {names[pk]: re.sub("<[^>]*>", " ", words).strip() for pk, words in found}

    def test_scales_to_zero_stopped_and_not_ready(self) -> None:
        served = ready_endpoint("shared", SEED_ENTITY | {"scale_to_zero_enabled": True})
        self.there.endpoints["shared"] = served
        self.assertEqual(self.told("found-choice"), {"shared": "scales to zero"})
        served["state"]["suspend"] = "SUSPENDED"
        self.assertEqual(self.told("found-choice")["shared"].split()[0], "stopped")
        served["state"] = {"ready": "NOT_READY", "config_update": "NOT_UPDATING"}
        self.assertEqual(self.told("found-choice")["shared"].split()[:2], ["not", "ready"])

    def test_what_is_ready_or_unknown_is_passed_over(self) -> None:
        self.assertEqual(self.told("found-choice"), {})
        self.there.endpoints["shared"] = ready_endpoint("shared", SEED_ENTITY)
        self.assertEqual(self.told("found-choice"), {})
        self.there.endpoints.clear()
        self.assertEqual(self.told("found-choice", self.bob), {})  # he has no credential

    def test_stopped_clusters_and_those_that_start(self) -> None:
        self.proxied(self.alice, "app")
        self.proxied(self.alice, "up", "0812-091530-up")
        self.proxied(self.alice, "gone", "0812-091530-gone")
        self.proxied(self.bob, "bobs-secret")
        self.there.add_cluster(CLUSTER, "TERMINATED")
        self.there.add_cluster("0812-091530-up", "RUNNING")
        self.assertEqual(self.told("cluster-states"), {"app": "stopped"})
        self.there.clusters[CLUSTER]["state"] = "PENDING"
        self.assertEqual(self.told("cluster-states"), {"app": "starting"})

    def test_a_stranger_gets_404(self) -> None:
        self.proxied(self.alice, "app")
        self.log_in(self.charlie)
        self.assertEqual(self.client.get(self.path("cluster-states")).status_code, 404)
        self.assertEqual(self.there.requests, [])

    def test_clusters_are_asked_for_only_where_an_endpoint_needs_it(self) -> None:
        page = self.client.get("/")
        self.assertNotContains(page, self.path("cluster-states"))
        self.told("cluster-states")
        self.assertEqual(self.there.requests, [])
        self.proxied(self.alice, "app")
        self.assertContains(self.client.get("/"), f'hx-get="{self.path("cluster-states")}"')


class RightsTests(ManagedPagesTestCase):
    def requests(self) -> list[tuple[str, str, dict]]:
        return [
            ("get", self.path("serving-endpoint-list"), {}),
            ("post", self.path("found-add"), {"name": "dolly"}),
            ("get", self.path("found-choice"), {}),
            ("get", self.path("serving-endpoint", "dolly"), {}),
            ("get", self.path("serving-endpoint-new"), {}),
            ("post", self.path("serving-endpoint-new"), WizardTests.TYPED),
            ("post", self.path("serving-endpoint-delete", "dolly"), {"typed_name": "dolly"}),
            ("get", self.path("cluster-state", CLUSTER), {}),
            ("post", self.path("cluster-start", CLUSTER), {}),
        ]

    def test_a_stranger_gets_404_and_nothing_is_sent(self) -> None:
        self.log_in(self.charlie)
        for method, path, data in self.requests():
            with self.subTest(path=path):
                self.assertEqual(getattr(self.client, method)(path, data).status_code, 404)
        chosen = {"workspace": str(self.workspace.pk)}
        for name in ("found-names", "cluster-choice"):
            self.assertNotContains(self.client.get(reverse(name), chosen), "dolly")
        self.assertEqual(self.there.requests, [])

    def test_a_team_mate_without_a_credential_is_told_and_nothing_is_sent(self) -> None:
        self.log_in(self.bob)
        for method, path, data in self.requests():
            with self.subTest(path=path):
                response = getattr(self.client, method)(path, data, follow=True)
                if path != self.path("serving-endpoint-new") or method == "post":
                    status = response.status_code
                    self.assertContains(response, "You have no token", status_code=status)
        self.assertEqual(self.there.requests, [])
        self.assertIn("dolly", self.there.endpoints)

    def test_csrf_is_enforced(self) -> None:
        for method, path, data in self.requests():
            if method == "post":
                self.assert_csrf_enforced(path, data, user=self.alice)

    def test_only_by_post(self) -> None:
        for name in (self.path("found-add"), self.path("cluster-start", CLUSTER)):
            self.assertEqual(self.client.get(name).status_code, 405)


class FoundTests(ManagedPagesTestCase):
    def test_a_new_endpoint_offers_what_is_found_lazily(self) -> None:
        page = self.client.get(reverse("endpoint-new"))
        self.assertContains(page, "Found in prod-eu")
        self.assertContains(page, f'hx-get="{self.path("serving-endpoint-list")}"')
        self.assertEqual(self.there.requests, [])
        part = self.client.get(self.path("serving-endpoint-list"), headers=HTMX)
        self.assertContains(part, "dolly")
        self.assertContains(part, "Custom")
        self.assertContains(part, "Ready.")
        self.assertNotContains(part, "<html")

    def test_only_a_workspace_with_an_own_credential_is_offered(self) -> None:
        self.log_in(self.bob)
        self.assertNotContains(self.client.get(reverse("endpoint-new")), "Found in")

    def test_one_click_adds_it_with_its_task_once(self) -> None:
        for _ in range(2):
            response = self.client.post(self.path("found-add"), {"name": "dolly"})
            added = Endpoint.objects.get(serving_endpoint="dolly")
            self.assertRedirects(response, reverse("endpoint-edit", args=[added.pk]))
        self.assertEqual((added.task, added.owner), ("custom", self.alice))
        part = self.client.get(self.path("serving-endpoint-list"), headers=HTMX)
        self.assertContains(part, reverse("endpoint-edit", args=[added.pk]))

    def test_one_click_more_adds_a_column_of_the_playground(self) -> None:
        wanted = {"name": "dolly", "to-playground": "yes"}
        response = self.client.post(self.path("found-add"), wanted, follow=True)
        self.assertRedirects(response, reverse("playground"))
        self.assertContains(response, "Added dolly with the task custom.")
        self.assertContains(response, 'aria-label="Column A: dolly"')

    def test_a_name_that_is_taken_here_gets_the_workspace_beside_it(self) -> None:
        make_endpoint(self.alice, name="dolly")
        self.client.post(self.path("found-add"), {"name": "dolly"})
        added = Endpoint.objects.get(serving_endpoint="dolly")
        self.assertEqual(added.name, "dolly (prod-eu)")

    def test_what_is_not_there_or_no_name_is_told(self) -> None:
        for name in ("gone", "../x", ""):
            with self.subTest(name=name):
                response = self.client.post(self.path("found-add"), {"name": name}, follow=True)
                self.assertContains(response, "Not added.")
        self.assertFalse(Endpoint.objects.exclude(name="shared").exists())

    def test_the_picker_asks_for_what_is_not_set_up_once_it_is_used(self) -> None:
        self.assertContains(self.client.get("/"), f'hx-get="{self.path("found-choice")}"')
        self.assertEqual(self.there.requests, [])
        group = self.client.get(self.path("found-choice"), headers=HTMX)
        self.assertContains(group, "Found in prod-eu, not set up yet")
        self.assertContains(group, f'hx-post="{self.path("found-add")}"')
        self.assertContains(group, "custom")

    def test_set_up_in_the_picker_it_can_be_ticked_and_is_offered_no_more(self) -> None:
        item = self.client.post(self.path("found-add"), {"name": "dolly"}, headers=HTMX)
        added = Endpoint.objects.get(serving_endpoint="dolly")
        self.assertContains(item, f'name="endpoint" value="{added.pk}"')
        self.assertContains(item, " data-made>")
        group = self.client.get(self.path("found-choice"), headers=HTMX)
        self.assertNotContains(group, "hx-post")
        self.assertContains(group, "Nothing else.")

    def test_what_cannot_be_set_up_in_the_picker_says_why_in_its_place(self) -> None:
        item = self.client.post(self.path("found-add"), {"name": "gone"}, headers=HTMX)
        self.assertContains(item, "Not set up.", status_code=422)
        self.assertContains(item, "hx-post", status_code=422)

    def test_names_are_suggested_for_the_chosen_workspace(self) -> None:
        form = self.client.get(reverse("endpoint-new"))
        self.assertContains(form, 'list="found-names"')
        chosen = {"workspace": str(self.workspace.pk)}
        response = self.client.get(reverse("found-names"), chosen, headers=HTMX)
        self.assertContains(response, '<option value="dolly">')
        for wrong in ({}, {"workspace": "x"}):
            self.assertNotContains(self.client.get(reverse("found-names"), wrong), "<option")

    def test_what_has_no_name_that_could_be_called_is_left_out_and_words_are_escaped(self) -> None:
        evil = "<script>alert(1)</script>"
        self.there.endpoints[evil] = ready_endpoint(evil, SEED_ENTITY)
        entity = SEED_ENTITY | {"state": {"deployment_state_message": evil}}
        state = {"ready": "NOT_READY", "config_update": "IN_PROGRESS"}
        self.there.endpoints["slow"] = ready_endpoint("slow", entity) | {"state": state}
        part = self.client.get(self.path("serving-endpoint-list"), headers=HTMX)
        self.assertContains(part, "dolly")
        self.assertContains(part, "&lt;script&gt;")
        self.assertNotContains(part, evil)


class WizardTests(ManagedPagesTestCase):
    TYPED = {
        "name": "gpt",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "task": "chat",
        "openai_api_type": "openai",
        "openai_api_key-scope": "llm",
        "openai_api_key-key": "openai",
        "openai_api_key-value": VALUE,
    }

    def setUp(self) -> None:
        super().setUp()
        self.new = self.path("serving-endpoint-new")

    def test_stores_the_secret_creates_and_shows_the_state(self) -> None:
        response = self.client.post(self.new, self.TYPED, follow=True)
        self.assertRedirects(response, self.path("serving-endpoint", "gpt"))
        self.assertContains(response, "Being created.")
        self.assertContains(response, 'hx-trigger="every 5s"')
        self.assertContains(response, "Add to playground")
        self.assertNotContains(response, VALUE)
        self.assertEqual(self.there.secrets, {"llm": {"openai": VALUE}})
        (entity,) = self.there.endpoints["gpt"]["pending_config"]["served_entities"]
        config = entity["external_model"]["openai_config"]
        self.assertEqual(config["openai_api_key"], "{{secrets/llm/openai}}")
        self.there.make_ready("gpt")
        part = self.client.get(self.path("serving-endpoint", "gpt"), headers=HTMX)
        self.assertContains(part, "Ready.")
        self.assertNotContains(part, "hx-trigger")

    def test_a_secret_that_is_stored_already_is_only_named(self) -> None:
        self.client.post(self.new, self.TYPED | {"openai_api_key-value": ""})
        self.assertEqual(self.there.secrets, {})
        self.assertIn("gpt", self.there.endpoints)

    def test_a_secret_that_is_there_is_not_replaced(self) -> None:
        self.there.secrets["llm"] = {"openai": "of another endpoint"}
        response = self.client.post(self.new, self.TYPED)
        self.assertContains(response, "holds a secret openai already", status_code=422)
        self.assertContains(response, 'id="id_openai_api_key-key_error"', status_code=422)
        self.assertNotContains(response, VALUE, status_code=422)
        self.assertEqual(self.there.secrets, {"llm": {"openai": "of another endpoint"}})
        self.assertNotIn("gpt", self.there.endpoints)
        self.client.post(self.new, self.TYPED | {"openai_api_key-key": "openai-2"})
        self.assertEqual(self.there.secrets["llm"]["openai-2"], VALUE)
        self.assertIn("gpt", self.there.endpoints)

    def test_two_new_secrets_do_not_share_a_place(self) -> None:
        names = ("aws_access_key_id", "aws_secret_access_key")
        typed = self.TYPED | {"provider": "amazon-bedrock", "aws_region": "eu-west-1"}
        typed |= {"bedrock_provider": "anthropic"}
        for name in names:
            typed |= {f"{name}-scope": "llm", f"{name}-key": "aws", f"{name}-value": f"{name}-1"}
        response = self.client.post(self.new, typed)
        self.assertContains(response, f'id="id_{names[1]}-key_error"', status_code=422)
        self.assertEqual(self.there.secrets, {})

    def test_mistakes_are_at_their_field_and_nothing_is_sent(self) -> None:
        for change, field in (
            ({"name": "a b"}, "name"),
            ({"model": ""}, "model"),
            ({"provider": "nobody"}, "provider"),
            ({"task": "sing"}, "task"),
            ({"openai_api_key-scope": "a b"}, "openai_api_key-scope"),
            ({"openai_api_key-key": ""}, "openai_api_key-key"),
            ({"openai_api_key-value": VALUE * 9000}, "openai_api_key-value"),
            ({"openai_api_key-scope": "", "openai_api_key-key": ""}, "openai_api_key-scope"),
            ({"openai_api_base": "http://plain.test"}, "openai_api_base"),
            ({"openai_api_type": "azure"}, "openai_api_version"),
        ):
            with self.subTest(change=list(change)):
                typed = self.TYPED | {"openai_organization": "acme-org"} | change
                response = self.client.post(self.new, typed)
                self.assertContains(response, f'id="id_{field}_error"', status_code=422)
                self.assertNotContains(response, VALUE, status_code=422)
                if field != "provider":
                    self.assertContains(response, 'value="acme-org"', status_code=422)
        self.assertEqual(self.there.requests, [])

    def test_all_mistakes_are_told_at_once(self) -> None:
        wrong = {"name": "a b", "model": "", "openai_api_base": "nope"}
        for scope in ("prompt-playground", "a b"):
            typed = self.TYPED | wrong | {"openai_api_key-scope": scope}
            page = self.client.post(self.new, typed).content.decode()
            fields = {*wrong, *(["openai_api_key-scope"] if " " in scope else [])}
            self.assertEqual(set(re.findall(r'id="id_([\w.-]+)_error"', page)), fields)
        self.assertEqual(self.there.requests, [])

    def test_a_required_secret_that_is_left_out_is_asked_for(self) -> None:
        left_out = {f"openai_api_key-{part}": "" for part in ("scope", "key", "value")}
        response = self.client.post(self.new, self.TYPED | left_out)
        self.assertContains(response, "Enter the API key.", status_code=422)

    def test_what_the_workspace_refuses_is_told_with_what_was_typed(self) -> None:
        self.there.endpoints["gpt"] = ready_endpoint("gpt", EXTERNAL)
        response = self.client.post(self.new, self.TYPED)
        self.assertContains(response, "already", status_code=422)
        self.assertContains(response, "The secrets are stored already", status_code=422)
        self.assertContains(response, 'id="id_name_error"', status_code=422)
        self.assertContains(response, 'value="gpt-4o-mini"', status_code=422)
        self.assertNotContains(response, VALUE, status_code=422)

    def test_another_provider_shows_its_fields_and_keeps_the_rest(self) -> None:
        typed = self.TYPED | {"provider": "amazon-bedrock", "show-fields": "yes"}
        part = self.client.post(self.new, typed, headers=HTMX)
        self.assertContains(part, "aws_region")
        self.assertNotContains(part, "id_openai_api_key")
        self.assertNotContains(part, "<html")
        page = self.client.post(self.new, typed)
        self.assertContains(page, 'value="gpt-4o-mini"')
        self.assertNotContains(page, VALUE)

    def test_what_was_typed_for_a_provider_is_there_when_it_is_chosen_again(self) -> None:
        typed = self.TYPED | {"openai_organization": 'a "b"', "show-fields": "yes"}
        for headers in ({}, HTMX):
            other = self.client.post(self.new, typed | {"provider": "cohere"}, headers=headers)
            kept = dict(other.context["form"].kept)
            self.assertContains(
                other,
                '<input type="hidden" name="openai_organization" value="a &quot;b&quot;">',
                html=True,
            )
            self.assertNotIn("openai_api_key-value", kept)
            again = kept | {"provider": "openai", "show-fields": "yes"}
            form = self.client.post(self.new, again, headers=headers).context["form"]
            for name in ("openai_organization", "openai_api_key-scope", "openai_api_key-key"):
                self.assertEqual(form[name].value(), typed[name])
            for response in (other, self.client.post(self.new, again, headers=headers)):
                self.assertNotContains(response, VALUE)
        # Nor does a mistake forget it, and what is kept for others is no field of this one.
        wrong = self.client.post(self.new, kept | {"provider": "cohere", "name": "a b"})
        self.assertContains(wrong, 'name="openai_organization"', status_code=422)
        self.assertEqual(self.there.requests, [])

    def test_every_provider_has_its_form(self) -> None:
        form = self.client.get(self.new).context["form"]
        for name, label in form.fields["provider"].choices:
            with self.subTest(provider=name):
                typed = {"provider": name, "show-fields": "yes"}
                self.assertContains(self.client.post(self.new, typed), escape(label))
                response = self.client.post(self.new, self.TYPED | {"provider": name})
                self.assertIn(response.status_code, (302, 422))
                self.there.endpoints.pop("gpt", None)


class DeleteTests(ManagedPagesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.delete = self.path("serving-endpoint-delete", "dolly")

    def test_asks_for_the_name_first(self) -> None:
        self.assertContains(self.client.get(self.delete), "Type dolly to confirm")
        response = self.client.post(self.delete, {"typed_name": "Dolly"})
        self.assertContains(response, "exactly as it is written", status_code=422)
        self.assertIn("dolly", self.there.endpoints)
        response = self.client.post(self.delete, {"typed_name": "dolly"})
        self.assertRedirects(response, self.path("serving-endpoint-list"))
        self.assertNotIn("dolly", self.there.endpoints)

    def test_one_that_is_gone_is_told(self) -> None:
        self.there.endpoints.clear()
        response = self.client.post(self.delete, {"typed_name": "dolly"})
        self.assertContains(response, "Not deleted", status_code=422)


class ClusterTests(ManagedPagesTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.there.add_cluster(CLUSTER, "TERMINATED", cluster_name="gpu <b>")
        self.chosen = {"workspace": str(self.workspace.pk), "cluster_id": CLUSTER}

    def choice(self, **change: str):
        return self.client.get(reverse("cluster-choice"), self.chosen | change, headers=HTMX)

    def test_the_form_of_the_driver_proxy_asks_for_them(self) -> None:
        response = self.client.get(reverse("endpoint-new"), {"kind": "driver_proxy"}, headers=HTMX)
        self.assertContains(response, f'hx-get="{reverse("cluster-choice")}"')

    def test_lists_them_with_their_state_and_says_when_one_is_stopped(self) -> None:
        response = self.choice()
        self.assertContains(response, "gpu &lt;b&gt; · Stopped")
        self.assertContains(response, "is stopped")
        self.assertContains(response, "3 to 7 minutes")
        self.assertContains(response, self.path("cluster-start", CLUSTER))
        self.assertNotContains(self.choice(cluster_id=""), "is stopped")
        self.assertNotContains(self.choice(workspace=""), "gpu")

    def test_start_polls_until_it_runs(self) -> None:
        response = self.client.post(self.path("cluster-start", CLUSTER), headers=HTMX)
        self.assertEqual(self.there.clusters[CLUSTER]["state"], "PENDING")
        self.assertContains(response, "every 5s")
        state = self.path("cluster-state", CLUSTER)
        self.assertContains(self.client.get(state, headers=HTMX), "Starting")
        self.there.clusters[CLUSTER]["state"] = "RUNNING"
        response = self.client.get(state, headers=HTMX)
        self.assertContains(response, "Running")
        self.assertNotContains(response, "every 5s")

    def test_a_refusal_is_told_with_a_way_to_look_again(self) -> None:
        self.there.clusters.clear()
        response = self.client.post(self.path("cluster-start", CLUSTER), headers=HTMX)
        self.assertContains(response, "Look again")
