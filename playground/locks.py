"""Locks between processes, for what one conditional UPDATE cannot decide."""

from django.db import connection

CLAIMING, FIRST_ACCOUNT, SEALING = 7001, 7002, 7003


def lock_out_others(number: int) -> None:
    """Hold everybody else who asks for this lock until the transaction ends.

    SQLite needs none: its immediate transactions come one after the other anyway.
    """
    _lock("pg_advisory_xact_lock", number)


def share_lock(number: int) -> None:
    """Hold this lock beside others who share it: who locks others out waits for all of them."""
    _lock("pg_advisory_xact_lock_shared", number)


def _lock(function: str, number: int) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [number])
