"""Code that repeats a call, for people to take along: curl, requests, mlflow, OpenAI, LangChain.

The secret is never in it: it reads DATABRICKS_HOST and DATABRICKS_TOKEN from the environment. Each
sends the JSON that was sent; where a client cannot, the code says so in a comment and goes
another way. What came from a user stands in it as a literal, or in a quoted here-document.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from . import addresses
from .addresses import Egress
from .tasks import ACCEPT_STREAM, task_for

FORMATS = ("curl", "requests", "mlflow", "openai", "langchain")
_TIMEOUT_S = 600
_WIDTH = 92
_SHELL_HOST = '"$DATABRICKS_HOST"'
_OPENAI_CALLS = {
    "chat": ("chat.completions", "/chat/completions", "messages"),
    "completions": ("completions", "/completions", "prompt"),
    "embeddings": ("embeddings", "/embeddings", "input"),
    "responses": ("responses", "/responses", "input"),
}
# What these calls take by name in every version of the client; anything else is an extra_body.
_OPENAI_WORDS = {
    "chat": "messages temperature max_tokens max_completion_tokens n stop top_p stream"
    " stream_options tools tool_choice response_format presence_penalty frequency_penalty seed"
    " logprobs top_logprobs logit_bias parallel_tool_calls reasoning_effort user",
    "completions": "prompt temperature max_tokens n stop top_p stream stream_options suffix echo"
    " best_of logprobs presence_penalty frequency_penalty seed user",
    "embeddings": "input dimensions encoding_format user",
    "responses": "input instructions max_output_tokens temperature top_p tools tool_choice stream"
    " metadata truncation reasoning text parallel_tool_calls",
}


@dataclass(frozen=True)
class Sent:
    """A call as it was sent; `body` is the exact JSON.

    The address is told as to `client_for`: host and serving_endpoint; host, cluster_id, port, path
    and org_id; or url. `is_streamed` says whether a stream was asked for, which an app with the
    driver schema learns from the Accept header alone.
    """

    kind: str
    task: str
    body: Mapping[str, Any]
    host: str | None = None
    serving_endpoint: str | None = None
    cluster_id: str | None = None
    port: int | str | None = None
    path: str | None = "/"
    org_id: str | int | None = "0"
    url: str | None = None
    is_streamed: bool = False

    @property
    def origin(self) -> str:
        """`https://host`. Raises AddressError."""
        if self.kind == "driver":
            parts = urlsplit(self.full_url)
            return f"{parts.scheme}://{parts.netloc}"
        host = self.host or ""
        allowed = Egress(
            workspace_origins=(host if "://" in host else f"https://{host or 'none'}",)
        )
        return addresses.workspace_origin(host, allowed)

    @property
    def url_path(self) -> str:
        """The path of the URL, as the clients build it. Raises AddressError."""
        if self.kind == "driver":
            return urlsplit(self.full_url).path
        if self.kind == "serving":
            name = addresses.serving_endpoint_name(self.serving_endpoint or "")
            return f"/serving-endpoints/{name}/invocations"
        org = addresses.org_id(self.org_id or "0")
        cluster = addresses.cluster_id(self.cluster_id or "")
        number = addresses.port(self.port or "")
        path = self._task_path(self.path or "/")
        return f"/driver-proxy-api/o/{org}/{cluster}/{number}{'' if path == '/' else path}"

    @property
    def full_url(self) -> str:
        """The whole URL of a driver. Raises AddressError."""
        parts = urlsplit(self.url or "")
        allowed = Egress(driver_origins=(f"{parts.scheme}://{parts.netloc}",))
        url = urlsplit(addresses.driver_url(self.url or "", allowed))
        return f"{url.scheme}://{url.netloc}{self._task_path(url.path)}"

    def require_address(self) -> None:
        """Raises AddressError for any part of the address that is none."""
        addresses.url_path(self.url_path)
        addresses.driver_url(self.origin, Egress(driver_origins=(self.origin,)))

    @property
    def wants_events(self) -> bool:
        return self.is_streamed or self.body.get("stream") is True

    def _task_path(self, path: str) -> str:
        return addresses.url_path(task_for(self.kind, self.task).path(path))


def code_for(sent: Sent | Mapping[str, Any], format: str) -> str:
    """Code in one of `FORMATS` that sends the same again; a mapping has the fields of `Sent`.

    Raises ValueError for a format that is not known, and AddressError.
    """
    if not isinstance(sent, Sent):
        known = {field.name for field in fields(Sent)}
        sent = Sent(**{key: value for key, value in sent.items() if key in known})
    if format not in _WRITERS:
        raise ValueError(f"unknown format {format!r}; known are {', '.join(FORMATS)}")
    sent.require_address()
    try:
        return _WRITERS[format](sent)
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None


def _curl(sent: Sent) -> str:
    is_direct = sent.kind == "driver"
    lines = [] if is_direct else _environment(sent)
    # Quoted apart: a path may hold a dollar sign, which the shell would take for its own.
    url = shlex.quote(sent.full_url if is_direct else sent.url_path)
    lines.append(f"curl -sS -N --fail-with-body {'' if is_direct else _SHELL_HOST}{url} \\")
    if not is_direct:
        lines.append('  -H "Authorization: Bearer $DATABRICKS_TOKEN" \\')
    if sent.wants_events:
        lines.append(f"  -H 'Accept: {ACCEPT_STREAM}' \\")
    lines += ["  -H 'Content-Type: application/json' \\", "  --data-binary @- <<'JSON'"]
    return "\n".join([*lines, _json(sent.body), "JSON", ""])


def _requests(sent: Sent) -> str:
    is_direct = sent.kind == "driver"
    headers = (
        {}
        if is_direct
        else {"Authorization": _Code("f\"Bearer {os.environ['DATABRICKS_TOKEN']}\"")}
    )
    if sent.wants_events:
        headers["Accept"] = ACCEPT_STREAM
    lines = [] if is_direct else ["import os", ""]
    lines += ["import requests", "", *([] if is_direct else _environment(sent))]
    lines += [
        f"url = {_quoted(sent.full_url)}"
        if is_direct
        else f'url = os.environ["DATABRICKS_HOST"].rstrip("/") + {_quoted(sent.url_path)}',
        _assigned("body", sent.body),
    ]
    call = [f"url, json=body, timeout={_TIMEOUT_S}"]
    if headers:
        lines.append(_assigned("headers", headers))
        call.append("headers=headers")
    if not sent.wants_events:
        lines.append(f"response = requests.post({', '.join(call)})")
        lines += ["response.raise_for_status()", "print(response.json())"]
        return _text(lines)
    lines += [
        f"with requests.post({', '.join(call)}, stream=True) as response:",
        "    response.raise_for_status()",
        "    for line in response.iter_lines(chunk_size=None):",
        '        print(line.decode("utf-8"))',
    ]
    return _text(lines)


def _mlflow(sent: Sent) -> str:
    if sent.kind != "serving":
        why = "mlflow's deployments client reaches serving endpoints only, so this is requests."
        return _otherwise(why, _requests(sent))
    body = dict(sent.body)
    lines = ["from mlflow.deployments import get_deploy_client", "", *_environment(sent)]
    lines.append('client = get_deploy_client("databricks")')
    call = f"endpoint={_quoted(sent.serving_endpoint)}, inputs=body"
    if body.get("stream") is True:
        del body["stream"]
        lines += [
            _assigned("body", body),
            f"for chunk in client.predict_stream({call}):  # adds stream: true",
            "    print(chunk)",
        ]
    else:
        lines += [_assigned("body", body), f"print(client.predict({call}))"]
    return _text(lines)


def _openai(sent: Sent) -> str:
    body = dict(sent.body)
    if not _is_encodable(json.dumps(body, ensure_ascii=False)):
        why = "The OpenAI client cannot send half of a letter (\\ud800), so this is requests."
        return _otherwise(why, _requests(sent))
    why = _why_not_openais_own_call(sent)
    if why is None:
        name, suffix, _ = _OPENAI_CALLS[sent.task]
        return _openai_call(sent, name, suffix)
    base, _, last = sent.url_path.rpartition("/")
    lines = _openai_start(sent, base)
    lines += [f"# {why}; its plain post sends the body as it is.", _assigned("body", body)]
    options: dict[str, Any] = {
        "path": f"/{last}",
        "body": _Code("body"),
        "cast_to": _Code("object"),
    }
    if not sent.wants_events:
        lines += [_call("answer = client.post", options), "print(answer)"]
        return _with_os(_text(lines))
    lines[0] = "from openai import OpenAI, Stream"
    options["options"] = {"headers": {"Accept": ACCEPT_STREAM}}
    options |= {"stream": True, "stream_cls": _Code("Stream[object]")}
    lines += [_call("answer = client.post", options), "for chunk in answer:", "    print(chunk)"]
    return _with_os(_text(lines))


def _why_not_openais_own_call(sent: Sent) -> str | None:
    """Why only the client's plain `post` sends exactly this; None when a call of its own does."""
    body = sent.body
    _, suffix, key = _OPENAI_CALLS.get(sent.task, ("", "", ""))
    # Agents in MLflow's chat shape hold messages instead of the input of OpenAI's Responses API.
    if key not in body or (sent.kind != "serving" and not sent.url_path.endswith(suffix)):
        return "The OpenAI client has no call for this schema"
    if sent.task == "embeddings" and "encoding_format" not in body:
        return "The OpenAI client's own call adds encoding_format"
    if sent.kind == "serving" and "model" in body:
        return "The OpenAI client's own calls set “model”, which is taken here"
    if sent.kind != "serving" and "model" not in body:
        return "The OpenAI client's own calls name a model, which was not sent"
    return None


