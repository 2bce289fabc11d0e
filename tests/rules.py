"""House rules that no linter knows: `python -m tests.rules` names every breach by file and line.

The rest of the list (pickle, eval, mark_safe, verify=False, ...) is ruff's, in pyproject.toml.
What is allowed in one place stands below with its reason; one that nobody needs is a breach too.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

ROWS = "rows are read through access.py, which knows whose they are"
SQL = "SQL by hand: the ORM never pastes what somebody typed into a statement"
ENVIRON = "the environment is shared by every thread: pass values as arguments"
HTTP = "requests leave through endpoints/wire.py, which guards them"
MARKUP = "markup that is not escaped: a template or format_html escapes by itself"
SCRIPT = "a text is run as script"
NOQA = "an exception needs its reason: # noqa: S308 - why it is safe here"

# Where a rule does not hold, and why. `module.function`, or the module for what is at its top.
ALLOWED = {
    ROWS: {
        "connecting.save_workspace": "the stored host of a row that the caller may change",
        "connecting.check_workspace": "marks the very credential that was just opened",
        "connecting._opened": "the very credential that was given, read again after a rotation",
        "connecting._check_name": "whether the owner has another endpoint of that name",
        "deleting.delete_workspace": "deleted endpoints of a workspace that goes for good",
        "deleting.purge_deleted": "what was deleted, whoever did, once nobody can take it back",
        "doctoring.note_end": "what the endpoint of the worker's own call would not take",
        "connecting._stored": "the stored config of a row that the caller may change",
        "drafting.draft_of": "makes the person's own draft, once",
        "drafting.keep_typed": "the draft that the caller was given by access",
        "rotating._credentials": "every secret, whoever owns it: keys change for all of them",
        "rotating._used": "the keys that any secret was sealed with",
        "rotating._reseal": "every secret, whoever owns it, to be sealed anew",
        "rotating._seal_anew": "the very secret that is locked and opened",
        "rotating._erase": "secrets that no key opens any more",
        "rationing.check_pace": "the person's own runs, counted",
        "rationing.check_running": "the person's own calls, counted",
        "running._run_of_key": "the person's own run of this idempotency key",
        "claiming._people": "the queue, whoever asked; rights are asked before anything is sent",
        "claiming._oldest": "the queue, whoever asked; rights are asked before anything is sent",
        "claiming._take": "calls that this worker just claimed",
        "claiming._Room.__init__": "how many calls each person and host has in flight",
        "running._held": "the fence: calls that carry this worker's name",
        "running.reap_calls": "calls whose worker is lost, whoever asked",
        "running.stop_call": "a call that the caller was given by access",
        "running.retry_call": "the column of a call that the caller was given by access",
        "filing._erase": "runs that the two functions above it chose",
        "filing.expire_runs": "runs older than the admin keeps, whoever owns them",
        "searching.note_change": "the index of the very run that changes",
        "searching.index_run": "the index of the very run that changed",
        "searching.index_ended": "the index of whatever run is over, by the worker",
        "searching.runs_to_index": "the index of every run, by an admin's command",
        "searching._going": "narrows rows of access to those with a call that runs",
        "searching._going_numbers": "places in the index; what they show access decides",
        "starting.welcome": "the first team, for a new account",
        "starting.demo_driver": "the bundled demo's own endpoints",
        "starting._is_demo_answering": "the bundled demo's own endpoint",
        "transforming.confirm": "the person's own word on an endpoint that access gave",
        "transforming.note_failure": "the endpoint of a call that was just run",
        "waiting.places_in": "places in the queue, counted, of a run that the caller was given",
        "watching._Watcher._calls": "the calls of a run that the caller was given by access",
    },
    SQL: {
        "locks._lock": "a constant statement with one number of ours",
        "claiming._people": "a constant statement, without any value",
        "searching._numbers": "the index of words, which no ORM knows; values are passed apart",
    },
    ENVIRON: {
        "asgi": "Django's own way to name the settings",
        "manage": "Django's own way to name the settings",
        "settings": "for mlflow, before anything else runs: it takes this from nowhere else",
    },
    HTTP: {
        "endpoints.wire": "this is the place",
        "endpoints.connection": "its connections, which start with a socket of the line",
        "endpoints.verdicts": "names their exceptions; it sends nothing",
        "endpoints.line": "waits until a socket can be written to; it sends nothing itself",
    },
}

ROOMS = ("views", "api", "consumers", "worker", "forms", "middleware", "templatetags")
MANAGERS = ("objects", "deleted", "kept", "gone", "_default_manager", "_base_manager")
MAKERS = ("none", "create", "acreate", "bulk_create", "create_user", "create_superuser")
SHORTCUTS = ("get_object_or_404", "get_list_or_404", "aget_object_or_404", "get_model")
CLIENTS = ("requests", "urllib3", "urllib.request", "http.client", "httpx", "aiohttp")
CHANGERS = ("setdefault", "update", "pop", "popitem", "clear", "putenv", "unsetenv")

IN_TEMPLATES = re.compile(r"\|\s*safe(?:seq)?\b|\{%\s*autoescape\s+off\b")
IN_SCRIPTS = re.compile(
    r"\beval\(|\bFunction\(|\bdocument\.write\(|\bset(?:Timeout|Interval)\(\s*['\"`]"
)
NOQA_ALONE = re.compile(
    r"#\s*noqa:[ ]*(?:[A-Z]+[0-9]+[, ]*)*(?:S[0-9]+|TID251)(?:[, ]+[A-Z]+[0-9]+)*\s*$"
)


@dataclass(frozen=True)
class Breach:
    path: str
    line: int
    rule: str
    place: str = ""  # module.function, as ALLOWED names it

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}"


def breaches_in(path: str, text: str) -> Iterator[Breach]:
    """What one file breaks; `path` is below the root of the repository and decides what it is."""
    if path.endswith(".py"):
        yield from _Python(path, text).breaches()
        pattern, rule = NOQA_ALONE, NOQA
    elif path.endswith(".js"):
        pattern, rule = IN_SCRIPTS, SCRIPT
    else:
        pattern, rule = IN_TEMPLATES, MARKUP
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.search(line):
            yield Breach(path, number, rule)


class _Python:
    """One module: its syntax tree, read with the function that each line belongs to."""

    def __init__(self, path: str, text: str):
        self.path, self.tree = path, ast.parse(text)
        self.module = path.removesuffix(".py").replace("/", ".").removeprefix("playground.")
        self.is_room = self.module.split(".")[0] in ROOMS

    def breaches(self) -> Iterator[Breach]:
        if self.module == "access" or self.module.startswith(("models.", "migrations.")):
            return
        yield from self._walk(self.tree, self.module)

    def _walk(self, node: ast.AST, place: str) -> Iterator[Breach]:
        for child in ast.iter_child_nodes(node):
            inner = place
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{place}.{child.name}"
            if rule := self._rule_broken_by(child, node):
                yield Breach(self.path, child.lineno, rule, place)
            yield from self._walk(child, inner)

    def _rule_broken_by(self, node: ast.AST, parent: ast.AST) -> str | None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            return HTTP if any(map(_is_client, _modules_of(node))) else None
        if isinstance(node, ast.Attribute) and node.attr in MANAGERS:
            is_made = isinstance(parent, ast.Attribute) and parent.attr in MAKERS
            return ROWS if self._is_model(node.value) and not is_made else None
        if isinstance(node, ast.Call):
            return self._rule_broken_by_call(node)
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            return ENVIRON if _is_environ(node.value) else None
        return None

    def _is_model(self, node: ast.AST) -> bool:
        """Keys, guesses and people are nobody's rows; rooms may not look up people all the same."""
        name = node.id if isinstance(node, ast.Name) else ""
        if name in ("KeyCheck", "AccessAttempt"):
            return False
        return name[:1].isupper() and (name != "User" or self.is_room)

    def _rule_broken_by_call(self, node: ast.Call) -> str | None:
        of, _, called = ast.unparse(node.func).rpartition(".")
        if called in SHORTCUTS and _names_a_model(node):
            return ROWS
        if called in ("SafeString", "SafeText"):
            return MARKUP
        if of and called in ("raw", "extra", "cursor"):
            return SQL
        if called in CHANGERS and of in ("os", "os.environ", "environ"):
            return ENVIRON
        return None


