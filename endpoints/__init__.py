"""Talks to model endpoints, of three kinds, one way: `client_for(...).stream(prompt)` gives events.

Plain Python and requests, at home in a notebook as in a server. Credentials are arguments, nothing
is read from the environment, and whatever goes wrong is one of the errors drawn in `errors`.
"""

from .addresses import Egress
from .client import Client, Request, client_for
from .credentials import Token
from .errors import AddressError, EgressDenied, EndpointError, Stopped
from .events import Event, Finished, Opened, Text, Usage
from .prompt import Prompt, render_text
from .wire import Limits, Stopper
from .workspace import whoami

__all__ = [
    "AddressError",
    "Client",
    "Egress",
    "EgressDenied",
    "EndpointError",
    "Event",
    "Finished",
    "Limits",
    "Opened",
    "Prompt",
    "Request",
    "Stopped",
    "Stopper",
    "Text",
    "Token",
    "Usage",
    "client_for",
    "render_text",
    "whoami",
]
