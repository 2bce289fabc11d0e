"""Where credentials live: the workspaces a person can use, and their own credential for each."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from .. import connecting, deleting, starting
from ..access import (
    can_edit,
    credential_of,
    editable_by,
    get_restorable,
    get_visible,
    visible_to,
)
from ..connecting import Refused
from ..forms.account import ProofForm
from ..forms.workspaces import ConfirmNameForm, CredentialForm, WorkspaceForm
from ..models import Credential, Endpoint, User, Workspace
from .endpoints import WHOSE, as_check
from .lists import Column, List, answer_list, asked_before

FAILED_NOW = "failed-workspace-check"  # session: the error that the list shows once, in its row


@dataclass(frozen=True)
class Line:
    """One workspace as one person sees it."""

    workspace: Workspace
    credential: Credential | None
    endpoint_count: int
    can_edit: bool
    is_mine: bool
    is_final: bool  # to delete it is: somebody stored a credential for it, or uses it
    error: dict | None = None  # of a check that just failed

    @property
    def is_closed(self) -> bool:
        """Whether the credential opens no more: the host was changed under it, or a key is gone."""
        return self.credential is not None and not connecting.is_usable(self.credential)

    @property
    def words(self) -> tuple[str, ...]:
        """What it is found by."""
        return self.workspace.name, self.workspace.host

    @property
    def checked_order(self) -> tuple:
        """Failed ones first, then the oldest checks; those never checked at the end."""
        checked_at = self.credential and self.credential.checked_at
        if not checked_at:
            return (2, 0)
        return (1 if self.credential.is_ok else 0, checked_at.timestamp())


COLUMNS = [
    Column("name", gettext_lazy("Workspace"), lambda line: line.workspace.name.casefold()),
    Column("credential", gettext_lazy("Your credential"), lambda line: line.credential is None),
    Column("checked", gettext_lazy("Last check"), lambda line: line.checked_order),
    Column("endpoints", gettext_lazy("Endpoints"), lambda line: line.endpoint_count, True),
]


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("token", "client_secret", "your_password")
def workspace_list(request: HttpRequest) -> HttpResponse:
    """The list; POST adds a workspace, or takes the one that the environment offers."""
    if request.method != "POST":
        return _list_page(request, WorkspaceForm())
    if "accept-offer" in request.POST:
        return _accept_offer(request)
    form, proof = WorkspaceForm(request.POST), ProofForm(request, request.POST)
    if form.is_valid() and (not form.has_credential or proof.is_valid()):
        try:
            workspace = _add(request.user, form)
        except Refused as refused:
            form.refuse(refused)
        else:
            _check_saved(request, workspace)
            return redirect("workspace-list")
    return _list_page(request, form, proof=proof, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("token", "client_secret", "your_password")
def workspace_edit(request: HttpRequest, pk) -> HttpResponse:
    """Name and host for those who may change them; everybody's own token below."""
    workspace = get_visible(request.user, Workspace, pk)
    if request.method != "POST":
        return _edit_page(request, workspace)
    if not can_edit(request.user, workspace):
        raise PermissionDenied(gettext("Only its owner changes a workspace."))
    form, proof = WorkspaceForm(request.POST), ProofForm(request, request.POST)
    if form.is_valid() and (not form.has_credential or proof.is_valid()):
        had_credential = credential_of(request.user, workspace) is not None
        try:
            workspace = _change(request.user, pk, form)
        except Refused as refused:
            form.refuse(refused)
        else:
            if form.has_credential or not had_credential:
                _check_saved(request, workspace)
            else:
                messages.success(
                    request, gettext("Saved %(workspace)s.") % {"workspace": workspace}
                )
            return redirect("workspace-list")
    return _edit_page(request, workspace, form=form, proof=proof, status=422)


