"""No secret comes through, in whatever form and however it is cut; all other text does, at once."""

import base64
import gc
import html
import io
import json
import logging
import re
import time
import unittest
from urllib.parse import quote, quote_plus

from hypothesis import example, given, settings
from hypothesis import strategies as st

from endpoints import OAuthClient, Token
from endpoints.errors import BadRequest
from endpoints.scrubbing import (
    LEAST,
    MASK,
    Hold,
    LogFilter,
    Masking,
    Scrubber,
    cover,
    forms_of,
    scrub_all,
    scrub_words,
    secrets_in_use,
)
from tests.canary import traces

PAT = "dapi0123456789abcdef0123456789abcdef"
CLIENT_SECRET = "dose0123456789abcdef0123456789abcdef"
JWT = f"eyJhbGciOiJSUzI1NiJ9.{'eyJzdWIiOiJhcHAifQ' * 9}.{'c2ln_bmF0-dXJl' * 12}"
OF_EVERY_SIGN = "".join(chr(code) for code in range(0x21, 0x7F))
SECRETS = (PAT, "dapi-of-alice-0123456789", JWT, OF_EVERY_SIGN, "<'&\"/\\>%", "aaaaaaaaab")

ANY_SECRET = st.sampled_from(SECRETS) | st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=40
)

# How software writes a secret, in its own words and not in ours.
WAYS = {
    "raw": str,
    "percent": lambda s: quote(s, safe=""),
    "percent, form": quote_plus,
    "percent, path": quote,
    "percent, small": lambda s: re.sub("%..", lambda m: m[0].lower(), quote(s, safe="")),
    "percent, every letter": lambda s: "".join(f"%{ord(c):02X}" for c in s),
    "json": lambda s: json.dumps(s)[1:-1],
    "json, every letter": lambda s: "".join(f"\\u{ord(c):04x}" for c in s),
    "json, every letter, capitals": lambda s: "".join(f"\\u{ord(c):04X}" for c in s),
    "json, for html": lambda s: re.sub(
        "[<>&']", lambda m: f"\\u{ord(m[0]):04X}", json.dumps(s)[1:-1]
    ),
    "json in json": lambda s: json.dumps(json.dumps(s)[1:-1])[1:-1],
    "python bytes": lambda s: "".join(f"\\x{ord(c):02x}" for c in s),
    "html": html.escape,
    "html, numbers": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "html, hex": lambda s: "".join(f"&#x{ord(c):x};" for c in s),
    "hex": lambda s: s.encode().hex(),
    "hex, capitals": lambda s: s.encode().hex().upper(),
}


def streamed(scrubber, pieces):
    hold = Hold(Masking(scrubber))
    return "".join([hold.add(piece) for piece in pieces]) + hold.rest()


def cut(text, places):
    places = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in zip(places, places[1:], strict=False)]


