"""A user's transforms: judged when they are saved, confirmed by whoever runs them, then run."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import F
from django.utils.translation import gettext

from endpoints import EndpointError
from endpoints.errors import TransformFailed, TransformInputFailed, TransformOutputFailed

from .access import has_confirmed
from .models import Endpoint, EndpointConfirmation, User
from .models.endpoint import MOST_LIMIT_HITS, TRANSFORMS, fingerprint_of
from .sandbox import MAX_MESSAGE, Outcome, SandboxError, sandbox

FAILURES = {"transform_input": TransformInputFailed, "transform_output": TransformOutputFailed}
HINTS = {
    "limit": f"Let it do less. After {MOST_LIMIT_HITS} such stops it is switched off until it is "
    "edited.",
    "busy": "Run again in a moment.",
    "off": "Ask whoever runs this server, or take the functions out of the endpoint.",
}


class Unconfirmed(EndpointError):
    """Somebody else's transforms, which this person has not read as they are now."""

    kind = "unconfirmed"
    hint = "Read them on the endpoint’s page and confirm there, then run again."


def as_kept(source: str) -> str:
    """A source as it is stored: a form sends line ends as CR LF, and blanks alone are none."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    return source if source.strip() else ""


def check_source(name: str, source: str, user: User | None) -> None:
    """That it can be read, in the sandbox, and has the function. Raises SandboxError."""
    sandbox.check(source, name, whose=_whose(user))


def run_source(name: str, source: str, value: Any, user: User) -> Outcome:
    """One call of the function in a source, for this person. Raises SandboxError."""
    spread = name == "transform_input"
    return sandbox.call(source, name, value, whose=_whose(user), spread=spread)


def in_words(name: str, error: SandboxError) -> str:
    """What went wrong, and where: "transform_input, line 3: KeyError: nope"."""
    place = f"line {error.line}" if error.line else ""
    said = "" if name in error.message else name
    where = ", ".join(part for part in (said, place) if part)
    words = f"{where[:1].upper() + where[1:] if not said else where}: " if where else ""
    words += error.message
    return words if len(words) <= MAX_MESSAGE else words[: MAX_MESSAGE - 1] + "…"


def failure_of(name: str, error: SandboxError) -> TransformFailed:
    """The failure of a call that a sandbox's error is."""
    return FAILURES[name](
        in_words(name, error),
        hint=HINTS.get(error.kind),
        reason=error.kind,
        line=error.line,
        column=error.column,
    )


def functions_for(user: User, endpoint: Endpoint | None, config: Mapping) -> dict[str, Callable]:
    """The transforms of a config as functions for `client_for`; they run in the sandbox.

    For this person's call to this endpoint, which may have other transforms by now. Raises
    Unconfirmed, and TransformFailed where they are switched off.
    """
    require_confirmed(user, endpoint, config)
    sources = {name: config.get(name) for name in TRANSFORMS if config.get(name)}
    is_same = endpoint is not None and fingerprint_of(config) == endpoint.transforms_fingerprint
    if is_same and endpoint.are_transforms_off:
        raise FAILURES[next(iter(sources))](
            f"The transforms of “{endpoint}” are switched off: they were stopped at their limits "
            f"{MOST_LIMIT_HITS} times.",
            reason="limit",
            hint="Edit them on the endpoint’s page; that switches them on again.",
        )
    return {name: _function(name, source, user) for name, source in sources.items()}


def _function(name: str, source: str, user: User) -> Callable:
    def function(*answer: Any, **request: Any) -> Any:
        try:
            return run_source(name, source, answer[0] if answer else request, user).value
        except SandboxError as error:
            raise failure_of(name, error) from None

    return function


def require_confirmed(user: User, endpoint: Endpoint | None, config: Mapping) -> None:
    """Raises Unconfirmed for transforms that this person has neither written nor confirmed."""
    if has_confirmed(user, endpoint, fingerprint_of(config)):
        return
    author = endpoint.transforms_by if endpoint else None
    whose = author.username if author else gettext("somebody else")
    raise Unconfirmed(
        gettext(
            "“%(endpoint)s” runs functions of %(author)s on your prompt or its answer, and "
            "you have not read them as they are now."
        )
        % {"endpoint": config["name"], "author": whose},
        hint=gettext("Read them on the endpoint’s page and confirm there, then run again."),
    )


def confirm(user: User, endpoint: Endpoint, fingerprint: str) -> bool:
    """That this person has read them and lets them run. False if they are others by now."""
    if fingerprint != endpoint.transforms_fingerprint:
        return False
    if fingerprint:
        EndpointConfirmation.objects.get_or_create(
            user=user, endpoint=endpoint, fingerprint=fingerprint
        )
    return True


def note_failure(endpoint_id: Any, config: Mapping, error: Mapping | None) -> None:
    """Count a stop at the limits, for the endpoint as it was called."""
    if (error or {}).get("reason") == "limit" and (error or {}).get("kind") in FAILURES:
        rows = Endpoint.objects.filter(pk=endpoint_id, limit_hits__lt=MOST_LIMIT_HITS)
        rows = rows.filter(**{name: config.get(name, "") for name in TRANSFORMS})
        rows.update(limit_hits=F("limit_hits") + 1)


def _whose(user: User | None) -> str:
    return str(user.pk) if user else ""
