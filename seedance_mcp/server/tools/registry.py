"""The tools for given settings. Their schemas come from rows: a tool shows what some configured model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp.server.tools import (
    cancel_video,
    check_video,
    create_video,
    join_videos,
    list_models,
    list_videos,
    preview_video,
)

if TYPE_CHECKING:
    from seedance_mcp.media.inspector import Inspector
    from seedance_mcp.server.tools.tool import Tool
    from seedance_mcp.settings import Settings


def tools(settings: Settings, inspector: Inspector) -> dict[str, Tool]:
    """Return the tools for these settings, by name."""
    found = [list_models.tool(settings), create_video.tool(settings), check_video.tool(settings), list_videos.tool()]
    if any(vendor.cancel for vendor in settings.vendors):
        found.append(cancel_video.tool())
    if not inspector.unavailable:
        found += [preview_video.tool(), join_videos.tool()]
    return {tool.name: tool for tool in found}
