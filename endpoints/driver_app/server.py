"""The driver app's process: listens, says so, and ends quickly with its open answers."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from .answering import OpenAnswers
from .app import make_app

_SHUTDOWN_TIMEOUT_S = 2
# Longer than a person takes between two runs, so that a kept connection is still there.
_KEEP_ALIVE_S = 75


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket. Raises OSError: in use, not allowed, no such address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def serve(listener: socket.socket, host: str, *, until_stdin_closes: bool = False) -> None:
    """Serve the demo model until Ctrl+C, SIGTERM or, if asked, the end of standard input."""
    open_answers = OpenAnswers()
    config = uvicorn.Config(
        make_app(open_answers),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT_S,
    )
    server = _DriverServer(config, open_answers, _link(listener, host))
    # The server sends itself the signal again when it has ended; here it then does no harm,
    # and the process exits with 0.
    for number in HANDLED_SIGNALS:
        signal.signal(number, server.handle_exit)
    if until_stdin_closes:
        threading.Thread(target=_wait_for_stdin, args=(server.end,), daemon=True).start()
    server.run(sockets=[listener])


def _link(listener: socket.socket, host: str) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _wait_for_stdin(end: Callable[[], None]) -> None:
    # os.read takes no lock, unlike sys.stdin, whose lock can break the interpreter's exit.
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass  # closed already
    end()


class _DriverServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, open_answers: OpenAnswers, link: str) -> None:
        super().__init__(config)
        self._open_answers = open_answers
        self._link = link

    def end(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        line = f"driver app: demo on {self._link} (echo at /, /echo; poet at /poet)"
        print(line, file=sys.stdout, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._open_answers.close()
        await super().shutdown(sockets)