def _openai_call(sent: Sent, name: str, suffix: str) -> str:
    """The client's own call, as its documentation has it."""
    body = dict(sent.body)
    words = _OPENAI_WORDS[sent.task].split()
    named = {key: value for key, value in body.items() if key in words}
    extra = {key: value for key, value in body.items() if key not in words and key != "model"}
    if sent.kind == "serving":
        lines = _openai_start(sent, "/serving-endpoints")
        lines.append("# The client adds the endpoint's name to the body, as “model”.")
        named = {"model": sent.serving_endpoint, **named}
    else:
        lines = _openai_start(sent, sent.url_path.removesuffix(suffix))
        named = {"model": body["model"], **named}
    if extra:
        named["extra_body"] = extra
    lines.append(_call(f"answer = client.{name}.create", named))
    if body.get("stream") is True:
        lines += ["for chunk in answer:", "    print(chunk)"]
    else:
        lines.append("print(answer)")
    return _with_os(_text(lines))


def _openai_start(sent: Sent, base: str) -> list[str]:
    if sent.kind == "driver":
        url, key = _quoted(sent.origin + base), '"none"'
        environment = []
    else:
        url = f'os.environ["DATABRICKS_HOST"].rstrip("/") + {_quoted(base)}'
        key = 'os.environ["DATABRICKS_TOKEN"]'
        environment = _environment(sent)
    return [
        "from openai import OpenAI",
        "",
        *environment,
        "client = OpenAI(",
        f"    base_url={url},",
        f"    api_key={key},",
        "    max_retries=0,",
        ")",
    ]


