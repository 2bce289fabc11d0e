"""What upstreams mean when they refuse: status, headers and body to one kind, in words."""

import email.utils
import json
import time
import unittest

from endpoints.refusals import MAX_WORDS, error_in, upstream_error
from tests.upstream import BAD_GATEWAY_PAGE, SIGN_IN_PAGE

HTML = {"content-type": "text/html; charset=utf-8"}


def judged(status, body=b"", headers=None, kind="serving"):
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
    return upstream_error(status, headers or {}, body, kind=kind)


class StatusTests(unittest.TestCase):
    def test_each_status_has_its_kind(self):
        for status, kind in (
            (400, "bad_request"),
            (401, "unauthorized"),
            (403, "forbidden"),
            (404, "not_found"),
            (405, "bad_request"),
            (408, "timeout"),
            (409, "bad_request"),
            (413, "bad_request"),
            (422, "bad_request"),
            (429, "rate_limited"),
            (500, "upstream"),
            (501, "upstream"),
            (502, "upstream"),
            (503, "not_ready"),
            (504, "timeout"),
            (599, "upstream"),
        ):
            for endpoint_kind in ("serving", "driver_proxy", "driver", "workspace"):
                with self.subTest(status=status, endpoint_kind=endpoint_kind):
                    error = judged(status, {"message": "Because."}, kind=endpoint_kind)
                    self.assertEqual(error.kind, kind)
                    self.assertEqual(error.upstream_status, status)
                    self.assertTrue(error.message.endswith("Because."))
                    self.assertTrue(error.hint.endswith("."))

    def test_a_prompt_that_is_too_long_is_known_by_its_words(self):
        for status, body in (
            (400, {"error": {"message": "No.", "code": "context_length_exceeded"}}),
            (400, {"error": {"message": "This model's maximum context length is 8192 tokens."}}),
            (400, {"type": "error", "error": {"message": "prompt is too long: 9 tokens > 8"}}),
            (400, {"error": {"message": "The input token count (9) exceeds the maximum (8)."}}),
            (422, {"error": "`inputs` tokens + `max_new_tokens` exceeds the limit of 4096"}),
            (413, {"message": "Too many input tokens."}),
            (400, {"external_model_error": {"error": {"message": "Exceeded. Context window."}}}),
            (400, {"message": "Input length 9000 is larger than 8192."}),
        ):
            with self.subTest(body):
                error = judged(status, body)
                is_known = "Exceeded" not in str(body)
                self.assertEqual(getattr(error, "reason", None), "too_long" if is_known else None)
                self.assertEqual(error.kind, "bad_request")

    def test_other_limits_are_not_taken_for_it(self):
        for status, words in (
            (400, "max_tokens must be less than 4096"),
            (400, "temperature exceeds the maximum of 2"),
            (429, "Too many input tokens per minute."),
            (400, "Unknown parameter: context"),
            (413, "Body too big"),
        ):
            with self.subTest(words):
                error = judged(status, {"message": words})
                self.assertIsNone(getattr(error, "reason", None))

    def test_an_empty_body_still_makes_a_sentence(self):
        self.assertEqual(judged(500).message, "The endpoint failed (500).")

    def test_every_shape_of_complaint_gives_its_words(self):
        for body in (
            {"error_code": "BAD_REQUEST", "message": "No such column"},
            {"error_code": 400, "message": "No such column"},
            {"message": "No such column"},
            {"error": "No such column"},
            {"error": {"message": "No such column", "type": "invalid_request_error"}},
            {"detail": "No such column"},
            {"detail": [{"loc": ["body", "x"], "msg": "No such column", "type": "missing"}]},
            {"detail": {"message": "No such column"}},
            "No such column",
            "<html><title>Oh</title><pre>No such <b>column</b></pre></html>",
        ):
            with self.subTest(body=body):
                self.assertIn("No such column", judged(400, body).message)

    def test_words_are_one_short_line(self):
        error = judged(400, {"message": "a\n\tb\x00\x1b[31m" + "x" * 10_000})
        self.assertTrue(error.message.isprintable())
        self.assertIn("a b", error.message)
        self.assertLess(len(error.message), MAX_WORDS + 100)

    def test_hostile_bodies_do_no_harm(self):
        for body in (
            b"\xff\xfe\xfd",
            b"[" * 100_000,
            b"[]",
            b"null",
            b"5",
            b"{}",
            b'{"message": {"message": {"message": {"message": {"message": {"message": "x"}}}}}}',
            b'{"error": [], "detail": 5, "message": null}',
            json.dumps({"message": json.dumps({"message": json.dumps({"message": "x"})})}).encode(),
        ):
            with self.subTest(body=body[:40]):
                self.assertEqual(judged(400, body).kind, "bad_request")


