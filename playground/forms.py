"""What people type, as Python values. The verbs judge it; a form only maps fields and refusals."""

import json

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.core.validators import RegexValidator
from django.urls import reverse_lazy

from endpoints import AddressError, EndpointError, PromptError, Template, render_text
from endpoints.deployments import ServingEndpoint
from endpoints.providers import PROVIDERS, FieldErrors, Provider
from endpoints.providers import TASKS as EXTERNAL_TASKS
from endpoints.providers import Field as ProviderField
from endpoints.secrets import reference

from .access import visible_to
from .connecting import Refused, save_credential, save_oauth
from .managing import NewSecret, create_external_model
from .models import Credential, Endpoint, User, Workspace
from .notation import NotationError, read_object, read_stops, write_stops


class HouseForm(forms.BaseForm):
    """The design's classes on every control; after a mistake the first one takes the focus."""

    SHOWN_AT: dict[str, str] = {}  # a verb's name for a field -> the form's, where they differ

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            for sort, name in SORTS.items():
                if isinstance(field.widget, sort):
                    own = field.widget.attrs.get("class", "")
                    field.widget.attrs["class"] = f"{name} {own}".strip()

    def add_error(self, field, error) -> None:
        super().add_error(field, error)
        wrong = [name for name in self.fields if name in self.errors]
        for name in self.fields if wrong else ():
            self.fields[name].widget.attrs["autofocus"] = name == wrong[0]

    def refuse(self, refused: Refused) -> None:
        """Show a verb's refusal at the field it names, or above the form."""
        field = self.SHOWN_AT.get(refused.field, refused.field)
        self.add_error(field if field in self.fields else None, refused.message)


SORTS = {
    forms.TextInput: "input",
    forms.PasswordInput: "input",
    forms.Textarea: "textarea",
    forms.Select: "select",
}


def secret_input(autocomplete: str = "off") -> forms.PasswordInput:
    """Never rendered back, not even after a mistake."""
    return forms.PasswordInput(
        render_value=False, attrs={"autocomplete": autocomplete, "spellcheck": "false"}
    )


# Accounts -----------------------------------------------------------------------------------


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


# Workspaces ---------------------------------------------------------------------------------


