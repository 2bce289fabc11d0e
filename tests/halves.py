"""The whole suite in two processes at once: the browser's journeys wait, the other tests compute.

`python -m tests.halves`, which is what `make test` runs. Each half has its own database and folder,
and looks for secrets by itself. What the second one says is shown when it is over.
"""

import os
import subprocess
import sys
import tempfile

from tests.site import ROOT

OTHERS = ("tests.unit", "tests.web", "tests.attacks", "tests.live")
BROWSER = ("tests.browser",)
COMMAND = (sys.executable, "manage.py", "test", "--noinput", "--parallel=1")


def main() -> int:
    # There is one test database on a server, and two halves would share it.
    if "DATABASE_URL" in os.environ:
        return subprocess.run([*COMMAND, *OTHERS, *BROWSER], cwd=ROOT).returncode
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/journeys.log", "w+") as said:
        halves = [
            subprocess.Popen([*COMMAND, *names], cwd=ROOT, env=_own_folder(folder, names[0]), **out)
            for names, out in (
                (OTHERS, {}),
                (BROWSER, {"stdout": said, "stderr": subprocess.STDOUT}),
            )
        ]
        try:
            codes = [half.wait() for half in halves]
        finally:
            for half in halves:
                half.kill()
        said.seek(0)
        print(said.read())
    return max(map(abs, codes))


def _own_folder(folder: str, name: str) -> dict[str, str]:
    own = os.path.join(folder, name)
    os.mkdir(own, 0o700)
    return os.environ | {"PLAYGROUND_DATA_DIR": own}


if __name__ == "__main__":
    sys.exit(main())
