"""Runs a program that is an agent: with the scripted model, and a sandbox server as `seedance-mcp`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.clients import scripted_model, wire
from tests.clients.scripted_model import Conversation

ROOT = Path(__file__).resolve().parents[2]
SNIPPETS = ROOT / "docs" / "frameworks.md"
LONGEST = 240
"""Seconds that an agent may take; most of them are imports."""


@dataclass(frozen=True)
class Run:
    """What became of one agent."""

    code: int | None
    """The exit code; None where it took too long."""
    stdout: str
    stderr: str
    conversation: Conversation
    revision: str
    """The protocol revision that it spoke with the server."""
    spent: bool
    """Whether a video was created and saved."""

    @property
    def problem(self) -> str:
        """What went wrong, in a line; empty where the model got its video and the user was told."""
        if self.conversation.problems:
            return self.conversation.problems[0]
        if self.code is None:
            return f"took longer than {LONGEST} s"
        if self.code or not self.spent or ".mp4" not in self.stdout:
            lines = [line.strip(" |+-") for line in (self.stderr + "\n" + self.stdout).splitlines()]
            said = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)] or list(filter(None, lines))
            return (said or [f"exit code {self.code}"])[-1][:160]
        return ""


def snippets() -> dict[str, str]:
    """Return the programs in docs/frameworks.md, by heading."""
    found = re.findall(r"^## ([^\n]+)\n.*?```python\n(.*?)```", SNIPPETS.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return dict(found)


def run(folder: Path, command: Sequence[str], environ: Mapping[str, str]) -> Run:
    """Run an agent in an empty folder; `environ` is added to what it needs to find the model and the server."""
    own = {
        "SEEDANCE_SANDBOX": "1",
        "SEEDANCE_STATE_DIR": str(folder / "state"),
        "SEEDANCE_OUTPUT_DIR": str(folder / "videos"),
        "PYTHONPATH": str(ROOT),
    }
    record = wire.install(folder, [sys.executable, "-m", "seedance_mcp"], own)
    with scripted_model.serving() as (address, conversation):
        whole = {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder), "TERM": "dumb", "NO_COLOR": "1"}
        whole |= scripted_model.environ(address) | {
            name: value.replace("{model}", address).replace("{folder}", str(folder)) for name, value in environ.items()
        }
        parts = [part.replace("{model}", address).replace("{folder}", str(folder)) for part in command]
        for path in folder.rglob("*"):  # settings of a program that hold the address of the model
            if path.suffix in {".json", ".toml"} and path.is_file():
                path.write_text(path.read_text("utf-8").replace("{model}", address).replace("{folder}", str(folder)))
        try:
            done = subprocess.run(
                parts, cwd=folder, env=whole, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                errors="replace", timeout=LONGEST, check=False,
            )  # fmt: skip
            code, stdout, stderr = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as error:
            code, stdout, stderr = None, str(error.stdout or ""), str(error.stderr or "")
    videos = list((folder / "videos").glob("*.mp4"))
    return Run(code, stdout, stderr, conversation, wire.revision(record), len(videos) == 1)
