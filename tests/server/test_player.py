"""The player without a browser: its page, its content policy, and the tool that only it calls."""

from __future__ import annotations

import base64
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp.client import Client
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID

from seedance_mcp.server.app import App
from seedance_mcp.server.player import RANGE, URI, origins, view
from seedance_mcp.settings import load
from tests.server.mcp_client import PRICED, Session, connected

pytestmark = pytest.mark.anyio

SHOWS_VIEWS: dict[str, Any] = {"extensions": [advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})]}
"""A client that shows views."""
LARGEST_PAGE = 40_000


async def listed(session: Session) -> dict[str, types.Tool]:
    return {tool.name: tool for tool in (await session.client.list_tools()).tools}


async def read(session: Session, **arguments: Any) -> dict[str, Any]:
    fields = (await session.call("read_video", **arguments)).fields
    assert fields.pop("sandbox")
    return fields


# -- what clients see ---------------------------------------------------------------------------------------------


async def test_a_client_that_shows_views_sees_the_view_and_its_tool(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, client=SHOWS_VIEWS) as session:
        tools = await listed(session)
        resources = {str(r.uri): r for r in (await session.client.list_resources()).resources}
        capabilities = session.app.server.create_initialization_options().capabilities
    assert (tools["read_video"].meta or {})["ui"] == {"visibility": ["app"]}
    assert resources[URI].mime_type == APP_MIME_TYPE
    assert (capabilities.extensions or {})[EXTENSION_ID] == {}


async def test_other_clients_see_neither_the_view_nor_its_tool(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        assert "read_video" not in await listed(session)
        assert URI not in {str(r.uri) for r in (await session.client.list_resources()).resources}


async def test_a_client_that_shows_only_other_views_does_not_see_the_tool(tmp_path: Path, era: str) -> None:
    other = {"extensions": [advertise(EXTENSION_ID, {"mimeTypes": ["text/uri-list"]})]}
    async with connected(tmp_path, era, client=other) as session:
        assert "read_video" not in await listed(session)


async def test_create_video_and_check_video_are_bound_to_the_view(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        bound = {name for name, tool in (await listed(session)).items() if tool.meta and tool.meta["ui"]}
        assert bound == {"create_video", "check_video"}
        (contents,) = (await session.client.read_resource(URI)).contents
    assert isinstance(contents, types.TextResourceContents)
    assert contents.mime_type == APP_MIME_TYPE
    assert contents.text.startswith("<!doctype html>")
    assert (contents.meta or {})["ui"] == {
        "csp": {"connectDomains": [], "resourceDomains": []},
        "prefersBorder": True,
    }


# -- the content policy -------------------------------------------------------------------------------------------

KEYS = {f"SEEDANCE_{name}_API_KEY": "key" for name in ("OPE", "SEEDANCEAPI", "JIMMYAI", "TWELVEAI", "AIGPTIMAGE")}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, []),
        ({"SEEDANCE_SANDBOX": "1"}, []),
        ({"SEEDANCE_OPE_API_KEY": "key"}, []),  # its videos need the key, which no page gets
        ({"SEEDANCE_SEEDANCEAPI_API_KEY": "key"}, ["https://seedanceapi.org"]),
        ({"SEEDANCE_JIMMYAI_API_KEY": "key"}, ["https://www.jimmyai.cn"]),
        ({"SEEDANCE_TWELVEAI_API_KEY": "key"}, ["https://cdn.12ai.org", "https://img.12ai.org"]),
        ({"SEEDANCE_AIGPTIMAGE_API_KEY": "key"}, ["https://aigptimage.com"]),
        (
            KEYS,
            [
                "https://aigptimage.com",
                "https://cdn.12ai.org",
                "https://img.12ai.org",
                "https://seedanceapi.org",
                "https://www.jimmyai.cn",
            ],
        ),
        (
            {"SEEDANCE_SEEDANCEAPI_API_KEY": "key", "SEEDANCE_SEEDANCEAPI_BASE_URL": "http://127.0.0.1:8123/v2"},
            ["http://127.0.0.1:8123"],
        ),
        (
            {"SEEDANCE_SEEDANCEAPI_API_KEY": "key", "SEEDANCE_SEEDANCEAPI_BASE_URL": "http://[::1]:8123/v2"},
            ["http://[::1]:8123"],
        ),
        # This would end the directive and begin another one.
        (
            {"SEEDANCE_SEEDANCEAPI_API_KEY": "key", "SEEDANCE_SEEDANCEAPI_BASE_URL": "https://a.example;script-src"},
            [],
        ),
    ],
    ids=str,
)
def test_the_view_loads_videos_from_the_configured_vendors_only(
    environment: dict[str, str], expected: list[str]
) -> None:
    settings = load(environment)
    assert origins(settings) == expected
    page = view(settings)
    assert (page.meta or {})["ui"]["csp"] == {"connectDomains": [], "resourceDomains": expected}
    assert f'<meta name="video-origins" content="{" ".join(expected)}">' in page.text


# -- the page -----------------------------------------------------------------------------------------------------

VOID = {"meta", "input", "br", "link", "img"}


