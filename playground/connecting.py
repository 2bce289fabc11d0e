"""Set up where prompts go: workspaces, credentials and endpoints, and a check that each works."""

import copy
import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from endpoints import (
    AddressError,
    Client,
    EndpointError,
    Event,
    OAuthClient,
    Prompt,
    Template,
    Text,
    Token,
    Vectors,
    addresses,
    client_for,
    whoami,
)
from endpoints.errors import BadRequest, EgressDenied, Forbidden, NoCredential, PromptError
from endpoints.workspace import WorkspaceApi

from . import rotating, transforming, vault
from .access import (
    credential_of,
    is_shown_to_team,
    may_run,
    runner_of,
    teams_to_share_with,
    visible_to,
)
from .auditing import note_credential, note_endpoint
from .egress import egress, limits
from .languages import written
from .models import AuditEvent, Call, Credential, Endpoint, Team, User, Workspace
from .models.endpoint import PRICES, TRANSFORMS
from .notation import write_vector
from .sandbox import SandboxError
from .threads import let_connection_go

log = logging.getLogger(__name__)

DEEPEST = 100  # levels of nested JSON
MAX_DEFAULTS = 128 * 1024  # bytes of parameters, or of stop sequences: every call keeps a copy
MAX_TEMPLATE = 20_000
MAX_PRICE = 1_000_000  # dollars
MAX_INPUT_TOKENS = 100_000_000
ASK_FOR_S = 10  # how long a workspace may take to say what a call waits for
# The fields of each kind's address: who judges them, and what stands for one that is empty.
ADDRESS_PARTS = {
    Endpoint.Kind.SERVING: (("serving_endpoint", addresses.serving_endpoint_name, ""),),
    Endpoint.Kind.DRIVER_PROXY: (
        ("cluster_id", addresses.cluster_id, ""),
        ("port", addresses.port, ""),
        ("path", addresses.url_path, "/"),
    ),
    Endpoint.Kind.DRIVER: (("url", lambda url: addresses.driver_url(url, egress()), ""),),
}
ASK_FOR_IT = "Nothing was sent. Ask its owner to share it with you, then run again."

# \u0000 in JSON text, unless its backslash is itself escaped.
NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class Refused(ValueError):
    """What somebody asked for cannot be done as it is: the field at fault and what to do.

    `line` counts from 1 in a field that holds source text.
    """

    def __init__(self, field: str, message: str, line: int | None = None):
        super().__init__(message)
        self.field, self.message, self.line = field, message, line


class Mistyped(Refused):
    """Fields that are wrong, all of them: {field: words}. As one refusal it is the first."""

    def __init__(self, mistakes: dict[str, str]):
        super().__init__(*next(iter(mistakes.items())))
        self.mistakes = mistakes


# Workspaces and credentials -----------------------------------------------------------------


def save_workspace(workspace: Workspace) -> Workspace:
    """Validate and store. A changed host drops credentials: they were sealed for the old one."""
    org_id = addresses.remembered_org(workspace.host)
    with _fields_named():
        workspace.host = addresses.workspace_origin(workspace.host, egress())
    workspace.name = _name(workspace.name, gettext("a workspace"))
    before = Workspace.objects.filter(pk=workspace.pk).values_list("host", flat=True).first()
    if org_id or before != workspace.host:
        workspace.org_id = org_id or "0"  # another host's number would lead nowhere on this one
    with transaction.atomic():
        if before not in (None, workspace.host):
            workspace.credentials.all().delete()
        _save_named(workspace)
    return workspace


def save_credential(
    user: User, workspace: Workspace, token: str, seen_host: str | None = None
) -> Credential:
    """Seal a personal access token for this person and this workspace's host.

    `seen_host` is the host that the form showed: a token is never kept for, or sent to, another.
    """
    with _fields_named():
        Token(token)
    _same_host(workspace, seen_host, "token", gettext("the token"))
    return _store(user, workspace, token)


def save_oauth(
    user: User,
    workspace: Workspace,
    client_id: str,
    client_secret: str,
    seen_host: str | None = None,
) -> Credential:
    """The same for a service principal: its secret is sealed, its client id kept as it is."""
    with _fields_named():
        OAuthClient(client_id, client_secret)
    _same_host(workspace, seen_host, "client_secret", gettext("the client secret"))
    return _store(user, workspace, client_secret, client_id)


