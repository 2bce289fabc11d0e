"""LangChain's classes for Databricks, and what they use themselves where those cannot say it."""

from collections.abc import Mapping
from typing import Any

from .by_mlflow import OBJECTS_ONLY, mlflow
from .by_requests import requests
from .literals import Code, assigned, call, environment, joined, literal, otherwise, with_os
from .sent import Sent


def langchain(sent: Sent) -> str:
    body = sent.body
    if sent.is_direct:
        why = "LangChain's Databricks reaches apps by the driver proxy only, so this is requests."
        return otherwise(why, requests(sent))
    if not isinstance(body, Mapping):
        return otherwise(OBJECTS_ONLY, requests(sent))
    if sent.kind == "driver_proxy":
        return _driver_proxy(sent)
    if sent.task == "chat" and _are_plain(body.get("messages")):
        return _chat(sent)
    if sent.task == "embeddings" and _is_batch(body.get("input")):
        return _embeddings(sent)
    if sent.task == "completions" and isinstance(sent.asked.get("prompt"), str):
        return _completions(sent)
    if sent.task == "custom" and (record := _record(body, sent.before)) is not None:
        return _custom(sent, record)
    why = "LangChain's classes cannot send this body, so this is mlflow, which they use themselves."
    return otherwise(why, mlflow(sent))


def _chat(sent: Sent) -> str:
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
    lines = ["from databricks_langchain import ChatDatabricks", "", *environment(sent)]
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
            f"        return {{k: v for k, v in inputs.items() if k not in {literal(unset)}}}",
            "",
            "",
        ]
    lines += [call(f"chat = {name}", options), assigned("messages", messages)]
    if is_stream:
        lines += ["for chunk in chat.stream(messages):", "    print(chunk)"]
    else:
        lines.append("print(chat.invoke(messages))")
    return joined(lines)


def _embeddings(sent: Sent) -> str:
    params = {key: value for key, value in sent.body.items() if key != "input"}
    options = {"endpoint": sent.serving_endpoint}
    if params:
        options["documents_params"] = params
    return joined(
        [
            "from databricks_langchain import DatabricksEmbeddings",
            "",
            *environment(sent),
            call("embeddings = DatabricksEmbeddings", options),
            assigned("texts", sent.body["input"]),
            "print(embeddings.embed_documents(texts))",
        ]
    )


def _completions(sent: Sent) -> str:
    body = {key: value for key, value in sent.asked.items() if key != "stream"}
    lines = _start(sent)
    extra = {key: value for key, value in body.items() if key not in ("prompt", "stop")}
    options: dict[str, Any] = {"endpoint_name": sent.serving_endpoint, **_transforms(sent)}
    if not {"temperature", "n"} <= body.keys():
        only = f"{{key: request[key] for key in {literal(list(body))}}}"
        lines += [
            "",
            "",
            "def only_what_was_set(**request):",
            "    # LangChain's Databricks always sends temperature and n; here goes what was set.",
            f"    return {f'transform_input(**{only})' if sent.transform_input else only}",
            "",
            "",
        ]
        options["transform_input_fn"] = Code("only_what_was_set")
    return _llm(sent, lines, options, body, extra)


def _custom(sent: Sent, record: Mapping[str, Any]) -> str:
    extra = {key: value for key, value in record.items() if key not in ("prompt", "stop")}
    options = {"endpoint_name": sent.serving_endpoint, **_transforms(sent)}
    return _llm(sent, _start(sent), options, record, extra)


def _driver_proxy(sent: Sent) -> str:
    body = sent.asked
    is_simple = sent.task == "custom" and isinstance(body.get("prompt"), str)
    is_at_root = sent.org_id == "0" and sent.app_path == "/"
    if not is_simple or not is_at_root:
        why = (
            "LangChain's Databricks asks an app at “/” of workspace id 0 with a prompt only,"
            " so this is requests."
        )
        return otherwise(why, requests(sent))
    options = {
        # Its own reading of DATABRICKS_HOST cuts letters off some names.
        "host": Code('os.environ["DATABRICKS_HOST"].removeprefix("https://").rstrip("/")'),
        "cluster_id": sent.cluster_id,
        "cluster_driver_port": sent.port,
        **_transforms(sent),
    }
    extra = {key: value for key, value in body.items() if key not in ("prompt", "stop")}
    return with_os(_llm(sent, _start(sent), options, body, extra))


def _start(sent: Sent) -> list[str]:
    lines = ["from langchain_community.llms import Databricks", "", *environment(sent)]
    if sent.wants_events:
        lines.append("# LangChain's Databricks cannot stream: the answer comes in one piece.")
    # One text with both functions, as they stand in a notebook, is written once.
    for source in dict.fromkeys(filter(None, (sent.transform_input, sent.transform_output))):
        lines += ["", "", *source.strip("\n").split("\n"), "", ""]
    return lines


def _transforms(sent: Sent) -> dict[str, Any]:
    """The user's functions, which stand above by these names."""
    names = ("transform_input", "transform_output")
    return {f"{name}_fn": Code(name) for name in names if getattr(sent, name)}


def _llm(
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
    lines += [call("llm = Databricks", options), assigned("prompt", body["prompt"])]
    lines.append(f"print(llm.invoke(prompt{f', stop={literal(stop)}' if is_call_stop else ''}))")
    return joined(lines)


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


def _record(
    body: Mapping[str, Any], before: Mapping[str, Any] | None = None
) -> Mapping[str, Any] | None:
    """The one record that LangChain's Databricks can make: `{"dataframe_records": [record]}`.

    With a transform it is the one before it.
    """
    records = body.get("dataframe_records")
    if body.keys() != {"dataframe_records"} or not isinstance(records, list) or len(records) != 1:
        return None
    record = records[0] if before is None else before
    return record if isinstance(record, dict) and isinstance(record.get("prompt"), str) else None
