"""Delete endpoints, workspaces, runs and prompts so that it can be taken back; later for good.

A deleted row is out of sight at once. What holds a secret is never kept that way: a workspace for
which anybody stored a credential goes at once, with all of them.
"""

from contextlib import suppress

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from . import running
from .access import visible_to
from .auditing import note
from .connecting import Refused
from .models import AuditEvent, Endpoint, Prompt, Run, User, Workspace

MOST_RUNS = 200  # purged at once: their calls are long, and nobody may wait for that


def delete_endpoint(user: User, endpoint: Endpoint) -> None:
    """Its runs stay, with the config as it was."""
    purge_deleted()
    with transaction.atomic():
        note(endpoint.team, user, AuditEvent.Verb.ENDPOINT_DELETED, endpoint, endpoint.name)
        _set_aside(user, endpoint)


def delete_run(user: User, run: Run) -> None:
    """Nobody sees it any more, and what still runs of it is stopped."""
    running.stop_run(run)
    _set_aside(user, run)


def delete_prompt(user: User, prompt: Prompt) -> None:
    """With all of its versions; the runs that came of it stay."""
    purge_deleted()
    _set_aside(user, prompt)


def delete_workspace(user: User, workspace: Workspace, *, with_credentials: bool) -> bool:
    """Answers whether it can be taken back. Endpoints that point here are deleted first, by hand.

    `with_credentials` says that whoever asks knows that those go with it. Raises Refused.
    """
    purge_deleted()
    try:
        with transaction.atomic():
            # Held, so that nobody stores a credential meanwhile.
            held = visible_to(user, Workspace).select_for_update(of=("self",))
            workspace = held.filter(pk=workspace.pk).first() or workspace
            if workspace.endpoints.exists():
                raise _in_use(user, workspace)
            if not holds_credentials(workspace):
                _set_aside(user, workspace)
                return True
            if not with_credentials:
                raise Refused("typed_name", gettext("Type the name: stored credentials go too."))
            Endpoint.deleted.filter(workspace=workspace).delete()
            workspace.delete()
            return False
    except IntegrityError as error:  # Django's own, or the database's for one just added
        raise _in_use(user, workspace) from error


def holds_credentials(workspace: Workspace) -> bool:
    """Whether anybody stored a credential for it: then its name is asked for, and it is final."""
    return workspace.credentials.exists()


def restore(row: Endpoint | Workspace | Run | Prompt) -> None:
    """Take back that it was deleted; `row` comes from access.get_restorable. Raises Refused."""
    if isinstance(row, Endpoint) and row.workspace and row.workspace.deleted_at:
        raise Refused(
            "workspace",
            gettext(
                "“%(name)s” is not restored: its workspace was deleted too. Restore that first."
            )
            % {"name": row.name},
        )
    row.deleted_at = row.deleted_by = None
    try:
        with transaction.atomic():
            row.save(update_fields=["deleted_at", "deleted_by"])
    except IntegrityError as error:
        raise Refused(
            "name",
            gettext("“%(name)s” is not restored: you have another one of that name by now.")
            % {"name": row.name},
        ) from error


def purge_deleted() -> None:
    """For good, what nobody can take back any more."""
    with suppress(IntegrityError), transaction.atomic():
        some = Run.gone().values_list("pk", flat=True)[:MOST_RUNS]
        Run.deleted.filter(pk__in=list(some)).delete()
        Endpoint.gone().delete()
        Prompt.gone().delete()
        Workspace.gone().filter(endpoints=None).delete()


def _set_aside(user: User, row: Endpoint | Workspace | Run | Prompt) -> None:
    row.deleted_at, row.deleted_by = timezone.now(), user
    row.save(update_fields=["deleted_at", "deleted_by"])


def _in_use(user: User, workspace: Workspace) -> Refused:
    seen = visible_to(user, Endpoint).filter(workspace=workspace)
    used_by = list(seen.values_list("name", flat=True)[:4]) or [gettext("a colleague’s")]
    return Refused(
        "workspace",
        gettext("Endpoints still use it: %(names)s. Delete them first.")
        % {"names": ", ".join(used_by)},
    )
