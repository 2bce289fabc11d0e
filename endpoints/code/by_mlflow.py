"""mlflow's deployments client."""

from collections.abc import Mapping

from .by_requests import requests
from .literals import assigned, environment, joined, otherwise, quoted
from .sent import Sent

OBJECTS_ONLY = "Its client sends JSON objects only, so this is requests."


def mlflow(sent: Sent) -> str:
    if sent.kind != "serving":
        why = "mlflow's deployments client reaches serving endpoints only, so this is requests."
        return otherwise(why, requests(sent))
    if not isinstance(sent.body, Mapping):
        return otherwise(OBJECTS_ONLY, requests(sent))
    body = dict(sent.body)
    lines = ["from mlflow.deployments import get_deploy_client", "", *environment(sent)]
    lines.append('client = get_deploy_client("databricks")')
    call = f"endpoint={quoted(sent.serving_endpoint)}, inputs=body"
    if body.get("stream") is True:
        del body["stream"]
        lines += [
            assigned("body", body),
            f"for chunk in client.predict_stream({call}):  # adds stream: true",
            "    print(chunk)",
        ]
    else:
        lines += [assigned("body", body), f"print(client.predict({call}))"]
    return joined(lines)
