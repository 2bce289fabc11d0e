"""Set-up, sign-in, password and API tokens."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.core.validators import RegexValidator
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from .. import entering, guessing
from ..limits import in_words
from ..models import ApiToken
from .house import HouseForm, secret_input


class SetUpForm(HouseForm, forms.Form):
    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=150,
        required=False,
        validators=[
            RegexValidator(
                r"^[\w.@+-]+\Z",
                gettext_lazy("Use letters, digits and @ . + - _ for it, without blanks."),
            )
        ],
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        ),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        required=False,
        help_text=gettext_lazy("At least 8 characters, not a common password."),
        widget=secret_input("new-password"),
    )
    code = forms.CharField(
        label=gettext_lazy("Set-up code"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("It is printed in the terminal where the site was started."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "input--mono"}),
    )


class SignInForm(HouseForm, AuthenticationForm):
    """One message for an unknown user and for a wrong password: neither says which it was."""

    error_messages = dict.fromkeys(
        ("invalid_login", "inactive"),
        gettext_lazy("Check for a typo. Capital and small letters count in a password."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["username"].label = gettext_lazy("User name")

    @property
    def wait_s(self) -> int:
        """Seconds until the next attempt is looked at; 0 when this one was."""
        return guessing.wait_s(self.request)

    def get_invalid_login_error(self) -> forms.ValidationError:
        if self.wait_s:
            return forms.ValidationError(too_many_guesses(self.wait_s))
        return super().get_invalid_login_error()


def too_many_guesses(wait_s: int) -> str:
    return gettext(
        "Too many wrong passwords came from here. Try again in %(time)s; until then none is "
        "looked at."
    ) % {"time": in_words(wait_s)}


def refuse_wrong_password(request: HttpRequest, typed: str, words: str) -> None:
    """The password of who is signed in, asked for again."""
    if not entering.prove(request, typed):
        wait_s = guessing.wait_s(request)
        raise forms.ValidationError(too_many_guesses(wait_s) if wait_s else words)


class ProofForm(HouseForm, forms.Form):
    """The password once more, where it was typed some time ago: before a key is made or stored."""

    your_password = forms.CharField(
        label=gettext_lazy("Your password"),
        required=False,
        strip=False,
        help_text=gettext_lazy("You signed in a while ago. This makes sure that it is still you."),
        widget=secret_input("current-password"),
    )

    def __init__(self, request: HttpRequest, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.request = request

    @property
    def is_shown(self) -> bool:
        return self.is_bound and bool(self.errors) or entering.needs_proof(self.request)

    @property
    def left_s(self) -> int:
        """Seconds after which the page has to show it."""
        return entering.proof_left_s(self.request)

    def clean_your_password(self) -> str:
        typed = self.cleaned_data["your_password"]
        if entering.is_proven(self.request):
            return ""
        if not typed:
            raise forms.ValidationError(
                gettext(
                    "Type your password, too. Other secrets are not sent back: type them again."
                )
            )
        refuse_wrong_password(self.request, typed, gettext("That is not your password."))
        return ""


class ChangePasswordForm(HouseForm, PasswordChangeForm):
    LABELS = {
        "old_password": gettext_lazy("Current password"),
        "new_password1": gettext_lazy("New password"),
        "new_password2": gettext_lazy("New password again"),
    }
    ASKED_FOR = {
        "old_password": gettext_lazy("Type the current password."),
        "new_password1": gettext_lazy("Type the new password."),
        "new_password2": gettext_lazy("Type the new password again."),
    }
    error_messages = PasswordChangeForm.error_messages | {
        "password_incorrect": gettext_lazy("That is not your current password."),
        "password_mismatch": gettext_lazy("The two new passwords differ."),
    }

    def __init__(self, request: HttpRequest, *args, **kwargs):
        super().__init__(request.user, *args, **kwargs)
        self.request = request
        for name, label in self.LABELS.items():
            self.fields[name].label, self.fields[name].help_text = label, ""
            self.fields[name].error_messages["required"] = self.ASKED_FOR[name]
            self.fields[name].widget.attrs["autofocus"] = False

    def clean_old_password(self) -> str:
        """Looked at like a sign-in: a session left open is no place to guess the password."""
        typed = self.cleaned_data["old_password"]
        refuse_wrong_password(self.request, typed, self.error_messages["password_incorrect"])
        return typed


class TokenForm(HouseForm, forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        error_messages={"required": gettext_lazy("Name the token after what will use it.")},
        widget=forms.TextInput(
            attrs={"placeholder": gettext_lazy("nightly evaluation"), "autocomplete": "off"}
        ),
    )
    scope = forms.ChoiceField(
        label=pgettext_lazy("API token", "May"),
        choices=[
            (ApiToken.Scope.RUN, gettext_lazy("run and change")),
            (ApiToken.Scope.READ, gettext_lazy("only read")),
        ],
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("Expires"),
        choices=[
            ("30", gettext_lazy("in 30 days")),
            ("90", gettext_lazy("in 90 days")),
            ("365", gettext_lazy("in a year")),
            ("", gettext_lazy("never")),
        ],
        required=False,
        coerce=int,
        empty_value=None,
        initial="90",
    )
