"""JSON that comes out as it went in."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ExactJSONField(models.JSONField):
    """JSON whose keys keep their order and whose numbers keep their form, in every database.

    PostgreSQL's `jsonb`, which Django's own field uses, sorts keys and writes 1e22 out. Sent to an
    endpoint that is another body than the one previewed, and the order of a JSON schema's
    properties is the order in which a model fills them in. Cannot be compared or searched there.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        return "json" if connection.vendor == "postgresql" else super().db_type(connection)

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        value = super().get_db_prep_value(value, connection, prepared)
        if connection.vendor != "postgresql" or not hasattr(value, "obj"):
            return value
        from psycopg.types.json import Json

        return Json(value.obj, value.dumps)  # Django's wrapper would have it parsed as jsonb

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        if connection.vendor == "postgresql":
            return value  # read by psycopg already
        return super().from_db_value(value, expression, connection)
