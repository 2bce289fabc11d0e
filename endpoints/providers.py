"""External model providers, as data: what each wants to know, and the configuration made of it.

The keys are those of Databricks' API for serving endpoints. A secret is given by its reference,
`{{secrets/scope/key}}`, alone: a secret typed here would be kept in the endpoint's configuration.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .secrets import is_reference

TASKS = {
    "chat": "llm/v1/chat",
    "completions": "llm/v1/completions",
    "embeddings": "llm/v1/embeddings",
}
MAX_VALUE = 4096


class FieldErrors(ValueError):
    """Everything wrong with a form: `errors` is a sentence for each field at fault, by name."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {words}" for name, words in errors.items()))
        self.errors = dict(errors)


@dataclass(frozen=True)
class Field:
    """One field of a provider's form.

    `name` is the key in the configuration, with a dot where it lies one object deeper. A field with
    `only_if` (another field and the values it may have) is neither shown nor sent otherwise.
    """

    name: str
    label: str
    is_required: bool = False
    is_secret: bool = False
    choices: tuple[str, ...] = ()
    is_url: bool = False
    example: str = ""
    only_if: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class Provider:
    """A provider; `ways` are the sets of fields of which exactly one has to be filled whole."""

    name: str
    label: str
    fields: tuple[Field, ...]
    ways: tuple[tuple[str, ...], ...] = ()

    @property
    def config_key(self) -> str:
        """Where an external model holds this provider's fields."""
        return _CONFIG_KEYS.get(self.name, f"{self.name.replace('-', '_')}_config")


_CONFIG_KEYS = {"custom": "custom_provider_config"}
_AZURE = ("openai_api_type", ("azure", "azuread"))
_AZURE_AD = ("openai_api_type", ("azuread",))
_BY_KEY = ("openai_api_type", ("", "openai", "azure"))


def _secret(name: str, label: str, **more: Any) -> Field:
    return Field(name, label, is_secret=True, example="{{secrets/my-scope/my-key}}", **more)


PROVIDERS: dict[str, Provider] = {
    each.name: each
    for each in (
        Provider(
            "openai",
            "OpenAI or Azure OpenAI",
            (
                Field("openai_api_type", "API type", choices=("openai", "azure", "azuread")),
                _secret("openai_api_key", "API key", is_required=True, only_if=_BY_KEY),
                Field(
                    "openai_api_base",
                    "Base URL",
                    is_url=True,
                    example="https://my-resource.openai.azure.com",
                ),
                Field("openai_organization", "Organization"),
                Field(
                    "openai_api_version",
                    "API version",
                    is_required=True,
                    example="2024-10-21",
                    only_if=_AZURE,
                ),
                Field("openai_deployment_name", "Deployment", is_required=True, only_if=_AZURE),
                Field(
                    "microsoft_entra_tenant_id",
                    "Entra tenant id",
                    is_required=True,
                    only_if=_AZURE_AD,
                ),
                Field(
                    "microsoft_entra_client_id",
                    "Entra client id",
                    is_required=True,
                    only_if=_AZURE_AD,
                ),
                _secret(
                    "microsoft_entra_client_secret",
                    "Entra client secret",
                    is_required=True,
                    only_if=_AZURE_AD,
                ),
            ),
        ),
        Provider(
            "anthropic", "Anthropic", (_secret("anthropic_api_key", "API key", is_required=True),)
        ),
        Provider(
            "cohere",
            "Cohere",
            (
                _secret("cohere_api_key", "API key", is_required=True),
                Field("cohere_api_base", "Base URL", is_url=True),
            ),
        ),
        Provider(
            "amazon-bedrock",
            "Amazon Bedrock",
            (
                Field("aws_region", "AWS region", is_required=True, example="us-east-1"),
                Field(
                    "bedrock_provider",
                    "Provider in Bedrock",
                    is_required=True,
                    choices=("anthropic", "cohere", "ai21labs", "amazon"),
                ),
                _secret("aws_access_key_id", "AWS access key id"),
                _secret("aws_secret_access_key", "AWS secret access key"),
                Field("instance_profile_arn", "Instance profile ARN"),
                Field("uc_service_credential_name", "Unity Catalog service credential"),
            ),
            (
                ("aws_access_key_id", "aws_secret_access_key"),
                ("instance_profile_arn",),
                ("uc_service_credential_name",),
            ),
        ),
        Provider(
            "google-cloud-vertex-ai",
            "Google Cloud Vertex AI",
            (
                Field("project_id", "Project id", is_required=True),
                Field("region", "Region", is_required=True, example="europe-west4"),
                _secret("private_key", "Private key", is_required=True),
            ),
        ),
        Provider(
            "databricks-model-serving",
            "Databricks Model Serving",
            (
                Field(
                    "databricks_workspace_url",
                    "Workspace URL",
                    is_required=True,
                    is_url=True,
                    example="https://adb-12345.6.azuredatabricks.net",
                ),
                _secret("databricks_api_token", "Token", is_required=True),
            ),
        ),
        Provider(
            "ai21labs", "AI21 Labs", (_secret("ai21labs_api_key", "API key", is_required=True),)
        ),
        Provider("palm", "PaLM", (_secret("palm_api_key", "API key", is_required=True),)),
        Provider(
            "custom",
            "Any that speaks OpenAI's API",
            (
                Field(
                    "custom_provider_url",
                    "URL, with its whole path",
                    is_required=True,
                    is_url=True,
                    example="https://models.example.com/v1/chat/completions",
                ),
                _secret("bearer_token_auth.token", "Bearer token"),
                Field("api_key_auth.key", "Name of the API key's header", example="X-API-Key"),
                _secret("api_key_auth.value", "API key"),
            ),
            (("bearer_token_auth.token",), ("api_key_auth.key", "api_key_auth.value")),
        ),
    )
}


