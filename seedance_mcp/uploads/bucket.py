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

from seedance_mcp.addresses import BUCKET_CREDENTIALS
from seedance_mcp.errors import SettingError

if TYPE_CHECKING:
    from seedance_mcp.uploads.local_files import LocalFile

LASTS = 24 * 3600
"""Seconds for which a link is signed."""


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
                next_step=f"Ask the user to check it, and its credentials: {BUCKET_CREDENTIALS[urlsplit(self.url).scheme]}.",
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
