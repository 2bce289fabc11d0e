"""Who may see or change a row, decided only here. What is not yours does not exist (404)."""

from importlib import import_module
from types import SimpleNamespace

from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404

from .models import Call, Credential, Endpoint, Membership, Run, User, Workspace


def visible_to(user: User, model: type) -> QuerySet:
    """Every row of this kind that this person may see."""
    return model.objects.filter(_RULES[model](user))


def get_visible(user: User, model: type, pk):
    """The row, or 404 — the same answer for what is missing and for what belongs to others."""
    try:
        return visible_to(user, model).get(pk=pk)
    except (model.DoesNotExist, ValidationError, ValueError, TypeError) as error:
        raise Http404(f"No such {model._meta.verbose_name}.") from error


def is_signed_in(session_key: str | None) -> bool:
    """Whether a session that opened something long is still good: not ended, its user active."""
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    return get_user(SimpleNamespace(session=session)).is_authenticated


def can_edit(user: User, row) -> bool:
    """Owners change their own rows; a team's admins also what is shared with their team."""
    if row.owner_id == user.id:
        return True
    return _role(user, row) == Membership.Role.ADMIN


def can_run(user: User, endpoint: Endpoint) -> bool:
    """Viewers read; everybody else who sees an endpoint may send prompts to it."""
    if endpoint.owner_id == user.id:
        return True
    return _role(user, endpoint) in (Membership.Role.MEMBER, Membership.Role.ADMIN)


def credential_of(user: User, workspace: Workspace) -> Credential | None:
    """The runner's own credential for a workspace. Never the author's."""
    credential = Credential.objects.filter(owner=user, workspace=workspace).first()
    if credential is not None:
        credential.workspace = workspace  # it must open for the very host that will be called
    return credential


def _role(user: User, row) -> str | None:
    """The person's role in the team that a row is shared with, while its owner is in it too."""
    roles = dict(
        Membership.objects.filter(team=row.team_id, user__in=(user.id, row.owner_id)).values_list(
            "user", "role"
        )
    )
    return roles.get(user.id) if row.owner_id in roles else None


def _shared(user: User) -> Q:
    """Shared with a team of this person. Who leaves a team takes along what they shared with it."""
    owner_is_in_it = Membership.objects.filter(user=OuterRef("owner"), team=OuterRef("team"))
    return Q(team__in=Membership.objects.filter(user=user).values("team")) & Exists(owner_is_in_it)


def _owned_or_shared(user: User) -> Q:
    return Q(owner=user) | _shared(user)


_RULES = {
    Endpoint: _owned_or_shared,
    # A shared endpoint shows its workspace too, so that a colleague can add a credential for it.
    Workspace: lambda user: (
        _owned_or_shared(user)
        | Q(pk__in=Endpoint.objects.filter(_shared(user)).values("workspace"))
    ),
    Credential: lambda user: Q(owner=user),
    Run: lambda user: Q(owner=user),
    Call: lambda user: Q(run__owner=user),
}
