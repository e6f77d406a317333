"""What single clients do differently, by the name that they give themselves; found by running them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp_types.version import MODERN_PROTOCOL_VERSIONS

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

ADDED_ARGUMENTS = frozenset({"wait_for_previous"})
"""Arguments that clients add to every tool's schema and send: Gemini CLI 0.61 orders its own calls with this one."""
_TAKES_LINKS = frozenset({"claude-code"})
"""Clients that accept a resource_link in an answer.

LangChain's classes for OpenAI and Gemini, AutoGen and Semantic Kernel raise an error at one, so nobody else gets it.
"""
_HIDES_IMAGES = frozenset({"claude-code", "codex-mcp-client"})
"""Clients that show a model the structured content instead of everything else, an image included."""


def takes_links(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Whether an answer to this client may contain a resource_link."""
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS and name(ctx) in _TAKES_LINKS


def hides_images(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Whether structured content would hide an image from this client's model."""
    return name(ctx) in _HIDES_IMAGES


def name(ctx: ServerRequestContext[Any, Any]) -> str:
    """Return the name that a client gives itself, in lower case."""
    params = ctx.session.client_params
    return params.client_info.name.casefold() if params else ""
