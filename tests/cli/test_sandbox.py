"""`seedance-mcp sandbox`: the fake vendors on a port, for this server and for other programs."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from seedance_mcp.vendors import known_vendors
from tests.cli.command import environ, run
from tests.server.mcp_client import ERAS, VENDORS, inspect_video
from tests.server.stdio_client import call, started

pytestmark = pytest.mark.anyio


@contextmanager
def served(folder: Path) -> Generator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Serve the sandbox on a free port; yield the process and the environment that it prints."""
    command = [sys.executable, "-m", "seedance_mcp", "sandbox", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ(folder, sandbox=False), encoding="utf-8"
    ) as process:
        try:
            assert process.stdout
            lines = [process.stdout.readline() for _ in range(2 * len(VENDORS))]
            yield process, dict(re.findall(r"^export (\w+)=(\S+)$", "".join(lines), re.MULTILINE))
        finally:
            process.kill()


@pytest.mark.parametrize("era", ERAS)
async def test_a_server_makes_a_film_over_real_http_with_what_it_prints(tmp_path: Path, era: str) -> None:
    with served(tmp_path) as (_, printed):
        async with started(tmp_path, era, **printed, SEEDANCE_SANDBOX="0", SEEDANCE_POLL_INTERVAL="0.2") as client:
            for vendor in VENDORS:
                model = known_vendors()[vendor].models[0].id
                begun = await call(client, "create_video", prompt="a fox. sandbox: instant, cut-video", model=model)
                done = await call(client, "check_video", job_id=begun["job_id"], wait_seconds=45)
                assert done["state"] == "succeeded"
                assert inspect_video(done["path"]).codec == "h264"


async def test_it_asks_for_a_key_as_the_vendors_do(tmp_path: Path) -> None:
    with served(tmp_path) as (_, printed):
        assert len(printed) == 2 * len(VENDORS)
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.get(printed["SEEDANCE_OPE_BASE_URL"] + "/v1/videos/1")
    assert answer.status_code == 401


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    with served(tmp_path) as (process, _):
        process.send_signal(number)
        _, said = process.communicate(timeout=10)
        assert "Traceback" not in said
        assert process.returncode in {0, 130, -number}


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, "sandbox", "--port", str(port))
    assert done.code == 1
    assert done.err.startswith(f"seedance-mcp: Port {port} cannot be used (")
    assert "Traceback" not in done.err


def test_a_port_that_there_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "sandbox", "--port", "99999")
    assert done.code == 1
    assert done.err.startswith("seedance-mcp: Port 99999 cannot be used (")
