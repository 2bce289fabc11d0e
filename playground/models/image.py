"""Pictures attached to messages of a draft."""

import base64
import uuid

from django.conf import settings
from django.db import models


class Image(models.Model):
    """A picture that somebody attached to a message of the draft. Runs hold a copy of their own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="images")
    name = models.CharField(max_length=100)
    media_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    data = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        """photo.png · PNG · 34 KB · 640 × 480"""
        kind = self.media_type.partition("/")[2].upper()
        size = f"{max(1, round(len(self.data) / 1024)):,} KB"
        return f"{self.name} · {kind} · {size} · {self.width} × {self.height}"

    @property
    def url(self) -> str:
        """As a data: URL, the form in which models take it."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"
