"""Who may see, change or run a row, decided only here. What is not yours does not exist (404).

Every kind of row has one rule for seeing and one for changing. Pages, API, sockets, worker and
commands ask for rows through them; `tests/rules.py` refuses any other way.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext

from .models import (
    ApiToken,
    AuditEvent,
    Call,
    Comment,
    Credential,
    Draft,
    Endpoint,
    EndpointConfirmation,
    Image,
    Invitation,
    Membership,
    Prompt,
    PromptAlias,
    PromptVersion,
    Run,
    RunEntry,
    RunLink,
    Team,
    User,
    Vote,
    Workspace,
)

ADMIN, MEMBER = Membership.Role.ADMIN, Membership.Role.MEMBER


def visible_to(user: User, model: type) -> QuerySet:
    """Every row of this kind that this person may see; none for who is not active."""
    return _rows(user, model, RULES[model].see)


def editable_by(user: User, model: type) -> QuerySet:
    """Every row of this kind that this person may change or delete."""
    return _rows(user, model, RULES[model].edit)


def runnable_by(user: User) -> QuerySet:
    """Every endpoint that this person may send prompts to: viewers of a team only look."""
    return _rows(user, Endpoint, _runnable)


def may_run(user: User, endpoint_ids: Iterable) -> set:
    """Which of these endpoints this person may send prompts to, by id."""
    if not user.is_active:
        return set()
    rows = Endpoint.objects.filter(_runnable(user), pk__in=endpoint_ids)
    return set(rows.values_list("pk", flat=True))


def get_visible(user: User, model: type, pk):
    """The row, or 404 — the same answer for what is missing and for what belongs to others."""
    try:
        return visible_to(user, model).get(pk=pk)
    except (model.DoesNotExist, ValidationError, ValueError, TypeError) as error:
        raise Http404(f"No such {model._meta.verbose_name}.") from error


def get_restorable(user: User, model: type, pk):
    """What this person deleted a moment ago and may still take back, or 404."""
    rows = model.kept().filter(RULES[model].edit(user), deleted_by=user)
    row = rows.filter(pk=pk).first() if user.is_active else None
    if row is None:
        raise Http404(f"No such {model._meta.verbose_name}.")
    return row


def can_edit(user: User, row) -> bool:
    """Owners change their own rows; a team's admins also endpoints shared with their team."""
    return editable_by(user, type(row)).filter(pk=row.pk).exists()


def get_editable(user: User, model: type, pk):
    """The row; 404 where it is not seen, PermissionDenied where it is seen and not one's own."""
    row = get_visible(user, model, pk)
    if not can_edit(user, row):
        if model is Team:
            raise PermissionDenied(gettext("Only an admin of the team does this."))
        whose = row.author if isinstance(row, Comment) else getattr(row, "run", row).owner
        raise PermissionDenied(
            gettext("This belongs to %(owner)s; only they change it.") % {"owner": whose.username}
        )
    return row


def get_own(user: User, model: type, pk):
    """The row; 404 where it is not seen, PermissionDenied where somebody else owns it."""
    row = get_visible(user, model, pk)
    if row.owner_id != user.pk:
        raise PermissionDenied(
            gettext("This belongs to %(owner)s; only they rename, share or delete it.")
            % {"owner": row.owner.username}
        )
    return row


def can_run(user: User, endpoint: Endpoint) -> bool:
    """Viewers read; everybody else who sees an endpoint may send prompts to it."""
    return endpoint.pk in may_run(user, [endpoint.pk])


def credential_of(user: User, workspace: Workspace) -> Credential | None:
    """The runner's own credential for a workspace. Never the author's."""
    credential = visible_to(user, Credential).filter(workspace=workspace).first()
    if credential is not None:
        credential.workspace = workspace  # it must open for the very host that will be called
    return credential


def runner_of(call: Call) -> User | None:
    """The person for whom a call runs, read again; None once the account is deactivated."""
    return User.objects.filter(pk=call.run.owner_id, is_active=True).first()


def tokens_in_use() -> QuerySet:
    """The API tokens that open a door: those of active people. Who asks is not known yet."""
    return ApiToken.objects.select_related("user").filter(user__is_active=True)


def is_signed_in(session_key: str | None) -> bool:
    """Whether a session that opened something long is still good: not ended, its user active."""
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    return get_user(SimpleNamespace(session=session)).is_authenticated


def teams_to_share_with(user: User) -> QuerySet[Team]:
    """The teams in which this person may share: viewers only look."""
    return visible_to(user, Team).filter(pk__in=_teams(user, ADMIN, MEMBER))