def _same_host(workspace: Workspace, seen_host: str | None, field: str, what: str) -> None:
    if seen_host is not None and seen_host != workspace.host:
        raise Refused(
            field,
            gettext(
                "The host of “%(workspace)s” was changed to %(host)s meanwhile. Nothing was "
                "stored; type %(what)s again if it is for that host."
            )
            % {"workspace": workspace, "host": workspace.host, "what": what},
        )


def _store(user: User, workspace: Workspace, secret: str, client_id: str = "") -> Credential:
    try:
        return _seal(user, workspace, secret, client_id)
    except IntegrityError:  # stored twice at the same moment: the later one stands
        return _seal(user, workspace, secret, client_id)


@transaction.atomic
def _seal(user: User, workspace: Workspace, secret: str, client_id: str) -> Credential:
    rotating.prepare_to_seal()
    credential = credential_of(user, workspace) or Credential(owner=user, workspace=workspace)
    credential.kind = Credential.Kind.OAUTH if client_id else Credential.Kind.TOKEN
    credential.client_id = client_id
    credential.sealed = vault.seal(secret, credential.bound_to)
    credential.hint = (client_id or secret)[-4:]
    credential.checked_at = credential.is_ok = None
    credential.check_result = ""
    credential.save()
    note_credential(AuditEvent.Verb.CREDENTIAL_SAVED, credential, user, kind=credential.kind)
    return credential


@transaction.atomic
def delete_credential(user: User, workspace: Workspace) -> None:
    """Erase this person's own secret for a workspace, if there is one."""
    credential = credential_of(user, workspace)
    if credential is not None:
        note_credential(AuditEvent.Verb.CREDENTIAL_DELETED, credential, user)
        credential.delete()


def check_workspace(user: User, workspace: Workspace) -> dict:
    """Ask the workspace who we are there: {ok, user_name} or {ok, error}."""
    credential = credential_of(user, workspace)
    if credential is None:
        return {"ok": False, "error": describe(_no_credential(workspace))}
    let_connection_go()
    try:
        opened = reveal(credential, "check")
        with _bad_addresses_told("Edit the workspace, then check again."):
            name = whoami(workspace.host, opened, egress=egress(), limits=limits(30))
        name = storable(opened.scrub(name))
        answer = {"ok": True, "user_name": name}
    except EndpointError as error:
        answer = {"ok": False, "error": describe(error)}
    with transaction.atomic():
        # Only if it is still the credential that was checked: it may have been replaced meanwhile.
        Credential.objects.filter(pk=credential.pk, changed_at=credential.changed_at).update(
            checked_at=timezone.now(),
            is_ok=answer["ok"],
            check_result=(name if answer["ok"] else answer["error"]["message"])[:300],
        )
        note_credential(AuditEvent.Verb.CREDENTIAL_CHECKED, credential, user, ok=answer["ok"])
    return answer


def reveal(credential: Credential, purpose: str) -> Token | OAuthClient:
    """Open a credential, just before the request that needs it: the one place that does.

    `purpose` says what for: call, check, manage. Raises NoCredential if it will not open.
    """
    what = "client secret" if credential.is_oauth else "token"
    try:
        secret = _opened(credential)
    except vault.CannotOpen as error:
        raise NoCredential(
            _why_closed(credential, what, error),
            hint=f"Type the {what} again on the Workspaces page, then run again.",
        ) from error
    log.info("Credential %s of user %s opened: %s.", credential.pk, credential.owner_id, purpose)
    return OAuthClient(credential.client_id, secret) if credential.is_oauth else Token(secret)


def _opened(credential: Credential) -> str:
    try:
        return vault.open_sealed(credential.sealed, credential.bound_to)
    except vault.CannotOpen:
        # Perhaps it was sealed anew, with another key, since the row was read.
        sealed = Credential.objects.filter(pk=credential.pk).values_list("sealed", flat=True)
        credential.sealed = sealed.first() or b""
        return vault.open_sealed(credential.sealed, credential.bound_to)


