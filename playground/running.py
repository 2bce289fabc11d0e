"""Verbs of a run: start it, keep what its calls say, end, stop and retry them.

The table of calls is the queue and the truth. Every change of status is a conditional UPDATE, so
that two workers, a stop and a reaper can meet on one row and exactly one of them wins.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext

from . import announcing, doctoring, searching, transforming
from .access import may_run, runnable_by
from .asking import Asked, TooLarge, check_asked, check_takes  # noqa: F401 - start_run raises it
from .connecting import Refused, check_params, check_stop
from .models import Call, Endpoint, PromptVersion, Run, User
from .rationing import check_pace, check_running, hold_turns

log = logging.getLogger(__name__)

LEASE_S = 6


class Conflict(Exception):
    """It does not go with how things are: a key used before, a call not over, the last admin."""


@dataclass(frozen=True)
class Variant:
    """One column as asked for: an endpoint plus this column's overrides."""

    endpoint: Endpoint
    params: dict = field(default_factory=dict)
    stop: list[str] | None = None
    repetitions: int = 1
    position: int | None = None
    thread: list[dict] = field(default_factory=list)  # earlier turns, as a call keeps them
    without: list[str] = field(default_factory=list)  # fields to leave out
    own: dict = field(default_factory=dict)  # of all this, what only the column was given


# Start --------------------------------------------------------------------------------------


def start_run(
    user: User,
    messages: Sequence[dict],
    variants: Sequence[Variant],
    *,
    inputs: Sequence[str] | None = None,
    variables: dict[str, str] | None = None,
    idempotency_key: str | None = None,
    follows: Run | None = None,
    forked_from: Run | None = None,
    prompt_version: PromptVersion | None = None,
    prompt_changes: int = 0,
) -> Run:
    """One transaction stores the run and its calls; on commit the bell rings.

    `inputs`, many texts to embed, stand instead of messages. The same idempotency key answers the
    run that it made first. Raises Refused, TooLarge, TooMany, Conflict, and Unconfirmed for
    transforms that this person has not read.
    """
    asked = check_asked(messages, inputs, variables)
    check_variants(user, variants)
    for variant in variants:
        check_takes(variant.endpoint, asked)
    fingerprint = _fingerprint(asked, variants)
    try:
        with transaction.atomic():
            hold_turns(user)
            run = _run_of_key(user, idempotency_key, fingerprint)
            if run is not None:
                return run
            check_pace(user)
            check_running(user)
            run = Run.objects.create(
                owner=user,
                messages=asked.messages,
                inputs=asked.inputs,
                variables=variables or {},
                template=asked.template,
                idempotency_key=idempotency_key or None,
                fingerprint=fingerprint,
                follows=follows,
                forked_from=forked_from,
                prompt_version=prompt_version,
                prompt_changes=prompt_changes,
            )
            run.begun = Call.objects.bulk_create(_calls_of(run, variants))
            searching.note_start(run, run.begun)
            transaction.on_commit(announcing.ring_soon)
    except IntegrityError:
        raise Refused(
            "variants", gettext("One of the endpoints was deleted just now. Choose another one.")
        ) from None
    return run


def _run_of_key(user: User, key: str | None, fingerprint: str) -> Run | None:
    """The run that this key made before."""
    run = Run.objects.filter(owner=user, idempotency_key=key).first() if key else None
    if run is not None and run.fingerprint != fingerprint:
        raise key_was_used()
    return run


def key_was_used() -> Conflict:
    return Conflict(
        gettext("This idempotency key was used for another run. Send a new key with a new prompt.")
    )


