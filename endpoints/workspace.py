"""Questions to a workspace itself, by its REST API."""

from typing import Any

from .addresses import Egress, workspace_origin
from .credentials import Token
from .errors import BadResponse
from .tasks import ACCEPT_ANSWER
from .wire import Exchange, Limits, Outgoing, Stopper

_ME = "/api/2.0/preview/scim/v2/Me"


def whoami(
    host: str,
    credential: Token,
    egress: Egress | None = None,
    limits: Limits | None = None,
    stopper: Stopper | None = None,
) -> str:
    """The user name that the token stands for in the workspace (SCIM's `userName`).

    Raises AddressError, EndpointError, and Stopped when the stopper was pulled.
    """
    found = _get(host, _ME, credential, egress or Egress(), limits or Limits(), stopper)
    name = found.get("userName") if isinstance(found, dict) else None
    if not isinstance(name, str) or not name:
        raise BadResponse("The workspace did not say who the token belongs to.")
    return name


def _get(
    host: str,
    path: str,
    credential: Token,
    egress: Egress,
    limits: Limits,
    stopper: Stopper | None,
) -> Any:
    outgoing = Outgoing(
        "GET",
        f"{workspace_origin(host, egress)}{path}",
        "workspace",
        ACCEPT_ANSWER,
        credential=credential,
        ca_bundle=egress.ca_bundle,
    )
    with Exchange(outgoing, limits, stopper) as answer:
        return answer.json()
