"""`seedance-mcp sandbox`: the fake vendors on a port, for this server and for other programs."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from seedance_mcp.vendors import known_vendors
from tests.about import VENDORS
from tests.cli.command import POSIX, environ, run
from tests.cli.vendors_over_http import connected_over_http
from tests.quick_start.command import quick_command
from tests.server.mcp_client import ERAS, inspect_video

pytestmark = pytest.mark.anyio


@contextmanager
def served(folder: Path) -> Generator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Serve the sandbox on a free port; yield the process and the environment that it prints."""
    command = quick_command("sandbox", "--port", "0")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ(folder, sandbox=False), encoding="utf-8"
    ) as process:
        try:
            assert process.stdout
            lines = [process.stdout.readline() for _ in range(2 * len(known_vendors()) + 1)]
            yield process, dict(re.findall(r"^export (\w+)=(\S+)$", "".join(lines), re.MULTILINE))
        finally:
            process.kill()


@pytest.mark.parametrize("era", ERAS)
async def test_a_server_creates_videos_over_http_with_the_printed_environment(tmp_path: Path, era: str) -> None:
    with served(tmp_path) as (_, printed):
        settings = printed | {"SEEDANCE_POLL_INTERVAL": "0.2"}
        async with connected_over_http(tmp_path, era, **settings) as session:
            for vendor in VENDORS:
                model = known_vendors()[vendor].models[0].id
                created = await session.create("a fox. sandbox: instant, cut-video", model=model, resolution="480p")
                fields = (await session.call("check_video", job_id=created["job_id"], wait_seconds=45)).fields
                assert fields["state"] == "succeeded"
                assert inspect_video(fields["path"]).codec == "h264"


async def test_it_requires_a_key_as_the_vendors_do(tmp_path: Path) -> None:
    with served(tmp_path) as (_, printed):
        assert len(printed) == 2 * len(known_vendors()) + 1
        assert Path(printed["SEEDANCE_STATE_DIR"]).name == "sandbox-server"  # play money never meets a real budget
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.get(printed["SEEDANCE_OPE_BASE_URL"] + "/v1/videos/1")
    assert answer.status_code == 401


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    with served(tmp_path) as (process, _):
        process.send_signal(number)
        _, printed = process.communicate(timeout=10)
        assert "Traceback" not in printed
        assert process.returncode in {0, 130, -number}


def test_a_port_that_is_in_use_is_reported_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(tmp_path, "sandbox", "--port", str(port))
    assert result.code == 1
    assert result.err.startswith(f"seedance-mcp: Port {port} cannot be used (")
    assert "Traceback" not in result.err
