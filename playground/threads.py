"""Threads that talk to the database on behalf of asyncio code, each keeping its connection."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import DatabaseError, InterfaceError, connection

TURN_S = 0.001


def take_short_turns() -> None:
    """Let a thread that comes back from a query wait less for the interpreter.

    Each query lets go of it, and by default another busy thread may then keep it for 5 ms: a claim
    of three queries beside a page that is being rendered took 10 ms instead of 4.
    """
    sys.setswitchinterval(TURN_S)


class DatabaseThreads:
    """A few threads for ORM work: `await threads.run(function, *arguments)`.

    Django's own thread hop is one thread for everybody and closes the connection after each job;
    opening one costs more than most of the queries here.
    """

    def __init__(self, size: int, name: str):
        self._pool = ThreadPoolExecutor(size, thread_name_prefix=name)

    async def run(self, function: Callable, *arguments):
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._guarded, function, *arguments)

    def close(self) -> None:
        """Close the connections and let the threads go. Only for pools of one thread."""
        self._pool.submit(connection.close)
        self._pool.shutdown(wait=True)

    @staticmethod
    def _guarded(function: Callable, *arguments):
        try:
            return function(*arguments)
        except (DatabaseError, InterfaceError):
            connection.close()  # it may be broken; the next job opens a new one
            raise
        finally:
            if connection.vendor != "sqlite":
                connection.close()  # back to the pool


def let_connection_go() -> None:
    """Before a long wait: a pooled connection goes back until it is needed again."""
    if not connection.in_atomic_block:
        connection.close()
