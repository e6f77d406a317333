"""An MCP server that makes Seedance videos over five vendors.

Start at `seedance_mcp.server` (what an assistant sees), `seedance_mcp.catalog` (what can be asked
and what it costs), `seedance_mcp.vendors` (how each vendor is asked) and `seedance_mcp.jobs` (the life
of a paid job). docs/design.md draws the way of one request through them.
"""


def version() -> str:
    """Return the version, which is stated once, in pyproject.toml."""
    from importlib.metadata import version as installed  # noqa: PLC0415  (slow, and rarely asked)

    return installed("seedance-mcp")