def _langchain(sent: Sent) -> str:
    body = sent.body
    if sent.kind == "driver":
        why = "LangChain's Databricks reaches apps by the driver proxy only, so this is requests."
        return _otherwise(why, _requests(sent))
    if sent.kind == "driver_proxy":
        return _langchain_driver_proxy(sent)
    if sent.task == "chat" and _are_plain(body.get("messages")):
        return _langchain_chat(sent)
    if sent.task == "embeddings" and _is_batch(body.get("input")):
        return _langchain_embeddings(sent)
    if sent.task == "completions" and isinstance(body.get("prompt"), str):
        return _langchain_completions(sent)
    if sent.task == "custom" and (record := _record(body)) is not None:
        return _langchain_custom(sent, record)
    why = "LangChain's classes cannot send this body, so this is mlflow, which they use themselves."
    return _otherwise(why, _mlflow(sent))


def _langchain_chat(sent: Sent) -> str:
    body = dict(sent.body)
    messages = body.pop("messages")
    is_stream = body.pop("stream", None) is True
    stop = body.get("stop")
    options: dict[str, Any] = {"endpoint": sent.serving_endpoint}
    for key, kinds in (("temperature", (int, float)), ("n", int), ("max_tokens", int)):
        if isinstance(body.get(key), kinds) and not isinstance(body[key], bool):
            options[key] = body.pop(key)
    if isinstance(stop, list) and stop and all(isinstance(each, str) for each in stop):
        options["stop"] = body.pop("stop")
    if body:
        options["extra_params"] = body
    unset = [key for key in ("temperature", "n") if key not in sent.body]
    lines = ["from databricks_langchain import ChatDatabricks", "", *_environment(sent)]
    name = "ChatDatabricks"
    if unset:
        name = "Chat"
        lines += [
            "",
            "",
            "class Chat(ChatDatabricks):",
            f"    # It always sends temperature and n; without {' and '.join(unset)} here.",
            "    def _prepare_inputs(self, *args, **kwargs):",
            "        inputs = super()._prepare_inputs(*args, **kwargs)",
            f"        return {{k: v for k, v in inputs.items() if k not in {_literal(unset)}}}",
            "",
            "",
        ]
    lines += [_call(f"chat = {name}", options), _assigned("messages", messages)]
    if is_stream:
        lines += ["for chunk in chat.stream(messages):", "    print(chunk)"]
    else:
        lines.append("print(chat.invoke(messages))")
    return _text(lines)


