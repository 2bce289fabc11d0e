"""A link that shows one run, read only, to whoever has it."""

import hashlib
import secrets
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone


class RunLink(models.Model):
    """Only a hash is kept: the link itself is shown once, when it is made. Revoking deletes it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey("Run", models.CASCADE, related_name="links")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["created_at"]

    @classmethod
    def make(cls, run, user, *, days: int) -> tuple["RunLink", str]:
        """The stored row and the secret part of the link, which nobody can read again."""
        token = secrets.token_urlsafe(32)
        expires_at = timezone.now() + timedelta(days=days)
        link = cls(run=run, made_by=user, digest=cls.digest_of(token), expires_at=expires_at)
        link.save(force_insert=True)
        return link, token

    @staticmethod
    def digest_of(token: str) -> str:
        """SHA-256 is enough here: the token is 256 random bits, not a password."""
        return hashlib.sha256(token.encode()).hexdigest()
