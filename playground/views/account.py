"""Who you are here: sign in, theme, password, API tokens."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from ..forms.account import ChangePasswordForm, SignInForm, TokenForm
from ..models import ApiToken, User

MADE = "made-token"  # session: a new token between its POST and the one page that shows it


class SignInView(LoginView):
    template_name = "account/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    return _page(request, made=request.session.pop(MADE, None))


@require_POST
def theme_save(request: HttpRequest) -> HttpResponse:
    theme = request.POST.get("theme")
    if theme not in User.Theme.values:
        return HttpResponse("Choose light, dark or nothing for automatic.", status=422)
    request.user.theme = theme
    request.user.save(update_fields=["theme"])
    return HttpResponse(status=204) if request.htmx else redirect("account")


@require_POST
@sensitive_post_parameters()
def password_save(request: HttpRequest) -> HttpResponse:
    form = ChangePasswordForm(request.user, request.POST)
    if not form.is_valid():
        return _page(request, password_form=form, status=422)
    user = form.save()
    update_session_auth_hash(request, user)  # this session goes on, every other one ends
    messages.success(request, "Password changed. Other sessions of yours are signed out.")
    return redirect("account")


@require_POST
def token_make(request: HttpRequest) -> HttpResponse:
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, token_form=form, status=422)
    row, token = ApiToken.make(request.user, form.cleaned_data["name"])
    request.session[MADE] = {"name": row.name, "token": token}
    return redirect("account")


@require_POST
def token_revoke(request: HttpRequest, pk) -> HttpResponse:
    token = get_object_or_404(request.user.api_tokens, pk=pk)
    token.delete()
    messages.success(request, f"Revoked “{token.name}”. Programs that use it are refused now.")
    return redirect("account")


def _page(request: HttpRequest, status: int = 200, **context) -> HttpResponse:
    defaults = {
        "password_form": ChangePasswordForm(request.user),
        "token_form": TokenForm(),
        "themes": User.Theme.choices,
        "tokens": request.user.api_tokens.order_by("-created_at"),
    }
    return render(request, "account/account.html", defaults | context, status=status)