def _langchain_embeddings(sent: Sent) -> str:
    params = {key: value for key, value in sent.body.items() if key != "input"}
    options = {"endpoint": sent.serving_endpoint}
    if params:
        options["documents_params"] = params
    return _text(
        [
            "from databricks_langchain import DatabricksEmbeddings",
            "",
            *_environment(sent),
            _call("embeddings = DatabricksEmbeddings", options),
            _assigned("texts", sent.body["input"]),
            "print(embeddings.embed_documents(texts))",
        ]
    )


def _langchain_completions(sent: Sent) -> str:
    body = {key: value for key, value in sent.body.items() if key != "stream"}
    lines = _langchain_start(sent)
    extra = {key: value for key, value in body.items() if key not in ("prompt", "stop")}
    options: dict[str, Any] = {"endpoint_name": sent.serving_endpoint}
    if not {"temperature", "n"} <= body.keys():
        lines += [
            "",
            "",
            "def transform_input(**request):",
            "    # LangChain's Databricks always sends temperature and n; here goes what was set.",
            f"    return {{key: request[key] for key in {_literal(list(body))}}}",
            "",
            "",
        ]
        options["transform_input_fn"] = _Code("transform_input")
    return _langchain_llm(sent, lines, options, body, extra)


def _langchain_custom(sent: Sent, record: Mapping[str, Any]) -> str:
    extra = {key: value for key, value in record.items() if key not in ("prompt", "stop")}
    options = {"endpoint_name": sent.serving_endpoint}
    return _langchain_llm(sent, _langchain_start(sent), options, record, extra)


def _langchain_driver_proxy(sent: Sent) -> str:
    body = sent.body
    is_simple = sent.task == "custom" and isinstance(body.get("prompt"), str)
    is_at_root = (
        sent.url_path.startswith("/driver-proxy-api/o/0/") and sent.url_path.count("/") == 5
    )
    if not is_simple or not is_at_root:
        why = (
            "LangChain's Databricks asks an app at “/” of workspace id 0 with a prompt only,"
            " so this is requests."
        )
        return _otherwise(why, _requests(sent))
    options = {
        # Its own reading of DATABRICKS_HOST cuts letters off some names.
        "host": _Code('os.environ["DATABRICKS_HOST"].removeprefix("https://").rstrip("/")'),
        "cluster_id": sent.cluster_id,
        "cluster_driver_port": str(sent.port),
    }
    extra = {key: value for key, value in body.items() if key not in ("prompt", "stop")}
    return _with_os(_langchain_llm(sent, _langchain_start(sent), options, body, extra))


def _langchain_start(sent: Sent) -> list[str]:
    lines = ["from langchain_community.llms import Databricks", "", *_environment(sent)]
    if sent.wants_events:
        lines.append("# LangChain's Databricks cannot stream: the answer comes in one piece.")
    return lines


