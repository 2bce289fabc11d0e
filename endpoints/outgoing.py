"""A request as it is to be sent: address, headers, body, and what its connection has to obey."""

import json
from dataclasses import dataclass, field
from typing import Any

from .credentials import MASK, OAuthClient, Token
from .errors import BadRequest
from .policy import Policy
from .refusals import one_line

MAX_REQUEST_BYTES = 1024 * 1024
USER_AGENT = "prompt-playground"


@dataclass(frozen=True)
class Outgoing:
    """One request; `kind` is the kind of endpoint, for the words of errors.

    It prints neither body nor credential: a body may hold a secret on its way to be stored.
    Raises ValueError for a credential on its way to a driver: whoever runs the app would get it.
    """

    method: str
    url: str
    kind: str
    accept: str
    policy: Policy
    body: Any = field(default=None, repr=False)
    credential: Token | OAuthClient | None = field(default=None, repr=False)  # to be sent, a Token

    def __post_init__(self) -> None:
        if self.policy.is_driver and self.credential is not None:
            raise ValueError("a workspace's credential never goes to a driver")

    def headers(self, *, is_masked: bool = False) -> dict[str, str]:
        """The headers, with the credential masked for people."""
        headers = {
            "Accept": self.accept,
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
        }
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        if self.credential is not None:
            secret = MASK if is_masked else self.credential.reveal()
            headers["Authorization"] = f"Bearer {secret}"
        return headers

    def encoded(self) -> bytes | None:
        """The body in bytes. Raises BadRequest for values that JSON cannot say."""
        return None if self.body is None else encoded(self.body)


def encoded(body: Any) -> bytes:
    """A body as it goes out. Raises BadRequest for values that JSON cannot say, and for too many.

    It is plain ASCII, so that its length is what a limit on the way counts.
    """
    try:
        content = json.dumps(body, allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        name = _unsayable(body)
        what = f"The parameter “{name}” holds" if name else "The prompt or its parameters hold"
        raise BadRequest(
            f"{what} a value that cannot be sent as JSON, such as NaN.",
            hint="Change that value, then run again.",
            field="params",
        ) from error
    if len(content) > MAX_REQUEST_BYTES:
        raise BadRequest(
            f"The request has {len(content):,} bytes; at most {MAX_REQUEST_BYTES:,} are sent.",
            hint="Shorten the prompt or its parameters, then run again.",
        )
    return content


def _unsayable(body: Any) -> str | None:
    """The first key of the body, or of its first record, whose value is at fault."""
    for name, value in body.items() if isinstance(body, dict) else ():
        try:
            json.dumps({name: value}, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
                return _unsayable(value[0])
            return one_line(str(name))[:64]
    return None