class FieldTests(unittest.TestCase):
    def test_the_field_that_the_words_blame_is_named(self):
        missing = "Failed to enforce schema. Error: Model is missing inputs ['stop']."
        for body, field in (
            ({"message": missing}, "stop"),
            ({"error": {"message": "No.", "field": "max_tokens"}}, "max_tokens"),
            ({"error": {"message": "No.", "param": "temperature"}}, "temperature"),
            ({"detail": [{"loc": ["body", "top_p"], "msg": "wrong"}]}, "top_p"),
            ({"message": "llm() got an unexpected keyword argument 'seed'"}, "seed"),
            ({"message": "Missing required parameter: 'messages'"}, "messages"),
            ({"message": "'n' must be at least 1"}, "n"),
            ({"message": "Something is wrong"}, None),
        ):
            with self.subTest(body=body):
                self.assertEqual(judged(400, body).field, field)


class DatabricksTests(unittest.TestCase):
    def test_a_terminated_cluster_is_stopped(self):
        words = "Cluster 0812-091530-k3v9q2 is in Terminated state"
        body = {"error_code": "INVALID_STATE", "message": words}
        self.assertEqual(judged(400, body, kind="driver_proxy").kind, "cluster_stopped")
        self.assertEqual(
            judged(400, {"message": words}, kind="driver_proxy").kind, "cluster_stopped"
        )

    def test_a_starting_cluster_is_not_ready(self):
        body = {"error_code": "INVALID_STATE", "message": "Cluster x is in Pending state"}
        self.assertEqual(judged(400, body, kind="driver_proxy").kind, "not_ready")

    def test_a_bad_gateway_page_of_the_proxy_means_that_nothing_listens(self):
        self.assertEqual(
            judged(502, BAD_GATEWAY_PAGE, HTML, kind="driver_proxy").kind, "nothing_listening"
        )
        self.assertEqual(judged(502, BAD_GATEWAY_PAGE, HTML).kind, "upstream")
        self.assertEqual(judged(502, {"error": "x"}, kind="driver_proxy").kind, "upstream")

    def test_sign_in_pages_are_known_at_any_status(self):
        for status in (200, 302, 401, 403, 404, 500, 502):
            for kind in ("serving", "driver_proxy", "workspace", "driver"):
                with self.subTest(status=status, kind=kind):
                    error = judged(status, SIGN_IN_PAGE, HTML, kind=kind)
                    self.assertEqual((error.kind, error.upstream_status), ("login_page", status))

    def test_a_redirect_of_a_workspace_leads_to_its_sign_in(self):
        for location in ("/login.html?next_url=%2F", "https://elsewhere.test/"):
            self.assertEqual(judged(303, b"", {"location": location}).kind, "login_page")

    def test_a_redirect_of_an_app_is_named_but_not_followed(self):
        error = judged(307, b"", {"location": "http://127.0.0.1:7777/echo/"}, kind="driver")
        self.assertEqual(error.kind, "bad_response")
        self.assertIn("http://127.0.0.1:7777/echo/", error.message)
        self.assertEqual(judged(302, b"", {"location": "/login"}, kind="driver").kind, "login_page")

    def test_a_page_with_200_is_a_page_where_json_was_due(self):
        error = judged(200, "<html><title>Catalog Index</title></html>", HTML, kind="driver")
        self.assertEqual(error.kind, "login_page")
        self.assertIn("Catalog Index", error.message)

    def test_an_external_model_error_is_told_from_the_inside(self):
        inner = {"error_code": 403, "message": "Key disabled"}
        for model_error in (inner, json.dumps(inner)):
            nested = {"external_model_provider": "openai", "external_model_error": model_error}
            body = {"error_code": "BAD_REQUEST", "message": json.dumps(nested)}
            error = judged(400, body)
            self.assertEqual((error.kind, error.upstream_status), ("forbidden", 400))
            self.assertIn("provider openai: Key disabled", error.message)
            self.assertIn("API key", error.hint)

    def test_an_external_model_page_or_text_keeps_the_outer_status(self):
        for model_error in ("<html><title>Bad key</title></html>", "Bad key"):
            nested = {"external_model_provider": "custom", "external_model_error": model_error}
            error = judged(403, {"error_code": "X", "message": json.dumps(nested)})
            self.assertEqual(error.kind, "forbidden")
            self.assertIn("Bad key", error.message)

    def test_hints_say_whose_permission_is_missing(self):
        self.assertIn("new token", judged(403, {"message": "Invalid access token"}).hint)
        words = "Provided access token does not have required scopes: clusters"
        self.assertIn("scope", judged(403, {"error_code": 403, "message": words}).hint)
        self.assertIn("Can Query", judged(403, {"message": "no"}).hint)
        self.assertIn("Can Attach To", judged(403, {"message": "no"}, kind="driver_proxy").hint)