def _why_closed(credential: Credential, what: str, error: vault.CannotOpen) -> str:
    if isinstance(error, vault.KeyMissing):
        return f"This server’s key does not open your stored {what} for “{credential.workspace}”."
    return (
        f"Your stored {what} for “{credential.workspace}” was not sealed for "
        f"{credential.workspace.host}, so it is not sent there."
    )


def is_usable(credential: Credential) -> bool:
    """Whether it opens where it is now: not after its workspace's host was changed by hand."""
    return vault.is_sealed_for(credential.sealed, credential.bound_to)


# Endpoints ----------------------------------------------------------------------------------


@transaction.atomic
def save_endpoint(endpoint: Endpoint, by: User | None = None) -> list[str]:
    """Validate and store; a changed config is a new version. Answers warnings, if any.

    Who saves transforms has read them; everybody else confirms them before the first run. Raises
    Mistyped, which holds everything that is wrong with it, and Refused for a transform.
    """
    before = _stored(endpoint)
    mistakes = mistakes_of(endpoint, before, by)
    if mistakes:
        raise Mistyped(mistakes)
    with _fields_named():
        client_of(endpoint.config(), endpoint.workspace, credential=None)
    has_new_transforms = _take_transforms(endpoint, before, by)
    if before and _address_of(before) != _address_of(endpoint):
        endpoint.version = before.version + 1
        endpoint.refused = {}  # it may take other fields by now
    if before and before.url != endpoint.url:
        endpoint.is_demo = False  # moved by hand, it is no longer the bundled one
    _save_named(endpoint)
    if has_new_transforms and by is not None:
        transforming.confirm(by, endpoint, endpoint.transforms_fingerprint)
    note_endpoint(endpoint, before, by or endpoint.owner)
    return warnings_of(endpoint)


@transaction.atomic
def judge_endpoint(endpoint: Endpoint, by: User | None = None) -> None:
    """Refuse what is wrong with it whatever its task, before anybody is asked for that.

    Changes nothing. Raises Mistyped, and Refused for a transform, as saving it would.
    """
    before = _stored(endpoint)
    trial = copy.copy(endpoint)
    # The template as it came: a task that takes none may not be the one that is found.
    mistakes = _refusals([lambda: _check_template(endpoint)]) | mistakes_of(trial, before, by)
    if mistakes:
        raise Mistyped(mistakes)
    _take_transforms(trial, before, by)


def _stored(endpoint: Endpoint) -> Endpoint | None:
    return Endpoint.objects.filter(pk=endpoint.pk).first()


def mistakes_of(
    endpoint: Endpoint, before: Endpoint | None, by: User | None = None
) -> dict[str, str]:
    """Everything that is wrong with it: {field: words}; `before` is the one that is stored.

    `by` is who changes it, its owner unless told. What its kind and task do not use is cleared.
    """
    if endpoint.kind not in Endpoint.Kind:
        return {"kind": gettext("Choose a kind: serving, driver_proxy or driver.")}
    checks = (
        lambda: _check_name(endpoint),
        lambda: _check_owner_sees_workspace(endpoint, before),
        lambda: _check_may_share(endpoint, before, by or endpoint.owner),
        lambda: _keep_what_the_kind_uses(endpoint),
        lambda: _check_team_sees_workspace(endpoint, by or endpoint.owner),
        lambda: _keep_what_the_task_uses(endpoint, before),
        *(partial(_check_part, endpoint, *part) for part in ADDRESS_PARTS[endpoint.kind]),
        lambda: _check_template(endpoint),
        lambda: check_params(endpoint.params),
        lambda: check_stop(endpoint.stop),
        lambda: _check_timeout(endpoint),
        lambda: _check_max_input_tokens(endpoint),
        *(partial(_check_price, endpoint.prices, name) for name in PRICES),
    )
    return _refusals(checks)


def _refusals(checks: Iterable[Callable[[], None]]) -> dict[str, str]:
    """What the checks refuse, all of them: {field: words}."""
    mistakes: dict[str, str] = {}
    for check in checks:
        try:
            check()
        except Refused as refused:
            mistakes.setdefault(refused.field, refused.message)
    return mistakes


