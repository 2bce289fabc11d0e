"""Teams: made and named, their members' roles, invitations made, revoked and accepted."""

from django.core.exceptions import PermissionDenied
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.forms import ValidationError
from django.utils import timezone
from django.utils.translation import gettext

from .access import can_edit, invitation_of, lock_team
from .auditing import note
from .connecting import Refused
from .models import AuditEvent, Invitation, Membership, Team, User
from .running import Conflict
from .starting import judge_account

ADMIN = Membership.Role.ADMIN
MOST_TEAMS = 50  # that one person is in
MOST_INVITATIONS = 100  # open ones of a team
Verb = AuditEvent.Verb


class Gone(Refused):
    """An invitation that opens nothing: unknown, used, revoked or too old."""


# Teams ---------------------------------------------------------------------------------------


@transaction.atomic
def make_team(user: User, name: str) -> Team:
    """A new team with this person as its admin. Raises Refused."""
    name = _judged_name(name)
    if user.memberships.count() >= MOST_TEAMS:
        raise Refused(
            "name",
            gettext("You are in %(most)s teams, as many as allowed. Leave one first.")
            % {"most": MOST_TEAMS},
        )
    team = Team.objects.create(name=name)
    Membership.objects.create(user=user, team=team, role=ADMIN)
    note(team, user, Verb.TEAM_MADE, team, name)
    return team


@transaction.atomic
def rename_team(user: User, team: Team, name: str) -> None:
    """Raises Refused, and PermissionDenied for who is no admin of it."""
    name, before = _judged_name(name), _locked(user, team).name
    if name == before:
        return
    team.name = name
    team.save(update_fields=["name"])
    note(team, user, Verb.TEAM_RENAMED, team, name, before=before)


# Members -------------------------------------------------------------------------------------
# Saving or deleting a membership tells its person's open sockets, when it is committed: apps.py.


@transaction.atomic
def change_role(user: User, place: Membership, role: str) -> None:
    """Raises Refused, PermissionDenied, and Conflict where no admin would be left."""
    if role not in Membership.Role.values:
        raise Refused("role", gettext("Choose a role: viewer, member or admin."))
    place = _again(place, _locked(user, place.team))
    if place.role == role:
        return
    change = {"before": place.role, "role": role}
    if role != ADMIN:
        _keep_an_admin(place)
    place.role = role
    place.save(update_fields=["role"])
    note(place.team, user, Verb.ROLE_CHANGED, place.user, place.user.username, **change)


@transaction.atomic
def remove_member(user: User, place: Membership) -> None:
    """Raises PermissionDenied, and Conflict where no admin would be left."""
    place = _again(place, _locked(user, place.team))
    _take_out(place)
    note(place.team, user, Verb.MEMBER_REMOVED, place.user, place.user.username, role=place.role)


@transaction.atomic
def leave_team(user: User, team: Team) -> None:
    """Raises Conflict where no admin would be left."""
    place = lock_team(user, team).memberships.select_related("user", "team").get(user=user)
    _take_out(place)
    note(team, user, Verb.MEMBER_LEFT, user, user.username, role=place.role)


def _locked(user: User, team: Team) -> Team:
    """The team, for one of its admins alone; the role is asked once nobody else can change it."""
    team = lock_team(user, team)
    if not can_edit(user, team):
        raise PermissionDenied(gettext("Only an admin of the team does this."))
    return team


def _again(place: Membership, team: Team) -> Membership:
    found = team.memberships.select_related("user", "team").filter(pk=place.pk).first()
    if found is None:
        raise Conflict(gettext("They are in this team no more. Nothing was changed."))
    return found


def _take_out(place: Membership) -> None:
    _keep_an_admin(place)
    place.delete()


def _keep_an_admin(place: Membership) -> None:
    """Before somebody is admin no more. Somebody has to manage a team; who cannot sign in cannot.

    What they invited to is revoked: it could lead back in.
    """
    others = place.team.memberships.exclude(pk=place.pk)
    if not others.filter(role=ADMIN, user__is_active=True).exists():
        raise Conflict(
            gettext("“%(team)s” would have no admin. Make somebody else admin first.")
            % {"team": place.team}
        )
    open_invitations(place.team).filter(made_by=place.user).update(revoked_at=timezone.now())


