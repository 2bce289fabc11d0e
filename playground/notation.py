"""How people type one JSON object and stop sequences, and how vectors and tools are written."""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from django.utils.translation import gettext, gettext_lazy

from endpoints import norm


class NotationError(ValueError):
    """What was typed cannot be read; the message says where and what to do, fit for the page."""


_BETWEEN = re.compile(r"[\s,]*")


def read_object(text: str) -> dict:
    """One JSON object, empty for nothing typed. Raises NotationError.

    Stricter than json.loads: only what every database and every endpoint can take.
    """
    value = _read(text, {})
    if not isinstance(value, dict):
        raise NotationError(gettext('Write one JSON object, such as {"top_k": 40}.'))
    return value


def read_items(text: str) -> Iterator[tuple[object, Callable[[], str]]]:
    """One JSON list, empty for nothing typed: every item and what says where it starts.

    A place is "Line 2, column 3"; to count it for every item would take long. Raises NotationError.
    """
    values = _read(text, [])
    if not isinstance(values, list):
        raise NotationError(gettext("Write one JSON list, in square brackets."))
    position, decoder = text.find("["), json.JSONDecoder()
    for value in values:
        position = _BETWEEN.match(text, position + 1).end()
        yield value, partial(_where, text, position)
        position = decoder.raw_decode(text, position)[1] - 1


def _read(text: str, nothing: dict | list) -> object:
    if not text.strip():
        return nothing
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise NotationError(f"{_where(text, error.pos)}: {_advice(error)}") from error
    except _NotANumber as error:
        where = _where(text, _position_of(error.args[0], text))
        raise NotationError(
            gettext("%(place)s: %(number)s is not a JSON number.")
            % {"place": where, "number": error.args[0]}
        ) from error
    except NotationError:
        raise
    except UnicodeEncodeError as error:
        raise NotationError(
            gettext("Half a character: one of \\ud800 to \\udfff stands alone.")
        ) from error
    except RecursionError as error:
        raise NotationError(gettext("It is nested too deeply.")) from error
    except ValueError as error:  # Python's limit of digits
        raise NotationError(gettext("A number in it is too long.")) from error
    if re.search(r"(?<!\\)(\\\\)*\\u0000", json.dumps(value)):
        raise NotationError(gettext("It holds the character \\u0000, which cannot be stored."))
    return value


def read_stops(text: str) -> list[str]:
    r"""One stop sequence per line, blanks kept; \n, \r, \t and \\ are written with a backslash."""
    lines = text.replace("\r\n", "\n").split("\n")
    return [unescape(line) for line in lines if line]


def write_stops(stops: Sequence[str]) -> str:
    return "\n".join(escape(stop) for stop in stops)


def write_vector(vector: Sequence[float], shown: int = 3) -> str:
    """A vector in a few words: how many numbers, its length, and how it begins."""
    first = ", ".join(f"{number:.4g}" for number in vector[:shown])
    more = ", …" if len(vector) > shown else ""
    return f"{len(vector)} dimensions · norm {norm(vector):.4f} · {first}{more}"


def write_tool_call(call: dict) -> str:
    """name(arguments), the arguments as JSON one can read where they are JSON at all."""
    return f"{call['name'] or 'unnamed'}({pretty(call['arguments'])})"


def pretty(text: str) -> str:
    """JSON text, indented; anything else as it is, such as half of a JSON text."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


_MEANT = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
_WRITTEN = {meant: f"\\{letter}" for letter, meant in _MEANT.items()}


def unescape(typed: str) -> str:
    return re.sub(r"\\([nrt\\])", lambda found: _MEANT[found[1]], typed)


def escape(meant: str) -> str:
    return re.sub(r"[\n\r\t\\]", lambda found: _WRITTEN[found[0]], meant)


def _where(text: str, position: int) -> str:
    """Line and column, from 1, of a character that can be seen: the last one before an end."""
    position = min(position, len(text.rstrip()) - 1)
    position = len(text[:position].rstrip("\n")) - 1 if text[position] == "\n" else position
    line_start = text.rfind("\n", 0, position) + 1
    line = text.count("\n", 0, position) + 1
    place = {"line": line, "column": position - line_start + 1}
    return gettext("Line %(line)s, column %(column)s") % place


def _position_of(word: str, text: str) -> int:
    """Where a word stands outside the strings of a JSON text."""
    found = re.finditer(rf'"(?:[^"\\]|\\.)*"|{re.escape(word)}', text, re.DOTALL)
    return next((match.start() for match in found if match[0] == word), 0)


def _advice(error: json.JSONDecodeError) -> str:
    """What to change, for the slips that people make; the parser's own words otherwise."""
    here = error.doc[error.pos :].lstrip()[:1]
    before = error.doc[: error.pos].rstrip()[-1:]
    if here in ("}", "]") and before == ",":
        return gettext("remove the comma before %(sign)s.") % {"sign": here}
    if here in ("'", "“", "”"):
        return gettext('use straight double quotes (").')
    for start, advice in _ADVICE.items():
        if error.msg.startswith(start):
            return str(advice)
    if not here:
        return gettext("the text ends too early. Close what is open.")
    if error.msg.startswith("Expecting property name"):
        return gettext('a name in double quotes (") belongs here.')
    if error.msg.startswith("Expecting value"):
        return (
            gettext("a value is missing.")
            if here in ",:}]"
            else _about_word(error.doc[error.pos :])
        )
    if error.msg.startswith("Expecting ',' delimiter"):
        return gettext("add a comma before it, or close what is open.")
    if error.msg.startswith("Expecting ':' delimiter"):
        return gettext("add a colon (:) after the name.")
    return f"{error.msg[0].lower()}{error.msg[1:]}."


_ADVICE = {
    "Unterminated string": gettext_lazy('this text has no closing quote (").'),
    "Invalid control character": gettext_lazy(
        r"a text breaks off here. Close its quote, or write \n or \t."
    ),
    "Invalid \\": gettext_lazy(r"write \\ for a backslash."),
    "Extra data": gettext_lazy("remove what follows the end."),
}


def _about_word(rest: str) -> str:
    word = re.match(r"\w+", rest)
    if word and word[0].lower() in ("true", "false", "null"):
        return gettext("write %(word)s, in small letters.") % {"word": word[0].lower()}
    if word and word[0] == "None":
        return gettext("write null.")
    if word and word[0].lower() == "nan":
        return gettext("%(number)s is not a JSON number.") % {"number": word[0]}
    return gettext('put texts in double quotes (").')


class _NotANumber(Exception):
    """NaN, Infinity or -Infinity, which Python's parser takes and JSON does not."""


def _refuse_constant(text: str) -> float:
    raise _NotANumber(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotationError(gettext("%(text)s is too large a number.") % {"text": text})
    return value
