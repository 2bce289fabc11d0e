"""Saved prompts: the rows, their versions and aliases, as files out and in."""

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router
from ninja.responses import Status
from pydantic import BaseModel, Field

from .. import deleting, importing, prompting, registering, vetting
from ..access import can_edit, get_editable, get_own, get_visible, visible_to
from ..connecting import team_of
from ..models import Prompt, PromptAlias, PromptVersion, User
from .answers import to_json
from .bodies import Body, Id
from .pages import Page, PageQuery, page_of, refuse_unknown

router = Router()


class VariableBody(Body):
    name: str
    type: Annotated[str, Field(description="`text`, `number` or `choice`")] = "text"
    default: str = ""
    choices: Annotated[list[str] | None, Field(description="For `choice`.")] = None


class VersionContent(Body):
    messages: Annotated[list[Any], Field(description="`[{role, content}]` with {{variables}}.")]
    examples: Annotated[list[Any], Field(description="`[{user, assistant}]`")] = []
    variables: Annotated[
        list[VariableBody], Field(description="Names that stand in no text are dropped.")
    ] = []
    params: Annotated[dict[str, str], Field(description="As typed: numbers as texts.")] = {}
    stop: Annotated[list[str], Field(description="As typed: `\\n` is a line break.")] = []
    extra: Annotated[str, Field(description="One JSON object as typed.")] = ""
    tools: str = ""
    response_format: str = ""
    takes_lines: bool = False
    message: Annotated[str, Field(description="What is new in it.")] = ""


class PromptBody(VersionContent):
    """A new prompt with its first version."""

    name: str
    team: Annotated[Id | None, Field(description="Whose members see it.")] = None


class VersionBody(VersionContent):
    base: Annotated[
        int | None,
        Field(description="The number it was made from: 409 where there is a newer one by now."),
    ] = None


class PromptChanges(Body):
    """What is left out stays as it is."""

    name: str | None = None
    team: Annotated[Id | None, Field(description="Whose members see it; null for nobody.")] = None


class AliasBody(Body):
    version: int


class ImportBody(Body):
    prompt: Annotated[dict[str, Any], Field(description="What an export as `json` answered.")]
    name: Annotated[str, Field(description="Instead of the file's.")] = ""


class MlflowBody(Body):
    name: Annotated[str, Field(description="In MLflow's registry.")]


class MlflowAnswer(BaseModel):
    name: str
    versions: Annotated[dict[int, int], Field(description="Numbers here, and those there.")]


class PromptAnswer(BaseModel):
    id: UUID
    url: Annotated[str, Field(description="The prompt's page.")]
    name: str
    owner: Annotated[str, Field(description="User name.")]
    team: UUID | None
    created_at: datetime
    newest: Annotated[int, Field(description="The number of the newest version.")]
    aliases: Annotated[dict[str, int], Field(description="Each with its version's number.")]
    may: Annotated[list[str], Field(description="`edit`, and for the owner `own`.")]


class VersionAnswer(BaseModel):
    id: UUID
    prompt: UUID
    number: int
    message: str
    author: Annotated[str | None, Field(description="User name; null once the account is gone.")]
    created_at: datetime
    messages: list[dict[str, str]]
    examples: list[dict[str, str]]
    variables: list[dict[str, Any]]
    params: dict[str, str]
    stop: list[str]
    extra: str
    tools: str
    response_format: str
    takes_lines: bool


class ExportQuery(BaseModel):
    format: Literal["json"] = "json"


@router.post("", response={201: PromptAnswer}, summary="Save a new prompt")
def prompt_make(request: HttpRequest, body: PromptBody):
    team = team_of(request.auth, body.team)
    with transaction.atomic():
        version = prompting.save_prompt(
            request.auth, _content(body), name=body.name, message=body.message
        )
        if team is not None:
            prompting.share_prompt(request.auth, version.prompt, team)
    return Status(201, _prompt(request, version.prompt))


@router.get("", response=Page[PromptAnswer], summary="List prompts")
def prompt_list(request: HttpRequest, query: Query[PageQuery]):
    refuse_unknown(request, PageQuery)
    rows = visible_to(request.auth, Prompt).select_related("owner")
    rows = rows.prefetch_related("aliases__version")
    return page_of(rows, query, lambda found: [_prompt(request, each) for each in found])


@router.post("/import", response={201: PromptAnswer}, summary="Import a prompt")
def prompt_import(request: HttpRequest, body: ImportBody):
    """A new prompt of yours, whatever ids and names the file has."""
    prompt = importing.import_prompt(request.auth, body.prompt, body.name)
    return Status(201, _prompt(request, prompt))


@router.get("/{uuid:id}", response=PromptAnswer, summary="One prompt")
def prompt_get(request: HttpRequest, id: UUID):
    return _prompt(request, get_visible(request.auth, Prompt, id))


@router.patch("/{uuid:id}", response=PromptAnswer, summary="Rename or share a prompt")
def prompt_change(request: HttpRequest, id: UUID, body: PromptChanges):
    prompt = get_own(request.auth, Prompt, id)
    given = body.model_dump(exclude_unset=True)
    with transaction.atomic():
        if given.get("name") is not None:
            prompting.rename_prompt(prompt, given["name"])
        if "team" in given:
            team = team_of(request.auth, given["team"])
            prompting.share_prompt(request.auth, prompt, team)
    return _prompt(request, prompt)


