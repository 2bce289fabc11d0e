"""Nouns: what the playground remembers."""

from .audit_event import AuditEvent
from .comment import Comment
from .endpoint import Endpoint, EndpointConfirmation
from .image import Image
from .keys import KeyCheck
from .prompt import Prompt, PromptAlias, PromptVersion
from .run import Call, Draft, Run
from .run_entry import RunEntry
from .run_link import RunLink
from .team import ApiToken, Invitation, Membership, Team, User
from .vote import Vote
from .workspace import Credential, Workspace

__all__ = [
    "ApiToken",
    "AuditEvent",
    "Call",
    "Comment",
    "Credential",
    "Draft",
    "Endpoint",
    "EndpointConfirmation",
    "Image",
    "Invitation",
    "KeyCheck",
    "Membership",
    "Prompt",
    "PromptAlias",
    "PromptVersion",
    "Run",
    "RunEntry",
    "RunLink",
    "Team",
    "User",
    "Vote",
    "Workspace",
]