def external_model(
    provider: str, model: str, task: str, values: Mapping[str, Any]
) -> dict[str, Any]:
    """The `external_model` of a served entity, from the fields of a form.

    `task` is `chat`, `completions` or `embeddings`; empty values count as left out, and fields that
    another field's value rules out are not sent. Raises FieldErrors, all of them at once; the
    fields besides the provider's own are `provider`, `model` and `task`.
    """
    errors: dict[str, str] = {}
    chosen = PROVIDERS.get(provider) if isinstance(provider, str) else None
    if chosen is None:
        errors["provider"] = f"Choose one of {', '.join(PROVIDERS)}."
    if task not in TASKS:
        errors["task"] = f"Choose one of {', '.join(TASKS)}."
    if not isinstance(model, str) or not model.strip():
        errors["model"] = "Enter the model's name as the provider writes it."
    given = _given(values)
    if chosen is not None:
        errors |= _errors(chosen, given)
    if errors:
        raise FieldErrors(errors)
    return {
        "name": model.strip(),
        "provider": provider,
        "task": TASKS[task],
        chosen.config_key: _nested(
            {each.name: given[each.name] for each in _shown(chosen, given) if each.name in given}
        ),
    }


def endpoint_config(name: str, external: Mapping[str, Any]) -> dict[str, Any]:
    """The `config` of an endpoint that serves one external model, for `create_serving_endpoint`."""
    return {"served_entities": [{"name": name, "external_model": dict(external)}]}


def require_references(config: Mapping[str, Any]) -> None:
    """That no secret of an external model stands in an endpoint's `config` itself.

    Whoever may look at the endpoint could read it there. Raises FieldErrors for `config`, which
    does not repeat the secret. What has another shape is left to the workspace to judge.
    """
    entities = config.get("served_entities")
    for entity in entities if isinstance(entities, list) else ():
        external = _inner(entity, "external_model")
        for provider in PROVIDERS.values():
            for field in provider.fields if _inner(external, provider.config_key) else ():
                if field.is_secret:
                    _require_reference(_inner(external, provider.config_key), field.name)


