"""Alice's rows and everybody who might ask for them, for the matrix and the attacks by id."""

import json
from types import SimpleNamespace

from django.test import override_settings

from playground import (
    attaching,
    commenting,
    deleting,
    drafting,
    importing,
    prompting,
    sharing,
    teaming,
)
from playground.models import ApiToken, Membership, User
from tests.canary import canary
from tests.make import (
    PASSWORD,
    make_endpoint,
    make_run,
    make_team,
    make_user,
    make_workspace,
    png,
)
from tests.workspace import SEED_ENTITY, Workspace, ready_endpoint

ALICE_THERE = canary()
CLUSTER = "0812-091530-k3v9q2"
HIDDEN_HOST = "https://adb-7.7.azuredatabricks.net"
ACTORS = ["anon", "stranger", "other", "viewer", "member", "admin", "owner", "off", "root"]

# What a thing is called, or says: where this is read, the thing was seen.
MARKS = {
    "lent": "lent-to-acme-c41d",
    "hidden": "hidden-from-all-93fa",
    "shared": "shared-with-acme-7be0",
    "private": "private-of-alice-2d5c",
    "deleted": "deleted-by-alice-5e12",
    "dropped": "dropped-by-alice-c8f3",
    "run": "prompt-of-alice-08e1",
    "going": "prompt-that-waits-6a92",
    "call": "answer-to-alice-d3b7",
    "gone_run": "prompt-that-is-gone-2f6b",
    "comment": "said-by-alice-9a3d",
    "open": "prompt-shown-to-acme-55ce",
    "open_call": "answer-shown-to-acme-b0f3",
    "token": "script-of-alice-e5f8",
    "image": "picture-of-alice-71ac",
    "team": "Acme-of-alice-19ce",
    "invitation": "invited-to-acme-4f1b@example.org",
    "kept": "saved-by-alice-1f6d",
    "offered": "saved-for-acme-a2e9",
}
TEAM_SEES = {"lent", "shared", "open", "open_call", "comment", "team", "offered"}
ADMINS_SEE = TEAM_SEES | {"invitation", "deleted"}  # the audit log has its name


def make_people() -> dict[str, User | None]:
    """By what they are to Alice's rows. `off` was a team mate; `root` is superuser, no member."""
    acme, other = make_team(MARKS["team"]), make_team("Other")
    roles = Membership.Role
    people = {
        "anon": None,
        "stranger": make_user("stan"),
        "other": make_user("olga", team=other, role=roles.ADMIN),
        "viewer": make_user("vera", team=acme, role=roles.VIEWER),
        "member": make_user("bob", team=acme),
        "admin": make_user("amy", team=acme, role=roles.ADMIN),
        "owner": make_user("alice", team=acme),
        "off": make_user("otto", team=acme),
        "root": make_user("ruth"),
    }
    User.objects.filter(pk=people["off"].pk).update(is_active=False)
    User.objects.filter(pk=people["root"].pk).update(is_superuser=True, is_staff=True)
    return people


def make_things(alice: User, origin: str, token: str | None = None) -> SimpleNamespace:
    """What Alice has: one of everything, shared with her team where that can be."""
    acme = alice.teams.get()
    lent = make_workspace(alice, name=MARKS["lent"], host=origin, token=token)
    serving = {"kind": "serving", "task": "chat", "workspace": lent}
    shared, private = (
        make_endpoint(alice, name=MARKS[name], serving_endpoint="chat", team=team, **serving)
        for name, team in (("shared", acme), ("private", None))
    )
    run = make_run(alice, private, shared, prompt=MARKS["run"], status="done", text=MARKS["call"])
    going = make_run(alice, shared, prompt=MARKS["going"])
    words = {"prompt": MARKS["open"], "text": MARKS["open_call"]}
    opened = make_run(alice, shared, status="done", **words)
    sharing.share_run(alice, opened, acme)
    admin = acme.memberships.get(role=Membership.Role.ADMIN).user
    things = SimpleNamespace(
        team=acme,
        invitation=teaming.invite(admin, acme, MARKS["invitation"], "member")[0],
        lent=lent,
        hidden=make_workspace(alice, name=MARKS["hidden"], host=HIDDEN_HOST),
        shared=shared,
        private=private,
        run=run,
        going=going,
        call=run.calls.first(),
        open=opened,
        open_call=opened.calls.get(),
        link=sharing.make_link(alice, run, 7)[0],
        comment=commenting.add_comment(alice, opened.calls.get(), MARKS["comment"]),
        queued=going.calls.get(),
        token=ApiToken.make(alice, MARKS["token"])[0],
        image=attaching.attach(alice, "photo.png", png(MARKS["image"].encode())),
    )
    drafting.choose_columns(drafting.draft_of(alice), [shared, private])
    for name, team in (("kept", None), ("offered", acme)):
        said = {"messages": [{"role": "user", "content": MARKS[name]}]}
        prompt = prompting.save_prompt(alice, said, name=MARKS[name]).prompt
        prompting.share_prompt(alice, prompt, team)
        prompting.set_alias(prompt, "dolly", 1)
        setattr(things, name, prompt)
    # Shared with the team until a moment ago; who did not delete them cannot tell that they were.
    things.deleted = make_endpoint(alice, name=MARKS["deleted"], team=acme)
    things.dropped = make_workspace(alice, name=MARKS["dropped"], host=HIDDEN_HOST, team=acme)
    things.gone_run = make_run(alice, shared, prompt=MARKS["gone_run"], status="done")
    sharing.share_run(alice, things.gone_run, acme)
    deleting.delete_run(alice, things.gone_run)
    deleting.delete_endpoint(alice, things.deleted)
    deleting.delete_workspace(alice, things.dropped, with_credentials=False)
    return things


