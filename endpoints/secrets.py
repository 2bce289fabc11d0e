"""Secrets of a workspace, for what a serving endpoint has to know and nobody may read.

A secret's value goes into the one request that stores it. Everything else names it by a reference,
`{{secrets/<scope>/<key>}}`, which the serving endpoint resolves.
"""

import re
from typing import Any

from .errors import AddressError, BadRequest, BadResponse, EndpointError, NotFound
from .scrubbing import MASK, Scrubber
from .workspace import WorkspaceApi, error_code

MAX_VALUE_BYTES = 128 * 1024
_LEAST_MASKED = 8
_API = "/api/2.0/secrets"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_REFERENCE = re.compile(r"\{\{secrets/([A-Za-z0-9_.-]{1,128})/([A-Za-z0-9_.-]{1,128})\}\}")
_NAME_WORDS = "{} is 1 to 128 letters, digits, hyphens, underscores and dots."


def scope_name(text: str) -> str:
    """The name of a scope, unchanged. Raises AddressError."""
    return _named("scope", "A scope", text)


def key_name(text: str) -> str:
    """The name of a secret in its scope, unchanged. Raises AddressError."""
    return _named("key", "A key", text)


def reference(scope: str, key: str) -> str:
    """How an endpoint's configuration names a secret. Raises AddressError."""
    return f"{{{{secrets/{scope_name(scope)}/{key_name(key)}}}}}"


def is_reference(text: Any) -> bool:
    """Whether the text names a secret, exactly, rather than being one."""
    return isinstance(text, str) and _REFERENCE.fullmatch(text) is not None


def put_secret(api: WorkspaceApi, scope: str, key: str, value: str) -> str:
    """Store a secret, in a scope that is made when it is missing; gives the reference to it.

    A secret of that name is replaced. The value, text of up to 128 KB, is in nothing that comes
    back, errors included. Raises AddressError for scope, key and value, else what the api raises.
    """
    named = reference(scope, key)
    body = {"scope": scope, "key": key, "string_value": check_value(value)}
    try:
        try:
            api.post(f"{_API}/put", body)
        except NotFound as error:
            if error_code(error) != "RESOURCE_DOES_NOT_EXIST":
                raise
            _create_scope(api, scope)
            api.post(f"{_API}/put", body)
    except EndpointError as error:
        _hide(error, value)
        raise
    return named


def list_scopes(api: WorkspaceApi) -> list[str]:
    """The names of the scopes that the user may see."""
    return _names(api.get(f"{_API}/scopes/list"), "scopes", "name")


def list_keys(api: WorkspaceApi, scope: str) -> list[str]:
    """The names of the secrets in a scope; nobody is ever given their values."""
    return _names(api.get(f"{_API}/list", {"scope": scope_name(scope)}), "secrets", "key")


def delete_secret(api: WorkspaceApi, scope: str, key: str) -> None:
    api.post(f"{_API}/delete", {"scope": scope_name(scope), "key": key_name(key)})


def _create_scope(api: WorkspaceApi, scope: str) -> None:
    try:
        api.post(f"{_API}/scopes/create", {"scope": scope})
    except BadRequest as error:
        # Somebody else made it in the meantime.
        if error_code(error) != "RESOURCE_ALREADY_EXISTS":
            raise


def _named(field: str, what: str, text: str) -> str:
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        raise AddressError(field, _NAME_WORDS.format(what))
    return text


def check_value(value: str) -> str:
    """A secret that can be stored, unchanged. Raises AddressError, which does not repeat it."""
    if not isinstance(value, str) or not value:
        raise AddressError("value", "Enter the secret.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise AddressError("value", "The secret holds a character that is half of one.") from None
    if size > MAX_VALUE_BYTES:
        raise AddressError("value", "A secret is at most 128 KB.")
    return value


def _hide(error: EndpointError, value: str) -> None:
    """Take the value, and every part of it, out of what the workspace said."""
    error.response = error.field = None
    error.message = _masked(Scrubber(value).scrub(error.message), value)
    error.args = (error.message,)


def _masked(text: str, value: str) -> str:
    """The text without any eight letters in a row of the value, which has become one line in it.

    It may be cut, or written with escapes, so that looking for the whole is not enough. A few
    letters alone would hide too much.
    """
    value = " ".join(value.split())
    least = min(_LEAST_MASKED, len(value))
    if least < 4:
        return text
    kept, at = [], 0
    while at < len(text):
        end = at + least
        if end > len(text) or text[at:end] not in value:
            kept.append(text[at])
            at += 1
            continue
        while end < len(text) and text[at : end + 1] in value:
            end += 1
        kept.append(MASK)
        at = end
    return "".join(kept)


def _names(answer: Any, key: str, name: str) -> list[str]:
    found = answer.get(key, []) if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise BadResponse("The workspace's list of secrets is none.")
    names = (each.get(name) for each in found if isinstance(each, dict))
    return sorted(each for each in names if isinstance(each, str))
