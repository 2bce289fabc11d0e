"""docs/endpoints.md names tests that exist, and leaves no cell of its tables empty."""

import importlib.util
import os
import re
import unittest
from pathlib import Path

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs" / "endpoints.md").read_text()
NAMED = re.compile(r"`(?:(web|live|browser)/)?([a-z_]+): (\w+Tests)\.(test_\w+)`")
REAL_SOFTWARE = (
    "mlflow pandas sklearn slowapi watchfiles langchain_community databricks_langchain openai"
)


class EndpointsDocTests(unittest.TestCase):
    def test_every_test_it_names_exists(self):
        named = NAMED.findall(TEXT)
        self.assertGreater(len(named), 60)
        for folder, module, case, test in named:
            path = f"{folder}/test_{module}.py" if folder else f"unit/test_endpoints_{module}.py"
            with self.subTest(test=f"{path}: {case}.{test}"):
                source = (TESTS / path).read_text()
                self.assertRegex(source, rf"(?s)class {case}\b.*?    def {test}\(")

    def test_every_row_of_a_table_of_features_names_its_test(self):
        features = TEXT.partition("## What LangChain")[2].partition("## Where we differ")[0]
        for row in rows_in(features):
            with self.subTest(row=row):
                self.assertRegex(row[-1], NAMED)

    def test_every_row_with_a_part_of_the_site_names_a_test_of_the_site(self):
        with_site = [row for row in rows_in(TEXT) if "(*site*)" in " ".join(row)]
        self.assertGreater(len(with_site), 15)
        for row in with_site:
            with self.subTest(row=row):
                self.assertTrue(any(folder for folder, *_ in NAMED.findall(row[-1])))

    def test_no_cell_is_empty(self):
        for row in rows_in(TEXT):
            with self.subTest(row=row):
                self.assertTrue(all(row))

    def test_where_landings_are_gated_nothing_it_runs_beside_is_missing(self):
        missing = [name for name in REAL_SOFTWARE.split() if not importlib.util.find_spec(name)]
        if os.environ.get("CI"):
            self.assertEqual(missing, [], "requirements-dev.txt has them")


def rows_in(text: str) -> list[list[str]]:
    """The cells of every row but the heads of tables. A bar inside code does not end a cell."""
    rows = []
    for line in re.findall(r"^\|(.+)\|$\n(?!\|---)", text, re.M):
        cells = re.split(r"(?<!\\)\|", line)
        if not set(line) <= set("|-"):
            rows.append([cell.strip() for cell in cells])
    return rows
