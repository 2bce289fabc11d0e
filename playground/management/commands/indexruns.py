"""Write the index of the history anew, from the runs themselves."""

from django.core.management import BaseCommand

from playground import searching


class Command(BaseCommand):
    help = (
        "Writes anew by which words runs are found. The server does this by itself as runs end; "
        "this is for after a restore, or where the search does not find what is there."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "--missing", action="store_true", help="only runs that are not in the index at all"
        )

    def handle(self, missing: bool, **options) -> None:
        runs = searching.runs_to_index(only_missing=missing)
        number = searching.index_all(runs.iterator(chunk_size=200))
        self.stdout.write(f"{number} runs are in the index.")
