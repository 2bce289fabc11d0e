"""The life of encryption keys: the first one, a check that they are right, a new one, an end.

Keys lie apart from the database, so each start asks whether the two still belong together.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from . import vault
from .locks import SEALING, lock_out_others, share_lock
from .models import Credential, KeyCheck

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

BATCH = 200
LOCK_FILE = "keys.lock"
KNOWN_TEXT = "This key opens what is stored here."


class Refused(Exception):
    """It cannot be done as things are; the message says why and what to do."""


@dataclass(frozen=True)
class Key:
    """One key: whether it is at hand, seals what is stored from now on, and how much it sealed."""

    key_id: str
    is_here: bool
    is_first: bool
    used_by: int


# At every start -----------------------------------------------------------------------------


def prepare_keys() -> None:
    """Make sure of every key that anything needs; the first one is made where nothing was sealed.

    Raises ImproperlyConfigured, one sentence, when a key is missing or is not the right one: better
    not to start than to lose what is stored secret by secret.
    """
    with transaction.atomic():
        lock_out_others(SEALING)
        used = _used()
        if not used and not KeyCheck.objects.exists():
            vault.make_first_key()
        _require_right_keys(used)
        for key_id in {next(iter(vault.keys())), *used}:
            _note_key(key_id)


def prepare_to_seal() -> None:
    """The same in one query where all is well, within the transaction that seals something.

    Until that ends no rotation looks for what is still sealed with an old key.
    """
    if vault.keys_are_in_file() and not vault.key_file().exists() or not _is_first_noted():
        prepare_keys()
    share_lock(SEALING)


def _is_first_noted() -> bool:
    return KeyCheck.objects.filter(key_id=next(iter(vault.keys()))).exists()


def require_keys() -> None:
    """Raise ImproperlyConfigured unless every key that anything needs is here and is right."""
    _require_right_keys(_used())


def _require_right_keys(used: Counter[str]) -> None:
    checks = {check.key_id: check for check in KeyCheck.objects.all()}
    if not used and not checks and vault.keys_are_in_file() and not vault.key_file().exists():
        return
    held = vault.keys()
    for key_id in sorted({*used, *checks}):
        if key_id not in held:
            raise ImproperlyConfigured(
                f"The encryption key {key_id} is missing from {vault.source()}, and "
                f"{_number(used[key_id])} sealed with it: put it back (docs/operations.md, Keys)."
            )
        if not (_opens(checks[key_id]) if key_id in checks else _opens_any(key_id)):
            raise ImproperlyConfigured(
                f"The key called {key_id} in {vault.source()} is not the one that sealed what is "
                "stored: put the right one back (docs/operations.md, Keys)."
            )


def _number(secrets: int) -> str:
    return "1 secret is" if secrets == 1 else f"{secrets} secrets are"


def _note_key(key_id: str) -> None:
    check = KeyCheck(key_id=key_id)
    if not KeyCheck.objects.filter(key_id=key_id).exists():
        check.sealed = vault.seal(KNOWN_TEXT, check.bound_to, key_id)
        check.save(force_insert=True)


def _opens(row: KeyCheck | Credential) -> bool:
    return vault.is_sealed_for(row.sealed, row.bound_to)


def _opens_any(key_id: str) -> bool:
    """Whether it opens anything that was sealed under its name; one row may have been moved."""
    return any(vault.key_id_of(row.sealed) == key_id and _opens(row) for row in _credentials())


def _credentials() -> Iterator[Credential]:
    return Credential.objects.select_related("workspace").iterator()


def _used() -> Counter[str]:
    """How many stored secrets each key has sealed."""
    sealed = Credential.objects.values_list("sealed", flat=True)
    return Counter(vault.key_id_of(each) for each in sealed.iterator())


# keys status | rotate | retire --------------------------------------------------------------


def list_keys() -> list[Key]:
    """Every key that is at hand or needed, the one that seals first. Raises ImproperlyConfigured
    where the keys themselves cannot be read."""
    used = _used()
    noted = set(KeyCheck.objects.values_list("key_id", flat=True))
    has_none = vault.keys_are_in_file() and not vault.key_file().exists()
    held = [] if has_none else list(vault.keys())
    missing = sorted({*used, *noted} - set(held))
    return [
        Key(key_id, key_id in held, key_id in held[:1], used[key_id]) for key_id in held + missing
    ]


def rotate(tell: Callable[[str], None]) -> None:
    """A new key for the file, and everything sealed anew with the one that seals.

    Killed anywhere, it goes on where it was when it is called again: a new key is made only when
    nothing is left to be sealed with the present one. Raises Refused, ImproperlyConfigured.
    """
    with _alone():
        prepare_keys()
        if not _is_under_way():
            tell(f"Key {_new_key()} is in {vault.source()} and seals from now on.")
        # Whoever read the keys before ends before this: no secret comes late with the old one.
        with transaction.atomic():
            lock_out_others(SEALING)
            first = next(iter(vault.keys()))
            _note_key(first)
        done, stuck = _reseal(first, tell)
        old = sorted(set(_used()) - {first})
    tell(f"{done} sealed anew with {first}.")
    if stuck:
        tell(
            f"{stuck} belong to another host or owner by now and open for nobody: they stay as "
            "they are until their owners type them again."
        )
    tell(f"Still in use: {', '.join(old)}." if old else "No other key is in use.")


def _is_under_way() -> bool:
    first = next(iter(vault.keys()))
    return any(vault.key_id_of(row.sealed) != first and _opens(row) for row in _credentials())


def _new_key() -> str:
    if not vault.keys_are_in_file():
        raise Refused(
            "Everything is sealed with the first key of PLAYGROUND_MASTER_KEYS already. To change "
            "it, put a new one in front, id:base64 of 32 random bytes (openssl rand -base64 32), "
            "keep the old ones behind it, start every process again, then run this again."
        )
    noted = KeyCheck.objects.values_list("key_id", flat=True)
    try:
        return vault.add_key(noted)
    except ImproperlyConfigured as error:
        raise Refused(
            f"{error} Put a new key in front of those in it yourself, id:base64 of 32 random bytes "
            "(openssl rand -base64 32), keep the old ones behind it, then run this again."
        ) from error


def _reseal(first: str, tell: Callable[[str], None]) -> tuple[int, int]:
    """Seal everything with the first key, batch after batch. (how many, how many do not open)"""
    sealed = Credential.objects.order_by("pk").values_list("pk", "sealed")
    old = [pk for pk, each in sealed.iterator() if vault.key_id_of(each) != first]
    done = stuck = 0
    for start in range(0, len(old), BATCH):
        with transaction.atomic():
            locked = Credential.objects.select_for_update(of=("self",)).select_related("workspace")
            # Read again: only what is locked is sure to be what is stored.
            for row in locked.filter(pk__in=old[start : start + BATCH]).order_by("pk"):
                if vault.key_id_of(row.sealed) == first:
                    continue
                try:
                    _seal_anew(row)
                    done += 1
                except vault.CannotOpen:
                    stuck += 1
        tell(f"{done} of {len(old)} sealed anew.")
    return done, stuck


def _seal_anew(row: Credential) -> None:
    secret = vault.open_sealed(row.sealed, row.bound_to)
    sealed = vault.seal(secret, row.bound_to)
    if vault.open_sealed(sealed, row.bound_to) != secret:
        raise RuntimeError(f"Credential {row.pk} would not open again; it was left as it is.")
    Credential.objects.filter(pk=row.pk).update(sealed=sealed)


def retire(key_id: str, *, is_erasing: bool = False) -> int:
    """Take a key out of use for good; how many secrets that only it opened were erased.

    Refused while anything is sealed with it, unless that is to be erased, for a key that is lost.
    """
    with _alone():
        with transaction.atomic():
            lock_out_others(SEALING)
            key, erased = _retirable(key_id), 0
            if is_erasing:
                erased = _erase(key_id)
            elif key.used_by:
                raise Refused(
                    f"{_number(key.used_by)} still sealed with {key_id}. Run: manage.py keys rotate"
                )
            KeyCheck.objects.filter(key_id=key_id).delete()
        # After the row: a key too many harms nothing, one too few stops the next start.
        if key.is_here and vault.keys_are_in_file():
            vault.drop_key(key_id)
    return erased


def _retirable(key_id: str) -> Key:
    known = {key.key_id: key for key in list_keys()}
    if key_id not in known:
        raise Refused(f"There is no key {key_id}. Known are: {', '.join(known) or 'none'}.")
    if known[key_id].is_first:
        raise Refused(f"{key_id} seals what is stored from now on. Rotate first.")
    return known[key_id]


def _erase(key_id: str) -> int:
    sealed = Credential.objects.values_list("pk", "sealed").iterator()
    lost = [pk for pk, each in sealed if vault.key_id_of(each) == key_id]
    return Credential.objects.filter(pk__in=lost).delete()[0]


@contextmanager
def _alone() -> Iterator[None]:
    """One rotation at a time on this data folder."""
    with (settings.DATA_DIR / LOCK_FILE).open("w") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Refused("Another rotation is at work here. Wait until it is done.") from error
        yield
