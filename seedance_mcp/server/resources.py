"""Resources: each model's exact schema, and each job's record, for clients that read more than tools tell."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

import mcp_types as types

from seedance_mcp.catalog.schema import exact
from seedance_mcp.errors import InvalidRequest
from seedance_mcp.server import answers

if TYPE_CHECKING:
    from seedance_mcp.jobs.studio import Studio
    from seedance_mcp.settings import Settings

_JSON = "application/json"


def listed(settings: Settings) -> list[types.Resource]:
    """Return the resources worth listing: the index of models. The rest is behind templates."""
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
    ]


async def read(uri: str, settings: Settings, studio: Callable[[], Awaitable[Studio]]) -> str:
    """Return a resource as JSON.

    Raises:
        InvalidRequest, UnknownJob: there is no such resource.
    """
    path = unquote(uri.removeprefix("seedance://")) if uri.startswith("seedance://") else ""
    kind, _, name = path.partition("/")
    if kind == "models" and not name:
        return json.dumps({"models": {m.id: m.summary for m in settings.models}}, ensure_ascii=False)
    if kind == "models":
        model = next((m for m in settings.models if m.id == name), None)
        if model is not None:
            return json.dumps(exact(model), ensure_ascii=False)
    if kind == "videos" and name:
        job = await (await studio()).job(name)
        record = answers.checked(job, saving=True, again_in=None, expires_at=None, keyed=False)
        record["request"] = job.request
        del record["next_step"]
        return json.dumps(record, ensure_ascii=False)
    raise InvalidRequest(
        f"There is no resource {uri[:120]!r}.", next_step="See seedance://models, and list_videos for jobs."
    )
