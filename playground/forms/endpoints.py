"""An endpoint: kind, address, task, template and defaults."""

import copy
import json

from django import forms
from django.urls import reverse_lazy
from django.utils.translation import gettext, gettext_lazy

from endpoints import EndpointError, PromptError, Template, render_text

from .. import connecting
from ..access import visible_to
from ..connecting import Refused
from ..models import Endpoint, User, Workspace
from ..models.endpoint import PRICES
from ..notation import NotationError, read_object, read_stops, write_stops
from .house import HouseForm
from .presets import PRESETS, Preset, presets_for
from .transforms import TransformFields

TASKS_IN_WORDS = {
    Endpoint.Task.CHAT: gettext_lazy("Takes a list of messages, as OpenAI’s chat completions do."),
    Endpoint.Task.COMPLETIONS: gettext_lazy(
        "Takes one text and continues it, as OpenAI’s completions do."
    ),
    Endpoint.Task.EMBEDDINGS: gettext_lazy(
        "Turns each text into a vector; columns are compared by cosine."
    ),
    Endpoint.Task.CUSTOM: gettext_lazy("Takes one text, “prompt”, and answers one text."),
    Endpoint.Task.RESPONSES: gettext_lazy(
        "An agent: takes messages, answers with text, tool calls and more."
    ),
}
FORMATS_IN_WORDS = {
    Endpoint.Task.CUSTOM: gettext_lazy(
        "How its inputs are wrapped. Most MLflow models take dataframe_records."
    ),
    Endpoint.Task.RESPONSES: gettext_lazy(
        "Which of MLflow’s agent interfaces it was written with."
    ),
}
# What the template editor is tried on.
EXAMPLE_MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How are you?"},
]

WHOLE_NUMBER = {"invalid": gettext_lazy("Enter a whole number.")}


def _price_field(label: str) -> forms.FloatField:
    return forms.FloatField(
        label=label,
        required=False,
        error_messages={"invalid": gettext_lazy("Enter a number, such as 0.15.")},
        widget=forms.TextInput(attrs={"class": "input--num", "inputmode": "decimal"}),
    )


