"""Encryption keys from the command line. Prints ids and numbers, never a key."""

from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, CommandError

from playground import rotating, vault

PROBLEM = 1


class Command(BaseCommand):
    help = (
        "Encryption keys of stored secrets. status: which there are and how many secrets each has "
        "sealed. rotate: a new key, and everything sealed anew with it; run it again if it was "
        "interrupted. retire: take a key out of use that nothing is sealed with any more."
    )

    def add_arguments(self, parser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        actions.add_parser("status", help="list the keys; exit code 1 if one is missing or wrong")
        actions.add_parser("rotate", help="make a new key and seal everything anew with it")
        retire = actions.add_parser("retire", help="take a key out of use")
        retire.add_argument("key_id", metavar="KEY")
        retire.add_argument(
            "--erase",
            action="store_true",
            help="erase the credentials sealed with it, for a key that is lost",
        )

    def handle(self, action: str, **options) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except (rotating.Refused, ImproperlyConfigured) as error:
            raise CommandError(str(error), returncode=PROBLEM) from error

    def _status(self, **options) -> None:
        keys = rotating.list_keys()
        self._tell(f"Keys come from {vault.source()}.")
        for key in keys:
            secrets = f"{key.used_by} secret{'' if key.used_by == 1 else 's'}"
            place = "MISSING" if not key.is_here else "seals" if key.is_first else "opens"
            self._tell(f"{key.key_id:<8}  {place:<7}  {secrets}")
        if not keys:
            self._tell("None yet; the first start makes one.")
        rotating.require_keys()

    def _rotate(self, **options) -> None:
        rotating.rotate(self._tell)

    def _retire(self, key_id: str, erase: bool, **options) -> None:
        erased = rotating.retire(key_id, is_erasing=erase)
        if erase:
            self._tell(f"{erased} credentials erased. Their owners have to type them again.")
        if vault.keys_are_in_file():
            self._tell(f"{key_id} is retired.")
        else:
            self._tell(f"{key_id} is retired. Take it out of PLAYGROUND_MASTER_KEYS.")

    def _tell(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()
