"""Uploads files that a vendor cannot accept itself to a bucket of the user's, and signs links to them for a day.

Needs the extra `upload` (obstore). SEEDANCE_UPLOAD_URL never contains credentials: they come from the environment
variables that the provider's own tools use, or from the machine's role.
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

from seedance_mcp.addresses import BUCKET_CREDENTIALS
from seedance_mcp.errors import MissingExtra, SettingError

if TYPE_CHECKING:
    from seedance_mcp.uploads.local_files import LocalFile

LINK_LIFETIME = 24 * 3600
"""Seconds for which a link is signed."""


def installed() -> bool:
    """Whether the extra `upload` is installed."""
    return find_spec("obstore") is not None


@dataclass(frozen=True, slots=True)
class Bucket:
    """The bucket that SEEDANCE_UPLOAD_URL names."""

    url: str

    async def put(self, file: LocalFile, data: bytes) -> str:
        """Upload a file under its digest as the name, and return a signed link to it.

        Raises:
            MissingExtra: the extra `upload` is not installed.
            SettingError: the bucket refuses the file, or its links are not https.
        """
        name = f"{file.sha256}.{file.info.ending}"
        return await to_thread.run_sync(self._put, name, data, file.info.mime, abandon_on_cancel=True)

    def _put(self, name: str, data: bytes, mime: str) -> str:
        try:
            import obstore  # noqa: PLC0415  (only present with the extra)
        except ImportError:
            raise MissingExtra(
                'SEEDANCE_UPLOAD_URL needs the extra "upload".', next_step="Install seedance-mcp[upload]."
            ) from None
        try:
            store: Any = self.open()
            obstore.put(store, name, data, attributes={"Content-Type": mime})
            link: str = obstore.sign(store, "GET", name, timedelta(seconds=LINK_LIFETIME))
        except Exception as error:  # noqa: BLE001  (obstore raises a dozen kinds, and all mean the same here)
            credentials = BUCKET_CREDENTIALS[urlsplit(self.url).scheme]
            raise SettingError(
                f"The bucket in SEEDANCE_UPLOAD_URL did not accept a file ({_reason(error)}).",
                next_step=f"Ask the user to check the bucket and its credentials: {credentials}.",
            ) from None
        if not link.startswith("https://"):
            raise SettingError("The bucket in SEEDANCE_UPLOAD_URL returns links that do not begin with https://.")
        return link

    def open(self) -> object:
        """Return obstore's store for the bucket."""
        from obstore.store import from_url  # noqa: PLC0415  (only present with the extra)

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
    """Describe an error in one line, without URLs, which may be signed."""
    first = re.sub(r"\S+://\S+", "…", str(error).partition("\n")[0])
    return f"{type(error).__name__}: {first[:160]}"
