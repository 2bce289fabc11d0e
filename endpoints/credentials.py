"""A workspace secret that travels as an argument and never shows itself."""

import hmac
import re
from typing import NoReturn

from .errors import AddressError

MASK = "••••••••"
_TOKEN = re.compile(r"[\x21-\x7e]{8,4096}")


class Token:
    """A bearer token: 8 to 4096 visible ASCII characters, else AddressError for the field `token`.

    Printing, formatting and pickling it give nothing away; `reveal()` is the one way to the value.
    """

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            raise AddressError(
                "token",
                "A token is 8 to 4096 letters, digits and signs without blanks or line breaks.",
            )
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        return self._value

    def scrub(self, text: str) -> str:
        """The text with every appearance of the secret masked."""
        return text.replace(self._value, MASK)

    def __repr__(self) -> str:
        return f"Token({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Token):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Token cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Token cannot be changed")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Token cannot be pickled or copied")
