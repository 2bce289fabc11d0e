"""A token keeps its secret in every form Python prints."""

import copy
import pickle
import unittest

from endpoints import AddressError, Token
from endpoints.credentials import MASK

SECRET = "dapi-very-secret-123"


class TokenTests(unittest.TestCase):
    def test_no_printed_form_shows_the_secret(self):
        token = Token(SECRET)
        forms = (repr(token), str(token), f"{token}", f"{token!r:>40}", f"{token}", repr([token]))
        for form in forms:
            self.assertNotIn(SECRET, form)
            self.assertIn(MASK, form)

    def test_it_cannot_be_pickled_copied_or_changed(self):
        token = Token(SECRET)
        for take in (pickle.dumps, copy.copy, copy.deepcopy):
            with self.assertRaises(TypeError):
                take(token)
        with self.assertRaises(AttributeError):
            token._value = "another-secret"
        with self.assertRaises(AttributeError):
            del token._value
        with self.assertRaises(TypeError):
            vars(token)

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
