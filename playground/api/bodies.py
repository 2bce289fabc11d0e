"""What a request may carry: one JSON object, every field known, every type as it says."""

import json
import re
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja.parser import Parser
from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[UUID, Field(strict=False)]  # JSON has no UUIDs: a text that is one will do
UNWRITABLE = re.compile("[\0\ud800-\udfff]")
MAX_DEPTH = 100


class Body(BaseModel):
    """An unknown field is an error, not silence; "7" is no number and 1 is not true."""

    model_config = ConfigDict(extra="forbid", strict=True)


class BodyParser(Parser):
    """JSON as its standard has it: no NaN, and only values that can be stored and sent on."""

    def parse_body(self, request: HttpRequest) -> Any:
        value = json.loads(request.body, parse_constant=_refuse_constant)
        _refuse_unwritable(value)
        return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _refuse_unwritable(value: Any, depth: int = 0) -> None:
    """Half a surrogate pair has no UTF-8 form, and databases do not take a NUL in a text."""
    if isinstance(value, str):
        if UNWRITABLE.search(value):
            raise ValueError("a text holds a NUL character or half a surrogate pair")
    elif isinstance(value, list | dict):
        if depth == MAX_DEPTH:
            raise ValueError("it is nested too deeply")
        for item in value:
            _refuse_unwritable(item, depth + 1)
        if isinstance(value, dict):
            for item in value.values():
                _refuse_unwritable(item, depth + 1)
