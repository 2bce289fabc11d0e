"""Calls know whose they are, so that the queue can be asked person by person."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def tell(apps, schema_editor) -> None:
    Call, Run = (apps.get_model("playground", name) for name in ("Call", "Run"))
    owner = Run._base_manager.filter(pk=OuterRef("run_id")).values("owner_id")[:1]
    Call._base_manager.update(person_id=Subquery(owner))


def person(**options) -> models.ForeignKey:
    return models.ForeignKey(
        db_index=False,
        help_text="Whose run it is, for the queue.",
        on_delete=django.db.models.deletion.CASCADE,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
        **options,
    )


class Migration(migrations.Migration):
    atomic = False  # PostgreSQL changes no table that has just been written to, in one transaction

    dependencies = [("playground", "0018_comments")]

    operations = [
        migrations.AddField("call", "person", person(null=True)),
        migrations.RunPython(tell, migrations.RunPython.noop),
        migrations.AlterField("call", "person", person()),
        migrations.AddIndex(
            "call",
            models.Index(
                fields=["person", "created_at", "position"],
                name="calls_in_line",
                condition=models.Q(("status", "queued")),
            ),
        ),
    ]
