"""Where a server is, from what people write into a connection or behind `--okta-host`; and parts of its paths."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.sync.text import quoted

#: Where Okta serves its orgs, and their admin consoles.
OKTA_DOMAINS = (
    "okta.com",
    "oktapreview.com",
    "okta-emea.com",
    "okta-gov.com",
    "okta.mil",
    "okta-miltest.com",
    "trex-govcloud.com",
)


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Scheme, host and port of a server, and the path below which it lives; without a last slash."""

    origin: str
    path: str = ""

    def __str__(self) -> str:
        return self.origin + self.path


def okta_url(host: str, *, allow_http: bool = False) -> BaseUrl:
    """The base URL of an Okta org. A path is dropped: people paste addresses of pages.

    Raises:
        ConfigurationError: If the host cannot be an org's, with what to write instead.
    """
    if "{" in host or "yourokta" in host.lower():
        raise ConfigurationError(
            f"The Okta host is still the placeholder {quoted(host)}. Write your org's, such as https://acme.okta.com."
        )
    parts = _split(host, "Okta", allow_http=allow_http)
    name = parts.hostname or ""
    for domain in OKTA_DOMAINS:
        if name.endswith(f"-admin.{domain}"):
            right = name.replace(f"-admin.{domain}", f".{domain}")
            raise ConfigurationError(
                f"{quoted(name)} is the address of Okta's admin console. The API is at https://{right}."
            )
    return BaseUrl(_origin(parts))


def okta_console_url(host: str, *, allow_http: bool = False) -> BaseUrl:
    """The base URL of an org's admin console, where the org's own domain does not tell. A path is dropped.

    Raises:
        ConfigurationError: If the host cannot be a server's, with what to write instead.
    """
    return BaseUrl(_origin(_split(host, "Okta admin console", allow_http=allow_http)))


def metric_insights_url(host: str, *, allow_http: bool = False) -> BaseUrl:
    """The base URL of an MI server, without `/api`. A path in front of that is kept.

    Raises:
        ConfigurationError: If the host cannot be a server's, with what to write instead.
    """
    parts = _split(host, "Metric Insights", allow_http=allow_http)
    path = parts.path.rstrip("/").removesuffix("/api").rstrip("/")
    return BaseUrl(_origin(parts), path)


def path_part(text: str) -> str:
    """One step of a path, whatever is in it."""
    return quote(text, safe="", errors="surrogatepass")


def _split(host: str, system: str, *, allow_http: bool) -> SplitResult:
    text = host.strip()
    if not text:
        raise ConfigurationError(f"The {system} host is missing.")
    url = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = urlsplit(""), False
    name = parts.hostname or ""
    if not port_is_fine or not name or url.count("://") > 1 or any(char.isspace() for char in text):
        raise ConfigurationError(
            f"The {system} host {quoted(_without_user(text))} is not a host or URL. Write it like https://host.example.org."
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            f"The {system} host must not contain a user or password; they have fields of their own."
        )
    if name.endswith(".com.com"):
        raise ConfigurationError(f"The {system} host {quoted(name)} ends in '.com' twice.")
    if parts.scheme not in {"http", "https"}:
        raise ConfigurationError(f"The {system} host must begin with https://, not {quoted(parts.scheme)}.")
    if parts.scheme == "http" and not allow_http and not is_loopback(name):
        raise ConfigurationError(
            f"The {system} host http://{parts.netloc} is not encrypted, and everybody on the way could read the token. "
            'Use https://, or allow it: --allow-http on the command line, "allow_http": true in the extra.'
        )
    return parts


def _origin(parts: SplitResult) -> str:
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


def _without_user(text: str) -> str:
    return text.rsplit("@", 1)[-1]


def is_loopback(name: str) -> bool:
    """Whether a host is this machine itself."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
