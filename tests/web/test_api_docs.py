"""The API describes itself, and docs/api.md describes it to people."""

import re

from django.conf import settings

from playground.api import errors
from tests.api import ApiTestCase

ROUTES = {
    "GET /me",
    "POST /workspaces",
    "GET /workspaces",
    "GET /workspaces/{id}",
    "PATCH /workspaces/{id}",
    "DELETE /workspaces/{id}",
    "PUT /workspaces/{id}/credential",
    "DELETE /workspaces/{id}/credential",
    "POST /workspaces/{id}/check",
    "GET /workspaces/{id}/serving-endpoints",
    "POST /workspaces/{id}/serving-endpoints",
    "GET /workspaces/{id}/serving-endpoints/{name}",
    "DELETE /workspaces/{id}/serving-endpoints/{name}",
    "PUT /workspaces/{id}/secrets/{scope}/{key}",
    "GET /workspaces/{id}/clusters",
    "GET /workspaces/{id}/clusters/{cluster_id}",
    "POST /workspaces/{id}/clusters/{cluster_id}/start",
    "POST /endpoints",
    "GET /endpoints",
    "GET /endpoints/{id}",
    "PATCH /endpoints/{id}",
    "DELETE /endpoints/{id}",
    "POST /endpoints/{id}/check",
    "POST /endpoints/{id}/preview",
    "PUT /endpoints/{id}/confirm",
    "POST /runs",
    "GET /runs",
    "GET /runs/{id}",
    "GET /runs/{id}/code",
    "GET /runs/{id}/events",
    "GET /runs/{id}/export",
    "POST /runs/{id}/follow-up",
    "POST /runs/{id}/stop",
    "PATCH /runs/{id}",
    "DELETE /runs/{id}",
    "POST /runs/{id}/restore",
    "POST /runs/{id}/fork",
    "GET /runs/{id}/links",
    "POST /prompts",
    "GET /prompts",
    "POST /prompts/import",
    "GET /prompts/{id}",
    "PATCH /prompts/{id}",
    "DELETE /prompts/{id}",
    "GET /prompts/{id}/versions",
    "POST /prompts/{id}/versions",
    "GET /prompts/{id}/versions/{number}",
    "PUT /prompts/{id}/aliases/{name}",
    "DELETE /prompts/{id}/aliases/{name}",
    "GET /prompts/{id}/export",
    "POST /prompts/{id}/mlflow",
    "POST /prompts/import-mlflow",
    "POST /runs/{id}/links",
    "DELETE /links/{id}",
    "GET /calls/{id}",
    "POST /calls/{id}/stop",
    "GET /calls/{id}/comments",
    "POST /calls/{id}/comments",
    "DELETE /comments/{id}",
    "POST /calls/{id}/retry",
    "PUT /calls/{id}/vote",
    "GET /teams",
    "POST /teams",
    "GET /teams/{id}",
    "PATCH /teams/{id}",
    "GET /teams/{id}/members",
    "PATCH /teams/{id}/members/{member}",
    "DELETE /teams/{id}/members/{member}",
    "GET /teams/{id}/invitations",
    "POST /teams/{id}/invitations",
    "DELETE /invitations/{id}",
    "POST /invitations/accept",
    "GET /teams/{id}/audit",
}


class DocsTests(ApiTestCase):
    def test_the_openapi_document_lists_every_route(self):
        document = self.ok(self.client.get("/api/v1/openapi.json"))
        described = {
            f"{method.upper()} {path.removeprefix('/api/v1')}"
            for path, operations in document["paths"].items()
            for method in operations
        }
        self.assertEqual(described, ROUTES)

    def test_every_operation_says_how_it_fails_and_who_may_call_it(self):
        document = self.ok(self.client.get("/api/v1/openapi.json"))
        self.assertIn("ErrorAnswer", document["components"]["schemas"])
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                with self.subTest(f"{method} {path}"):
                    self.assertIn("default", operation["responses"])
                    self.assertEqual(len(operation["security"]), 2)

    def test_every_reference_in_the_document_leads_somewhere(self):
        response = self.client.get("/api/v1/openapi.json")
        schemas = response.json()["components"]["schemas"]
        names = set(re.findall(r'"\$ref": ?"([^"]*)"', response.content.decode()))
        self.assertLessEqual(names, {f"#/components/schemas/{name}" for name in schemas})

    def test_the_page_shows_itself_without_another_host(self):
        response = self.client.get("/api/v1/docs")
        self.assertEqual(response.status_code, 200)
        page = response.content.decode()
        self.assertIn("swagger-ui-bundle", page)
        self.assertNotRegex(page, r'(src|href)="(https?:)?//')
        self.assertIn("script-src 'self';", response["Content-Security-Policy"] + ";")
        self.assertNotIn("unsafe", response["Content-Security-Policy"])

    def test_the_bare_address_leads_to_the_page(self):
        self.assertRedirects(self.client.get("/api/v1/"), "/api/v1/docs")

    def test_the_guide_names_every_kind_of_error(self):
        guide = (settings.BASE_DIR / "docs" / "api.md").read_text()
        kinds = {*errors.KINDS.values(), "not_found", "method_not_allowed", "conflict"}
        for kind in kinds | {"too_large", "too_many", "invalid", "internal", "not_set_up"}:
            self.assertIn(f"`{kind}`", guide)
