"""Secrets in files of the data folder: made once, mode 0600, refused when others can read them."""

import os
from collections.abc import Callable
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def private_folder(path: Path) -> Path:
    """The folder of the database and the keys: nobody else may look into it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def read_secret(path: Path) -> str | None:
    """The secret in this file, or None where there is no file."""
    if not path.exists():
        return None
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ImproperlyConfigured(
            f"{path} can be read by others on this machine. Run: chmod 600 {path}"
        )
    return path.read_text().strip()


def read_or_make_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in this file, made and fsynced first where there is none. Two starters agree."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return read_secret(path)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret := make())
        file.flush()
        os.fsync(file.fileno())
    return secret
