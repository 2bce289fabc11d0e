"""The transforms of an endpoint, as fields of its form, and what they are tried on."""

from django import forms
from django.utils.translation import gettext_lazy

from ..connecting import Refused, check_transform
from ..models import Endpoint
from ..models.endpoint import TRANSFORMS
from ..sandbox import why_off
from ..transforming import as_kept

EXAMPLES = {
    "transform_input": (
        "def transform_input(**request):\n"
        '    request["prompt"] = f"""{request["prompt"]}\n'
        '    Be concise."""\n'
        "    return request"
    ),
    "transform_output": "def transform_output(response):\n    return response.upper()",
}


def _editor(name: str) -> forms.Textarea:
    return forms.Textarea(
        attrs={
            "rows": 6 if name == "transform_input" else 4,
            "wrap": "off",
            "spellcheck": "false",
            "autocapitalize": "off",
            "autocomplete": "off",
            "placeholder": EXAMPLES[name],
            "data-code": "",
        }
    )


class TransformFields(forms.Form):
    """Two functions as source text; a mistake in one is shown at its line."""

    transform_input = forms.CharField(
        label=gettext_lazy("Input function"),
        required=False,
        strip=False,
        widget=_editor("transform_input"),
    )
    transform_output = forms.CharField(
        label=gettext_lazy("Output function"),
        required=False,
        strip=False,
        widget=_editor("transform_output"),
    )

    def __init__(self, *args, **kwargs):
        self.error_lines: dict[str, int] = {}
        super().__init__(*args, **kwargs)

    @property
    def why_transforms_are_off(self) -> str | None:
        return why_off()

    def clean_transform_input(self) -> str:
        return self._clean_source("transform_input")

    def clean_transform_output(self) -> str:
        return self._clean_source("transform_output")

    def _clean_source(self, name: str) -> str:
        """Judged here already: what saves it does so in a transaction, which should be short."""
        source = as_kept(self.cleaned_data[name])
        if source and self.why_transforms_are_off is None:
            try:
                check_transform(name, source, self.user)
            except Refused as refused:
                self._note_line(refused)
                raise forms.ValidationError(refused.message) from refused
        return source

    def refuse(self, refused: Refused) -> None:
        self._note_line(refused)
        super().refuse(refused)

    def _note_line(self, refused: Refused) -> None:
        if refused.line is not None:
            self.error_lines[refused.field] = refused.line

    def endpoint_to_try(self) -> Endpoint:
        """What of the form decides what a request is; the rest may be wrong or missing."""
        typed = self.cleaned_data
        endpoint = Endpoint(
            kind=self.chosen_kind,
            task=self.chosen_task,
            format=typed.get("format") or "",
            template=typed.get("template") or "",
            stop=typed["stop"],
            stream=typed.get("stream", False),
        )
        if endpoint.format not in endpoint.formats:
            endpoint.format = endpoint.formats[0] if endpoint.formats else ""
        set_here = {name: typed[name] for name in self.PARAMS if typed[name] is not None}
        endpoint.params = set_here | typed["extra"]
        return self.fill_transforms(endpoint)

    def fill_transforms(self, endpoint: Endpoint) -> Endpoint:
        for name in TRANSFORMS:
            setattr(endpoint, name, self.cleaned_data.get(name, ""))
        return endpoint


class TryForm(forms.Form):
    """What transforms are tried on, where it is no recorded call; part of the endpoint's form."""

    sample = forms.CharField(
        label=gettext_lazy("Sample message"),
        required=False,
        initial="How are you?",
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off", "form": "endpoint"}),
    )
    answer = forms.CharField(
        label=gettext_lazy("Sample answer"),
        required=False,
        strip=False,
        help_text=gettext_lazy(
            "What the endpoint answers, as JSON or text. Empty: one like those of its task."
        ),
        widget=forms.Textarea(
            attrs={
                "class": "textarea textarea--mono",
                "rows": 2,
                "spellcheck": "false",
                "form": "endpoint",
            }
        ),
    )
