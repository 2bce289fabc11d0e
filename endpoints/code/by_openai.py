"""The OpenAI client: its own calls where they send exactly this, else its plain post."""

import json
from collections.abc import Mapping
from typing import Any

from ..tasks import ACCEPT_STREAM
from .by_mlflow import OBJECTS_ONLY
from .by_requests import requests
from .literals import (
    Code,
    assigned,
    call,
    environment,
    is_encodable,
    joined,
    otherwise,
    quoted,
    with_os,
)
from .sent import Sent

_CALLS = {
    "chat": ("chat.completions", "/chat/completions", "messages"),
    "completions": ("completions", "/completions", "prompt"),
    "embeddings": ("embeddings", "/embeddings", "input"),
    "responses": ("responses", "/responses", "input"),
}
# What these calls take by name in every version of the client; anything else is an extra_body.
_WORDS = {
    "chat": "messages temperature max_tokens max_completion_tokens n stop top_p stream"
    " stream_options tools tool_choice response_format presence_penalty frequency_penalty seed"
    " logprobs top_logprobs logit_bias parallel_tool_calls reasoning_effort user",
    "completions": "prompt temperature max_tokens n stop top_p stream stream_options suffix echo"
    " best_of logprobs presence_penalty frequency_penalty seed user",
    "embeddings": "input dimensions encoding_format user",
    "responses": "input instructions max_output_tokens temperature top_p tools tool_choice stream"
    " metadata truncation reasoning text parallel_tool_calls",
}


def openai(sent: Sent) -> str:
    if not isinstance(sent.body, Mapping):
        return otherwise(OBJECTS_ONLY, requests(sent))
    body = dict(sent.body)
    if not is_encodable(json.dumps(body, ensure_ascii=False)):
        why = "The OpenAI client cannot send half of a letter (\\ud800), so this is requests."
        return otherwise(why, requests(sent))
    why = _why_not_its_own_call(sent)
    if why is None:
        name, suffix, _ = _CALLS[sent.task]
        return _own_call(sent, name, suffix)
    base, _, last = sent.path.rpartition("/")
    lines = _start(sent, base)
    lines += [f"# {why}; its plain post sends the body as it is.", assigned("body", body)]
    options: dict[str, Any] = {
        "path": f"/{last}",
        "body": Code("body"),
        "cast_to": Code("object"),
    }
    if not sent.wants_events:
        lines += [call("answer = client.post", options), "print(answer)"]
        return with_os(joined(lines))
    lines[0] = "from openai import OpenAI, Stream"
    options["options"] = {"headers": {"Accept": ACCEPT_STREAM}}
    options |= {"stream": True, "stream_cls": Code("Stream[object]")}
    lines += [call("answer = client.post", options), "for chunk in answer:", "    print(chunk)"]
    return with_os(joined(lines))


def _why_not_its_own_call(sent: Sent) -> str | None:
    """Why only the client's plain `post` sends exactly this; None when a call of its own does."""
    body = sent.body
    no_call = "The OpenAI client has no call for this schema"
    if sent.task not in _CALLS:
        return no_call
    _, suffix, key = _CALLS[sent.task]
    # Agents in MLflow's chat shape hold messages instead of the input of OpenAI's Responses API.
    if key not in body or (sent.kind != "serving" and not sent.path.endswith(suffix)):
        return no_call
    if sent.task == "embeddings" and "encoding_format" not in body:
        return "The OpenAI client's own call adds encoding_format"
    if sent.kind == "serving" and "model" in body:
        return "The OpenAI client's own calls set “model”, which is taken here"
    if sent.kind != "serving" and "model" not in body:
        return "The OpenAI client's own calls name a model, which was not sent"
    return None


def _own_call(sent: Sent, name: str, suffix: str) -> str:
    """The client's own call, as its documentation has it."""
    body = dict(sent.body)
    words = _WORDS[sent.task].split()
    named = {key: value for key, value in body.items() if key in words}
    extra = {key: value for key, value in body.items() if key not in words and key != "model"}
    if sent.kind == "serving":
        lines = _start(sent, "/serving-endpoints")
        lines.append("# The client adds the endpoint's name to the body, as “model”.")
        named = {"model": sent.serving_endpoint, **named}
    else:
        lines = _start(sent, sent.path.removesuffix(suffix))
        named = {"model": body["model"], **named}
    if extra:
        named["extra_body"] = extra
    lines.append(call(f"answer = client.{name}.create", named))
    if body.get("stream") is True:
        lines += ["for chunk in answer:", "    print(chunk)"]
    else:
        lines.append("print(answer)")
    return with_os(joined(lines))


def _start(sent: Sent, base: str) -> list[str]:
    if sent.is_direct:
        url, key, needs = quoted(sent.origin + base), '"none"', []
    else:
        url = f'os.environ["DATABRICKS_HOST"].rstrip("/") + {quoted(base)}'
        key, needs = 'os.environ["DATABRICKS_TOKEN"]', environment(sent)
    return [
        "from openai import OpenAI",
        "",
        *needs,
        "client = OpenAI(",
        f"    base_url={url},",
        f"    api_key={key},",
        "    max_retries=0,",
        ")",
    ]
