"""Where a request may go: every name, host, port and path, judged by full match.

The site asks here when a form is saved, the clients again when a URL is built. Quoting is not
enough: a serving endpoint named `..` or `../../api/2.0/token/create#` would move the request, and
the caller's token with it, to another part of the workspace's API.
"""

import re
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from .errors import AddressError, EgressDenied

if TYPE_CHECKING:
    from .egress import Egress

DATABRICKS_SUFFIXES = (
    ".cloud.databricks.com",
    ".cloud.databricks.us",
    ".azuredatabricks.net",
    ".databricks.azure.us",
    ".databricks.azure.cn",
    ".gcp.databricks.com",
)
USUAL_PORTS = range(3000, 8001)

_SCHEMES = ("https", "http")
_DEFAULT_PORTS = {"https": 443, "http": 80}
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_AUTHORITY = re.compile(
    rf"(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]{{2,45}}\])(?::(?P<port>[0-9]{{1,5}}))?"
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)")
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
_SERVING_ENDPOINT = re.compile(r"[A-Za-z0-9_-]{1,63}")
_CLUSTER_ID = re.compile(r"[0-9]{4}-[0-9]{6}-[a-z0-9]{4,16}")
_ORG_ID = re.compile(r"[0-9]{1,20}")
_PORT = re.compile(r"[0-9]{1,5}")
_URL_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*/?")
_ORG_IN_LINK = re.compile(r"[?&]o=([0-9]{1,20})(?=[&#]|$)")


class Origin(NamedTuple):
    """Scheme, host and port; an IPv6 host has its brackets."""

    scheme: str
    host: str
    port: int

    @property
    def name(self) -> str:
        """The host as sockets take it, without brackets."""
        return self.host.strip("[]")

    @property
    def is_databricks(self) -> bool:
        """Whether it lies in one of Databricks' own domains, over https and on its port."""
        return self.host.endswith(DATABRICKS_SUFFIXES) and self[::2] == ("https", 443)

    def __str__(self) -> str:
        if self.port == _DEFAULT_PORTS[self.scheme]:
            return f"{self.scheme}://{self.host}"
        return f"{self.scheme}://{self.host}:{self.port}"


def serving_endpoint_name(text: str) -> str:
    """The name of a serving endpoint, unchanged. Raises AddressError."""
    return _matching(
        _SERVING_ENDPOINT,
        text,
        "serving_endpoint",
        "An endpoint name is 1 to 63 letters, digits, hyphens and underscores.",
    )


def cluster_id(text: str) -> str:
    """The id of a cluster, unchanged. Raises AddressError."""
    return _matching(
        _CLUSTER_ID,
        text,
        "cluster_id",
        "A cluster id looks like 0812-091530-k3v9q2; copy it from the cluster's page.",
    )


def org_id(text: str | int) -> str:
    """The workspace id in a driver proxy URL, `0` where it is not known. Raises AddressError."""
    return _matching(
        _ORG_ID, str(text), "org_id", "A workspace id is a number of up to 20 digits, or 0."
    )


