"""The player without a browser: its page, its policy, and the tool that only it calls."""

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

SHOWS: dict[str, Any] = {"extensions": [advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})]}
"""A client that shows views."""
LARGEST_PAGE = 40_000


async def tools_of(session: Session) -> dict[str, types.Tool]:
    return {tool.name: tool for tool in (await session.client.list_tools()).tools}


async def read(session: Session, **arguments: Any) -> dict[str, Any]:
    return (await session.call("read_video", **arguments)).fields


# -- what is told of it -------------------------------------------------------------------------------------------


async def test_a_client_that_shows_views_is_told_of_everything(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, client=SHOWS) as session:
        tools = await tools_of(session)
        resources = {str(r.uri): r for r in (await session.client.list_resources()).resources}
        offered = session.app.server.create_initialization_options().capabilities
    assert (tools["read_video"].meta or {})["ui"] == {"visibility": ["app"]}
    assert resources[URI].mime_type == APP_MIME_TYPE
    assert (offered.extensions or {})[EXTENSION_ID] == {}


async def test_the_tool_is_kept_from_every_other_client(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        assert "read_video" not in await tools_of(session)
        assert URI not in {str(r.uri) for r in (await session.client.list_resources()).resources}


async def test_a_client_that_shows_other_views_is_one_of_them(tmp_path: Path, era: str) -> None:
    other = {"extensions": [advertise(EXTENSION_ID, {"mimeTypes": ["text/uri-list"]})]}
    async with connected(tmp_path, era, client=other) as session:
        assert "read_video" not in await tools_of(session)


async def test_the_tools_that_it_is_bound_to(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        bound = {name for name, tool in (await tools_of(session)).items() if tool.meta and tool.meta["ui"]}
        assert bound == {"create_video", "check_video"}
        (contents,) = (await session.client.read_resource(URI)).contents
    assert isinstance(contents, types.TextResourceContents)
    assert contents.mime_type == APP_MIME_TYPE
    assert contents.text.startswith("<!doctype html>")
    assert (contents.meta or {})["ui"] == {
        "csp": {"connectDomains": [], "resourceDomains": []},
        "prefersBorder": True,
    }


# -- where it may load from ---------------------------------------------------------------------------------------

KEYS = {f"SEEDANCE_{name}_API_KEY": "key" for name in ("OPE", "SEEDANCEAPI", "JIMMYAI", "TWELVEAI", "AIGPTIMAGE")}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, []),
        ({"SEEDANCE_SANDBOX": "1"}, []),
        ({"SEEDANCE_OPE_API_KEY": "key"}, []),  # its films need the key, which no page gets
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
        # What is no plain origin would end the policy and begin another directive.
        (
            {"SEEDANCE_SEEDANCEAPI_API_KEY": "key", "SEEDANCE_SEEDANCEAPI_BASE_URL": "https://a.example; script-src *"},
            [],
        ),
    ],
    ids=str,
)
def test_where_it_may_load_films_from(environment: dict[str, str], expected: list[str]) -> None:
    settings = load(environment)
    assert origins(settings) == expected
    shown = view(settings)
    assert (shown.meta or {})["ui"]["csp"] == {"connectDomains": [], "resourceDomains": expected}
    assert f'<meta name="video-origins" content="{" ".join(expected)}">' in shown.text


# -- the page -----------------------------------------------------------------------------------------------------

VOID = {"meta", "input", "br", "link", "img"}


class Outline(HTMLParser):
    """Reads a page strictly: what is opened is closed, in order, and every id is there once."""

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


def test_the_page_is_whole_and_small() -> None:
    outline = Outline(PAGE)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert len(PAGE.encode()) < LARGEST_PAGE


def test_the_page_needs_nothing_from_elsewhere() -> None:
    assert not re.search(r"[a-z]+://(?!/)", PAGE.replace("file:///", ""))
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|importScripts|sendBeacon)\b", PAGE)
    assert not re.search(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function)\b", PAGE)
    attributes = Outline(PAGE).attributes
    assert not [a for a in attributes if a[1] in {"src", "href", "srcset", "style"} or a[1].startswith("on")]


def test_what_the_script_names_is_on_the_page() -> None:
    outline = Outline(PAGE)
    named = set(re.findall(r'\$\("([a-z-]+)"\)', PAGE)) | set(re.findall(r'setText\("([a-z-]+)"', PAGE))
    assert named <= set(outline.ids)
    pointed = {value for _, name, value in outline.attributes if name in {"for", "aria-controls", "aria-labelledby"}}
    assert pointed <= set(outline.ids)


