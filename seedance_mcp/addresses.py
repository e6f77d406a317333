"""Checks of addresses: hosts to download from, this machine itself, and the user's bucket."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import parse_qsl, urlsplit

_DENIED = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/3",
        "::/3", "4000::/2", "8000::/1", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
]  # fmt: skip
"""`is_global` alone accepts some of these (NAT64, 6to4, site-local), each a way to a private address. Of IPv6, only
2000::/3 is allocated for public use."""


def may_be_fetched(address: str, *, local: bool) -> bool:
    """Whether an IP address is public, or (with `local`) one of this machine's own.

    A video's link must not lead into the private network that the server runs in.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if ip.is_loopback:
        return local
    return ip.is_global and not any(ip.version == n.version and ip in n for n in _DENIED)


def is_loopback(host: str) -> bool:
    """Whether a host name can only mean this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def base_url_problem(url: str) -> str | None:  # noqa: PLR0911  (one sentence for each)
    """Say what a base URL must be and is not, without repeating what may be a secret; None if it can be used."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.casefold() not in {"http", "https"}:
        return "be a whole URL that begins with https:// (http:// is for loopback addresses only)"
    if "@" in rest:
        return "not contain a user name or a password: the key has a setting of its own"
    if {*"?#"} & {*rest}:
        return "end before the first ? or #: it is the base of other URLs"
    if any(character.isspace() for character in rest):
        return "not contain spaces"
    try:
        host, port = urlsplit(url).hostname, urlsplit(url).port
    except ValueError:
        return "have a host and, after a colon, a port from 1 to 65535"
    if not host or port == 0:
        return f"name a host after {scheme}://" if not host else "have a port from 1 to 65535"
    if scheme.casefold() == "http" and not is_loopback(host):
        return "begin with https:// (http:// is for loopback addresses only)"
    return None


_BUCKET_OPTIONS = {
    "s3": {"region", "endpoint", "virtual_hosted_style_request"},
    "gs": set[str](),
    "az": {"account_name"},
}
BUCKET_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (a service account with a key, which signing needs)",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""Where a bucket's credentials come from, by the scheme of its URL."""


def bucket_url_problem(url: str) -> str | None:
    """Say what is wrong with the URL of a bucket, without repeating what may be a secret; None if it can be used."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        return "is not a URL"
    if parts.scheme not in _BUCKET_OPTIONS:
        return "must begin with s3://, gs:// or az://"
    if "@" in parts.netloc or not re.fullmatch(r"[A-Za-z0-9._-]+", parts.netloc) or parts.fragment:
        return f"must name a bucket, such as {parts.scheme}://my-bucket/seedance"
    if options.keys() - _BUCKET_OPTIONS[parts.scheme]:
        allowed = ", ".join(sorted(_BUCKET_OPTIONS[parts.scheme])) or "none"
        return (
            f"has an option that is not known; the options are: {allowed}. Credentials belong in the environment: "
            f"{BUCKET_CREDENTIALS[parts.scheme]}"
        )
    endpoint = options.get("endpoint", "https://")
    return None if endpoint.startswith("https://") else "must have an endpoint that begins with https://"
