"""Logging to standard error, without API keys and signed URLs."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING

from seedance_mcp.sanitize import Secrets

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings

_QUERY = re.compile(r"(https?://[^\s?\"']+)\?[^\s\"']+")


class Redaction(logging.Filter):
    """Replaces API keys, and the queries of URLs, because they hold signatures."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._secrets = Secrets(secrets)

    def redact(self, text: str) -> str:
        """Return the text without keys and URL queries."""
        return _QUERY.sub(r"\1?***", self._secrets.remove(text))

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.redact(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self.redact(record.exc_text or logging.Formatter().formatException(record.exc_info))
        if record.stack_info:
            record.stack_info = self.redact(record.stack_info)
        return True


def log_to_stderr(settings: Settings) -> None:
    """Send our log to standard error, at the level of SEEDANCE_LOG and redacted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(Redaction(tuple(key.get_secret_value() for key in settings.keys.values())))
    logging.basicConfig(level=settings.log.upper(), handlers=[handler], force=True)
    # The HTTP client logs full URLs, signatures included, at INFO.
    for name in ("httpx2", "httpcore2", "mcp"):
        logging.getLogger(name).setLevel(logging.WARNING)
