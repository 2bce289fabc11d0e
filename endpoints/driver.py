"""Kind 3: an app on a driver, a laptop or this machine, reached by its own URL.

Only where the admin's list of origins allows it, and never with a workspace's token: whoever runs
the app would get it.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .addresses import driver_url, url_path
from .egress import Egress
from .outgoing import Outgoing
from .tasks import ACCEPT_ANSWER
from .wire import Exchange, Limits


@dataclass(frozen=True)
class Driver:
    address: str
    egress: Egress

    kind = "driver"
    host = ""
    credential = None
    needs_credential = False

    @property
    def path(self) -> str:
        return urlsplit(driver_url(self.address, self.egress)).path

    def url(self, path: str) -> str:
        """The URL of that path of the app. Raises AddressError and EgressDenied."""
        app = urlsplit(driver_url(self.address, self.egress))
        return f"{app.scheme}://{app.netloc}{url_path(path, field='url')}"


def info(address: str, egress: Egress, limits: Limits) -> Any:
    """What the driver app there says about itself. Raises AddressError, EndpointError."""
    url = Driver(address, egress).url("/info")
    outgoing = Outgoing("GET", url, Driver.kind, ACCEPT_ANSWER, egress.policy(Driver.kind, url))
    with Exchange(outgoing, limits) as answer:
        return answer.json()