class Outline(HTMLParser):
    """Reads a page strictly: elements must be closed in order. Collects ids and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag


PAGE = view(load({})).text


def test_the_page_is_well_formed_and_small() -> None:
    outline = Outline(PAGE)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert len(PAGE.encode()) < LARGEST_PAGE


def test_the_page_loads_nothing_and_inserts_no_html() -> None:
    assert not re.search(r"[a-z]+://(?!/)", PAGE.replace("file:///", ""))
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|importScripts|sendBeacon)\b", PAGE)
    assert not re.search(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function)\b", PAGE)
    attributes = Outline(PAGE).attributes
    assert not [a for a in attributes if a[1] in {"src", "href", "srcset", "style"} or a[1].startswith("on")]


def test_every_element_that_the_script_names_is_on_the_page() -> None:
    outline = Outline(PAGE)
    named = set(re.findall(r'\$\("([a-z-]+)"\)', PAGE)) | set(re.findall(r'setText\("([a-z-]+)"', PAGE))
    assert named <= set(outline.ids)
    referenced = {value for _, name, value in outline.attributes if name in {"for", "aria-controls", "aria-labelledby"}}
    assert referenced <= set(outline.ids)


def test_both_languages_have_the_same_texts() -> None:
    english, chinese = re.findall(r"^  (?:en|zh): \{\n(.*?)^  \},", PAGE, re.DOTALL | re.MULTILINE)

    def keys(texts: str) -> list[str]:
        without_values = re.sub(r'"[^"]*"|`[^`]*`', '""', texts)
        return sorted(re.findall(r"(\w+):", without_values))

    assert keys(english) == keys(chinese)


# -- its tool -----------------------------------------------------------------------------------------------------


def lengthen(path: Path, by: int) -> bytes:
    """Append random bytes to a file; return its whole content."""
    with path.open("ab") as file:
        file.write(os.urandom(by))
    return path.read_bytes()


def replace(path: Path, by: str) -> None:
    """Put something else in the place of a video."""
    content = path.read_bytes()
    path.unlink()
    match by:
        case "a link":
            path.with_name("elsewhere.mp4").write_bytes(content)
            path.symlink_to(path.with_name("elsewhere.mp4"))
        case "another video":
            path.write_bytes(content + b"more")
        case "another file":
            path.write_bytes(b"root:x:0" + content[8:])
        case "a folder":
            path.mkdir()
        case "a pipe":
            os.mkfifo(path)
        case _:
            pass


async def test_a_saved_video_is_read_piece_by_piece(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, client=SHOWS_VIEWS) as session:
        video = await session.video(**PRICED)
        path = Path(video["path"])
        whole = lengthen(path, 2 * RANGE)
        with session.journal() as journal:
            await journal.note(video["job_id"], size=len(whole))
        about = await read(session, job_id=video["job_id"])
        first = await session.call("read_video", job_id=video["job_id"], offset=0)
        pieces = [await read(session, job_id=video["job_id"], offset=at) for at in range(0, len(whole), RANGE)]
        beyond_the_end = await read(session, job_id=video["job_id"], offset=len(whole) + 5)
    assert about == {
        "job_id": video["job_id"],
        "model": PRICED["model"],
        "prompt": "a fox in the snow",
        "expected_seconds": 95,
        "name": path.name,
        "mime_type": "video/mp4",
        "total": len(whole),
    }
    assert len(pieces) == 3
    assert base64.b64decode("".join(piece["data"] for piece in pieces)) == whole
    assert all(len(piece["data"]) <= 512 * 1024 for piece in pieces)
    assert beyond_the_end["data"] == ""
    assert len(first.text) < 400, "the text must not repeat the bytes"


async def test_a_job_without_a_saved_video_has_only_its_prompt_and_model(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job_id = (await session.create("sandbox: slow 40 a fox"))["job_id"]
        about = await read(session, job_id=job_id)
        refusal = (await session.call("read_video", job_id=job_id, offset=0)).refusal
    assert about["prompt"] == "sandbox: slow 40 a fox"
    assert about["expected_seconds"] > 0
    assert not {"total", "data", "name"} & about.keys()
    assert "is not saved. Call check_video." in refusal


@pytest.mark.parametrize("job_id", ["nosuchjob234", "../../etc/passwd", "/etc/passwd", "%2e%2e"])
async def test_only_videos_of_jobs_can_be_read(tmp_path: Path, era: str, job_id: str) -> None:
    async with connected(tmp_path, era) as session:
        assert "There is no job" in (await session.call("read_video", job_id=job_id, offset=0)).refusal


@pytest.mark.parametrize("arguments", [{}, {"job_id": "x", "offset": -1}, {"job_id": "x", "path": "/etc/passwd"}])
async def test_invalid_arguments_are_refused(tmp_path: Path, era: str, arguments: dict[str, Any]) -> None:
    async with connected(tmp_path, era) as session:
        assert "invalid_request: read_video: " in (await session.call("read_video", **arguments)).refusal


@pytest.mark.parametrize("by", ["nothing", "a link", "another video", "another file", "a folder", "a pipe"])
async def test_a_file_that_has_replaced_the_video_is_not_read(tmp_path: Path, by: str) -> None:
    async with connected(tmp_path, "2026-07-28") as session:
        video = await session.video(**PRICED)
        path = Path(video["path"])
        replace(path, by)
        about = await read(session, job_id=video["job_id"])
        refusal = (await session.call("read_video", job_id=video["job_id"], offset=0)).refusal
    assert "total" not in about
    assert f"{path.name} is not where it was saved, or is another file now." in refusal


async def test_the_page_can_be_read_where_the_job_service_cannot_be_opened(tmp_path: Path) -> None:
    settings = load({"SEEDANCE_SANDBOX": "1", "SEEDANCE_STATE_DIR": "/proc/nowhere", "HOME": str(tmp_path)})
    async with Client(App(settings).server) as client:
        (contents,) = (await client.read_resource(URI)).contents
    assert contents.mime_type == APP_MIME_TYPE
