"""docs/endpoints.md names tests that exist, and leaves no cell of its first tables empty."""

import re
import unittest
from pathlib import Path

UNIT = Path(__file__).parent
TEXT = (UNIT.parents[1] / "docs" / "endpoints.md").read_text()


class EndpointsDocTests(unittest.TestCase):
    def test_every_test_it_names_exists(self):
        named = re.findall(r"`([a-z_]+): (\w+Tests)\.(test_\w+)`", TEXT)
        self.assertGreater(len(named), 50)
        for module, case, test in named:
            source = (UNIT / f"test_endpoints_{module}.py").read_text()
            with self.subTest(test=f"{module}: {case}.{test}"):
                self.assertRegex(source, rf"(?s)class {case}\b.*?    def {test}\(")

    def test_every_row_of_a_table_of_features_names_its_test(self):
        features = TEXT.partition("## What LangChain")[2].partition("## Where we differ")[0]
        rows = re.findall(r"^\|(.+)\|$", features, re.M)
        for row in rows:
            cells = [cell.strip() for cell in row.split("|")]
            if cells[-1] not in ("test", "---"):
                with self.subTest(row=row):
                    self.assertRegex(cells[-1], r"`[a-z_]+: \w+\.test_\w+`")
                    self.assertTrue(all(cells))