def port(value: str | int) -> int:
    """A TCP port. Raises AddressError."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    text = str(value) if is_number else value
    if not isinstance(text, str) or not _PORT.fullmatch(text) or not 1 <= int(text) <= 65535:
        raise AddressError(
            "port", "A port is a whole number from 1 to 65535, usually 3000 to 8000."
        )
    return int(text)


def is_usual_port(value: int) -> bool:
    """Whether the port lies in the range Databricks recommends for driver apps, 3000 to 8000."""
    return value in USUAL_PORTS


def url_path(text: str, *, field: str = "path") -> str:
    """A path that arrives as it is written: `/`, `/v1/chat/completions`. Raises AddressError."""
    path = text if isinstance(text, str) else ""
    # Some servers drop what follows a semicolon in a segment: "..;x" is ".." to them.
    has_dots = any(segment.split(";")[0] in {".", ".."} for segment in path.split("/"))
    if not path.startswith("/") or has_dots or not _URL_PATH.fullmatch(path):
        raise AddressError(
            field,
            "A path starts with / and holds letters, digits and signs such as - _ . only,"
            " without .. or a query.",
        )
    return path


def workspace_origin(text: str, egress: "Egress") -> str:
    """The origin of a workspace, as typed or pasted from a browser: `https://host`.

    Path, query and fragment of a pasted link are dropped. Raises AddressError for what is no
    address, EgressDenied for a host that is neither Databricks' own nor listed by the admin.
    """
    scheme, authority, _ = split(text, "host")
    candidates = [origin_of(each, authority, "host") for each in ([scheme] if scheme else _SCHEMES)]
    for origin in candidates:
        if egress.admits_workspace(origin):
            return str(origin)
    if candidates[0].host.endswith(DATABRICKS_SUFFIXES):
        raise AddressError("host", "A Databricks workspace is reached over https, on port 443.")
    raise EgressDenied(
        "host",
        f"This server may not connect to {candidates[0]}, which is no Databricks workspace.",
        hint=f"Ask the admin to add {candidates[0]} to PLAYGROUND_WORKSPACE_ORIGINS.",
    )


def driver_url(text: str, egress: "Egress") -> str:
    """The URL of a driver app, its path kept: `http://127.0.0.1:7777/echo`.

    Raises AddressError for what is no URL, EgressDenied outside the admin's driver origins.
    """
    scheme, authority, rest = split(text, "url")
    if "?" in rest or "#" in rest:
        raise AddressError("url", "Leave out the query and the fragment, from ? or # on.")
    origin = origin_of(scheme or "http", authority, "url")
    path = url_path(rest or "/", field="url")
    if not egress.admits_driver(origin):
        raise EgressDenied(
            "url",
            f"This server may not connect to {origin}.",
            hint=f"Ask the admin to add {origin} to PLAYGROUND_DRIVER_ORIGINS.",
        )
    return f"{origin}{path}"


def host_of(url: str) -> str:
    """Host and port of a stored address, to tell hosts apart: `127.0.0.1:7777`.

    However the address is spelt. Raises AddressError.
    """
    scheme, authority, _ = split(url, "url")
    origin = origin_of(scheme or "http", authority, "url")
    return f"{origin.host}:{origin.port}"


def remembered_org(text: str) -> str | None:
    """The workspace id in a pasted link, which carries it as `?o=`."""
    found = _ORG_IN_LINK.search(text.strip())
    return found[1] if found else None


def require_same_url(prepared: str | None, intended: str) -> None:
    """Raise AddressError when the HTTP library would ask another address than the intended one."""
    ours, theirs = urlsplit(intended), urlsplit(prepared or "")
    same_place = (ours.scheme, ours.hostname, ours.port) == (
        theirs.scheme,
        theirs.hostname,
        theirs.port,
    )
    if not same_place or ours.path != theirs.path or prepared != intended:
        raise AddressError("url", "The address would change on its way, so nothing was sent.")


def _matching(pattern: re.Pattern[str], text: str, field: str, message: str) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise AddressError(field, message)
    return text


def split(text: str, field: str) -> tuple[str | None, str, str]:
    """Scheme or None, authority in lower case, and the rest.

    The authority is cut out by hand: URL parsers disagree about backslashes and blanks, so a text
    that holds any is refused before one of them sees it.
    """
    text = text.strip() if isinstance(text, str) else ""
    if not text:
        raise AddressError(field, "Enter an address.")
    if not _VISIBLE_ASCII.fullmatch(text) or "\\" in text:
        raise AddressError(
            field, "An address holds no blanks, no backslash and no letters outside a to z."
        )
    found = _SCHEME.fullmatch(text)
    scheme, text = (found[1].lower(), found[2]) if found else (None, text)
    if scheme and scheme not in _SCHEMES:
        raise AddressError(field, f"An address starts with https:// or http://, not {scheme}://.")
    authority = re.split(r"[/?#]", text, maxsplit=1)[0]
    return scheme, authority.lower(), text[len(authority) :]


def origin_of(scheme: str, authority: str, field: str) -> Origin:
    if "@" in authority:
        raise AddressError(field, "Leave out the name before the @; the token is stored apart.")
    found = _AUTHORITY.fullmatch(authority)
    if not found or len(found["host"]) > 253:
        raise AddressError(
            field, "That is no host name; it looks like adb-12345.6.azuredatabricks.net."
        )
    number = _port_of(found["port"], scheme, field)
    return Origin(scheme, _one_notation(found["host"], field), number)


def _one_notation(host: str, field: str) -> str:
    """The host; an IPv6 address in its shortest form, so that it is equal to the one listed."""
    if not host.startswith("["):
        return host
    try:
        return f"[{IPv6Address(host[1:-1])}]"
    except ValueError:
        raise AddressError(field, "That is no IPv6 address; it looks like [2001:db8::1].") from None


def _port_of(text: str | None, scheme: str, field: str) -> int:
    """The port written in an authority, or the scheme's own. Raises AddressError for `field`."""
    if text is None:
        return _DEFAULT_PORTS[scheme]
    try:
        return port(text)
    except AddressError as error:
        raise AddressError(field, error.message) from None