# WIRE.md 3.3: what comes back from the driver proxy.
PROXY_ROWS = (
    (502, BAD_GATEWAY_PAGE, HTML, "nothing_listening", "port"),
    (
        400,
        {"error_code": "INVALID_STATE", "message": "Cluster x is in Terminated state"},
        {},
        "cluster_stopped",
        "Start the cluster",
    ),
    (
        403,
        {
            "error_code": 403,
            "message": "Provided access token does not have required scopes: clusters [ReqId: 1]",
        },
        {},
        "forbidden",
        "scope",
    ),
    (
        403,
        {"message": "Provided OAuth token does not have required scopes: clusters"},
        {},
        "forbidden",
        "scope",
    ),
    (403, {"message": "Invalid scope, required scopes: clusters"}, {}, "forbidden", "scope"),
    (403, {"error_code": 403, "message": "Invalid access token"}, {}, "forbidden", "new token"),
    (401, {"message": "Token expired"}, {}, "unauthorized", "Authorization"),
    (403, {"error_code": 403, "message": "Invalid request"}, {}, "forbidden", "notebook"),
    (
        403,
        "PERMISSION_DENIED: Single-user check failed: user 'a' attempted to run a command on"
        " single-user cluster x, but the single user of this cluster is 'b'",
        {},
        "forbidden",
        "dedicated",
    ),
    (302, "", {"location": "/login.html?next_url=%2F"}, "login_page", "token"),
    (303, "", {"location": "https://ws/oidc/authorize"}, "login_page", "token"),
    (200, SIGN_IN_PAGE, HTML, "login_page", "token"),
    (401, {"error": "Missing API key"}, {}, "unauthorized", "Authorization"),
    (404, {"detail": "Not Found"}, {}, "not_found", "path"),
)
EXTERNAL = json.dumps(
    {
        "external_model_provider": "custom",
        "external_model_error": {"error_code": 403, "message": "Key disabled"},
    }
)
# WIRE.md 7: what a workspace answers.
STATUS_ROWS = (
    (
        400,
        {
            "error_code": "BAD_REQUEST",
            "message": "Failed to enforce schema of data '...' with schema '['prompt': string"
            " (required), 'stop': Array(string) (required)]'. Error: Model is missing inputs"
            " ['stop'].",
            "sqlstate": "KD000",
        },
        "bad_request",
    ),
    (400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "No."}, "bad_request"),
    (401, {"error_code": 401, "message": "Credential was not sent"}, "unauthorized"),
    (401, {"error_code": "UNAUTHENTICATED", "message": "No."}, "unauthorized"),
    (401, {"error_code": "CUSTOMER_UNAUTHORIZED", "message": "No."}, "unauthorized"),
    (403, {"error_code": 403, "message": "Invalid access token"}, "forbidden"),
    (403, {"error_code": "PERMISSION_DENIED", "message": "No."}, "forbidden"),
    (403, {"error_code": "PERMISSION_DENIED", "message": EXTERNAL}, "forbidden"),
    (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No."}, "not_found"),
    (404, {"error_code": "ENDPOINT_NOT_FOUND", "message": "No."}, "not_found"),
    (409, {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "No."}, "bad_request"),
    (409, {"error_code": "RESOURCE_CONFLICT", "message": "Busy."}, "bad_request"),
    (429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Slow."}, "rate_limited"),
    (
        429,
        "REQUEST_LIMIT_EXCEEDED: Exceeded workspace input tokens per minute rate limit for chat",
        "rate_limited",
    ),
    (429, {"message": "User defined rate limit(s) exceeded"}, "rate_limited"),
    (500, {"error_code": "INTERNAL_ERROR", "message": "Oh."}, "upstream"),
    (502, {"error_code": "INTERNAL_ERROR", "message": "Oh."}, "upstream"),
    (503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "Soon."}, "not_ready"),
    (504, {"error_code": "DEADLINE_EXCEEDED", "message": "Late."}, "timeout"),
    (504, "Request processing time exceeded limit", "timeout"),
    (415, "This predictor only supports application/json", "bad_request"),
)


