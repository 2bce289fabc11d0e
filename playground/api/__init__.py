"""The verbs of the playground as JSON, under /api/v1/: one file per noun, docs at /api/v1/docs."""

from .calls import router as calls
from .code import router as code
from .comments import router as comments
from .endpoints import router as endpoints
from .exports import router as exports
from .me import router as me
from .prompts import router as prompts
from .runs import router as runs
from .sharing import router as links
from .site import Api
from .teams import invitations
from .teams import router as teams
from .workspaces import router as workspaces

api = Api()
api.add_router("/me", me, tags=["You"])
api.add_router("/workspaces", workspaces, tags=["Workspaces"])
api.add_router("/endpoints", endpoints, tags=["Endpoints"])
api.add_router("/runs", runs, tags=["Runs"])
api.add_router("/runs", code, tags=["Runs"])
api.add_router("/runs", exports, tags=["Runs"])
api.add_router("", comments, tags=["Calls"])
api.add_router("/prompts", prompts, tags=["Prompts"])
api.add_router("/links", links, tags=["Runs"])
api.add_router("/calls", calls, tags=["Calls"])
api.add_router("/teams", teams, tags=["Teams"])
api.add_router("/invitations", invitations, tags=["Teams"])
