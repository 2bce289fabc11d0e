"""Who may see or change a row, decided only here. What is not yours does not exist (404)."""

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
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


def can_edit(user: User, row) -> bool:
    """Owners change their own rows; a team's admins also what is shared with their team."""
    if row.owner_id == user.id:
        return True
    team_id = getattr(row, "team_id", None)
    return team_id is not None and _role(user, team_id) == Membership.Role.ADMIN


def can_run(user: User, endpoint: Endpoint) -> bool:
    """Viewers read; everybody else who sees an endpoint may send prompts to it."""
    if endpoint.owner_id == user.id:
        return True
    return _role(user, endpoint.team_id) in (Membership.Role.MEMBER, Membership.Role.ADMIN)


def credential_of(user: User, workspace: Workspace) -> Credential | None:
    """The runner's own credential for a workspace. Never the author's."""
    return Credential.objects.filter(owner=user, workspace=workspace).first()


def _role(user: User, team_id) -> str | None:
    return (
        Membership.objects.filter(user=user, team_id=team_id).values_list("role", flat=True).first()
    )


def _owned_or_shared(user: User) -> Q:
    return Q(owner=user) | Q(team__in=Membership.objects.filter(user=user).values("team"))


_RULES = {
    Endpoint: _owned_or_shared,
    # A shared endpoint shows its workspace too, so that a colleague can add a credential for it.
    Workspace: lambda user: (
        _owned_or_shared(user) | Q(pk__in=visible_to(user, Endpoint).values("workspace"))
    ),
    Credential: lambda user: Q(owner=user),
    Run: lambda user: Q(owner=user),
    Call: lambda user: Q(run__owner=user),
}
