"""The request of a call: what will be sent, what was sent, and code that sends the same again."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from endpoints import AddressError, EndpointError, PromptError, Request, Token
from endpoints.code import Sent, code_for
from endpoints.tasks import ACCEPT_STREAM

from .access import visible_to
from .asking import check_asked, check_takes, prompt_of
from .connecting import Refused, check_params, check_stop, client_of
from .models import Call, Run, User, Workspace
from .running import Variant

UNOPENED = Token("stays-sealed")  # a request shown is masked, so the credential need not be opened
PARTS = ("method", "url", "headers", "body")


def planned_call(
    user: User,
    variant: Variant,
    messages: Sequence[Mapping],
    *,
    inputs: Sequence[str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Call:
    """The call that a run of this variant would store, not stored. Raises Refused, TooLarge."""
    asked = check_asked(messages, inputs, variables)
    check_takes(variant.endpoint, asked)
    check_params(variant.params)
    check_stop(variant.stop or [])
    return Call(
        run=Run(owner=user, messages=asked.messages, inputs=asked.inputs),
        position=variant.position or 0,
        endpoint=variant.endpoint,
        config=variant.endpoint.config(),
        overrides=variant.params,
        stop_override=variant.stop,
        status="idle",
    )


def request_of(call: Call) -> Request:
    """The request as it was sent; before that, as it will be. The credential is masked in both.

    Raises Refused where nothing can be sent.
    """
    if call.request:
        return Request(**{part: call.request[part] for part in PARTS})
    workspace = None
    if call.config["workspace"] is not None:
        seen = visible_to(call.run.owner, Workspace)
        workspace = seen.filter(pk=call.config["workspace"]).first()
        if workspace is None:
            raise Refused("call", f"The workspace of “{call.name}” is no longer shared with you.")
    try:
        client = client_of(call.config, workspace, UNOPENED if workspace else None)
        return client.request(prompt_of(call))
    except (AddressError, PromptError) as error:
        raise Refused(error.field, f"{error} {getattr(error, 'hint', '')}".strip()) from error
    except EndpointError as error:
        raise Refused(error.field or "prompt", f"{error.message} {error.hint}") from error


def code_of(call: Call, format: str, request: Request | None = None) -> str:
    """Code that sends the call's request again, in a format of `endpoints.code`, without secrets.

    Raises Refused for what cannot be said in code.
    """
    request = request or request_of(call)
    config, url = call.config, urlsplit(request.url)
    sent = Sent(
        kind=config["kind"],
        task=config["task"],
        body=request.body,
        # Where it went, not where the workspace is by now.
        host=f"{url.scheme}://{url.netloc}",
        serving_endpoint=config["serving_endpoint"],
        cluster_id=config["cluster_id"],
        port=config["port"],
        path=config["path"] or "/",
        org_id=url.path.split("/")[3] if config["kind"] == "driver_proxy" else None,
        url=config["url"],
        is_streamed=request.headers.get("Accept") == ACCEPT_STREAM,
    )
    try:
        return code_for(sent, format)
    except ValueError as error:
        raise Refused("format", f"This call cannot be written as {format}. {error}") from error