def _check_owner_sees_workspace(endpoint: Endpoint, before: Endpoint | None) -> None:
    """An admin may change a colleague’s endpoint, but not point it where its owner cannot go."""
    if endpoint.workspace is None or before and before.workspace_id == endpoint.workspace_id:
        return
    if not visible_to(endpoint.owner, Workspace).filter(pk=endpoint.workspace_id).exists():
        raise Refused(
            "workspace",
            gettext(
                "“%(workspace)s” is not shared with %(owner)s, who owns this endpoint. "
                "Choose a workspace that both of you see."
            )
            % {"workspace": endpoint.workspace, "owner": endpoint.owner},
        )


def _check_may_share(endpoint: Endpoint, before: Endpoint | None, by: User) -> None:
    """Viewers only look; what they shared before they were one stays as it is."""
    team = endpoint.team
    if team is None or before and before.team_id == team.pk:
        return
    if not teams_to_share_with(by).filter(pk=team.pk).exists():
        raise Refused(
            "team",
            gettext("You are no member of “%(team)s” who may share there. Nothing was shared.")
            % {"team": team.name},
        )


def _check_team_sees_workspace(endpoint: Endpoint, by: User) -> None:
    """An endpoint tells its team the workspace's name and host: only its owner shows those.

    The words name no workspace: who reads them may not see it any more.
    """
    workspace, team = endpoint.workspace, endpoint.team
    if team is None or workspace is None or workspace.owner_id == by.pk:
        return
    if not is_shown_to_team(workspace, team):
        raise Refused(
            "team",
            gettext(
                "Its workspace is not shared with %(team)s, who would see its name and host. "
                "Choose Private, or ask the workspace’s owner to share an endpoint on it "
                "with that team."
            )
            % {"team": team},
        )


def warnings_of(endpoint: Endpoint) -> list[str]:
    warnings = []
    if endpoint.port and not addresses.is_usual_port(endpoint.port):
        warnings.append(
            gettext(
                "Port %(port)s is outside 3000-8000, the range that Databricks recommends for "
                "driver apps. Some workspaces do not pass it on."
            )
            % {"port": endpoint.port}
        )
    if endpoint.are_transforms_off:
        warnings.append(
            gettext(
                "Its transforms are switched off: they were stopped at their limits several times. "
                "Edit them to switch them on again."
            )
        )
    return warnings


def check_endpoint(user: User, endpoint: Endpoint) -> dict:
    """Send a tiny prompt: {ok, latency_ms, answer} or {ok, latency_ms, error}."""
    started = time.monotonic()
    ping = ({"role": "user", "content": "ping"},)
    prompt = Prompt(messages=ping, params=endpoint.params, stop=endpoint.stop)
    try:
        workspace = _workspace_for(user, endpoint.workspace_id, endpoint.name)
        functions = transforming.functions_for(user, endpoint, endpoint.config())
        client = _client_in(user, endpoint.config(), workspace, "check", functions)
        let_connection_go()
        answer = {"ok": True, "answer": storable(_in_words(client.stream(prompt)))}
    except EndpointError as error:
        answer = {"ok": False, "error": storable(describe(error))}
        transforming.note_failure(endpoint.pk, endpoint.config(), answer["error"])
    return answer | {"latency_ms": round((time.monotonic() - started) * 1000)}


def _in_words(events: Iterator[Event]) -> str:
    """What an answer says: its text, or what its first vector is like."""
    texts = []
    for event in events:
        if isinstance(event, Text) and event.choice == 0:
            texts.append(event.text)
        elif isinstance(event, Vectors):
            texts.append(write_vector(event.vectors[0]))
    return "".join(texts)


def client_for_call(call: Call) -> Client:
    """The client of a claimed call, with the credential of the person who runs it.

    Rights are asked again here: they may have changed while the call was queued.
    """
    user = runner_of(call)
    if user is None:
        words = "The account that started this run was deactivated before the call was sent."
        raise Forbidden(words, hint="Nothing was sent. An admin can activate the account again.")
    _check_may_run(user, call)
    workspace = _workspace_for(user, call.config["workspace"], call.name)
    try:
        functions = transforming.functions_for(user, call.endpoint, call.config)
    except transforming.Unconfirmed as error:
        forbidden = Forbidden(error.message, hint=error.hint)
        forbidden.reason = error.kind
        raise forbidden from error
    return _client_in(user, call.config, workspace, "call", functions)


