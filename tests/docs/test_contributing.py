"""The vendor of CONTRIBUTING.md works unchanged: it meets the contract, and a server makes a video with it."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.client import Client

from seedance_mcp.testing.contract import CHECKS
from seedance_mcp.vendors import Vendor

PAGE = (Path(__file__).parent.parent.parent / "CONTRIBUTING.md").read_text("utf-8")
CODE, CONTRACT, _FAKE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(TOML,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
ANSWERS = dict(re.findall(r"^`(\w+\.json)`\n\n```json\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))
VIDEO = files("seedance_mcp.sandbox").joinpath("videos/fallback.mp4").read_bytes()
KEY = "toy-key-for-tests"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Install the toy as a package: its module, and the entry point that the page declares."""
    folder = tmp_path / "site"
    metadata = folder / "toy_vendor-1.dist-info"
    metadata.mkdir(parents=True)
    (folder / "toy_vendor.py").write_text(CODE, "utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-vendor\nVersion: 1\n", "utf-8")
    ((group, names),) = tomllib.loads(TOML)["project"]["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {target}" for name, target in names.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines), "utf-8")
    return folder


@pytest.fixture
def toy(site: Path) -> Vendor:
    spec = importlib.util.spec_from_file_location("toy_vendor", site / "toy_vendor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.VENDOR


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    folder = tmp_path / "answers"
    folder.mkdir()
    for name, text in ANSWERS.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_toy_meets_the_contract(toy: Vendor, answers: Path, check: Callable[[Vendor, Path], None]) -> None:
    check(toy, answers)


def test_the_page_shows_how_a_package_holds_itself_to_the_contract(site: Path, answers: Path) -> None:
    (site / "test_toy.py").write_text(CONTRACT, "utf-8")
    answers.rename(site / "answers")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(site), "test_toy.py"],
        cwd=site,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(CHECKS)} passed" in run.stdout


class ToyServer(ThreadingHTTPServer):
    """Toy's API on loopback: a job is done at the second poll."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ToyHandler)
        self.seen: list[tuple[str, str, str | None]] = []
        self.bodies: list[dict[str, Any]] = []

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class ToyHandler(BaseHTTPRequestHandler):
    server: ToyServer  # pyright: ignore[reportIncompatibleVariableOverride]  (the base class has any server)

    def do_POST(self) -> None:
        self._record()
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self._reply({"id": "t/1"})

    def do_GET(self) -> None:
        self._record()
        if self.path == "/files/t1.mp4":
            self._send("video/mp4", VIDEO)
        elif sum(path == self.path for _, path, _ in self.server.seen) == 1:
            self._reply({"status": "a status that the page does not document"})
        else:
            self._reply({"status": "done", "url": f"{self.server.origin}/files/t1.mp4"})

    def _record(self) -> None:
        self.server.seen.append((self.command, self.path, self.headers["authorization"]))

    def _reply(self, body: dict[str, Any]) -> None:
        self._send("application/json", json.dumps(body).encode())

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name of the base class)
        """Log nothing."""


@pytest.fixture
def server() -> Iterator[ToyServer]:
    with ToyServer() as toy:
        thread = threading.Thread(target=toy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield toy
        toy.shutdown()
        thread.join()


def saved_file(done: dict[str, Any]) -> bytes:
    return Path(done["path"]).read_bytes()


@pytest.mark.anyio
async def test_a_server_makes_a_video_with_the_toy(site: Path, server: ToyServer, tmp_path: Path) -> None:
    environment = {
        "PYTHONPATH": str(site),
        "SEEDANCE_TOY_API_KEY": KEY,
        "SEEDANCE_TOY_BASE_URL": server.origin,
        "SEEDANCE_STATE_DIR": str(tmp_path / "state"),
        "SEEDANCE_OUTPUT_DIR": str(tmp_path / "videos"),
        "SEEDANCE_POLL_INTERVAL": "0.1",
        "SEEDANCE_DAILY_BUDGET": "0.30",
    }
    program = StdioServerParameters(command=sys.executable, args=["-m", "seedance_mcp"], env=environment)
    async with Client(program) as client:

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            result = await client.call_tool(tool, arguments)
            assert result.structured_content is not None, result.content
            return result.structured_content

        models = (await call("list_models"))["models"]
        assert list(models) == ["toy/short-1"]
        assert "$0.25" in models["toy/short-1"]
        refused = await client.call_tool("create_video", {"prompt": "A red kite", "duration": 9, "seed": 1})
        assert refused.is_error
        made = await call("create_video", prompt="A red kite")
        assert made["cost"]["usd"] == 0.25
        done = await call("check_video", job_id=made["job_id"], wait_seconds=20)
        assert done["state"] == "succeeded", done
        over = await client.call_tool("create_video", {"prompt": "Another kite"})
        assert over.is_error
    assert saved_file(done) == VIDEO
    assert server.bodies == [{"model": "short-1", "prompt": "A red kite", "seconds": 5, "height": "720p"}]
    keys = {path: key for _, path, key in server.seen}
    assert keys == {"/videos": f"Bearer {KEY}", "/videos/t%2F1": f"Bearer {KEY}", "/files/t1.mp4": None}
