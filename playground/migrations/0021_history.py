import secrets
from datetime import UTC, datetime, timedelta

import django.db.models.deletion
from django.db import migrations, models

# What SQLite needs beside the table: an index of words that keeps none of the text again, and stays
# what the table says. Letters without blanks between them come one by one (playground/words.py).
ON_SQLITE = (
    """CREATE VIRTUAL TABLE playground_runwords USING fts5(
         words, content='playground_runentry', content_rowid='number',
         tokenize="unicode61 remove_diacritics 0 categories 'L* N* Co M*'")""",
    """CREATE TRIGGER runentry_added AFTER INSERT ON playground_runentry BEGIN
         INSERT INTO playground_runwords(rowid, words) VALUES (new.number, new.words); END""",
    """CREATE TRIGGER runentry_gone AFTER DELETE ON playground_runentry BEGIN
         INSERT INTO playground_runwords(playground_runwords, rowid, words)
         VALUES ('delete', old.number, old.words); END""",
    """CREATE TRIGGER runentry_changed AFTER UPDATE OF words ON playground_runentry BEGIN
         INSERT INTO playground_runwords(playground_runwords, rowid, words)
         VALUES ('delete', old.number, old.words);
         INSERT INTO playground_runwords(rowid, words) VALUES (new.number, new.words); END""",
)
ON_POSTGRESQL = (
    """ALTER TABLE playground_runentry ADD COLUMN vector tsvector
         GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, words)) STORED""",
    "CREATE INDEX runentry_vector ON playground_runentry USING gin (vector)",
)
OFF_SQLITE = (
    "DROP TRIGGER runentry_added",
    "DROP TRIGGER runentry_gone",
    "DROP TRIGGER runentry_changed",
    "DROP TABLE playground_runwords",
)


def make_index(apps, schema_editor):
    is_sqlite = schema_editor.connection.vendor == "sqlite"
    for statement in ON_SQLITE if is_sqlite else ON_POSTGRESQL:
        schema_editor.execute(statement)


def drop_index(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for statement in OFF_SQLITE:
            schema_editor.execute(statement)


def list_runs(apps, schema_editor):
    """Every run is in the history at once, by whose it is; a worker adds its words soon after."""
    run_model, entry = (apps.get_model("playground", name) for name in ("Run", "RunEntry"))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    rows = run_model.objects.values_list("pk", "created_at", "owner_id", "team_id")
    entries = []
    for pk, made, owner, team in rows.iterator(chunk_size=2000):
        number = (made - epoch) // timedelta(microseconds=1) * 1000 + secrets.randbelow(1000)
        words = f"zxqu{owner.hex}" + (f" zxqt{team.hex}" if team else "")
        entries.append(entry(number=number, run_id=pk, words=words, is_stale=True))
        if len(entries) == 2000:
            entry.objects.bulk_create(entries)
            entries = []
    entry.objects.bulk_create(entries)


class Migration(migrations.Migration):
    dependencies = [("playground", "0020_teams")]

    operations = [
        migrations.CreateModel(
            name="RunEntry",
            fields=[
                (
                    "number",
                    models.BigIntegerField(
                        help_text="Rises with the time of the run.",
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "words",
                    models.TextField(
                        help_text="Title, prompt, answers, notes and facts, word by word."
                    ),
                ),
                (
                    "is_stale",
                    models.BooleanField(
                        default=True, help_text="Something came since it was written."
                    ),
                ),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="entry",
                        to="playground.run",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_stale", True)),
                        fields=["number"],
                        name="entries_stale",
                    )
                ],
            },
        ),
        migrations.RunPython(make_index, drop_index),
        migrations.RunPython(list_runs, migrations.RunPython.noop),
    ]
