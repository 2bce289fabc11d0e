"""What happened to others, by id: each test names the advisory that it is about.

What belongs to one noun has its tests there: addresses, upstreams, transforms, sockets, markup.
"""

import ast
import re
import site
import unittest
from importlib import metadata
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

from django.conf import settings
from django.db import connection
from django.test import Client, TestCase, TransactionTestCase
from django.urls import get_resolver

from playground.api.runs import RunQuery
from playground.models import ApiToken, Credential, Draft, Endpoint, Team, User
from tests.api import ApiTestCase
from tests.make import PASSWORD, make_endpoint, make_run, make_user
from tests.unit.test_stairs import ROOT, imports_of, modules_in

from .test_matrix import METHODS, MatrixTestCase, path_to, routes_in, rows

HEX_PICKLE = "80049522000000000000008c05706f736978948c0673797374656d9493948c02696494859452942e"
MAGIC = {
    "lc": 1,
    "type": "constructor",
    "id": ["os", "system"],
    "kwargs": {"command": "echo hi"},
    "__class__": "Endpoint",
    "__dict__": {"owner": "mallory"},
    "__proto__": {"polluted": True},
    "constructor": {"prototype": {"polluted": True}},
    "_state": {"adding": True},
    "pk": 1,
}
# Of mlflow: what asks a workspace for endpoints and a registry for prompts, in JSON. Nothing of it
# loads a model; what the registry answers is read as JSON by our own wire.
HARMLESS = (
    "mlflow.deployments",
    "mlflow.protos.model_registry_pb2",
    "mlflow.store.model_registry.rest_store",
    "mlflow.utils.proto_json_utils",
    "mlflow.utils.rest_utils",
)
LOADERS = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "yaml"}
FLOORS = {
    "Django": (5, 2, 14),
    "daphne": (4, 2, 2),
    "channels": (4, 3),
    "requests": (2, 32, 4),
    "urllib3": (2, 7, 0),
}


class LoadingTests(unittest.TestCase):
    """Loading runs no code: no pickles, no models, no start-up hooks."""

    def test_001_no_module_of_ours_can_load_a_pickle_or_a_model(self) -> None:
        """OTHERS-001: LangChain PRs 16752, 18607, 18696, 20368; MLflow CVE-2024-37052."""
        found = [
            f"{path.relative_to(ROOT)}:{line} imports {name}"
            for package in ("endpoints", "playground")
            for module, path in modules_in(ROOT / package)
            for name, line in imports_of(module, path)
            if name.split(".")[0] in LOADERS
            or (name.startswith("mlflow") and not name.startswith(HARMLESS))
        ]
        self.assertEqual(found, [])

    def test_002_nothing_is_imported_by_a_name_that_somebody_sent(self) -> None:
        """OTHERS-002: the same by a detour. One place names a module, by a setting."""
        found = []
        for package in ("endpoints", "playground"):
            for _, path in modules_in(ROOT / package):
                for node in ast.walk(ast.parse(path.read_text())):
                    if isinstance(node, ast.Call) and re.search(
                        r"\b(import_module|__import__|import_string|locate|find_spec)$",
                        ast.unparse(node.func),
                    ):
                        found.append((path.name, ast.unparse(node)))
        self.assertEqual(found, [("access.py", "import_module(settings.SESSION_ENGINE)")])

    def test_003_sessions_are_json(self) -> None:
        """OTHERS-003: a session is not a pickle either, and no cache that pickles is set up."""
        self.assertTrue(settings.SESSION_SERIALIZER.endswith("JSONSerializer"))
        self.assertTrue(settings.SESSION_ENGINE.endswith("backends.db"))

    def test_004_no_package_runs_code_at_start_up(self) -> None:
        """OTHERS-004: LiteLLM 1.82.7 came with a .pth file that ran before anything else."""
        known = re.compile(r"distutils-precedence|_virtualenv|__editable__.*|a1_coverage|.*nspkg")
        strange = [
            path.name
            for folder in site.getsitepackages()
            for path in Path(folder).glob("*.pth")
            if not known.fullmatch(path.stem)
            and re.search(r"^import[ \t]", path.read_text(errors="replace"), re.M)
        ]
        self.assertEqual(strange, [], "Look into these files before you trust this environment.")

    def test_005_what_had_a_hole_is_newer_than_that(self) -> None:
        """OTHERS-005: Daphne CVE-2026-44545, Django CVE-2026-33034, urllib3 CVE-2025-66471."""
        for package, floor in FLOORS.items():
            with self.subTest(package):
                version = metadata.version(package)
                self.assertGreaterEqual(tuple(map(int, version.split("."))), floor)

    def test_006_no_page_takes_files(self) -> None:
        """OTHERS-006: MLflow CVE-2026-2651; what is not there needs no check."""
        for _, path in modules_in(ROOT / "playground"):
            self.assertNotRegex(path.read_text(), r"\.FILES\b|FileField|UploadedFile", path)