class WireTableTests(unittest.TestCase):
    def test_every_row_of_the_driver_proxy_has_its_kind_and_hint(self):
        for status, body, headers, kind, hint in PROXY_ROWS:
            with self.subTest(status=status, body=body):
                error = judged(status, body, headers, kind="driver_proxy")
                self.assertEqual((error.kind, error.upstream_status), (kind, status))
                self.assertIn(hint, error.message + error.hint)

    def test_every_row_of_the_workspace_has_its_kind(self):
        for status, body, kind in STATUS_ROWS:
            with self.subTest(status=status, body=body):
                error = judged(status, body)
                self.assertEqual((error.kind, error.upstream_status), (kind, status))
                self.assertTrue(error.message.endswith((".", "…")))

    def test_an_external_model_error_in_every_form_is_told_from_the_inside(self):
        for inner, kind in (
            ({"error_code": 403, "message": "Why."}, "forbidden"),
            ('{"error_code": 401, "message": "Why."}', "unauthorized"),
            ({"error": {"message": "Why.", "type": "rate_limit_error"}}, "rate_limited"),
            ("REQUEST_LIMIT_EXCEEDED: Why.", "rate_limited"),
            ("<html><title>Why.</title></html>", "bad_request"),
            ("Why.", "bad_request"),
        ):
            said = {"external_model_provider": "custom", "external_model_error": inner}
            for message in (json.dumps(said), said):
                with self.subTest(inner=inner):
                    error = judged(400, {"error_code": "BAD_REQUEST", "message": message})
                    self.assertEqual(error.kind, kind)
                    self.assertIn("Why.", error.message)
                    self.assertIn("custom", error.message)

    def test_what_is_being_changed_or_there_already_says_what_to_do(self):
        self.assertIn("wait", judged(409, {"error_code": "RESOURCE_CONFLICT"}).hint)
        self.assertIn("name", judged(409, {"error_code": "RESOURCE_ALREADY_EXISTS"}).hint)
        hint = judged(401, {"error_code": "CUSTOMER_UNAUTHORIZED", "message": "No."}).hint
        self.assertIn("network policy", hint)


class RetryAfterTests(unittest.TestCase):
    def wait_s(self, value):
        return judged(429, b"", {"retry-after": value}).retry_after_s

    def test_seconds_and_dates_are_bounded(self):
        self.assertEqual(self.wait_s("7"), 7)
        self.assertEqual(self.wait_s("0"), 0)
        self.assertEqual(self.wait_s("1" + "0" * 9), 3600)
        soon = email.utils.formatdate(time.time() + 60, usegmt=True)
        self.assertAlmostEqual(self.wait_s(soon), 60, delta=2)
        self.assertEqual(self.wait_s("Mon, 01 Jan 2001 00:00:00 GMT"), 0)

    def test_nonsense_is_no_wait(self):
        for value in ("", "-1", "soon", "1.5.2", "٣", "Mon, 99 Foo"):
            with self.subTest(value=value):
                self.assertIsNone(self.wait_s(value))

    def test_the_wait_is_in_the_hint(self):
        error = judged(429, {"message": "Limit."}, {"retry-after": "7"})
        self.assertIn("Wait 7 s", error.hint)
        self.assertEqual(judged(503, b"", {"retry-after": "9"}).retry_after_s, 9)


class ErrorInTests(unittest.TestCase):
    def test_error_objects_in_a_200_have_their_kind(self):
        for value, kind in (
            ({"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Slow."}, "rate_limited"),
            ({"error": {"message": "Slow.", "code": 429}}, "rate_limited"),
            ({"error": {"message": "Slow.", "code": "429"}}, "rate_limited"),
            ({"error": {"message": "Slow.", "type": "server_error"}}, "upstream"),
            ({"error": "Slow."}, "upstream"),
            ({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "Slow."}, "not_ready"),
            ({"choices": [], "error": {"message": "Slow."}}, "upstream"),
        ):
            with self.subTest(value=value):
                error = error_in(value)
                self.assertEqual((error.kind, error.upstream_status), (kind, 200))
                self.assertIn("Slow.", error.message)

    def test_answers_are_no_errors(self):
        for value in (
            {"choices": [], "error": None},
            {"predictions": ["x"]},
            "error",
            {},
            [],
            None,
        ):
            self.assertIsNone(error_in(value))
