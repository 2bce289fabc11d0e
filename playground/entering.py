"""Being signed in: how long it lasts, proof that it is still the same person, and its end."""

import time
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import authenticate, update_session_auth_hash
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest

from . import announcing, guessing
from .models import User

# In the session, as seconds since 1970: when it began, was last used, and was last proved.
BEGAN, SEEN, PROVED = "began", "seen", "proved"
NOTE_EVERY_S = 5 * 60  # a session is written this often at most, not at every request


@dataclass(frozen=True)
class SessionEnd:
    """When a session ends: in so many seconds, however it is used meanwhile or unless it is."""

    left_s: int
    is_fixed: bool

    def __str__(self) -> str:
        return f"{self.left_s} fixed" if self.is_fixed else str(self.left_s)


def begin_session(request: HttpRequest) -> None:
    """After a sign-in, which was a proof as well."""
    now = int(time.time())
    request.session[BEGAN] = request.session[PROVED] = now
    _note_use(request, now)


def keep_session(request: HttpRequest) -> bool:
    """Note that the session is used. False when its time is over, whatever its cookie says."""
    now, began = int(time.time()), request.session.get(BEGAN, 0)
    seen = request.session.get(SEEN, 0)
    if now - began > settings.SESSION_COOKIE_AGE or now - seen > settings.SESSION_IDLE_S:
        return False
    if now - seen >= NOTE_EVERY_S:
        _note_use(request, now)
    return True


def session_end(request: HttpRequest) -> SessionEnd:
    now = int(time.time())
    idle_s = request.session.get(SEEN, 0) + settings.SESSION_IDLE_S - now
    left_s = request.session.get(BEGAN, 0) + settings.SESSION_COOKIE_AGE - now
    return SessionEnd(max(0, min(idle_s, left_s)), is_fixed=left_s <= idle_s)


def _note_use(request: HttpRequest, now: int) -> None:
    left = request.session[BEGAN] + settings.SESSION_COOKIE_AGE - now
    request.session[SEEN] = now
    # The stored row ends with it, so that sockets find it gone without asking anybody else.
    request.session.set_expiry(max(1, min(settings.SESSION_IDLE_S, left)))


def end_other_sessions(request: HttpRequest) -> None:
    """Sign this person out everywhere else. API tokens are not sessions: they stay."""
    with transaction.atomic():
        User.objects.filter(pk=request.user.pk).update(sessions_ended=F("sessions_ended") + 1)
        request.user.refresh_from_db(fields=["sessions_ended"])
        keep_this_session(request, request.user)
        transaction.on_commit(lambda: announcing.person_changed_soon(request.user.pk))


def keep_this_session(request: HttpRequest, user: User) -> None:
    """This session goes on though the password, or the count of endings, is another now."""
    update_session_auth_hash(request, user)


# Proof --------------------------------------------------------------------------------------


def needs_proof(request: HttpRequest) -> bool:
    """Whether a form opened now should ask for the password: it was typed some time ago."""
    return _unproved_s(request) > settings.PROOF_S


def is_proven(request: HttpRequest) -> bool:
    """Whether it was typed recently enough. A form opened in time may be filled in at leisure."""
    return _unproved_s(request) <= 2 * settings.PROOF_S


def proof_left_s(request: HttpRequest) -> int:
    """Seconds until a form that did not ask for the password has to."""
    return max(0, 2 * settings.PROOF_S - _unproved_s(request))


def prove(request: HttpRequest, password: str) -> bool:
    """Whether this is the password of who is signed in. A wrong one counts as a guess."""
    name = request.user.get_username()
    if authenticate(request, username=name, password=password) is None:
        return False
    guessing.forgive(request, name)
    request.session[PROVED] = int(time.time())
    return True


def _unproved_s(request: HttpRequest) -> int:
    return int(time.time()) - request.session.get(PROVED, 0)
