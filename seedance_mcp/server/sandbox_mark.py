"""What every answer in the sandbox says, so that no sum of play money is taken for a real one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seedance_mcp.server.tools.tool import STRING, RichAnswer, Tool

if TYPE_CHECKING:
    from seedance_mcp.views import Fields

MARK = "no real video, no real money"


def tool(plain: Tool) -> Tool:
    """Return a tool whose answers may have the mark."""
    schema = plain.output_schema
    if schema is None:
        return plain
    return replace(plain, output_schema=schema | {"properties": schema["properties"] | {"sandbox": STRING}})


def answer(plain: Fields | RichAnswer) -> Fields | RichAnswer:
    """Return an answer with the mark."""
    if isinstance(plain, RichAnswer):
        return replace(plain, fields={"sandbox": MARK} | plain.fields)
    return {"sandbox": MARK} | plain
