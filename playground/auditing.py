"""A team's audit log: what was done to what it shares, noted in the transaction of the change."""

from datetime import datetime

from django.db.models import Model, Q, QuerySet

from .access import is_shown_to_team, visible_to
from .models import AuditEvent, Credential, Endpoint, Team, User
from .models.endpoint import CONFIG_FIELDS


def note(
    team: Team | None, actor: User, verb: AuditEvent.Verb, row: Model, name: str = "", **detail
) -> None:
    """Write a line, unless no team is concerned: what is private is noted nowhere.

    `detail` holds names of fields, roles and numbers: no value that somebody typed into a prompt,
    a parameter or a secret's field.
    """
    if team is None:
        return
    AuditEvent.objects.create(
        team=team,
        actor=actor,
        actor_name=actor.username,
        verb=verb,
        object_kind=row._meta.model_name,
        object_id=str(row.pk),
        object_name=name[:254],
        detail=detail,
    )


def note_endpoint(endpoint: Endpoint, before: Endpoint | None, by: User) -> None:
    """To the teams that see it, or saw it: which fields are others now, not what is in them."""
    verb = AuditEvent.Verb
    was_in = before.team if before else None
    if was_in != endpoint.team:
        note(was_in, by, verb.ENDPOINT_UNSHARED, endpoint, endpoint.name)
        note(endpoint.team, by, verb.ENDPOINT_SHARED, endpoint, endpoint.name)
    elif before is not None:
        names = ("name", "workspace_id", *CONFIG_FIELDS)
        fields = [name for name in names if getattr(before, name) != getattr(endpoint, name)]
        if fields:
            note(endpoint.team, by, verb.ENDPOINT_CHANGED, endpoint, endpoint.name, fields=fields)


def note_credential(verb: AuditEvent.Verb, credential: Credential, by: User, **detail) -> None:
    """To those of the person's teams that its workspace is shown to."""
    workspace = credential.workspace
    for team in visible_to(by, Team):
        if is_shown_to_team(workspace, team):
            note(team, by, verb, credential, workspace.name, **detail)


def events_like(
    events: QuerySet[AuditEvent],
    actor: str = "",
    verb: str = "",
    object: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEvent]:
    """Those by this person, of this verb, on things whose name or id this is, from then till then.

    What is empty leaves out nothing; `until` itself is not included.
    """
    if actor:
        events = events.filter(actor_name=actor)
    if verb:
        events = events.filter(verb=verb)
    if object:
        events = events.filter(Q(object_name__icontains=object) | Q(object_id=object))
    if since:
        events = events.filter(created_at__gte=since)
    return events.filter(created_at__lt=until) if until else events
