"""Set up where prompts go: workspaces, credentials and endpoints, and a check that each works."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from endpoints import (
    AddressError,
    Client,
    Egress,
    EndpointError,
    Event,
    Limits,
    OAuthClient,
    Prompt,
    Text,
    Token,
    Vectors,
    addresses,
    client_for,
    whoami,
)
from endpoints.errors import BadRequest, EgressDenied, Forbidden, NoCredential, PromptError

from . import vault
from .access import can_run, credential_of, visible_to
from .models import Call, Credential, Endpoint, Team, User, Workspace
from .notation import write_vector
from .threads import let_connection_go

DEEPEST = 100  # levels of nested JSON
MAX_TEMPLATE = 20_000

# \u0000 in JSON text, unless its backslash is itself escaped.
NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class Refused(ValueError):
    """What somebody asked for cannot be done as it is: the field at fault and what to do."""

    def __init__(self, field: str, message: str):
        super().__init__(message)
        self.field, self.message = field, message


def egress() -> Egress:
    """Where this instance may connect to: the admin's choice, in exact origins."""
    return Egress(
        workspace_origins=tuple(settings.WORKSPACE_ORIGINS),
        driver_origins=tuple(settings.DRIVER_ORIGINS),
    )


def limits(timeout_s: int | None = None) -> Limits:
    return Limits(
        idle_s=settings.IDLE_TIMEOUT_S,
        total_s=min(timeout_s or settings.CALL_TIMEOUT_S, settings.CALL_TIMEOUT_S),
        max_bytes=settings.MAX_RESPONSE_BYTES,
    )


# Workspaces and credentials -----------------------------------------------------------------


def save_workspace(workspace: Workspace) -> Workspace:
    """Validate and store. A changed host drops credentials: they were sealed for the old one."""
    with _fields_named():
        workspace.org_id = addresses.remembered_org(workspace.host) or workspace.org_id or "0"
        workspace.host = addresses.workspace_origin(workspace.host, egress())
    workspace.name = _name(workspace.name, "a workspace")
    before = Workspace.objects.filter(pk=workspace.pk).values_list("host", flat=True).first()
    with transaction.atomic():
        if before not in (None, workspace.host):
            workspace.credentials.all().delete()
        _save_named(workspace)
    return workspace


def delete_workspace(user: User, workspace: Workspace) -> None:
    """Endpoints that point here are deleted first by their owner, never silently."""
    if workspace.endpoints.exists():
        seen = visible_to(user, Endpoint).filter(workspace=workspace)
        used_by = list(seen.values_list("name", flat=True)[:4]) or ["a colleague’s"]
        raise Refused(
            "workspace", f"Endpoints still use it: {', '.join(used_by)}. Delete them first."
        )
    workspace.delete()


def save_credential(
    user: User, workspace: Workspace, token: str, seen_host: str | None = None
) -> Credential:
    """Seal a personal access token for this person and this workspace's host.

    `seen_host` is the host that the form showed: a token is never kept for, or sent to, another.
    """
    with _fields_named():
        Token(token)
    _same_host(workspace, seen_host, "token", "the token")
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
    _same_host(workspace, seen_host, "client_secret", "the client secret")
    return _store(user, workspace, client_secret, client_id)


def _same_host(workspace: Workspace, seen_host: str | None, field: str, what: str) -> None:
    if seen_host is not None and seen_host != workspace.host:
        raise Refused(
            field,
            f"The host of “{workspace}” was changed to {workspace.host} meanwhile. Nothing was "
            f"stored; type {what} again if it is for that host.",
        )


def _store(user: User, workspace: Workspace, secret: str, client_id: str = "") -> Credential:
    if not Credential.objects.exists():
        vault.make_first_key()
    try:
        with transaction.atomic():
            return _seal(user, workspace, secret, client_id)
    except IntegrityError:  # stored twice at the same moment: the later one stands
        return _seal(user, workspace, secret, client_id)


def _seal(user: User, workspace: Workspace, secret: str, client_id: str) -> Credential:
    credential = credential_of(user, workspace) or Credential(owner=user, workspace=workspace)
    credential.kind = Credential.Kind.OAUTH if client_id else Credential.Kind.TOKEN
    credential.client_id = client_id
    credential.sealed = vault.seal(secret, credential.bound_to)
    credential.hint = (client_id or secret)[-4:]
    credential.checked_at = credential.is_ok = None
    credential.check_result = ""
    credential.save()
    return credential


