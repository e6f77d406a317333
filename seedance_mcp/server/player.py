"""The player: a view that shows a job in the conversation and plays its video, in clients with MCP Apps.

The view is one HTML file at `ui://seedance/player.html`. It may load videos from the configured vendors' hosts and
from nowhere else, and gets everything else by calling tools through the client; only it can call `read_video`.
"""

from __future__ import annotations

import base64
import html
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import mcp_types as types
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID, ResourceCsp, client_supports_apps

from seedance_mcp.catalog import Row, Text, Whole
from seedance_mcp.errors import InvalidRequest
from seedance_mcp.server import video_files
from seedance_mcp.server.tools.tool import NUMBER, OURS, STRING, Call, RichAnswer, Tool, check_args

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.settings import Settings
    from seedance_mcp.views import Fields

EXTENSION = EXTENSION_ID
URI = "ui://seedance/player.html"
READ_VIDEO = "read_video"
RANGE = 3 * 2**17
"""Bytes of a video in one answer: divisible by three, so that the pieces' base64 can be joined, and small enough for
clients that accept at most a megabyte."""
_BYTES = "data"
"""The field with a piece of a video."""

META: dict[str, dict[str, Any]] = {
    "create_video": {"ui": {"resourceUri": URI}},
    "check_video": {"ui": {"resourceUri": URI}},
    READ_VIDEO: {"ui": {"visibility": ["app"]}},
}
"""The `_meta` of the tools that the player belongs to; other clients ignore it."""

_ROWS: dict[str, Row] = {"job_id": Text(OURS, required=True), "offset": Whole(0, None, OURS)}


def is_supported(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Whether the client declares that it shows such views, and hides the player's own tool from the model."""
    return client_supports_apps(ctx)


# -- the view -----------------------------------------------------------------------------------------------------


def origins(settings: Settings) -> list[str]:
    """Return the origins that the view may load videos from: the vendors' video hosts, and the vendors themselves.

    A vendor whose videos need the API key gives no link, and a browser cannot reach the embedded sandbox.
    """
    if settings.sandbox:
        return []
    found = {f"https://{host}" for vendor in settings.vendors for host in vendor.video_hosts}
    found |= {_origin(settings.base_urls[v.slug]) for v in settings.vendors if v.build_download is None}
    return sorted(filter(_PLAIN.fullmatch, found))


_PLAIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d+)?")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{parts.scheme}://" + (f"[{host}]" if ":" in host else host) + (f":{parts.port}" if parts.port else "")


@cache
def _page() -> str:
    return files("seedance_mcp.server").joinpath("player.html").read_text("utf-8")


def listed(settings: Settings) -> types.Resource:
    """Return the view as a resource."""
    return types.Resource(
        uri=URI, name="player", title="Seedance player", mime_type=APP_MIME_TYPE, _meta=_meta(settings)
    )


def view(settings: Settings) -> types.TextResourceContents:
    """Return the view itself. It knows the origins too, so that it does not request what the client would block.

    In the sandbox it says so all the time.
    """
    known = html.escape(" ".join(origins(settings)))
    text = _page().replace('name="video-origins" content=""', f'name="video-origins" content="{known}"')
    if settings.sandbox:
        text = text.replace('name="sandbox" content=""', 'name="sandbox" content="yes"')
    return types.TextResourceContents(uri=URI, mime_type=APP_MIME_TYPE, text=text, _meta=_meta(settings))


def _meta(settings: Settings) -> dict[str, Any]:
    csp = ResourceCsp(connect_domains=[], resource_domains=origins(settings))
    return {"ui": {"csp": csp.model_dump(by_alias=True, exclude_none=True), "prefersBorder": True}}


# -- its tool -----------------------------------------------------------------------------------------------------


def tool() -> Tool:
    """Return the tool that only the view can call."""
    return Tool(
        READ_VIDEO,
        "Read video",
        "For the player: a job's prompt and model and, from offset, a piece of its saved video",
        {
            "type": "object",
            "properties": {"job_id": STRING, "offset": {"type": "integer"}},
            "required": ["job_id"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "job_id": STRING, "model": STRING, "prompt": STRING, "expected_seconds": NUMBER, "name": STRING,
                "mime_type": STRING, "total": NUMBER, "offset": NUMBER, _BYTES: STRING,
            },
            "required": ["job_id"],
            "additionalProperties": False,
        },
        read_video,
        read_only=True,
    )  # fmt: skip


async def read_video(service: JobService, call: Call) -> Fields | RichAnswer:
    """Return a job's prompt and model and the size of its saved video; with an offset, the bytes from there."""
    check_args(_ROWS, call, READ_VIDEO)
    job = await service.get(call.args["job_id"])
    typical = await service.expected_seconds(job.model)
    fields: Fields = {"job_id": job.id, "model": job.model, "prompt": job.prompt, "expected_seconds": round(typical)}
    offset: int | None = call.args.get("offset")
    if job.path is None or job.size is None:
        if offset is None:
            return fields
        raise InvalidRequest(f"The video of job {job.id} is not saved.", next_step="Call check_video.")
    piece = await video_files.piece(job, offset or 0, RANGE)
    if piece is None and offset is not None:
        raise video_files.missing(job)
    if piece is None:
        return fields
    fields |= {"name": Path(job.path).name, "mime_type": video_files.MIME, "total": job.size}
    if offset is None:
        return fields
    return RichAnswer(fields | {"offset": offset}, data={_BYTES: base64.b64encode(piece).decode()})
