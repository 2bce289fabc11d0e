"""What was asked and what came back: a run (one prompt, many endpoints), its calls, a draft."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from .deletable import Deletable
from .fields import ExactJSONField

MOST_WAIT_S = 24 * 3600  # an endpoint may say anything


class Run(Deletable):
    """One press of Run: one rendered prompt sent to one or more variants."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="runs")
    messages = ExactJSONField(help_text="As sent: roles and contents, variables filled in.")
    inputs = models.JSONField(null=True, help_text="Instead of messages: many texts to embed.")
    variables = models.JSONField(default=dict)
    template = ExactJSONField(null=True, help_text="The messages before variables were filled in.")
    idempotency_key = models.CharField(max_length=100, null=True, editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    follows = models.ForeignKey(
        "self", models.SET_NULL, null=True, related_name="followed_by", help_text="The turn before."
    )
    forked_from = models.ForeignKey(
        "self", models.SET_NULL, null=True, related_name="forks", help_text="Whose prompt it took."
    )
    prompt_version = models.ForeignKey(
        "PromptVersion", models.SET_NULL, null=True, related_name="runs", help_text="What it ran."
    )
    prompt_changes = models.PositiveSmallIntegerField(
        default=0, help_text="In how many fields what it asked differs from that version."
    )
    name = models.CharField(max_length=120, blank=True, help_text="A title that somebody gave it.")
    tags = models.JSONField(default=list, help_text="Words to find it by, in order.")
    notes = models.TextField(blank=True)
    team = models.ForeignKey(
        "Team", models.SET_NULL, null=True, related_name="runs", help_text="Who else sees it."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    # The calls, on a run that was begun just now: nobody has to read them.
    begun: "Sequence[Call]" = ()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="runs_of_owner"),
            # Only what is shared, or on its way out: small parts of a big table.
            models.Index(
                fields=["team", "-created_at", "-id"],
                name="runs_of_team",
                condition=models.Q(team__isnull=False),
            ),
            models.Index(
                fields=["deleted_at"],
                name="runs_deleted",
                condition=models.Q(deleted_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["owner", "idempotency_key"], name="one_run_per_key")
        ]

    def get_absolute_url(self) -> str:
        return reverse("run-detail", args=[self.id])

    @property
    def title(self) -> str:
        """What somebody called this run, else the first words of its last user message."""
        if self.name:
            return self.name
        if self.inputs is not None:
            words = gettext("%(number)s inputs: %(first)s")
            asked = words % {"number": len(self.inputs), "first": self.inputs[0]}
        else:
            by_user = [message for message in self.messages if message["role"] == "user"]
            asked = text_of(by_user[-1] if by_user else self.messages[-1])
        words = " ".join(asked.split()) or gettext("Without words")
        return words if len(words) <= 60 else words[:59].rstrip() + "…"

    @property
    def status(self) -> str:
        """`running` while any call may still change, then `ended`."""
        return "ended" if all(call.is_over for call in self.calls.all()) else "running"

    def current_calls(self) -> list["Call"]:
        """The newest attempt of every column, in column order."""
        newest = {(call.position, call.repetition): call for call in self.calls.all()}
        return [newest[key] for key in sorted(newest)]


class Call(models.Model):
    """One variant's request and answer within a run. The table of calls is also the queue."""

    class Status(models.TextChoices):
        QUEUED = "queued", gettext_lazy("Queued")
        WAITING = "waiting", gettext_lazy("Waiting for first token")
        STREAMING = "streaming", gettext_lazy("Streaming")
        DONE = "done", gettext_lazy("Done")
        FAILED = "failed", gettext_lazy("Failed")
        STOPPED = "stopped", gettext_lazy("Stopped by you")

    LIVE = (Status.WAITING, Status.STREAMING)
    OVER = (Status.DONE, Status.FAILED, Status.STOPPED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(Run, models.CASCADE, related_name="calls")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        db_index=False,
        related_name="+",
        help_text="Whose run it is, for the queue.",
    )
    position = models.PositiveSmallIntegerField(help_text="0 for column A, 1 for B, and so on.")
    repetition = models.PositiveSmallIntegerField(default=1)
    attempt = models.PositiveSmallIntegerField(default=1)
    endpoint = models.ForeignKey("Endpoint", models.SET_NULL, null=True, related_name="calls")
    config = ExactJSONField(help_text="The endpoint as it was when the run began.")
    host = models.CharField(max_length=300, default="", help_text="Where it goes; never shown.")
    overrides = ExactJSONField(default=dict, help_text="Parameters set for this column.")
    stop_override = models.JSONField(null=True)
    without = models.JSONField(default=list, help_text="Fields left out after they were refused.")
    thread = ExactJSONField(
        default=list, help_text="Earlier turns of this column: [{call, messages, answer}]."
    )
    own_settings = ExactJSONField(
        default=dict, help_text="Of these, what the column alone was given, `stop` with it."
    )

    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    is_stop_asked = models.BooleanField(default=False)
    worker = models.CharField(max_length=200, blank=True, help_text="Channel of the owner.")
    lease_until = models.DateTimeField(null=True)
    waits_for = models.CharField(
        max_length=20, blank=True, help_text="What its workspace said of a long wait."
    )

    text = models.TextField(blank=True, help_text="Of the first choice.")
    reasoning = models.TextField(blank=True)
    tool_calls = models.JSONField(null=True, help_text="[{id, name, arguments}], in order.")
    choices = models.JSONField(null=True, help_text="Every choice, kept when there are several.")
    vectors = models.JSONField(null=True, help_text="One per input.")
    custom_outputs = ExactJSONField(null=True, help_text="What an agent gave beside its answer.")
    error = models.JSONField(null=True)
    finish_reason = models.CharField(max_length=60, null=True)
    usage = models.JSONField(null=True)
    request = ExactJSONField(null=True)
    response = ExactJSONField(null=True)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ttft_ms = models.PositiveIntegerField(null=True)
    latency_ms = models.PositiveIntegerField(null=True)

    # Set on rows that are read for somebody's page (access.with_edit_rights).
    is_mine = False
    # What the person who looks on says of it, told by access.with_votes: their thumb (None without
    # any vote of theirs), and whether it is the best of its run to them.
    own_vote: int | None = None
    is_best = False

    class Meta:
        ordering = ["position", "repetition", "attempt"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "position", "repetition", "attempt"], name="one_call_per_attempt"
            )
        ]
        indexes = [
            # The queue and the leases are small parts of a big table: partial indexes keep them so.
            models.Index(
                fields=["person", "created_at", "position"],
                name="calls_in_line",
                condition=models.Q(status="queued"),
            ),
            models.Index(
                fields=["created_at"], name="calls_queued", condition=models.Q(status="queued")
            ),
            models.Index(
                fields=["lease_until"],
                name="calls_live",
                condition=models.Q(status__in=["waiting", "streaming"]),
            ),
        ]

    @property
    def letter(self) -> str:
        """A, B … Z, AA, AB …: the name of the column everywhere."""
        first, last = divmod(self.position, 26)
        return (chr(64 + first) if first else "") + chr(65 + last)

    @property
    def slot(self) -> str:
        """The column's place on the board, as part of element ids: a, b, b-2 …"""
        return self.letter.lower() + (f"-{self.repetition}" if self.repetition > 1 else "")

    @property
    def params(self) -> dict:
        """What is sent: the endpoint's defaults, then this column's overrides."""
        params = self.config["params"] | self.overrides
        return {name: value for name, value in params.items() if name not in self.without}

    @property
    def stop(self) -> list[str]:
        if "stop" in self.without:
            return []
        return self.config["stop"] if self.stop_override is None else self.stop_override

    @property
    def series(self) -> str:
        """Which of the eight hues the column wears."""
        return "abcdefgh"[self.position % 8]

    @property
    def is_over(self) -> bool:
        return self.status in self.OVER

    @property
    def is_live(self) -> bool:
        return self.status in self.LIVE

    @property
    def name(self) -> str:
        return self.config["name"]

    @property
    def place(self) -> str:
        return self.config["place"]

    @property
    def has_endpoint(self) -> bool:
        """Whether what it was sent to is still there; who deletes one can take that back."""
        return self.endpoint is not None and self.endpoint.deleted_at is None

    @property
    def queued_ms(self) -> int | None:
        return _milliseconds(self.created_at, self.started_at)

    @property
    def elapsed_ms(self) -> int:
        """Time since the request began, or 0 while queued."""
        if self.latency_ms is not None:
            return self.latency_ms
        return _milliseconds(self.started_at, self.ended_at or timezone.now()) or 0

    @property
    def retry_at(self) -> datetime | None:
        """When the endpoint said that it may be asked again, if it did."""
        wait_s = (self.error or {}).get("retry_after_s")
        if wait_s is None or self.ended_at is None:
            return None
        return self.ended_at + timedelta(seconds=min(wait_s, MOST_WAIT_S))

    @property
    def input_tokens(self) -> int | None:
        return (self.usage or {}).get("input_tokens")

    @property
    def output_tokens(self) -> int | None:
        return (self.usage or {}).get("output_tokens")

    @property
    def messages(self) -> list[dict]:
        """What is sent: the earlier turns of this column, then what the run asks."""
        turns = [message for turn in self.thread for message in (*turn["messages"], turn["answer"])]
        return turns + self.run.messages

    @property
    def vector(self) -> list[float] | None:
        """The one vector of a single input."""
        return self.vectors[0] if self.vectors and len(self.vectors) == 1 else None

    @property
    def has_answer(self) -> bool:
        """Whether anything came back, in words or not."""
        return bool(self.text or self.tool_calls or self.vectors or self.custom_outputs)

    @property
    def can_be_voted(self) -> bool:
        return self.is_over and self.has_answer

    @property
    def is_thought_alone(self) -> bool:
        """Whether reasoning is all there is of it, as yet or because it went no further."""
        return bool(self.reasoning and not self.has_answer) and self.status != self.Status.DONE

    @property
    def cost(self) -> float | None:
        """Dollars, estimated from the prices that its endpoint had; None when unknown.

        Tokens as the endpoint counted them, and the time of the request of what is paid by the
        hour. A price that is not set costs nothing; one whose tokens nobody counted leaves the
        whole unknown.
        """
        prices = self.config.get("prices")
        if not prices or not self.is_over or self.started_at is None:
            return None
        amounts = {
            "input": (self.input_tokens, 1_000_000),
            "output": (self.output_tokens, 1_000_000),
            "per_hour": (self.latency_ms, 3_600_000),
        }
        cost = 0.0
        for name, price in prices.items():
            amount, unit = amounts[name]
            if amount is None:
                return None
            cost += price * amount / unit
        return round(cost, 12)

    @property
    def tokens_per_s(self) -> float | None:
        """Output tokens over the time since the first one; over all the time if not streamed."""
        if not self.output_tokens or not self.latency_ms:
            return None
        streamed_ms = self.latency_ms - (self.ttft_ms or 0)
        if streamed_ms < 1:
            streamed_ms = self.latency_ms
        return round(self.output_tokens * 1000 / streamed_ms, 1)


