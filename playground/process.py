"""What a process that opens secrets does for itself first: no core dumps, last words scrubbed."""

import logging
import sys
import threading
from contextlib import suppress
from types import TracebackType

from django.conf import settings

from endpoints import AddressError, Token

try:
    import resource
except ImportError:  # Windows
    resource = None

log = logging.getLogger(__name__)

_own: list[Token] = []  # held, so that the log knows them


def guard_process() -> None:
    """For the site, a worker and `ask`, before anything is opened.

    A core dump would hold every secret in the open. What nobody caught goes to the log, which
    scrubs it, in place of Python's own words on standard error.
    """
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.excepthook = _say_uncaught
    threading.excepthook = lambda args: _say_uncaught(
        args.exc_type, args.exc_value, args.exc_traceback
    )
    sys.unraisablehook = lambda args: _say_uncaught(
        args.exc_type, args.exc_value, args.exc_traceback
    )


def hide_own_secrets() -> None:
    """Keep this instance's own secrets out of its log, those that no shape gives away."""
    _own.clear()
    for value in (
        settings.SECRET_KEY,
        settings.DATABRICKS_TOKEN,
        *(each.get("PASSWORD") for each in settings.DATABASES.values()),
    ):
        with suppress(AddressError):  # none, or one so short that to mask it would spoil every log
            _own.append(Token(value))


def _say_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    log.critical("Nobody caught this.", exc_info=(kind, error, trace))
