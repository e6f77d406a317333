"""Logs go to standard error, and neither keys nor signed links go with them; nor do a vendor's words go on unwashed."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings

_QUERY = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']+")


class Redaction(logging.Filter):
    """Replaces known key values and the queries of URLs, where signatures are."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._secrets = tuple(s for s in secrets if len(s) > 6)  # noqa: PLR2004  (shorter ones occur by chance)

    def redact(self, text: str) -> str:
        """Return the text without keys and URL queries."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _QUERY.sub(r"\1?***", text)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.redact(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self.redact(record.exc_text or logging.Formatter().formatException(record.exc_info))
        if record.stack_info:
            record.stack_info = self.redact(record.stack_info)
        return True


def log_to_stderr(settings: Settings) -> None:
    """Send our log to standard error at the level of SEEDANCE_LOG, redacted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(Redaction(tuple(key.get_secret_value() for key in settings.keys.values())))
    logging.basicConfig(level=settings.log.upper(), handlers=[handler], force=True)
    # The HTTP client logs full URLs, signatures included, at INFO.
    for name in ("httpx2", "httpcore2", "mcp"):
        logging.getLogger(name).setLevel(logging.WARNING)


_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]+"
)


def clean(text: str) -> str:
    """Make a vendor's words safe to show: no control, bidirectional, zero-width or tag characters, at most 500 long."""
    seen = _UNSEEN.sub(" ", text).strip()
    return seen if len(seen) <= 500 else seen[:499] + "…"  # noqa: PLR2004
