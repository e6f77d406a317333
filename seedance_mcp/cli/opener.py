"""The system's player for a film. It is handed the film's path and nothing else: no shell, and none of our settings."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

_PATIENCE = 3.0
"""Seconds in which an opener says that it failed; some live for as long as the film is watched."""


def play(video: Path) -> str:
    """Open a saved film; returns why that was not possible, or nothing."""
    try:
        regular = stat.S_ISREG(video.lstat().st_mode)
    except OSError:
        regular = False
    if not (video.is_absolute() and regular and video.suffix == ".mp4"):
        return "That is not the file that was saved there, so it was not opened."
    if sys.platform == "win32":
        try:
            os.startfile(video)  # noqa: S606  (a path that was looked at)
        except OSError as error:
            return f"Windows could not open it ({error.strerror})."
        return ""
    name = "open" if sys.platform == "darwin" else "xdg-open"
    if sys.platform != "darwin" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "There is no desktop here to show it on; the film is at the path above."
    opener = shutil.which(name)
    if opener is None:
        return f"There is no {name} here to open it with; the film is at the path above."
    return _run(opener, video)


def _run(opener: str, video: Path) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.upper().startswith("SEEDANCE_")}
    nowhere = subprocess.DEVNULL
    try:
        process = subprocess.Popen(  # noqa: S603  (a program of the system's, and a path that was looked at)
            [opener, str(video)], stdin=nowhere, stdout=nowhere, stderr=nowhere, env=environ, start_new_session=True
        )
        code = process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        return ""
    except OSError as error:
        return f"{opener} could not be started ({error.strerror}); the film is at the path above."
    return f"{opener} could not open it (exit code {code}); the film is at the path above." if code else ""
