"""A stored config that can be called: kind, address, task and defaults. It holds no secret."""

import hashlib
import json
import uuid
from collections.abc import Mapping

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy

from endpoints import AddressError, addresses

from .deletable import Deletable
from .fields import ExactJSONField

CONFIG_FIELDS = (
    "kind",
    "task",
    "serving_endpoint",
    "cluster_id",
    "port",
    "path",
    "url",
    "format",
    "template",
    "params",
    "stop",
    "stream",
    "timeout_s",
    "transform_input",
    "transform_output",
    "prices",
)
PRICES = ("input", "output", "per_hour")
TRANSFORMS = ("transform_input", "transform_output")
MOST_LIMIT_HITS = 3


class Endpoint(Deletable):
    """One thing to send prompts to."""

    class Kind(models.TextChoices):
        SERVING = "serving", gettext_lazy("Serving endpoint")
        DRIVER_PROXY = "driver_proxy", gettext_lazy("Cluster driver proxy")
        DRIVER = "driver", gettext_lazy("Direct URL")

    class Task(models.TextChoices):
        CHAT = "chat", gettext_lazy("Chat")
        COMPLETIONS = "completions", gettext_lazy("Completions")
        EMBEDDINGS = "embeddings", gettext_lazy("Embeddings")
        CUSTOM = "custom", gettext_lazy("Custom")
        RESPONSES = "responses", gettext_lazy("Agent")

    class Format(models.TextChoices):
        DATAFRAME_RECORDS = "dataframe_records", "dataframe_records"
        DATAFRAME_SPLIT = "dataframe_split", "dataframe_split"
        INPUTS = "inputs", "inputs"
        INSTANCES = "instances", "instances"
        RESPONSES = "responses", "ResponsesAgent"
        CHAT_AGENT = "chat_agent", "ChatAgent"

    FORMATS_OF_MODELS = (
        Format.DATAFRAME_RECORDS,
        Format.DATAFRAME_SPLIT,
        Format.INPUTS,
        Format.INSTANCES,
    )
    FORMATS_OF_AGENTS = (Format.RESPONSES, Format.CHAT_AGENT)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="endpoints")
    team = models.ForeignKey("Team", models.SET_NULL, null=True, blank=True)
    workspace = models.ForeignKey(
        "Workspace", models.PROTECT, null=True, blank=True, related_name="endpoints"
    )
    version = models.PositiveIntegerField(default=1)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    kind = models.CharField(max_length=12, choices=Kind)
    task = models.CharField(max_length=12, choices=Task)
    serving_endpoint = models.CharField(max_length=63, blank=True)
    cluster_id = models.CharField(max_length=64, blank=True)
    port = models.PositiveIntegerField(null=True, blank=True)
    path = models.CharField(max_length=200, blank=True)
    url = models.CharField(max_length=500, blank=True)
    format = models.CharField(max_length=20, choices=Format, blank=True)
    template = models.TextField(
        blank=True, help_text="Makes one text of messages, for tasks that take a prompt."
    )
    params = ExactJSONField(default=dict, blank=True)
    stop = models.JSONField(default=list, blank=True)
    stream = models.BooleanField(default=True)
    timeout_s = models.PositiveIntegerField(null=True, blank=True)
    max_input_tokens = models.PositiveIntegerField(
        null=True, blank=True, help_text="How much it takes, for a warning before it is asked."
    )
    prices = models.JSONField(
        default=dict,
        blank=True,
        help_text="Dollars: input and output for a million tokens, per_hour for its compute.",
    )

    transform_input = models.TextField(blank=True, help_text="Source of a Python function.")
    transform_output = models.TextField(blank=True)
    transforms_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    transforms_changed_at = models.DateTimeField(null=True, editable=False)
    limit_hits = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="How often they were stopped at their limits."
    )

    refused = models.JSONField(
        default=dict, editable=False, help_text="{field: since when}: what it would not take."
    )
    # Set on rows that come through access.py, for the person who asked; else nobody is told.
    sees_workspace = False

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"],
                condition=models.Q(deleted_at=None),
                name="endpoint_name_per_owner",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def needs_workspace(self) -> bool:
        return self.kind in (self.Kind.SERVING, self.Kind.DRIVER_PROXY)

    @property
    def formats(self) -> tuple[str, ...]:
        """How its task can be asked, the usual one first; none where there is only one way."""
        if self.task == self.Task.RESPONSES:
            return self.FORMATS_OF_AGENTS
        if (self.kind, self.task) == (self.Kind.SERVING, self.Task.CUSTOM):
            return self.FORMATS_OF_MODELS
        return ()

    @property
    def takes_template(self) -> bool:
        """Whether it is sent one text, which a template may make of the messages."""
        return self.task in (self.Task.COMPLETIONS, self.Task.CUSTOM)

    @property
    def streams(self) -> bool:
        """Whether a stream is asked for; a transform of the answer takes a whole one."""
        return self.stream and not self.transform_output

    @property
    def transforms_fingerprint(self) -> str:
        """Which transforms these are, for who confirmed them; empty without any."""
        return fingerprint_of({name: getattr(self, name) for name in TRANSFORMS})

    @property
    def are_transforms_off(self) -> bool:
        """Switched off after they were stopped too often, until somebody edits them."""
        return self.limit_hits >= MOST_LIMIT_HITS

    @property
    def seen_workspace(self):
        """Its workspace for who asked for this row through access.py, if they see that too."""
        return self.workspace if self.sees_workspace else None

    @property
    def place(self) -> str:
        """Where it lives, in a few words, for column headers and lists."""
        if self.kind == self.Kind.DRIVER:
            return "demo on this server" if self.is_demo else "direct URL"
        where = f"driver proxy :{self.port}" if self.port else "serving endpoint"
        return f"{self.seen_workspace or 'workspace not shared'} · {where}"

    @property
    def host(self) -> str:
        """Host and port that its calls go to, to be counted by; empty where there is none."""
        try:
            return addresses.host_of(self.workspace.host if self.workspace else self.url)
        except AddressError:
            return ""

    def config(self) -> dict:
        """What a call needs to know of this endpoint, as plain data that is kept with the call."""
        return {name: getattr(self, name) for name in CONFIG_FIELDS} | {
            "endpoint": str(self.id),
            "version": self.version,
            "name": self.name,
            "place": self.place,
            "workspace": str(self.workspace_id) if self.workspace_id else None,
        }


class EndpointConfirmation(models.Model):
    """That somebody has read an endpoint's transforms, as they were then, and lets them run."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="confirmations")
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "endpoint", "fingerprint"], name="one_confirmation_per_version"
            )
        ]


def fingerprint_of(config: Mapping) -> str:
    """A hash of the transforms of a config, which may be older than they are."""
    sources = [config.get(name, "") for name in TRANSFORMS]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest() if any(sources) else ""
