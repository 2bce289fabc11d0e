"""Python source and JSON text of the values in a body, and lines that every code begins with."""

import json
from collections.abc import Mapping
from typing import Any

from .sent import Sent

WIDTH = 92


class Code(str):
    """Source text that stands for itself where others stand as literals."""


def assigned(name: str, value: Any) -> str:
    return f"{name} = {literal(value, len(name) + 3)}"


def call(start: str, options: Mapping[str, Any]) -> str:
    given = "".join(
        f"    {key}={literal(value, len(key) + 5, 4)},\n" for key, value in options.items()
    )
    return f"{start}(\n{given})"


def literal(value: Any, taken: int = 0, indent: int = 0) -> str:
    """A JSON value in Python, laid out as formatters do; `taken` is what its first line has."""
    line = _flat(value)
    if not value or not isinstance(value, list | dict) or taken + len(line) < WIDTH:
        return line
    inner = indent + 4
    if isinstance(value, list):
        items = [literal(each, inner, inner) for each in value]
    else:
        items = [
            f"{quoted(key)}: {literal(each, inner + len(key) + 4, inner)}"
            for key, each in value.items()
        ]
    rows = "".join(f"{' ' * inner}{item},\n" for item in items)
    return f"{line[0]}\n{rows}{' ' * indent}{line[-1]}"


def _flat(value: Any) -> str:
    """The same on one line."""
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(_flat(each) for each in value)}]"
    if isinstance(value, dict):
        items = (f"{quoted(key)}: {_flat(each)}" for key, each in value.items())
        return f"{{{', '.join(items)}}}"
    return repr(value)


def quoted(text: str) -> str:
    """A JSON string means the same in Python; halves of a letter go as escapes."""
    return json.dumps(text, ensure_ascii=not is_encodable(text))


def json_text(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if is_encodable(text) else json.dumps(value, indent=2)


def is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def environment(sent: Sent) -> list[str]:
    return [f"# Set DATABRICKS_HOST ({sent.origin}) and DATABRICKS_TOKEN, your own token, first."]


def otherwise(why: str, code: str) -> str:
    return f"# {why}\n{code}"


def with_os(code: str) -> str:
    return f"import os\n\n{code}" if "os.environ" in code else code


def joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
