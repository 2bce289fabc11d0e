"""Imports only go down: doors, rooms, verbs, nouns, tools. A shortcut upward shows here."""

import ast
import unittest
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# From the bottom up. A package stands for every module in it.
STAIRS = {
    "tools": "diff egress vault formats keyfile languages layers limits locks markdown threads"
    " origins notation pictures process proxies reporting sandbox script_words"
    " storage words",
    "nouns": "models access",
    "verbs": "announcing asking attaching auditing claiming commenting comparing connecting"
    " deleting doctoring drafting entering exporting filing following forking guessing"
    " importing judging managing prompting rationing registering requesting rotating"
    " running searching sharing starting teaming transforming trying vetting voting"
    " waiting watching",
    "rooms": "forms views api consumers worker middleware templatetags script_words",
    "doors": "urls asgi server admin apps checks management settings",
}
HEIGHT = {name: height for height, names in enumerate(STAIRS.values()) for name in names.split()}


def modules_in(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*.py")):
        if "migrations" not in path.parts and "__pycache__" not in path.parts:
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path


def imports_of(module: str, path: Path) -> Iterator[tuple[str, int]]:
    """Every imported name with its line, relative ones spelt out, those inside functions too."""
    package = module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base += node.module.split(".") if node.module else []
            if base == ["playground"]:
                yield from ((f"playground.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield ".".join(base), node.lineno


def room_of(module: str) -> str:
    """`playground.views.runs` belongs to `views`."""
    return module.split(".")[1]


class StairsTests(unittest.TestCase):
    def test_every_module_has_its_stair(self) -> None:
        rooms = {
            room_of(name)
            for name, _ in modules_in(ROOT / "playground")
            if name != "playground.__init__"
        }
        self.assertEqual(rooms - set(HEIGHT), set(), "Give the new module a place in STAIRS.")

    def test_playground_imports_only_go_down(self) -> None:
        upward = [
            f"{path.relative_to(ROOT)}:{line} imports {imported}"
            for name, path in modules_in(ROOT / "playground")
            if name != "playground.__init__"
            for imported, line in imports_of(name, path)
            if imported.startswith("playground.")
            and HEIGHT[room_of(imported)] > HEIGHT[room_of(name)]
        ]
        self.assertEqual(upward, [])

    def test_endpoints_knows_neither_django_nor_playground(self) -> None:
        strangers = [
            f"{path.relative_to(ROOT)}:{line} imports {imported}"
            for name, path in modules_in(ROOT / "endpoints")
            for imported, line in imports_of(name, path)
            if imported.split(".")[0] in ("django", "playground", "channels", "asgiref")
        ]
        self.assertEqual(strangers, [])

    def test_only_the_wire_calls_requests(self) -> None:
        callers = {
            path.name
            for name, path in modules_in(ROOT / "endpoints")
            for imported, _ in imports_of(name, path)
            if imported.split(".")[0] == "requests"
        }
        self.assertEqual(callers, {"wire.py"})

    def test_secrets_are_opened_in_one_place_and_sent_in_one(self) -> None:
        """A row by `connecting.reveal` (rotation seals it anew), a value by a request's head."""
        opening = {"playground.connecting", "playground.rotating", "playground.vault"}
        self.assertEqual(callers_of("open_sealed"), opening)
        self.assertEqual(callers_of("reveal"), {"playground.connecting", "endpoints.outgoing"})


def callers_of(function: str) -> set[str]:
    """The modules that call a function or method of this name."""
    found = set()
    for folder in ("endpoints", "playground"):
        for name, path in modules_in(ROOT / folder):
            for node in ast.walk(ast.parse(path.read_text())):
                called = node.func if isinstance(node, ast.Call) else None
                if getattr(called, "attr", getattr(called, "id", None)) == function:
                    found.add(name)
    return found
