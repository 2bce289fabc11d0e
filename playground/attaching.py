"""Pictures attached to the messages of a draft: judged, kept, and put into what is sent."""

import os
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.utils.translation import gettext

from .access import editable_by, visible_to
from .connecting import Refused
from .languages import written
from .models import Image, User
from .pictures import NotAPicture, read_picture

KEPT = 50  # per person; the oldest goes when one more comes


def attach(user: User, name: str, data: bytes) -> Image:
    """Keep a picture. Raises Refused for what is none, or is too big."""
    name = "".join(filter(str.isprintable, os.path.basename(name))).strip() or "image"
    name = name if len(name) <= 60 else name[:29] + "…" + name[-30:]
    if len(data) > settings.MAX_IMAGE_BYTES:
        raise Refused(
            "image",
            gettext("“%(name)s” is too big: at most %(most)s KB can be sent. Attach a smaller one.")
            % {"name": name, "most": written(settings.MAX_IMAGE_BYTES // 1024)},
        )
    try:
        media_type, width, height = read_picture(data)
    except NotAPicture as error:
        raise Refused(
            "image",
            gettext("“%(name)s” is no image that models take. %(error)s Attach another one.")
            % {"name": name, "error": error},
        ) from error
    image = Image.objects.create(
        owner=user, name=name, media_type=media_type, width=width, height=height, data=data
    )
    newest = visible_to(user, Image).order_by("-created_at").values_list("pk", flat=True)
    editable_by(user, Image).exclude(pk__in=list(newest[:KEPT])).delete()
    return image


def typed_images(values: Sequence[str]) -> list[dict]:
    """The images that a form names, each "id words"; the words are what the page shows of it."""
    images = []
    for value in values:
        pk, _, words = value.partition(" ")
        try:
            images.append({"id": str(uuid.UUID(pk)), "words": words[:200]})
        except ValueError:
            continue
    return images


def with_images(user: User, messages: Sequence[dict]) -> list[dict]:
    """Messages as OpenAI writes them: `images` as parts of the content. Raises Refused."""
    ids = [image["id"] for message in messages for image in message.get("images", ())]
    known = visible_to(user, Image).in_bulk(ids) if ids else {}
    return [_with_parts(message, known) for message in messages]


def _with_parts(message: dict, known: dict) -> dict:
    plain = {"role": message["role"], "content": message["content"]}
    if not message.get("images"):
        return plain
    if message["role"] != "user":
        raise Refused(
            "messages", gettext("Only user messages carry images. Remove it, or change the role.")
        )
    parts = [{"type": "text", "text": plain["content"]}] if plain["content"].strip() else []
    for image in message["images"]:
        stored = known.get(uuid.UUID(image["id"]))
        if stored is None:
            raise Refused(
                "messages",
                gettext("The image %(image)s is not kept any more. Attach it again.")
                % {"image": image["words"]},
            )
        parts.append({"type": "image_url", "image_url": {"url": stored.url}})
    return plain | {"content": parts}
