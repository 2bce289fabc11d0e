"""What an upstream means when it answers something else than an answer: one mapping to the tree.

The shapes are those of Databricks' REST API and its driver proxy, of external model providers
nested in it, of OpenAI and of FastAPI; the words of the upstream are kept, in one line.
"""

import email.utils
import html
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import (
    BadRequest,
    BadResponse,
    ClusterStopped,
    EndpointError,
    Forbidden,
    LoginPage,
    NotFound,
    NothingListening,
    NotReady,
    PromptTooLong,
    RateLimited,
    TimedOut,
    Unauthorized,
    UpstreamFailed,
)

MAX_WORDS = 400
MAX_RETRY_AFTER_S = 3600.0
_MAX_NESTING = 8

_STATUS_OF_CODE = {
    "context_length_exceeded": 400,
    "string_above_max_length": 400,
    "BAD_REQUEST": 400,
    "INVALID_PARAMETER_VALUE": 400,
    "INVALID_STATE": 400,
    "invalid_request_error": 400,
    "UNAUTHENTICATED": 401,
    "CUSTOMER_UNAUTHORIZED": 401,
    "authentication_error": 401,
    "PERMISSION_DENIED": 403,
    "permission_error": 403,
    "RESOURCE_CONFLICT": 409,
    "RESOURCE_ALREADY_EXISTS": 409,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "INTERNAL_ERROR": 500,
    "TEMPORARILY_UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_SIGN_IN = re.compile(r"\bsign[ -]?in\b|\blog[ -]?in\b|/oidc/|/sso\b|/saml", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_PRE = re.compile(r"<pre[^>]*>(.*?)</pre>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_CLUSTER_STATE = re.compile(r"cluster \S+ is in (\w+) state", re.IGNORECASE)
_CODE_IN_FRONT = re.compile(r"([A-Z][A-Z]+(?:_[A-Z]+)+): ")
_TOO_LONG_STATUS = (400, 413, 422)
_TOO_LONG_CODES = ("context_length_exceeded", "string_above_max_length")
# OpenAI and vLLM, Anthropic, Google and Llama, text-generation-inference, Databricks.
_TOO_LONG = re.compile(
    r"\b(?:maximum|max|model'?s) (?:model )?context[ _](?:length|window|size)"
    r"|\bcontext[ _](?:length|window|limit)(?: is| was)? exceeded|\bexceeds? the context"
    r"|\b(?:prompt|input|request|message)s? (?:is|are|was) too (?:long|large)"
    r"|\btoo many (?:input |prompt )?tokens\b"
    r"|\binput (?:token count|length|tokens?)\b.{0,80}\b(?:exceed|greater|more than|larger|longer)"
    r"|\b(?:tokens?|length) .{0,60}\bexceeds? (?:the |its )?(?:max|limit|model)",
    re.IGNORECASE,
)
_STARTING_STATES = {"pending", "restarting", "resizing"}
_NAMED_FIELDS = (
    re.compile(r"missing inputs \['([^']{1,64})'"),
    re.compile(r"unexpected keyword argument '([^']{1,64})'"),
    re.compile(
        r"(?:parameter|field|argument|property)s?:? ['\"`]([\w.]{1,64})['\"`]", re.IGNORECASE
    ),
    re.compile(r"['\"`]([\w.]{1,64})['\"`] (?:must|should|is not|is required|was unexpected)"),
)


@dataclass(frozen=True)
class _Complaint:
    """What the body says: its words, the code beside them, the field they blame, who said them."""

    words: str = ""
    code: str | int | None = None
    field: str | None = None
    provider: str | None = None

    @property
    def status(self) -> int | None:
        """The HTTP status that the code stands for, if it stands for one."""
        code = self.code
        if isinstance(code, str) and code.isascii() and code.isdigit():
            code = int(code)
        if isinstance(code, int):
            return code if 400 <= code <= 599 else None
        return _STATUS_OF_CODE.get(code or "")


def upstream_error(
    status: int, headers: Mapping[str, str], body: bytes, *, kind: str = "serving"
) -> EndpointError:
    """The error for an answer with a status outside 2xx, or a 2xx that is a web page.

    `kind` is the kind of endpoint that was asked, because a 502 of the driver proxy, say, means
    something else than a 502 of a serving endpoint. `response` is left to the caller.
    """
    text = body.decode("utf-8", "replace")
    if is_page(headers, text):
        return _page_error(status, headers, text, kind)
    if 300 <= status < 400:
        return _redirect_error(status, headers, kind)
    return _status_error(status, headers, _complaint(_parsed(text)), kind)


def error_in(value: Any, *, kind: str = "serving") -> EndpointError | None:
    """The error that a parsed 200 body or stream payload carries instead of an answer, if any."""
    if not isinstance(value, dict) or "choices" in value and not value.get("error"):
        return None
    event = value.get("type")
    if event == "response.failed" and isinstance(value.get("response"), dict):
        value = {"error": value["response"].get("error") or "The agent's response failed."}
    elif event != "error" and not (value.get("error") or value.get("error_code")):
        return None
    complaint = _complaint(value)
    return _status_error(complaint.status or 500, {}, complaint, kind, upstream_status=200)


def is_page(headers: Mapping[str, str], text: str) -> bool:
    """Whether the answer is an HTML page."""
    content_type = headers.get("content-type", "").lower()
    start = text[:200].lstrip().lower()
    return "text/html" in content_type or start.startswith(("<!doctype html", "<html"))


def one_line(text: str) -> str:
    """Words of an upstream, fit for a sentence: one line, no control characters, cut when long."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * MAX_WORDS]).split())
    return text if len(text) <= MAX_WORDS else text[: MAX_WORDS - 1].rstrip() + "…"


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `Retry-After`, a number or a date, between 0 and an hour, else None."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,12}", value):
        return min(float(value), MAX_RETRY_AFTER_S)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    wait_s = moment.timestamp() - time.time()
    return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


def _page_error(status: int, headers: Mapping[str, str], text: str, kind: str) -> EndpointError:
    title = _inner_text(_TITLE, text)
    words = _inner_text(_PRE, text) or title
    is_sign_in = bool(_SIGN_IN.search(title) or _SIGN_IN.search(headers.get("location", "")))
    if kind == "driver_proxy" and status == 502 and not is_sign_in:
        return _nothing_listening(status)
    if status >= 400 and not is_sign_in:
        return _status_error(status, headers, _Complaint(words), kind)
    if 300 <= status < 400 and not is_sign_in:
        return _redirect_error(status, headers, kind)
    if is_sign_in:
        message = "A sign-in page came back instead of an answer."
    else:
        quoted = f" (“{one_line(words)}”)" if words else ""
        message = f"A web page{quoted} came back instead of an answer."
    hint = None if kind != "driver" else "Check the URL: it must be the one that takes the prompt."
    return LoginPage(message, hint=hint, upstream_status=status)


def _redirect_error(status: int, headers: Mapping[str, str], kind: str) -> EndpointError:
    target = one_line(headers.get("location", ""))
    if kind != "driver" or _SIGN_IN.search(target):
        return LoginPage(
            f"The answer was a redirect ({status}), most likely to a sign-in page.",
            upstream_status=status,
        )
    return BadResponse(
        f"The app answered with a redirect ({status}) to {target or 'nowhere'}.",
        hint="Redirects are not followed; enter the address it leads to.",
        upstream_status=status,
    )


def _status_error(
    status: int,
    headers: Mapping[str, str],
    complaint: _Complaint,
    kind: str,
    *,
    upstream_status: int | None = None,
) -> EndpointError:
    """The error for a status and the words that came with it."""
    meant = status
    if complaint.provider or upstream_status is not None:
        # The workspace's own status tells little about an error of the model provider behind it.
        meant = complaint.status or status
    said = _saying(complaint)
    known: dict[str, Any] = {"upstream_status": upstream_status or status}
    cluster = _CLUSTER_STATE.search(complaint.words)
    if meant == 400 and (cluster or (kind == "driver_proxy" and complaint.code == "INVALID_STATE")):
        if cluster and cluster[1].lower() in _STARTING_STATES:
            return NotReady(f"The cluster is still starting{said}", **known)
        return ClusterStopped(f"The cluster is not running{said}", **known)
    if meant == 401:
        hint = _hint_401(complaint, kind)
        return Unauthorized(f"The sign-in was not accepted{said}", hint=hint, **known)
    if meant == 403:
        hint = _hint_403(complaint, kind)
        return Forbidden(f"Access was refused{said}", hint=hint, **known)
    if meant == 404:
        return NotFound(f"{_WHAT_IS_MISSING[kind]} was not found{said}", **known)
    if meant == 408 or meant == 504:
        return TimedOut(f"The endpoint ran out of its own time{said}", **known)
    if meant == 429:
        wait_s = retry_after_s(headers)
        hint = f"Wait {wait_s:.0f} s, then run again." if wait_s else None
        return RateLimited(
            f"The endpoint's rate limit is used up{said}", hint=hint, retry_after_s=wait_s, **known
        )
    if meant == 503:
        return NotReady(
            f"The endpoint is not ready{said}", retry_after_s=retry_after_s(headers), **known
        )
    if meant in _TOO_LONG_STATUS and _says_too_long(complaint):
        return PromptTooLong(f"The prompt is too long for the endpoint{said}", **known)
    if 400 <= meant < 500:
        field = complaint.field or _named_field(complaint.words)
        hint = _hint_409(complaint) if meant == 409 else None
        return BadRequest(
            f"The endpoint refused the request ({meant}){said}", field=field, hint=hint, **known
        )
    return UpstreamFailed(f"The endpoint failed ({meant}){said}", **known)


_WHAT_IS_MISSING = {
    "serving": "The serving endpoint",
    "driver_proxy": "The address on the cluster",
    "driver": "The address at the app",
    "workspace": "The address in the workspace",
    "mlflow": "The prompt in MLflow's registry",
}


def _nothing_listening(status: int) -> NothingListening:
    return NothingListening(
        f"Nothing answers on that port of the cluster (the driver proxy said {status}).",
        upstream_status=status,
    )


def _hint_401(complaint: _Complaint, kind: str) -> str | None:
    if complaint.provider:
        return "Check the provider's API key in the endpoint's own configuration."
    if kind == "driver":
        return (
            "No credential is sent to a driver URL: open the app to this server, or use the proxy."
        )
    if complaint.code == "CUSTOMER_UNAUTHORIZED":
        return "Ask the workspace's admin: its network policy may not let this server in."
    if kind == "driver_proxy" and complaint.code is None:
        return (
            "If the app on the cluster said so: the proxy keeps the Authorization header for"
            " itself, so let the app take its key some other way."
        )
    return None


def _says_too_long(complaint: _Complaint) -> bool:
    return complaint.code in _TOO_LONG_CODES or bool(_TOO_LONG.search(complaint.words))


def _hint_409(complaint: _Complaint) -> str:
    if complaint.code == "RESOURCE_ALREADY_EXISTS":
        return "Choose another name, or change what is there already."
    return "Something else is changing it right now; wait a minute, then try again."


def _hint_403(complaint: _Complaint, kind: str) -> str | None:
    words = complaint.words.lower()
    if complaint.provider:
        return "Check what the provider's API key in the endpoint's own configuration may do."
    if "invalid access token" in words or "expired" in words:
        return "Store a new token for this workspace, then run again."
    if "single-user check failed" in words:
        return "That cluster is dedicated to another user; use a cluster that is yours or shared."
    if words.startswith("invalid request"):
        return "A token taken from a notebook works only inside it; store one of your own."
    if "scope" in words:
        return "Store a token that has the scope it names, then run again."
    if kind == "serving":
        return "Ask for “Can Query” on this endpoint, then run again."
    if kind == "driver_proxy":
        return "Ask for “Can Attach To” on this cluster, then run again."
    return None


def _saying(complaint: _Complaint) -> str:
    """The upstream's words as the end of a sentence."""
    words = one_line(complaint.words)
    if not words:
        return "."
    source = f" by the provider {one_line(complaint.provider)}" if complaint.provider else ""
    return f"{source}: {words}" + ("" if words[-1] in ".!?…" else ".")


def _named_field(words: str) -> str | None:
    for pattern in _NAMED_FIELDS:
        if found := pattern.search(words):
            return found[1]
    return None


def _inner_text(pattern: re.Pattern[str], page: str) -> str:
    found = pattern.search(page)
    return " ".join(html.unescape(_TAG.sub(" ", found[1])).split()) if found else ""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _complaint(value: Any, nesting: int = 0) -> _Complaint:
    """The words in any of the known shapes; the innermost, where errors are nested as JSON text."""
    if isinstance(value, str):
        inner = _parsed(value) if value.lstrip()[:1] == "{" else value
        if isinstance(inner, dict) and nesting < _MAX_NESTING:
            return _complaint(inner, nesting + 1)
        words = _inner_text(_PRE, value) or _inner_text(_TITLE, value) or value
        in_front = _CODE_IN_FRONT.match(words)
        is_known = in_front and in_front[1] in _STATUS_OF_CODE
        return _Complaint(words, in_front[1] if is_known else None)
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict):
        return _Complaint()
    if "external_model_error" in value:
        return _provider_complaint(value, nesting)
    return _object_complaint(value, nesting)