@require_POST
def workspace_check(request: HttpRequest, pk) -> HttpResponse:
    workspace = get_visible(request.user, Workspace, pk)
    error = _check(request.user, workspace)
    if not request.htmx:
        _keep_for_the_list(request, workspace, error)
        return redirect("workspace-list")
    context = {"line": _line(request.user, workspace, error)}
    return render(request, "workspaces/_checked.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def workspace_delete(request: HttpRequest, pk) -> HttpResponse:
    workspace = get_visible(request.user, Workspace, pk)
    if not can_edit(request.user, workspace):
        raise PermissionDenied(gettext("Only its owner deletes a workspace."))
    if request.method != "POST":
        return _delete_page(request, workspace, ConfirmNameForm(workspace.name))
    form = ConfirmNameForm(workspace.name, request.POST)
    try:
        is_undoable = deleting.delete_workspace(
            request.user, workspace, with_credentials=form.is_valid()
        )
    except Refused as refused:
        if request.htmx:  # from the list, where nothing seemed to stand in the way
            return HttpResponseClientRedirect(request.path)
        if form.is_valid() or refused.field == "workspace":
            form.refuse(refused)
        return _delete_page(request, workspace, form, status=422)
    if is_undoable:
        words, undo = gettext("Deleted %(workspace)s."), reverse("workspace-restore", args=[pk])
    else:
        words, undo = gettext("Deleted %(workspace)s and its stored token."), ""
    messages.success(request, words % {"workspace": workspace}, extra_tags=undo)
    if request.htmx:
        return _list(request, asked_before(request))
    return redirect("workspace-list")


@require_POST
def workspace_restore(request: HttpRequest, pk) -> HttpResponse:
    workspace = get_restorable(request.user, Workspace, pk)
    try:
        deleting.restore(workspace)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, gettext("Restored %(workspace)s.") % {"workspace": workspace})
    if not request.htmx:
        return redirect("workspace-list")
    answer = _list(request, asked_before(request))
    return trigger_client_event(answer, "brought-back", {"id": f"workspace-{pk}"}, after="settle")


@require_POST
@sensitive_post_parameters("token", "client_secret", "your_password")
def credential_save(request: HttpRequest, pk) -> HttpResponse:
    """Anybody who sees a workspace may store a token of their own for it."""
    workspace = get_visible(request.user, Workspace, pk)
    form = CredentialForm(request.POST, auto_id="credential-%s")
    proof = ProofForm(request, request.POST, auto_id="credential-%s")
    if form.is_valid() & proof.is_valid():
        try:
            form.save_credential(request.user, workspace, request.POST.get("seen_host"))
        except Refused as refused:
            form.refuse(refused)
        else:
            _check_saved(request, workspace)
            return redirect("workspace-list")
    forms = {"credential_form": form, "credential_proof": proof}
    return _edit_page(request, workspace, status=422, **forms)


@require_POST
def credential_delete(request: HttpRequest, pk) -> HttpResponse:
    workspace = get_visible(request.user, Workspace, pk)
    connecting.delete_credential(request.user, workspace)
    messages.success(
        request,
        gettext("Erased your credential for %(workspace)s. Revoke it in Databricks too.")
        % {"workspace": workspace},
    )
    return redirect("workspace-list")


# What the pages show ------------------------------------------------------------------------


def _list_page(
    request: HttpRequest, form: WorkspaceForm, status: int = 200, **proofs
) -> HttpResponse:
    context = {
        "list": _found(request, request.GET),
        "form": form,
        "proof": ProofForm(request),
        "offered": starting.offered_workspace(request.user),
        "offer_proof": ProofForm(request, auto_id="offer-%s"),
    }
    response = answer_list(
        request, "workspaces/list.html", "workspaces/_list.html", context | proofs
    )
    response.status_code = status
    return response


def _list(request: HttpRequest, asked: QueryDict) -> HttpResponse:
    context = {"list": _found(request, asked)}
    return answer_list(request, "workspaces/list.html", "workspaces/_list.html", context)


def _found(request: HttpRequest, asked: QueryDict) -> List:
    failed = request.session.pop(FAILED_NOW, {})
    workspaces = visible_to(request.user, Workspace).select_related("owner")
    lines = _lines(request.user, workspaces, failed)
    return List(reverse("workspace-list"), asked, lines, COLUMNS, [WHOSE], lambda line: line.words)


def _edit_page(
    request: HttpRequest, workspace: Workspace, status: int = 200, **forms
) -> HttpResponse:
    stored = {"name": workspace.name, "host": workspace.host}
    credential = credential_of(request.user, workspace)
    kind = {"sign_in": credential.kind} if credential else {}
    signed_in = kind | {"client_id": credential.client_id} if credential else {}
    context = {
        "line": _line(request.user, workspace),
        "form": WorkspaceForm(initial=stored | kind),
        "proof": ProofForm(request),
        "credential_form": CredentialForm(auto_id="credential-%s", initial=signed_in),
        "credential_proof": ProofForm(request, auto_id="credential-%s"),
    }
    return render(request, "workspaces/edit.html", context | forms, status=status)


