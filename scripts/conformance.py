"""Run the official conformance suite, in both eras, against the server of the product over HTTP.

    uv run python scripts/conformance.py

The suite and the node that it needs are installed from npm, below the folder of scripts/clients.py. Scenarios that need
tools made for tests are in tests/clients/conformance-REVISION.yml; the exit code is 1 if another one fails, or if one
of these passes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import platformdirs

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("SEEDANCE_CLIENTS") or platformdirs.user_cache_path("seedance-clients")) / "conformance"
PACKAGES = ("@modelcontextprotocol/conformance@0.2.0-alpha.12", "node@22")
REVISIONS = ("2025-11-25", "2026-07-28")
LONGEST_START, LONGEST = 60, 900


def main() -> int:
    """Run the suite and return the exit code."""
    if not (FOLDER / "node_modules").exists():
        FOLDER.mkdir(parents=True)
        npm = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", ".", *PACKAGES]
        subprocess.run(npm, cwd=FOLDER, check=True)  # noqa: S603  (the packages of this file)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as state:
        env = os.environ | {"SEEDANCE_SANDBOX": "1", "SEEDANCE_STATE_DIR": state, "SEEDANCE_OUTPUT_DIR": state}
        command = [sys.executable, "-m", "tests.clients.conformance_server", str(port)]
        with subprocess.Popen(command, cwd=ROOT, env=env) as server:  # noqa: S603  (our own server)
            try:
                _wait_for(port)
                return max(_run(port, revision) for revision in REVISIONS)
            finally:
                server.terminate()


def _run(port: int, revision: str) -> int:
    modules = FOLDER / "node_modules"
    suite = modules / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    command = [str(modules / ".bin" / "node"), str(suite), "server", "--url", f"http://127.0.0.1:{port}/mcp"]
    command += ["--suite", "all", "--spec-version", revision]
    command += ["--expected-failures", str(ROOT / "tests" / "clients" / f"conformance-{revision}.yml")]
    done = subprocess.run(  # noqa: S603  (the suite)
        command, cwd=FOLDER, capture_output=True, encoding="utf-8", timeout=LONGEST, check=False
    )
    lines = done.stdout.splitlines()
    print(f"== {revision}")
    print("\n".join(line for line in lines if line.startswith(("✓", "✗", "Total"))) or done.stderr)
    print("\n".join(lines[-12:]) if done.returncode else "as expected")
    return done.returncode


def _wait_for(port: int) -> None:
    until = time.monotonic() + LONGEST_START
    while time.monotonic() < until:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    sys.exit("The server did not start.")


if __name__ == "__main__":
    sys.exit(main())
