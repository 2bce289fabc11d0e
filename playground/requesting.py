"""The request of a call: what will be sent, what was sent, and code that sends the same again."""

import math
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext

from endpoints import AddressError, EndpointError, PromptError, Request, Token
from endpoints.code import Sent, code_for
from endpoints.errors import TransformFailed
from endpoints.tasks import ACCEPT_STREAM, BATCH

from . import transforming
from .access import visible_to
from .asking import check_asked, check_takes, prompt_of
from .connecting import Refused, check_params, check_stop, client_of, describe
from .models import Call, Endpoint, Run, User, Workspace
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

    Raises Refused where nothing can be sent, Unconfirmed for transforms nobody has read.
    """
    if call.request:
        parts = {part: call.request[part] for part in PARTS}
        return Request(**parts, before=call.request.get("before"))
    if call.is_over and call.error and call.error["kind"] == "transform_input":
        raise Refused("transform_input", f"{call.error['message']} {call.error['hint']}")
    workspace = None
    if call.config["workspace"] is not None:
        seen = visible_to(call.run.owner, Workspace)
        workspace = seen.filter(pk=call.config["workspace"]).first()
        if workspace is None:
            raise Refused(
                "call",
                gettext("The workspace of “%(name)s” is no longer shared with you.")
                % {"name": call.name},
            )
    try:
        functions = transforming.functions_for(call.run.owner, call.endpoint, call.config)
        client = client_of(call.config, workspace, UNOPENED if workspace else None, functions)
        return client.request(prompt_of(call))
    except transforming.Unconfirmed:
        raise
    except TransformFailed as error:
        transforming.note_failure(call.endpoint_id, call.config, describe(error))
        raise Refused(error.kind, f"{error.message} {error.hint}", error.line) from error
    except (AddressError, PromptError) as error:
        raise Refused(error.field, f"{error} {getattr(error, 'hint', '')}".strip()) from error
    except EndpointError as error:
        raise Refused(error.field or "prompt", f"{error.message} {error.hint}") from error


def count_requests(call: Call) -> int:
    """How many requests a call that can be sent takes: more than one for many inputs to embed."""
    if call.config["task"] != Endpoint.Task.EMBEDDINGS:
        return 1
    return math.ceil(len(prompt_of(call).texts) / BATCH)


def code_of(call: Call, format: str, request: Request | None = None) -> str:
    """Code that sends the call's request again, in a format of `endpoints.code`, without secrets.

    The first request, which the code says, where the call takes several. Raises Refused for what
    cannot be said in code.
    """
    request = request or request_of(call)
    try:
        sent = Sent(
            kind=call.config["kind"],
            task=call.config["task"],
            url=request.url,  # where it went, not where the workspace is by now
            body=request.body,
            is_streamed=request.headers.get("Accept") == ACCEPT_STREAM,
            of=count_requests(call),
            before=request.before,
            transform_input=call.config.get("transform_input") or None,
            transform_output=call.config.get("transform_output") or None,
        )
        return code_for(sent, format)
    except ValueError as error:
        raise Refused(
            "format",
            gettext("This call cannot be written as %(format)s. %(error)s")
            % {"format": format, "error": error},
        ) from error