def api_for_call(call: Call) -> WorkspaceApi | None:
    """To ask the workspace of a running call about it, as the person who runs it; None without one.

    Raises EndpointError, AddressError.
    """
    user = runner_of(call)
    workspace = _workspace_for(user, call.config["workspace"], call.name) if user else None
    if workspace is None:
        return None
    credential = opened_credential(user, workspace, "call")
    return WorkspaceApi(workspace.host, credential, egress(), limits(ASK_FOR_S))


def _client_in(
    user: User,
    config: dict,
    workspace: Workspace | None,
    purpose: str,
    functions: Mapping[str, Callable],
) -> Client:
    """The client of a config with this person's credential. Raises EndpointError."""
    with _bad_addresses_told("Edit it, then run again."):
        credential = opened_credential(user, workspace, purpose)
        return client_of(config, workspace, credential, functions)


def _check_may_run(user: User, call: Call) -> None:
    if may_run(user, [call.endpoint_id]):
        return
    words = f"“{call.name}” is no longer shared with you, or was deleted."
    if visible_to(user, Endpoint).filter(pk=call.endpoint_id).exists():
        words = f"Your role no longer lets you run “{call.name}”."
    raise Forbidden(words, hint=ASK_FOR_IT)


def _workspace_for(user: User, pk, name: str) -> Workspace | None:
    """The workspace of an endpoint of that name, as far as this person may use it."""
    if pk is None:
        return None
    workspace = visible_to(user, Workspace).filter(pk=pk).first()
    if workspace is None:
        raise Forbidden(f"The workspace of “{name}” is no longer shared with you.", hint=ASK_FOR_IT)
    return workspace


def client_of(
    config: dict,
    workspace: Workspace | None,
    credential: Token | OAuthClient | None,
    functions: Mapping[str, Callable] | None = None,
) -> Client:
    """The client of an endpoint's config; every part of its address is validated again here.

    `functions` are its transforms (`transforming.functions_for`); without them none is run.
    """
    return client_for(
        config["kind"],
        task=config["task"],
        host=workspace.host if workspace else None,
        org_id=(workspace.org_id if workspace else None) or "0",
        credential=credential,
        serving_endpoint=config["serving_endpoint"] or None,
        cluster_id=config["cluster_id"] or None,
        port=config["port"],
        path=config["path"] or "/",
        url=config["url"] or None,
        format=config["format"] or None,
        template=config.get("template") or None,
        stream=config["stream"],
        **(functions or {}),
        egress=egress(),
        limits=limits(config["timeout_s"]),
    )


def opened_credential(
    user: User, workspace: Workspace | None, purpose: str
) -> Token | OAuthClient | None:
    """The person's own, opened, where a workspace is called at all. Raises NoCredential."""
    if workspace is None:
        return None
    credential = credential_of(user, workspace)
    if credential is None:
        raise _no_credential(workspace)
    return reveal(credential, purpose)


def _no_credential(workspace: Workspace) -> NoCredential:
    return NoCredential(
        f"You have no token for the workspace “{workspace}” yet.",
        hint="Add your token on the Workspaces page, then run again.",
    )


def describe(error: EndpointError) -> dict:
    """An error as it is stored, shown and answered: {kind, message, hint, upstream_status?}.

    That of a transform has its `reason`, and the line and column where they are known.
    """
    described = {"kind": error.kind, "message": error.message, "hint": error.hint}
    for name in ("upstream_status", "field", "retry_after_s", "reason", "line", "column"):
        if getattr(error, name, None) is not None:
            described[name] = getattr(error, name)
    return described