class Draft(models.Model):
    """What one person has in the playground: the prompt as typed, the columns, the last run."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="draft"
    )
    messages = models.JSONField(
        default=list, help_text="[{role, content, images?}], ids of images."
    )
    examples = models.JSONField(default=list, help_text="[{user, assistant}], in order.")
    variables = models.JSONField(default=dict, help_text="Values for {{name}}, empty ones too.")
    params = models.JSONField(default=dict)
    stop = models.JSONField(default=list)
    extra = models.TextField(blank=True, help_text="Extra JSON exactly as typed, valid or not.")
    tools = models.TextField(blank=True, help_text="JSON as typed.")
    response_format = models.TextField(blank=True, help_text="JSON as typed.")
    takes_lines = models.BooleanField(default=False, help_text="One input to embed per line.")
    columns = ExactJSONField(
        default=list,
        help_text="[{position, endpoint, own?}], in order; `own` as in a call's own_settings.",
    )
    removed = ExactJSONField(
        default=list, help_text="[{at, column}]: the last columns removed, and their places."
    )
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="+")
    forked_from = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="+")
    prompt_version = models.ForeignKey(
        "PromptVersion", models.SET_NULL, null=True, related_name="+", help_text="Loaded or saved."
    )
    replaced = ExactJSONField(null=True, help_text="What was here before the last fork.")
    saved_at = models.DateTimeField(auto_now=True)


def text_of(message: dict) -> str:
    """What a message says in words; images and tool calls say nothing here."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part.get("type") == "text")


def _milliseconds(since, until) -> int | None:
    if since is None or until is None:
        return None
    return max(0, round((until - since).total_seconds() * 1000))