def _provider_complaint(value: dict[str, Any], nesting: int) -> _Complaint:
    inner = _complaint(value["external_model_error"], nesting + 1)
    provider = value.get("external_model_provider")
    name = provider if isinstance(provider, str) else "behind it"
    return _Complaint(inner.words, inner.code, inner.field, name)


def _object_complaint(value: dict[str, Any], nesting: int) -> _Complaint:
    code = _code(value)
    field = _text_of(value.get("field")) or _text_of(value.get("param")) or _field_at(value)
    for key in ("message", "error", "detail", "msg", "error_description"):
        inner = value.get(key)
        if not inner or nesting >= _MAX_NESTING:
            continue
        found = _complaint(inner, nesting + 1)
        if found.words or found.code is not None:
            return _Complaint(
                found.words,
                code if found.code is None else found.code,
                found.field or field,
                found.provider,
            )
    return _Complaint(code=code, field=field)


def _code(value: dict[str, Any]) -> str | int | None:
    """`error_code` and `code` may be a name or a number; `type` is OpenAI's second word for it."""
    for key in ("error_code", "code", "type"):
        code = value.get(key)
        if isinstance(code, str | int) and _Complaint(code=code).status:
            return code
    return None


def _field_at(value: dict[str, Any]) -> str | None:
    """FastAPI's `loc`, such as `["body", "temperature"]`."""
    place = value.get("loc")
    return _text_of(place[-1]) if isinstance(place, list) and place else None


def _text_of(value: Any) -> str | None:
    return value[:64] if isinstance(value, str) and value else None