def test_both_languages_have_the_same_words() -> None:
    english, chinese = re.findall(r"^  (?:en|zh): \{\n(.*?)^  \},", PAGE, re.DOTALL | re.MULTILINE)

    def keys(words: str) -> list[str]:
        bare = re.sub(r'"[^"]*"|`[^`]*`', '""', words)
        return sorted(re.findall(r"(\w+):", bare))

    assert keys(english) == keys(chinese)


# -- its tool -----------------------------------------------------------------------------------------------------


def lengthened(path: Path, by: int) -> bytes:
    with path.open("ab") as file:
        file.write(os.urandom(by))
    return path.read_bytes()


def replace(path: Path, become: str) -> None:
    """Put something else in the place of a film."""
    before = path.read_bytes()
    path.unlink()
    match become:
        case "a link":
            path.with_name("elsewhere.mp4").write_bytes(before)
            path.symlink_to(path.with_name("elsewhere.mp4"))
        case "another film":
            path.write_bytes(before + b"more")
        case "no film":
            path.write_bytes(b"root:x:0" + before[8:])
        case "a folder":
            path.mkdir()
        case "a pipe":
            os.mkfifo(path)
        case _:
            pass


async def test_a_film_in_pieces(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, client=SHOWS) as session:
        made = await session.video(**PRICED)
        path = Path(made["path"])
        whole = lengthened(path, 2 * RANGE)
        await (await session.app.service()).journal.note(made["job_id"], size=len(whole))
        about = await read(session, job_id=made["job_id"])
        said = await session.call("read_video", job_id=made["job_id"], offset=0)
        pieces = [await read(session, job_id=made["job_id"], offset=at) for at in range(0, len(whole), RANGE)]
        limit_problems = await read(session, job_id=made["job_id"], offset=len(whole) + 5)
    assert about == {
        "job_id": made["job_id"],
        "model": PRICED["model"],
        "prompt": "a fox in the snow",
        "expected_seconds": about["expected_seconds"],
        "name": path.name,
        "mime_type": "video/mp4",
        "total": len(whole),
    }
    assert len(pieces) == 3
    assert base64.b64decode("".join(piece["data"] for piece in pieces)) == whole
    assert all(len(piece["data"]) <= 512 * 1024 for piece in pieces)
    assert limit_problems["data"] == ""
    assert len(said.text) < 400, "the words do not repeat the bytes"


async def test_a_job_without_a_film(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job_id = (await session.create("sandbox: slow 40 a fox"))["job_id"]
        about = await read(session, job_id=job_id)
        refused = (await session.call("read_video", job_id=job_id, offset=0)).refusal
    assert about["prompt"] == "sandbox: slow 40 a fox"
    assert about["expected_seconds"] > 0
    assert not {"total", "data", "name"} & about.keys()
    assert "is not saved" in refused


@pytest.mark.parametrize("job_id", ["nosuchjob234", "../../etc/passwd", "/etc/passwd", "%2e%2e"])
async def test_only_jobs_have_films(tmp_path: Path, era: str, job_id: str) -> None:
    async with connected(tmp_path, era) as session:
        assert "There is no job" in (await session.call("read_video", job_id=job_id, offset=0)).refusal


@pytest.mark.parametrize("arguments", [{}, {"job_id": "x", "offset": -1}, {"job_id": "x", "path": "/etc/passwd"}])
async def test_what_it_does_not_take(tmp_path: Path, era: str, arguments: dict[str, Any]) -> None:
    async with connected(tmp_path, era) as session:
        assert "invalid_request: read_film: " in (await session.call("read_video", **arguments)).refusal


@pytest.mark.parametrize("become", ["missing", "a link", "another film", "no film", "a folder", "a pipe"])
async def test_a_file_that_is_not_the_film_any_more(tmp_path: Path, become: str) -> None:
    async with connected(tmp_path, "2026-07-28") as session:
        made = await session.video(**PRICED)
        path = Path(made["path"])
        replace(path, become)
        about = await read(session, job_id=made["job_id"])
        refused = (await session.call("read_video", job_id=made["job_id"], offset=0)).refusal
    assert "total" not in about
    assert f"{path.name} is not where it was saved, or is another file now." in refused


async def test_the_page_is_there_without_a_studio(tmp_path: Path) -> None:
    settings = load({"SEEDANCE_SANDBOX": "1", "SEEDANCE_STATE_DIR": "/proc/nowhere", "HOME": str(tmp_path)})
    async with Client(App(settings).server) as client:
        (contents,) = (await client.read_resource(URI)).contents
    assert contents.mime_type == APP_MIME_TYPE
