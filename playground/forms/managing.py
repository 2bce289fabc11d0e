"""A serving endpoint to be created in a workspace, for an external model."""

from functools import reduce

from django import forms
from django.utils.translation import gettext, gettext_lazy

from endpoints import AddressError, EndpointError
from endpoints.deployments import ServingEndpoint
from endpoints.providers import PROVIDERS, FieldErrors, Provider, is_needed
from endpoints.providers import TASKS as EXTERNAL_TASKS
from endpoints.providers import Field as ProviderField
from endpoints.secrets import reference

from ..managing import NewSecret, check_external_model, create_external_model
from ..models import Endpoint, User, Workspace
from .house import HouseForm, secret_input

CHOICES_IN_WORDS = {
    "openai": "OpenAI",
    "azure": gettext_lazy("Azure OpenAI, with a key"),
    "azuread": gettext_lazy("Azure OpenAI, with Entra id"),
    "anthropic": "Anthropic",
    "cohere": "Cohere",
    "ai21labs": "AI21 Labs",
    "amazon": "Amazon",
}


def _with(first: str, second: str) -> str:
    # Translators: two fields of a form that belong together.
    return gettext("%(first)s with %(second)s") % {"first": first, "second": second}


def _kept_names(each: ProviderField) -> list[str]:
    """The form's fields of a provider's field that may be sent back to the page: no secret."""
    return [f"{each.name}-{part}" for part in ("scope", "key")] if each.is_secret else [each.name]


def _mono(**attrs: str) -> forms.TextInput:
    more = {"class": "input input--mono", "autocomplete": "off", "spellcheck": "false"}
    return forms.TextInput(attrs=more | attrs)


class ServingEndpointForm(HouseForm, forms.Form):
    """An external model to be: the chosen provider's own fields, each secret as scope and key.

    A secret called `api_key` has the fields `api_key-scope`, `api_key-key` and `api_key-value`; a
    value is stored in the workspace and goes nowhere else. `kept` is what was typed for other
    providers, [(name, value)], to be there again when they are chosen again.
    """

    SCOPE = "prompt-playground"

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=63,
        required=False,
        help_text=gettext_lazy(
            "Letters, digits, hyphens and underscores; it cannot be changed later."
        ),
        widget=_mono(),
    )
    provider = forms.ChoiceField(
        label=gettext_lazy("Provider"),
        choices=[(each.name, each.label) for each in PROVIDERS.values()],
        error_messages={"invalid_choice": gettext_lazy("Choose one of the providers.")},
    )
    model = forms.CharField(
        label=gettext_lazy("Model"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("As the provider writes it, such as gpt-4o-mini."),
        widget=_mono(),
    )
    task = forms.ChoiceField(
        label=gettext_lazy("Task"),
        choices=[(each, Endpoint.Task(each).label) for each in EXTERNAL_TASKS],
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.shown = [each for each in self.chosen.fields if self._is_shown(each)]
        for each in self.shown:
            self.fields |= self._fields_of(each)
        source = self.data if self.is_bound else self.initial
        every = {each for provider in PROVIDERS.values() for each in provider.fields}
        kept = {name for each in every for name in _kept_names(each)} - set(self.fields)
        self.kept = [(name, source[name]) for name in sorted(kept) if name in source]

    @property
    def chosen(self) -> Provider:
        return PROVIDERS.get(self._typed("provider"), next(iter(PROVIDERS.values())))

    @property
    def rows(self) -> list[dict]:
        """The provider's fields as the page shows them; a secret is three controls."""
        parts = ("scope", "key", "value")
        given = {each.name: self._typed(each.name) for each in self.chosen.fields}
        in_ways = {name for way in self.chosen.ways for name in way}
        rows = []
        for each in self.shown:
            is_free = not (each.choices or each.name in in_ways or is_needed(each, given))
            row = {"label": each.label, "aside": gettext("optional") if is_free else ""}
            if each.is_secret:
                row["parts"] = {part: self[f"{each.name}-{part}"] for part in parts}
            else:
                row["field"] = self[each.name]
            rows.append(row)
        return rows

    @property
    def ways(self) -> list[str]:
        """The ways to sign in at the provider, where one of several has to be filled in."""
        labels = {each.name: each.label for each in self.chosen.fields}
        return [reduce(_with, (labels[name] for name in way)) for way in self.chosen.ways]

    def create(self, user: User, workspace: Workspace) -> ServingEndpoint | None:
        """Create it. None, with everything that is wrong at its field, when that did not work."""
        typed = self.cleaned_data
        kept = [each for each in self.shown if each.is_secret and typed[f"{each.name}-value"]]
        new_secrets = [NewSecret(each.name, *self._place(each), self._value(each)) for each in kept]
        asked = {name: typed[name] for name in ("provider", "model", "task")}
        asked["values"] = {each.name: self._reference(each) for each in self.shown}
        asked["new_secrets"] = new_secrets
        unnamed = {name.rpartition("-")[0] for name in self.errors}  # secrets without a place
        try:
            if unnamed:
                check_external_model(typed["name"], **asked)
                return None
            return create_external_model(user, workspace, typed["name"], **asked)
        except FieldErrors as found:
            for name, words in found.errors.items():
                if name not in unnamed and name.rpartition("-")[0] not in unnamed:
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
        if each.choices:
            select = forms.Select(attrs={"class": "select"})
            choices = [(value, CHOICES_IN_WORDS.get(value, value)) for value in each.choices]
            return {each.name: forms.ChoiceField(label=each.label, choices=choices, widget=select)}
        text = forms.CharField(
            label=each.label,
            required=False,
            max_length=4096,
            widget=_mono(placeholder=each.example),
        )
        return {each.name: text}

    def _secret_fields(self, each: ProviderField) -> dict[str, forms.Field]:
        """Where a required secret goes is filled in; an optional one is left out unless named."""
        is_needed = each.is_required
        value = secret_input()
        # Kept by the page where another choice leaves the field; the server never sends it back.
        value.attrs |= {"class": "input", "hx-preserve": "true"}
        return {
            f"{each.name}-scope": forms.CharField(
                label=gettext_lazy("Scope"),
                required=False,
                max_length=128,
                initial=self.SCOPE if is_needed else "",
                widget=_mono(placeholder=self.SCOPE),
            ),
            f"{each.name}-key": forms.CharField(
                label=gettext_lazy("Key"),
                required=False,
                max_length=128,
                initial=each.name if is_needed else "",
                widget=_mono(placeholder=each.name),
            ),
            f"{each.name}-value": forms.CharField(
                label=gettext_lazy("Store this secret now"),
                required=False,
                strip=False,
                help_text=gettext_lazy(
                    "Sent to the workspace’s secrets and kept nowhere here. Leave it empty "
                    "for one that is stored there already."
                ),
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
