"""One more worker process, with Redis: an in-memory layer does not reach other processes."""

import asyncio
import signal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, CommandError

from playground import rotating
from playground.announcing import CALLS
from playground.process import guard_process
from playground.threads import take_short_turns
from playground.worker import CallWorker


class Command(BaseCommand):
    help = "Run calls in this process, beside the site. Usage: manage.py runworker calls"

    def add_arguments(self, parser) -> None:
        parser.add_argument("channel", choices=[CALLS])

    def handle(self, channel: str, **options) -> None:
        if not settings.REDIS_URL:
            raise CommandError(
                "REDIS_URL is not set, so the site has its worker inside. Set REDIS_URL for the "
                "site and its workers to run them as processes of their own."
            )
        guard_process()
        take_short_turns()
        try:
            rotating.prepare_keys()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        asyncio.run(self._work())
        self.stdout.write("Stopped.")

    async def _work(self) -> None:
        leaving = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, leaving.set)
        async with CallWorker().working() as worker:
            self.stdout.write(f"{worker.name} takes calls, {settings.WORKER_SEATS} at once.")
            await leaving.wait()
