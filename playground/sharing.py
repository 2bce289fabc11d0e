"""Share runs: with a team whose members may look, or by a link that shows one run, read only."""

from django.db import transaction
from django.utils.translation import gettext

from . import announcing, searching
from .access import teams_to_share_with
from .auditing import note
from .connecting import Refused
from .models import AuditEvent, Run, RunLink, Team, User

LINK_DAYS = (1, 7, 30, 90)
MOST_LINKS = 20  # per run


def share_run(user: User, run: Run, team: Team | None) -> None:
    """Let everybody in this team see the run, or with None nobody but its owner. Raises Refused."""
    if team is not None and not teams_to_share_with(user).filter(pk=team.pk).exists():
        raise Refused(
            "team",
            gettext("You are no member of “%(team)s” who may share there. Nothing was shared.")
            % {"team": team.name},
        )
    with transaction.atomic():
        before, run.team = run.team, team
        run.save(update_fields=["team"])
        if before != team:
            note(before, user, AuditEvent.Verb.RUN_UNSHARED, run, run.name)
            note(team, user, AuditEvent.Verb.RUN_SHARED, run, run.name)
        searching.index_run(run)
    announcing.run_shared_soon(run.pk)  # who may not look any more is cut off at once


def make_link(user: User, run: Run, days: int) -> tuple[RunLink, str]:
    """A link that shows this run to whoever has it, and its secret part. Raises Refused."""
    if days not in LINK_DAYS:
        raise Refused(
            "days",
            gettext("A link ends after %(days)s days. Choose one of these.")
            % {"days": ", ".join(map(str, LINK_DAYS))},
        )
    if run.links.count() >= MOST_LINKS:
        raise Refused(
            "days",
            gettext("This run has %(most)s links, as many as allowed. Revoke one first.")
            % {"most": MOST_LINKS},
        )
    with transaction.atomic():
        link, token = RunLink.make(run, user, days=days)
        note(run.team, user, AuditEvent.Verb.LINK_MADE, run, run.name, days=days)
    return link, token


def revoke_link(user: User, link: RunLink) -> None:
    """Whoever has the link sees nothing from now on."""
    with transaction.atomic():
        note(link.run.team, user, AuditEvent.Verb.LINK_REVOKED, link.run, link.run.name)
        link.delete()
