"""The command line. Each command imports what it needs, so that --help and --version cost nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

_WHAT_IT_IS = """\
seedance-mcp is an MCP server: a program like Claude starts it and talks to it over standard input and output.

  seedance-mcp demo             create a video now, without a key
  seedance-mcp config CLIENT    how to add it to Claude Code, Claude Desktop, Cursor, VS Code or Codex
  seedance-mcp doctor           check what is configured and whether it works
  seedance-mcp --help           everything else
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed, 2 wrong usage."""
    options = _parser().parse_args(argv)
    command = options.command
    if command is None and sys.stdin.isatty():
        print(_WHAT_IT_IS, file=sys.stderr)
        return 0
    from seedance_mcp.errors import SeedanceError  # noqa: PLC0415  (keeps --help fast)

    try:
        return _run(command or "serve", options)
    except SeedanceError as error:
        print(f"seedance-mcp: {error.sentence} {error.next_step}".rstrip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    except BaseExceptionGroup as group:  # the client has closed our output
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
    demo = commands.add_parser("demo", help="create a video in the embedded sandbox: no key, no cost")
    demo.add_argument("prompt", nargs="?", help="what the video shows")
    demo.add_argument("--model", help="vendor/model (default: the cheapest that can do it)")
    demo.add_argument("--duration", type=int, help="length of the video in seconds")
    doctor = commands.add_parser("doctor", help="check versions, settings, folders, journal and vendors")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.add_argument("--offline", action="store_true", help="do not contact the vendors")
    models = commands.add_parser("models", help="list every model with its limits and price")
    models.add_argument("--json", action="store_true", help="print JSON")
    models.add_argument("model", nargs="?", help="show the exact limits of this model, with their sources")
    videos = commands.add_parser("videos", help="list the jobs in the journal and what they cost")
    videos.add_argument("--json", action="store_true", help="print JSON")
    videos.add_argument("--limit", type=int, default=20, help="number of jobs to list (default 20)")
    videos.add_argument("--spend", action="store_true", help="list what each day and model cost")
    actions = videos.add_subparsers(dest="action", metavar="action")
    show = actions.add_parser("show", help="show all that is known about a job")
    show.add_argument("job", help="the id of the job, or at least 4 characters from the beginning or end of it")
    show.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    save = actions.add_parser("save", help="download videos: all that are missing, or those of the given jobs")
    save.add_argument("jobs", nargs="*", metavar="job", help="as for show (default: all jobs whose video is missing)")
    save.add_argument("--wait", action="store_true", help="wait for jobs that are still running")
    play = actions.add_parser("open", help="play a video, which is downloaded first if necessary")
    play.add_argument("job", nargs="?", help="as for show (default: the newest video)")
    resolve = actions.add_parser("resolve", help="say what became of a job that is not over, or correct what was said")
    resolve.add_argument("job", help="the whole id of the job")
    truth = resolve.add_mutually_exclusive_group(required=True)
    truth.add_argument("--task-id", help="the vendor accepted it, and its website shows this id")
    truth.add_argument("--not-charged", action="store_true", help="the vendor did not accept it")
    purge = actions.add_parser("purge", help="delete prompts and links of finished jobs; costs stay")
    purge.add_argument(
        "--days", type=float, default=0.0, help="only for jobs that ended at least this many days ago (default 0)"
    )
    config = commands.add_parser("config", help="print how to add the server to a client")
    config.add_argument("client", choices=("claude-code", "claude-desktop", "cursor", "vscode", "codex"))
    sandbox = commands.add_parser("sandbox", help="serve the fake vendors over HTTP, for other programs")
    sandbox.add_argument("--port", type=int, default=8765, help="port on 127.0.0.1 (default 8765)")
    return parser


class _Version(argparse.Action):
    """Prints the version, which is read only now, so that other commands do not wait for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from seedance_mcp import version  # noqa: PLC0415  (keeps --help fast)

        print(f"seedance-mcp {version()}")
        parser.exit()


def _run(command: str, options: argparse.Namespace) -> int:
    import anyio  # noqa: PLC0415  (keeps --help fast, as do all imports below)

    if command == "config":
        from seedance_mcp.cli.config import snippet  # noqa: PLC0415  (as above)

        print(snippet(options.client))
        return 0
    if command == "doctor":
        from seedance_mcp.cli.doctor import doctor  # noqa: PLC0415  (as above)

        return anyio.run(doctor, options.json, options.offline)
    from seedance_mcp.redaction import log_to_stderr  # noqa: PLC0415  (as above)
    from seedance_mcp.runtime import load_settings  # noqa: PLC0415  (as above)

    settings = load_settings(sandbox=command == "demo")
    log_to_stderr(settings)
    if command == "serve":
        from seedance_mcp.server.stdio import serve_stdio  # noqa: PLC0415  (as above)

        anyio.run(serve_stdio, settings)
    elif command == "demo":
        from seedance_mcp.cli.demo import demo  # noqa: PLC0415  (as above)

        args = {"prompt": options.prompt, "model": options.model, "duration": options.duration}
        return anyio.run(demo, settings, {k: v for k, v in args.items() if v is not None})
    elif command == "sandbox":
        from seedance_mcp.cli.sandbox import sandbox  # noqa: PLC0415  (as above)

        anyio.run(sandbox, options.port)
    elif command == "models":
        from seedance_mcp.cli.models import models  # noqa: PLC0415  (as above)

        return models(settings, options.model, as_json=options.json)
    else:
        from seedance_mcp.cli import videos  # noqa: PLC0415  (as above)

        return anyio.run(videos.run, settings, options)
    return 0
