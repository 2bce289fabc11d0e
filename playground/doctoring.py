"""The request doctor: which field an endpoint refused, and what is remembered of it."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from .connecting import Refused
from .models import Call, Endpoint


def refused_field(call: Call) -> str | None:
    """The field that the endpoint named when it refused the request, if it can be left out.

    That is a parameter that was sent, or `stop`; what has to be sent is not asked about.
    """
    error = call.error or {}
    named = error.get("field") if error.get("kind") == "bad_request" else None
    if not isinstance(named, str):
        return None
    # Some name the place, as in `params.top_k`; others the field alone.
    for name in (named, named.rpartition(".")[2]):
        if name in fields_of(call):
            return name
    return None


def fields_of(call: Call) -> set[str]:
    """What was set for this call, by the endpoint, the prompt or the column."""
    return {*call.params, *(["stop"] if call.stop else [])}


def check_without(call: Call, without: list[str]) -> None:
    """Raises Refused for a field that was not sent anyway."""
    for name in without:
        if name not in fields_of(call):
            raise Refused(
                "without",
                gettext("“%(name)s” was not sent: there is nothing to leave out.")
                % {"name": name[:60]},
            )


def note_end(call: Call) -> None:
    """Remember a field that was refused; forget one that was taken."""
    field = refused_field(call)
    known = (call.endpoint.refused if call.endpoint else None) or {}
    taken = fields_of(call) & set(known) if call.status == Call.Status.DONE else set()
    if not taken and (field is None or field in known):
        return
    with transaction.atomic():
        rows = Endpoint.objects.select_for_update().filter(pk=call.endpoint_id)
        endpoint = rows.filter(version=call.config["version"]).first()
        if endpoint is None:
            return  # changed or deleted meanwhile: it may take other fields by now
        kept = {name: since for name, since in endpoint.refused.items() if name not in taken}
        if field is not None:
            kept.setdefault(field, timezone.now().date().isoformat())
        rows.update(refused=kept)