class EndpointForm(TransformFields, HouseForm, forms.Form):
    """An endpoint as its form shows it: two parameters and the rest as JSON, stops one per line."""

    ADDRESS = {
        Endpoint.Kind.SERVING: ("workspace", "serving_endpoint"),
        Endpoint.Kind.DRIVER_PROXY: ("workspace", "cluster_id", "port", "path"),
        Endpoint.Kind.DRIVER: ("url",),
    }
    PARAMS = ("temperature", "max_tokens")
    SHOWN_AT = {"params": "extra"} | {f"prices.{name}": f"price_{name}" for name in PRICES}

    kind = forms.ChoiceField(choices=Endpoint.Kind, widget=forms.RadioSelect)
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("Shown as the column title. Long names keep their ending."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    workspace = forms.ModelChoiceField(
        Workspace.objects.none(),
        label=gettext_lazy("Workspace"),
        required=False,
        empty_label=gettext_lazy("Choose a workspace"),
        error_messages={
            "invalid_choice": gettext_lazy("Choose one of the workspaces you can see.")
        },
    )
    serving_endpoint = forms.CharField(
        label=gettext_lazy("Serving endpoint"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Its name, as the workspace's Serving page shows it."),
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
        label=gettext_lazy("Cluster id"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("In the cluster's URL and under its Tags."),
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
        label=gettext_lazy("Port"),
        required=False,
        error_messages=WHOLE_NUMBER,
        widget=forms.TextInput(attrs={"class": "input--mono", "inputmode": "numeric"}),
    )
    path = forms.CharField(
        label=gettext_lazy("Path"),
        max_length=200,
        required=False,
        widget=forms.TextInput(
            attrs={"class": "input--mono", "placeholder": "/", "autocomplete": "off"}
        ),
    )
    url = forms.CharField(
        label=gettext_lazy("URL"),
        max_length=500,
        required=False,
        help_text=gettext_lazy(
            "Where the app answers POST requests. No workspace token is sent there."
        ),
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
    confirm_port = forms.BooleanField(label=gettext_lazy("Use this port anyway"), required=False)
    task = forms.ChoiceField(choices=Endpoint.Task, widget=forms.RadioSelect)
    format = forms.ChoiceField(
        label=gettext_lazy("Format"),
        choices=Endpoint.Format,
        required=False,
    )
    template = forms.CharField(
        label=gettext_lazy("Template"),
        required=False,
        strip=False,
        help_text=gettext_lazy(
            "How messages become one text. {system} and {content} stand for the texts, or "
            "give each role a section after a line @system, @user, @assistant, @any, @end. Empty: "
            "the texts, a blank line between two."
        ),
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
    stream = forms.BooleanField(label=gettext_lazy("Streams tokens"), required=False)
    temperature = forms.FloatField(
        label=gettext_lazy("Temperature"),
        required=False,
        error_messages={"invalid": gettext_lazy("Enter a number, such as 0.2.")},
        widget=forms.TextInput(attrs={"class": "input--num", "inputmode": "decimal"}),
    )
    max_tokens = forms.IntegerField(
        label=gettext_lazy("Max tokens"),
        required=False,
        error_messages=WHOLE_NUMBER,
        widget=forms.TextInput(attrs={"class": "input--num", "inputmode": "numeric"}),
    )
    timeout_s = forms.IntegerField(
        label=gettext_lazy("Timeout"),
        required=False,
        error_messages=WHOLE_NUMBER,
        widget=forms.TextInput(attrs={"class": "input--num", "inputmode": "numeric"}),
    )
    max_input_tokens = forms.IntegerField(
        label=gettext_lazy("Takes at most"),
        required=False,
        help_text=gettext_lazy(
            "The size of its context. The playground warns when a prompt is likely longer."
        ),
        error_messages=WHOLE_NUMBER,
        widget=forms.TextInput(attrs={"class": "input--num", "inputmode": "numeric"}),
    )
    extra = forms.CharField(
        label=gettext_lazy("Extra JSON"),
        required=False,
        widget=forms.Textarea(attrs={"class": "textarea--mono", "spellcheck": "false", "rows": 3}),
    )
    stop = forms.CharField(
        label=gettext_lazy("Stop sequences"),
        required=False,
        strip=False,
        help_text=gettext_lazy(r"One per line, blanks count. Write \n for a line break."),
        widget=forms.Textarea(attrs={"class": "textarea--mono", "spellcheck": "false", "rows": 2}),
    )
    price_input = _price_field(gettext_lazy("Input"))
    price_output = _price_field(gettext_lazy("Output"))
    price_per_hour = _price_field(gettext_lazy("Compute"))
    team = forms.ModelChoiceField(
        None,
        required=False,
        blank=True,
        empty_label=gettext_lazy("Private"),
        error_messages={"invalid_choice": gettext_lazy("Choose one of your own teams.")},
        widget=forms.RadioSelect,
    )

    def __init__(self, user: User, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.user = user
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
        values |= {f"price_{name}": price for name, price in endpoint.prices.items()}
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
    def presets(self) -> dict[str, list[Preset]]:
        """What the chosen task can begin with, by the field that it fills."""
        return {field: presets_for(field, self.chosen_task) for field in PRESETS}

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
                words = gettext("“%(name)s” is set above already. Remove it here.")
                self.add_error("extra", words % {"name": name})
        return self.cleaned_data

    def judge(self, endpoint: Endpoint) -> None:
        """Say what is wrong beside what could not even be read, so that all is told at once."""
        unread = set(self.errors)
        before = None if endpoint._state.adding else endpoint
        mistakes = connecting.mistakes_of(self.fill(copy.copy(endpoint)), before, self.user)
        for name, words in mistakes.items():
            if self.SHOWN_AT.get(name, name) not in unread:
                self.refuse(Refused(name, words))

    def fill(self, endpoint: Endpoint) -> Endpoint:
        """Put what was typed on an endpoint, which is not saved here; the unreadable as empty."""
        typed = dict.fromkeys(self.fields) | {"name": "", "stop": [], "extra": {}}
        typed |= {"kind": self.chosen_kind, "task": self.chosen_task} | self.cleaned_data
        for name in ("kind", "name", "workspace", "serving_endpoint", "cluster_id", "port", "path"):
            setattr(endpoint, name, typed[name])
        for name in ("url", "task", "stream", "timeout_s", "max_input_tokens", "stop", "team"):
            setattr(endpoint, name, typed[name])
        endpoint.format, endpoint.template = typed["format"] or "", typed["template"] or ""
        set_here = {name: typed[name] for name in self.PARAMS if typed[name] is not None}
        endpoint.params = set_here | typed["extra"]
        prices = {name: typed[f"price_{name}"] for name in PRICES}
        endpoint.prices = {name: price for name, price in prices.items() if price is not None}
        return self.fill_transforms(endpoint)


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


def _is_number(value: object, *, whole: bool) -> bool:
    return isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
