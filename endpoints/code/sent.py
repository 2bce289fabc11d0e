"""A call as it was sent: where it went, taken apart for clients that want the parts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .. import addresses
from ..egress import Egress
from ..errors import AddressError

_SERVING = re.compile(r"/serving-endpoints/([^/]+)/invocations")
_DRIVER_PROXY = re.compile(r"/driver-proxy-api/o/([^/]+)/([^/]+)/([^/]+)(/.*)?")


@dataclass(frozen=True)
class Sent:
    """A call as it was sent; `body` is the exact JSON, `url` where it went.

    `is_streamed` says whether a stream was asked for, which an app with the driver schema learns
    from the Accept header alone. `of` is how many requests the call took, this being the first.
    The transforms are source text, and `before` is what `transform_input` was given; only
    LangChain's own class can use them.
    Raises AddressError for a URL that is none of its kind.
    """

    kind: str
    task: str
    url: str
    body: Any
    is_streamed: bool = False
    of: int = 1
    before: Mapping[str, Any] | None = None
    transform_input: str | None = None
    transform_output: str | None = None

    def __post_init__(self) -> None:
        try:
            addresses.driver_url(self.url, Egress(driver_origins=(self.origin,)))
        except ValueError as error:
            raise AddressError("url", "That is no URL that a call could go to.") from error
        if self.kind == "serving":
            addresses.serving_endpoint_name(self.serving_endpoint)
        elif self.kind == "driver_proxy":
            addresses.org_id(self.org_id)
            addresses.cluster_id(self.cluster_id)
            addresses.port(self.port)

    @property
    def is_direct(self) -> bool:
        """Whether it went to an app's own URL, without a credential."""
        return self.kind == "driver"

    @property
    def asked(self) -> Any:
        """What LangChain's class must be asked, to send the body in the end."""
        return self.body if self.before is None else self.before

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def serving_endpoint(self) -> str:
        return self._part(_SERVING, 1)

    @property
    def org_id(self) -> str:
        return self._part(_DRIVER_PROXY, 1)

    @property
    def cluster_id(self) -> str:
        return self._part(_DRIVER_PROXY, 2)

    @property
    def port(self) -> str:
        return self._part(_DRIVER_PROXY, 3)

    @property
    def app_path(self) -> str:
        """The path on a cluster's app, behind the driver proxy."""
        return self._part(_DRIVER_PROXY, 4) or "/"

    @property
    def wants_events(self) -> bool:
        return self.is_streamed or _asks_for_stream(self.body)

    def _part(self, pattern: re.Pattern[str], number: int) -> str:
        found = pattern.fullmatch(self.path)
        if found is None:
            raise AddressError("url", f"That is no URL of the kind {self.kind}.")
        return found[number] or ""


def _asks_for_stream(body: Any) -> bool:
    return isinstance(body, Mapping) and body.get("stream") is True
