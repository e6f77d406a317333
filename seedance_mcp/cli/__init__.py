"""The command line. Each command imports what it needs, so that --help and --version cost nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from seedance_mcp.cli import output
from seedance_mcp.cli.parser import parser

_WHAT_IT_IS = """\
seedance-mcp is an MCP server: a program like Claude starts it and talks to it over standard input and output.

  seedance-mcp demo             create a video now, without a key
  seedance-mcp config CLIENT    how to add it to Claude Code, Claude Desktop, Cursor, VS Code or Codex
  seedance-mcp doctor           check what is configured and whether it works
  seedance-mcp --help           everything else
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed, 2 wrong usage; `create --help` names two more."""
    output.prepare_streams()
    try:
        try:
            return _main(argv)
        finally:
            output.flush()
    except BrokenPipeError:  # whatever read our output has seen enough
        output.abandon()
        return 0
    except BaseExceptionGroup as group:
        if group.split(BrokenPipeError)[1] is not None:
            raise
        output.abandon()
        return 0


def _main(argv: Sequence[str] | None) -> int:
    commands = parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could come next
        import argcomplete  # noqa: PLC0415  (only for completion)

        argcomplete.autocomplete(commands)
    options = commands.parse_args(argv)
    if options.command is None and sys.stdin.isatty():
        print(_WHAT_IT_IS, file=sys.stderr)
        return 0
    from seedance_mcp.errors import SeedanceError  # noqa: PLC0415  (keeps --help fast)

    try:
        from seedance_mcp.cli.commands import COMMANDS  # noqa: PLC0415  (as above)

        return COMMANDS[options.command or "serve"](options)
    except SeedanceError as error:
        from seedance_mcp.cli import sentences  # noqa: PLC0415  (as above)

        if getattr(options, "json", False):
            output.print_json({"error": sentences.fields(error)})
        print(f"seedance-mcp: {sentences.for_a_person(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
