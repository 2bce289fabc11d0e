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

    is_invited = False  # set before the first save: an invitation says which team it joins

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
        VIEWER = "viewer", gettext_lazy("Viewer")
        MEMBER = "member", gettext_lazy("Member")
        ADMIN = "admin", gettext_lazy("Admin")

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=6, choices=Role, default=Role.MEMBER)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "team"], name="one_membership_per_team")
        ]


class Invitation(models.Model):
    """A place in a team for whoever has its code, once. Only a hash of the code is kept.

    The row stays when it is used or revoked, so that its code can be told what became of it.
    """

    VALID = timedelta(hours=72)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="invitations")
    email = models.CharField(max_length=254, help_text="Whom it is for, as it was typed.")
    role = models.CharField(max_length=6, choices=Membership.Role, default=Membership.Role.MEMBER)
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    @classmethod
    def make(cls, team: Team, user: User, email: str, role: str) -> tuple["Invitation", str]:
        """The stored row and its code, which nobody can read again."""
        code = secrets.token_urlsafe(32)
        row = cls.objects.create(
            team=team,
            email=email,
            role=role,
            made_by=user,
            digest=cls.digest_of(code),
            expires_at=timezone.now() + cls.VALID,
        )
        return row, code

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()

    @staticmethod
    def digest_of(code: str) -> str:
        """SHA-256 is enough here: the code is 256 random bits, not a password."""
        return hashlib.sha256(code.encode()).hexdigest()


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
