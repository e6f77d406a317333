"""Two folders of a user: one that the server may read, and one beside it that it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.mcp_client import ERAS
from tests.uploads.samples import image


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with one image, fox.png."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "fox.png").write_bytes(image())
    return folder


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """An image outside that folder."""
    file = tmp_path / "private" / "secret.png"
    file.parent.mkdir()
    file.write_bytes(image("black"))
    return file
