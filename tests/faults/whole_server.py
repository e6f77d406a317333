"""What a child prepares before it runs the whole MCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp import views
from seedance_mcp.jobs.service import JobService
from seedance_mcp.redaction import log_to_stderr
from seedance_mcp.runtime import load_settings
from seedance_mcp.server.tools import create_video
from seedance_mcp.server.tools.tool import Call
from seedance_mcp.settings import Settings
from tests.faults.kill_points import patch

if TYPE_CHECKING:
    from tests.faults.child import Child


def prepare_whole_server(child: Child) -> Settings:
    """Let the point before the answer of create_video be reached, and set up logging; return the settings."""
    create = create_video.create_video

    async def creating(service: JobService, call: Call) -> views.Fields:
        fields = await create(service, call)
        child.killer.reach("reply.before")
        return fields

    patch(create_video, "create_video", creating)
    settings = load_settings()
    log_to_stderr(settings)
    return settings
