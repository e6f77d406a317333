"""The system's video player. It gets the path of a video and nothing else: no shell, and none of our settings."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

_PATIENCE = 3.0
"""Seconds to wait for the exit code of an opener; some run for as long as the video plays."""


def play(video: Path) -> str:
    """Open a saved video; returns why that was not possible, or an empty string."""
    try:
        regular = stat.S_ISREG(video.lstat().st_mode)
    except OSError:
        regular = False
    if not (video.is_absolute() and regular and video.suffix == ".mp4"):
        return "That path is not the video that was saved there, so it was not opened."
    if sys.platform == "win32":
        try:
            os.startfile(video)  # noqa: S606  (the path was checked above)
        except OSError as error:
            return f"Windows could not open it ({error.strerror})."
        return ""
    name = "open" if sys.platform == "darwin" else "xdg-open"
    if sys.platform != "darwin" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "There is no desktop to show it on; the video is at the path above."
    opener = shutil.which(name)
    if opener is None:
        return f"{name} is not installed, so nothing opens it; the video is at the path above."
    return _run(opener, video)


def _run(opener: str, video: Path) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.upper().startswith("SEEDANCE_")}
    nowhere = subprocess.DEVNULL
    try:
        process = subprocess.Popen(  # noqa: S603  (the system's own program, and a path that was checked)
            [opener, str(video)], stdin=nowhere, stdout=nowhere, stderr=nowhere, env=environ, start_new_session=True
        )
        code = process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        return ""
    except OSError as error:
        return f"{opener} could not be started ({error.strerror}); the video is at the path above."
    return f"{opener} could not open it (exit code {code}); the video is at the path above." if code else ""
