"""What the scripts say, as data on the page; `site.words(key, values)` puts the values in.

Where a number decides between two forms there is a list of them, for one and for more.
"""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

ONE_AND_MORE = (1, 2)  # which stand for the two forms; no language here needs a third


def script_words(*scripts: str) -> dict[str, str | list[str]]:
    """Every sentence of site.js and of these others by its key, with its {parts}."""
    words = _site()
    for name in scripts:
        words |= {"outputs": _outputs, "prompt": _prompt}[name]()
    return words


def _site() -> dict[str, str | list[str]]:
    return {
        "close_message": _("Close message"),
        "undo": _("Undo"),
        "signed_out": _("You are signed out. Nothing was changed."),
        "type_password": _("Type your password."),
        "sign_in": _("Sign in"),
        "not_reached": _("The server cannot be reached. Try again in a moment."),
        "not_reached_kept": _(
            "The server cannot be reached. Nothing was lost; try again in a moment."
        ),
        "theme_not_saved": _("The theme could not be saved. It holds until this page is left."),
        "copied": _("Copied"),
        "session_ends": [
            ngettext(
                "You will be signed out in {n} minute, at {time}.",
                "You will be signed out in {n} minutes, at {time}.",
                n,
            )
            for n in ONE_AND_MORE
        ],
        "session_fixed": _(
            "A session lasts no longer. Drafts are kept: sign in again over the page and go on."
        ),
        "stay": _("Stay signed in"),
        "stays": _("You stay signed in."),
        "refused_400": _(
            "The server could not read this. It may be too long; shorten it and try again."
        ),
        "refused_403": _("You may not do this. Load the page again; drafts are kept."),
        "refused_404": _("It is not there any more, or not yours. Load the page again."),
        "refused_413": _("This is too long to send. Shorten it and try again."),
        "refused_429": _("Too much at once. Wait a moment and try again."),
        "server_failed": _("The server failed on this. Its log has the cause; try again."),
    }


def _prompt() -> dict[str, str | list[str]]:
    return {
        "draft_saved": _("Draft saved"),
        "draft_kept_here": _("Draft kept in this browser; the server did not take it"),
        "draft_not_saved": _("Draft not saved: it is too long, or the server did not take it"),
        "draft_of_other_tab": _("Another tab saved this draft at {time}"),
        "use_that": _("Use that one"),
        "not_compared": _("The drafts could not be compared: the server did not take them."),
        "draft_shown": _("Draft from {time} is shown"),
        "use": _("Use {time}"),
        "draft_restored": _("Restored your draft from {time}"),
        "use_saved": _("Use saved {time}"),
        "nothing_sent": _("Nothing was sent"),
        "tokens": [ngettext("≈ {n} token", "≈ {n} tokens", n) for n in ONE_AND_MORE],
        "estimate": [
            ngettext("{n} call, {tokens}, estimated", "{n} calls, {tokens} each, estimated", n)
            for n in ONE_AND_MORE
        ],
        "cost_most": _("up to about {cost}"),
        "cost_least": _("from about {cost}"),
        "over": [
            ngettext(
                "About {n} token over what {letter} · {name} takes ({most})",
                "About {n} tokens over what {letter} · {name} takes ({most})",
                n,
            )
            for n in ONE_AND_MORE
        ],
        "more_over": [
            ngettext("and {n} more column", "and {n} more columns", n) for n in ONE_AND_MORE
        ],
        "too_long": _(
            "The prompt is {size} KB long; at most {most} KB can be sent. "
            "Shorten it by {excess} KB."
        ),
        "remove_image": _("Remove image {image}"),
        "no_column_for_images": _("No column here takes images. Add a chat endpoint first."),
        "only_user_images": _("Only user messages carry images."),
        "image_too_big": _(
            "“{name}” has {size} KB; at most {most} KB can be sent. Attach a smaller one."
        ),
        "image_not_taken": _("The server did not take the image. Attach it again in a moment."),
        "image_removed": _("Image removed."),
        "pairs": [ngettext("{n} pair", "{n} pairs", n) for n in ONE_AND_MORE],
        "message_of": _("{role} message"),
        "message_moved": _("Message moved to place {place} of {all}"),
        "example_moved": _("Example moved to place {place} of {all}"),
        "message_removed": _("Message removed."),
        "example_removed": _("Example removed."),
        "not_set": _("not set"),
        # Parameters in one line, as short as can be.
        "temperature": _("temp"),
        "max_tokens": _("max"),
        "top_p": _("top p"),
        "stops": [ngettext("{n} stop", "{n} stops", n) for n in ONE_AND_MORE],
        "extra": _("extra JSON"),
        "tools": _("tools"),
        "response_format": _("response format"),
        "no_parameters": _("no parameters set"),
        "remove_stop": _("Remove stop sequence {stop}"),
        "running": _("Running…"),
        "run": _("Run"),
        "still_running": _("Still running. Stop it first (Esc)."),
        "empty": _("{n} empty"),
        "filled": [
            ngettext("Filled {n} variable.", "Filled {n} variables.", n) for n in ONE_AND_MORE
        ],
        "unknown_names": [
            ngettext(
                "{n} more name is not in the prompt.", "{n} more names are not in the prompt.", n
            )
            for n in ONE_AND_MORE
        ],
        "no_such_names": _("None of these names is in the prompt."),
        "no_object": _("This is not one JSON object yet."),
    }


def _outputs() -> dict[str, str | list[str]]:
    return {
        "use_endpoints": [
            ngettext("Use {n} endpoint", "Use {n} endpoints", n) for n in ONE_AND_MORE
        ],
        # In the strip of columns, small.
        "queued": pgettext("status", "queued"),
        "waiting": pgettext("status", "waiting"),
        "streaming": pgettext("status", "streaming"),
        "done": pgettext("status", "done"),
        "failed": pgettext("status", "failed"),
        "stopped": pgettext("status", "stopped"),
        "streaming_now": _("Streaming"),
        "attempt": _("attempt {attempt}"),
        "attempt_in": _("attempt {attempt}, in {left} s"),
        "too_many_places": _(
            "You follow running runs in too many places. Close some tabs; "
            "this one goes on by itself then."
        ),
        "run_gone": _(
            "This run was deleted, or is not shared with you any more. What you see may be old."
        ),
        "done_of": _("{n} of {all} done"),
        "some_done": _("{n} done"),
        "some_failed": _("{n} failed"),
        "some_stopped": _("{n} stopped"),
        "over_of": _("{over} of {all}"),
        "all_done": _("Done"),
        "not_run_yet": _(", not run yet"),
        "finished": _("Column {letter} finished in {time} seconds."),
        "column_failed": _("Column {letter} failed."),
        "column_stopped": _("Column {letter} stopped."),
        "not_stopped": _("The run could not be stopped: the server did not take it. Try again."),
        "no_markdown": _("The Markdown view did not come. The answer is shown as it came."),
        "ask_again_in": _("You can ask again in {left} s."),
        "ask_again_now": _("You can ask again now."),
        "run_ended": _("The run ended: {progress}."),
        "best": _("best"),
        "is_best": _("{letter} is the best of this run."),
        "is_not_best": _("{letter} is not the best any more."),
        "vote_not_kept": _("Your vote was not kept: the server did not take it. Try again."),
    }
