"""What every page has in common: the way to the set-up, and headers that keep things private."""

from django.http import JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from .starting import is_set_up


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
    """Signed-in pages are not kept by browsers or proxies, and no page may use a device."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response["Permissions-Policy"] = (
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        )
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        if request.user.is_authenticated:
            response.setdefault("Cache-Control", "no-store")
        return response