class FreshTests(TransactionTestCase):
    """An instance that nobody has set up."""

    def test_007_a_fresh_database_holds_no_account_and_no_key(self) -> None:
        """OTHERS-007: MLflow CVE-2026-2635, a default admin password."""
        for model in (User, Team, ApiToken, Credential):
            self.assertFalse(model.objects.exists(), model)
        for name in ("admin", "root", "playground", "mlflow", "alice"):
            for password in ("", "admin", "password", "password1234", name):
                self.assertFalse(Client().login(username=name, password=password))

    def test_008_until_then_every_address_leads_to_the_set_up(self) -> None:
        """OTHERS-008: MLflow CVE-2026-0545, 2652: a middleware that covered one router only."""
        for route in sorted(set(routes_in(get_resolver().url_patterns))):
            for method in METHODS:
                with self.subTest(route=route, method=method):
                    if route.startswith("/api/"):
                        with self.assertLogs("django.request", "ERROR"):
                            answer = Client().generic(method, path_to(route))
                        self.assertEqual(answer.status_code, 503)
                        continue
                    answer = Client().generic(method, path_to(route))
                    if route != "/setup/":
                        self.assertRedirects(answer, "/setup/", fetch_redirect_response=False)


class DataTests(ApiTestCase):
    """What people send is data, whatever its keys are called."""

    def setUp(self) -> None:
        self.endpoint = make_endpoint(self.alice)
        self.path = f"/endpoints/{self.endpoint.pk}"

    def test_009_magic_keys_stay_data(self) -> None:
        """OTHERS-009: LangChain CVE-2025-68664, Langfuse's prototype pollution."""

        def said() -> dict[str, str]:
            """Every setting; a lazy one is its value, looked up or not."""
            found = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
            return {n: str(v) if isinstance(v, str) else repr(v) for n, v in found.items()}

        before = said()
        self.ok(self.api(self.alice, "PATCH", self.path, {"params": MAGIC}))
        self.assertEqual(self.ok(self.api(self.alice, "GET", self.path))["params"], MAGIC)
        message = {"role": "user", "content": "hi", **MAGIC}
        body = {"messages": [message], "variants": [{"endpoint": "echo", "params": MAGIC}]}
        run = self.ok(self.api(self.alice, "POST", "/runs", body), 201)
        self.assertEqual(run["messages"], [message])
        stored = Endpoint.objects.get(pk=self.endpoint.pk)
        facts = (type(stored), stored.owner, stored._state.adding)
        self.assertEqual(facts, (Endpoint, self.alice, False))
        self.assertFalse(hasattr(Endpoint, "polluted") or hasattr(dict, "polluted"))
        self.assertEqual(said(), before)

    def test_010_a_pickle_is_a_text_like_any_other(self) -> None:
        """OTHERS-010: LangChain's hex pickles of functions, wherever a text is taken."""
        template = {"template": HEX_PICKLE + " {content}"}
        shown = self.ok(self.api(self.alice, "PATCH", self.path, template))
        self.assertEqual(shown["template"], template["template"])
        for field in (
            "transform_input_fn",
            "transform_output_fn",
            "allow_dangerous_deserialization",
        ):
            answer = self.api(self.alice, "PATCH", self.path, {field: HEX_PICKLE})
            self.assert_error(answer, 422, "invalid", field=field)

    def test_011_templates_and_variables_reach_no_attribute_no_format_and_no_file(self) -> None:
        """OTHERS-011: LangChain CVE-2026-34070, CVE-2025-65106."""
        tricks = (
            "{content.__class__}", "{content[0]}", "{content!r}", "{content:>999999999}",
            "{0.__init__.__globals__}", "{{content.__class__}}", "{% include '/etc/passwd' %}",
            "{settings.SECRET_KEY}", "file:///etc/passwd", "$(id)", "#{7*7}", "${7*7}", "{{7*7}}",
        )  # fmt: skip
        for trick in tricks:
            with self.subTest(trick):
                self.ok(
                    self.api(self.alice, "PATCH", self.path, {"template": f"{trick} {{content}}"})
                )
                body = {"prompt": f"ask {trick}", "variables": {"name": trick}}
                sent = self.ok(self.api(self.alice, "POST", f"{self.path}/preview", body))
                self.assertEqual(sent["request"]["body"]["prompt"], f"{trick} ask {trick}")

    def test_012_search_filters_are_values_never_sql(self) -> None:
        """OTHERS-012: LangGraph CVE-2025-67644, LiteLLM CVE-2026-42208."""
        make_run(self.bob, make_endpoint(self.bob))
        mine = make_run(self.alice, self.endpoint)
        for trick in (
            "' OR 1=1 --", "'; DROP TABLE playground_run; --", "\" OR \"\"=\"", "%", "_", "*",
            "1) UNION SELECT password FROM playground_user --", "\\", "0x27", "$1", "{}", "[]",
            "null", "owner__password", "x" * 5000, "\u2019 OR 1=1", "%27", "a'||'b",
        ):  # fmt: skip
            for name in (*RunQuery.model_fields, trick):
                with self.subTest(trick=trick[:40], name=name[:40]):
                    answer = self.api(self.alice, "GET", f"/runs?{urlencode({name: trick})}")
                    self.assertIn(answer.status_code, (200, 422))
                    if answer.status_code == 200:
                        self.assertEqual(answer.json()["items"], [])
        (shown,) = self.ok(self.api(self.alice, "GET", "/runs"))["items"]
        self.assertEqual(shown["id"], str(mine.pk))

    def test_013_a_run_takes_ids_never_a_config(self) -> None:
        """OTHERS-013: Langflow CVE-2026-33017 took the caller's flow instead of the stored one."""
        for field, value in (
            ("url", "http://127.0.0.1:9/"), ("host", "evil.test"), ("kind", "driver"),
            ("workspace", str(uuid4())), ("config", {"url": "http://127.0.0.1:9/"}),
            ("credential", "dapi-0123456789"), ("api_base", "http://evil.test"), ("headers", {}),
        ):  # fmt: skip
            body = {"prompt": "hi", "variants": [{"endpoint": "echo", field: value}]}
            answer = self.api(self.alice, "POST", "/runs", body)
            self.assert_error(answer, 422, "invalid", field=f"variants.0.{field}")
        body = {"prompt": "hi", "variants": [{"endpoint": {"url": "http://127.0.0.1:9/"}}]}
        answer = self.api(self.alice, "POST", "/runs", body)
        self.assert_error(answer, 422, "invalid", field="variants.0.endpoint")

    def test_014_no_flag_switches_a_check_off(self) -> None:
        """OTHERS-014: MLflow CVE-2026-2614, a tag that skipped the validation of a path."""
        Endpoint.objects.filter(pk=self.endpoint.pk).update(is_demo=True)
        for url in ("http://169.254.169.254/", "file:///etc/passwd", "http://127.0.0.1:22/"):
            answer = self.api(self.alice, "PATCH", self.path, {"url": url})
            self.assert_error(answer, 422, "invalid", field="url")
            self.log_in(self.alice)
            typed = {"name": "x", "kind": "driver", "task": "custom", "url": url}
            flags = dict.fromkeys(("confirm_port", "is_demo", "force", "skip_checks"), "on")
            answer = self.client.post(f"/endpoints/{self.endpoint.pk}/", typed | flags)
            self.assertEqual(answer.status_code, 422)
        self.assertEqual(Endpoint.objects.get().url, self.endpoint.url)


