"""Where models are served: Databricks workspaces, and each person's sealed credential for one."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy

from .deletable import Deletable


class Workspace(Deletable):
    """A Databricks workspace: a name and a host."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    host = models.CharField(
        max_length=300, help_text="An origin, such as https://adb-1.2.azuredatabricks.net"
    )
    org_id = models.CharField(max_length=20, default="0", blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="workspaces")
    team = models.ForeignKey("Team", models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"],
                condition=models.Q(deleted_at=None),
                name="workspace_name_per_owner",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def short_host(self) -> str:
        return self.host.removeprefix("https://")


class Credential(models.Model):
    """One person's secret for one workspace: ciphertext only, bound to row, owner and host."""

    class Kind(models.TextChoices):
        TOKEN = "token", gettext_lazy("Token")
        OAUTH = "oauth", gettext_lazy("OAuth service principal")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="credentials")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="credentials")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.TOKEN)
    client_id = models.CharField(max_length=256, blank=True, help_text="Of a service principal.")
    sealed = models.BinaryField()
    hint = models.CharField(max_length=4)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    checked_at = models.DateTimeField(null=True)
    is_ok = models.BooleanField(null=True)
    check_result = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "owner"], name="one_credential_per_workspace"
            )
        ]

    @property
    def bound_to(self) -> tuple[str, ...]:
        """What the ciphertext is tied to: moved to another row, owner or host it will not open.

        A client secret is tied to its client id too, so that it is never sent as a token.
        """
        place = ("Credential", str(self.id), str(self.owner_id), self.workspace.host)
        return (*place, self.kind, self.client_id) if self.kind == self.Kind.OAUTH else place

    @property
    def is_oauth(self) -> bool:
        return self.kind == self.Kind.OAUTH

    @property
    def shown(self) -> str:
        """Enough to tell which one it is: the end of a token, both ends of a client id."""
        if not self.is_oauth:
            return f"••••••••{self.hint}"
        name = self.client_id
        return f"{name if len(name) <= 12 else f'{name[:4]}…{name[-4:]}'} · ••••••••"
