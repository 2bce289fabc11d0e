"""Talks to model endpoints, of three kinds, one way: `client_for(...).stream(prompt)` gives events.

Plain Python and requests, at home in a notebook as in a server. Credentials are arguments, nothing
is read from the environment, and whatever goes wrong is one of the errors drawn in `errors`.
"""

from .client import Client, Request, client_for
from .credentials import OAuthClient, Token
from .egress import Egress
from .errors import AddressError, EgressDenied, EndpointError, PromptError, Stopped
from .events import (
    Choice,
    Event,
    Finished,
    Opened,
    Reasoning,
    Text,
    ToolCall,
    Usage,
    Vectors,
)
from .prompt import Prompt
from .templates import Template, render_text
from .vectors import norm, similarity
from .wire import Limits, Stopper
from .workspace import whoami

__all__ = [
    "AddressError",
    "Choice",
    "Client",
    "Egress",
    "EgressDenied",
    "EndpointError",
    "Event",
    "Finished",
    "Limits",
    "OAuthClient",
    "Opened",
    "Prompt",
    "PromptError",
    "Reasoning",
    "Request",
    "Stopped",
    "Stopper",
    "Template",
    "Text",
    "Token",
    "ToolCall",
    "Usage",
    "Vectors",
    "client_for",
    "norm",
    "render_text",
    "similarity",
    "whoami",
]
