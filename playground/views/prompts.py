"""Saved prompts: the list, one with its versions, what differs, and to and from the playground."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from .. import comparing, deleting, drafting, importing, prompting
from ..access import (
    can_edit,
    editable_by,
    get_editable,
    get_own,
    get_restorable,
    get_visible,
    teams_to_share_with,
    visible_to,
)
from ..asking import TooLarge
from ..connecting import Refused
from ..models import Draft, Prompt, PromptAlias, PromptVersion, Team, User
from .endpoints import WHOSE
from .lists import Column, List, answer_list, asked_before
from .playground import state_of, tell_saved

VERSIONS_A_PAGE = 50
DRAFT = "draft"  # instead of a version's number: what is in the playground


@dataclass(frozen=True)
class Line:
    """One prompt as one person sees it."""

    prompt: Prompt
    aliases: list[PromptAlias]
    can_edit: bool
    is_mine: bool

    @property
    def words(self) -> tuple[str, ...]:
        """What it is found by."""
        names = (alias.name for alias in self.aliases)
        return self.prompt.name, self.prompt.newest_message or "", *names


COLUMNS = [
    Column("name", gettext_lazy("Prompt"), lambda line: line.prompt.name.casefold()),
    Column("versions", gettext_lazy("Versions"), lambda line: line.prompt.many, is_number=True),
    Column("changed", gettext_lazy("Changed"), lambda line: line.prompt.changed_at),
    Column(
        "owner",
        gettext_lazy("Owner"),
        lambda line: (not line.is_mine, line.prompt.owner.username.casefold()),
    ),
    Column(
        "team", gettext_lazy("Shared with"), lambda line: str(line.prompt.team or "").casefold()
    ),
]


# The list -----------------------------------------------------------------------------------


@require_safe
def prompt_list(request: HttpRequest) -> HttpResponse:
    return _list(request, request.GET)


def _list(request: HttpRequest, asked: QueryDict, **more) -> HttpResponse:
    user = request.user
    newest = visible_to(user, PromptVersion).filter(prompt=OuterRef("pk")).order_by("-number")
    prompts = visible_to(user, Prompt).select_related("owner", "team")
    prompts = prompts.prefetch_related("aliases__version").annotate(
        many=Count("versions"),
        newest_number=Subquery(newest.values("number")[:1]),
        newest_message=Subquery(newest.values("message")[:1]),
        changed_at=Subquery(newest.values("created_at")[:1]),
    )
    edits = set(editable_by(user, Prompt).values_list("pk", flat=True))
    lines = [
        Line(each, list(each.aliases.all()), each.pk in edits, each.owner_id == user.pk)
        for each in prompts
    ]
    path = reverse("prompt-list")
    found = List(path, asked, lines, COLUMNS, [WHOSE], lambda line: line.words)
    context = {"list": found} | more
    answer = answer_list(request, "prompts/list.html", "prompts/_list.html", context)
    if "refusal" in more:
        answer.status_code = 422
    return answer


@require_POST
def prompt_import(request: HttpRequest) -> HttpResponse:
    """The text of a file that was exported, as a new prompt; leads to it."""
    text, name = request.POST.get("text", ""), request.POST.get("name", "").strip()
    try:
        found = importing.read_file(text)
        prompt = importing.import_prompt(request.user, found, name)
    except (Refused, TooLarge) as error:
        typed = {"text": text, "name": name}
        return _list(request, QueryDict(), refusal=str(error), typed=typed)
    messages.success(request, gettext("Imported “%(prompt)s”.") % {"prompt": prompt.name})
    return redirect(prompt)


# One prompt ---------------------------------------------------------------------------------


@require_safe
def prompt_detail(request: HttpRequest, pk) -> HttpResponse:
    """`?version=` is shown, else the newest; `?from=` and `?to=` are compared."""
    return _page(request, get_visible(request.user, Prompt, pk))


def _page(request: HttpRequest, prompt: Prompt, status: int = 200, **more) -> HttpResponse:
    user, asked = request.user, request.GET
    rows = visible_to(user, PromptVersion).filter(prompt=prompt).select_related("author")
    rows = rows.prefetch_related("aliases").order_by("-number")
    page = Paginator(rows, VERSIONS_A_PAGE).get_page(asked.get("page"))
    newest = rows.first()
    shown = _version(rows, asked["version"]) if "version" in asked else newest
    context = {
        "prompt": prompt,
        "page": page,
        "newest": newest,
        "shown": shown,
        "aliases": prompt.aliases.select_related("version"),
        "is_own": prompt.owner_id == user.pk,
        "can_edit": can_edit(user, prompt),
        "teams": teams_to_share_with(user) if prompt.owner_id == user.pk else (),
    }
    if "from" in asked or "to" in asked:
        context |= _difference(user, rows, asked)
    return render(request, "prompts/detail.html", context | more, status=status)


def _version(rows, asked: str) -> PromptVersion:
    if not re.fullmatch(r"[1-9]\d{0,8}", asked, re.ASCII):
        raise Http404("No such version.")
    version = rows.filter(number=int(asked)).first()
    if version is None:
        raise Http404("No such version.")
    return version


def _difference(user: User, rows, asked: QueryDict) -> dict:
    """What leads from one version to another, or to what is in the playground."""
    old = _version(rows, asked.get("from", ""))
    one, two = prompting.draft_with(old, user), None
    if asked.get("to") == DRAFT:
        draft = drafting.draft_of(user)
        two = Draft(owner=user, **prompting.content_of(draft))
        one.variables = {}
    else:
        new = _version(rows, asked.get("to", ""))
        two = prompting.draft_with(new, user)
        one.variables = prompting.described(old.variables)
        two.variables = prompting.described(new.variables)
    parts = comparing.draft_parts(one, two)
    return {
        "compared": {"old": old.number, "new": DRAFT if asked.get("to") == DRAFT else new.number},
        "parts": [part for part in parts if part.difference],
        "left_out": sum(not part.difference for part in parts),
    }


@require_POST
def prompt_use(request: HttpRequest, pk) -> HttpResponse:
    """A version as this person's draft; what was there before comes back by the banner."""
    prompt = get_visible(request.user, Prompt, pk)
    rows = visible_to(request.user, PromptVersion).filter(prompt=prompt)
    version = _version(rows, request.POST.get("version", ""))
    prompting.use_prompt(drafting.draft_of(request.user), version)
    return redirect("playground")