class DoorTests(MatrixTestCase):
    """One way in, the same for every address."""

    def test_015_a_foreign_host_is_refused_at_every_address(self) -> None:
        """OTHERS-015: MLflow CVE-2025-14279, DNS rebinding to a server on loopback."""
        for row in rows(*METHODS):
            for host in (
                "evil.test",
                "127.0.0.1.evil.test",
                "testserver@evil.test",
                "evil.test:80",
            ):
                with self.subTest(str(row), host=host):
                    answer = Client(headers={"Host": host}).generic(row.action, path_to(row.route))
                    self.assertContains(answer, "not an address of the site", status_code=400)

    def test_016_no_answer_lets_other_sites_read_it(self) -> None:
        """OTHERS-016: Langflow CVE-2025-34291, a permissive CORS policy beside a cookie."""
        foreign = {"Origin": "https://evil.test", "Access-Control-Request-Method": "POST"}
        foreign |= {"Access-Control-Request-Headers": "authorization,x-csrftoken"}
        client = Client(headers=foreign)
        client.cookies.update(self.cookies["owner"])
        for route in sorted(set(routes_in(get_resolver().url_patterns))):
            for method in (*METHODS, "OPTIONS", "HEAD"):
                with self.subTest(route=route, method=method):
                    answer = client.generic(method, path_to(route))
                    named = [name for name in answer.headers if name.lower().startswith("access-")]
                    self.assertEqual(named, [])
                    client.cookies.update(self.cookies["owner"])

    def test_017_a_key_counts_in_one_header_only(self) -> None:
        """OTHERS-017: Open WebUI CVE-2026-45339, a second header for the same key."""
        token = self.tokens["owner"]
        for headers in (
            {"X-API-Key": token}, {"Api-Key": token}, {"X-Api-Token": token}, {"Cookie": token},
            {"Authorization": token}, {"Authorization": f"Basic {token}"},
            {"Authorization": f"Token {token}"}, {"X-Authorization": f"Bearer {token}"},
            {"Proxy-Authorization": f"Bearer {token}"}, {"Remote-User": "alice"},
            {"X-Remote-User": "alice"}, {"X-Forwarded-User": "alice"}, {"X-User": "alice"},
            {"X-Forwarded-Access-Token": token}, {"Cookie": f"access_token={token}"},
        ):  # fmt: skip
            with self.subTest(headers=list(headers)):
                for path in ("/api/v1/me", f"/api/v1/me?token={token}&api_key={token}"):
                    self.assertEqual(Client(headers=headers).get(path).status_code, 401)

    def test_018_headers_of_a_proxy_are_not_believed(self) -> None:
        """OTHERS-018: Django CVE-2026-3902; nobody said that there is a proxy."""
        headers = {
            "Authorization": f"Bearer {self.tokens['owner']}",
            "X-Forwarded-Host": "evil.test",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Port": "81",
            "Forwarded": "host=evil.test;proto=https",
        }
        answer = Client(headers=headers).get(f"/api/v1/runs/{self.things.run.pk}")
        self.assertEqual(answer.json()["url"], f"http://testserver/runs/{self.things.run.pk}/")

    def test_019_looking_changes_nothing(self) -> None:
        """OTHERS-019: Flowise CVE-2025-59528, CVE-2026-40933: opening a config had an effect."""
        for row in rows("GET"):
            with self.subTest(str(row)):
                before, asked = self.stored(), len(self.there.requests)
                self.ask(row, "owner")
                self.assertEqual(self.stored(), before)
                verbs = {request.method for request in self.there.requests[asked:]}
                self.assertLessEqual(verbs, {"GET"})

    def stored(self) -> dict[str, list]:
        """Every row but those of sessions, which note when they were used."""
        tables = [name for name in connection.introspection.table_names() if "playground" in name]
        with connection.cursor() as cursor:
            return {
                name: cursor.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall()
                for name in tables
            }

    def test_020_signed_in_pages_are_kept_by_nobody(self) -> None:
        """OTHERS-020: Django CVE-2026-35192."""
        self.assertFalse(settings.SESSION_SAVE_EVERY_REQUEST)
        for row in rows("GET"):
            with self.subTest(str(row)):
                answer = self.ask(row, "owner")
                self.assertIn("no-store", answer.headers.get("Cache-Control", ""))

    def test_021_there_is_no_password_reset_and_no_sign_up_to_get_wrong(self) -> None:
        """OTHERS-021: Flowise GHSA-f6hc-c5jr-878p, CVE-2025-58434, Langfuse's SSO bypass."""
        routes = set(routes_in(get_resolver().url_patterns))
        strange = [
            r for r in routes if re.search("reset|forgot|signup|register|oidc|saml|admin", r)
        ]
        self.assertEqual(strange, [])

    def test_022_an_unknown_name_and_a_wrong_password_are_told_the_same(self) -> None:
        """OTHERS-022: Django CVE-2025-13473, user enumeration."""

        def told(username: str, password: str) -> str:
            answer = Client().post("/login/", {"username": username, "password": password})
            self.assertEqual(answer.status_code, 422)
            page = re.sub(r'value="[^"]*"', "", answer.content.decode())
            return re.sub(r"\w{64}", "", page)

        first = told("alice", "wrong")
        for username, password in (
            ("nobody-here", "wrong"),
            ("nobody-here", PASSWORD),
            ("otto", "wrong"),
            ("otto", PASSWORD),  # he is deactivated
        ):
            self.assertEqual(told(username, password), first)


class DraftTests(TestCase):
    def test_023_each_person_has_one_draft_and_reads_only_that(self) -> None:
        """OTHERS-023: Open WebUI CVE-2026-45349, 45671: an id of another user was accepted."""
        for name in ("ann", "ben"):
            user = make_user(name)
            Draft.objects.create(owner=user, messages=[{"role": "user", "content": f"of {name}"}])
        client = Client()
        client.force_login(User.objects.get(username="ann"))
        for path in ("/", "/?owner=ben", "/?draft=2", "/?user=ben"):
            page = client.get(path, headers={"X-User": "ben"})
            self.assertContains(page, "of ann")
            self.assertNotContains(page, "of ben")
        client.post("/draft/", {"message-1": "mine now", "owner": "ben", "id": "2", "pk": "2"})
        self.assertEqual(Draft.objects.get(owner__username="ben").messages[0]["content"], "of ben")
