"""curl, with the body in a here-document."""

import shlex

from ..tasks import ACCEPT_STREAM
from .literals import environment, json_text
from .sent import Sent

_HOST = '"${DATABRICKS_HOST%/}"'


def curl(sent: Sent) -> str:
    lines = [] if sent.is_direct else environment(sent)
    # Quoted apart: a path may hold a dollar sign, which the shell would take for its own.
    url = shlex.quote(sent.url) if sent.is_direct else _HOST + shlex.quote(sent.path)
    lines.append(f"curl -sS -N --fail-with-body {url} \\")
    if not sent.is_direct:
        lines.append('  -H "Authorization: Bearer $DATABRICKS_TOKEN" \\')
    if sent.wants_events:
        lines.append(f"  -H 'Accept: {ACCEPT_STREAM}' \\")
    lines += ["  -H 'Content-Type: application/json' \\", "  --data-binary @- <<'JSON'"]
    return "\n".join([*lines, json_text(sent.body), "JSON", ""])
