"""How answers are written: readable JSON in UTF-8, the same in a body, an event and a terminal."""

import json
from typing import Any

from django.http import HttpRequest
from ninja.renderers import BaseRenderer
from ninja.responses import NinjaJSONEncoder
from pydantic import BaseModel


class AnswerRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return to_json(data)


def to_json(value: BaseModel | dict, indent: int | None = None) -> bytes:
    """What an endpoint sent may hold half a surrogate pair: as a JSON escape it is still UTF-8."""
    plain = value.model_dump() if isinstance(value, BaseModel) else value
    text = json.dumps(plain, cls=NinjaJSONEncoder, ensure_ascii=False, indent=indent)
    return text.encode("utf-8", "backslashreplace")
