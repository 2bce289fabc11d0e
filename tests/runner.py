"""The test runner: Django's own, with an eye on every secret of the tests.

It looks at every answer that Django's test client gets, every line that is logged, every row of the
database at the end of each test, every message on the channel layer, what processes print, and the
files that are left; of a real site also at every byte that Daphne sends, and of Chromium at what it
stores. A leak fails the test that it happened in, and the whole run. What must hold a secret is not
looked at: requests, on their way in from a person and out to the endpoint.
"""

import logging
import shutil
import subprocess
import tempfile
import unittest
from contextlib import suppress
from functools import wraps
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import AsyncClient, Client, TestCase, TransactionTestCase
from django.test.runner import DiscoverRunner

from playground.layers import MemoryLayer

from . import recorder
from .canary import WIDEST
from .recorder import see


class Runner(DiscoverRunner):
    def setup_test_environment(self, **options) -> None:
        super().setup_test_environment(**options)
        self.folder = Path(tempfile.mkdtemp(prefix="playground-tests-"))
        tempfile.tempdir = str(self.folder)
        listen()

    def teardown_databases(self, old_config, **options) -> None:
        for folder in (self.folder, settings.DATA_DIR):
            with suppress(recorder.Leaked):  # which is remembered
                recorder.see_files(folder)
        super().teardown_databases(old_config, **options)

    def teardown_test_environment(self, **options) -> None:
        super().teardown_test_environment(**options)
        shutil.rmtree(self.folder, ignore_errors=True)

    def suite_result(self, suite, result, **options) -> int:
        self.log(recorder.report())
        return super().suite_result(suite, result, **options) + len(recorder.leaks)


def listen() -> None:
    """From here on everything is looked at."""
    recorder.start()
    unittest.TestCase.run = _naming_test(unittest.TestCase.run)
    Client.request = _seeing_answers(Client.request)
    AsyncClient.request = _seeing_answers_async(AsyncClient.request)
    logging.Handler.format = _seeing_lines(logging.Handler.format)
    MemoryLayer.send = _seeing_messages(MemoryLayer.send)
    subprocess.Popen.communicate = _seeing_output(subprocess.Popen.communicate)
    for case in (TestCase, TransactionTestCase):
        case._fixture_teardown = _seeing_rows(case._fixture_teardown)


def _naming_test(run):
    @wraps(run)
    def named_run(self, result=None):
        recorder.current = self.id()
        return run(self, result)

    return named_run


# Answers ------------------------------------------------------------------------------------


def _seeing_answers(request):
    @wraps(request)
    def seen_request(self, **environ):
        return _see_answer(request(self, **environ), environ.get("PATH_INFO", ""))

    return seen_request


def _seeing_answers_async(request):
    @wraps(request)
    async def seen_request(self, **scope):
        return _see_answer(await request(self, **scope), scope.get("path", ""))

    return seen_request


def _see_answer(answer, path: str):
    head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    see("answers", f"{answer.reason_phrase}\n{head}\n{answer.cookies.output()}", path)
    if not answer.streaming:
        see("answers", answer.content, path)
    elif answer.is_async:
        answer.streaming_content = _see_pieces_async(answer.streaming_content, path)
    else:
        answer.streaming_content = _see_pieces(answer.streaming_content, path)
    return answer


def _see_pieces(pieces, path: str):
    tail = b""
    for piece in pieces:
        see("answers", tail + piece, path)
        tail = (tail + piece)[-WIDEST:]
        yield piece


async def _see_pieces_async(pieces, path: str):
    tail = b""
    async for piece in pieces:
        see("answers", tail + piece, path)
        tail = (tail + piece)[-WIDEST:]
        yield piece


# Everything else ----------------------------------------------------------------------------


def _seeing_lines(format_record):
    @wraps(format_record)
    def seen_format(self, record):
        line = format_record(self, record)
        see("log", line, f"of {record.name}")
        return line

    return seen_format


def _seeing_messages(send):
    @wraps(send)
    async def seen_send(self, channel, message):
        see("channels", repr(message), channel)
        await send(self, channel, message)

    return seen_send


def _seeing_output(communicate):
    @wraps(communicate)
    def seen_communicate(self, *arguments, **options):
        said = communicate(self, *arguments, **options)
        for text in filter(None, said):
            see("output", text, f"of {self.args}")
        return said

    return seen_communicate


def _seeing_rows(teardown):
    is_of_transactions = teardown.__qualname__.startswith("TestCase")

    @wraps(teardown)
    def seen_teardown(self):
        try:
            if is_of_transactions == isinstance(self, TestCase) and not connection.needs_rollback:
                see_rows()
        finally:
            teardown(self)

    return seen_teardown


def see_rows() -> None:
    """Every row of every table of ours, as the database gives it."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label not in ("contenttypes", "auth"):
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(model._meta.db_table)}")
                rows = cursor.fetchall()
            if rows:
                see("rows", b"\n".join(map(_as_bytes, rows)), f"of {model.__name__}")


def _as_bytes(row: tuple) -> bytes:
    cells = (bytes(cell) if isinstance(cell, memoryview) else cell for cell in row)
    return b"\t".join(c if isinstance(c, bytes) else str(c).encode() for c in cells)
