"""What is listed: it never changes while a server runs, it is one page, and clients may keep it for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from mcp.server.lowlevel import Server
    from mcp_types.methods import CacheableMethod

    Context = ServerRequestContext[Any, Any]

_KEPT = CacheHint(ttl_ms=300_000)
"""Five minutes: the next process may have other settings, and thus other models."""
CACHE_HINTS: dict[CacheableMethod, CacheHint] = {
    "tools/list": _KEPT,
    "prompts/list": _KEPT,
    "resources/list": _KEPT,
    "resources/templates/list": _KEPT,
    "server/discover": _KEPT,
}


def check_cursor(params: types.PaginatedRequestParams | None) -> None:
    """Return if the first page is asked for, which is the only one.

    Raises:
        MCPError: the client sent a cursor, and no list has ever given it one.
    """
    if params is not None and params.cursor:
        raise MCPError(types.INVALID_PARAMS, "Unknown cursor: this list is one page; ask for it without a cursor.")


def install_discovery(server: Server[Any]) -> None:
    """Serve `server/discover` without promising notifications about lists, which the SDK promises to all listeners."""

    async def discover(ctx: Context, _: types.RequestParams) -> types.DiscoverResult:
        offered = server.get_capabilities(protocol_version=ctx.protocol_version)
        for part in (offered.tools, offered.prompts, offered.resources):
            if part is not None:
                part.list_changed = False
        return types.DiscoverResult(
            supported_versions=list(MODERN_PROTOCOL_VERSIONS), capabilities=offered, instructions=server.instructions
        )

    server.add_request_handler("server/discover", types.RequestParams, discover)


def without_lists(params: types.SubscriptionsListenRequestParams) -> types.SubscriptionsListenRequestParams:
    """Return what a client listens to without changes of lists, so that they are not acknowledged either."""
    lists: dict[str, None] = dict.fromkeys(("tools_list_changed", "prompts_list_changed", "resources_list_changed"))
    return params.model_copy(update={"notifications": params.notifications.model_copy(update=lists)})
