"""Why an endpoint has not begun to answer: one question to its workspace, words of this code."""

import re
from typing import Any

from . import clusters
from .addresses import serving_endpoint_name
from .discovery import state_of, troubles
from .workspace import WorkspaceApi

SCALED_TO_ZERO, UPDATING, NOT_READY = "scaled_to_zero", "updating", "not_ready"
CLUSTER_STARTING, CLUSTER_STOPPED = "cluster_starting", "cluster_stopped"
REASONS = (SCALED_TO_ZERO, UPDATING, NOT_READY, CLUSTER_STARTING, CLUSTER_STOPPED)

_ZERO = re.compile(r"\bscal\w+ (?:up )?(?:to|from) (?:zero|0)\b", re.IGNORECASE)


def serving_reason(api: WorkspaceApi, name: str) -> str | None:
    """Of a serving endpoint: one of REASONS, None when it is up. Raises what the api raises."""
    path = f"/api/2.0/serving-endpoints/{serving_endpoint_name(name)}"
    return reason_in(api.send("GET", path, kind="serving"))


def reason_in(details: Any) -> str | None:
    """The same of an endpoint's details; its words about scaling say more than its state."""
    if any(_ZERO.search(words) for words in troubles(details)):
        return SCALED_TO_ZERO
    state = state_of(details)
    if state.is_ready and state.is_settled:
        return None
    return NOT_READY if state.is_settled else UPDATING


def cluster_reason(api: WorkspaceApi, cluster_id: str) -> str | None:
    """Of the cluster of a driver app: one of REASONS, None when it is up."""
    cluster = clusters.get_cluster(api, cluster_id)
    if cluster.is_running:
        return None
    return CLUSTER_STARTING if cluster.is_on_its_way else CLUSTER_STOPPED
