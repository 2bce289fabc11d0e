"""A stored config that can be called: kind, address, task and defaults. It holds no secret."""

import uuid

from django.conf import settings
from django.db import models

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
)


class Endpoint(models.Model):
    """One thing to send prompts to."""

    class Kind(models.TextChoices):
        SERVING = "serving", "Serving endpoint"
        DRIVER_PROXY = "driver_proxy", "Cluster driver proxy"
        DRIVER = "driver", "Direct URL"

    class Task(models.TextChoices):
        CHAT = "chat", "Chat"
        COMPLETIONS = "completions", "Completions"
        EMBEDDINGS = "embeddings", "Embeddings"
        CUSTOM = "custom", "Custom"
        RESPONSES = "responses", "Agent"

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
    params = models.JSONField(default=dict, blank=True)
    stop = models.JSONField(default=list, blank=True)
    stream = models.BooleanField(default=True)
    timeout_s = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="endpoint_name_per_owner")
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
    def place(self) -> str:
        """Where it lives, in a few words, for column headers and lists."""
        if self.kind == self.Kind.DRIVER:
            return "demo on this server" if self.is_demo else "direct URL"
        where = f"driver proxy :{self.port}" if self.port else "serving endpoint"
        return f"{self.workspace} · {where}"

    def config(self) -> dict:
        """What a call needs to know of this endpoint, as plain data that is kept with the call."""
        return {name: getattr(self, name) for name in CONFIG_FIELDS} | {
            "endpoint": str(self.id),
            "version": self.version,
            "name": self.name,
            "place": self.place,
            "workspace": str(self.workspace_id) if self.workspace_id else None,
        }
