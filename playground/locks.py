"""Locks between processes, for what one conditional UPDATE cannot decide."""

from django.db import connection

CLAIMING, FIRST_ACCOUNT = 7001, 7002


def lock_out_others(number: int) -> None:
    """Hold everybody else who asks for this lock until the transaction ends.

    SQLite needs none: its immediate transactions come one after the other anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
