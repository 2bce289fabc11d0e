"""Who you are here: sign in, theme, language, password, API tokens."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from .. import announcing, entering
from ..access import get_visible, visible_to
from ..forms.account import ChangePasswordForm, ProofForm, SignInForm, TokenForm
from ..languages import is_offered
from ..models import ApiToken, User
from .lists import Column, List, answer_list

TOKENS = [
    Column("made", gettext_lazy("Newest first"), lambda token: -token.created_at.timestamp()),
    Column("name", gettext_lazy("Name"), lambda token: token.name.casefold()),
    Column("expires", gettext_lazy("Expires"), lambda t: (t.expires_at is None, t.expires_at)),
    Column("used", gettext_lazy("Last used"), lambda t: (t.used_at is None, t.used_at)),
]
MADE = "made-token"  # session: a new token between its POST and the one page that shows it


class SignInView(LoginView):
    template_name = "account/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        status = 429 if form.wait_s else 422
        response = self.render_to_response(self.get_context_data(form=form), status=status)
        if form.wait_s:
            response["Retry-After"] = str(form.wait_s)
        return response


class SignOutView(LogoutView):
    def post(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        user_id = request.user.pk
        response = super().post(request, *args, **kwargs)
        if user_id is not None:
            announcing.person_changed_soon(user_id)  # the session is gone by now
        # Not the cookies: they ignore ports, so those of other apps on this machine would go too.
        response["Clear-Site-Data"] = '"cache", "storage"'
        return response


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    return _page(request, made=None if request.htmx else request.session.pop(MADE, None))


@require_POST
def theme_save(request: HttpRequest) -> HttpResponse:
    theme = request.POST.get("theme")
    if theme not in User.Theme.values:
        return HttpResponse(gettext("Choose light, dark or nothing for automatic."), status=422)
    request.user.theme = theme
    request.user.save(update_fields=["theme"])
    return HttpResponse(status=204) if request.htmx else redirect("account")


@require_POST
def keys_save(request: HttpRequest) -> HttpResponse:
    """Whether single letters do something: who speaks to the computer may not want that."""
    request.user.has_keys = "has_keys" in request.POST
    request.user.save(update_fields=["has_keys"])
    return redirect("account")


@require_POST
def language_save(request: HttpRequest) -> HttpResponse:
    language = request.POST.get("language")
    if language and not is_offered(language) or language is None:
        return HttpResponse(gettext("Choose a language of the list, or automatic."), status=422)
    request.user.language = language
    request.user.save(update_fields=["language"])
    return redirect("account")


@require_POST
@sensitive_post_parameters()
def password_save(request: HttpRequest) -> HttpResponse:
    form = ChangePasswordForm(request, request.POST)
    if not form.is_valid():
        return _page(request, password_form=form, status=422)
    entering.keep_this_session(request, form.save())  # every other one ends
    messages.success(request, gettext("Password changed. Other sessions of yours are signed out."))
    return redirect("account")


@require_POST
def session_keep(request: HttpRequest) -> HttpResponse:
    """Any request prolongs the session; this one does nothing else."""
    return HttpResponse(status=204)


@require_POST
def sessions_end(request: HttpRequest) -> HttpResponse:
    entering.end_other_sessions(request)
    messages.success(request, gettext("You are signed out everywhere else."))
    return redirect("account")


@require_POST
@sensitive_post_parameters("your_password")
def token_make(request: HttpRequest) -> HttpResponse:
    form, proof = TokenForm(request.POST), ProofForm(request, request.POST)
    if not (form.is_valid() & proof.is_valid()):
        return _page(request, token_form=form, proof=proof, status=422)
    row, token = ApiToken.make(request.user, **form.cleaned_data)
    request.session[MADE] = {"name": row.name, "token": token}
    return redirect("account")


@require_POST
def token_revoke(request: HttpRequest, pk) -> HttpResponse:
    token = get_visible(request.user, ApiToken, pk)
    token.delete()
    announcing.person_changed_soon(request.user.pk)  # event streams that it opened end now
    messages.success(
        request,
        gettext("Revoked “%(name)s”. Programs that use it are refused now.") % {"name": token.name},
    )
    return redirect("account")


def _page(request: HttpRequest, status: int = 200, **context) -> HttpResponse:
    defaults = {
        "password_form": ChangePasswordForm(request),
        "proof": ProofForm(request),
        "token_form": TokenForm(),
        "themes": User.Theme.choices,
        "languages": settings.LANGUAGES,
        "list": List(reverse("account"), request.GET, visible_to(request.user, ApiToken), TOKENS),
    }
    page, part = "account/account.html", "account/_tokens.html"
    response = answer_list(request, page, part, defaults | context)
    response.status_code = status
    return response
