"""A team: its name, who is invited, the account of who comes, and what of its log is wanted."""

from datetime import UTC, datetime, time, timedelta

from django import forms
from django.utils.translation import gettext_lazy, pgettext_lazy

from ..models import AuditEvent, Membership
from .account import SetUpForm
from .house import HouseForm


class TeamForm(HouseForm, forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Team name"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )


class InviteForm(HouseForm, forms.Form):
    email = forms.CharField(
        label=gettext_lazy("E-mail"),
        max_length=254,
        required=False,
        help_text=gettext_lazy("Nothing is sent: you get a link to pass on yourself."),
        widget=forms.EmailInput(attrs={"class": "input", "autocomplete": "off"}),
    )
    role = forms.ChoiceField(
        label=pgettext_lazy("in a team", "Role"),
        choices=Membership.Role,
        initial=Membership.Role.MEMBER,
    )


class JoinForm(SetUpForm):
    """The account that somebody makes who was invited."""

    code = None


class AuditForm(HouseForm, forms.Form):
    """Which lines of the log: days are those of UTC, both included."""

    actor = forms.ChoiceField(label=pgettext_lazy("audit log", "Who"), required=False)
    verb = forms.ChoiceField(
        label=pgettext_lazy("audit log", "What"),
        choices=[("", pgettext_lazy("audit log", "Everything")), *AuditEvent.Verb.choices],
        required=False,
    )
    object = forms.CharField(
        label=pgettext_lazy("audit log", "Name"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
    )
    since = forms.DateField(
        label=gettext_lazy("From day"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d"],
    )
    until = forms.DateField(
        label=gettext_lazy("To day"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d"],
    )

    def __init__(self, actors: list[str], *args, **kwargs):
        super().__init__(*args, **kwargs)
        everybody = ("", pgettext_lazy("audit log", "Everybody"))
        self.fields["actor"].choices = [everybody, *((name, name) for name in actors)]

    def wanted(self) -> dict:
        """The arguments of `auditing.events_like`."""
        typed = dict(self.cleaned_data)
        since, until = typed.pop("since"), typed.pop("until")
        if since:
            typed["since"] = datetime.combine(since, time.min, UTC)
        if until:
            typed["until"] = datetime.combine(until, time.min, UTC) + timedelta(days=1)
        return typed
