"""Kind 1: a serving endpoint of a workspace, `POST {host}/serving-endpoints/{name}/invocations`.

The path is the one of Databricks' REST API, without `/api/2.0`. Calls need the workspace's token.
"""

from dataclasses import dataclass

from .addresses import serving_endpoint_name, workspace_origin
from .credentials import OAuthClient, Token
from .egress import Egress


@dataclass(frozen=True)
class Serving:
    host: str
    serving_endpoint: str
    credential: Token | OAuthClient | None
    egress: Egress

    kind = "serving"
    path = "/"
    needs_credential = True

    def url(self, path: str) -> str:
        """The URL of the endpoint, which has no paths of its own. Raises AddressError."""
        origin = workspace_origin(self.host, self.egress)
        name = serving_endpoint_name(self.serving_endpoint)
        return f"{origin}/serving-endpoints/{name}/invocations"
