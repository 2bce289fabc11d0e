"""Who calls the API: a bearer token, or the session cookie with CSRF as on the pages."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja.errors import AuthenticationError, AuthorizationError
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from ..access import is_signed_in, tokens_in_use
from ..entering import is_proven
from ..guessing import count_token_guess
from ..limits import TooMany, in_words
from ..models import ApiToken, User
from ..origins import is_own_origin

NOTE_USE_EVERY = timedelta(minutes=1)


class TokenAuth(HttpBearer):
    """`Authorization: Bearer pp_…`. A wrong token is refused, whatever cookie comes with it."""

    def authenticate(self, request: HttpRequest, token: str) -> User:
        row = tokens_in_use().filter(digest=ApiToken.digest_of(token.strip())).first()
        if row is None:
            wait_s = count_token_guess(request)
            if wait_s:
                raise TooMany(
                    f"Too many unknown API tokens came from this address. Wait {in_words(wait_s)}.",
                    wait_s,
                )
            raise AuthenticationError(message="This API token is unknown or was revoked.")
        if row.is_expired:
            raise AuthenticationError(message="This API token has expired. Make a new one.")
        if not row.allows(request.method):
            raise AuthorizationError(
                message=f"This API token may only read. {request.method} needs one with the scope "
                f"“{ApiToken.Scope.RUN}”."
            )
        _note_use(row)
        request.api_token = row
        request.user = row.user
        return row.user


class SessionAuth(APIKeyCookie):
    """The cookie of a signed-in page. Requests that change something need the CSRF token too."""

    param_name = settings.SESSION_COOKIE_NAME

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        if not request.user.is_authenticated:
            return None
        if _is_from_elsewhere(request):
            raise AuthorizationError(message="Another site's page may not use your session here.")
        return request.user

    def __call__(self, request: HttpRequest) -> User | None:
        user = self.authenticate(request, self._get_key(request))
        if user is not None and check_csrf(request) is not None:
            raise AuthorizationError(
                message="The CSRF token is missing or stale. Send it as X-CSRFToken, or use an "
                "API token."
            )
        return user

    def _get_key(self, request: HttpRequest) -> str | None:
        return request.COOKIES.get(self.param_name)


def is_still_welcome(request: HttpRequest) -> bool:
    """Whether the token or session that opened a long answer is still good."""
    row = getattr(request, "api_token", None)
    if row is not None:
        return not row.is_expired and tokens_in_use().filter(pk=row.pk).exists()
    return is_signed_in(request.session.session_key)


def check_proof(request: HttpRequest) -> None:
    """Before a credential is stored: a token is proof itself, a session is for a while only."""
    if getattr(request, "api_token", None) is None and not is_proven(request):
        raise AuthorizationError(
            message="You signed in too long ago for this. Sign in again, or use an API token."
        )


def _is_from_elsewhere(request: HttpRequest) -> bool:
    """SameSite cookies ignore ports, so the page of another app on this machine could ask, too."""
    headers = request.headers
    if headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return True
    origin = headers.get("Origin")
    return origin is not None and not is_own_origin([origin], request.get_host())


def _note_use(row: ApiToken) -> None:
    now = timezone.now()
    if row.used_at is None or now - row.used_at >= NOTE_USE_EVERY:
        tokens_in_use().filter(pk=row.pk).update(used_at=now)
