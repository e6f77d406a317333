"""The command line. Each command imports what it needs, so that --help and --version cost nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

_WHAT_IT_IS = """\
seedance-mcp is an MCP server: a program like Claude starts it and talks to it over standard input and output.

  seedance-mcp demo             make a film now, without a key
  seedance-mcp config CLIENT    how to add it to Claude Code, Claude Desktop, Cursor, VS Code or Codex
  seedance-mcp doctor           what is configured, and whether it works
  seedance-mcp --help           everything else
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 it failed, 2 it was called wrongly."""
    options = _parser().parse_args(argv)
    command = options.command
    if command is None and sys.stdin.isatty():
        print(_WHAT_IT_IS, file=sys.stderr)
        return 0
    from seedance_mcp.errors import SeedanceError  # noqa: PLC0415

    try:
        return _run(command or "serve", options)
    except SeedanceError as error:
        print(f"seedance-mcp: {error.sentence} {error.next_step}".rstrip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    except BaseExceptionGroup as group:  # the client has gone, and left us writing to nobody
        if group.split(BrokenPipeError)[1] is None:
            return 0
        raise


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seedance-mcp",
        description="Seedance videos from any MCP client. Without a command: MCP on standard input and output.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("serve", help="serve MCP on standard input and output (the default)")
    demo = commands.add_parser("demo", help="make a film in the embedded sandbox: no key, no cost")
    demo.add_argument("prompt", nargs="?", help="what the film shows")
    demo.add_argument("--model", help="vendor/model; the cheapest that can if left out")
    demo.add_argument("--duration", type=int, help="seconds")
    doctor = commands.add_parser("doctor", help="show settings, journal, folders, versions and who can be reached")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.add_argument("--offline", action="store_true", help="do not try to reach the vendors")
    models = commands.add_parser("models", help="list every model with its limits and price")
    models.add_argument("--json", action="store_true", help="print JSON")
    models.add_argument("model", nargs="?", help="show one model's exact limits with their sources")
    videos = commands.add_parser("videos", help="list the jobs of the journal and what they cost")
    videos.add_argument("--json", action="store_true", help="print JSON")
    videos.add_argument("--limit", type=int, default=20, help="how many (default 20)")
    videos.add_argument("--spend", action="store_true", help="what each day and model cost")
    actions = videos.add_subparsers(dest="action", metavar="action")
    show = actions.add_parser("show", help="what is known of one job")
    show.add_argument("job", help="its id, or at least 4 characters of the beginning or the end of it")
    show.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    save = actions.add_parser("save", help="bring films to disk: all that are missing, or those of some jobs")
    save.add_argument("jobs", nargs="*", metavar="job", help="as for show; every film that is not on disk if left out")
    save.add_argument("--wait", action="store_true", help="wait for jobs that are still running")
    play = actions.add_parser("open", help="play a film, saved first if it is not: the newest, or that of a job")
    play.add_argument("job", nargs="?", help="as for show")
    resolve = actions.add_parser("resolve", help="settle a job whose outcome is unknown")
    resolve.add_argument("job")
    truth = resolve.add_mutually_exclusive_group(required=True)
    truth.add_argument("--task-id", help="the vendor's id of the task, from its web site")
    truth.add_argument("--not-charged", action="store_true", help="the vendor did not take it")
    purge = actions.add_parser("purge", help="wipe prompts and links of finished jobs; costs stay")
    purge.add_argument("--days", type=float, default=0.0, help="only of jobs that ended so many days ago (default 0)")
    config = commands.add_parser("config", help="print how to add the server to a client")
    config.add_argument("client", choices=("claude-code", "claude-desktop", "cursor", "vscode", "codex"))
    sandbox = commands.add_parser("sandbox", help="serve the five fake vendors over HTTP, for other programs")
    sandbox.add_argument("--port", type=int, default=8765, help="port on 127.0.0.1 (default 8765)")
    return parser


class _Version(argparse.Action):
    """`--version`, read only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from seedance_mcp import version  # noqa: PLC0415

        print(f"seedance-mcp {version()}")
        parser.exit()


def _run(command: str, options: argparse.Namespace) -> int:
    import anyio  # noqa: PLC0415

    if command == "config":
        from seedance_mcp.cli.config import snippet  # noqa: PLC0415

        print(snippet(options.client))
        return 0
    if command == "doctor":
        from seedance_mcp.cli.doctor import doctor  # noqa: PLC0415

        return anyio.run(doctor, options.json, options.offline)
    from seedance_mcp.redaction import log_to_stderr  # noqa: PLC0415
    from seedance_mcp.settings import load  # noqa: PLC0415

    settings = load(sandbox=command == "demo")
    log_to_stderr(settings)
    if command == "serve":
        from seedance_mcp.server.stdio import serve_stdio  # noqa: PLC0415

        anyio.run(serve_stdio, settings)
    elif command == "demo":
        from seedance_mcp.cli.demo import demo  # noqa: PLC0415

        args = {"prompt": options.prompt, "model": options.model, "duration": options.duration}
        return anyio.run(demo, settings, {k: v for k, v in args.items() if v is not None})
    elif command == "sandbox":
        from seedance_mcp.cli.sandbox import sandbox  # noqa: PLC0415

        anyio.run(sandbox, options.port)
    elif command == "models":
        from seedance_mcp.cli.models import models  # noqa: PLC0415

        return models(settings, options.model, as_json=options.json)
    else:
        from seedance_mcp.cli import videos  # noqa: PLC0415

        return anyio.run(videos.run, settings, options)
    return 0
