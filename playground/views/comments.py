"""Comments on the answers of a run."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from .. import commenting
from ..access import can_comment, editable_by, get_editable, get_visible, visible_to
from ..connecting import Refused
from ..models import Call, Comment, Run


@require_POST
def comment_add(request: HttpRequest, pk) -> HttpResponse:
    """On one of its answers; what is typed stays where it cannot be kept."""
    run = get_visible(request.user, Run, pk)
    call = get_visible(request.user, Call, request.POST.get("call", ""))
    if call.run_id != run.pk:
        raise Http404("This answer is of another run.")
    typed = request.POST.get("text", "")
    try:
        commenting.add_comment(request.user, call, typed)
    except Refused as refused:
        more = {"comment_refusal": refused, "typed_comment": typed, "typed_call": call.pk}
        return _comments(request, run, status=422, **more)
    return _comments(request, run)


@require_POST
def comment_delete(request: HttpRequest, pk) -> HttpResponse:
    comment = get_editable(request.user, Comment, pk)
    run = comment.call.run
    commenting.delete_comment(comment)
    return _comments(request, run)


def comments_of(request: HttpRequest, run: Run) -> dict:
    """What people said of a run's answers, oldest first, and whether this person may say more."""
    comments = visible_to(request.user, Comment).filter(call__run=run)
    mine = set(
        editable_by(request.user, Comment).filter(call__run=run).values_list("pk", flat=True)
    )
    return {
        "run": run,
        "comments": [
            {"row": comment, "may_delete": comment.pk in mine}
            for comment in comments.select_related("author", "call")
        ],
        "commentable": run.current_calls() if can_comment(request.user, run) else [],
    }


def _comments(request: HttpRequest, run: Run, *, status: int = 200, **more) -> HttpResponse:
    if not request.htmx:
        return redirect(f"{run.get_absolute_url()}#comments")
    context = comments_of(request, run) | more
    return render(request, "runs/_comments.html", context, status=status)