class FormTests(unittest.TestCase):
    def test_every_way_of_writing_a_secret_is_masked(self):
        for secret in SECRETS:
            scrubber = Scrubber(secret)
            for name, write in WAYS.items():
                with self.subTest(secret=secret[:16], way=name):
                    self.assertEqual(scrubber.scrub(f"a {write(secret)} b"), f"a {MASK} b")

    @settings(deadline=None)
    @given(ANY_SECRET, st.sampled_from(sorted(WAYS)))
    def test_any_secret_in_every_way_of_writing_it(self, secret, way):
        written = WAYS[way](secret)
        if re.search(r"(.)\1*$", written)[0] == written:
            return  # of one letter only: where it begins is anybody's guess
        clean = Scrubber(secret).scrub(f"“{written}”")
        self.assertEqual(clean, f"“{MASK}”")

    @settings(deadline=None)
    @given(ANY_SECRET, st.binary(max_size=9), st.binary(max_size=9), st.booleans())
    def test_base64_wherever_the_secret_lies_in_it(self, secret, before, after, is_for_urls):
        pack = base64.urlsafe_b64encode if is_for_urls else base64.b64encode
        packed = pack(before + secret.encode() + after).decode()
        clean = Scrubber(secret).scrub(packed)
        self.assertIn(MASK, clean)
        self.assertEqual([t for t in traces(secret, clean) if t.startswith("as base64")], [])

    def test_basic_authentication_hides_the_client_secret(self):
        client = OAuthClient("app-1", CLIENT_SECRET)
        self.assertEqual(client.scrub(client.basic()), f"Basic {MASK}")

    def test_the_forms_of_the_first_letters_begin_the_forms(self):
        for secret in SECRETS:
            starts = {start[:4] for start in forms_of(secret[:4])}
            for form in forms_of(secret):
                self.assertIn(form[:4], starts)

    def test_two_secrets_one_the_beginning_of_the_other(self):
        scrubber = Scrubber("abcdefgh", "abcdefghij")
        for text, clean in (
            ("abcdefghij!", f"{MASK}!"),
            ("abcdefghi!", f"{MASK}i!"),
            ("abcdefgh", MASK),
        ):
            self.assertEqual(scrubber.scrub(text), clean)
            self.assertEqual(streamed(scrubber, text), clean)

    def test_a_text_that_ends_within_a_secret_was_cut_and_loses_the_part(self):
        scrubber = Scrubber(PAT)
        for length in range(1, len(PAT)):
            clean = f"x {PAT[:length] if length < LEAST else MASK}"
            self.assertEqual(scrubber.scrub(f"x {PAT[:length]}"), clean)
            self.assertEqual(streamed(scrubber, f"x {PAT[:length]}"), clean)

    def test_shapes_are_masked_whoever_they_belong_to(self):
        for shape in (PAT, f"{PAT}-2", CLIENT_SECRET):
            self.assertEqual(Scrubber().scrub(f"({shape})"), f"({MASK})")
            self.assertEqual(streamed(Scrubber(), f"({shape})"), f"({MASK})")

    def test_an_answer_about_secrets_stays_as_it_is(self):
        answer = (
            "Send `Authorization: Bearer <token>`; a token begins with dapi, such as dapi1234."
            " A JWT is eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4"
            " and OAuth sends client_secret=abc-123-def. Adapi and dosed."
        )
        self.assertEqual(Scrubber(JWT, PAT).scrub(answer), answer)
        self.assertEqual(streamed(Scrubber(JWT, PAT), answer), answer)


