"""Builders with plain defaults: rows as they would be after somebody made them the usual way."""

import struct

from django.utils import timezone

from playground import connecting, searching
from playground.access import visible_to
from playground.models import Call, Endpoint, Membership, Run, Team, User, Workspace
from tests.canary import canary

PASSWORD = canary("a-long-test-password-")
HOST = "https://adb-1.2.azuredatabricks.net"
TOKEN = canary()


def make_team(name: str = "Acme") -> Team:
    return Team.objects.create(name=name)


def make_user(
    username: str, *, team: Team | None = None, role: str = Membership.Role.MEMBER
) -> User:
    user = User.objects.create_user(username, password=PASSWORD)
    user.memberships.all().delete()  # a new account joins the first team by itself
    if team is not None:
        Membership.objects.create(user=user, team=team, role=role)
    return user


def make_workspace(
    owner: User, *, name: str = "prod-eu", host: str = HOST, token: str | None = None, **fields
) -> Workspace:
    """A workspace; with `token` also the owner's sealed credential for it."""
    workspace = Workspace.objects.create(owner=owner, name=name, host=host, **fields)
    if token is not None:
        connecting.save_credential(owner, workspace, token)
    return workspace


def make_endpoint(
    owner: User,
    *,
    name: str = "echo",
    kind: str = Endpoint.Kind.DRIVER,
    task: str = Endpoint.Task.CUSTOM,
    **fields,
) -> Endpoint:
    """A driver on this machine unless told otherwise; pass `team=` to share it."""
    if kind == Endpoint.Kind.DRIVER:
        fields.setdefault("url", "http://127.0.0.1:7777/")
    return Endpoint.objects.create(owner=owner, name=name, kind=kind, task=task, **fields)


def make_run(
    owner: User, *endpoints: Endpoint, prompt: str = "How are you?", messages=None, **call_fields
) -> Run:
    """A run with one call per endpoint, in that order; `call_fields` go to every call."""
    run = Run.objects.create(
        owner=owner, messages=messages or [{"role": "user", "content": prompt}], fingerprint=""
    )
    for position, endpoint in enumerate(endpoints):
        make_call(run, endpoint, position=position, **call_fields)
    searching.index_run(run)
    return run


def make_call(run: Run, endpoint: Endpoint, *, status: str = Call.Status.QUEUED, **fields) -> Call:
    """One call, with the times that its status implies."""
    now = timezone.now()
    if status != Call.Status.QUEUED:
        fields.setdefault("started_at", now)
    if status in Call.OVER:
        fields.setdefault("ended_at", now)
        fields.setdefault("latency_ms", 0)
    fields.setdefault("position", run.calls.count())
    seen = visible_to(run.owner, Endpoint).filter(pk=endpoint.pk).first() or endpoint
    return Call.objects.create(
        run=run,
        person_id=run.owner_id,
        endpoint=endpoint,
        config=seen.config(),
        host=endpoint.host,
        status=status,
        **fields,
    )


def png(rest: bytes = b"", width: int = 640, height: int = 480) -> bytes:
    """The start of a PNG, which says its size; then anything."""
    header = struct.pack(">II", width, height) + b"\x08\x02\x00\x00\x00"
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + header + rest
