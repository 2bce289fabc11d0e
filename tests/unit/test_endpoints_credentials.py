"""A token keeps its secret in every form that Python, JSON or a template can print."""

import copy
import dataclasses
import json
import pickle  # noqa: TID251 - to see it refused
import pprint
import unittest

from django.core.serializers.json import DjangoJSONEncoder
from django.template import Context, Engine

from endpoints import AddressError, Egress, OAuthClient, Token
from endpoints.credentials import MASK
from endpoints.outgoing import Outgoing

SECRET = "dapi-very-secret-123"
URL = "https://adb-1.2.azuredatabricks.net/"
BOTH = (Token(SECRET), OAuthClient("app-1", SECRET))


class TokenTests(unittest.TestCase):
    def test_no_printed_form_shows_the_secret(self):
        for token in BOTH:
            forms = (repr(token), str(token), f"{token}", f"{token!r:>40}", f"{token:>40}")
            forms += (repr([token]), pprint.pformat({"a": token}), f"{token} {token!r}")
            for form in forms:
                self.assertNotIn(SECRET, form)
                self.assertIn(MASK, form)

    def test_a_request_prints_neither_its_credential_nor_its_body(self):
        policy, body = Egress().policy("serving", URL), {"string_value": SECRET}
        for token in BOTH:
            request = Outgoing("POST", URL, "serving", "*/*", policy, body, token)
            for form in (repr(request), f"{request}", pprint.pformat(request), repr([request])):
                self.assertIn(URL, form)
                for told in (SECRET, MASK, "string_value", "body", "credential"):
                    self.assertNotIn(told, form)

    def test_it_cannot_be_pickled_copied_or_changed(self):
        for token in BOTH:
            for take in (pickle.dumps, copy.copy, copy.deepcopy, lambda each: each.__getstate__()):
                with self.assertRaises(TypeError):
                    take(token)
            with self.assertRaises(TypeError):
                pickle.dumps(token.scrubber)
            with self.assertRaises(TypeError):
                dataclasses.asdict(Outgoing("GET", "https://x", "driver", "*/*", credential=token))
        with self.assertRaises(AttributeError):
            token._value = "another-secret"
        with self.assertRaises(AttributeError):
            del token._value
        with self.assertRaises(TypeError):
            vars(token)

    def test_json_has_no_way_to_write_it(self):
        for token in BOTH:
            for options in ({}, {"cls": DjangoJSONEncoder}):
                with self.assertRaises(TypeError):
                    json.dumps({"token": token}, **options)
            self.assertEqual(json.dumps(token, default=str, ensure_ascii=False), f'"{MASK}"')
            for make in (list, bytes, dict, len, int):
                with self.assertRaises(TypeError):
                    make(token)

    def test_a_template_shows_the_mask_and_cannot_reach_the_value(self):
        ways = ("reveal", "basic", "digest", "scrub", "_value", "_pair", "scrubber", "__class__")
        filters = ("safe", "escape", "pprint", "stringformat:'s'")
        for token in BOTH:
            context = Context({"token": token, "tokens": [token]}, autoescape=False)
            for source in (
                "{{ token }}{{ tokens }}{{ tokens.0 }}",
                "{% for each in tokens %}{{ each }}{% endfor %}",
                *(f"{{{{ token.{way} }}}}|" for way in ways if not way.startswith("_")),
                *(f"{{% with x=token.{way} %}}{{{{ x }}}}|{{% endwith %}}" for way in ways[:4]),
                *(f"{{{{ token|{each} }}}}|" for each in filters),
                "{% debug %}",
            ):
                shown = Engine(debug=True).from_string(source).render(context)
                self.assertNotIn(SECRET, shown, source)
                self.assertNotIn(SECRET[:12], shown, source)
            self.assertEqual(Engine().from_string("{{ token }}").render(context), MASK)
            self.assertEqual(Engine().from_string("{{ token.reveal }}").render(context), "")

    def test_reveal_and_scrub_know_the_value(self):
        token = Token(SECRET)
        self.assertEqual(token.reveal(), SECRET)
        self.assertEqual(token.scrub(f"Bearer {SECRET}!"), f"Bearer {MASK}!")

    def test_equal_secrets_are_equal_tokens(self):
        self.assertEqual(Token(SECRET), Token(SECRET))
        self.assertNotEqual(Token(SECRET), Token(SECRET + "4"))
        self.assertNotEqual(Token(SECRET), SECRET)
        self.assertEqual(len({Token(SECRET), Token(SECRET)}), 1)

    def test_what_is_no_token_is_refused_without_repeating_it(self):
        for value in ("short", "with blank 123", "line\nbreak123", "trailing123\n", "ümlaut-12345"):
            with self.subTest(value=value), self.assertRaises(AddressError) as caught:
                Token(value)
            self.assertEqual(caught.exception.field, "token")
            self.assertNotIn(value, str(caught.exception))
        for value in ("a" * 7, "a" * 4097, "nul\0nul-nul", None, b"bytes-bytes"):
            with self.subTest(value=value), self.assertRaises(AddressError):
                Token(value)
