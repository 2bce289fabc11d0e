"""Set-up, sign-in, password and API tokens."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.core.validators import RegexValidator

from .house import HouseForm, secret_input


class SetUpForm(HouseForm, forms.Form):
    username = forms.CharField(
        label="User name",
        max_length=150,
        required=False,
        validators=[
            RegexValidator(
                r"^[\w.@+-]+\Z", "Use letters, digits and @ . + - _ for it, without blanks."
            )
        ],
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        ),
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        required=False,
        help_text="At least 8 characters, not a common password.",
        widget=secret_input("new-password"),
    )
    code = forms.CharField(
        label="Set-up code",
        max_length=200,
        required=False,
        help_text="It is printed in the terminal where the site was started.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "input--mono"}),
    )


class SignInForm(HouseForm, AuthenticationForm):
    """One message for an unknown user and for a wrong password: neither says which it was."""

    error_messages = dict.fromkeys(
        ("invalid_login", "inactive"),
        "Check for a typo. Capital and small letters count in a password.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "User name"


class ChangePasswordForm(HouseForm, PasswordChangeForm):
    LABELS = {
        "old_password": "Current password",
        "new_password1": "New password",
        "new_password2": "New password again",
    }
    error_messages = PasswordChangeForm.error_messages | {
        "password_incorrect": "That is not your current password.",
        "password_mismatch": "The two new passwords differ.",
    }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, label in self.LABELS.items():
            self.fields[name].label, self.fields[name].help_text = label, ""
            self.fields[name].widget.attrs["autofocus"] = False


class TokenForm(HouseForm, forms.Form):
    name = forms.CharField(
        label="Name",
        max_length=120,
        error_messages={"required": "Name the token after what will use it."},
        widget=forms.TextInput(attrs={"placeholder": "nightly evaluation", "autocomplete": "off"}),
    )