def _modules_of(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    return [] if node.level else [base, *(f"{base}.{alias.name}" for alias in node.names)]


def _is_client(module: str) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in CLIENTS)


def _is_environ(node: ast.AST) -> bool:
    return ast.unparse(node) in ("os.environ", "environ")


def _names_a_model(node: ast.Call) -> bool:
    first = node.args[0] if node.args else None
    return isinstance(first, ast.Constant) or (
        isinstance(first, ast.Name) and first.id[:1].isupper()
    )


# The whole repository -----------------------------------------------------------------------


def files() -> Iterator[Path]:
    yield ROOT / "manage.py"
    for folder, pattern in (
        ("endpoints", "*.py"),
        ("playground", "*.py"),
        ("templates", "*.html"),
        ("static/js", "*.js"),
    ):
        yield from sorted((ROOT / folder).rglob(pattern))


def breaches() -> list[Breach]:
    """Everything that no reason allows, and every reason that nothing needs."""
    found = [
        breach
        for path in files()
        for breach in breaches_in(str(path.relative_to(ROOT)), path.read_text())
    ]
    used = {(breach.rule, breach.place) for breach in found if is_allowed(breach)}
    idle = [
        Breach("tests/rules.py", 1, f"“{place}” needs this exception no more: {rule}")
        for rule, places in ALLOWED.items()
        for place in places
        if (rule, place) not in used
    ]
    return [breach for breach in found if not is_allowed(breach)] + idle


def is_allowed(breach: Breach) -> bool:
    return breach.place in ALLOWED.get(breach.rule, {})


if __name__ == "__main__":
    found = breaches()
    for breach in found:
        print(breach)
    sys.exit(bool(found))
