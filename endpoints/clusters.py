"""Clusters of a workspace, for apps behind the driver proxy: which there are, and are they up."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .addresses import cluster_id as checked_id
from .errors import (
    AddressError,
    BadResponse,
    ClusterStopped,
    EndpointError,
    NotReady,
    Refused,
)
from .refusals import one_line
from .workspace import WorkspaceApi, error_code

_API = "/api/2.1/clusters"
MOST_LISTED = 1000
_PAGE_SIZE = 100
_MAX_PAGES = 50
_ON_ITS_WAY = {"PENDING", "RESTARTING"}
_UP = {"RUNNING", "RESIZING"}
_WORDS = {
    "PENDING": "Starting",
    "RESTARTING": "Restarting",
    "RESIZING": "Running, changing its size",
    "RUNNING": "Running",
    "TERMINATING": "Stopping",
    "TERMINATED": "Stopped",
    "ERROR": "Failed",
}


@dataclass(frozen=True)
class Cluster:
    """A cluster; `state` is the API's word.

    `single_user` is the one user whom a dedicated cluster lets in, through the proxy too.
    """

    cluster_id: str
    name: str
    state: str
    state_message: str
    single_user: str | None

    @property
    def is_running(self) -> bool:
        return self.state in _UP

    @property
    def is_on_its_way(self) -> bool:
        return self.state in _ON_ITS_WAY

    @property
    def can_start(self) -> bool:
        """Whether `start_cluster` is of use now."""
        return self.state in ("TERMINATED", "ERROR")

    @property
    def words(self) -> str:
        return _WORDS.get(self.state, "Unknown")


def list_clusters(api: WorkspaceApi) -> list[Cluster]:
    """The clusters that people made, running ones first, then by name; none of a job's own.

    All pages of the list, up to 1,000 clusters, within the time that the api has for one request.
    """
    ends_at = time.monotonic() + api.limits.total_s
    found: list[Cluster] = []
    token = ""
    for _ in range(_MAX_PAGES):
        query: dict[str, Any] = {
            "page_size": _PAGE_SIZE,
            "filter_by.cluster_sources": ["UI", "API"],
        }
        if token:
            query["page_token"] = token
        left = replace(api.limits, total_s=max(0.0, ends_at - time.monotonic()))
        answer = replace(api, limits=left).get(f"{_API}/list", query)
        if not isinstance(answer, dict) or not isinstance(answer.get("clusters", []), list):
            raise BadResponse("The workspace's list of clusters is none.")
        found += [_cluster(each) for each in answer.get("clusters", []) if _can_be_called(each)]
        token = answer.get("next_page_token")
        if not token or not isinstance(token, str) or len(found) >= MOST_LISTED:
            break
    found = found[:MOST_LISTED]
    return sorted(found, key=lambda each: (not each.is_running, each.name.lower()))


def get_cluster(api: WorkspaceApi, cluster_id: str) -> Cluster:
    """One cluster. Raises AddressError for an id that is none, else what the api raises."""
    answer = api.get(f"{_API}/get", {"cluster_id": checked_id(cluster_id)})
    if not isinstance(answer, dict) or not isinstance(answer.get("cluster_id"), str):
        raise BadResponse("The workspace described a cluster without its id.")
    return _cluster({**answer, "cluster_id": cluster_id})


def start_cluster(api: WorkspaceApi, cluster_id: str) -> Cluster:
    """Start a cluster and give it as it is then, most likely `PENDING`; takes minutes to be up.

    One that runs or starts already is fine.
    """
    try:
        api.post(f"{_API}/start", {"cluster_id": checked_id(cluster_id)})
    except Refused as error:
        cluster = _started_already(api, cluster_id, error)
        if cluster is None:
            raise
        return cluster
    return get_cluster(api, cluster_id)


def _started_already(api: WorkspaceApi, cluster_id: str, error: EndpointError) -> Cluster | None:
    is_about_state = isinstance(error, ClusterStopped | NotReady)
    if not is_about_state and error_code(error) != "INVALID_STATE":
        return None
    cluster = get_cluster(api, cluster_id)
    return cluster if cluster.state in _UP | _ON_ITS_WAY else None


def _can_be_called(value: Any) -> bool:
    """Whether it is a cluster with an id that is one: any other could not be asked for."""
    try:
        return isinstance(value, dict) and bool(checked_id(value.get("cluster_id")))
    except AddressError:
        return False


def _cluster(value: Mapping[str, Any]) -> Cluster:
    return Cluster(
        value["cluster_id"],
        _text(value, "cluster_name") or value["cluster_id"],
        _text(value, "state") or "UNKNOWN",
        _text(value, "state_message"),
        _text(value, "single_user_name") or None,
    )


def _text(value: Mapping[str, Any], key: str) -> str:
    text = value.get(key)
    return one_line(text) if isinstance(text, str) else ""
