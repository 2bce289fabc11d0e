"""Everything in one process: the site, a worker and, beside it, the demo driver."""

import asyncio
import os
import signal
import socket
import sys
import threading

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, CommandError, call_command
from django.core.management.base import SystemCheckError

from playground import rotating, starting
from playground.process import guard_process

try:
    import resource
except ImportError:  # Windows
    resource = None

LEAVE_S = 7  # for requests under way when the site ends, and for the worker to write its results
LAST_S = 1
FILES = 65_536


class Command(BaseCommand):
    help = "Run the site on HOST:PORT, with a worker inside unless REDIS_URL is set."
    requires_system_checks = []

    def handle(self, **options) -> None:
        guard_process()
        self._check_port()
        call_command("migrate", verbosity=0, interactive=False)
        try:
            rotating.prepare_keys()
            self.check(databases=["default"])
        except (ImproperlyConfigured, SystemCheckError) as error:
            raise CommandError(str(error)) from error
        if self._is_static_stale():
            call_command("collectstatic", verbosity=0, interactive=False)
        call_command("clearsessions")
        _allow_many_files()
        with starting.demo_driver(may_share=not starting.is_first_here()):
            self._greet()
            self._serve()
        self.stdout.write("Stopped.")
        self.stdout.flush()
        _end_within(LAST_S)

    def _check_port(self) -> None:
        family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.HOST, settings.PORT))
            except OSError as error:
                raise CommandError(
                    f"Port {settings.PORT} on {settings.HOST} cannot be used: {error.strerror}. "
                    f"Stop what listens there, or choose another: PORT={settings.PORT + 1} make run"
                ) from error

    def _is_static_stale(self) -> bool:
        """Whether a source file is newer than what was collected."""
        manifest = settings.STATIC_ROOT / "staticfiles.json"
        if not manifest.exists():
            return True
        collected = manifest.stat().st_mtime
        return any(
            storage.get_modified_time(path).timestamp() > collected
            for finder in get_finders()
            for path, storage in finder.list([])
        )

    def _greet(self) -> None:
        site = f"http://{settings.HOST}:{settings.PORT}/"
        worker = "workers: manage.py runworker calls" if settings.REDIS_URL else "worker inside"
        self.stdout.write(f"Prompt Playground on {site} ({worker}). Ctrl+C stops it.")
        if not starting.is_set_up():
            code = starting.setup_code()
            self.stdout.write(f"Set it up here, once: {site}setup/?code={code}")
        self.stdout.flush()

    def _serve(self) -> None:
        # Imported here: the server installs Twisted's reactor as soon as it is imported.
        from twisted.internet import defer, reactor

        from playground.asgi import application
        from playground.server import make_server
        from playground.threads import take_short_turns
        from playground.worker import CallWorker

        take_short_turns()
        server = make_server(application)
        # Daphne waits for every request; one that asks a silent endpoint may take minutes.
        reactor.addSystemEventTrigger(
            "before", "shutdown", reactor.callLater, LEAVE_S, reactor.crash
        )
        if not settings.REDIS_URL:
            leaving = asyncio.Event()
            tasks = []

            async def work() -> None:
                async with CallWorker().working():
                    await leaving.wait()

            def leave() -> defer.Deferred:
                leaving.set()
                return defer.Deferred.fromFuture(tasks[0])

            reactor.callWhenRunning(lambda: tasks.append(asyncio.ensure_future(work())))
            reactor.addSystemEventTrigger("before", "shutdown", leave)
        # A shell that starts us in the background may have made SIGINT ignored for its children.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        server.run()
        sys.stdout.flush()


def _allow_many_files() -> None:
    """Every connection is an open file; the usual 1,024 are used up by a few hundred tabs."""
    if resource is None:
        return
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if most == resource.RLIM_INFINITY else min(most, FILES)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _end_within(seconds: float) -> None:
    """End the process even if a thread still waits, for an endpoint or for the ended loop."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()