def make_there() -> Workspace:
    """The workspace behind Alice's rows, on a real socket."""
    there = Workspace(tokens={ALICE_THERE: "alice"})
    restock(there)
    return there


def restock(there: Workspace) -> None:
    """As it was at first, whatever somebody created, deleted or started."""
    there.endpoints = {"dolly": ready_endpoint("dolly", SEED_ENTITY)}
    there.clusters, there.secrets = {}, {}
    there.add_cluster(CLUSTER, "TERMINATED")


def reaching(there: Workspace) -> override_settings:
    """Lets this process connect to that workspace."""
    return override_settings(WORKSPACE_ORIGINS=[there.origin])


# What is asked of an address, besides what the address says ----------------------------------

NEW_HOST = "https://adb-8.8.azuredatabricks.net"
CONFIG = {"served_entities": [{"external_model": {"name": "gpt", "task": "llm/v1/chat"}}]}
HELLO = [{"role": "user", "content": "Hello"}]
FILE = {
    "format": importing.FORMAT,
    "format_version": importing.FORMAT_VERSION,
    "name": "mine",
    "versions": [{"number": 1, "messages": HELLO}],
}
EXTERNAL = {
    "name": "gpt",
    "provider": "openai",
    "model": "gpt-4o-mini",
    "task": "chat",
    "openai_api_type": "openai",
    "openai_api_key-scope": "llm",
    "openai_api_key-key": "openai",
    "openai_api_key-value": canary("sk-"),
}
PASSWORDS = {"old_password": PASSWORD}
PASSWORDS |= dict.fromkeys(("new_password1", "new_password2"), canary("another-long-password-"))


def query(route: str, thing, things: SimpleNamespace) -> str:
    return {
        "/endpoints/found-names/": lambda: f"?workspace={thing.pk}",
        "/endpoints/clusters/": lambda: f"?workspace={thing.pk}",
        "/team/": lambda: f"?team={thing.pk}",
        "/team/audit/": lambda: f"?team={thing.pk}",
        "/team/audit/export/": lambda: f"?team={thing.pk}",
        "/runs/compare/": lambda: f"?run={thing.pk}&run={things.going.pk}",
        "/find/": lambda: f"?q={first_words(thing)}",
        "/api/v1/runs/<id>/code": lambda: f"?call={things.call.pk}&format=curl",
        "/api/v1/runs/<id>/export": lambda: "?format=json",
        "/api/v1/prompts/<id>/export": lambda: "?format=json",
    }.get(route, str)()


def first_words(thing) -> str:
    """What finds it: the beginning of an endpoint's name or of a run's prompt, not its mark."""
    mark = getattr(thing, "name", "") or thing.messages[0]["content"]
    return "+".join(mark.split("-")[: 1 if hasattr(thing, "task") else 2])


