"""A folder in memory for what tests write: none of them needs a real disk, and hundreds wait for one in vain."""

from __future__ import annotations

import os
import shutil

_MEMORY = "/dev/shm"  # noqa: S108  (only what tempfile and pytest make in it is used)
_ROOM = 4 * 1024**3
"""Bytes that must be free; containers often have a few MB."""


def quick_folder() -> str | None:
    """Return a folder in memory, or None where there is none with enough room."""
    if not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _ROOM:
        return None
    return _MEMORY
