"""`make test` leaves no folder of tests out."""

import unittest

from tests import halves
from tests.site import ROOT


class HalvesTests(unittest.TestCase):
    def test_every_folder_of_tests_is_in_one_of_them(self) -> None:
        folders = {f"tests.{path.parent.name}" for path in ROOT.glob("tests/*/test_*.py")}
        self.assertEqual(sorted(halves.OTHERS + halves.BROWSER), sorted(folders))
