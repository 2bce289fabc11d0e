"""A user's own functions around a call, as LangChain's `Databricks` takes them: plain callables.

`transform_input(**request)` gives what is sent instead of the request, `transform_output(response)`
what is read instead of the answer. Whatever they raise is the failure of the call.
"""

import copy
from collections.abc import Callable
from typing import Any

from .errors import EndpointError, TransformInputFailed, TransformOutputFailed
from .refusals import one_line

TransformInput = Callable[..., Any]
TransformOutput = Callable[[Any], Any]


def apply_input(function: TransformInput, asked: dict[str, Any]) -> Any:
    """A JSON object, or an array for apps that take one. Raises TransformInputFailed."""
    try:
        made = function(**copy.deepcopy(asked))
    except EndpointError:
        raise
    except Exception as error:
        raise TransformInputFailed(_words("transform_input", error)) from error
    if not isinstance(made, dict | list):
        raise TransformInputFailed(
            f"transform_input returned {_kind_of(made)}. It must return the request, as a dict."
        )
    return made


def apply_output(function: TransformOutput, answered: Any) -> Any:
    """A text, or what the task reads as an answer. Raises TransformOutputFailed."""
    try:
        made = function(copy.deepcopy(answered))
    except EndpointError:
        raise
    except Exception as error:
        raise TransformOutputFailed(_words("transform_output", error)) from error
    if made is None:
        raise TransformOutputFailed("transform_output returned nothing. It must return the text.")
    return made


def no_text(made: Any) -> TransformOutputFailed:
    """The failure of a function whose result holds nothing to show."""
    return TransformOutputFailed(
        f"transform_output returned {_kind_of(made)} that holds no text. It must return the text."
    )


def _words(name: str, error: Exception) -> str:
    return f"{name} failed: {one_line(f'{type(error).__name__}: {error}')}"


def _kind_of(value: Any) -> str:
    if value is None:
        return "nothing"
    kind = type(value).__name__
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