@require_POST
def prompt_rename(request: HttpRequest, pk) -> HttpResponse:
    prompt = get_own(request.user, Prompt, pk)
    before, typed = prompt.name, request.POST.get("name", "")
    try:
        prompting.rename_prompt(prompt, typed)
    except Refused as refused:
        prompt.name = before
        return _page(request, prompt, 422, refusal=refused, typed=typed)
    return redirect(prompt)


@require_POST
def prompt_share(request: HttpRequest, pk) -> HttpResponse:
    prompt = get_own(request.user, Prompt, pk)
    chosen = request.POST.get("team", "")
    try:
        team = get_visible(request.user, Team, chosen) if chosen else None
        prompting.share_prompt(request.user, prompt, team)
    except Refused as refused:
        return _page(request, prompt, 422, refusal=refused)
    return redirect(prompt)


@require_POST
def alias_set(request: HttpRequest, pk) -> HttpResponse:
    prompt = get_editable(request.user, Prompt, pk)
    name, number = (request.POST.get(field, "") for field in ("alias", "version"))
    try:
        is_number = re.fullmatch(r"[1-9]\d{0,8}", number, re.ASCII)
        prompting.set_alias(prompt, name.strip(), int(number) if is_number else 0)
    except Refused as refused:
        return _page(request, prompt, 422, refusal=refused, typed_alias=name)
    return redirect(prompt)


@require_POST
def alias_remove(request: HttpRequest, pk, name: str) -> HttpResponse:
    prompt = get_editable(request.user, Prompt, pk)
    alias = prompt.aliases.filter(name=name).first()
    if alias is None:
        raise Http404("No such alias.")
    prompting.remove_alias(alias)
    return redirect(prompt)


@require_POST
def prompt_delete(request: HttpRequest, pk) -> HttpResponse:
    prompt = get_own(request.user, Prompt, pk)
    deleting.delete_prompt(request.user, prompt)
    words = gettext("Deleted “%(prompt)s”. Its runs are kept.") % {"prompt": prompt.name}
    messages.success(request, words, extra_tags=reverse("prompt-restore", args=[pk]))
    if request.htmx:
        return _list(request, asked_before(request))
    return redirect(f"{reverse('prompt-list')}#list-t")


