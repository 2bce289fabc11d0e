"""Kind 2: an app on a cluster's driver, through the workspace's driver proxy.

Asked by `POST {host}/driver-proxy-api/o/{org}/{cluster}/{port}{path}`.

The vendor does not document it. `0` stands for the workspace's own id where it is not known,
and `/` is left out, as langchain's client does; other paths are passed on to the app. The
workspace's token lets the call through to the cluster and is not given to the app.
"""

from dataclasses import dataclass

from . import addresses
from .addresses import workspace_origin
from .credentials import OAuthClient, Token
from .egress import Egress


@dataclass(frozen=True)
class DriverProxy:
    host: str
    cluster_id: str
    port: int | str
    path: str
    org_id: str | int
    credential: Token | OAuthClient | None
    egress: Egress

    kind = "driver_proxy"
    needs_credential = True

    def url(self, path: str) -> str:
        """The URL of that path of the app. Raises AddressError."""
        origin = workspace_origin(self.host, self.egress)
        org = addresses.org_id(self.org_id)
        cluster = addresses.cluster_id(self.cluster_id)
        port = addresses.port(self.port)
        path = addresses.url_path(path)
        return f"{origin}/driver-proxy-api/o/{org}/{cluster}/{port}{'' if path == '/' else path}"