def _delete_page(
    request: HttpRequest, workspace: Workspace, form: ConfirmNameForm, status: int = 200
) -> HttpResponse:
    context = {
        "workspace": workspace,
        "form": form,
        "endpoints": visible_to(request.user, Endpoint).filter(workspace=workspace),
        "is_final": deleting.holds_credentials(workspace),
    }
    return render(request, "workspaces/delete.html", context, status=status)


def _line(user: User, workspace: Workspace, error: dict | None = None) -> Line:
    return _lines(user, [workspace], {str(workspace.pk): error})[0]


def _lines(user: User, workspaces, errors: dict[str, dict | None]) -> list[Line]:
    own = visible_to(user, Credential).select_related("workspace")
    credentials = {c.workspace_id: c for c in own}
    counted = visible_to(user, Endpoint).order_by().values_list("workspace")
    counts = dict(counted.annotate(Count("pk")))
    edits = set(editable_by(user, Workspace).values_list("pk", flat=True))
    held = Q(credentials__isnull=False) | Q(endpoints__deleted_at=None, endpoints__isnull=False)
    final = set(editable_by(user, Workspace).filter(held).values_list("pk", flat=True))
    return [
        Line(
            workspace=w,
            credential=credentials.get(w.pk),
            endpoint_count=counts.get(w.pk, 0),
            can_edit=w.pk in edits,
            is_mine=w.owner_id == user.pk,
            is_final=w.pk in final,
            error=errors.get(str(w.pk)),
        )
        for w in workspaces
    ]


# What they do -------------------------------------------------------------------------------


def _add(user: User, form: WorkspaceForm) -> Workspace:
    """The workspace and, if one was typed, the credential: both or neither."""
    typed = form.cleaned_data
    with transaction.atomic():
        workspace = connecting.save_workspace(
            Workspace(owner=user, name=typed["name"], host=typed["host"])
        )
        if form.has_credential:
            form.save_credential(user, workspace)
    return workspace


def _change(user: User, pk, form: WorkspaceForm) -> Workspace:
    """A stored credential is sealed for its host: another host needs it typed again."""
    typed = form.cleaned_data
    workspace = get_visible(user, Workspace, pk)
    before = credential_of(user, workspace)
    workspace.name, workspace.host = typed["name"], typed["host"]
    with transaction.atomic():
        connecting.save_workspace(workspace)
        if form.has_credential:
            form.save_credential(user, workspace)
        elif before is not None and credential_of(user, workspace) is None:
            field = "client_secret" if form.is_oauth else "token"
            what = gettext("client id and secret") if form.is_oauth else gettext("token")
            raise Refused(
                field,
                gettext(
                    "The host changed: type the %(what)s again. The old one is for the old host."
                )
                % {"what": what},
            )
    return workspace


def _check_saved(request: HttpRequest, workspace: Workspace) -> None:
    """Say that it is saved; how the check went is said in its row of the list, and only there."""
    if credential_of(request.user, workspace) is None:
        messages.success(
            request,
            gettext("Saved %(workspace)s. Add a token to use it.") % {"workspace": workspace},
        )
        return
    messages.success(request, gettext("Saved %(workspace)s.") % {"workspace": workspace})
    _keep_for_the_list(request, workspace, _check(request.user, workspace))


def _check(user: User, workspace: Workspace) -> dict | None:
    """The error of a check, or None: what is lasting of the result is kept with the credential."""
    return as_check(connecting.check_workspace(user, workspace)).get("error")


def _keep_for_the_list(request: HttpRequest, workspace: Workspace, error: dict | None) -> None:
    if error is not None:
        request.session[FAILED_NOW] = {str(workspace.pk): error}


def _accept_offer(request: HttpRequest) -> HttpResponse:
    proof = ProofForm(request, request.POST, auto_id="offer-%s")
    if not proof.is_valid():
        return _list_page(request, WorkspaceForm(), offer_proof=proof, status=422)
    try:
        workspace = starting.accept_offer(request.user)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        _check_saved(request, workspace)
    return redirect("workspace-list")