class SignInFields(HouseForm, forms.Form):
    """One's own credential for a workspace: a token, or a service principal's id and secret."""

    sign_in = forms.ChoiceField(
        label="Sign in with",
        choices=Credential.Kind,
        initial=Credential.Kind.TOKEN,
        required=False,
        widget=forms.RadioSelect,
    )
    token = forms.CharField(
        label="Access token",
        required=False,
        help_text="Stored encrypted. Nobody can read it back, you included; you can only "
        "replace it.",
        widget=secret_input(),
    )
    client_id = forms.CharField(
        label="Client id",
        max_length=256,
        required=False,
        help_text="The service principal’s application id.",
        widget=forms.TextInput(
            attrs={"class": "input--mono", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    client_secret = forms.CharField(
        label="Client secret",
        required=False,
        help_text="Stored encrypted, like a token. It is sent to the workspace alone, for a token "
        "that lasts an hour.",
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
        label="Name",
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "prod-eu", "autocomplete": "off"}),
    )
    host = forms.CharField(
        label="Host",
        max_length=2000,
        required=False,
        help_text="Paste any link from the workspace; the rest is cut off.",
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
        self.fields["typed_name"].label = f"Type {name} to confirm"

    def clean_typed_name(self) -> str:
        if self.cleaned_data["typed_name"] != self.name:
            raise forms.ValidationError(f"Type {self.name} exactly as it is written.")
        return self.name


# Endpoints ----------------------------------------------------------------------------------

TASKS_IN_WORDS = {
    Endpoint.Task.CHAT: "Takes a list of messages, as OpenAI’s chat completions do.",
    Endpoint.Task.COMPLETIONS: "Takes one text and continues it, as OpenAI’s completions do.",
    Endpoint.Task.EMBEDDINGS: "Turns each text into a vector; columns are compared by cosine.",
    Endpoint.Task.CUSTOM: "Takes one text, “prompt”, and answers one text.",
    Endpoint.Task.RESPONSES: "An agent: takes messages, answers with text, tool calls and more.",
}
FORMATS_IN_WORDS = {
    Endpoint.Task.CUSTOM: "How its inputs are wrapped. Most MLflow models take dataframe_records.",
    Endpoint.Task.RESPONSES: "Which of MLflow’s agent interfaces it was written with.",
}
# What the template editor is tried on.
EXAMPLE_MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How are you?"},
]

WHOLE_NUMBER = {"invalid": "Enter a whole number."}


class EndpointForm(HouseForm, forms.Form):
    """An endpoint as its form shows it: two parameters and the rest as JSON, stops one per line."""

    ADDRESS = {
        Endpoint.Kind.SERVING: ("workspace", "serving_endpoint"),
        Endpoint.Kind.DRIVER_PROXY: ("workspace", "cluster_id", "port", "path"),
        Endpoint.Kind.DRIVER: ("url",),
    }
    PARAMS = ("temperature", "max_tokens")
    SHOWN_AT = {"params": "extra"}

    kind = forms.ChoiceField(choices=Endpoint.Kind, widget=forms.RadioSelect)
    name = forms.CharField(
        label="Name",
        max_length=120,
        required=False,
        help_text="Shown as the column title. Long names keep their ending.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    workspace = forms.ModelChoiceField(
        Workspace.objects.none(),
        label="Workspace",
        required=False,
        empty_label="Choose a workspace",
        error_messages={"invalid_choice": "Choose one of the workspaces you can see."},
    )
    serving_endpoint = forms.CharField(
        label="Serving endpoint",
        max_length=200,
        required=False,
        help_text="Its name, as the workspace's Serving page shows it.",
        widget=forms.TextInput(
            attrs={
                "list": "found-names",
                "class": "input--mono",
                "autocomplete": "off",
                "spellcheck": "false",
            }
        ),
    )
    cluster_id = forms.CharField(
        label="Cluster id",
        max_length=200,
        required=False,
        help_text="In the cluster's URL and under its Tags.",
        widget=forms.TextInput(
            attrs={
                "class": "input--mono",
                "placeholder": "0812-091530-k3v9q2",
                "autocomplete": "off",
                "spellcheck": "false",
            }
        ),
    )
    port = forms.IntegerField(
        label="Port",
        required=False,
        error_messages=WHOLE_NUMBER,
        widget=forms.TextInput(attrs={"class": "input--mono", "inputmode": "numeric"}),
    )
    path = forms.CharField(
        label="Path",
        max_length=200,
        required=False,
        widget=forms.TextInput(
            attrs={"class": "input--mono", "placeholder": "/", "autocomplete": "off"}
        ),
    )
    url = forms.CharField(
        label="URL",
        max_length=500,
        required=False,
        help_text="Where the app answers POST requests. No workspace token is sent there.",
        widget=forms.TextInput(
            attrs={
                "class": "input--mono",
                "inputmode": "url",
                "placeholder": "http://127.0.0.1:7777/",
                "autocomplete": "off",
                "spellcheck": "false",
            }
        ),
    )
    confirm_port = forms.BooleanField(label="Use this port anyway", required=False)
    task = forms.ChoiceField(choices=Endpoint.Task, widget=forms.RadioSelect)
    format = forms.ChoiceField(
        label="Format",
        choices=Endpoint.Format,
        required=False,
    )
    template = forms.CharField(
        label="Template",
        required=False,
        strip=False,
        help_text="How messages become one text. {system} and {content} stand for the texts, or "
        "give each role a section after a line @system, @user, @assistant, @any, @end. Empty: "
        "the texts, a blank line between two.",
        widget=forms.Textarea(
            attrs={
                "class": "textarea--mono",
                "spellcheck": "false",
                "rows": 4,
                "placeholder": "{system}\n\n{content}",
                "hx-post": reverse_lazy("template-example"),
                "hx-trigger": "input changed delay:300ms",
                "hx-target": "#template-example",
                "hx-swap": "outerHTML",
                "hx-sync": "this:replace",
            }
        ),
    )
    stream = forms.BooleanField(label="Streams tokens", required=False)
    temperature = forms.FloatField(
        label="Temperature",
        required=False,
        error_messages={"invalid": "Enter a number, such as 0.2."},
        widget=forms.TextInput(attrs={"class": "input--num", "inputmode": "decimal"}),
    )
    max_tokens = forms.IntegerField(
        label="Max tokens",
        required=False,
        error_messages=WHOLE_NUMBER,
        widget=forms.TextInput(attrs={"class": "input--num", "inputmode": "numeric"}),
    )
    timeout_s = forms.IntegerField(
        label="Timeout",
        required=False,
        error_messages=WHOLE_NUMBER,
        widget=forms.TextInput(attrs={"class": "input--num", "inputmode": "numeric"}),
    )
    extra = forms.CharField(
        label="Extra JSON",
        required=False,
        widget=forms.Textarea(attrs={"class": "textarea--mono", "spellcheck": "false", "rows": 3}),
    )
    stop = forms.CharField(
        label="Stop sequences",
        required=False,
        strip=False,
        help_text=r"One per line, blanks count. Write \n for a line break.",
        widget=forms.Textarea(attrs={"class": "textarea--mono", "spellcheck": "false", "rows": 2}),
    )
    team = forms.ModelChoiceField(
        None,
        required=False,
        blank=True,
        empty_label="Private",
        error_messages={"invalid_choice": "Choose one of your own teams."},
        widget=forms.RadioSelect,
    )

    def __init__(self, user: User, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["workspace"].queryset = visible_to(user, Workspace)
        self.fields["workspace"].label_from_instance = lambda w: f"{w} · {w.short_host}"
        self.fields["team"].queryset = user.teams.order_by("name")
        if self._chosen_endpoint.formats:
            self.fields["format"].choices = [
                (value, label)
                for value, label in Endpoint.Format.choices
                if value in self._chosen_endpoint.formats
            ]
        self.fields["format"].help_text = FORMATS_IN_WORDS.get(self.chosen_task, "")

    @classmethod
    def values_of(cls, endpoint: Endpoint) -> dict:
        """A stored endpoint as this form's initial values."""
        values = {
            name: getattr(endpoint, name)
            for name in cls.base_fields
            if hasattr(endpoint, name) and name != "stop"
        }
        rest = dict(endpoint.params)
        for name in cls.PARAMS:
            if _is_number(rest.get(name), whole=name == "max_tokens"):
                values[name] = rest.pop(name)
        values["extra"] = json.dumps(rest, indent=2, ensure_ascii=False) if rest else ""
        values["stop"] = write_stops(endpoint.stop)
        return values

    @property
    def chosen_kind(self) -> str:
        return self._chosen("kind")

    @property
    def chosen_task(self) -> str:
        return self._chosen("task")

    @property
    def _chosen_endpoint(self) -> Endpoint:
        """An endpoint of the chosen kind and task, to ask what those take."""
        return Endpoint(kind=self.chosen_kind, task=self.chosen_task)

    @property
    def task_in_words(self) -> str:
        return TASKS_IN_WORDS[self.chosen_task]

    @property
    def asks_format(self) -> bool:
        """Only agents, and custom models behind a serving endpoint, are asked in several ways."""
        return bool(self._chosen_endpoint.formats)

    @property
    def asks_template(self) -> bool:
        return self._chosen_endpoint.takes_template

    @property
    def is_at_once(self) -> bool:
        """MLflow models and vectors never stream; everything else may."""
        return self.chosen_task == Endpoint.Task.EMBEDDINGS or (
            (self.chosen_kind, self.chosen_task) == (Endpoint.Kind.SERVING, Endpoint.Task.CUSTOM)
        )

    @property
    def asks_streaming(self) -> bool:
        return not self.is_at_once

    @property
    def template_example(self) -> dict[str, str]:
        return example_of(self["template"].value() or "")

    @property
    def address_fields(self) -> list[str]:
        return list(self.ADDRESS[self.chosen_kind])

    def kept_fields(self) -> list[forms.BoundField]:
        """Fields that this kind and task do not show, kept hidden so that typed values survive."""
        shown = {*self.address_fields, *(["format"] if self.asks_format else [])}
        shown |= {"template"} if self.asks_template else set()
        every = {name for names in self.ADDRESS.values() for name in names} | {"format", "template"}
        return [self[name] for name in self.fields if name in every - shown]

    def _chosen(self, name: str) -> str:
        field = self.fields[name]
        value = self[name].value()
        return value if field.valid_value(value) else field.choices[0][0]

    def clean_extra(self) -> dict:
        try:
            return read_object(self.cleaned_data["extra"])
        except NotationError as error:
            raise forms.ValidationError(str(error)) from error

    def clean_template(self) -> str:
        return plain_lines(self.cleaned_data["template"])

    def clean_stop(self) -> list[str]:
        return read_stops(self.cleaned_data["stop"])

    def clean(self) -> dict:
        for field in self.kept_fields():  # not shown, not used: no reason to stop anybody
            if self.errors.pop(field.name, None):
                self.cleaned_data[field.name] = None
        for name in self.PARAMS:
            if self.cleaned_data.get(name) is not None and name in self.cleaned_data.get(
                "extra", {}
            ):
                self.add_error("extra", f"“{name}” is set above already. Remove it here.")
        return self.cleaned_data

    def fill(self, endpoint: Endpoint) -> Endpoint:
        """Put what was typed on an endpoint, which is not saved here."""
        typed = self.cleaned_data
        for name in ("kind", "name", "workspace", "serving_endpoint", "cluster_id", "port", "path"):
            setattr(endpoint, name, typed[name])
        for name in ("url", "task", "stream", "timeout_s", "stop", "team"):
            setattr(endpoint, name, typed[name])
        endpoint.format, endpoint.template = typed["format"] or "", typed["template"] or ""
        set_here = {name: typed[name] for name in self.PARAMS if typed[name] is not None}
        endpoint.params = set_here | typed["extra"]
        return endpoint


def plain_lines(typed: str) -> str:
    """A template as it is kept: a form sends line ends as CR LF, and blanks alone are none."""
    return typed.replace("\r\n", "\n") if typed.strip() else ""


def example_of(template: str) -> dict[str, str]:
    """What a template makes of two messages: {text}, or {mistake}."""
    template = plain_lines(template)
    try:
        made_of = Template(template) if template else None
        return {"text": render_text(EXAMPLE_MESSAGES, made_of)}
    except PromptError as error:
        return {"mistake": error.message}
    except EndpointError as error:
        return {"mistake": f"{error.message} {error.hint}"}


# Serving endpoints --------------------------------------------------------------------------


def _mono(**attrs: str) -> forms.TextInput:
    more = {"class": "input input--mono", "autocomplete": "off", "spellcheck": "false"}
    return forms.TextInput(attrs=more | attrs)


class ServingEndpointForm(HouseForm, forms.Form):
    """An external model to be: the chosen provider's own fields, each secret as scope and key.

    A secret called `api_key` has the fields `api_key-scope`, `api_key-key` and `api_key-value`; a
    value is stored in the workspace and goes nowhere else.
    """

    SCOPE = "prompt-playground"

    name = forms.CharField(
        label="Name",
        max_length=63,
        required=False,
        help_text="Letters, digits, hyphens and underscores.",
        widget=_mono(),
    )
    provider = forms.ChoiceField(
        label="Provider",
        choices=[(each.name, each.label) for each in PROVIDERS.values()],
        error_messages={"invalid_choice": "Choose one of the providers."},
    )
    model = forms.CharField(
        label="Model",
        max_length=200,
        required=False,
        help_text="As the provider writes it.",
        widget=_mono(placeholder="gpt-4o-mini"),
    )
    task = forms.ChoiceField(
        label="Task", choices=[(each, Endpoint.Task(each).label) for each in EXTERNAL_TASKS]
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.shown = [each for each in self.chosen.fields if self._is_shown(each)]
        for each in self.shown:
            self.fields |= self._fields_of(each)

    @property
    def chosen(self) -> Provider:
        return PROVIDERS.get(self._typed("provider"), next(iter(PROVIDERS.values())))

    @property
    def rows(self) -> list[dict]:
        """The provider's fields as the page shows them; a secret is three controls."""
        parts = ("scope", "key", "value")
        return [
            {"label": each.label, "parts": {part: self[f"{each.name}-{part}"] for part in parts}}
            if each.is_secret
            else {"field": self[each.name]}
            for each in self.shown
        ]

    def create(self, user: User, workspace: Workspace) -> ServingEndpoint | None:
        """Create it. None, with everything that is wrong at its field, when that did not work."""
        typed = self.cleaned_data
        kept = [each for each in self.shown if each.is_secret and typed[f"{each.name}-value"]]
        new_secrets = [NewSecret(each.name, *self._place(each), self._value(each)) for each in kept]
        values = {each.name: self._reference(each) for each in self.shown}
        if self.errors:
            return None
        try:
            return create_external_model(
                user,
                workspace,
                typed["name"],
                provider=typed["provider"],
                model=typed["model"],
                task=typed["task"],
                values=values,
                new_secrets=new_secrets,
            )
        except FieldErrors as found:
            for name, words in found.errors.items():
                self._refuse(name, words)
        except EndpointError as error:
            hint = error.hint.replace("run again", "try again")
            self._refuse(error.field or "", f"{error.message} {hint}")
        return None

    def _refuse(self, name: str, words: str) -> None:
        """At the field; at its key for a secret that is not named; else above the form."""
        for shown in (name, f"{name}-key"):
            if shown in self.fields:
                return self.add_error(shown, words)
        return self.add_error(None, words)

    def _typed(self, name: str) -> str:
        return (self.data if self.is_bound else self.initial).get(name) or ""

    def _is_shown(self, each: ProviderField) -> bool:
        if each.only_if is None:
            return True
        name, values = each.only_if
        first = next((other.choices[0] for other in self.chosen.fields if other.name == name), "")
        return (self._typed(name) or first) in values

    def _fields_of(self, each: ProviderField) -> dict[str, forms.Field]:
        if each.is_secret:
            return self._secret_fields(each)
        label = each.label if each.is_required or each.choices else f"{each.label} (optional)"
        if each.choices:
            select = forms.Select(attrs={"class": "select"})
            choices = [(value, value) for value in each.choices]
            return {each.name: forms.ChoiceField(label=label, choices=choices, widget=select)}
        text = forms.CharField(
            label=label, required=False, max_length=4096, widget=_mono(placeholder=each.example)
        )
        return {each.name: text}

    def _secret_fields(self, each: ProviderField) -> dict[str, forms.Field]:
        """Where a required secret goes is filled in; an optional one is left out unless named."""
        is_needed = each.is_required
        value = secret_input()
        value.attrs["class"] = "input"
        return {
            f"{each.name}-scope": forms.CharField(
                label="Scope",
                required=False,
                max_length=128,
                initial=self.SCOPE if is_needed else "",
                widget=_mono(placeholder=self.SCOPE),
            ),
            f"{each.name}-key": forms.CharField(
                label="Key",
                required=False,
                max_length=128,
                initial=each.name if is_needed else "",
                widget=_mono(placeholder=each.name),
            ),
            f"{each.name}-value": forms.CharField(
                label="Store this secret now",
                required=False,
                strip=False,
                help_text="Sent to the workspace’s secrets and kept nowhere here. Leave it empty "
                "for one that is stored there already.",
                widget=value,
            ),
        }

    def _place(self, each: ProviderField) -> tuple[str, str]:
        typed = self.cleaned_data
        return typed[f"{each.name}-scope"], typed[f"{each.name}-key"]

    def _value(self, each: ProviderField) -> str:
        # Line ends as they were typed or pasted: a form sends them as CR LF.
        return self.cleaned_data[f"{each.name}-value"].replace("\r\n", "\n")

    def _reference(self, each: ProviderField) -> str:
        """What was typed, or for a secret how it is named; nothing for one that is left out."""
        if not each.is_secret:
            return self.cleaned_data[each.name]
        scope, key = self._place(each)
        if not (scope or key or self.cleaned_data[f"{each.name}-value"]):
            return ""
        try:
            return reference(scope, key)
        except AddressError as error:
            self.add_error(f"{each.name}-{error.field}", error.message)
            return ""


def _is_number(value: object, *, whole: bool) -> bool:
    return isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