def check_variants(user: User, variants: Sequence[Variant]) -> None:
    if not variants:
        raise Refused("variants", gettext("Choose at least one endpoint to send the prompt to."))
    calls = sum(variant.repetitions for variant in variants)
    if calls > settings.MAX_VARIANTS:
        raise Refused(
            "variants",
            gettext("That is %(calls)s calls in one run; at most %(most)s are allowed.")
            % {"calls": calls, "most": settings.MAX_VARIANTS},
        )
    asked = {variant.endpoint.pk for variant in variants}
    runnable = may_run(user, asked)
    for number, variant in enumerate(variants):
        if not 1 <= variant.repetitions <= settings.MAX_REPETITIONS:
            most = {"most": settings.MAX_REPETITIONS}
            raise Refused("variants", gettext("Repetitions go from 1 to %(most)s.") % most)
        if variant.endpoint.pk not in runnable:
            raise Refused(
                "variants",
                gettext("Your role does not let you run “%(endpoint)s”.")
                % {"endpoint": variant.endpoint},
            )
        check_params(variant.params)
        check_stop(variant.stop or [])
        try:
            transforming.require_confirmed(user, variant.endpoint, variant.endpoint.config())
        except transforming.Unconfirmed as error:
            error.field = f"variants.{number}.endpoint"
            raise


def _calls_of(run: Run, variants: Sequence[Variant]) -> list[Call]:
    return [
        Call(
            run=run,
            person_id=run.owner_id,
            position=index if variant.position is None else variant.position,
            repetition=repetition,
            endpoint=variant.endpoint,
            config=variant.endpoint.config(),
            host=variant.endpoint.host,
            overrides=variant.params,
            stop_override=variant.stop,
            thread=variant.thread,
            without=variant.without,
            own_settings=variant.own,
        )
        for index, variant in enumerate(variants)
        for repetition in range(1, variant.repetitions + 1)
    ]


def _fingerprint(asked: Asked, variants: Sequence[Variant]) -> str:
    parts = [asked.messages if asked.inputs is None else asked.inputs] + [
        [str(v.endpoint.id), v.params, v.stop, v.repetitions, v.position] for v in variants
    ]
    parts += [[v.thread, v.without] for v in variants if v.thread or v.without]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


# Keep -----------------------------------------------------------------------------


def _held(worker: str):
    """The calls a worker still owns: every write of a worker goes through this fence."""
    return Call.objects.filter(worker=worker, status__in=Call.LIVE)


def keep_texts(worker: str, grown: Iterable[tuple[str, str, str, int | None]]) -> list[str]:
    """Save what grew, (call id, text, reasoning, ttft_ms), all at once. Answers lost calls."""
    lost = []
    with transaction.atomic():
        for call_id, text, reasoning, ttft_ms in grown:
            saved = {"text": text, "reasoning": reasoning, "ttft_ms": ttft_ms}
            held = _held(worker).filter(pk=call_id)
            if not held.update(**saved, status=Call.Status.STREAMING):
                lost.append(call_id)
    return lost


def note_wait(worker: str, call_id: str, reason: str) -> bool:
    """What its workspace says it waits for. False once it has begun to answer, or was lost."""
    held = _held(worker).filter(status=Call.Status.WAITING, pk=call_id)
    return bool(held.update(waits_for=reason))


def renew_leases(worker: str, call_ids: set[str]) -> tuple[set[str], set[str]]:
    """Keep these calls. Answers (ids still held, ids that somebody asked to stop)."""
    held = _held(worker).filter(pk__in=call_ids)
    held.update(lease_until=timezone.now() + timedelta(seconds=LEASE_S))
    asked = dict(held.values_list("pk", "is_stop_asked"))
    return {str(pk) for pk in asked}, {str(pk) for pk, is_asked in asked.items() if is_asked}


def end_call(worker: str, call: Call) -> bool:
    """Write the result that the worker put on `call`. False if the call is no longer its own."""
    call.ended_at = timezone.now()
    is_ended = bool(
        _held(worker)
        .filter(pk=call.pk)
        .update(
            **{
                name: getattr(call, name)
                for name in (
                    "status",
                    "text",
                    "reasoning",
                    "tool_calls",
                    "choices",
                    "vectors",
                    "custom_outputs",
                    "error",
                    "finish_reason",
                    "usage",
                    "request",
                    "response",
                    "ttft_ms",
                    "latency_ms",
                    "ended_at",
                )
            }
        )
    )
    if is_ended:
        try:
            transforming.note_failure(call.endpoint_id, call.config, call.error)
            doctoring.note_end(call)
        except DatabaseError:  # a note less; the result is stored
            log.warning("What call %s says of its endpoint is not noted.", call.pk, exc_info=True)
    return is_ended


