"""Python's requests."""

from ..tasks import ACCEPT_STREAM
from .literals import Code, assigned, environment, joined, quoted
from .sent import Sent

TIMEOUT_S = 600


def requests(sent: Sent) -> str:
    lines, headers = [], {}
    if not sent.is_direct:
        lines += ["import os", ""]
        headers["Authorization"] = Code("f\"Bearer {os.environ['DATABRICKS_TOKEN']}\"")
    if sent.wants_events:
        headers["Accept"] = ACCEPT_STREAM
    url = quoted(sent.url)
    lines += ["import requests", ""]
    if not sent.is_direct:
        lines += environment(sent)
        url = f'os.environ["DATABRICKS_HOST"].rstrip("/") + {quoted(sent.path)}'
    lines += [f"url = {url}", assigned("body", sent.body)]
    call = [f"url, json=body, timeout={TIMEOUT_S}"]
    if headers:
        lines.append(assigned("headers", headers))
        call.append("headers=headers")
    if not sent.wants_events:
        lines.append(f"response = requests.post({', '.join(call)})")
        lines += ["response.raise_for_status()", "print(response.json())"]
        return joined(lines)
    lines += [
        f"with requests.post({', '.join(call)}, stream=True) as response:",
        "    response.raise_for_status()",
        "    for line in response.iter_lines(chunk_size=None):",
        '        print(line.decode("utf-8"))',
    ]
    return joined(lines)