class StreamTests(unittest.TestCase):
    def test_a_token_cut_at_every_place_in_every_form(self):
        scrubber = Scrubber(PAT)
        for form in forms_of(PAT):
            text = f"Well, {form} indeed"
            for at in range(len(text) + 1):
                self.assertEqual(streamed(scrubber, [text[:at], text[at:]]), f"Well, {MASK} indeed")
            self.assertEqual(streamed(scrubber, text), f"Well, {MASK} indeed")

    PARTS = st.lists(
        st.one_of(
            st.tuples(st.just("form"), st.integers(0, 99)),
            st.tuples(st.just("part"), st.integers(0, 9999)),
            st.tuples(st.just("text"), st.text(max_size=12)),
            st.tuples(st.just("text"), st.sampled_from(("d", "dap", PAT, "dose0", "\\u00", "%6"))),
        ),
        max_size=8,
    )

    @settings(max_examples=400, deadline=None)
    @given(st.lists(ANY_SECRET, min_size=1, max_size=2), PARTS, st.lists(st.integers(0, 10**6)))
    @example([PAT], [("form", 0)], [])
    def test_a_stream_cut_anywhere_is_the_whole_text_scrubbed(self, secrets, parts, places):
        forms = sorted(form for secret in secrets for form in forms_of(secret))
        text = ""
        for kind, what in parts:
            if kind == "text":
                text += what
            elif kind == "form":
                text += forms[what % len(forms)]
            else:
                form = forms[what % len(forms)]
                text += form[: what % len(form)]
        scrubber = Scrubber(*secrets)
        whole = scrubber.scrub(text)
        self.assertEqual(streamed(scrubber, cut(text, places)), whole)
        self.assertEqual(streamed(scrubber, text), whole)
        for form in forms:
            self.assertNotIn(form, whole)

    @settings(max_examples=200, deadline=None)
    @given(ANY_SECRET, st.lists(st.text(max_size=9) | st.sampled_from(("d", "da", "dapi0", "%"))))
    def test_text_is_held_back_only_while_it_may_become_a_secret(self, secret, pieces):
        scrubber = Scrubber(secret)
        begun = re.compile(r"dapi[0-9a-f]{0,32}|dose[0-9a-f]{0,32}|d|da|do|dap|dos")
        hold, given_in, given_out = Hold(Masking(scrubber)), "", ""
        for piece in pieces:
            given_in += piece
            given_out += hold.add(piece)
            if MASK in given_out and MASK not in given_in:
                return
            self.assertTrue(given_in.startswith(given_out))
            held = given_in[len(given_out) :]
            is_begun = any(form.startswith(held) and form != held for form in forms_of(secret))
            self.assertTrue(not held or is_begun or begun.fullmatch(held), (held, secret))

    def test_nothing_is_lost_at_the_end(self):
        self.assertEqual(streamed(Scrubber(PAT), ["I wanted", " a d"]), "I wanted a d")

    def test_the_pieces_that_hold_parts_of_a_secret_are_known(self):
        for pieces, tainted in (
            (["a ", "dapi01234567", "89abcdef0123456789abcdef", " b"], {1, 2}),
            (
                ["a ", "dapi", "", "01234567", "89abcdef0123456789abcdef", "-", "2"],
                {1, 2, 3, 4, 5, 6},
            ),
            (["a ", f"x {PAT}", " b"], set()),
            (["a ", f"x {PAT}", "-2"], {1, 2}),
            (["a ", f"x {PAT}"], set()),
            (["d", "one", f"x{PAT[:20]}"], {2}),
            (["end", PAT[1:]], {0, 1}),
            (["end", f"one {PAT}d", PAT[1:], "d"], {1, 2}),
        ):
            masking = Masking(Scrubber(PAT))
            hold = Hold(masking)
            for number, piece in enumerate(pieces):
                masking.piece = number
                hold.add(piece)
            hold.rest()
            self.assertEqual(masking.tainted, tainted, pieces)


class WordTests(unittest.TestCase):
    def test_words_lose_what_looks_like_a_secret(self):
        for words, clean in (
            (f"no {PAT} here", f"no {MASK} here"),
            ("Bearer abcdef0123456789", f"Bearer {MASK}"),
            ("authorization: Basic YXBwOnNlY3JldA==", f"authorization: Basic {MASK}"),
            ("{'Authorization': 'Bearer abc-123-def'}", f"{{'Authorization': 'Bearer {MASK}'}}"),
            (JWT, MASK),
            ("client_secret=abcd&x=1", f"client_secret={MASK}&x=1"),
            ('{"refresh_token": "abc-def"}', f'{{"refresh_token": "{MASK}"}}'),
            ('{\\"access_token\\":\\"abc-def\\"}', f'{{\\"access_token\\":\\"{MASK}\\"}}'),
            ("pp_" + "a1B2" * 11, MASK),
            ("postgres://app:hunter2@db/x", f"postgres://app:{MASK}@db/x"),
        ):
            with self.subTest(words=words):
                self.assertEqual(scrub_words(words), clean)

    def test_hostile_words_take_no_long_time(self):
        for words in (
            "eyJ-",
            "eyJ.",
            "Bearer ",
            "pp_-",
            "://a:",
            "Authorization: ",
            "dapi",
            '=\\"',
        ):
            for text in (words * 16_384, "client_secret" + words * 16_384, f"x {words}" * 9_000):
                began = time.process_time()
                scrub_words(text)
                self.assertLess(time.process_time() - began, 2, words)

    def test_plain_words_stay(self):
        for words in (
            "Bearer authentication is required.",
            "client_secret is missing.",
            "Send “Authorization: Bearer pp_…”.",
            "The model 'databricks-meta-llama-3-3-70b-instruct' is not known.",
            "https://adb-1.2.azuredatabricks.net/serving-endpoints/a@b",
            "Nothing is listening at http://127.0.0.1:7777.",
        ):
            self.assertEqual(scrub_words(words), words)

    def test_a_token_is_kept_out_of_words_while_it_is_held_and_no_longer(self):
        token = Token("no-shape-at-all-1")
        self.assertEqual(scrub_words("x no-shape-at-all-1"), f"x {MASK}")
        twin = Token("no-shape-at-all-1")
        del token
        gc.collect()
        self.assertEqual(scrub_words("x no-shape-at-all-1"), f"x {MASK}")
        del twin
        gc.collect()
        self.assertEqual(scrub_words("x no-shape-at-all-1"), "x no-shape-at-all-1")

    def test_nobody_keeps_a_token_that_was_used(self):
        before = len(secrets_in_use())
        token = Token("dapi-used-and-forgotten")
        token.scrub("dapi-used-and-forgotten")
        self.assertEqual(len(secrets_in_use()), before + 1)
        del token
        gc.collect()
        self.assertEqual(len(secrets_in_use()), before)

    def test_the_message_of_an_error_has_no_secret(self):
        token = Token("no-shape-at-all-2")
        error = BadRequest(f"It said: {token.reveal()}, and Bearer abcdef0123456789.")
        self.assertEqual(error.message, f"It said: {MASK}, and Bearer {MASK}.")
        self.assertEqual(str(error), error.message)

    def test_values_are_scrubbed_at_every_depth(self):
        value = {"a": [PAT, {"b": f"x {PAT}"}], PAT: 1, "n": None}
        clean = {"a": [MASK, {"b": f"x {MASK}"}], MASK: 1, "n": None}
        self.assertEqual(scrub_all(value), clean)
        deep = []
        for _ in range(100_000):
            deep = [deep]
        self.assertIsNone(scrub_all(deep))


