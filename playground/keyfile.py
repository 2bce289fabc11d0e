"""Secrets in files of the data folder: made once, mode 0600, refused when others can read them."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def private_folder(path: Path) -> Path:
    """The folder of the database and the keys: nobody else may look into it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "posix" and path.stat().st_mode & 0o077:
        try:
            path.chmod(0o700)
        except OSError as error:
            raise ImproperlyConfigured(
                f"Others on this machine can look into {path}. Run: chmod 700 {path}"
            ) from error
    return path


def read_secret(path: Path) -> str | None:
    """The secret in this file, or None where there is no file."""
    if not path.exists():
        return None
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ImproperlyConfigured(
            f"{path} can be read by others on this machine. Run: chmod 600 {path}"
        )
    secret = path.read_text().strip()
    if not secret:
        raise ImproperlyConfigured(f"{path} is empty. Put its contents back, or remove it.")
    return secret


def read_or_make_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in this file, made first where there is none. Two who start at once agree.

    The file appears whole or not at all: it is written and synced under another name, then linked.
    """
    secret = read_secret(path)
    if secret is not None:
        return secret
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass  # somebody else was first; theirs counts
    finally:
        os.unlink(draft)
    return read_secret(path)
