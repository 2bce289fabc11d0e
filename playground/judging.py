"""What is typed beside the messages, read: numbers, stop sequences, extra JSON, tools, a format."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext, gettext_lazy

from .connecting import Mistyped, Refused, check_params
from .models import Endpoint
from .notation import NotationError, read_items, read_object, read_stops, unescape, write_stops

LARGEST = 2**53 - 1  # whole numbers beyond this are not exact everywhere


@dataclass(frozen=True)
class Parameter:
    """One row of the panel; without a value nothing is sent and the endpoint decides."""

    name: str
    label: str
    short: str
    read: Callable[[str], float]
    least: float
    most: float
    step: float
    usual: float  # where the slider stands before it is touched
    is_capped: bool = True  # else `most` is only the end of the slider
    value: str = ""
    mistake: str = ""


PARAMETERS = {
    parameter.name: parameter
    for parameter in (
        Parameter(
            "temperature", gettext_lazy("Temperature"), gettext_lazy("temp"), float, 0, 2, 0.05, 1
        ),
        Parameter(
            "max_tokens",
            gettext_lazy("Max tokens"),
            gettext_lazy("max"),
            int,
            1,
            8192,
            1,
            512,
            is_capped=False,
        ),
        Parameter("top_p", gettext_lazy("Top p"), gettext_lazy("top p"), float, 0, 1, 0.01, 1),
    )
}


def mistakes_in(
    params: Mapping[str, str], extra: str, tools: str = "", response_format: str = ""
) -> dict[str, str]:
    """Every field that cannot be sent as it is typed, and why."""
    readings = [
        lambda name=name, text=text: typed_params({name: text}) for name, text in params.items()
    ]
    readings += [
        lambda: typed_extra(extra, {"tools": tools, "response_format": response_format}),
        lambda: typed_tools(tools),
        lambda: typed_format(response_format),
    ]
    mistakes = {}
    for read in readings:
        try:
            read()
        except Refused as refused:
            mistakes[refused.field] = refused.message
    return mistakes


def typed_params(typed: Mapping[str, str]) -> dict[str, float]:
    """The parameters that are set, as numbers. Raises Refused."""
    return {name: _number(PARAMETERS[name], text) for name, text in typed.items()}


def _number(parameter: Parameter, text: str) -> float:
    try:
        number = parameter.read(text)
    except ValueError:
        number = math.nan
    most = parameter.most if parameter.is_capped else LARGEST
    if not parameter.least <= number <= most:
        if parameter.is_capped:
            words = gettext(
                "%(name)s is a number from %(least)s to %(most)s, or empty for “not set”."
            )
        else:
            words = gettext("%(name)s is a whole number from %(least)s up, or empty for “not set”.")
        span = {"least": parameter.least, "most": parameter.most}
        raise Refused(parameter.name, words % {"name": parameter.label, **span})
    return number


def typed_stop(typed: Sequence[str]) -> list[str] | None:
    return [unescape(stop) for stop in typed] or None


def typed_extra(typed: str, beside: Mapping[str, str] | None = None) -> dict:
    """The extra JSON: nothing, or one object. Raises Refused with line and column.

    `beside` are the fields whose text may not be said again in it.
    """
    try:
        extra = read_object(typed)
        check_params(extra)
        for name, text in (beside or {}).items():
            if text.strip() and name in extra:
                raise NotationError(
                    gettext("“%(name)s” has its own field. Say it in one of the two.")
                    % {"name": name}
                )
    except (NotationError, Refused) as error:
        raise Refused("extra", gettext("Extra JSON: %(error)s") % {"error": error}) from error
    return extra


def typed_tools(typed: str) -> list[dict]:
    """Functions a model may call, as OpenAI writes them. Raises Refused with line and column."""
    try:
        tools = []
        for tool, where in read_items(typed):
            if fault := _fault_of_tool(tool):
                raise NotationError(f"{where()}: {fault}")
            tools.append(tool)
        check_params({"tools": tools})
    except (NotationError, Refused) as error:
        raise Refused("tools", gettext("Tools: %(error)s") % {"error": error}) from error
    return tools


def _fault_of_tool(tool: object) -> str:
    if not isinstance(tool, dict):
        return gettext("a tool is an object.")
    if tool.get("type") != "function":
        return gettext('this tool needs "type": "function".')
    function = tool.get("function")
    if not isinstance(function, dict):
        return gettext('this tool needs a "function", an object with a name.')
    if not isinstance(function.get("name"), str) or not function["name"].strip():
        return gettext('this tool has no name. Give its "function" a "name".')
    if not isinstance(function.get("parameters", {}), dict):
        words = gettext('the "parameters" of “%(name)s” are a JSON schema, an object.')
        return words % {"name": function["name"]}
    return ""


def typed_format(typed: str) -> dict:
    """The form an answer must have, such as {"type": "json_object"}. Raises Refused."""
    try:
        form = read_object(typed)
        if form and not isinstance(form.get("type"), str):
            raise NotationError(
                gettext('It needs a "type", such as "json_object" or "json_schema".')
            )
        check_params({"response_format": form})
    except (NotationError, Refused) as error:
        raise Refused(
            "response_format", gettext("Response format: %(error)s") % {"error": error}
        ) from error
    return form


def typed_own(params: Mapping[str, str], stop: str, extra: str) -> dict:
    """The settings of one column: parameters, `stop` and extra JSON as one. Raises Mistyped."""
    if mistakes := mistakes_in(params, extra):
        raise Mistyped(mistakes)
    stops = read_stops(stop)
    return typed_params(params) | typed_extra(extra) | ({"stop": stops} if stops else {})


def typed_repetitions(typed: str) -> int:
    """How often a column is asked. Raises Refused."""
    number = int(typed) if re.fullmatch(r"\s*[0-9]{1,4}\s*", typed, re.ASCII) else 0
    if not 1 <= number <= settings.MAX_REPETITIONS:
        most = {"most": settings.MAX_REPETITIONS}
        raise Refused("repetitions", gettext("Repetitions go from 1 to %(most)s.") % most)
    return number


def own_as_typed(own: Mapping) -> dict[str, str]:
    """The same as it would be typed: temperature, max_tokens, top_p, stop, extra."""
    numbers = {name: own[name] for name in PARAMETERS if _is_number(own.get(name))}
    extra = {name: each for name, each in own.items() if name not in (*numbers, "stop")}
    return {name: str(numbers.get(name, "")) for name in PARAMETERS} | {
        "stop": write_stops(own.get("stop", [])),
        "extra": json.dumps(extra, indent=2, ensure_ascii=False) if extra else "",
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def tools_for(endpoint: Endpoint, tools: list[dict], response_format: dict) -> dict:
    """Both as parameters, in the way the endpoint's task takes them; else nothing."""
    if endpoint.task == Endpoint.Task.CHAT:
        asked = {"tools": tools, "response_format": response_format}
    elif endpoint.task == Endpoint.Task.RESPONSES and endpoint.format != "chat_agent":
        # The Responses schema has no object around a function, and names the form differently.
        asked = {"tools": [{"type": "function"} | tool["function"] for tool in tools]}
        if response_format:
            asked["text"] = {"format": _flat(response_format)}
    else:
        asked = {}
    return {name: value for name, value in asked.items() if value}


def _flat(response_format: dict) -> dict:
    schema = response_format.get("json_schema")
    if response_format["type"] != "json_schema" or not isinstance(schema, dict):
        return response_format
    return {"type": "json_schema"} | schema
