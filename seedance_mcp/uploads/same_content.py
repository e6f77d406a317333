"""Finds the local files of an earlier request again, by their content: the journal has neither names nor folders."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from anyio import to_thread

from seedance_mcp.media.sniff import MIME
from seedance_mcp.uploads import local_files
from seedance_mcp.uploads.local_files import LARGEST, UnusableFile
from seedance_mcp.uploads.routes import PURPOSES, allowed_roots

if TYPE_CHECKING:
    from pathlib import Path

    from seedance_mcp.settings import Settings

MOST_FILES = 5000
"""Files that are considered, and MOST_BYTES of them in all: a folder can have any number."""
MOST_BYTES = 10 * LARGEST
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ENDINGS = {f".{ending}" for ending in MIME} | {".jpeg", ".tif", ".tiff", ".m4v", ".m4a", ".wave"}


async def find_again(placeholders: Sequence[str], settings: Settings) -> dict[str, str]:
    """Return the path of a file with the content that each placeholder represents, where there is one.

    Only files that a request may name are considered. A path ends with the review that the placeholder asks for.
    """
    if not placeholders:
        return {}
    return await to_thread.run_sync(_find, placeholders, settings)


def _find(placeholders: Sequence[str], settings: Settings) -> dict[str, str]:
    wanted = {digest[0]: "" for p in placeholders if (digest := _DIGEST.search(p))}
    roots = allowed_roots(settings)
    for path in _files(roots):
        if all(wanted.values()):
            break
        with contextlib.suppress(UnusableFile):
            file = local_files.find(path, roots)
            if file.sha256 in wanted:
                wanted[file.sha256] = path
    found: dict[str, str] = {}
    for placeholder in placeholders:
        digest = _DIGEST.search(placeholder)
        if digest and (path := wanted[digest[0]]):
            purpose = next((p for p in PURPOSES if placeholder.startswith(f"asset://local-{p}-")), "")
            found[placeholder] = f"{path}#{purpose}" if purpose else path
    return found


def _files(roots: Sequence[Path]) -> Iterator[str]:
    """Yield media files below the roots; the newest last frames are among the first."""
    count, size = 0, 0
    for root in reversed(roots):  # the folder of last frames is the last root, and the smallest
        for folder, _, names in os.walk(root):
            for name in sorted(names):
                if os.path.splitext(name)[1].casefold() not in _ENDINGS:  # noqa: PTH122  (a name, not a path)
                    continue
                path = os.path.join(folder, name)  # noqa: PTH118  (os.walk gives text)
                with contextlib.suppress(OSError):
                    size += os.stat(path).st_size  # noqa: PTH116  (as above)
                count += 1
                if count > MOST_FILES or size > MOST_BYTES:
                    return
                yield path