def _keep_what_the_kind_uses(endpoint: Endpoint) -> None:
    """Clear the other kinds' addresses, and ask for what this kind cannot do without."""
    kind = endpoint.kind
    endpoint.task = endpoint.task or ("chat" if kind == Endpoint.Kind.SERVING else "custom")
    if kind != Endpoint.Kind.SERVING:
        endpoint.serving_endpoint = ""
    if kind != Endpoint.Kind.DRIVER_PROXY:
        endpoint.cluster_id, endpoint.port, endpoint.path = "", None, ""
    if not endpoint.needs_workspace:
        endpoint.workspace = None
        return
    endpoint.url = ""
    if endpoint.workspace is None:
        raise Refused("workspace", gettext("Choose the workspace it lives in."))


def _keep_what_the_task_uses(endpoint: Endpoint, before: Endpoint | None) -> None:
    """Its format and its template; those that were for another task are cleared."""
    if before and before.task != endpoint.task and before.format == endpoint.format:
        endpoint.format = ""
    if endpoint.formats and endpoint.format not in ("", *endpoint.formats):
        raise Refused(
            "format",
            gettext("Choose a format of the task %(task)s: %(formats)s.")
            % {"task": endpoint.task, "formats": ", ".join(endpoint.formats)},
        )
    endpoint.format = endpoint.format or endpoint.formats[0] if endpoint.formats else ""
    endpoint.template = endpoint.template if endpoint.takes_template else ""


def _check_name(endpoint: Endpoint) -> None:
    endpoint.name = _name(endpoint.name, gettext("an endpoint"))
    taken = Endpoint.objects.filter(owner=endpoint.owner, name=endpoint.name)
    if taken.exclude(pk=endpoint.pk).exists():
        raise _taken(endpoint)


def _check_part(endpoint: Endpoint, name: str, judge: Callable[[Any], Any], usual: Any) -> None:
    """One field of an address by itself, so that the others are judged too."""
    with _fields_named():
        judge(getattr(endpoint, name) or usual)


def _check_template(endpoint: Endpoint) -> None:
    if len(endpoint.template) > MAX_TEMPLATE:
        raise Refused(
            "template",
            gettext("A template has at most %(most)s characters.")
            % {"most": written(MAX_TEMPLATE)},
        )
    check_json("template", endpoint.template)
    if endpoint.template:
        with _fields_named():
            Template(endpoint.template)


def _take_transforms(endpoint: Endpoint, before: Endpoint | None, by: User | None) -> bool:
    """Judge them if they are new, and note whose they are. Answers whether they are new."""
    for name in TRANSFORMS:
        setattr(endpoint, name, transforming.as_kept(getattr(endpoint, name)))
    fingerprint = endpoint.transforms_fingerprint
    if fingerprint == (before.transforms_fingerprint if before else ""):
        return False
    for name in TRANSFORMS:
        if getattr(endpoint, name):
            check_transform(name, getattr(endpoint, name), by)
    endpoint.transforms_by, endpoint.transforms_changed_at = by, timezone.now()
    endpoint.limit_hits = 0
    return True


def check_transform(name: str, source: str, by: User | None) -> None:
    """A source that the sandbox can read, with the function in it. Raises Refused with its line."""
    check_json(name, source)
    try:
        transforming.check_source(name, source, by)
    except SandboxError as error:
        place = gettext("Line %(line)s:") % {"line": error.line} + " " if error.line else ""
        raise Refused(name, f"{place}{error.message}", error.line) from error


def _check_timeout(endpoint: Endpoint) -> None:
    if endpoint.timeout_s is not None and not 1 <= endpoint.timeout_s <= settings.CALL_TIMEOUT_S:
        raise Refused(
            "timeout_s",
            gettext("Choose a timeout of 1 to %(most)s seconds.")
            % {"most": settings.CALL_TIMEOUT_S},
        )


def _check_max_input_tokens(endpoint: Endpoint) -> None:
    if endpoint.max_input_tokens is not None and not (
        1 <= endpoint.max_input_tokens <= MAX_INPUT_TOKENS
    ):
        raise Refused(
            "max_input_tokens",
            gettext("Choose a number of tokens from 1 to %(most)s, or leave it out.")
            % {"most": written(MAX_INPUT_TOKENS)},
        )


def _check_price(prices: Mapping[str, object], name: str) -> None:
    price = prices.get(name, 0)
    is_number = isinstance(price, int | float) and not isinstance(price, bool)
    if not is_number or not 0 <= price <= MAX_PRICE:
        raise Refused(
            f"prices.{name}",
            gettext("A price is a number of dollars from 0 to %(most)s, or left out.")
            % {"most": written(MAX_PRICE)},
        )


