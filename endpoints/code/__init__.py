"""Code that repeats a call, for people to take along: curl, requests, mlflow, OpenAI, LangChain.

The secret is never in it: it reads DATABRICKS_HOST and DATABRICKS_TOKEN from the environment. Each
sends the JSON that was sent; where a client cannot, the code says so in a comment and goes
another way. What came from a user stands in it as a literal, or in a quoted here-document.
"""

from collections.abc import Callable

from .by_curl import curl
from .by_langchain import langchain
from .by_mlflow import mlflow
from .by_openai import openai
from .by_requests import requests
from .sent import Sent

_WRITERS: dict[str, Callable[[Sent], str]] = {
    "curl": curl,
    "requests": requests,
    "mlflow": mlflow,
    "openai": openai,
    "langchain": langchain,
}
FORMATS = tuple(_WRITERS)

__all__ = ["FORMATS", "Sent", "code_for"]


def code_for(sent: Sent, format: str) -> str:
    """Code in one of `FORMATS` that sends the same again.

    Raises ValueError for a format that is not known and for a body that cannot be written.
    """
    if format not in _WRITERS:
        raise ValueError(f"unknown format {format!r}; known are {', '.join(FORMATS)}")
    try:
        code = _WRITERS[format](sent)
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    if sent.of == 1:
        return code
    return f"# The first of {sent.of} requests; the others differ in their inputs alone.\n{code}"
