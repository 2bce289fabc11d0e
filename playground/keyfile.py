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
            f"{path} can be read by others on this machine. Run: chmod 600 {path} (for a mounted "
            "secret, set its mode to 0400)"
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
    draft = _draft(path, make())
    try:
        os.link(draft, path)
        _sync_folder(path.parent)
    except FileExistsError:
        pass  # somebody else was first; theirs counts
    finally:
        os.unlink(draft)
    return read_secret(path)


def replace_secret(path: Path, secret: str) -> None:
    """Another secret into this file, at once: whoever reads it finds the old or the new one.

    One writer at a time; what one that was killed has left behind is removed. Raises
    ImproperlyConfigured where the file cannot be written.
    """
    try:
        for left in path.parent.glob(f".{path.name}-*"):
            left.unlink(missing_ok=True)
        os.replace(_draft(path, secret), path)
        _sync_folder(path.parent)
    except OSError as error:
        raise ImproperlyConfigured(f"{path} cannot be written: {error.strerror}.") from error


def _draft(path: Path, secret: str) -> str:
    """The secret on the disk, beside the file that it will be."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_folder(path: Path) -> None:
    """The name of a new file is the folder's, and on the disk only when that is."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
