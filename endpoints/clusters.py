"""Clusters of a workspace, for apps behind the driver proxy: which there are, and are they up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .addresses import cluster_id as checked_id
from .errors import BadResponse, ClusterStopped, EndpointError, NotReady, Refused
from .refusals import one_line
from .workspace import WorkspaceApi, error_code

_API = "/api/2.1/clusters"
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
    def can_start(self) -> bool:
        """Whether `start_cluster` is of use now."""
        return self.state in ("TERMINATED", "ERROR")

    @property
    def words(self) -> str:
        return _WORDS.get(self.state, "Unknown")


def list_clusters(api: WorkspaceApi) -> list[Cluster]:
    """The clusters that people made, running ones first, then by name; none of a job's own."""
    found: list[Cluster] = []
    token = ""
    for _ in range(_MAX_PAGES):
        query: dict[str, Any] = {
            "page_size": _PAGE_SIZE,
            "filter_by.cluster_sources": ["UI", "API"],
        }
        if token:
            query["page_token"] = token
        answer = api.get(f"{_API}/list", query)
        if not isinstance(answer, dict) or not isinstance(answer.get("clusters", []), list):
            raise BadResponse("The workspace's list of clusters is none.")
        found += [_cluster(each) for each in answer.get("clusters", []) if _has_id(each)]
        token = answer.get("next_page_token")
        if not token or not isinstance(token, str):
            break
    return sorted(found, key=lambda each: (not each.is_running, each.name.lower()))


def get_cluster(api: WorkspaceApi, cluster_id: str) -> Cluster:
    """One cluster. Raises AddressError for an id that is none, else what the api raises."""
    answer = api.get(f"{_API}/get", {"cluster_id": checked_id(cluster_id)})
    if not _has_id(answer):
        raise BadResponse("The workspace described a cluster without its id.")
    return _cluster(answer)


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


def _has_id(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("cluster_id"), str)


def _cluster(value: Mapping[str, Any]) -> Cluster:
    return Cluster(
        value["cluster_id"],
        _text(value, "cluster_name") or value["cluster_id"],
        _text(value, "state") or "UNKNOWN",
        one_line(_text(value, "state_message")),
        _text(value, "single_user_name") or None,
    )


def _text(value: Mapping[str, Any], key: str) -> str:
    text = value.get(key)
    return text if isinstance(text, str) else ""
