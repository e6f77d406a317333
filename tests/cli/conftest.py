"""Fixtures for the tests of commands."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.cli.vendors_over_http import VIDEO, Vendors, vendors_over_http


@pytest.fixture
async def vendors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Vendors]:
    """The sandbox on a port, every video of which is VIDEO."""

    async def video_file(_: object) -> bytes:
        return VIDEO

    monkeypatch.setattr("seedance_mcp.sandbox.videos.render.video_file", video_file)
    async with vendors_over_http(tmp_path) as found:
        yield found