class LogTests(unittest.TestCase):
    def setUp(self):
        self.token = Token("no-shape-at-all-3")
        self.said = io.StringIO()
        handler = logging.StreamHandler(self.said)
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s %(extra)s"))
        cover([handler, handler])
        self.assertEqual(len(handler.filters), 1)
        self.log = logging.Logger("t")
        self.log.addHandler(handler)

    def logged(self):
        self.assertEqual(traces("no-shape-at-all-3", self.said.getvalue()), [])
        self.assertIn(MASK, self.said.getvalue())
        return self.said.getvalue()

    def test_message_arguments_and_extra(self):
        secret, extra = self.token.reveal(), {"extra": [self.token.reveal()]}
        self.log.error("%s: %d", secret, 1, extra=extra)
        self.assertIn(f"ERROR {MASK}: 1 ['{MASK}']", self.logged())

    def test_an_object_that_shows_it(self):
        class Showing:
            def __repr__(self):
                return "<no-shape-at-all-3>"

        self.log.error("%s %r", Showing(), Showing(), extra={"extra": Showing()})
        self.assertIn(f"<{MASK}> <{MASK}> <{MASK}>", self.logged())

    def test_a_traceback_and_what_caused_it(self):
        try:
            try:
                raise ValueError(f"inner {self.token.reveal()}")
            except ValueError as error:
                raise RuntimeError(f"outer {self.token.reveal()}") from error
        except RuntimeError:
            self.log.exception("failed", extra={"extra": 1}, stack_info=True)
        logged = self.logged()
        self.assertIn(f"ValueError: inner {MASK}", logged)
        self.assertIn(f"RuntimeError: outer {MASK}", logged)

    def test_a_token_as_an_argument_is_masked_anyway(self):
        self.log.error("%s %r", self.token, self.token, extra={"extra": self.token})
        self.assertIn(f"{MASK} Token({MASK})", self.logged())

    def test_arguments_that_do_not_fit_are_not_printed_by_logging_itself(self):
        self.log.error("%d %d", self.token.reveal(), extra={"extra": ""})
        self.logged()

    def test_other_records_stay_as_they_are(self):
        record = logging.makeLogRecord({"msg": "%s of %d", "args": ("one", 2), "status": 404})
        self.assertTrue(LogFilter().filter(record))
        self.assertEqual((record.getMessage(), record.status), ("one of 2", 404))
