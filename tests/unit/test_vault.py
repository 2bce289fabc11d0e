"""A sealed secret opens for its own row, owner and host, with its own key, and for nothing else."""

import base64
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase, override_settings

from playground import vault
from playground.keyfile import read_or_make_secret, read_secret

SECRET = "dapi0123456789abcdef0123456789abcdef"
BOUND_TO = ("Credential", "row-1", "owner-1", "https://adb-1.2.azuredatabricks.net")


def key_entry(key_id: str, byte: bytes) -> str:
    return f"{key_id}:{base64.b64encode(byte * 32).decode()}"


ONE, TWO = key_entry("one", b"1"), key_entry("two", b"2")


class VaultTestCase(SimpleTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.use(MASTER_KEYS=ONE, DATA_DIR=self.folder)

    def use(self, **settings) -> None:
        self.enterContext(override_settings(**settings))


class SealTests(VaultTestCase):
    def test_opens_what_was_sealed(self) -> None:
        self.assertEqual(vault.open_sealed(vault.seal(SECRET, BOUND_TO), BOUND_TO), SECRET)

    def test_ciphertext_does_not_hold_the_secret(self) -> None:
        self.assertNotIn(SECRET.encode(), vault.seal(SECRET, BOUND_TO))

    def test_same_secret_is_sealed_differently_each_time(self) -> None:
        self.assertNotEqual(vault.seal(SECRET, BOUND_TO), vault.seal(SECRET, BOUND_TO))

    def test_moved_to_another_row_owner_or_host_it_does_not_open(self) -> None:
        sealed = vault.seal(SECRET, BOUND_TO)
        for place in range(len(BOUND_TO)):
            elsewhere = (*BOUND_TO[:place], "other", *BOUND_TO[place + 1 :])
            with self.subTest(changed=BOUND_TO[place]), self.assertRaises(vault.CannotOpen):
                vault.open_sealed(sealed, elsewhere)

    def test_parts_cannot_lend_each_other_letters(self) -> None:
        sealed = vault.seal(SECRET, ("ab", "c"))
        with self.assertRaises(vault.CannotOpen):
            vault.open_sealed(sealed, ("a", "bc"))

    def test_a_changed_byte_anywhere_is_noticed(self) -> None:
        sealed = vault.seal(SECRET, BOUND_TO)
        for at in range(len(sealed)):
            tampered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
            with self.subTest(byte=at), self.assertRaises(vault.CannotOpen):
                vault.open_sealed(tampered, BOUND_TO)

    def test_a_cut_or_empty_envelope_is_refused(self) -> None:
        sealed = vault.seal(SECRET, BOUND_TO)
        for length in (0, 1, 3, 7, 12, len(sealed) - 1):
            with self.subTest(length=length), self.assertRaises(vault.CannotOpen):
                vault.open_sealed(sealed[:length], BOUND_TO)

    def test_plain_text_in_its_place_is_refused(self) -> None:
        with self.assertRaises(vault.CannotOpen):
            vault.open_sealed(SECRET.encode(), BOUND_TO)


class KeyTests(VaultTestCase):
    def test_unknown_key_is_refused(self) -> None:
        sealed = vault.seal(SECRET, BOUND_TO)
        self.use(MASTER_KEYS=TWO)
        with self.assertRaises(vault.CannotOpen):
            vault.open_sealed(sealed, BOUND_TO)

    def test_same_id_with_another_key_is_refused(self) -> None:
        sealed = vault.seal(SECRET, BOUND_TO)
        self.use(MASTER_KEYS=key_entry("one", b"x"))
        with self.assertRaises(vault.CannotOpen):
            vault.open_sealed(sealed, BOUND_TO)

    def test_of_two_keys_the_first_seals_and_both_open(self) -> None:
        old = vault.seal(SECRET, BOUND_TO)
        self.use(MASTER_KEYS=f"{TWO},{ONE}")
        new = vault.seal(SECRET, BOUND_TO)
        self.assertTrue(new.startswith(b"v1|two|"))
        self.assertEqual([vault.open_sealed(s, BOUND_TO) for s in (old, new)], [SECRET, SECRET])

    def test_keys_that_are_none_are_refused_with_the_form_they_should_have(self) -> None:
        odd = ("one", "one:", "one:c2hvcnQ=", "one:not base64!", f"a b:{ONE[4:]}", f"{ONE},")
        for text in (*odd, f"{ONE},{ONE}", f"{'x' * 33}:{ONE[4:]}", f"a|b:{ONE[4:]}"):
            self.use(MASTER_KEYS=text)
            with (
                self.subTest(text=text),
                self.assertRaisesMessage(ImproperlyConfigured, "id:base64"),
            ):
                vault.keys()

    def test_a_missing_key_is_never_replaced_by_a_new_one(self) -> None:
        self.use(MASTER_KEYS="")
        with self.assertRaisesMessage(ImproperlyConfigured, "There is no encryption key"):
            vault.seal(SECRET, BOUND_TO)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_the_first_key_is_made_once_and_kept(self) -> None:
        self.use(MASTER_KEYS="")
        vault.make_first_key()
        sealed = vault.seal(SECRET, BOUND_TO)
        vault.make_first_key()
        self.assertEqual(vault.open_sealed(sealed, BOUND_TO), SECRET)

    def test_a_key_that_is_gone_is_another_failure_than_a_secret_that_was_moved(self) -> None:
        sealed = vault.seal(SECRET, BOUND_TO)
        self.assertTrue(vault.is_sealed_for(sealed, BOUND_TO))
        self.assertFalse(vault.is_sealed_for(sealed, ("elsewhere",)))
        self.use(MASTER_KEYS=TWO)
        self.assertFalse(vault.is_sealed_for(sealed, BOUND_TO))
        with self.assertRaises(vault.KeyMissing):
            vault.open_sealed(sealed, BOUND_TO)

    def test_no_file_is_made_where_the_environment_gives_a_key(self) -> None:
        vault.make_first_key()
        self.assertEqual(list(self.folder.iterdir()), [])


class KeyFileTests(VaultTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.use(MASTER_KEYS="")
        self.path = self.folder / vault.KEY_FILE

    def test_a_new_key_file_is_readable_by_its_owner_only(self) -> None:
        vault.make_first_key()
        mode = stat.S_IMODE(self.path.stat().st_mode)
        self.assertEqual(mode, 0o600)

    def test_a_file_that_others_can_read_is_refused(self) -> None:
        for mode in (0o640, 0o604, 0o660):
            path = self.folder / f"{mode}.key"
            path.write_text(ONE)
            path.chmod(mode)
            self.use(MASTER_KEYS_FILE=path)
            with (
                self.subTest(mode=oct(mode)),
                self.assertRaisesMessage(ImproperlyConfigured, "chmod 600"),
            ):
                vault.keys()

    def test_a_named_file_that_is_not_there_is_not_made(self) -> None:
        self.use(MASTER_KEYS_FILE=self.folder / "mounted.key")
        vault.make_first_key()
        with self.assertRaisesMessage(ImproperlyConfigured, "mounted.key"):
            vault.keys()
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_the_environment_goes_before_the_file(self) -> None:
        vault.make_first_key()
        self.use(MASTER_KEYS=TWO)
        self.assertEqual(list(vault.keys()), ["two"])

    def test_a_key_added_elsewhere_is_known_at_once(self) -> None:
        vault.make_first_key()
        sealed = vault.seal(SECRET, BOUND_TO)
        self.assertEqual(self.in_another_process("vault.add_key(['k7'])"), "k8")
        self.assertEqual(list(vault.keys()), ["k8", "k1"])
        self.assertTrue(vault.seal(SECRET, BOUND_TO).startswith(b"v1|k8|"))
        self.assertEqual(vault.open_sealed(sealed, BOUND_TO), SECRET)
        self.in_another_process("vault.drop_key('k1')")
        self.assertEqual(list(vault.keys()), ["k8"])
        with self.assertRaises(vault.KeyMissing):
            vault.open_sealed(sealed, BOUND_TO)

    def test_what_runs_goes_on_when_the_file_is_spoilt_or_lost(self) -> None:
        vault.make_first_key()
        sealed, whole = vault.seal(SECRET, BOUND_TO), self.path.read_text()
        self.path.write_text("spoilt")
        with self.assertLogs("playground.vault", "ERROR"):
            self.assertEqual(vault.open_sealed(sealed, BOUND_TO), SECRET)
        with self.assertNoLogs("playground.vault"):  # said once
            vault.keys()
        self.path.unlink()
        with self.assertLogs("playground.vault", "ERROR"):
            self.assertEqual(vault.open_sealed(sealed, BOUND_TO), SECRET)
        self.path.touch(mode=0o600)
        self.path.write_text(f"{TWO},{whole}")
        self.assertEqual(list(vault.keys()), ["two", "k1"])

    def test_a_rotation_leaves_no_drafts_and_removes_those_of_a_killed_one(self) -> None:
        vault.make_first_key()
        (self.folder / f".{vault.KEY_FILE}-draft").write_text(ONE)
        vault.add_key([])
        self.assertEqual([path.name for path in self.folder.iterdir()], [vault.KEY_FILE])
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)

    def test_two_starters_agree_on_one_secret(self) -> None:
        path = self.folder / "secret.key"
        first = read_or_make_secret(path, lambda: "first")
        second = read_or_make_secret(path, lambda: "second")
        self.assertEqual((first, second, read_secret(path)), ("first", "first", "first"))

    def test_no_file_is_no_secret(self) -> None:
        self.assertIsNone(read_secret(self.folder / "missing.key"))

    def in_another_process(self, code: str) -> str:
        """What that gives, in words, in a process of its own on the same folder."""
        done = subprocess.run(
            [sys.executable, "-c", f"from playground import vault; print({code})"],
            cwd=Path(__file__).resolve().parents[2],
            env={
                "DJANGO_SETTINGS_MODULE": "playground.settings",
                "PLAYGROUND_DATA_DIR": str(self.folder),
            },
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()
