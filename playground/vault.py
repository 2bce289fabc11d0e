"""Seal and open secrets: AES-256-GCM, each ciphertext bound to its row, owner and host."""

import base64
import binascii
import os
from collections.abc import Mapping
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from .keyfile import read_or_make_secret, read_secret

VERSION = b"v1"
NONCE_BYTES = 12
KEY_BYTES = 32
KEY_FILE = "master.key"


class CannotOpen(Exception):
    """The ciphertext was altered, moved to another row, owner or host, or its key is gone."""


def seal(secret: str, bound_to: tuple[str, ...]) -> bytes:
    """Envelope `v1|key id|nonce+ciphertext`, which opens only with the same `bound_to`."""
    key_id, key = next(iter(keys().items()))
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, secret.encode(), _associated(bound_to))
    return b"|".join((VERSION, key_id.encode(), nonce + sealed))


def open_sealed(envelope: bytes, bound_to: tuple[str, ...]) -> str:
    """The secret. Raises CannotOpen rather than ever answering something that is not it."""
    version, _, rest = bytes(envelope).partition(b"|")
    key_id, _, body = rest.partition(b"|")
    key = keys().get(key_id.decode("ascii", "replace"))
    if version != VERSION or key is None:
        raise CannotOpen(f"No key {key_id.decode('ascii', 'replace')!r} for this secret.")
    try:
        opened = AESGCM(key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], _associated(bound_to))
    except (InvalidTag, ValueError) as error:
        raise CannotOpen(
            "The stored secret does not belong to this row, owner and host."
        ) from error
    return opened.decode()


@cache
def keys() -> Mapping[str, bytes]:
    """Key ids and keys, from PLAYGROUND_MASTER_KEYS or the data folder; the first encrypts."""
    text = settings.MASTER_KEYS or read_secret(settings.DATA_DIR / KEY_FILE)
    if text is None:
        raise ImproperlyConfigured(
            f"There is no encryption key. Put {KEY_FILE} back into the data folder or set "
            "PLAYGROUND_MASTER_KEYS: stored credentials open with no other key."
        )
    return dict(_parse(entry) for entry in text.split(","))


def make_first_key() -> None:
    """A key of our own, for an instance that has sealed nothing yet."""
    if not settings.MASTER_KEYS:
        read_or_make_secret(settings.DATA_DIR / KEY_FILE, _new_key)
        keys.cache_clear()


def _new_key() -> str:
    return "k1:" + base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _parse(entry: str) -> tuple[str, bytes]:
    key_id, _, encoded = entry.strip().partition(":")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if not (key_id.isascii() and key_id.isalnum()) or len(key) != KEY_BYTES:
        raise ImproperlyConfigured(
            f"PLAYGROUND_MASTER_KEYS (or {KEY_FILE} in the data folder) must hold ids and base64 "
            "keys of 32 bytes: id:base64,id2:base64."
        )
    return key_id, key


def _associated(bound_to: tuple[str, ...]) -> bytes:
    # The length before each part keeps ("ab", "c") apart from ("a", "bc").
    return b"".join(
        len(part.encode()).to_bytes(4, "big") + part.encode()
        for part in (VERSION.decode(), *bound_to)
    )