def check_params(params: object) -> None:
    """Parameters are one JSON object; prompt and stop sequences have fields of their own."""
    if not isinstance(params, dict):
        raise Refused(
            "params", gettext('Parameters are one JSON object, such as {"temperature": 0.2}.')
        )
    for name in ("prompt", "messages", "stop", "stream", "input"):
        if name in params:
            raise Refused(
                "params",
                gettext("“%(name)s” cannot be set as a parameter. It has its own field.")
                % {"name": name},
            )
    check_json("params", params)
    _check_size("params", gettext("The parameters"), params)


def check_stop(stop: object) -> None:
    if not isinstance(stop, list) or not all(isinstance(s, str) and s for s in stop):
        raise Refused("stop", gettext("Stop sequences are a list of texts, none of them empty."))
    check_json("stop", stop)
    _check_size("stop", gettext("The stop sequences"), stop)


def _check_size(field: str, what: str, value: object) -> None:
    size = len(json.dumps(value, ensure_ascii=False).encode())
    if size > MAX_DEFAULTS:
        raise Refused(
            field,
            gettext(
                "%(what)s take %(size)s KB; at most %(most)s KB are kept with every call. "
                "Shorten them."
            )
            % {"what": what, "size": written(size / 1024), "most": MAX_DEFAULTS // 1024},
        )


def check_json(field: str, value: object) -> None:
    """Refuse what JSON or a database cannot hold: NaN, half a character, the NUL character."""
    try:
        is_deep = _depth(value) > DEEPEST
    except RecursionError:
        is_deep = True
    if is_deep:
        raise Refused(
            field,
            gettext("In %(field)s there are more than %(most)s levels of nesting.")
            % {"field": field, "most": DEEPEST},
        )
    try:
        text = json.dumps(value, allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError as error:
        raise Refused(
            field,
            gettext("In %(field)s there is something no JSON can hold: NaN, or half a letter.")
            % {"field": field},
        ) from error
    if NUL.search(text):
        raise Refused(
            field, gettext("In %(field)s there is a NUL character. Remove it.") % {"field": field}
        )


def _depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max((_depth(each) for each in inner), default=0)


def storable(value):
    """The same JSON value as every database takes it: U+FFFD for NUL, ? for half a character."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
    return json.loads(NUL.sub(r"\1\\ufffd", text))


def _address_of(endpoint: Endpoint) -> dict:
    return {k: v for k, v in endpoint.config().items() if k not in ("version", "place")}


def _name(name: str, what: str) -> str:
    name = name.strip()
    if not name or len(name) > 120 or not name.isprintable():
        raise Refused(
            "name",
            gettext("Give %(what)s a name of 1 to 120 characters, on one line.") % {"what": what},
        )
    return name


def _save_named(row: Workspace | Endpoint) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise _taken(row) from error


def _taken(row: Workspace | Endpoint) -> Refused:
    return Refused(
        "name", gettext("You already have “%(name)s”. Choose another name.") % {"name": row.name}
    )


@contextmanager
def _bad_addresses_told(hint: str) -> Iterator[None]:
    """An address was judged when it was stored; one that is bad now is told like any failure."""
    try:
        yield
    except EgressDenied:
        raise
    except AddressError as error:
        raise BadRequest(error.message, field=error.field, hint=hint) from error


@contextmanager
def _fields_named() -> Iterator[None]:
    """Turns what the library will not take into refusals that name the form's field."""
    try:
        yield
    except AddressError as error:
        # What the admin does not allow comes with a hint that names the setting.
        raise Refused(error.field, f"{error} {getattr(error, 'hint', '')}".strip()) from error
    except PromptError as error:
        raise Refused(error.field, error.message) from error


def team_of(user: User, team_id) -> Team | None:
    """One of the person's own teams, by id, for sharing. Raises Refused for any other."""
    if not team_id:
        return None
    team = user.teams.filter(pk=team_id).first()
    if team is None:
        raise Refused("team", gettext("You are not in that team. Choose one of yours."))
    return team