# Invitations ---------------------------------------------------------------------------------


@transaction.atomic
def invite(user: User, team: Team, email: str, role: str) -> tuple[Invitation, str]:
    """An invitation and its code, which is shown this once. Raises Refused, PermissionDenied."""
    email = email.strip()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Refused(
            "email", gettext("Type the e-mail address of the person you invite.")
        ) from error
    if role not in Membership.Role.values:
        raise Refused("role", gettext("Choose a role: viewer, member or admin."))
    team = _locked(user, team)
    if team.memberships.filter(user__email__iexact=email).exists():
        raise Refused("email", gettext("%(email)s is in this team already.") % {"email": email})
    if open_invitations(team).count() >= MOST_INVITATIONS:
        raise Refused(
            "email",
            gettext("There are %(most)s open invitations, as many as allowed. Revoke one first.")
            % {"most": MOST_INVITATIONS},
        )
    invitation, code = Invitation.make(team, user, email, role)
    note(team, user, Verb.MEMBER_INVITED, invitation, email, role=role)
    return invitation, code


def open_invitations(team: Team) -> QuerySet[Invitation]:
    """Those that could still be accepted."""
    now = timezone.now()
    return team.invitations.filter(used_at=None, revoked_at=None, expires_at__gt=now)


@transaction.atomic
def revoke_invitation(user: User, invitation: Invitation) -> None:
    """From now on its code opens nothing; one that is used or over stays as it is."""
    team = _locked(user, invitation.team)
    fresh = open_invitations(team).filter(pk=invitation.pk)
    if fresh.update(revoked_at=timezone.now()):
        note(team, user, Verb.INVITATION_REVOKED, invitation, invitation.email)


@transaction.atomic
def read_invitation(code: str) -> Invitation:
    """What a code invites to, while it does. Raises Gone."""
    return _valid(code)


@transaction.atomic
def accept_invitation(user: User, code: str) -> Membership:
    """Join with the role that was offered, once. Raises Gone, PermissionDenied, Conflict."""
    invitation = _valid(code)
    if user.email and user.email.strip().casefold() != invitation.email.casefold():
        raise PermissionDenied(
            gettext("This invitation is for %(email)s, and your account has another address.")
            % {"email": invitation.email}
        )
    if user.memberships.filter(team=invitation.team).exists():
        raise Conflict(
            gettext("You are in “%(team)s” already. Your role stays as it is.")
            % {"team": invitation.team}
        )
    return _join(user, invitation)


def accept_with_new_account(code: str, username: str, password: str) -> User:
    """Make an account that is in this team alone. Raises Gone, Refused."""
    user = judge_account(username, password)
    try:
        with transaction.atomic():
            invitation = _valid(code)
            user.email, user.is_invited = invitation.email, True
            user.set_password(password)
            user.save(force_insert=True)
            _join(user, invitation)
    except IntegrityError as error:
        raise Refused(
            "username", gettext("Somebody here has that name already. Choose another one.")
        ) from error
    return user


def _join(user: User, invitation: Invitation) -> Membership:
    invitation.used_at = timezone.now()
    invitation.save(update_fields=["used_at"])
    place = Membership.objects.create(user=user, team=invitation.team, role=invitation.role)
    note(invitation.team, user, Verb.MEMBER_JOINED, user, user.username, role=invitation.role)
    return place


def _valid(code: str) -> Invitation:
    """Whoever has the code is told what became of it; who guesses is told one thing only."""
    invitation = invitation_of(code)
    if invitation is None:
        raise Gone("code", gettext("No such invitation. A part of the link may be missing."))
    if invitation.used_at:
        raise Gone("code", gettext("This invitation was used already. Ask for a new one."))
    if invitation.revoked_at:
        raise Gone("code", gettext("This invitation was revoked. Ask for a new one."))
    if invitation.is_expired:
        raise Gone("code", gettext("This invitation has ended. Ask for a new one."))
    return invitation


def _judged_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 120 or not name.isprintable():
        raise Refused("name", gettext("Give the team a name of 1 to 120 characters."))
    return name
