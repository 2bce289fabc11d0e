"""Pictures of a draft: attach one, look at it."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST, require_safe

from .. import attaching
from ..access import get_visible
from ..connecting import Refused
from ..models import Image


@require_POST
def image_add(request: HttpRequest) -> HttpResponse:
    """Keep an image, the body itself; the answer is its field's value in the prompt, or why not.

    No form with files: those would be parsed, and written to disk where they are big.
    """
    try:
        image = attaching.attach(request.user, request.GET.get("name", ""), request.body)
    except Refused as refused:
        return JsonResponse({"message": refused.message}, status=422)
    return JsonResponse({"value": f"{image.pk} {image}"}, status=201)


@require_safe
def image(request: HttpRequest, pk) -> HttpResponse:
    found = get_visible(request.user, Image, pk)
    response = HttpResponse(bytes(found.data), content_type=found.media_type)
    response["Content-Disposition"] = "inline"
    return response
