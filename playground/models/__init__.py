"""Nouns: what the playground remembers."""

from .endpoint import Endpoint, EndpointConfirmation
from .image import Image
from .keys import KeyCheck
from .prompt import Prompt, PromptAlias, PromptVersion
from .run import Call, Draft, Run
from .run_link import RunLink
from .team import ApiToken, Membership, Team, User
from .vote import Vote
from .workspace import Credential, Workspace

__all__ = [
    "ApiToken",
    "Call",
    "Credential",
    "Draft",
    "Endpoint",
    "EndpointConfirmation",
    "Image",
    "KeyCheck",
    "Membership",
    "Prompt",
    "PromptAlias",
    "PromptVersion",
    "Run",
    "RunLink",
    "Team",
    "User",
    "Vote",
    "Workspace",
]
