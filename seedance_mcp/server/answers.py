"""What a tool's answer becomes on the wire: a text, the same as structured content, and what is shown beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mcp_types as types

from seedance_mcp.server import clients, video_files
from seedance_mcp.server.bounds import fitted, fitted_text
from seedance_mcp.server.tools.tool import RichAnswer
from seedance_mcp.views import to_text

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from seedance_mcp.views import Fields


def rendered(answer: Fields | RichAnswer, ctx: ServerRequestContext[Any, Any]) -> types.CallToolResult:
    """Return an answer as this client takes it."""
    rich = answer if isinstance(answer, RichAnswer) else RichAnswer(answer)
    fields = fitted(rich.fields)
    content = [*rich.content]
    if fields:
        content.append(types.TextContent(type="text", text=to_text(fields)))
    if clients.takes_links(ctx) and (link := video_files.link(fields)):
        content.append(link)
    hidden = not fields or (rich.content and clients.hides_images(ctx))
    return types.CallToolResult(content=content, structured_content=None if hidden else fields | dict(rich.data))


def refused(text: str) -> types.CallToolResult:
    """Return a refusal: it has no structured content, because some clients would show only that."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=fitted_text(text))], is_error=True)
