"""Seal and open secrets: AES-256-GCM, each ciphertext bound to its row, owner and host."""

import base64
import binascii
import logging
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from endpoints import Token

from .keyfile import read_or_make_secret, read_secret, replace_secret

log = logging.getLogger(__name__)
_unspoken: dict[str, Token] = {}  # the keys as they are written, for the log to know them

VERSION = b"v1"
NONCE_BYTES = 12
KEY_BYTES = 32
KEY_FILE = "master.key"
KEY_ID = re.compile(r"[A-Za-z0-9]{1,32}")
MAX_HEAD_BYTES = 64


class CannotOpen(Exception):
    """The ciphertext was altered, moved to another row, owner or host, or its key is gone."""


class KeyMissing(CannotOpen):
    """The key that it was sealed with is not among ours."""


def seal(secret: str, bound_to: tuple[str, ...], key_id: str | None = None) -> bytes:
    """Envelope `v1|key id|nonce+ciphertext`, which opens only with the same `bound_to`.

    Sealed with the first key unless told otherwise.
    """
    held = keys()
    key_id = key_id or next(iter(held))
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(held[key_id]).encrypt(nonce, secret.encode(), _associated(bound_to))
    return b"|".join((VERSION, key_id.encode(), nonce + sealed))


def open_sealed(envelope: bytes, bound_to: tuple[str, ...]) -> str:
    """The secret. Raises CannotOpen rather than ever answering something that is not it."""
    version, _, rest = bytes(envelope).partition(b"|")
    _, _, body = rest.partition(b"|")
    key_id = key_id_of(envelope)
    key = keys().get(key_id)
    if version != VERSION or key is None:
        raise KeyMissing(f"No key {key_id!r} for this secret.")
    try:
        opened = AESGCM(key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], _associated(bound_to))
    except (InvalidTag, ValueError) as error:
        raise CannotOpen(
            "The stored secret does not belong to this row, owner and host."
        ) from error
    return opened.decode()


def is_sealed_for(envelope: bytes, bound_to: tuple[str, ...]) -> bool:
    """Whether it would open there."""
    try:
        open_sealed(envelope, bound_to)
    except CannotOpen:
        return False
    return True


def key_id_of(envelope: bytes) -> str:
    """Which key it was sealed with."""
    parts = bytes(envelope)[:MAX_HEAD_BYTES].split(b"|", 2)
    return parts[1].decode("ascii", "replace") if len(parts) == 3 else ""


# Keys ---------------------------------------------------------------------------------------


def keys() -> Mapping[str, bytes]:
    """Key ids and keys, from PLAYGROUND_MASTER_KEYS or a file; the first seals, all open.

    The file is read again as soon as it is another one, so that a rotation reaches every process.
    Raises ImproperlyConfigured, in one sentence, where there is no key.
    """
    if settings.MASTER_KEYS:
        return _parsed(settings.MASTER_KEYS, "PLAYGROUND_MASTER_KEYS")
    return _KeyFile.at(key_file()).keys()


def key_file() -> Path:
    """Where keys lie that the environment does not hold."""
    return settings.MASTER_KEYS_FILE or settings.DATA_DIR / KEY_FILE


def keys_are_in_file() -> bool:
    return not settings.MASTER_KEYS


def source() -> str:
    """Where the keys come from, in words."""
    return str(key_file()) if keys_are_in_file() else "PLAYGROUND_MASTER_KEYS"


def make_first_key() -> None:
    """A key of our own, for an instance that has sealed nothing yet; one that is there stays."""
    if keys_are_in_file() and settings.MASTER_KEYS_FILE is None:
        read_or_make_secret(key_file(), lambda: _written({"k1": os.urandom(KEY_BYTES)}))


def add_key(taken: Iterable[str]) -> str:
    """Put a new key in front of those in the file; its id, which is none of the taken ones."""
    numbers = [int(each[1:]) for each in (*taken, *keys()) if re.fullmatch("k[0-9]{1,9}", each)]
    key_id = f"k{max(numbers, default=0) + 1}"
    replace_secret(key_file(), _written({key_id: os.urandom(KEY_BYTES), **keys()}))
    return key_id


def drop_key(key_id: str) -> None:
    """Take a key out of the file."""
    left = {each: key for each, key in keys().items() if each != key_id}
    replace_secret(key_file(), _written(left))


class _KeyFile:
    """The keys of one file as it was when it was read last."""

    def __init__(self, path: Path):
        self._path = path
        self._seen: tuple | None = None
        self._keys: Mapping[str, bytes] | None = None

    @classmethod
    @cache
    def at(cls, path: Path) -> "_KeyFile":
        return cls(path)

    def keys(self) -> Mapping[str, bytes]:
        seen = self._look()
        if seen != self._seen or self._keys is None:
            try:
                self._keys = self._read()
            except ImproperlyConfigured:
                if self._keys is None:
                    raise
                # What runs goes on with the keys that it has; the next start says what is wrong.
                log.exception("The encryption keys were changed and cannot be read.")
            self._seen = seen
        return self._keys

    def _look(self) -> tuple | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode

    def _read(self) -> Mapping[str, bytes]:
        text = read_secret(self._path)
        if text is None:
            raise ImproperlyConfigured(
                f"There is no encryption key: put {self._path} back, or set PLAYGROUND_MASTER_KEYS;"
                " what is stored opens with no other key."
            )
        return _parsed(text, str(self._path))


def _written(held: Mapping[str, bytes]) -> str:
    return ",".join(f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in held.items())


@lru_cache(maxsize=8)
def _parsed(text: str, source: str) -> Mapping[str, bytes]:
    held: dict[str, bytes] = {}
    for entry in text.split(","):
        key_id, _, encoded = entry.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not KEY_ID.fullmatch(key_id) or len(key) != KEY_BYTES or key_id in held:
            raise ImproperlyConfigured(
                f"{source} must hold ids, each once, and base64 keys of 32 bytes: "
                "id:base64,id2:base64."
            )
        held[key_id] = key
        _unspoken[key_id] = Token(encoded)
    return held


def _associated(bound_to: tuple[str, ...]) -> bytes:
    # The length before each part keeps ("ab", "c") apart from ("a", "bc").
    return b"".join(
        len(part.encode()).to_bytes(4, "big") + part.encode()
        for part in (VERSION.decode(), *bound_to)
    )
