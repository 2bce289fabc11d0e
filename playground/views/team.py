"""A team: who is in it with which role, who is invited, how somebody joins or leaves."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from .. import teaming
from ..access import can_edit, get_editable, get_member, get_visible, visible_to
from ..connecting import Refused
from ..forms.teams import InviteForm, JoinForm, TeamForm
from ..models import Invitation, Membership, Team
from ..running import Conflict


@require_safe
def team(request: HttpRequest) -> HttpResponse:
    """The team that is asked for, else the first of one's own."""
    return _page(request, chosen_team(request))


@require_POST
def team_make(request: HttpRequest) -> HttpResponse:
    form = TeamForm(request.POST, auto_id="new-%s")
    if form.is_valid():
        try:
            made = teaming.make_team(request.user, form.cleaned_data["name"])
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, gettext("Made %(team)s.") % {"team": made})
            return _to(made)
    return _page(request, chosen_team(request), status=422, new_form=form)


@require_POST
def team_rename(request: HttpRequest, pk) -> HttpResponse:
    team = get_editable(request.user, Team, pk)
    form = TeamForm(request.POST, auto_id="rename-%s")
    if form.is_valid():
        try:
            teaming.rename_team(request.user, team, form.cleaned_data["name"])
        except Refused as refused:
            form.refuse(refused)
        else:
            return _to(team)
    return _page(request, team, status=422, rename_form=form)


@require_POST
def team_leave(request: HttpRequest, pk) -> HttpResponse:
    team = get_visible(request.user, Team, pk)
    try:
        teaming.leave_team(request.user, team)
    except Conflict as conflict:
        return _page(request, team, status=409, problem=str(conflict))
    messages.success(request, gettext("You left %(team)s.") % {"team": team})
    return redirect("team")


@require_POST
def member_role(request: HttpRequest, pk, member: str) -> HttpResponse:
    team = get_editable(request.user, Team, pk)
    place = get_member(request.user, team, member)
    try:
        teaming.change_role(request.user, place, request.POST.get("role", ""))
    except Refused as refused:
        return _page(request, team, status=422, problem=refused.message)
    except Conflict as conflict:
        return _page(request, team, status=409, problem=str(conflict))
    return _to(team)


@require_POST
def member_remove(request: HttpRequest, pk, member: str) -> HttpResponse:
    team = get_editable(request.user, Team, pk)
    place = get_member(request.user, team, member)
    try:
        teaming.remove_member(request.user, place)
    except Conflict as conflict:
        return _page(request, team, status=409, problem=str(conflict))
    messages.success(
        request,
        gettext("%(name)s is in %(team)s no more.") % {"name": place.user.username, "team": team},
    )
    return _to(team) if visible_to(request.user, Team).filter(pk=pk).exists() else redirect("team")


# Invitations ---------------------------------------------------------------------------------


@require_POST
def invitation_make(request: HttpRequest, pk) -> HttpResponse:
    """A link to pass on, shown this once."""
    team = get_editable(request.user, Team, pk)
    form = InviteForm(request.POST, auto_id="invite-%s")
    if form.is_valid():
        try:
            invitation, code = teaming.invite(request.user, team, **form.cleaned_data)
        except Refused as refused:
            form.refuse(refused)
        else:
            # After a #: browsers send that part to nobody, so that it is in no log on the way.
            address = request.build_absolute_uri(f"{reverse('invitation')}#{code}")
            fresh = {"invitation": invitation, "address": address}
            return _page(request, team, fresh=fresh)
    return _page(request, team, status=422, invite_form=form)


@require_POST
def invitation_revoke(request: HttpRequest, pk) -> HttpResponse:
    invitation = get_visible(request.user, Invitation, pk)
    teaming.revoke_invitation(request.user, invitation)
    return _to(invitation.team)


@login_not_required
@never_cache
@sensitive_post_parameters("link")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    """What an invitation offers to whoever has its link, signed in or not. Changes nothing.

    The code stands after a # and is sent here by the page's script, or pasted into its field.
    """
    if request.method != "POST":
        return _join_page(request)
    return _offer(request, code_in(request.POST.get("link", "")))


@login_not_required
@never_cache
@sensitive_post_parameters("code", "password")
@require_POST
def invitation_accept(request: HttpRequest) -> HttpResponse:
    """Join, with one's account or a new one."""
    code = code_in(request.POST.get("code", ""))
    form = JoinForm(None if request.user.is_authenticated else request.POST)
    try:
        if request.user.is_authenticated:
            place = teaming.accept_invitation(request.user, code)
            messages.success(request, gettext("You are in %(team)s now.") % {"team": place.team})
            return _to(place.team)
        if form.is_valid():
            login(request, teaming.accept_with_new_account(code, **form.cleaned_data))
            return redirect("team")
    except teaming.Gone as gone:
        return _join_page(request, status=404, problem=gone.message)
    except PermissionDenied as denied:
        return _join_page(request, status=403, problem=str(denied))
    except Conflict as conflict:
        return _join_page(request, status=409, problem=str(conflict))
    except Refused as refused:
        form.refuse(refused)
    return _offer(request, code, form, status=422)


def code_in(link: str) -> str:
    return link.rpartition("#")[2].strip()


# What the pages show -------------------------------------------------------------------------


def chosen_team(request: HttpRequest) -> Team | None:
    """By `?team=`; without it the first by name. None for who is in no team."""
    asked = request.GET.get("team")
    if asked:
        return get_visible(request.user, Team, asked)
    return visible_to(request.user, Team).order_by("name", "created_at").first()


def _page(request: HttpRequest, team: Team | None, status: int = 200, **more) -> HttpResponse:
    is_admin = team is not None and can_edit(request.user, team)
    places = visible_to(request.user, Membership).filter(team=team).select_related("user")
    context = {
        "team": team,
        "teams": visible_to(request.user, Team).order_by("name", "created_at"),
        "is_admin": is_admin,
        "places": places.order_by("user__username"),
        "roles": Membership.Role.choices,
        "invitations": teaming.open_invitations(team) if is_admin else (),
        "invite_form": InviteForm(auto_id="invite-%s"),
        "rename_form": TeamForm(auto_id="rename-%s", initial={"name": team and team.name}),
        "new_form": TeamForm(auto_id="new-%s"),
    }
    return render(request, "teams/detail.html", context | more, status=status)


def _to(team: Team) -> HttpResponse:
    return redirect(f"{reverse('team')}?team={team.pk}")


def _offer(request: HttpRequest, code: str, form=None, status: int = 200) -> HttpResponse:
    try:
        invitation = teaming.read_invitation(code)
    except teaming.Gone as gone:
        return _join_page(request, status=404, problem=gone.message)
    context = {"invitation": invitation, "code": code, "form": form or JoinForm()}
    return _join_page(request, status=status, **context)


def _join_page(request: HttpRequest, status: int = 200, **context) -> HttpResponse:
    return render(request, "teams/join.html", context, status=status)
