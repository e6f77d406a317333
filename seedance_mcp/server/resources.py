"""Resources: the exact schema of each model, the record of each job, and saved videos."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

import mcp_types as types
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from seedance_mcp import views
from seedance_mcp.catalog.schema import exact_schema
from seedance_mcp.errors import InvalidRequest, SeedanceError, UnknownJob
from seedance_mcp.server import prompts, video_files
from seedance_mcp.server.bounds import fitted

if TYPE_CHECKING:
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.settings import Settings

_JSON = "application/json"
_NOT_FOUND = -32002
"""The code for an unknown resource before 2026-07-28, which retired it."""
Contents = types.TextResourceContents | types.BlobResourceContents


def listed(settings: Settings) -> list[types.Resource]:
    """Return the resources that are listed: the index of models. The others are templates."""
    count = len(settings.models)
    return [types.Resource(uri="seedance://models", name="models", title=f"The {count} models", mime_type=_JSON)]


def templates() -> list[types.ResourceTemplate]:
    """Return the templates."""
    return [
        types.ResourceTemplate(
            uri_template="seedance://models/{vendor}/{model}",
            name="model",
            title="Exact schema of a model",
            mime_type=_JSON,
        ),
        types.ResourceTemplate(
            uri_template="seedance://videos/{job_id}", name="video", title="Record of a job", mime_type=_JSON
        ),
        types.ResourceTemplate(
            uri_template="seedance://videos/{job_id}/content",
            name="content",
            title="Saved video",
            mime_type=video_files.MIME,
        ),
    ]


def completed(part: str, typed: str, chosen: Mapping[str, str], settings: Settings) -> list[str]:
    """Complete the vendor or the model in the URI of a model's schema; `chosen` are the parts that are there."""
    pairs = [(vendor, name) for vendor, _, name in (m.id.partition("/") for m in settings.models)]
    if part == "vendor":
        values = [vendor for vendor, name in pairs if chosen.get("model") in {None, "", name}]
    else:
        values = [name for vendor, name in pairs if chosen.get("vendor") in {None, "", vendor}]
    return prompts.matching(values, typed)


async def read(uri: str, settings: Settings, service: Callable[[], Awaitable[JobService]]) -> Contents:
    """Return a resource.

    Raises:
        InvalidRequest, UnknownJob: there is no such resource.
    """
    path = unquote(uri.removeprefix("seedance://")) if uri.startswith("seedance://") else ""
    kind, _, name = path.partition("/")
    if kind == "models" and not name:
        return _json(uri, {"models": {m.id: m.summary for m in settings.models}})
    if kind == "models":
        return _json(uri, exact_schema(settings.model(name)))
    job_id, slash, part = name.partition("/")
    if kind == "videos" and job_id and not slash:
        job = await (await service()).get(job_id)
        mark = {"sandbox": True} if settings.sandbox else {}
        return _json(uri, fitted(mark | views.record(job) | {"request": job.request}))
    if kind == "videos" and part == "content":
        content = await video_files.whole(await (await service()).get(job_id))
        return types.BlobResourceContents(uri=uri, mime_type=video_files.MIME, blob=base64.b64encode(content).decode())
    raise InvalidRequest(
        f"There is no resource {uri[:120]!r}.", next_step="See seedance://models, and list_videos for jobs."
    )


def error_code(error: SeedanceError, protocol_version: str) -> int:
    """Return the code of JSON-RPC for an error that `read` has raised."""
    if not isinstance(error, InvalidRequest | UnknownJob):
        return types.INTERNAL_ERROR
    return types.INVALID_PARAMS if protocol_version in MODERN_PROTOCOL_VERSIONS else _NOT_FOUND


def _json(uri: str, value: object) -> Contents:
    return types.TextResourceContents(uri=uri, mime_type=_JSON, text=json.dumps(value, ensure_ascii=False))
