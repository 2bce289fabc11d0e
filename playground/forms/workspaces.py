"""A workspace, one's own credential for it, and the name typed before a delete."""

from django import forms
from django.utils.translation import gettext, gettext_lazy

from ..connecting import save_credential, save_oauth
from ..models import Credential, User, Workspace
from .house import HouseForm, secret_input


class SignInFields(HouseForm, forms.Form):
    """One's own credential for a workspace: a token, or a service principal's id and secret."""

    sign_in = forms.ChoiceField(
        label=gettext_lazy("Sign in with"),
        choices=Credential.Kind,
        initial=Credential.Kind.TOKEN,
        required=False,
        widget=forms.RadioSelect,
    )
    token = forms.CharField(
        label=gettext_lazy("Access token"),
        required=False,
        help_text=gettext_lazy(
            "Stored encrypted. Nobody can read it back, you included; you can only replace it."
        ),
        widget=secret_input(),
    )
    client_id = forms.CharField(
        label=gettext_lazy("Client id"),
        max_length=256,
        required=False,
        help_text=gettext_lazy("The service principal’s application id."),
        widget=forms.TextInput(
            attrs={"class": "input--mono", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    client_secret = forms.CharField(
        label=gettext_lazy("Client secret"),
        required=False,
        help_text=gettext_lazy(
            "Stored encrypted, like a token. It is sent to the workspace alone, for a token "
            "that lasts an hour."
        ),
        widget=secret_input(),
    )

    @property
    def is_oauth(self) -> bool:
        return self.cleaned_data["sign_in"] == Credential.Kind.OAUTH

    @property
    def has_credential(self) -> bool:
        """Whether one was typed, of the kind that is chosen."""
        typed = self.cleaned_data
        return bool(
            typed["client_id"] or typed["client_secret"] if self.is_oauth else typed["token"]
        )

    def save_credential(
        self, user: User, workspace: Workspace, seen_host: str | None = None
    ) -> Credential:
        """Store what was typed. Raises Refused."""
        typed = self.cleaned_data
        if self.is_oauth:
            pair = typed["client_id"], typed["client_secret"]
            return save_oauth(user, workspace, *pair, seen_host=seen_host)
        return save_credential(user, workspace, typed["token"], seen_host=seen_host)


class WorkspaceForm(SignInFields):
    field_order = ("name", "host")
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "prod-eu", "autocomplete": "off"}),
    )
    host = forms.CharField(
        label=gettext_lazy("Host"),
        max_length=2000,
        required=False,
        help_text=gettext_lazy("Paste any link from the workspace; the rest is cut off."),
        widget=forms.TextInput(
            attrs={
                "class": "input--mono",
                "inputmode": "url",
                "placeholder": "https://adb-….azuredatabricks.net",
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )


class CredentialForm(SignInFields):
    """A credential alone, for a workspace that is there already."""


class ConfirmNameForm(HouseForm, forms.Form):
    """A delete that cannot be taken back: the name typed by hand."""

    typed_name = forms.CharField(
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )

    def __init__(self, name: str, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.name = name
        self.fields["typed_name"].label = gettext("Type %(name)s to confirm") % {"name": name}

    def clean_typed_name(self) -> str:
        if self.cleaned_data["typed_name"] != self.name:
            raise forms.ValidationError(
                gettext("Type %(name)s exactly as it is written.") % {"name": self.name}
            )
        return self.name
