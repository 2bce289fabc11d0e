"""Secrets in files: whole or not at all, and nobody else's to read."""

import tempfile
import threading
import unittest
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from playground.keyfile import private_folder, read_or_make_secret, read_secret


class KeyFileTests(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_many_starters_agree_on_one_secret(self):
        for number in range(50):
            path, found = self.folder / f"key{number}", []
            starters = [
                threading.Thread(
                    target=lambda n, p, f: f.append(read_or_make_secret(p, lambda: f"secret-{n}")),
                    args=(n, path, found),
                )
                for n in range(4)
            ]
            for starter in starters:
                starter.start()
            for starter in starters:
                starter.join()
            self.assertEqual(len(set(found)), 1, found)
        self.assertEqual(len(list(self.folder.iterdir())), 50)  # no drafts are left behind

    def test_the_file_is_for_its_owner_alone(self):
        path = self.folder / "key"
        read_or_make_secret(path, lambda: "secret")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_a_file_that_others_can_read_is_refused(self):
        path = self.folder / "key"
        path.write_text("secret")
        path.chmod(0o644)
        with self.assertRaisesRegex(ImproperlyConfigured, "chmod 600"):
            read_secret(path)

    def test_an_empty_file_is_no_secret(self):
        path = self.folder / "key"
        path.touch(mode=0o600)
        with self.assertRaisesRegex(ImproperlyConfigured, "empty"):
            read_or_make_secret(path, lambda: "new")

    def test_an_open_folder_is_closed(self):
        folder = self.folder / "data"
        folder.mkdir(mode=0o755)
        private_folder(folder)
        self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
