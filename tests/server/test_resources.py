"""Resources: the index of models, each model's exact schema, the record of a job, and saved videos."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from seedance_mcp.errors import InvalidRequest
from seedance_mcp.server.video_files import LARGEST, whole
from tests.server.mcp_client import PRICED, Session, connected

pytestmark = pytest.mark.anyio


async def read(session: Session, uri: str) -> dict[str, Any]:
    (contents,) = (await session.client.read_resource(uri)).contents
    assert isinstance(contents, types.TextResourceContents)
    assert contents.mime_type == "application/json"
    return json.loads(contents.text)


# -- models and jobs ----------------------------------------------------------------------------------------------


async def test_the_index_is_listed_and_everything_else_has_a_template(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        (index,) = (await session.client.list_resources()).resources
        assert (index.uri, index.title) == ("seedance://models", f"The {len(session.settings.models)} models")
        templates = (await session.client.list_resource_templates()).resource_templates
    assert [t.uri_template for t in templates] == [
        "seedance://models/{vendor}/{model}",
        "seedance://videos/{job_id}",
        "seedance://videos/{job_id}/content",
    ]


async def test_the_index_names_every_model(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        assert list((await read(session, "seedance://models"))["models"]) == [m.id for m in session.settings.models]


async def test_the_exact_schema_of_a_model_accepts_what_the_model_does(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        for model in session.settings.models:
            schema = await read(session, f"seedance://models/{model.id}")
            jsonschema.Draft202012Validator.check_schema(schema)
            assert schema["title"] == model.id
        schema = await read(session, "seedance://models/seedanceapi/seedance-2-mini")

    def accepts(arguments: dict[str, Any]) -> bool:
        validator = jsonschema.Draft202012Validator(schema)
        return not list(validator.iter_errors(arguments))  # pyright: ignore[reportUnknownMemberType]  (partly typed)

    assert accepts({"prompt": "a fox", "duration": 4, "resolution": "480p"})
    assert not accepts({"prompt": "a fox", "duration": 4, "resolution": "1080p"})
    assert not accepts({"prompt": "a fox like @image1"})


async def test_the_record_of_a_job_has_its_request(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        video = await session.video(**PRICED)
        record = await read(session, f"seedance://videos/{video['job_id']}")
    assert record["state"] == "succeeded"
    assert record["path"] == video["path"]
    assert record["request"]["prompt"] == "a fox in the snow"
    assert record["request"]["aspect_ratio"] == "16:9"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("seedance://models/ope/seedance-9", "No configured vendor has a model 'ope/seedance-9'."),
        ("seedance://models/ope", "No configured vendor has a model 'ope'."),
        ("seedance://models/..%2F..%2Fetc%2Fpasswd", "No configured vendor has a model '../../etc/passwd'."),
        ("seedance://videos/nosuchjob", "There is no job 'nosuchjob'."),
        ("seedance://videos/", "There is no resource 'seedance://videos/'."),
        ("seedance://elsewhere", "There is no resource 'seedance://elsewhere'."),
        ("file:///etc/passwd", "There is no resource 'file:///etc/passwd'."),
        ("https://example.com/", "There is no resource 'https://example.com/'."),
    ],
)
async def test_an_unknown_resource_is_a_protocol_error(tmp_path: Path, era: str, uri: str, expected: str) -> None:
    async with connected(tmp_path, era) as session:
        with pytest.raises(MCPError) as caught:
            await session.client.read_resource(uri)
    assert caught.value.error.code == (-32002 if era == "legacy" else -32602)
    assert expected in caught.value.error.message


# -- saved videos -------------------------------------------------------------------------------------------------


CLAUDE_CODE = {"client_info": types.Implementation(name="claude-code", version="2.1.330")}


async def test_a_saved_video_is_linked_with_its_size_and_type_instead_of_sent(tmp_path: Path) -> None:
    async with connected(tmp_path, "2026-07-28", client=CLAUDE_CODE) as session:
        job_id = (await session.video(**PRICED))["job_id"]
        answer = await session.call("check_video", job_id=job_id)
    text, link = answer.result.content
    assert isinstance(text, types.TextContent)
    assert isinstance(link, types.ResourceLink)
    video = Path(answer.fields["path"])
    assert (link.uri, link.name, link.mime_type, link.size) == (
        f"seedance://videos/{job_id}/content", video.name, "video/mp4", video.stat().st_size,
    )  # fmt: skip
    assert len(answer.result.model_dump_json()) < 3000


async def test_clients_that_are_not_known_to_accept_links_get_none(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job_id = (await session.video(**PRICED))["job_id"]
        answer = await session.call("check_video", job_id=job_id)
    assert [c.type for c in answer.result.content] == ["text"]
    assert {"path", "size_bytes", "next_step"} <= answer.fields.keys()


async def test_a_video_that_is_not_saved_is_not_linked(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, client=CLAUDE_CODE, SEEDANCE_SAVE="off") as session:
        job = await session.create(**PRICED)
        answer = await session.call("check_video", job_id=job["job_id"], wait_seconds=20)
    assert [c.type for c in answer.result.content] == ["text"]


async def test_the_link_leads_to_the_video(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        video = await session.video(**PRICED)
        (contents,) = (await session.client.read_resource(f"seedance://videos/{video['job_id']}/content")).contents
    assert isinstance(contents, types.BlobResourceContents)
    assert contents.mime_type == "video/mp4"
    assert base64.b64decode(contents.blob) == Path(video["path"]).read_bytes()


async def test_a_video_that_is_too_large_for_one_answer_is_refused_with_its_path(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        video = await session.video(**PRICED)
        with session.journal() as journal:
            await journal.note(video["job_id"], size=LARGEST + 1)
        with pytest.raises(MCPError, match=re.escape(f"too large for one answer. It is at {video['path']}.")):
            await session.client.read_resource(f"seedance://videos/{video['job_id']}/content")


async def test_a_video_of_exactly_the_largest_size_is_sent(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        video = await session.video(**PRICED)
        job = await (await session.app.service()).get(video["job_id"])
    content = Path(video["path"]).read_bytes()
    assert await whole(job, largest=len(content)) == content
    with pytest.raises(InvalidRequest, match="too large"):
        await whole(job, largest=len(content) - 1)


async def test_a_video_that_cannot_be_read_is_refused_with_what_to_do(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        video = await session.video(**PRICED)
        Path(video["path"]).write_bytes(b"something else")
        with pytest.raises(MCPError, match=f"another file now. `seedance-mcp videos save {video['job_id']}` downloads"):
            await session.client.read_resource(f"seedance://videos/{video['job_id']}/content")
        running = await session.create("sandbox: slow 60", **PRICED)
        with pytest.raises(MCPError, match=r"is not saved\. Call check_video\."):
            await session.client.read_resource(f"seedance://videos/{running['job_id']}/content")
        for unknown in ("seedance://videos/nosuchjob/content", f"seedance://videos/{video['job_id']}/other"):
            with pytest.raises(MCPError, match="There is no "):
                await session.client.read_resource(unknown)
