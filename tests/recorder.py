"""Looks at everything that leaves the playground while the tests run, for canaries.

`see` is told of it by the test runner (see there what is seen) and by `tests/site.py`. No Django
here: benchmarks use the site too, and nobody listens then.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.canary import leaks_in

SENT = "sent.log"  # in the data folder of a site: what tests/serve.py saw

seen: Counter = Counter()  # kind -> bytes looked at
leaks: list[str] = []
current = ""  # the test that runs
is_on = False
_is_expecting = False


class Leaked(AssertionError):
    """A secret was where no secret may be."""


def start() -> None:
    global is_on
    is_on = True


def see(kind: str, data: bytes | str, where: str = "") -> None:
    """Look at something that left. Raises Leaked, and remembers it should nobody hear that."""
    data = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    seen[kind] += len(data)
    found = leaks_in(data)
    if found:
        words = f"{kind} {where}".strip() + ": " + "; ".join(map(str, found))
        if not _is_expecting:
            leaks.append(f"{words} (in {current or 'the end'})")
        raise Leaked(words)


def see_files(folder: Path, kind: str = "files") -> None:
    """Every file below a folder, its name included; not the static ones, which are the source's."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "static" not in path.relative_to(folder).parts[:1]:
            see(kind, f"{path.name}\n".encode() + path.read_bytes(), str(path))


def see_site(folder: Path) -> None:
    """What a site sent, logged, stored and left behind."""
    sent = folder / SENT
    if sent.exists():
        sizes = re.findall(rb"^sent (\d+) bytes of ", sent.read_bytes(), re.M)
        seen["sent by sites"] += sum(map(int, sizes))
    see_files(folder, "files of sites")


@contextmanager
def expecting() -> Iterator[None]:
    """Leaks in here were planted: they are raised, and do not fail the whole run."""
    global _is_expecting
    _is_expecting = True
    try:
        yield
    finally:
        _is_expecting = False


def report() -> str:
    """How much was looked at, in words, and what was found."""
    sizes = ", ".join(f"{kind} {size / 2**20:.1f} MB" for kind, size in sorted(seen.items()))
    return "\n".join([f"Looked for secrets in {sizes}: {len(leaks)} leaks.", *leaks])
