"""Environments for programs of other people, each in a folder of the user's cache, installed from the registries."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import platformdirs

CACHE = Path(os.environ.get("SEEDANCE_CLIENTS") or platformdirs.user_cache_path("seedance-clients"))
_ONE_TRY = {"UV_HTTP_TIMEOUT": "10", "UV_HTTP_RETRIES": "1", "npm_config_fetch_retries": "1"}
"""For uv and npm: a registry that cannot be reached is known to be so soon."""
_BUSY: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
_CALM = ("--no-audit", "--no-fund", "--loglevel=error", "--prefix", ".")


class NotHadError(Exception):
    """A program cannot be had here; says why."""


def with_npm(folder: Path, packages: Sequence[str], seconds: float) -> str:
    """Install npm packages in a folder; return the version of the first one.

    Raises:
        NotHadError: they cannot be had, or not in that time.
    """
    _once(folder, packages, seconds, ["npm", "install", *_CALM, *packages])
    package = folder / "node_modules" / _bare(packages[0]) / "package.json"
    return str(json.loads(package.read_text("utf-8"))["version"])


def with_uv(folder: Path, packages: Sequence[str], seconds: float) -> str:
    """Install Python packages in an environment of their own; return the version of the first one.

    Raises:
        NotHadError: they cannot be had, or not in that time.
    """
    python = str(folder / "bin" / "python")
    if not Path(python).exists():
        _do(["uv", "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)], seconds)
    _once(folder, packages, seconds, ["uv", "pip", "install", "--quiet", "--python", python, *packages])
    version = f"import importlib.metadata as m; print(m.version({_bare(packages[0])!r}))"
    return _do([python, "-c", version], seconds).strip()


def _bare(package: str) -> str:
    return re.split(r"[\[<>=]|(?<=.)@", package)[0]


def _once(folder: Path, packages: Sequence[str], seconds: float, command: Sequence[str]) -> None:
    ready = folder / f"installed-{re.sub(r'[^a-z0-9]+', '-', ' '.join(packages).lower())[:80]}"
    with _BUSY[folder]:  # several clients may share a folder
        if not ready.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _do(command, seconds, folder)
            ready.touch()


def _do(command: Sequence[str], seconds: float, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(  # noqa: S603  (the commands of this file)
            command, cwd=cwd, env=os.environ | _ONE_TRY, capture_output=True, encoding="utf-8", timeout=seconds,
            check=False,
        )  # fmt: skip
    except OSError as error:
        raise NotHadError(f"{command[0]} is not here: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NotHadError(f"{command[0]} took longer than {seconds:.0f} s") from None
    if done.returncode:
        said = [line.strip(" ×╰─▶") for line in (done.stderr or done.stdout).splitlines()]
        raise NotHadError("; ".join(line for line in said if line and "complete log" not in line)[:160])
    return done.stdout
