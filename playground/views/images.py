"""Pictures of a draft: attach one, look at it."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST, require_safe

from .. import attaching
from ..access import get_visible
from ..connecting import Refused
from ..models import Image


@require_POST
def image_add(request: HttpRequest) -> HttpResponse:
    """Keep the file `image`; the answer is the value of its field in the prompt, or why not."""
    file = request.FILES.get("image")
    try:
        if file is None:
            raise Refused("image", "There is no image in this. Choose a file.")
        # One byte more tells that it is too big; the rest of it is never read.
        data = file.read(settings.MAX_IMAGE_BYTES + 1) if file.size else b""
        image = attaching.attach(request.user, file.name, data)
    except Refused as refused:
        return JsonResponse({"message": refused.message}, status=422)
    return JsonResponse({"value": f"{image.pk} {image}"}, status=201)


@require_safe
def image(request: HttpRequest, pk) -> HttpResponse:
    found = get_visible(request.user, Image, pk)
    response = HttpResponse(bytes(found.data), content_type=found.media_type)
    response["Content-Disposition"] = "inline"
    return response
