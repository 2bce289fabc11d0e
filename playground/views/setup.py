"""The first page of a fresh instance: one account, made with the code from the terminal."""

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from .. import starting
from ..connecting import Refused
from ..forms.account import SetUpForm


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password", "code")
@login_not_required
@never_cache
def setup(request: HttpRequest) -> HttpResponse:
    if starting.is_set_up():
        return redirect("login")
    if request.method == "POST":
        return _make_account(request, SetUpForm(request.POST))
    form = SetUpForm(initial={"code": request.GET.get("code", "")[:200]})
    if form["code"].value():
        form.fields["code"].widget.attrs["readonly"] = True
        form.fields["code"].help_text = gettext("From the link you opened.")
    return _page(request, form)


def _make_account(request: HttpRequest, form: SetUpForm) -> HttpResponse:
    if form.is_valid():
        try:
            user = starting.make_first_account(**form.cleaned_data)
        except Refused as refused:
            form.refuse(refused)
        else:
            login(request, user)
            return redirect("playground")
    return _page(request, form, status=422)


def _page(request: HttpRequest, form: SetUpForm, status: int = 200) -> HttpResponse:
    has_offer = settings.DATABRICKS_HOST and settings.DATABRICKS_TOKEN
    offered = settings.DATABRICKS_HOST if has_offer else None
    return render(request, "setup/setup.html", {"form": form, "offered": offered}, status=status)