def _require_reference(values: Any, name: str) -> None:
    *outer, last = name.split(".")
    for key in outer:
        values = _inner(values, key)
    value = _inner(values, last)
    plain = f"{last}_plaintext"
    wrong = plain if _inner(values, plain) is not None else last
    if wrong == plain or (value is not None and not is_reference(value)):
        words = f"“{wrong}” would hold the secret itself. Store it in the workspace's secrets"
        raise FieldErrors({"config": words + " first, and name it as {{secrets/scope/key}}."})


def _inner(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were filled, text without the blanks around it."""
    stripped = ((key, v.strip() if isinstance(v, str) else v) for key, v in values.items())
    return {key: value for key, value in stripped if value not in ("", None)}


def _shown(provider: Provider, given: Mapping[str, Any]) -> Iterator[Field]:
    for field in provider.fields:
        if field.only_if is None or given.get(field.only_if[0], "") in field.only_if[1]:
            yield field


def _errors(provider: Provider, given: Mapping[str, Any]) -> dict[str, str]:
    known = {field.name for field in provider.fields}
    errors = {name: f"{provider.label} has no such field." for name in given if name not in known}
    for field in _shown(provider, given):
        words = _fault(field, given.get(field.name), is_needed(field, given))
        if words:
            errors[field.name] = words
    return errors | {k: v for k, v in _way_errors(provider, given).items() if k not in errors}


def is_needed(field: Field, given: Mapping[str, Any]) -> bool:
    """Whether this field has to be filled, given what the others hold."""
    # The base URL is OpenAI's own unless the model is in Azure.
    is_azure_base = field.name == "openai_api_base" and given.get(_AZURE[0]) in _AZURE[1]
    return field.is_required or is_azure_base


def _fault(field: Field, value: Any, is_needed: bool) -> str | None:
    """What is wrong with one field. Never quotes the value: it may be a secret in a wrong place."""
    if value is None:
        return f"Enter the {_inline(field.label)}." if is_needed else None
    if not isinstance(value, str) or len(value) > MAX_VALUE or not value.isprintable():
        return "This is text of one line, up to 4096 characters."
    if field.is_secret and not is_reference(value):
        return "Name a stored secret, as {{secrets/scope/key}}; the secret itself does not go here."
    if not field.is_secret and is_reference(value):
        return "This field is no secret; enter its value."
    if field.choices and value not in field.choices:
        return f"Choose one of {', '.join(field.choices)}."
    if field.is_url and not _is_https(value):
        return "Enter a URL that starts with https://."
    return None


def _way_errors(provider: Provider, given: Mapping[str, Any]) -> dict[str, str]:
    """Errors of fields that go together: exactly one of the provider's ways has to be filled."""
    if not provider.ways:
        return {}
    labels = {field.name: field.label for field in provider.fields}
    begun = [way for way in provider.ways if any(name in given for name in way)]
    if not begun:
        options = " or ".join(
            " and ".join(_inline(labels[name]) for name in way) for way in provider.ways
        )
        return {provider.ways[0][0]: f"Enter {options}."}
    if len(begun) > 1:
        kept = _inline(labels[begun[0][0]])
        return {
            name: f"Leave this empty, or the {kept}: only one way to sign in can be used."
            for way in begun[1:]
            for name in way
            if name in given
        }
    missing = (name for name in begun[0] if name not in given)
    return {name: f"Enter the {_inline(labels[name])}." for name in missing}


def _inline(label: str) -> str:
    """A label inside a sentence: `Base URL` becomes `base URL`, `API key` stays."""
    return label if label[:2].isupper() else label[0].lower() + label[1:]


def _is_https(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    has_secret = parts.username is not None or parts.password is not None
    return parts.scheme == "https" and bool(parts.hostname) and not has_secret and " " not in value


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        group, _, inner = name.rpartition(".")
        (nested.setdefault(group, {}) if group else nested)[inner] = value
    return nested
