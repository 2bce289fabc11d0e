"""Lists in pages: `?limit=&cursor=` → `{"items": [...], "next": "cursor" | null}`, newest first."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from pydantic import BaseModel, Field

from ..connecting import Refused

Item = TypeVar("Item")


class PageQuery(BaseModel):
    """Which part of a list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str | None, Field(description="`next` of the page before.")] = None


class Page(BaseModel, Generic[Item]):
    """Part of a list; `next` is the cursor of the following part, or null at the end."""

    items: list[Item]
    next: str | None


def page_of(
    rows: QuerySet, query: PageQuery, answers: Callable[[list[Model]], list[Item]]
) -> Page[Item]:
    """The page after the cursor, which is a place, not a number: new rows do not shift it.

    `answers` is given all rows of the page at once, to read what belongs to them in few queries.
    """
    rows = rows.order_by("-created_at", "-id")
    if query.cursor:
        made, pk = _read(query.cursor)
        rows = rows.filter(Q(created_at__lt=made) | Q(created_at=made, id__lt=pk))
    found = list(rows[: query.limit + 1])
    items = found[: query.limit]
    after = _cursor(items[-1]) if len(found) > len(items) else None
    return Page(items=answers(items), next=after)


def number_cursor(number: int | None) -> str | None:
    """The cursor of a list whose places are numbers."""
    return None if number is None else _written([number])


def read_number(cursor: str | None) -> int | None:
    """The number in it. Raises Refused."""
    if not cursor:
        return None
    try:
        (number,) = _parsed(cursor)
        return max(0, min(int(number), 2**63 - 1))
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise _foreign() from error


def refuse_unknown(request: HttpRequest, known: type[BaseModel]) -> None:
    """A filter that is misspelt must not answer everything."""
    for name in request.GET:
        if name not in known.model_fields:
            names = ", ".join(known.model_fields)
            raise Refused(name, f"{name} is not known here. Use {names}.")
        if "\0" in request.GET[name]:
            raise Refused(name, f"{name} holds a NUL character. Remove it.")


def utc(field: str, moment: datetime) -> datetime:
    """The moment in UTC; without a zone it is taken as UTC."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise Refused(field, f"{field} is beyond the years that can be searched.") from error


def _cursor(row: Model) -> str:
    return _written([row.created_at.isoformat(), row.pk.hex])


def _read(cursor: str) -> tuple[datetime, UUID]:
    try:
        made, pk = _parsed(cursor)
        made = datetime.fromisoformat(made)
        if made.tzinfo is None:
            raise ValueError("a moment without its time zone")
        return made.astimezone(UTC), UUID(pk)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise _foreign() from error


def _written(place: list) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _parsed(cursor: str) -> list:
    return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))


def _foreign() -> Refused:
    return Refused("cursor", "This cursor was not made here. Start without one.")
