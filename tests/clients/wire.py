"""The server behind a recorder: a command that is `seedance-mcp`, and keeps the lines that both sides send.

python wire.py RECORD COMMAND ...
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, cast


def main(record: str, *command: str) -> int:
    """Run the server between standard input and output."""
    with Path(record).open("a", encoding="utf-8") as log:
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert server.stdin
        assert server.stdout
        back = threading.Thread(target=_copy, args=("server", server.stdout, sys.stdout.buffer, log), daemon=True)
        back.start()
        _copy("client", sys.stdin.buffer, server.stdin, log)
        server.stdin.close()
        code = server.wait(20)
        back.join(5)
    return code


def _copy(side: str, source: IO[bytes], target: IO[bytes], log: IO[str]) -> None:
    for line in source:
        log.write(json.dumps([side, line.decode("utf-8", "replace")]) + "\n")
        log.flush()
        target.write(line)
        target.flush()


def install(folder: Path, server: list[str], environ: dict[str, str]) -> Path:
    """Write a command `seedance-mcp` into a folder that goes into PATH; return where it keeps what is sent."""
    record = folder / "wire.jsonl"
    variables = " ".join(f"{name}='{value}'" for name, value in environ.items())
    command = " ".join(f"'{part}'" for part in (sys.executable, __file__, str(record), *server))
    script = folder / "seedance-mcp"
    script.write_text(f'#!/bin/sh\nexec env {variables} {command} "$@"\n')
    script.chmod(0o700)
    return record


def revision(record: Path) -> str:
    """Return the protocol revision that was spoken; of several, in the order in which they were."""
    found: list[str] = []
    for line in record.read_text(encoding="utf-8").splitlines() if record.exists() else []:
        side, text = json.loads(line)
        message: Any = json.loads(text) if text.startswith("{") else {}
        if side == "server":
            named = _inner(_inner(message, "result"), "protocolVersion")
        else:
            meta = _inner(_inner(message, "params"), "_meta")
            named = _inner(meta, "io.modelcontextprotocol/protocolVersion")
        if named and named not in found:
            found.append(named)
    return ", ".join(found)


def _inner(value: Any, name: str) -> Any:
    return cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None


if __name__ == "__main__":
    try:
        code = main(*sys.argv[1:])
    except BrokenPipeError:
        code = 0
    os._exit(code)
