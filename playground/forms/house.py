"""What every form has in common: the design's classes, and where the focus goes."""

from django import forms

from ..connecting import Refused


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
        """Show a verb's refusal at each field it names, or above the form."""
        mistakes = getattr(refused, "mistakes", {refused.field: refused.message})
        for name, words in mistakes.items():
            field = self.SHOWN_AT.get(name, name)
            self.add_error(field if field in self.fields else None, words)


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
