"""`manage.py serve`, with everything that Daphne sends looked at: `python -m tests.serve FILE`.

Bytes that could hold a canary are appended to FILE, and a line for every answer and socket. The
canaries themselves are known to the tests' process alone, which reads the file when the site ends.
"""

import os
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

from tests.canary import WIDEST, may_leak

GZIP = 16 + zlib.MAX_WBITS


class Sent:
    """What was sent on one connection so far, as far as it matters for what comes next."""

    def __init__(self, write: Callable[[bytes], None], what: str):
        self.write, self.what, self.tail, self.size = write, what, b"", 0
        self.unzip: Callable[[bytes], bytes] = lambda data: data

    def look(self, message: dict) -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            if (b"content-encoding", b"gzip") in [(n.lower(), v) for n, v in headers]:
                self.unzip = zlib.decompressobj(GZIP).decompress
            self._look(b"\n".join(b": ".join(header) for header in headers) + b"\n\n")
        elif message["type"] == "http.response.body":
            self._look(self.unzip(message.get("body", b"")))
        elif message["type"] == "websocket.send":
            self._look((message.get("text") or "").encode() or message.get("bytes") or b"")

    def _look(self, data: bytes) -> None:
        self.size += len(data)
        joined = self.tail + data
        if may_leak(joined):
            self.write(b"in %s: %s\n" % (self.what.encode(), joined))
        self.tail = joined[-WIDEST:]

    def end(self) -> None:
        self.write(b"sent %d bytes of %s\n" % (self.size, self.what.encode()))


def recorded(application, file: Path):
    """The same application, with an eye on what it sends."""

    def write(line: bytes) -> None:
        with file.open("ab") as lines:
            lines.write(line)

    async def watched(scope, receive, send):
        sent = Sent(write, f"{scope['type']} {scope.get('path', '')}")

        async def seen_send(message: dict) -> None:
            sent.look(message)
            await send(message)

        try:
            await application(scope, receive, seen_send)
        finally:
            sent.end()

    return watched


def main(file: Path) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "playground.settings")
    import daphne.server

    class RecordingServer(daphne.server.Server):
        def __init__(self, application, *arguments, **options):
            super().__init__(recorded(application, file), *arguments, **options)

    daphne.server.Server = RecordingServer

    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", "serve"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
