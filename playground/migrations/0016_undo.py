import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import playground.models.fields

DELETED_AT = models.DateTimeField(editable=False, null=True)


def deleted_by() -> models.ForeignKey:
    return models.ForeignKey(
        editable=False,
        null=True,
        on_delete=django.db.models.deletion.SET_NULL,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


def name_per_owner(name: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(
        condition=models.Q(("deleted_at", None)), fields=("owner", "name"), name=name
    )


class Migration(migrations.Migration):
    dependencies = [
        ("playground", "0014_exact_columns"),
    ]

    operations = [
        migrations.AddField("endpoint", "deleted_at", DELETED_AT.clone()),
        migrations.AddField("endpoint", "deleted_by", deleted_by()),
        migrations.AddField("workspace", "deleted_at", DELETED_AT.clone()),
        migrations.AddField("workspace", "deleted_by", deleted_by()),
        migrations.RemoveConstraint("endpoint", "endpoint_name_per_owner"),
        migrations.AddConstraint("endpoint", name_per_owner("endpoint_name_per_owner")),
        migrations.RemoveConstraint("workspace", "workspace_name_per_owner"),
        migrations.AddConstraint("workspace", name_per_owner("workspace_name_per_owner")),
        migrations.AddField(
            "draft",
            "removed",
            playground.models.fields.ExactJSONField(
                default=list,
                help_text="[{at, column}]: the last columns removed, and their places.",
            ),
        ),
    ]
