"""What every page has in common: our own name, the way to the set-up, headers that keep things
private, how long a session lasts, and its language."""

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from . import entering
from .languages import language_for
from .origins import is_own_host
from .starting import is_set_up
from .views.errors import WRONG_HOST, refuse

# Every device and sensor that a browser could be asked for. Writing to the clipboard is not among
# them: the copy buttons do.
DEVICES = (
    "accelerometer, autoplay, camera, display-capture, encrypted-media, fullscreen, gamepad, "
    "geolocation, gyroscope, hid, idle-detection, local-fonts, magnetometer, microphone, midi, "
    "otp-credentials, payment, picture-in-picture, publickey-credentials-create, "
    "publickey-credentials-get, screen-wake-lock, serial, storage-access, usb, window-management, "
    "xr-spatial-tracking"
)
PRIVACY_HEADERS = {
    "Permissions-Policy": f"{DEVICES},".replace(",", "=(),").removesuffix(","),
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SetupMiddleware:
    """Until an account exists every page leads to /setup/."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not is_set_up() and request.path != reverse("setup"):
            if request.path.startswith("/api/"):
                message = "No account exists yet. Open the site and set it up first."
                error = {"kind": "not_set_up", "message": message}
                return JsonResponse({"error": error}, status=503)
            return redirect("setup")
        return self.get_response(request)


class PrivacyMiddleware:
    """No page may use a device or be used by another site; signed-in pages are kept nowhere."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        for name, value in PRIVACY_HEADERS.items():
            response[name] = value
        user = getattr(request, "user", None)  # static files and refusals know none
        if user is not None and user.is_authenticated:
            response.setdefault("Cache-Control", "no-store")
        return response


@sync_and_async_middleware
def host_middleware(get_response):
    """A name that is not ours is refused before anything is served, static files included.

    A page elsewhere whose name leads to this machine (DNS rebinding) thus reads nothing. Our own
    server asks `is_own_host` before the body comes; here it is asked whatever server serves us.
    """
    if iscoroutinefunction(get_response):

        async def checked(request):
            return _refused_host(request) or await get_response(request)

    else:

        def checked(request):
            return _refused_host(request) or get_response(request)

    return checked


def _refused_host(request) -> HttpResponse | None:
    host = request.META.get("HTTP_HOST", request.META["SERVER_NAME"])
    return None if is_own_host([host]) else refuse(request, WRONG_HOST)


class SessionAgeMiddleware:
    """A session ends when it was not used for long, and after a week however it was used.

    Pages are told when, since nobody should be cut off without a warning (static/js/session.js).
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.user.is_authenticated:
            return self.get_response(request)
        if not entering.keep_session(request):
            logout(request)
            return self.get_response(request)
        request.session_end = entering.session_end(request)  # base.html tells the page's script
        response = self.get_response(request)
        response["Session-End"] = str(request.session_end)  # which this keeps up to date
        return response


class LanguageMiddleware:
    """Pages speak the language of who reads them, the API English: programs compare its words."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path.startswith("/api/"):
            with translation.override(settings.LANGUAGE_CODE):
                return self.get_response(request)
        language = language_for(request.user, request.headers.get("Accept-Language", ""))
        with translation.override(language):
            response = self.get_response(request)
        patch_vary_headers(response, ["Accept-Language"])
        return response
