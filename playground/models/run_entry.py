"""The index of the history: by which words a run is found."""

from django.db import models


class RunEntry(models.Model):
    """One run in the index. What is found by it is shown only to who may see the run.

    The database keeps the index itself, from `words`: SQLite in the table playground_runwords by
    triggers, PostgreSQL in the column `vector`, both made by migration 0021. A later migration that
    rebuilds this table on SQLite has to make the triggers again.
    """

    number = models.BigIntegerField(primary_key=True, help_text="Rises with the time of the run.")
    run = models.OneToOneField("Run", models.CASCADE, related_name="entry")
    words = models.TextField(help_text="Title, prompt, answers, notes and facts, word by word.")
    is_stale = models.BooleanField(default=True, help_text="Something came since it was written.")

    class Meta:
        indexes = [
            models.Index(fields=["number"], name="entries_stale", condition=models.Q(is_stale=True))
        ]
