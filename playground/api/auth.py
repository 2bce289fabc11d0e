"""Who calls the API: a bearer token, or the session cookie with CSRF as on the pages."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja.errors import AuthenticationError, AuthorizationError
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from ..access import is_signed_in
from ..models import ApiToken, User

NOTE_USE_EVERY = timedelta(minutes=1)


class TokenAuth(HttpBearer):
    """`Authorization: Bearer pp_…`. A wrong token is refused, whatever cookie comes with it."""

    def authenticate(self, request: HttpRequest, token: str) -> User:
        row = _tokens().filter(digest=ApiToken.digest_of(token.strip())).first()
        if row is None:
            raise AuthenticationError(message="This API token is unknown or was revoked.")
        _note_use(row)
        request.api_token = row
        request.user = row.user
        return row.user


class SessionAuth(APIKeyCookie):
    """The cookie of a signed-in page. Requests that change something need the CSRF token too."""

    param_name = settings.SESSION_COOKIE_NAME

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        return request.user if request.user.is_authenticated else None

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
        return _tokens().filter(pk=row.pk).exists()
    return is_signed_in(request.session.session_key)


def _tokens():
    return ApiToken.objects.select_related("user").filter(user__is_active=True)


def _note_use(row: ApiToken) -> None:
    now = timezone.now()
    if row.used_at is None or now - row.used_at >= NOTE_USE_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(used_at=now)