def _langchain_llm(
    sent: Sent,
    lines: list[str],
    options: dict[str, Any],
    body: Mapping[str, Any],
    extra: dict[str, Any],
) -> str:
    """LangChain's `Databricks`: an empty `stop` is one it sends as a parameter only."""
    stop = body.get("stop")
    is_call_stop = isinstance(stop, list) and bool(stop)
    if "stop" in body and not is_call_stop:
        extra = {"stop": stop, **extra}
    if extra:
        options["extra_params"] = extra
    lines += [_call("llm = Databricks", options), _assigned("prompt", body["prompt"])]
    lines.append(f"print(llm.invoke(prompt{f', stop={_literal(stop)}' if is_call_stop else ''}))")
    return _text(lines)


_WRITERS: dict[str, Callable[[Sent], str]] = {
    "curl": _curl,
    "requests": _requests,
    "mlflow": _mlflow,
    "openai": _openai,
    "langchain": _langchain,
}


class _Code(str):
    """Source text that stands for itself where others stand as literals."""


def _environment(sent: Sent) -> list[str]:
    return [f"# Set DATABRICKS_HOST ({sent.origin}) and DATABRICKS_TOKEN, your own token, first."]


def _otherwise(why: str, code: str) -> str:
    return f"# {why}\n{code}"


def _with_os(code: str) -> str:
    return f"import os\n\n{code}" if "os.environ" in code else code


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def _assigned(name: str, value: Any) -> str:
    return f"{name} = {_literal(value, len(name) + 3)}"


def _call(start: str, options: Mapping[str, Any]) -> str:
    given = "".join(
        f"    {key}={_literal(value, len(key) + 5, 4)},\n" for key, value in options.items()
    )
    return f"{start}(\n{given})"


def _literal(value: Any, taken: int = 0, indent: int = 0) -> str:
    """A JSON value in Python, laid out as formatters do; `taken` is what its first line has."""
    line = _flat(value)
    if not value or not isinstance(value, list | dict) or taken + len(line) < _WIDTH:
        return line
    inner = indent + 4
    if isinstance(value, list):
        items = [_literal(each, inner, inner) for each in value]
    else:
        items = [
            f"{_quoted(key)}: {_literal(each, inner + len(key) + 4, inner)}"
            for key, each in value.items()
        ]
    rows = "".join(f"{' ' * inner}{item},\n" for item in items)
    return f"{line[0]}\n{rows}{' ' * indent}{line[-1]}"


def _flat(value: Any) -> str:
    """The same on one line."""
    if isinstance(value, _Code):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(_flat(each) for each in value)}]"
    if isinstance(value, dict):
        items = (f"{_quoted(key)}: {_flat(each)}" for key, each in value.items())
        return f"{{{', '.join(items)}}}"
    return repr(value)


def _quoted(text: str) -> str:
    """A JSON string means the same in Python; halves of a letter go as escapes."""
    return json.dumps(text, ensure_ascii=not _is_encodable(text))


def _json(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if _is_encodable(text) else json.dumps(value, indent=2)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _are_plain(messages: Any) -> bool:
    """Whether ChatDatabricks passes these on as they are: it rewrites tool calls, drops names."""
    return isinstance(messages, list) and all(
        isinstance(each, dict)
        and each.keys() == {"role", "content"}
        and each["role"] in ("system", "user", "assistant")
        and isinstance(each["content"], str)
        for each in messages
    )


def _is_batch(inputs: Any) -> bool:
    """Whether DatabricksEmbeddings sends these in one request: it sends twenty at a time."""
    return (
        isinstance(inputs, list)
        and 0 < len(inputs) <= 20
        and all(isinstance(each, str) for each in inputs)
    )


def _record(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The one record that LangChain's Databricks can make: `{"dataframe_records": [record]}`."""
    records = body.get("dataframe_records")
    if body.keys() != {"dataframe_records"} or not isinstance(records, list) or len(records) != 1:
        return None
    record = records[0]
    return record if isinstance(record, dict) and isinstance(record.get("prompt"), str) else None