def check_workspace(user: User, workspace: Workspace) -> dict:
    """Ask the workspace who we are there: {ok, user_name} or {ok, error}."""
    credential = credential_of(user, workspace)
    if credential is None:
        return {"ok": False, "error": describe(_no_credential(workspace))}
    let_connection_go()
    try:
        opened = reveal(credential)
        name = whoami(workspace.host, opened, egress=egress(), limits=limits(30))
        name = storable(opened.scrub(name))
        answer = {"ok": True, "user_name": name}
    except EndpointError as error:
        answer = {"ok": False, "error": describe(error)}
    # Only if it is still the credential that was checked: it may have been replaced meanwhile.
    Credential.objects.filter(pk=credential.pk, sealed=credential.sealed).update(
        checked_at=timezone.now(),
        is_ok=answer["ok"],
        check_result=(name if answer["ok"] else answer["error"]["message"])[:300],
    )
    return answer


def reveal(credential: Credential) -> Token | OAuthClient:
    """Open a credential, just before the call that needs it. Raises NoCredential if it will not."""
    what = "client secret" if credential.is_oauth else "token"
    try:
        secret = vault.open_sealed(credential.sealed, credential.bound_to)
    except vault.CannotOpen as error:
        raise NoCredential(
            f"This server’s key does not open your stored {what} for “{credential.workspace}”.",
            hint=f"Type the {what} again on the Workspaces page, then run again.",
        ) from error
    return OAuthClient(credential.client_id, secret) if credential.is_oauth else Token(secret)


# Endpoints ----------------------------------------------------------------------------------


def save_endpoint(endpoint: Endpoint) -> list[str]:
    """Validate and store; a changed config is a new version. Answers warnings, if any."""
    endpoint.name = _name(endpoint.name, "an endpoint")
    before = Endpoint.objects.filter(pk=endpoint.pk).first()
    _keep_what_the_kind_uses(endpoint)
    _keep_what_the_task_uses(endpoint, before)
    with _fields_named():
        client_of(endpoint.config(), endpoint.workspace, credential=None)
    _check_defaults(endpoint)
    if before and _address_of(before) != _address_of(endpoint):
        endpoint.version = before.version + 1
    if before and before.url != endpoint.url:
        endpoint.is_demo = False  # moved by hand, it is no longer the bundled one
    _save_named(endpoint)
    return warnings_of(endpoint)


def warnings_of(endpoint: Endpoint) -> list[str]:
    if endpoint.port and not addresses.is_usual_port(endpoint.port):
        return [
            f"Port {endpoint.port} is outside 3000-8000, the range that Databricks recommends for "
            "driver apps. Some workspaces do not pass it on."
        ]
    return []


def check_endpoint(user: User, endpoint: Endpoint) -> dict:
    """Send a tiny prompt: {ok, latency_ms, answer} or {ok, latency_ms, error}."""
    started = time.monotonic()
    ping = ({"role": "user", "content": "ping"},)
    prompt = Prompt(messages=ping, params=endpoint.params, stop=endpoint.stop)
    try:
        client = client_of(
            endpoint.config(), endpoint.workspace, opened_credential(user, endpoint.workspace)
        )
        let_connection_go()
        answer = {"ok": True, "answer": storable(_in_words(client.stream(prompt)))}
    except EndpointError as error:
        answer = {"ok": False, "error": describe(error)}
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
    user, workspace = call.run.owner, None
    if call.endpoint is None or not can_run(user, call.endpoint):
        raise Forbidden(f"“{call.name}” is no longer shared with you.")
    if call.config["workspace"] is not None:
        workspace = visible_to(user, Workspace).filter(pk=call.config["workspace"]).first()
        if workspace is None:
            raise Forbidden(f"The workspace of “{call.name}” is no longer shared with you.")
    try:
        return client_of(call.config, workspace, opened_credential(user, workspace))
    except EgressDenied:
        raise
    except AddressError as error:
        raise BadRequest(
            error.message, field=error.field, hint="Edit the endpoint, then retry."
        ) from error


def client_of(
    config: dict, workspace: Workspace | None, credential: Token | OAuthClient | None
) -> Client:
    """The client of an endpoint's config; every part of its address is validated again here."""
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
        egress=egress(),
        limits=limits(config["timeout_s"]),
    )