def body(method: str, route: str, thing, things: SimpleNamespace) -> dict:
    """What somebody sends who means it: it works for those who may."""
    endpoint = {"name": "mine", "kind": "serving", "task": "chat", "serving_endpoint": "chat"}
    column = {"message-1": "How are you?", "column": f"0:{thing and thing.pk}"}
    bodies = {
        "POST /columns/": lambda: {"endpoint": thing.pk},
        "POST /columns/add/": lambda: {"endpoint": thing.pk},
        "POST /columns/<position>/preview/": lambda: column,
        "POST /endpoints/transforms/try/": lambda: endpoint | {"try_on": thing.pk},
        "POST /runs/start/": lambda: column,
        "POST /calls/<pk>/vote/": lambda: {"value": "1"},
        "POST /runs/follow/": lambda: {"follow_up": "And?", "to": f"0:{thing.pk}"},
        "POST /endpoints/new/": lambda: endpoint | {"workspace": thing.pk},
        "POST /endpoints/<pk>/": lambda: endpoint | {"workspace": things.lent.pk},
        "POST /workspaces/": lambda: {"name": "new", "host": NEW_HOST},
        "POST /workspaces/<pk>/": lambda: {"name": "renamed", "host": thing.host},
        "POST /workspaces/<pk>/delete/": lambda: {"typed_name": thing.name},
        "POST /workspaces/<pk>/credential/": lambda: {"token": ALICE_THERE},
        "POST /workspaces/<pk>/found/": lambda: {"name": "dolly"},
        "POST /workspaces/<pk>/serving-endpoints/new/": lambda: EXTERNAL,
        "POST /workspaces/<pk>/serving-endpoints/at/<name>/delete/": lambda: {
            "typed_name": "dolly"
        },
        "POST /team/new/": lambda: {"name": "new"},
        "POST /team/<pk>/rename/": lambda: {"name": "renamed"},
        "POST /team/<pk>/invite/": lambda: {"email": "new@example.org", "role": "member"},
        "POST /team/<pk>/members/<member>/role/": lambda: {"role": "viewer"},
        "POST /account/theme/": lambda: {"theme": "dark"},
        "POST /account/language/": lambda: {"language": "en"},
        "POST /account/password/": lambda: PASSWORDS,
        "POST /account/tokens/": lambda: {"name": "script", "scope": "run"},
        "POST /api/v1/workspaces": lambda: {"name": "new", "host": NEW_HOST},
        "PATCH /api/v1/workspaces/<id>": lambda: {"name": "renamed"},
        "PUT /api/v1/workspaces/<id>/credential": lambda: {"kind": "token", "token": ALICE_THERE},
        "POST /api/v1/workspaces/<id>/serving-endpoints": lambda: {"name": "n", "config": CONFIG},
        "PUT /api/v1/workspaces/<id>/secrets/<scope>/<key>": lambda: {"value": canary("sk-")},
        "POST /api/v1/endpoints": lambda: endpoint | {"workspace": str(thing.pk)},
        "POST /runs/<pk>/describe/": lambda: {"title": "renamed", "tags": "a, b"},
        "POST /runs/<pk>/share/": lambda: {"team": ""},
        "POST /runs/<pk>/links/": lambda: {"days": "7"},
        "POST /api/v1/runs/<id>/links": lambda: {"days": 7},
        "POST /runs/<pk>/comments/": lambda: {
            "call": getattr(thing, "calls", things.run.calls).first().pk,
            "text": "Good",
        },
        "POST /api/v1/calls/<id>/comments": lambda: {"text": "Good"},
        "PATCH /api/v1/runs/<id>": lambda: {"notes": "renamed"},
        "POST /api/v1/teams": lambda: {"name": "new"},
        "PATCH /api/v1/teams/<id>": lambda: {"name": "renamed"},
        "PATCH /api/v1/teams/<id>/members/<member>": lambda: {"role": "viewer"},
        "POST /api/v1/teams/<id>/invitations": lambda: {"email": "new@example.org"},
        "POST /api/v1/invitations/accept": lambda: {"code": "guessed"},
        "PATCH /api/v1/endpoints/<id>": lambda: {"name": "renamed"},
        "PUT /api/v1/endpoints/<id>/confirm": lambda: {"fingerprint": ""},
        "POST /api/v1/endpoints/<id>/preview": lambda: {"prompt": "How are you?"},
        "POST /prompts/import/": lambda: {"text": json.dumps(FILE)},
        "POST /prompts/save/": lambda: column | {"prompt": thing.pk, "base": "1"},
        "POST /prompts/save/form/": lambda: column,
        "POST /prompts/<pk>/use/": lambda: {"version": "1"},
        "POST /prompts/<pk>/rename/": lambda: {"name": "renamed"},
        "POST /prompts/<pk>/share/": lambda: {"team": ""},
        "POST /prompts/<pk>/aliases/": lambda: {"alias": "production", "version": "1"},
        "POST /api/v1/prompts": lambda: {
            "name": "mine",
            "messages": HELLO,
        },
        "POST /api/v1/prompts/<id>/mlflow": lambda: {"name": "mine"},
        "POST /api/v1/prompts/import-mlflow": lambda: {"name": "mine"},
        "POST /api/v1/prompts/import": lambda: {"prompt": FILE},
        "PATCH /api/v1/prompts/<id>": lambda: {"name": "renamed"},
        "POST /api/v1/prompts/<id>/versions": lambda: {"messages": HELLO},
        "PUT /api/v1/prompts/<id>/aliases/<name>": lambda: {"version": 1},
        "POST /api/v1/runs": lambda: {"prompt": "Hi", "variants": [{"endpoint": str(thing.pk)}]},
        "POST /api/v1/runs/<id>/follow-up": lambda: {"prompt": "And?"},
        "PUT /api/v1/calls/<id>/vote": lambda: {"value": 1, "best": True},
    }
    return bodies.get(f"{method} {route}", dict)()
