"""Saved prompts: each a row of versions that never change, and names that point to one."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse

from .deletable import Deletable


class Prompt(Deletable):
    """What people call a prompt; what it says is in its versions."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="prompts")
    team = models.ForeignKey(
        "Team", models.SET_NULL, null=True, related_name="prompts", help_text="Who else sees it."
    )
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"],
                condition=models.Q(deleted_at=None),
                name="prompt_name_per_owner",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("prompt-detail", args=[self.pk])


class PromptVersion(models.Model):
    """One state of a prompt, as it was saved. It is made once and never changed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(help_text="1, 2, 3 … in its prompt.")
    messages = models.JSONField(help_text="[{role, content}], with {{variables}}.")
    examples = models.JSONField(default=list, help_text="[{user, assistant}], in order.")
    variables = models.JSONField(
        default=list, help_text="[{name, type, default, choices?}] of every name in the texts."
    )
    params = models.JSONField(default=dict, help_text="As typed, like the ones of a draft.")
    stop = models.JSONField(default=list, help_text="As typed: \\n is a line break.")
    extra = models.TextField(blank=True, help_text="JSON as typed.")
    tools = models.TextField(blank=True, help_text="JSON as typed.")
    response_format = models.TextField(blank=True, help_text="JSON as typed.")
    takes_lines = models.BooleanField(default=False, help_text="One input to embed per line.")
    message = models.CharField(max_length=300, blank=True, help_text="What is new in it.")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["prompt", "number"], name="prompt_version_number")
        ]

    def __str__(self) -> str:
        return f"{self.prompt} v{self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A version of a prompt never changes. Save another one.")
        super().save(*args, **kwargs)

    @property
    def defaults(self) -> dict[str, str]:
        """The value that each variable has until somebody gives another one."""
        return {each["name"]: each["default"] for each in self.variables}


class PromptAlias(models.Model):
    """A name such as `production` that points to one version of a prompt, and can be moved."""

    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="aliases")
    version = models.ForeignKey(PromptVersion, models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=60)
    moved_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["prompt", "name"], name="prompt_alias_name")]

    def __str__(self) -> str:
        return self.name
