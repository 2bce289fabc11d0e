"""Workspace secrets that travel as arguments and never show themselves.

A `Token` is what a request carries. An `OAuthClient` is a service principal's id and secret, which
`oauth.bearer` turns into a token.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import NoReturn, TypeVar

from .errors import AddressError
from .scrubbing import MASK, Scrubber, note_in_use

T = TypeVar("T")
_TOKEN = re.compile(r"[\x21-\x7e]{8,4096}")
_CLIENT_ID = re.compile(r"[\x21-\x39\x3b-\x7e]{1,256}")


class Hidden:
    """A value that printing, formatting, copying, pickling, JSON and templates do not give away.

    While one is alive, logs and the words of errors lose its value.
    """

    __slots__ = ("__weakref__", "_scrubber", "_value")
    _value: str
    _scrubber: Scrubber | None

    def __init__(self, value: str, field: str, words: str) -> None:
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            raise AddressError(field, words)
        object.__setattr__(self, "_value", value)
        object.__setattr__(self, "_scrubber", None)
        note_in_use(self)

    @property
    def scrubber(self) -> Scrubber:
        """What takes this secret out of texts, in all its forms."""
        if self._scrubber is None:
            object.__setattr__(self, "_scrubber", Scrubber(*self._secrets()))
        return self._scrubber

    def scrub(self, text: str) -> str:
        """The text with every appearance of the secret masked."""
        return self.scrubber.scrub(text)

    def _secrets(self) -> tuple[str, ...]:
        return (self._value,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied")


def _for_code_alone(method: Callable[..., T]) -> Callable[..., T]:
    """Not for templates: Django's never calls what says that it alters data."""
    method.alters_data = True
    return method


class Token(Hidden):
    """A bearer token: 8 to 4096 visible ASCII characters, else AddressError for the field `token`.

    Printing, formatting and pickling it give nothing away; `reveal()` is the one way to the value.
    """

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__(
            value,
            "token",
            "A token is 8 to 4096 letters, digits and signs without blanks or line breaks.",
        )

    @_for_code_alone
    def reveal(self) -> str:
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Token):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)


class OAuthClient(Hidden):
    """A service principal's client id and secret (OAuth, machine to machine).

    Raises AddressError for the field `client_id` or `client_secret`. The id is no secret and can be
    read; the secret goes into the one request that fetches a token, and nowhere else.
    """

    __slots__ = ("client_id",)
    client_id: str

    def __init__(self, client_id: str, client_secret: str) -> None:
        if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id):
            raise AddressError(
                "client_id",
                "A client id is the application id of a service principal, such as"
                " 1a2b3c4d-0000-0000-0000-1a2b3c4d5e6f.",
            )
        super().__init__(
            client_secret,
            "client_secret",
            "A client secret is 8 to 4096 letters, digits and signs without blanks or line breaks.",
        )
        object.__setattr__(self, "client_id", client_id)

    @_for_code_alone
    def basic(self) -> str:
        """The value of an Authorization header that proves the client (HTTP Basic)."""
        return f"Basic {self._pair()}"

    @_for_code_alone
    def digest(self) -> bytes:
        """What tells this secret from another without holding it."""
        return hashlib.sha256(self._value.encode()).digest()

    def _secrets(self) -> tuple[str, ...]:
        return self._value, self._pair()

    def _pair(self) -> str:
        return base64.b64encode(f"{self.client_id}:{self._value}".encode()).decode()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OAuthClient):
            return NotImplemented
        return hmac.compare_digest(self._pair(), other._pair())

    def __hash__(self) -> int:
        return hash((self.client_id, self._value))
