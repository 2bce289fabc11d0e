"""Nouns: what the playground remembers."""

from .endpoint import Endpoint
from .run import Call, Draft, Run
from .team import ApiToken, Membership, Team, User
from .workspace import Credential, Workspace

__all__ = [
    "ApiToken",
    "Call",
    "Credential",
    "Draft",
    "Endpoint",
    "Membership",
    "Run",
    "Team",
    "User",
    "Workspace",
]
