"""Talking to the API in tests as a program would: a bearer token, JSON in and out."""

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from playground.models import ApiToken, User

from .base import WebTestCase


class ApiTestCase(WebTestCase):
    """`self.api(self.alice, "GET", "/me")`, and claims about what comes back."""

    def api(self, user: User | None, method: str, path: str, body: Any = None) -> HttpResponse:
        """As this person, with a token made for the occasion; `path` is below /api/v1."""
        headers = {}
        if user is not None:
            headers["Authorization"] = f"Bearer {ApiToken.make(user, 'test')[1]}"
        data = json.dumps(body) if body is not None else ""
        return Client().generic(
            method, f"/api/v1{path}", data, content_type="application/json", headers=headers
        )

    def ok(self, response: HttpResponse, status: int = 200) -> Any:
        """The JSON of an answer that went well."""
        self.assertEqual(response.status_code, status, response.content)
        return response.json() if response.content else None

    def assert_error(
        self,
        response: HttpResponse,
        status: int,
        kind: str,
        *,
        field: str | None = None,
        says: str = "",
    ) -> None:
        """The one shape of every error; `field` must be named when given, absent otherwise."""
        self.assertEqual(response.status_code, status, response.content)
        self.assertEqual(response["Content-Type"], "application/json; charset=utf-8")
        body = response.json()
        self.assertEqual(list(body), ["error"])
        error = body["error"]
        self.assertEqual(error["kind"], kind, error)
        self.assertEqual(error.get("field"), field, error)
        self.assertIn(says, error["message"])
        self.assertLessEqual(set(error), {"kind", "message", "field"})
