"""The first start: the set-up code, the first account with its team, and the demo driver."""

import hmac
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext

from endpoints import AddressError, EndpointError, driver

from . import connecting
from .connecting import Refused
from .keyfile import read_or_make_secret, read_secret
from .locks import FIRST_ACCOUNT, lock_out_others
from .models import Endpoint, Membership, Team, User, Workspace

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

SETUP_CODE_FILE = "setup.code"
LOCK_FILE = "serve.lock"
DEMO_PORTS = 20  # how many ports after the first to try when others are taken
EXIT_PORT_BUSY = 98

DEMOS = ("demo-echo", "demo-poet")  # each is served at the path after "demo-"

# The first account -------------------------------------------------------------------------

_lock_file = None  # kept open: closing it would give the lock away
_set_up = threading.Event()  # an instance never becomes "not set up" again


def is_set_up() -> bool:
    if settings.IS_TESTING:
        return User.objects.exists()
    if not _set_up.is_set() and User.objects.exists():
        _set_up.set()
    return _set_up.is_set()


def setup_code() -> str:
    """The one-time code of this instance, valid until an account exists."""
    return read_or_make_secret(
        settings.DATA_DIR / SETUP_CODE_FILE, lambda: secrets.token_urlsafe(16)
    )


def make_first_account(username: str, password: str, code: str) -> User:
    """The admin of a fresh instance. Raises Refused (fields code, username, password)."""
    expected = read_secret(settings.DATA_DIR / SETUP_CODE_FILE)
    if expected is None or not hmac.compare_digest(expected.encode(), code.strip().encode()):
        raise Refused(
            "code", gettext("That code is not the one printed in the terminal of the server.")
        )
    user = judge_account(username, password)
    with transaction.atomic():
        lock_out_others(FIRST_ACCOUNT)
        if User.objects.exists():
            raise Refused("code", gettext("An account exists already. Sign in with it."))
        user = User.objects.create_superuser(user.username, password=password)
    (settings.DATA_DIR / SETUP_CODE_FILE).unlink(missing_ok=True)
    return user


def judge_account(username: str, password: str) -> User:
    """A new account that is not stored yet. Raises Refused (fields username, password)."""
    user = User(username=username.strip())
    try:
        user.clean_fields(exclude=["password", "last_login"])
    except ValidationError as error:
        raise Refused("username", " ".join(error.messages)) from error
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Refused("password", " ".join(error.messages)) from error
    return user


def welcome(user: User) -> None:
    """A place for a new account: the first founds the team, others join it, unless invited."""
    team = Team.objects.first()
    if team is None:
        team = Team.objects.create(name="Everyone here")
        Membership.objects.create(user=user, team=team, role=Membership.Role.ADMIN)
        for name in DEMOS:
            Endpoint.objects.create(
                name=name,
                owner=user,
                team=team,
                is_demo=True,
                kind=Endpoint.Kind.DRIVER,
                task=Endpoint.Task.CUSTOM,
                url=f"http://127.0.0.1:{settings.DEMO_PORT}/{name.removeprefix('demo-')}",
            )
    elif not user.is_invited:
        Membership.objects.create(user=user, team=team)


def offered_workspace(user: User) -> str | None:
    """DATABRICKS_HOST, while it and a token are set and the first account has not decided yet."""
    if not (settings.DATABRICKS_HOST and settings.DATABRICKS_TOKEN):
        return None
    is_first = not User.objects.filter(date_joined__lt=user.date_joined).exists()
    return settings.DATABRICKS_HOST if is_first and not user.workspaces.exists() else None


def accept_offer(user: User) -> Workspace:
    """The environment's workspace and credential, for this account only. Raises Refused."""
    host = offered_workspace(user)
    if host is None:
        raise Refused(
            "host", gettext("There is nothing on offer. Add a workspace with host and token.")
        )
    with transaction.atomic():
        workspace = connecting.save_workspace(Workspace(name="databricks", host=host, owner=user))
        connecting.save_credential(user, workspace, settings.DATABRICKS_TOKEN)
    return workspace


# The demo ----------------------------------------------------------------------------------


def is_first_here() -> bool:
    """Whether no other server of this data folder is running; from now on this one is."""
    global _lock_file
    if fcntl is None:
        return True
    _lock_file = (settings.DATA_DIR / LOCK_FILE).open("w")
    try:
        fcntl.flock(_lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def demo_driver(may_share: bool = True) -> Iterator[None]:
    """Run the demo driver beside this process; it ends with us, even when we are killed.

    `may_share`: use the one that answers already, such as that of a site on the same data. Where
    the port is taken the next free one is used, and the demo endpoints move with it.
    """
    if may_share and _is_demo_answering():
        yield
        return
    process, port = _start_demo()
    for endpoint in Endpoint.objects.filter(is_demo=True):
        endpoint.url = f"http://127.0.0.1:{port}{urlsplit(endpoint.url).path}"
        endpoint.save(update_fields=["url"])
    try:
        yield
    finally:
        process.stdin.close()
        process.wait(timeout=10)


def _start_demo() -> tuple[subprocess.Popen, int]:
    for port in range(settings.DEMO_PORT, settings.DEMO_PORT + DEMO_PORTS):
        process = subprocess.Popen(
            [sys.executable, "-m", "endpoints.driver_app", "--model", "demo", "--port", str(port)]
            + ["--until-stdin-closes"],
            cwd=settings.BASE_DIR,
            env={"PATH": os.environ.get("PATH", "")},  # none of our secrets are its business
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if process.stdout.readline().startswith(b"driver app:"):
            return process, port
        process.stdin.close()
        if process.wait(timeout=10) != EXIT_PORT_BUSY:
            break
    raise RuntimeError(
        f"The demo driver did not start on port {settings.DEMO_PORT} or the ones after it. "
        "Try: python -m endpoints.driver_app --model demo"
    )


def _is_demo_answering() -> bool:
    endpoint = Endpoint.objects.filter(is_demo=True).first()
    if endpoint is None:
        return False
    try:
        found = driver.info(endpoint.url, connecting.egress(), connecting.limits(2))
    except (EndpointError, AddressError):
        return False
    return isinstance(found, dict) and found.get("demo") is True