def opened_credential(user: User, workspace: Workspace | None) -> Token | OAuthClient | None:
    """The person's own, opened, where a workspace is called at all. Raises NoCredential."""
    if workspace is None:
        return None
    credential = credential_of(user, workspace)
    if credential is None:
        raise _no_credential(workspace)
    return reveal(credential)


def _no_credential(workspace: Workspace) -> NoCredential:
    return NoCredential(
        f"You have no token for the workspace “{workspace}” yet.",
        hint="Add your token on the Workspaces page, then run again.",
    )


def describe(error: EndpointError) -> dict:
    """An error as it is stored, shown and answered: {kind, message, hint, upstream_status?}."""
    described = {"kind": error.kind, "message": error.message, "hint": error.hint}
    for name in ("upstream_status", "field", "retry_after_s"):
        if getattr(error, name, None) is not None:
            described[name] = getattr(error, name)
    return described


def _keep_what_the_kind_uses(endpoint: Endpoint) -> None:
    """Clear the other kinds' addresses, and ask for what this kind cannot do without."""
    kind = endpoint.kind
    if kind not in Endpoint.Kind:
        raise Refused("kind", "Choose a kind: serving, driver_proxy or driver.")
    endpoint.task = endpoint.task or ("chat" if kind == Endpoint.Kind.SERVING else "custom")
    if endpoint.needs_workspace:
        if endpoint.workspace is None:
            raise Refused("workspace", "Choose the workspace it lives in.")
        endpoint.url = ""
    else:
        endpoint.workspace = None
    if kind != Endpoint.Kind.SERVING:
        endpoint.serving_endpoint = ""
    if kind != Endpoint.Kind.DRIVER_PROXY:
        endpoint.cluster_id, endpoint.port, endpoint.path = "", None, ""


def _keep_what_the_task_uses(endpoint: Endpoint, before: Endpoint | None) -> None:
    """Its format and its template; those that were for another task are cleared."""
    if before and before.task != endpoint.task and before.format == endpoint.format:
        endpoint.format = ""
    if endpoint.formats and endpoint.format not in ("", *endpoint.formats):
        raise Refused(
            "format",
            f"Choose a format of the task {endpoint.task}: {', '.join(endpoint.formats)}.",
        )
    endpoint.format = endpoint.format or endpoint.formats[0] if endpoint.formats else ""
    endpoint.template = endpoint.template if endpoint.takes_template else ""
    if len(endpoint.template) > MAX_TEMPLATE:
        raise Refused("template", f"A template has at most {MAX_TEMPLATE:,} characters.")
    check_json("template", endpoint.template)


def _check_defaults(endpoint: Endpoint) -> None:
    check_params(endpoint.params)
    check_stop(endpoint.stop)
    if endpoint.timeout_s is not None and not 1 <= endpoint.timeout_s <= settings.CALL_TIMEOUT_S:
        raise Refused("timeout_s", f"Choose a timeout of 1 to {settings.CALL_TIMEOUT_S} seconds.")


def check_params(params: object) -> None:
    """Parameters are one JSON object; prompt and stop sequences have fields of their own."""
    if not isinstance(params, dict):
        raise Refused("params", 'Parameters are one JSON object, such as {"temperature": 0.2}.')
    for name in ("prompt", "messages", "stop", "stream", "input"):
        if name in params:
            raise Refused("params", f"“{name}” cannot be set as a parameter. It has its own field.")
    check_json("params", params)


def check_stop(stop: object) -> None:
    if not isinstance(stop, list) or not all(isinstance(s, str) and s for s in stop):
        raise Refused("stop", "Stop sequences are a list of texts, none of them empty.")
    check_json("stop", stop)


def check_json(field: str, value: object) -> None:
    """Refuse what JSON or a database cannot hold: NaN, half a character, the NUL character."""
    try:
        is_deep = _depth(value) > DEEPEST
    except RecursionError:
        is_deep = True
    if is_deep:
        raise Refused(field, f"In {field} there are more than {DEEPEST} levels of nesting.")
    try:
        text = json.dumps(value, allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError as error:
        raise Refused(
            field, f"In {field} there is something no JSON can hold: NaN, or half a letter."
        ) from error
    if NUL.search(text):
        raise Refused(field, f"In {field} there is a NUL character. Remove it.")


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
        raise Refused("name", f"Give {what} a name of 1 to 120 characters, on one line.")
    return name


def _save_named(row: Workspace | Endpoint) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Refused("name", f"You already have “{row.name}”. Choose another name.") from error


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
        raise Refused("team", "You are not in that team. Choose one of yours.")
    return team