def can_comment(user: User, run: Run) -> bool:
    """The owner of a run, and everybody in its team but viewers, who only look."""
    is_shared = run.team_id and teams_to_share_with(user).filter(pk=run.team_id).exists()
    return run.owner_id == user.pk or bool(is_shared)


def get_member(user: User, team: Team, name_or_id: str) -> Membership:
    """Somebody's place in a team that this person sees, by user name or id; else 404."""
    places = visible_to(user, Membership).filter(team=team).select_related("user", "team")
    found = places.filter(user__username=name_or_id).first()
    if found is None:
        with suppress(ValueError):
            found = places.filter(user=UUID(name_or_id)).first()
    if found is None:
        raise Http404("No such member.")
    return found


def lock_team(user: User, team: Team) -> Team:
    """The team as this person sees it, until the transaction ends theirs alone to change.

    What is asked after this is asked of what the one before has left. Raises Http404.
    """
    with suppress(Team.DoesNotExist):
        return visible_to(user, Team).select_for_update(of=("self",)).get(pk=team.pk)
    raise Http404("No such team.")


def invitation_of(code: str) -> Invitation | None:
    """What a code invites to, whatever became of it. Until it is looked at, it is locked."""
    rows = Invitation.objects.select_related("team").select_for_update(of=("self",))
    return rows.filter(digest=Invitation.digest_of(code)).first()


def is_shown_to_team(workspace: Workspace, team: Team) -> bool:
    """Whether a team sees this workspace: its owner shared it, or an endpoint on it, with them."""
    theirs = Q(team=team, owner__memberships__team=team)
    lent = Endpoint.objects.filter(theirs, workspace=workspace, owner=workspace.owner_id)
    return lent.exists() or Workspace.objects.filter(theirs, pk=workspace.pk).exists()


def _rows(user: User, model: type, rule: Callable[[User], Q]) -> QuerySet:
    if not user.is_active:
        return model.objects.none()
    rows = model.objects.filter(rule(user))
    if model is Endpoint:
        return _with_their_workspace(user, rows)
    return with_votes(rows, user.pk) if model is Call else rows


def _with_their_workspace(user: User, endpoints: QuerySet[Endpoint]) -> QuerySet[Endpoint]:
    """Endpoints that know whether this person sees their workspace, by name and host, too."""
    seen = Workspace.objects.filter(RULES[Workspace].see(user), pk=OuterRef("workspace"))
    return endpoints.annotate(sees_workspace=Exists(seen))


def with_edit_rights(calls: QuerySet[Call], user_id) -> QuerySet[Call]:
    """Calls that know what this person may do with them.

    `is_mine`: stop and retry it, as the run is theirs. `may_edit`: change its endpoint. In the one
    query that reads them, for cards are rendered by the hundred.
    """
    people = Membership.objects.filter(team=OuterRef("endpoint__team"))
    is_admin = people.filter(user=user_id, role=Membership.Role.ADMIN)
    owner_is_in_it = people.filter(user=OuterRef("endpoint__owner"))
    may_edit = Q(endpoint__owner=user_id) | Q(Exists(is_admin)) & Q(Exists(owner_is_in_it))
    return calls.annotate(
        may_edit=may_edit & Q(endpoint__deleted_at=None), is_mine=Q(run__owner=user_id)
    )


def linked_run(token: str) -> Run | None:
    """The run that a read-only link shows to whoever has it, until it is revoked or ends."""
    links = RunLink.objects.filter(
        digest=RunLink.digest_of(token),
        expires_at__gt=timezone.now(),
        run__deleted_at=None,
        run__owner__is_active=True,
    )
    link = links.select_related("run__owner").first()
    return link and link.run


def with_votes(calls: QuerySet[Call], user_id) -> QuerySet[Call]:
    """Calls that know `own_vote` and `is_best`: what this person says of them.

    In the one query that reads them. `visible_to` answers calls like this.
    """
    own = Vote.objects.filter(call=OuterRef("pk"), user=user_id)
    return calls.annotate(
        own_vote=Subquery(own.values("value")), is_best=Exists(own.filter(is_best=True))
    )


def has_confirmed(user: User, endpoint: Endpoint | None, fingerprint: str) -> bool:
    """Whether this person lets these transforms of the endpoint run on what they send.

    Nobody's are taken on trust: whoever wrote them confirmed them by saving.
    """
    if not fingerprint:
        return True
    mine = visible_to(user, EndpointConfirmation).filter(endpoint=endpoint)
    return endpoint is not None and mine.filter(fingerprint=fingerprint).exists()


# Rules --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """Whose rows these are: who sees one, who changes one. Being superuser opens nothing."""

    see: Callable[[User], Q]
    edit: Callable[[User], Q]


