"""Comment on an answer, and take a comment back."""

from django.utils.translation import gettext

from .access import can_comment
from .connecting import Refused
from .models import Call, Comment, User

MOST_CHARACTERS = 5_000
MOST_COMMENTS = 200  # on one call


def add_comment(user: User, call: Call, text: str) -> Comment:
    """Seen by everybody who sees the run. Raises Refused."""
    text = text.replace("\r\n", "\n").replace("\0", "").strip()
    if not can_comment(user, call.run):
        raise Refused("text", gettext("Your role lets you read this run, not comment on it."))
    if not text:
        raise Refused("text", gettext("Write what you want to say."))
    if len(text) > MOST_CHARACTERS:
        raise Refused(
            "text",
            gettext("A comment has at most %(most)s characters; this one has %(length)s.")
            % {"most": MOST_CHARACTERS, "length": len(text)},
        )
    if call.comments.count() >= MOST_COMMENTS:
        raise Refused(
            "text",
            gettext("This answer has %(most)s comments, as many as allowed.")
            % {"most": MOST_COMMENTS},
        )
    return call.comments.create(author=user, text=text)


def delete_comment(comment: Comment) -> None:
    comment.delete()
