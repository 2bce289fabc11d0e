"""The life of encryption keys: the first one, a start with the wrong one, rotation, retirement."""

import base64
import io
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import override_settings

from playground import connecting, rotating, vault
from playground.access import credential_of
from playground.checks import check_stored_secrets_open
from playground.models import Credential, KeyCheck, Workspace
from tests.base import WebTestCase
from tests.make import HOST, TOKEN, make_workspace


def entry(key_id: str, letter: bytes) -> str:
    return f"{key_id}:{base64.b64encode(letter * 32).decode()}"


A, B, OTHER_A = entry("a", b"a"), entry("b", b"b"), entry("a", b"x")


class KeysTestCase(WebTestCase):
    """An instance with a data folder of its own, and its keys in a file there."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = self.folder / vault.KEY_FILE
        self.use(DATA_DIR=self.folder, MASTER_KEYS="")

    def use(self, **settings) -> None:
        self.enterContext(override_settings(**settings))

    def store(self, number: int = 1) -> None:
        for count in range(number):
            make_workspace(self.alice, name=f"w{count}", token=TOKEN)

    def keys(self, *arguments: str) -> str:
        """What the command says; never a key."""
        said = io.StringIO()
        call_command("keys", *arguments, stdout=said)
        for key in vault.keys().values():
            self.assertNotIn(base64.b64encode(key).decode(), said.getvalue())
        return said.getvalue()

    def refused(self, *arguments: str) -> str:
        with self.assertRaises(CommandError) as caught:
            self.keys(*arguments)
        return str(caught.exception)

    def used(self) -> list[str]:
        """The key of every stored secret, each of which opens."""
        rows = Credential.objects.select_related("workspace")
        for row in rows:
            self.assertEqual(connecting.reveal(row, "test").reveal(), TOKEN)
        return sorted({vault.key_id_of(row.sealed) for row in rows})

    def refusal(self) -> str:
        """The one sentence that a start ends with, which is that of the system check too."""
        vault._KeyFile.at.cache_clear()  # as a new process
        with self.assertRaises(ImproperlyConfigured) as caught:
            rotating.prepare_keys()
        words = str(caught.exception)
        found = check_stored_secrets_open(None, ["default"])
        self.assertEqual([error.msg for error in found], [words])
        return words


class StartTests(KeysTestCase):
    def test_the_first_start_makes_a_key_and_notes_it(self) -> None:
        rotating.prepare_keys()
        self.assertEqual(list(vault.keys()), ["k1"])
        self.assertEqual([check.key_id for check in KeyCheck.objects.all()], ["k1"])
        self.assertEqual(check_stored_secrets_open(None, ["default"]), [])

    def test_a_second_start_changes_nothing(self) -> None:
        rotating.prepare_keys()
        before = self.path.read_text(), bytes(KeyCheck.objects.get().sealed)
        rotating.prepare_keys()
        self.assertEqual(before, (self.path.read_text(), bytes(KeyCheck.objects.get().sealed)))

    def test_the_first_credential_makes_a_key_where_no_start_did(self) -> None:
        self.store()
        self.assertEqual(self.used(), ["k1"])
        self.assertTrue(KeyCheck.objects.filter(key_id="k1").exists())

    def test_a_lost_key_stops_the_start_and_none_is_made_in_its_place(self) -> None:
        self.store()
        self.path.unlink()
        self.assertIn("There is no encryption key", self.refusal())
        with self.assertRaises(ImproperlyConfigured):
            make_workspace(self.bob, token=TOKEN)
        self.assertFalse(self.path.exists())

    def test_a_lost_key_stops_the_start_though_no_credential_is_left(self) -> None:
        self.store()
        Credential.objects.all().delete()
        self.path.unlink()
        self.assertIn("There is no encryption key", self.refusal())
        self.assertFalse(self.path.exists())

    def test_another_key_of_the_same_name_stops_the_start(self) -> None:
        self.use(MASTER_KEYS=A)
        self.store()
        self.use(MASTER_KEYS=OTHER_A)
        self.assertIn("The key called a in PLAYGROUND_MASTER_KEYS is not the one", self.refusal())

    def test_another_key_stops_the_start_of_what_was_stored_before_keys_were_noted(self) -> None:
        self.use(MASTER_KEYS=A)
        self.store()
        KeyCheck.objects.all().delete()
        self.use(MASTER_KEYS=OTHER_A)
        self.assertIn("is not the one", self.refusal())
        self.assertFalse(KeyCheck.objects.exists())
        self.use(MASTER_KEYS=A)
        rotating.prepare_keys()
        self.assertTrue(KeyCheck.objects.filter(key_id="a").exists())

    def test_a_missing_one_of_several_stops_the_start(self) -> None:
        self.use(MASTER_KEYS=A)
        self.store(2)
        self.use(MASTER_KEYS=B)
        self.assertIn("key a is missing from PLAYGROUND_MASTER_KEYS, and 2 secrets", self.refusal())
        self.use(MASTER_KEYS=f"{B},{A}")
        rotating.prepare_keys()

    def test_a_key_file_that_others_can_read_stops_the_start(self) -> None:
        rotating.prepare_keys()
        for path in (self.path, self.folder / "mounted"):
            path.write_text(self.path.read_text())
            path.chmod(0o640)
            self.use(MASTER_KEYS_FILE=path)
            self.assertIn("chmod 600", self.refusal())

    def test_every_refusal_is_one_line(self) -> None:
        self.use(MASTER_KEYS=A)
        self.store()
        for keys in (B, OTHER_A, "nonsense"):
            self.use(MASTER_KEYS=keys)
            self.assertNotIn("\n", self.refusal())


class StatusTests(KeysTestCase):
    def test_counts_what_each_key_has_sealed(self) -> None:
        self.use(MASTER_KEYS=A)
        self.store(2)
        self.use(MASTER_KEYS=f"{B},{A}")
        make_workspace(self.bob, token=TOKEN)
        said = self.keys("status")
        self.assertRegex(said, r"b +seals +1 secret\n")
        self.assertRegex(said, r"a +opens +2 secrets\n")

    def test_says_what_is_missing_and_fails(self) -> None:
        self.use(MASTER_KEYS=A)
        self.store()
        self.use(MASTER_KEYS=B)
        said = io.StringIO()
        with self.assertRaises(CommandError) as caught:
            call_command("keys", "status", stdout=said)
        self.assertEqual(caught.exception.returncode, 1)
        self.assertRegex(said.getvalue(), r"a +MISSING +1 secret\n")

    def test_before_anything_was_sealed(self) -> None:
        said = io.StringIO()
        call_command("keys", "status", stdout=said)
        self.assertIn("None yet", said.getvalue())
        self.assertFalse(self.path.exists())


class RotateTests(KeysTestCase):
    def test_everything_is_sealed_anew_with_a_new_key(self) -> None:
        self.store(3)
        said = self.keys("rotate")
        self.assertIn("Key k2 is in", said)
        self.assertIn("3 sealed anew with k2", said)
        self.assertEqual(self.used(), ["k2"])
        self.assertEqual(list(vault.keys()), ["k2", "k1"])

    def test_more_than_one_batch(self) -> None:
        self.store(1)
        one = Credential.objects.get()
        workspaces = Workspace.objects.bulk_create(
            Workspace(owner=self.alice, name=f"many{n}", host=HOST) for n in range(450)
        )
        rows = [Credential(owner=self.alice, workspace=each, hint="x") for each in workspaces]
        for row in rows:
            row.sealed = vault.seal(TOKEN, row.bound_to)
        Credential.objects.bulk_create(rows)
        said = self.keys("rotate")
        self.assertIn("200 of 451 sealed anew.\n400 of 451 sealed anew.\n451 of 451 sealed", said)
        self.assertEqual(self.used(), ["k2"])
        one.refresh_from_db()
        self.assertEqual(vault.key_id_of(one.sealed), "k2")

    def test_an_interrupted_one_goes_on_without_another_key(self) -> None:
        self.store(3)
        vault.add_key([])
        said = self.keys("rotate")
        self.assertNotIn("seals from now on", said)
        self.assertEqual(self.used(), ["k2"])
        self.assertEqual(list(vault.keys()), ["k2", "k1"])

    def test_a_secret_keeps_its_check_and_its_date(self) -> None:
        self.store()
        before = Credential.objects.get()
        Credential.objects.update(is_ok=True, check_result="alice@example.com")
        self.keys("rotate")
        after = Credential.objects.get()
        self.assertEqual((after.is_ok, after.check_result), (True, "alice@example.com"))
        self.assertEqual(after.changed_at, before.changed_at)

    def test_a_row_read_before_opens_after(self) -> None:
        self.store()
        row = Credential.objects.select_related("workspace").get()
        self.keys("rotate")
        self.keys("retire", "k1")
        self.assertEqual(connecting.reveal(row, "test").reveal(), TOKEN)

    def test_one_moved_to_another_host_stays_as_it_is_and_is_told(self) -> None:
        self.store(2)
        Workspace.objects.filter(name="w0").update(host="https://adb-9.9.azuredatabricks.net")
        said = self.keys("rotate")
        self.assertIn("1 sealed anew with k2", said)
        self.assertIn("1 belong to another host", said)
        self.assertIn("Still in use: k1.", said)
        self.assertIn("k3", self.keys("rotate"))  # it stands in the way of nothing

    def test_keys_from_the_environment_are_changed_there_first(self) -> None:
        self.use(MASTER_KEYS=A)
        self.store(2)
        words = self.refused("rotate")
        self.assertIn("PLAYGROUND_MASTER_KEYS", words)
        self.assertIn("openssl rand -base64 32", words)
        self.use(MASTER_KEYS=f"{B},{A}")
        self.assertIn("2 sealed anew with b", self.keys("rotate"))
        self.assertEqual(self.used(), ["b"])
        self.assertFalse(self.path.exists())
        self.assertIn("Take it out of PLAYGROUND_MASTER_KEYS", self.keys("retire", "a"))
        self.use(MASTER_KEYS=B)
        rotating.prepare_keys()

    def test_a_file_that_cannot_be_written_says_what_to_put_there(self) -> None:
        self.use(MASTER_KEYS_FILE=Path("/proc/version"))
        with self.assertRaises((rotating.Refused, ImproperlyConfigured)):
            vault.replace_secret(vault.key_file(), "x")

    def test_not_while_a_key_is_missing(self) -> None:
        self.use(MASTER_KEYS=A)
        self.store()
        self.use(MASTER_KEYS=B)
        self.assertIn("a is missing", self.refused("rotate"))

    def test_one_at_a_time(self) -> None:
        with rotating._alone():
            self.assertIn("Another rotation", self.refused("rotate"))


class RetireTests(KeysTestCase):
    def test_a_key_that_nothing_needs_is_gone(self) -> None:
        self.store()
        self.keys("rotate")
        self.assertIn("k1 is retired", self.keys("retire", "k1"))
        self.assertEqual(list(vault.keys()), ["k2"])
        self.assertEqual(self.used(), ["k2"])
        rotating.prepare_keys()

    def test_refused_while_anything_is_sealed_with_it(self) -> None:
        self.use(MASTER_KEYS=A)
        self.store(2)
        self.use(MASTER_KEYS=f"{B},{A}")
        self.assertIn("2 secrets are still sealed with a", self.refused("retire", "a"))
        self.assertTrue(KeyCheck.objects.filter(key_id="a").exists())

    def test_refused_for_the_one_that_seals_and_for_one_that_is_none(self) -> None:
        self.store()
        self.assertIn("Rotate first", self.refused("retire", "k1"))
        self.assertIn("There is no key k9", self.refused("retire", "k9"))

    def test_its_name_is_not_used_again_while_it_is_noted(self) -> None:
        self.store()
        self.keys("rotate")
        self.keys("rotate")
        self.assertEqual(list(vault.keys()), ["k3", "k2", "k1"])
        self.keys("retire", "k2")
        self.assertIn("k4", self.keys("rotate"))

    def test_interrupted_after_the_row_it_is_finished_by_another_try(self) -> None:
        self.store()
        self.keys("rotate")
        KeyCheck.objects.filter(key_id="k1").delete()
        rotating.prepare_keys()
        self.keys("retire", "k1")
        self.assertEqual(list(vault.keys()), ["k2"])

    def test_when_the_only_key_is_lost_and_given_up_the_next_start_makes_another(self) -> None:
        self.store(2)
        before = self.path.read_text()
        self.path.unlink()
        self.refusal()
        call_command("keys", "retire", "k1", "--erase", stdout=io.StringIO())
        self.assertFalse(Credential.objects.exists())
        rotating.prepare_keys()
        self.assertNotEqual(self.path.read_text(), before)
        connecting.save_credential(self.alice, Workspace.objects.first(), TOKEN)
        self.assertEqual(self.used(), ["k1"])

    def test_a_lost_key_is_given_up_with_what_it_sealed(self) -> None:
        self.use(MASTER_KEYS=A)
        self.store(2)
        self.use(MASTER_KEYS=B)
        self.assertIn("2 secrets are still sealed with a", self.refused("retire", "a"))
        self.assertIn("2 credentials erased", self.keys("retire", "a", "--erase"))
        rotating.prepare_keys()
        workspace = Workspace.objects.first()
        self.assertIsNone(credential_of(self.alice, workspace))
        connecting.save_credential(self.alice, workspace, TOKEN)
        self.assertEqual(self.used(), ["b"])