def reap_calls(worker: str) -> list[Call]:
    """End other workers' calls whose lease is over. What may have been sent is never sent again."""
    now = timezone.now()
    lost = Call.objects.filter(status__in=Call.LIVE, lease_until__lt=now).exclude(worker=worker)
    reaped = []
    for call in lost.only("pk", "run_id", "started_at", "is_stop_asked"):
        is_stopped = call.is_stop_asked
        ended = Call.objects.filter(pk=call.pk, status__in=Call.LIVE, lease_until__lt=now).update(
            status=Call.Status.STOPPED if is_stopped else Call.Status.FAILED,
            error=None if is_stopped else WORKER_LOST,
            ended_at=now,
            latency_ms=max(0, round((now - call.started_at).total_seconds() * 1000)),
        )
        if ended:
            reaped.append(call)
    return reaped


WORKER_LOST = {
    "kind": "worker_lost",
    "message": "The server process that ran this call went away before the answer was complete.",
    "hint": "The text so far is kept. Retry to ask again; nothing is sent twice by itself.",
}


# Stop and retry -----------------------------------------------------------------------------


def stop_call(call: Call) -> None:
    """The row first, then the worker that holds it. A queued call stops without any worker."""
    stopped = Call.objects.filter(pk=call.pk, status=Call.Status.QUEUED).update(
        status=Call.Status.STOPPED, is_stop_asked=True, ended_at=timezone.now()
    )
    if stopped:
        announcing.call_changed_soon(call.run_id, call.pk)
    elif Call.objects.filter(pk=call.pk, status__in=Call.LIVE).update(is_stop_asked=True):
        worker = Call.objects.values_list("worker", flat=True).get(pk=call.pk)
        announcing.ask_to_stop_soon(worker, call.pk)


def stop_run(run: Run) -> None:
    for call in run.calls.exclude(status__in=Call.OVER):
        stop_call(call)


def retry_call(user: User, call: Call, without: Sequence[str] = ()) -> Call:
    """A new call in the same column; the old one is kept. `without` these fields, if any.

    Raises Refused, TooMany, Conflict, Unconfirmed.
    """
    if not call.has_endpoint:
        raise Refused(
            "endpoint",
            gettext("“%(name)s” was deleted. Add another endpoint to the run.")
            % {"name": call.name},
        )
    endpoint = runnable_by(user).filter(pk=call.endpoint_id).first()
    if endpoint is None:
        raise Refused(
            "endpoint", gettext("Your role does not let you run “%(name)s”.") % {"name": call.name}
        )
    if not call.is_over:
        raise Conflict(gettext("This call is still going. Stop it first, then retry."))
    transforming.require_confirmed(user, endpoint, endpoint.config())
    doctoring.check_without(call, list(without))
    place = {"run": call.run, "position": call.position, "repetition": call.repetition}
    try:
        with transaction.atomic():
            hold_turns(user)
            check_running(user, but_not=call.run_id)
            newest = Call.objects.filter(**place).aggregate(newest=Max("attempt"))["newest"]
            if Call.objects.filter(**place).exclude(status__in=Call.OVER).exists():
                raise Conflict(gettext("A retry of this call is already going."))
            again = Call.objects.create(
                **place,
                person_id=call.run.owner_id,
                attempt=newest + 1,
                endpoint=endpoint,
                config=endpoint.config(),
                host=endpoint.host,
                overrides=call.overrides,
                stop_override=call.stop_override,
                thread=call.thread,
                without=sorted({*call.without, *without}),
                own_settings=call.own_settings,
            )
            searching.note_change(call.run)
            transaction.on_commit(lambda: _announce_retry(again))
    except IntegrityError:
        raise Conflict(gettext("A retry of this call is already going.")) from None
    return again


def _announce_retry(call: Call) -> None:
    announcing.call_changed_soon(call.run_id, call.pk)
    announcing.ring_soon()
