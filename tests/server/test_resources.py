"""Resources: the index of models, each model's exact schema, and the record of a job."""

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

from tests.server.mcp_client import PRICED, Session, connected

pytestmark = pytest.mark.anyio


async def read(session: Session, uri: str) -> dict[str, Any]:
    (contents,) = (await session.client.read_resource(uri)).contents
    assert isinstance(contents, types.TextResourceContents)
    assert contents.mime_type == "application/json"
    return json.loads(contents.text)


async def test_the_index_is_listed_and_the_rest_is_behind_templates(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        (index,) = (await session.client.list_resources()).resources
        assert (index.uri, index.title) == ("seedance://models", "The 33 models")
        templates = (await session.client.list_resource_templates()).resource_templates
    assert [t.uri_template for t in templates] == [
        "seedance://models/{vendor}/{model}",
        "seedance://videos/{job_id}",
        "seedance://videos/{job_id}/content",
    ]


async def test_the_index_names_every_model(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        assert list((await read(session, "seedance://models"))["models"]) == [m.id for m in session.settings.models]


async def test_every_model_has_its_exact_schema_which_accepts_what_is_accepted(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        for model in session.settings.models:
            schema = await read(session, f"seedance://models/{model.id}")
            jsonschema.Draft202012Validator.check_schema(schema)
            assert schema["title"] == model.id
        schema = await read(session, "seedance://models/seedanceapi/seedance-2-mini")

    def accepts(arguments: dict[str, Any]) -> bool:
        return not list(jsonschema.Draft202012Validator(schema).iter_errors(arguments))  # pyright: ignore[reportUnknownMemberType]

    assert accepts({"prompt": "a fox", "duration": 4, "resolution": "480p"})
    assert not accepts({"prompt": "a fox", "duration": 4, "resolution": "1080p"})
    assert not accepts({"prompt": "a fox like @image1"})


async def test_a_job_has_its_record(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        done = await session.video(**PRICED)
        record = await read(session, f"seedance://videos/{done['job_id']}")
    assert record["state"] == "succeeded"
    assert record["path"] == done["path"]
    assert record["request"]["prompt"] == "a fox in the snow"
    assert record["request"]["aspect_ratio"] == "16:9"


@pytest.mark.parametrize(
    "uri",
    [
        "seedance://models/ope/seedance-9",
        "seedance://models/ope",
        "seedance://videos/nosuchjob",
        "seedance://videos/",
        "seedance://elsewhere",
        "seedance://models/..%2F..%2Fetc%2Fpasswd",
        "file:///etc/passwd",
        "https://example.com/",
    ],
)
async def test_what_is_not_there_is_an_error_of_the_protocol(tmp_path: Path, era: str, uri: str) -> None:
    async with connected(tmp_path, era) as session:
        with pytest.raises(MCPError) as caught:
            await session.client.read_resource(uri)
    assert caught.value.error.code == -32602
    assert "There is no " in caught.value.error.message


# -- films --------------------------------------------------------------------------------------------------------


async def test_a_saved_film_is_linked_with_its_size_and_type_and_not_sent(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job_id = (await session.create(**PRICED))["job_id"]
        await session.finish(job_id)
        said = await session.call("check_video", job_id=job_id)
    text, link = said.result.content
    assert isinstance(text, types.TextContent)
    assert isinstance(link, types.ResourceLink)
    video = Path(said.fields["path"])
    assert (link.uri, link.name, link.mime_type, link.size) == (
        f"seedance://videos/{job_id}/content", video.name, "video/mp4", video.stat().st_size,
    )  # fmt: skip
    assert len(said.result.model_dump_json()) < 3000


async def test_before_a_film_is_saved_nothing_is_linked(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_SAVE="off") as session:
        done = await session.create(**PRICED)
        said = await session.call("check_video", job_id=done["job_id"], wait_seconds=20)
    assert [c.type for c in said.result.content] == ["text"]


async def test_the_film_behind_the_link_is_read_when_it_is_asked_for(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        done = await session.video(**PRICED)
        (contents,) = (await session.client.read_resource(f"seedance://videos/{done['job_id']}/content")).contents
    assert isinstance(contents, types.BlobResourceContents)
    assert contents.mime_type == "video/mp4"
    assert base64.b64decode(contents.blob) == Path(done["path"]).read_bytes()


async def test_a_film_that_cannot_be_read_is_refused_with_what_to_do(
    tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tmp_path, era) as session:
        done = await session.video(**PRICED)
        uri = f"seedance://videos/{done['job_id']}/content"
        with monkeypatch.context() as patch:
            patch.setattr("seedance_mcp.server.video_files.WHOLE", 1000)
            with pytest.raises(MCPError, match=re.escape(f"It is at {done['path']}.")):
                await session.client.read_resource(uri)
        Path(done["path"]).write_bytes(b"something else")
        with pytest.raises(MCPError, match="is another file now"):
            await session.client.read_resource(uri)
        running = await session.create("sandbox: slow 60", **PRICED)
        with pytest.raises(MCPError, match="is not saved"):
            await session.client.read_resource(f"seedance://videos/{running['job_id']}/content")
        for unknown in ("seedance://videos/nobody/content", f"seedance://videos/{done['job_id']}/other"):
            with pytest.raises(MCPError):
                await session.client.read_resource(unknown)
