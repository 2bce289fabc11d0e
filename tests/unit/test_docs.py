"""docs/configuration.md names every setting of settings.py with its default, and no other."""

import ast
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READERS = {"env_bool", "env_int", "env_list", "env_networks", "env_origins", "env_secret"}


def calls_in_settings() -> list[ast.Call]:
    """Every call that reads the environment by a name written out in settings.py."""
    tree = ast.parse((ROOT / "playground" / "settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    return [
        call
        for call in calls
        if isinstance(call.args[0], ast.Constant)
        and (
            ast.unparse(call.func) == "os.environ.get"
            or (isinstance(call.func, ast.Name) and call.func.id in READERS)
        )
    ]


def documented() -> dict[str, tuple[str, str]]:
    """Variable -> (default, what it does), from the tables."""
    text = (ROOT / "docs" / "configuration.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| (.+) \|$", text, re.M)
    return {name: (default, meaning) for name, default, meaning in rows}


class ConfigurationDocTests(unittest.TestCase):
    def test_every_setting_is_documented_and_every_documented_one_exists(self) -> None:
        read = {call.args[0].value for call in calls_in_settings()}
        self.assertEqual(set(documented()), read)

    def test_documented_numbers_are_the_defaults(self) -> None:
        for call in calls_in_settings():
            if ast.unparse(call.func) == "env_int":
                name = call.args[0].value
                default = eval(ast.unparse(call.args[1]))  # noqa: S307 - our own settings.py
                with self.subTest(setting=name):
                    self.assertTrue(documented()[name][0].startswith(f"`{default}`"))

    def test_secrets_are_marked_as_such(self) -> None:
        for call in calls_in_settings():
            name = call.args[0].value
            is_secret = ast.unparse(call.func) == "env_secret"
            with self.subTest(setting=name):
                self.assertEqual("*Secret.*" in documented()[name][1], is_secret)
