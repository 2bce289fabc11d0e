"""What somebody did to what a team shares: who, when, to what. Never a secret or a prompt."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy


class AuditEvent(models.Model):
    """One line of a team's audit log. Names are kept as they were; the things may be gone."""

    class Verb(models.TextChoices):
        TEAM_MADE = "team.made", gettext_lazy("made the team")
        TEAM_RENAMED = "team.renamed", gettext_lazy("renamed the team")
        MEMBER_INVITED = "member.invited", gettext_lazy("invited")
        INVITATION_REVOKED = "invitation.revoked", gettext_lazy("revoked an invitation")
        MEMBER_JOINED = "member.joined", gettext_lazy("joined the team")
        ROLE_CHANGED = "role.changed", gettext_lazy("changed the role")
        MEMBER_REMOVED = "member.removed", gettext_lazy("removed from the team")
        MEMBER_LEFT = "member.left", gettext_lazy("left the team")
        ENDPOINT_SHARED = "endpoint.shared", gettext_lazy("shared an endpoint")
        ENDPOINT_UNSHARED = "endpoint.unshared", gettext_lazy("took back an endpoint")
        ENDPOINT_CHANGED = "endpoint.changed", gettext_lazy("changed an endpoint")
        ENDPOINT_DELETED = "endpoint.deleted", gettext_lazy("deleted an endpoint")
        CREDENTIAL_SAVED = "credential.saved", gettext_lazy("stored a credential")
        CREDENTIAL_DELETED = "credential.deleted", gettext_lazy("erased a credential")
        CREDENTIAL_CHECKED = "credential.checked", gettext_lazy("checked a credential")
        RUN_SHARED = "run.shared", gettext_lazy("shared a run")
        RUN_UNSHARED = "run.unshared", gettext_lazy("took back a run")
        RUN_EXPORTED = "run.exported", gettext_lazy("exported a run")
        LINK_MADE = "link.made", gettext_lazy("made a link to a run")
        LINK_REVOKED = "link.revoked", gettext_lazy("revoked a link to a run")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey("Team", models.CASCADE, related_name="audit_events")
    created_at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    actor_name = models.CharField(max_length=150)
    verb = models.CharField(max_length=24, choices=Verb)
    object_kind = models.CharField(max_length=24)
    object_id = models.CharField(max_length=36)
    object_name = models.CharField(max_length=254, blank=True)
    detail = models.JSONField(default=dict, help_text="Names of fields, roles, numbers.")

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["team", "-created_at", "-id"], name="audit_of_team")]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Its detail as pairs of short texts."""
        return [
            (name, ", ".join(value) if isinstance(value, list) else str(value))
            for name, value in self.detail.items()
        ]
