"""Run the official conformance suite against this server over HTTP, in both eras and with its scenarios for tasks.

    uv run python scripts/conformance.py             the product as it is, then with the fixtures that the suite calls
    uv run python scripts/conformance.py NAME URL    another server, such as the everything-server of an SDK

The suite, and the node that it needs, come from npm; without them this is skipped, and says why. The lists in
tests/clients/conformance-*.yml name every check that the product as it is cannot pass, and the fixture that each one
calls. The exit code is 1 if another check fails, if one of these passes, or if the build with the fixtures fails in
anything. The totals are written to docs/clients.md.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.installing import CACHE, NotHadError, with_npm  # noqa: E402  (found by the line above)
from scripts.measured import record  # noqa: E402  (as above)

FOLDER = CACHE / "conformance"
PACKAGES = ("@modelcontextprotocol/conformance@0.2.0-alpha.12", "node@22")
SUITE = Path("node_modules/@modelcontextprotocol/conformance/dist/index.js")
RUNS = ("2025-11-25", "2026-07-28", "tasks")
PRODUCT, FIXTURES, SDK = "seedance-mcp", "seedance-mcp with the suite's fixtures", "everything-server of the Python SDK"
_WORTH_READING = re.compile(r"^(?:✗|.*\b(?:FAILURE|WARNING|[Uu]nexpected|[Ss]tale)\b).*$", re.MULTILINE)
LONGEST_INSTALL, LONGEST_START, LONGEST = 180, 60, 300


def main(arguments: Sequence[str]) -> int:
    """Run the suite and return the exit code."""
    try:
        with_npm(FOLDER, PACKAGES, LONGEST_INSTALL)
    except NotHadError as error:
        print(f"skipped: the conformance suite cannot be had: {error}")
        return 0
    if arguments:
        name, url = arguments
        return _measured(name, url, listed=False)
    with _serving("product") as url:
        product = _measured(PRODUCT, url, listed=True)
    with _serving("fixtures") as url:
        return max(product, _measured(FIXTURES, url, listed=False))


def _measured(name: str, url: str, *, listed: bool) -> int:
    """Run everything against one server, record its totals, and return 1 if something is not as expected."""
    print(f"== {name}", flush=True)
    totals: list[str] = []
    surprises: list[str] = []
    for run in RUNS:
        passed = failed = 0
        for arguments in [["--suite", "all", "--spec-version", run]] if run != "tasks" else _task_scenarios():
            lists = ["--expected-failures", str(ROOT / f"tests/clients/conformance-{run}.yml")] if listed else []
            done = _suite("server", "--url", url, *arguments, *lists)
            found = re.findall(r"(?:Total: |Passed: )(\d+)(?:/\d+| passed), (\d+) failed", done.stdout)
            passed, failed = passed + sum(int(p) for p, _ in found), failed + sum(int(f) for _, f in found)
            if done.returncode or not found:
                surprises += [" ".join(arguments), *_WORTH_READING.findall(done.stdout), done.stderr[-500:]]
        totals.append(f"{passed} of {passed + failed}")
        print(f"{run}: {totals[-1]} checks passed", flush=True)
    print("\n".join(filter(None, surprises)) or "as expected")
    record("conformance", ("Server", "2025-11-25", "2026-07-28", "Tasks"), (PRODUCT, FIXTURES, SDK), {name: totals})
    return int(bool(surprises))


def _task_scenarios() -> list[list[str]]:
    names = re.findall(r"- (tasks-\S+) \[extension\]", _suite("list", "--server").stdout)
    return [["--scenario", name] for name in names]


def _suite(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(FOLDER / "node_modules" / ".bin" / "node"), str(FOLDER / SUITE), *arguments]
    return subprocess.run(  # noqa: S603  (the suite)
        command, cwd=FOLDER, capture_output=True, encoding="utf-8", timeout=LONGEST, check=False
    )


@contextmanager
def _serving(build: str) -> Generator[str]:
    """Serve one build of this server in the sandbox; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as state:
        own = {"SEEDANCE_SANDBOX": "1", "SEEDANCE_STATE_DIR": state, "SEEDANCE_OUTPUT_DIR": state}
        own |= {"SEEDANCE_CONFIRM_ABOVE": "0"} if build == "fixtures" else {}
        env = {name: value for name, value in os.environ.items() if not name.startswith("SEEDANCE_")} | own
        command = [sys.executable, "-W", "ignore", "-m", "tests.clients.conformance_server", str(port), build]
        with subprocess.Popen(command, cwd=ROOT, env=env) as server:  # noqa: S603  (our own server)
            try:
                _wait_for(port)
                yield f"http://127.0.0.1:{port}/mcp"
            finally:
                server.terminate()


def _wait_for(port: int) -> None:
    until = time.monotonic() + LONGEST_START
    while time.monotonic() < until:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    sys.exit("The server did not start.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