@router.delete("/{uuid:id}", response={204: None}, summary="Delete a prompt")
def prompt_delete(request: HttpRequest, id: UUID):
    """Its versions go along, its runs stay."""
    deleting.delete_prompt(request.auth, get_own(request.auth, Prompt, id))
    return Status(204, None)


@router.get("/{uuid:id}/versions", response=Page[VersionAnswer], summary="Versions of a prompt")
def version_list(request: HttpRequest, id: UUID, query: Query[PageQuery]):
    refuse_unknown(request, PageQuery)
    prompt = get_visible(request.auth, Prompt, id)
    return page_of(_versions(request.auth, prompt), query, lambda rows: [*map(_version, rows)])


@router.post("/{uuid:id}/versions", response={201: VersionAnswer}, summary="Save a version")
def version_make(request: HttpRequest, id: UUID, body: VersionBody):
    """Refused where it says the same as the newest one."""
    prompt = get_editable(request.auth, Prompt, id)
    version = prompting.save_prompt(
        request.auth, _content(body), prompt=prompt, message=body.message, base=body.base
    )
    return Status(201, _version(version))


@router.get("/{uuid:id}/versions/{int:number}", response=VersionAnswer, summary="One version")
def version_get(request: HttpRequest, id: UUID, number: int):
    prompt = get_visible(request.auth, Prompt, id)
    version = _versions(request.auth, prompt).filter(number=number).first()
    if version is None:
        raise Http404("No such version.")
    return _version(version)


@router.put("/{uuid:id}/aliases/{str:name}", response=PromptAnswer, summary="Point an alias")
def alias_set(request: HttpRequest, id: UUID, name: str, body: AliasBody):
    """To a version of this prompt, wherever it pointed before."""
    prompt = get_editable(request.auth, Prompt, id)
    prompting.set_alias(prompt, name, body.version)
    return _prompt(request, prompt)


@router.delete("/{uuid:id}/aliases/{str:name}", response={204: None}, summary="Remove an alias")
def alias_remove(request: HttpRequest, id: UUID, name: str):
    prompt = get_editable(request.auth, Prompt, id)
    alias = visible_to(request.auth, PromptAlias).filter(prompt=prompt, name=name).first()
    if alias is None:
        raise Http404("No such alias.")
    prompting.remove_alias(alias)
    return Status(204, None)


@router.post("/import-mlflow", response={201: PromptAnswer}, summary="Import from MLflow")
def prompt_import_mlflow(request: HttpRequest, body: MlflowBody):
    """A prompt of the site's MLflow registry, as a new one of yours under the same name."""
    found = registering.read_registered(body.name)
    prompt = importing.import_prompt(request.auth, found)
    return Status(201, _prompt(request, prompt))


@router.post("/{uuid:id}/mlflow", response=MlflowAnswer, summary="Register in MLflow")
def prompt_register(request: HttpRequest, id: UUID, body: MlflowBody):
    """Adds the versions that its registry has not got yet, and points the aliases."""
    prompt = get_editable(request.auth, Prompt, id)
    versions = registering.register_prompt(prompt, body.name)
    return MlflowAnswer(name=body.name, versions=versions)


@router.get(
    "/{uuid:id}/export",
    summary="Export a prompt",
    openapi_extra={
        "responses": {
            200: {
                "description": "The file, as an attachment",
                "content": {"application/json": {"schema": {}}},
            }
        }
    },
)
def prompt_export(request: HttpRequest, id: UUID, query: Query[ExportQuery]):
    """Every version, of more than 1,000 the newest, and the aliases that point to them."""
    refuse_unknown(request, ExportQuery)
    prompt = get_visible(request.auth, Prompt, id)
    response = HttpResponse(
        to_json(importing.prompt_as_file(prompt), indent=2), "application/json; charset=utf-8"
    )
    name = quote(f"{prompt.name}.json", safe="")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


def _content(body: VersionContent) -> dict:
    content = {name: getattr(body, name) for name in vetting.CONTENT}
    content["variables"] = [each.model_dump(exclude_none=True) for each in body.variables]
    return content


def _versions(user: User, prompt: Prompt) -> QuerySet:
    return visible_to(user, PromptVersion).filter(prompt=prompt).select_related("author")


def _prompt(request: HttpRequest, prompt: Prompt) -> PromptAnswer:
    is_own = prompt.owner_id == request.auth.pk
    newest = prompting.newest_of(prompt)
    return PromptAnswer(
        id=prompt.pk,
        url=request.build_absolute_uri(prompt.get_absolute_url()),
        name=prompt.name,
        owner=prompt.owner.username,
        team=prompt.team_id,
        created_at=prompt.created_at,
        newest=newest.number,
        aliases={alias.name: alias.version.number for alias in prompt.aliases.all()},
        may=(["edit"] if can_edit(request.auth, prompt) else []) + (["own"] if is_own else []),
    )


def _version(version: PromptVersion) -> VersionAnswer:
    names = set(VersionAnswer.model_fields) - {"prompt", "author"}
    return VersionAnswer(
        prompt=version.prompt_id,
        author=version.author and version.author.username,
        **{name: getattr(version, name) for name in names},
    )
