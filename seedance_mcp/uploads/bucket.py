"""A bucket of the user's, for files that a vendor cannot take itself: put there, and given out as a link for a day.

Needs the extra `upload` (obstore). Credentials are never part of SEEDANCE_UPLOAD_URL: they come from the environment
that the provider's own tools use, or from the machine's role.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from anyio import to_thread

from seedance_mcp.errors import SettingError

if TYPE_CHECKING:
    from seedance_mcp.uploads.local_files import LocalFile

LASTS = 24 * 3600
"""Seconds for which a link is signed."""

_OPTIONS = {"s3": {"region", "endpoint", "virtual_hosted_style_request"}, "gs": set[str](), "az": {"account_name"}}
CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (a service account with a key, which signing needs)",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


def problem(url: str) -> str | None:
    """Say what is wrong with a value of SEEDANCE_UPLOAD_URL, without repeating what may be a secret."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        return "is no URL"
    if parts.scheme not in _OPTIONS:
        return "must begin with s3://, gs:// or az://"
    if "@" in parts.netloc or not re.fullmatch(r"[A-Za-z0-9._-]+", parts.netloc) or parts.fragment:
        return f"must name a bucket, such as {parts.scheme}://my-bucket/seedance"
    if unknown := sorted(options.keys() - _OPTIONS[parts.scheme]):
        allowed = ", ".join(sorted(_OPTIONS[parts.scheme])) or "none"
        return (
            f"has the option {unknown[0]!r}, and takes only: {allowed}. Credentials belong into the environment: "
            f"{CREDENTIALS[parts.scheme]}"
        )
    endpoint = options.get("endpoint", "https://")
    return None if endpoint.startswith("https://") else "must have an endpoint that begins with https://"


def installed() -> bool:
    """Whether the extra `upload` is there."""
    return find_spec("obstore") is not None


@dataclass(frozen=True, slots=True)
class Bucket:
    """The bucket that SEEDANCE_UPLOAD_URL names."""

    url: str

    async def put(self, file: LocalFile, data: bytes) -> str:
        """Put a file under the name of its content, and return a link to it.

        Raises:
            SettingError: the extra is missing, or the bucket does not take it.
        """
        name = f"{file.sha256}.{file.facts.ending}"
        return await to_thread.run_sync(self._put, name, data, file.facts.mime, abandon_on_cancel=True)

    def _put(self, name: str, data: bytes, mime: str) -> str:
        try:
            import obstore  # noqa: PLC0415  (only there with the extra)
        except ImportError:
            raise SettingError(
                "SEEDANCE_UPLOAD_URL needs the extra «upload».", next_step="Install seedance-mcp[upload]."
            ) from None
        try:
            store: Any = self.open()
            obstore.put(store, name, data, attributes={"Content-Type": mime})
            link: str = obstore.sign(store, "GET", name, timedelta(seconds=LASTS))
        except Exception as error:  # noqa: BLE001  (a dozen kinds; none of them is ours to tell apart)
            raise SettingError(
                f"The bucket of SEEDANCE_UPLOAD_URL did not take a file ({_reason(error)}).",
                next_step=f"Ask the user to check it, and its credentials: {CREDENTIALS[urlsplit(self.url).scheme]}.",
            ) from None
        if not link.startswith("https://"):
            raise SettingError("The bucket of SEEDANCE_UPLOAD_URL gives links that are not https.")
        return link

    def open(self) -> object:
        """Return the store of obstore."""
        from obstore.store import from_url  # noqa: PLC0415

        parts = urlsplit(self.url)
        config: Any = dict(parse_qsl(parts.query))
        make: Callable[..., object] = from_url
        plain = parts._replace(query="").geturl()
        return make(
            plain,
            config=config,
            client_options={"timeout": "300s", "connect_timeout": "10s"},
            retry_config={"max_retries": 3},
        )


def _reason(error: Exception) -> str:
    """Name what happened in a line, without links, which may be signed."""
    first = re.sub(r"\S+://\S+", "…", str(error).partition("\n")[0])
    return f"{type(error).__name__}: {first[:160]}"
