"""Who works here: people, the teams they share with, and their API tokens."""

import hashlib
import secrets
import uuid
from datetime import timedelta

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy


class User(AbstractUser):
    """A person with an account."""

    class Theme(models.TextChoices):
        AUTO = "", gettext_lazy("Automatic")
        LIGHT = "light", gettext_lazy("Light")
        DARK = "dark", gettext_lazy("Dark")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    theme = models.CharField(max_length=5, choices=Theme, default=Theme.AUTO, blank=True)
    has_keys = models.BooleanField(
        default=True, help_text="Single letters do something where no field has the focus."
    )
    language = models.CharField(
        max_length=10, default="", blank=True, help_text="Empty: as the browser asks."
    )
    sessions_ended = models.PositiveIntegerField(default=0, help_text="How often all at once.")

    def get_session_auth_hash(self) -> str:
        """A session holds it: another password, or one ending more, and the session is over."""
        return f"{super().get_session_auth_hash()}.{self.sessions_ended}"

    @property
    def initials(self) -> str:
        return (self.first_name[:1] + self.last_name[:1] or self.username[:2]).upper()


class Team(models.Model):
    """People who share endpoints and runs, never secrets."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's place in one team."""

    class Role(models.TextChoices):
        VIEWER = "viewer", "Viewer"
        MEMBER = "member", "Member"
        ADMIN = "admin", "Admin"

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=6, choices=Role, default=Role.MEMBER)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "team"], name="one_membership_per_team")
        ]


class ApiToken(models.Model):
    """A key to the API. Only its hash is kept; the token itself is shown once, when made."""

    class Scope(models.TextChoices):
        READ = "read", "Read"
        RUN = "run", "Run and change"

    PREFIX = "pp_"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=120)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=4, editable=False)
    scope = models.CharField(max_length=4, choices=Scope, default=Scope.RUN)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    @classmethod
    def make(
        cls, user: User, name: str, *, scope: str = Scope.RUN, days: int | None = None
    ) -> tuple["ApiToken", str]:
        """The stored row and the token itself, which nobody can read again."""
        token = cls.PREFIX + secrets.token_urlsafe(32)
        row = cls.objects.create(
            user=user,
            name=name,
            digest=cls.digest_of(token),
            hint=token[-4:],
            scope=scope,
            expires_at=timezone.now() + timedelta(days=days) if days else None,
        )
        return row, token

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def allows(self, method: str) -> bool:
        """Whether a request of this HTTP method is within the scope."""
        return self.scope == self.Scope.RUN or method in ("GET", "HEAD", "OPTIONS")

    @staticmethod
    def digest_of(token: str) -> str:
        """SHA-256 is enough here: the token is 256 random bits, not a password."""
        return hashlib.sha256(token.encode()).hexdigest()
