"""An MCP server that makes Seedance videos at any vendor that sells them.

Start at `seedance_mcp.server` (what an assistant sees), `seedance_mcp.catalog` (what can be requested and what it
costs), `seedance_mcp.vendors` (what each vendor's API expects and answers) and `seedance_mcp.jobs` (the life of a paid
job). docs/design.md follows one request through them.
"""


def version() -> str:
    """Return the version, which is stated once, in pyproject.toml."""
    from importlib.metadata import version as installed  # noqa: PLC0415  (slow, and rarely needed)

    return installed("seedance-mcp")