def _shared(user: User, *roles: str, of: str = "") -> Q:
    """Shared with a team in which this person has one of these roles; any role if none is named.

    Who leaves a team takes along what they shared with it. `of` leads to the row that is shared.
    """
    owner, team = OuterRef(f"{of}owner"), OuterRef(f"{of}team")
    owner_is_in_it = Membership.objects.filter(user=owner, team=team)
    return Q(**{f"{of}team__in": _teams(user, *roles)}) & Exists(owner_is_in_it)


def _runnable(user: User) -> Q:
    return Q(owner=user) | _shared(user, ADMIN, MEMBER)


def _teams(user: User, *roles: str) -> QuerySet:
    memberships = Membership.objects.filter(user=user)
    return (memberships.filter(role__in=roles) if roles else memberships).values("team")


def _of_prompt(user: User, *roles: str) -> Q:
    """What belongs to a prompt of this person, or to one that is shared with them."""
    mine = Q(prompt__owner=user) | _shared(user, *roles, of="prompt__")
    return mine & Q(prompt__deleted_at=None)


def _calls_seen_by(user: User) -> QuerySet:
    return Call.objects.filter(RULES[Call].see(user)).values("pk")


def _lends_workspace(user: User) -> QuerySet:
    """Workspaces that come with an endpoint shared with this person, by the workspace's own owner.

    A colleague can add a credential there. An endpoint that somebody else made on it lends
    nothing: what its owner takes back must not stay open by way of a third person.
    """
    lent = Endpoint.objects.filter(_shared(user), workspace__owner=F("owner"))
    return lent.values("workspace")


NOBODY = Q(pk__in=())
OWN = Rule(see=lambda user: Q(owner=user), edit=lambda user: Q(owner=user))
RULES = {
    Endpoint: Rule(
        see=lambda user: Q(owner=user) | _shared(user),
        edit=lambda user: Q(owner=user) | _shared(user, ADMIN),
    ),
    Workspace: Rule(
        see=lambda user: Q(owner=user) | _shared(user) | Q(pk__in=_lends_workspace(user)),
        edit=lambda user: Q(owner=user) | _shared(user, ADMIN),
    ),
    Credential: OWN,
    Draft: OWN,
    Image: OWN,
    Run: Rule(
        see=lambda user: Q(owner=user) | _shared(user),
        edit=lambda user: Q(owner=user),
    ),
    RunEntry: Rule(
        see=lambda user: Q(run__in=Run.objects.filter(RULES[Run].see(user)).values("pk")),
        edit=lambda user: Q(run__owner=user, run__deleted_at=None),
    ),
    Prompt: Rule(
        see=lambda user: Q(owner=user) | _shared(user),
        edit=lambda user: Q(owner=user) | _shared(user, ADMIN, MEMBER),
    ),
    PromptVersion: Rule(see=_of_prompt, edit=lambda user: _of_prompt(user, ADMIN, MEMBER)),
    PromptAlias: Rule(see=_of_prompt, edit=lambda user: _of_prompt(user, ADMIN, MEMBER)),
    RunLink: Rule(see=lambda user: Q(run__owner=user), edit=lambda user: Q(run__owner=user)),
    Call: Rule(
        see=lambda user: (Q(run__owner=user) | _shared(user, of="run__")) & Q(run__deleted_at=None),
        edit=lambda user: Q(run__owner=user, run__deleted_at=None),
    ),
    ApiToken: Rule(see=lambda user: Q(user=user), edit=lambda user: Q(user=user)),
    Team: Rule(
        see=lambda user: Q(pk__in=_teams(user)), edit=lambda user: Q(pk__in=_teams(user, ADMIN))
    ),
    Invitation: Rule(
        see=lambda user: Q(team__in=_teams(user, ADMIN)),
        edit=lambda user: Q(team__in=_teams(user, ADMIN)),
    ),
    AuditEvent: Rule(see=lambda user: Q(team__in=_teams(user, ADMIN)), edit=lambda user: NOBODY),
    Membership: Rule(
        see=lambda user: Q(team__in=_teams(user)),
        edit=lambda user: Q(team__in=_teams(user, ADMIN)),
    ),
    EndpointConfirmation: Rule(see=lambda user: Q(user=user), edit=lambda user: Q(user=user)),
    Comment: Rule(
        see=lambda user: Q(call__in=_calls_seen_by(user)),
        edit=lambda user: (
            Q(call__in=_calls_seen_by(user)) & (Q(author=user) | Q(call__run__owner=user))
        ),
    ),
    Vote: Rule(
        see=lambda user: Q(call__in=_calls_seen_by(user)),
        edit=lambda user: Q(user=user, call__in=_calls_seen_by(user)),
    ),
}
