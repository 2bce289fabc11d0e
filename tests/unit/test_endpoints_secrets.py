"""Secrets of a workspace: stored through us, named by reference, never shown."""

import json
import unittest

from endpoints import AddressError, Egress, EndpointError, Token, secrets
from endpoints.credentials import MASK
from endpoints.workspace import WorkspaceApi
from tests.upstream import answer
from tests.workspace import Workspace

ALICE = "dapi-alice-0123456789"
VALUE = "sk-very-secret\nsecond line ü"
PUT = "/api/2.0/secrets/put"


class SecretsTestCase(unittest.TestCase):
    def setUp(self):
        self.workspace = self.enterContext(Workspace(tokens={ALICE: "alice"}))
        egress = Egress(workspace_origins=(self.workspace.origin,))
        self.api = WorkspaceApi(self.workspace.origin, Token(ALICE), egress)

    def asked(self):
        return [each.path.removeprefix("/api/2.0/secrets/") for each in self.workspace.requests]


class PutTests(SecretsTestCase):
    def test_a_missing_scope_is_made(self):
        self.assertEqual(
            secrets.put_secret(self.api, "my-scope", "openai", VALUE),
            "{{secrets/my-scope/openai}}",
        )
        self.assertEqual(self.workspace.secrets, {"my-scope": {"openai": VALUE}})
        self.assertEqual(self.asked(), ["put", "scopes/create", "put"])

    def test_one_that_is_there_is_used_and_its_secret_replaced(self):
        self.workspace.secrets["my-scope"] = {"openai": "old"}
        secrets.put_secret(self.api, "my-scope", "openai", VALUE)
        self.assertEqual(self.workspace.secrets["my-scope"]["openai"], VALUE)
        self.assertEqual(self.asked(), ["put"])

    def test_a_scope_that_somebody_else_makes_meanwhile_is_fine(self):
        def create(exchange):
            self.workspace.secrets["s"] = {}
            exchange.send_error(400, "RESOURCE_ALREADY_EXISTS", "Scope s already exists!")

        self.workspace.on("/api/2.0/secrets/scopes/create", create)
        secrets.put_secret(self.api, "s", "k", VALUE)
        self.assertEqual(self.workspace.secrets, {"s": {"k": VALUE}})

    def test_no_error_shows_the_value(self):
        words = f"cannot store {VALUE} for you"
        for status in (400, 403, 404, 500):
            self.workspace.on(PUT, answer({"error_code": "X", "message": words}, status))
            with self.assertRaises(EndpointError) as caught:
                secrets.put_secret(self.api, "s", "k", "sk-very-secret")
            error = caught.exception
            self.assertNotIn("sk-very-secret", f"{error} {error.message} {error.response}")
            self.assertIn(MASK, error.message)

    def test_no_error_shows_a_part_of_the_value_however_it_is_written(self):
        value = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC" + "Qx7" * 300
        for words in (
            f"cannot store {value}",
            f"cannot store {json.dumps(value)}",
            f"cannot store {value.replace(chr(10), ' ')}",
            "cannot store " + value[30:60],
            f"Invalid value for argument '{value[-40:]}'",
        ):
            self.workspace.on(PUT, answer({"error_code": "BAD_REQUEST", "message": words}, 400))
            with self.assertRaises(EndpointError) as caught:
                secrets.put_secret(self.api, "s", "k", value)
            error = caught.exception
            shown = f"{error} {error.message} {error.hint} {error.field} {error.response}"
            for start in range(len(value) - 8):
                self.assertNotIn(value[start : start + 8], shown)
            self.assertEqual(error.upstream_status, 400)

    def test_a_field_that_it_names_may_be_the_value_too(self):
        for body in (
            {"error_code": "BAD_REQUEST", "message": "Invalid parameter 'abc123secret456'"},
            {"message": "no", "field": "abc123secret456"},
        ):
            self.workspace.on(PUT, answer(body, 400))
            with self.assertRaises(EndpointError) as caught:
                secrets.put_secret(self.api, "s", "k", "abc123secret456")
            self.assertNotIn("abc123secret456", str(vars(caught.exception)))

    def test_words_that_do_not_repeat_it_are_kept(self):
        self.workspace.on(PUT, answer({"error_code": "X", "message": "Quota is used up."}, 400))
        with self.assertRaises(EndpointError) as caught:
            secrets.put_secret(self.api, "s", "k", VALUE)
        self.assertIn("Quota is used up.", caught.exception.message)

    def test_a_refused_scope_is_the_failure(self):
        no = answer({"error_code": "PERMISSION_DENIED", "message": "no"}, 403)
        self.workspace.on("/api/2.0/secrets/scopes/create", no)
        with self.assertRaises(EndpointError) as caught:
            secrets.put_secret(self.api, "s", "k", VALUE)
        self.assertEqual(caught.exception.kind, "forbidden")

    def test_what_is_no_secret_is_refused_by_field_and_nothing_is_sent(self):
        for args, field in (
            (("", "k", VALUE), "scope"),
            (("a b", "k", VALUE), "scope"),
            (("a\n", "k", VALUE), "scope"),
            (("s" * 129, "k", VALUE), "scope"),
            (("s", "../x", VALUE), "key"),
            (("s", "k}}", VALUE), "key"),
            (("s", None, VALUE), "key"),
            (("s", "k", ""), "value"),
            (("s", "k", None), "value"),
            (("s", "k", "\ud83d"), "value"),
            (("s", "k", "ü" * 65537), "value"),
        ):
            with self.subTest(field=field), self.assertRaises(AddressError) as caught:
                secrets.put_secret(self.api, *args)
            self.assertEqual(caught.exception.field, field)
        self.assertEqual(self.asked(), [])
        secrets.put_secret(self.api, "s", "k", "x" * 128 * 1024)


class ListTests(SecretsTestCase):
    def test_scopes_and_keys_are_listed_by_name(self):
        self.workspace.secrets = {"b": {"y": "1", "x": "2"}, "a": {}}
        self.assertEqual(secrets.list_scopes(self.api), ["a", "b"])
        self.assertEqual(secrets.list_keys(self.api, "b"), ["x", "y"])
        self.assertEqual(secrets.list_keys(self.api, "a"), [])
        secrets.delete_secret(self.api, "b", "x")
        self.assertEqual(secrets.list_keys(self.api, "b"), ["y"])

    def test_a_scope_that_is_not_there_is_not_found(self):
        with self.assertRaises(EndpointError) as caught:
            secrets.list_keys(self.api, "none")
        self.assertEqual(caught.exception.kind, "not_found")

    def test_another_shape_is_a_bad_response(self):
        for value in ([], {"scopes": 5}):
            self.workspace.on("/api/2.0/secrets/scopes/list", answer(value))
            with self.assertRaises(EndpointError) as caught:
                secrets.list_scopes(self.api)
            self.assertEqual(caught.exception.kind, "bad_response")


class ReferenceTests(unittest.TestCase):
    def test_only_the_exact_form_is_a_reference(self):
        self.assertTrue(secrets.is_reference("{{secrets/my-scope/k.1}}"))
        for text in (
            "{{secrets/a/b}}\n", " {{secrets/a/b}}", "{{secrets/a}}", "{{secrets/a/b/c}}",
            "{{ secrets/a/b }}", "sk-123", "", None, 5, "x{{secrets/a/b}}",
        ):  # fmt: skip
            self.assertFalse(secrets.is_reference(text), text)
