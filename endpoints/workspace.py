"""Questions to a workspace itself, by its REST API, with one user's credential."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from . import oauth
from .addresses import workspace_origin
from .credentials import OAuthClient, Token
from .egress import Egress, given
from .errors import BadResponse, EndpointError, Unauthorized
from .outgoing import Outgoing
from .tasks import ACCEPT_ANSWER
from .wire import Exchange, Limits, Stopper

_ME = "/api/2.0/preview/scim/v2/Me"

Query = Mapping[str, str | int | Sequence[str]]


@dataclass(frozen=True)
class WorkspaceApi:
    """One workspace as one user sees it. Holds no connection, so threads may share it.

    Its methods raise AddressError, EndpointError, and Stopped when the stopper was pulled. Nothing
    is sent twice.
    """

    host: str
    credential: Token | OAuthClient
    egress: Egress = field(default_factory=lambda: given(None))
    limits: Limits = field(default_factory=Limits)
    stopper: Stopper | None = None

    def get(self, path: str, query: Query | None = None) -> Any:
        """The parsed answer; a path is one of this code, never a user's own text."""
        return self.send("GET", f"{path}?{urlencode(query, doseq=True)}" if query else path)

    def post(self, path: str, body: Any) -> Any:
        return self.send("POST", path, body)

    def send(self, method: str, path: str, body: Any = None, *, kind: str = "workspace") -> Any:
        """The parsed answer to one request, `{}` for an empty one; fit to be shown and stored.

        `kind` is who answers, for the words of errors.
        """
        with self.exchange(method, path, body, kind=kind) as answer:
            is_empty = answer.status == 204 or answer.headers.get("content-length") == "0"
            return {} if is_empty else answer.clean(answer.json())

    def exchange(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str = "workspace",
        accept: str = ACCEPT_ANSWER,
    ) -> "Asked":
        """The same, its answer still to be read: `with api.exchange(...) as answer: ...`"""
        url = f"{workspace_origin(self.host, self.egress)}{path}"
        outgoing = Outgoing(
            method,
            url,
            kind,
            accept,
            self.egress.policy(kind, url),
            body,
            oauth.bearer(self.credential, self.host, self.egress, self.stopper),
        )
        return Asked(outgoing, self)


class Asked(Exchange):
    """An exchange with a workspace, which notes when an OAuth token is no longer taken."""

    def __init__(self, outgoing: Outgoing, api: WorkspaceApi) -> None:
        super().__init__(outgoing, api.limits, api.stopper)
        self._api, self._token = api, outgoing.credential

    def __enter__(self) -> "Asked":
        try:
            super().__enter__()
        except Unauthorized:
            oauth.forget(self._api.credential, self._api.host, self._token, self._api.egress)
            raise
        return self


def whoami(
    host: str,
    credential: Token | OAuthClient,
    egress: Egress | None = None,
    limits: Limits | None = None,
    stopper: Stopper | None = None,
) -> str:
    """The user name that the credential stands for in the workspace (SCIM's `userName`).

    Raises AddressError, EndpointError, and Stopped when the stopper was pulled.
    """
    api = WorkspaceApi(host, credential, given(egress), limits or Limits(), stopper)
    found = api.get(_ME)
    name = found.get("userName") if isinstance(found, dict) else None
    if not isinstance(name, str) or not name:
        raise BadResponse("The workspace did not say who the token belongs to.")
    return name


def workspace_id(api: WorkspaceApi) -> str | None:
    """The workspace's number, as the driver proxy's path may carry it; None when it does not say.

    Every answer of a workspace's API has it as the header `x-databricks-org-id`.
    """
    with api.exchange("GET", _ME) as answer:
        answer.json()
        number = answer.headers.get("x-databricks-org-id", "").strip()
    return number if number.isascii() and number.isdigit() and len(number) <= 20 else None


def error_code(error: EndpointError) -> str | None:
    """The workspace's own word for what went wrong, such as RESOURCE_ALREADY_EXISTS."""
    body = (error.response or {}).get("body")
    code = body.get("error_code") if isinstance(body, dict) else None
    return code if isinstance(code, str) else None
