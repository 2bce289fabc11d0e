"""Vectors: reading them, their length and how near they are."""

import base64
import math
import struct
import unittest

from hypothesis import given
from hypothesis import strategies as st

from endpoints import norm, similarity
from endpoints.errors import BadResponse
from endpoints.vectors import read_vectors

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8)


class ReadVectorsTests(unittest.TestCase):
    def test_every_shape(self):
        packed = base64.b64encode(struct.pack("<2f", 1.0, 2.0)).decode()
        for value in (
            {"data": [{"index": 0, "embedding": [1, 2.0]}]},
            {"data": [{"index": 0, "embedding": packed}]},
            {"predictions": [[1, 2]]},
            {"predictions": [1, 2]},
            {"predictions": [{"embedding": [1, 2]}]},
            {"embeddings": [[1, 2]]},
            {"embedding": [1, 2]},
            [[1, 2]],
            [1, 2],
        ):
            with self.subTest(value=value):
                self.assertEqual(read_vectors(value, 1), ((1.0, 2.0),))

    def test_the_index_puts_them_in_order(self):
        data = [{"index": 1, "embedding": [1]}, {"index": 0, "embedding": [0]}]
        self.assertEqual(read_vectors({"data": data}, 2), ((0.0,), (1.0,)))
        for each in data:
            each["index"] = 0
        self.assertEqual(read_vectors({"data": data}, 2), ((1.0,), (0.0,)))

    def test_what_holds_no_vectors_is_a_bad_response(self):
        for value in (
            {},
            {"data": []},
            {"data": [{"embedding": []}]},
            {"data": [{"embedding": ["a"]}]},
            {"data": [{"embedding": [True]}]},
            {"data": [{"embedding": "no base64"}]},
            {"data": [{"embedding": [10**400]}]},
            {"data": [None]},
            {"predictions": "x"},
            {"choices": [{"text": "x"}]},
            {"data": [{"embedding": [1]}, {"embedding": [2]}]},
            "x",
            None,
        ):
            with self.subTest(value=str(value)[:60]), self.assertRaises(BadResponse):
                read_vectors(value, 1)


class SimilarityTests(unittest.TestCase):
    def test_known_angles(self):
        self.assertEqual(norm([3.0, 4.0]), 5.0)
        self.assertEqual(similarity([1.0, 0.0], [0.0, 2.0]), 0.0)
        self.assertAlmostEqual(similarity([1.0, 1.0], [2.0, 2.0]), 1.0)
        self.assertAlmostEqual(similarity([1.0, 1.0], [-2.0, -2.0]), -1.0)

    def test_without_a_meaning_there_is_none(self):
        self.assertIsNone(similarity([1.0], [1.0, 2.0]))
        self.assertIsNone(similarity([0.0], [1.0]))
        self.assertIsNone(similarity([], []))
        self.assertIsNone(similarity([1e308, 1e308, 1e308, 1e308], [1.0, 1.0, 1.0, 1.0]))

    @given(NUMBERS, NUMBERS)
    def test_it_lies_between_minus_one_and_one(self, a, b):
        found = similarity(a, b)
        self.assertTrue(found is None or (math.isfinite(found) and -1 <= found <= 1))
        self.assertEqual(found, similarity(b, a))
