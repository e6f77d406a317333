"""A vendor that repeats the API key it was sent does not bring it into answers, the journal or the log."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from seedance_mcp.sandbox import Sandbox
from tests.server.mcp_client import PRICED, connected
from tests.server.transports import EditingTransport, change_data

pytestmark = pytest.mark.anyio

KEY = "sk-live/0123456789abcdef"
FORMS = (KEY, quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode())
KEYS = {"SEEDANCE_SANDBOX": "0", "SEEDANCE_SEEDANCEAPI_API_KEY": KEY, "SEEDANCE_SAVE": "off"}
SAID = "key " + " and ".join(FORMS)


def kept(folder: Path) -> str:
    """Return all that a server has written below a folder."""
    return "\n".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())


def is_clean(text: str) -> bool:
    return not any(form in text for form in FORMS)


async def test_a_key_in_a_refusal_is_removed(tmp_path: Path, era: str, caplog: pytest.LogCaptureFixture) -> None:
    def edit(_: httpx2.Request, body: Any) -> Any:
        return body | {"msg": SAID, "message": SAID, "error": {"message": SAID, "code": KEY}}

    caplog.set_level(logging.DEBUG, "seedance_mcp")
    async with connected(tmp_path, era, transport=EditingTransport(Sandbox(pace=0), edit), **KEYS) as session:
        refusal = await session.refused("a fox. sandbox: refuse invalid_request", **PRICED)
        assert "key *** and *** and ***" in refusal
        assert is_clean(refusal)
    assert is_clean(kept(tmp_path))
    assert is_clean(caplog.text)


async def test_a_key_in_the_link_and_the_status_of_a_video_is_removed(tmp_path: Path, era: str) -> None:
    link = f"https://cdn.example.com/1.mp4?key={quote(KEY, safe='')}"
    edit = change_data(status="completed", video_url=link, results=[link], response=[link], error_message=SAID)
    async with connected(tmp_path, era, transport=EditingTransport(Sandbox(pace=0), edit), **KEYS) as session:
        job = await session.create(**PRICED)
        for tool, arguments in (("check_video", {"job_id": job["job_id"]}), ("list_videos", {})):
            text = (await session.call(tool, **arguments)).text
            assert "https://cdn.example.com/1.mp4?key=***" in text
            assert is_clean(text)
    assert is_clean(kept(tmp_path))


async def test_a_key_in_the_id_of_a_task_is_removed(tmp_path: Path, era: str) -> None:
    transport = EditingTransport(Sandbox(pace=0), change_data(task_id=f"task-{KEY}"))
    async with connected(tmp_path, era, transport=transport, **KEYS) as session:
        job = await session.create(**PRICED)
        assert is_clean((await session.call("check_video", job_id=job["job_id"])).text)
    assert is_clean(kept(tmp_path))