@require_POST
def prompt_restore(request: HttpRequest, pk) -> HttpResponse:
    prompt = get_restorable(request.user, Prompt, pk)
    try:
        deleting.restore(prompt)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, gettext("“%(prompt)s” is back.") % {"prompt": prompt.name})
    if not request.htmx:
        return redirect("prompt-list")
    answer = _list(request, asked_before(request))
    return trigger_client_event(answer, "brought-back", {"id": f"prompt-{pk}"}, after="settle")


# From the playground ------------------------------------------------------------------------


@require_POST
def prompt_save_form(request: HttpRequest) -> HttpResponse:
    """The dialog for what is typed in the playground. Nothing is stored."""
    draft = drafting.draft_of(request.user)
    drafting.take_typed(draft, request.POST)
    version = prompting.version_of(draft)
    can_add = version is not None and can_edit(request.user, version.prompt)
    context = {
        "version": version,
        "can_add": can_add,
        "base": version.number if can_add else "",
        "specs": prompting.specs_of(draft, version),
        "images": prompting.images_in(draft),
    }
    return render(request, "prompts/_save.html", context)


@require_POST
def prompt_save(request: HttpRequest) -> HttpResponse:
    """What is typed, as the next version of its prompt or as a new one."""
    draft = drafting.draft_of(request.user)
    drafting.take_typed(draft, request.POST)
    form = request.POST
    prompt = get_editable(request.user, Prompt, form["prompt"]) if form.get("prompt") else None
    base = form.get("base", "")
    content = prompting.content_of(draft) | {"variables": _typed_specs(form)}
    try:
        with transaction.atomic():
            version = prompting.save_prompt(
                request.user,
                content,
                prompt=prompt,
                name=form.get("prompt_name", ""),
                message=form.get("version_message", ""),
                base=int(base) if re.fullmatch(r"\d{1,9}", base, re.ASCII) else None,
            )
            drafting.keep_typed(draft)
            prompting.keep_version(draft, version)
    except (Refused, TooLarge) as error:
        return _refused(request, draft, prompt, content["variables"], refusal=error)
    except prompting.Newer as newer:
        return _newer(request, draft, prompt, content["variables"], newer)
    words = gettext("Saved “%(prompt)s” as version %(number)s.")
    context = {
        "state": state_of(draft),
        "text": words % {"prompt": version.prompt.name, "number": version.number},
    }
    if not request.htmx:
        return redirect("playground")
    answer = render(request, "prompts/_saved.html", context)
    return trigger_client_event(tell_saved(answer, draft), "prompt-saved", {})


def _refused(request: HttpRequest, draft: Draft, prompt, specs, **more) -> HttpResponse:
    """The dialog again, with what was typed in it."""
    version = prompting.version_of(draft)
    can_add = version is not None and can_edit(request.user, version.prompt)
    context = {
        "version": version,
        "can_add": can_add,
        "base": request.POST.get("base", ""),
        "specs": specs,
        "images": prompting.images_in(draft),
        "is_new": prompt is None,
        "typed": request.POST,
    }
    answer = render(request, "prompts/_save.html", context | more, status=422)
    answer["HX-Retarget"], answer["HX-Reswap"] = "#save-prompt", "innerHTML"
    return answer


def _newer(request: HttpRequest, draft: Draft, prompt, specs, newer) -> HttpResponse:
    mine = Draft(owner=request.user, **prompting.content_of(draft))
    other = prompting.draft_with(newer.version, request.user)
    other.variables = {}
    parts = comparing.draft_parts(mine, other)
    more = {
        "newer": newer.version,
        "base": newer.version.number,
        "refusal": newer,
        "parts": [part for part in parts if part.difference],
        "left_out": sum(not part.difference for part in parts),
    }
    return _refused(request, draft, prompt, specs, **more)


def _typed_specs(form: Mapping[str, str]) -> list[dict]:
    """The dialog's rows: `kind-name`, `default-name`, and `choices-name`, one a line."""
    specs = []
    for field in form:
        if not (match := re.fullmatch(r"kind-(\w+)", field)):
            continue
        name = match[1]
        spec = {
            "name": name,
            "type": form[field],
            "default": form.get(f"default-{name}", "").replace("\r\n", "\n").replace("\0", ""),
        }
        if spec["type"] == "choice":
            lines = form.get(f"choices-{name}", "").replace("\0", "").splitlines()
            spec["choices"] = [line.strip() for line in lines if line.strip()]
        specs.append(spec)
    return specs
