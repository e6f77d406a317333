"""Audit the program with other people's tools, each from PyPI: bandit, pip-audit, mcp-fuzzer and Cisco's mcp-scanner.

    uv run python scripts/audit.py

Every finding is either fixed, or explained in SECURITY.md by its tool and its name; the exit code is 1 if one is not.
What cannot be had, or could not be audited, is said, and is not counted as passed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 600
"""Seconds that one tool may take."""
_SERVER = ("-m", "seedance_mcp")


class NotAuditedError(Exception):
    """A tool could not be had, or said nothing about the program."""


def run(folder: Path, *command: str) -> str:
    """Run a tool from PyPI on a sandbox server with everything in a folder; return what it prints."""
    env = os.environ | {"NO_COLOR": "1", "SEEDANCE_SANDBOX": "1", "SEEDANCE_SAVE": "off"}
    env |= {"SEEDANCE_STATE_DIR": str(folder / "state"), "SEEDANCE_OUTPUT_DIR": str(folder / "videos")}
    try:
        done = subprocess.run(  # noqa: S603  (the tools of this file, with arguments of this file)
            ["uvx", "--quiet", *command],  # noqa: S607  (uv is what this project is developed with)
            cwd=ROOT, env=env, capture_output=True, encoding="utf-8", timeout=LONGEST, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise NotAuditedError("uvx is not installed") from None
    except subprocess.TimeoutExpired:
        raise NotAuditedError(f"it did not end within {LONGEST} s") from None
    if not done.stdout:
        raise NotAuditedError((done.stderr.strip().splitlines() or ["it printed nothing"])[-1])
    return done.stdout


def parsed(text: str) -> Any:
    """Return the JSON that a tool has printed, behind whatever else."""
    begins = re.search(r"^[\[{]", text, re.MULTILINE)
    try:
        return json.loads(text[begins.start() :] if begins else text)
    except ValueError:
        raise NotAuditedError("what it printed is not JSON") from None


def bandit(folder: Path) -> Iterator[str]:
    """Yield the rules that the code breaks."""
    for found in parsed(run(folder, "bandit", "--quiet", "--recursive", "--format", "json", "seedance_mcp"))["results"]:
        yield found["test_id"]


def pip_audit(folder: Path) -> Iterator[str]:
    """Yield the advisories about the packages of requirements.lock."""
    options = ("--requirement", "requirements.lock", "--no-deps", "--disable-pip", "--format", "json")
    packages = parsed(run(folder, "pip-audit", *options))["dependencies"]
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        raise NotAuditedError("no advisories can be reached from here")
    if len(audited) < len(packages):
        print(f"  only {len(audited)} of {len(packages)} packages were audited")
    for package in audited:
        yield from (advisory["id"] for advisory in package["vulns"])


def mcp_fuzzer(folder: Path) -> Iterator[str]:
    """Yield the categories of what it found on standard input and output."""
    endpoint = " ".join((sys.executable, *_SERVER))
    out = folder / "mcp-fuzzer"
    options = ("--mode", "all", "--phase", "both", "--runs", "10", "--seed", "1", "--no-network")
    run(folder, "mcp-fuzzer", "--protocol", "stdio", "--endpoint", endpoint, *options, "--output-dir", str(out))
    if not (out / "findings.json").exists():
        raise NotAuditedError("it wrote no findings")
    for found in json.loads((out / "findings.json").read_text("utf-8"))["findings"]:
        yield f"{found['category']} ({found['target']})"


def mcp_scanner(folder: Path) -> Iterator[str]:
    """Yield what Cisco's scanner says of each tool; its exit code is always 0, so its JSON is read."""
    arguments = [f"--stdio-arg={argument}" for argument in _SERVER]
    options = ("--analyzers", "yara,schema", "--raw", "stdio", "--stdio-command", sys.executable)
    tools = parsed(run(folder, "--from", "cisco-ai-mcp-scanner", "mcp-scanner", *options, *arguments))
    if not tools or any(tool["status"] != "completed" for tool in tools):
        raise NotAuditedError("it did not scan every tool")
    for tool in tools:
        for name, analysis in tool["findings"].items():
            if analysis["total_findings"]:
                yield f"{name} ({tool['tool_name']})"


TOOLS: dict[str, Callable[[Path], Iterator[str]]] = {
    "bandit": bandit,
    "pip-audit": pip_audit,
    "mcp-fuzzer": mcp_fuzzer,
    "mcp-scanner": mcp_scanner,
}


def explained() -> set[tuple[str, str]]:
    """Return the findings that SECURITY.md explains, as (tool, name)."""
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    rows = re.findall(r"^\| ([\w-]+) \| ([^|]+) \|", text, re.MULTILINE)
    return {(tool, name.strip()) for tool, names in rows if tool in TOOLS for name in names.split(", ")}


def main() -> int:
    """Run every tool and return the exit code."""
    known, failed = explained(), False
    for name, tool in TOOLS.items():
        with tempfile.TemporaryDirectory(prefix="audit-") as folder:
            try:
                found = Counter(tool(Path(folder)))
            except NotAuditedError as error:
                print(f"{name}: NOTHING WAS AUDITED: {error}.", flush=True)
                continue
        new = {finding: count for finding, count in found.items() if (name, finding) not in known}
        failed |= bool(new)
        print(f"{name}: {found.total()} findings, {found.total() - sum(new.values())} of them explained", flush=True)
        for finding, count in new.items():
            print(f"  NOT EXPLAINED: {finding}, {count} times")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
