"""The driver app's request body: what is read, and what each mistake is told."""

import json
import unittest

from endpoints.driver_app.parameters import Ask, InvalidRequest, read_ask


class ReadAskTests(unittest.TestCase):
    def assert_refused(self, body: str | bytes, field: str | None, words: str) -> None:
        raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        with self.assertRaises(InvalidRequest) as caught:
            read_ask(raw)
        self.assertEqual(caught.exception.field, field)
        self.assertIn(words, caught.exception.message)

    def test_prompt_alone_is_enough(self) -> None:
        self.assertEqual(read_ask('{"prompt": "你好吗？"}'.encode()), Ask("你好吗？"))

    def test_every_parameter_is_read(self) -> None:
        body = {
            "prompt": "p",
            "stop": [".", "\n"],
            "max_tokens": 5,
            "temperature": 0.1,
            "seed": -7,
            "delay_ms": 0,
            "token_delay_ms": 60000,
            "stream": False,
        }
        ask = Ask("p", (".", "\n"), 5, 0.1, -7, 0, 60000, False)
        self.assertEqual(read_ask(json.dumps(body).encode()), ask)

    def test_top_p_is_taken_and_ignored(self) -> None:
        self.assertEqual(read_ask(b'{"prompt": "p", "top_p": 0.9}'), Ask("p"))
        self.assert_refused('{"prompt": "p", "top_p": 2}', "top_p", "from 0 to 1")

    def test_null_counts_as_not_sent(self) -> None:
        body = '{"prompt": "p", "stop": null, "max_tokens": null, "seed": null, "stream": null}'
        self.assertEqual(read_ask(body.encode()), Ask("p"))

    def test_lone_surrogate_is_kept(self) -> None:
        self.assertEqual(read_ask(b'{"prompt": "\\ud83d!"}').prompt, "\ud83d!")

    def test_body_that_is_no_object_is_refused(self) -> None:
        for body in ("", "  \n", "{", "[]", '"prompt"', "null", "[" * 100_000, '{"a": ' * 99_999):
            with self.subTest(body[:20]):
                self.assert_refused(body, None, '{"prompt": "How are you?"}')
        self.assert_refused(b'{"prompt": "\xff"}', None, "UTF-8")
        self.assert_refused('{"prompt": "a", "seed": ' + "9" * 5000 + "}", None, "JSON")

    def test_constants_that_are_no_json_are_refused(self) -> None:
        for constant in ("NaN", "Infinity", "-Infinity"):
            self.assert_refused(f'{{"prompt": "a", "temperature": {constant}}}', None, constant)

    def test_missing_or_wrong_prompt_is_refused(self) -> None:
        for body in ("{}", '{"prompt": null}', '{"prompt": 1}', '{"prompt": ["a"]}'):
            with self.subTest(body):
                self.assert_refused(body, "prompt", "as a string")

    def test_wrong_values_are_refused_with_their_field(self) -> None:
        wrong = {
            "stop": ['"."', '[""]', "[1]", "[null]", "{}", "true", json.dumps(["x"] * 33)],
            "max_tokens": ["-1", "0", "1.5", "true", '"5"', "[]"],
            "temperature": ["-0.1", "2.1", "true", '"1"', "1e999", "1" + "0" * 400],
            "seed": ["1.5", "false", '"1"'],
            "delay_ms": ["-1", "600001", "true", '"1"'],
            "token_delay_ms": ["-1", "60001", "false", "{}"],
            "stream": ["1", '"true"', "[]"],
        }
        for field, values in wrong.items():
            for value in values:
                with self.subTest(field=field, value=value[:20]):
                    self.assert_refused(f'{{"prompt": "a", "{field}": {value}}}', field, field)

    def test_unknown_parameters_are_named(self) -> None:
        self.assert_refused('{"prompt": "a", "n": 1, "best_of": 2}', "best_of", "best_of, n.")
        many = json.dumps({"prompt": "a"} | {f"x{n}" + "y" * 99: 1 for n in range(9)})
        self.assert_refused(many, "x0" + "y" * 38, "and 4 more")
