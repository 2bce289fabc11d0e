"""Why a call failed, as one small tree; `kind` is the word stored, shown and answered by the API.

EndpointError
|-- NotSent              nothing left this machine
|   |-- NoCredential       no_credential
|   |-- EgressDenied       egress_denied   (also an AddressError)
|   `-- TransformInputFailed  transform_input
|-- NotReached             no HTTP answer came back
|   |-- ConnectionFailed   connection
|   |-- NothingListening   nothing_listening
|   |-- TlsFailed          tls
|   `-- TimedOut           timeout
|-- Refused                the answer was no
|   |-- Unauthorized       unauthorized
|   |-- Forbidden          forbidden
|   |-- NotFound           not_found
|   |-- BadRequest         bad_request
|   |   `-- PromptTooLong
|   |-- RateLimited        rate_limited
|   |-- NotReady           not_ready
|   |-- ClusterStopped     cluster_stopped
|   `-- UpstreamFailed     upstream
`-- Unreadable           the answer was not what was due
    |-- LoginPage          login_page
    |-- Truncated          truncated
    |-- TooLarge           too_large
    |-- BadResponse        bad_response
    `-- TransformOutputFailed  transform_output

AddressError (ValueError)  a name, host, port or token that is not one; raised before a call exists
PromptError (ValueError)   messages, parameters or a template that are none; raised as early
Stopped (Exception)        somebody asked the call to end: no failure, so outside the tree
"""

from typing import Any

from .scrubbing import scrub_words


class EndpointError(Exception):
    """A call that did not give its whole answer.

    `message` says what happened and `hint` what to do next, one sentence each, fit for the page and
    free of secrets: whatever words of an upstream are in it, they are scrubbed here. `response` is
    `{"status", "content_type", "body"}` of what did arrive, or None. `field` names the input at
    fault, `retry_after_s` how long to wait, where known.
    """

    kind = "internal"
    hint = "Try again; if it happens again, tell the people who run this server."

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        upstream_status: int | None = None,
        field: str | None = None,
        retry_after_s: float | None = None,
        response: dict[str, Any] | None = None,
    ) -> None:
        message = scrub_words(message)
        Exception.__init__(self, message)  # not super(): EgressDenied has a second parent
        self.message = message
        self.hint = hint or type(self).hint
        self.upstream_status = upstream_status
        self.field = field
        self.retry_after_s = retry_after_s
        self.response = response


class AddressError(ValueError):
    """An address, or a part of one, that will not be used; `field` is the form field at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class PromptError(ValueError):
    """A prompt that cannot be one; `field` is `messages`, `inputs`, `params`, `stop` or `template`.

    The message is a sentence for the person who wrote it.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class Stopped(Exception):
    """The call's stopper was pulled; whatever arrived before it was delivered."""

    def __init__(self) -> None:
        super().__init__("The call was stopped.")


class NotSent(EndpointError):
    pass


class NoCredential(NotSent):
    kind = "no_credential"
    hint = "Add your token for this workspace, then run again."


class EgressDenied(NotSent, AddressError):
    kind = "egress_denied"

    def __init__(self, field: str, message: str, *, hint: str) -> None:
        EndpointError.__init__(self, message, hint=hint, field=field)


class NotReached(EndpointError):
    pass


class ConnectionFailed(NotReached):
    kind = "connection"
    hint = "Check the address and that the machine behind it is up, then run again."


class NothingListening(NotReached):
    kind = "nothing_listening"
    hint = (
        "Start the app on that port, let it listen on 0.0.0.0 if a cluster runs it, then run again."
    )


class TlsFailed(NotReached):
    kind = "tls"
    hint = "Check the address and the certificate; a company's own authority must be added here."


class TimedOut(NotReached):
    kind = "timeout"
    hint = "Run again, ask for a shorter answer, or allow this endpoint more time."


class Refused(EndpointError):
    pass


class Unauthorized(Refused):
    kind = "unauthorized"
    hint = "Store a new token for this workspace, then run again."


class Forbidden(Refused):
    kind = "forbidden"
    hint = "Ask for the permission, or store a token that has it, then run again."


class NotFound(Refused):
    kind = "not_found"
    hint = "Check the name and the path of the endpoint."


class BadRequest(Refused):
    kind = "bad_request"
    hint = "Change the prompt or the parameters it names, then run again."


class PromptTooLong(BadRequest):
    reason = "too_long"
    hint = "Shorten the prompt, or ask an endpoint that takes more."


class RateLimited(Refused):
    kind = "rate_limited"
    hint = "Wait a little, then run again."


class NotReady(Refused):
    kind = "not_ready"
    hint = "It may be starting up; wait a minute or two, then run again."


class ClusterStopped(Refused):
    kind = "cluster_stopped"
    hint = "Start the cluster and the app on it, then run again."


class UpstreamFailed(Refused):
    kind = "upstream"
    hint = "Run again; if it fails again, look at the endpoint's own logs."


class Unreadable(EndpointError):
    pass


class LoginPage(Unreadable):
    kind = "login_page"
    hint = (
        "Check the workspace's address and your token; a private link or a proxy may also do this."
    )


class Truncated(Unreadable):
    kind = "truncated"
    hint = "Run again; the text that arrived is kept."


class TooLarge(Unreadable):
    kind = "too_large"
    hint = "Ask for a shorter answer; the text that arrived is kept."


class BadResponse(Unreadable):
    kind = "bad_response"
    hint = "Check the endpoint's task, and its own logs."


class TransformFailed(EndpointError):
    """A function of the user's gave nothing to go on with.

    `line` and `column` count from 1 in its source, where they are known; `reason` tells a mistake
    in the function (`error`) from what runs it, if that has more words.
    """

    hint = "Change the function, then run again."

    def __init__(
        self,
        message: str,
        *,
        reason: str = "error",
        line: int | None = None,
        column: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(message, **options)
        self.reason, self.line, self.column = reason, line, column


class TransformInputFailed(TransformFailed, NotSent):
    kind = "transform_input"
    hint = "Nothing was sent. Change the function, then run again."


class TransformOutputFailed(TransformFailed, Unreadable):
    kind = "transform_output"
    hint = "The answer is kept as it came. Change the function, then run again."
