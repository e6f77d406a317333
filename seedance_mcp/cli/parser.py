"""The commands and their options. It imports nothing else of the package, so that --help costs nothing."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

EXIT_CODES = "exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not finished yet, 4 outcome unknown"
CLIENTS = (
    "claude-code", "claude-desktop", "codex", "gemini", "vscode", "cursor", "windsurf", "cline", "zed", "goose",
    "lmstudio", "opencode", "kiro",
)  # fmt: skip
SHELLS = ("bash", "zsh", "fish", "powershell")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    main = argparse.ArgumentParser(
        prog="seedance-mcp",
        description="Seedance videos from any MCP client. Without a command: MCP on standard input and output.",
        allow_abbrev=False,
    )
    main.add_argument("-V", "--version", action=_Version, nargs=0, help="print the version")
    commands = main.add_subparsers(dest="command", metavar="command")
    commands.add_parser("serve", help="serve MCP on standard input and output (the default)")
    _demo(commands)
    _create(commands)
    _check(commands)
    _videos(commands)
    _join(commands)
    play = commands.add_parser("open", help="play a video, which is downloaded first if necessary")
    play.add_argument("job", nargs="?", help="as for check (default: the newest video)")
    models = commands.add_parser("models", help="list every model with its limits and price")
    models.add_argument("--json", action="store_true", help="print JSON")
    models.add_argument("--wide", action="store_true", help="do not cut lines at the edge of the terminal")
    _completed(models.add_argument("model", nargs="?", help="show the exact limits of this model, with their sources"))
    balance = commands.add_parser("balance", help="show what is left at the vendors that tell it")
    balance.add_argument("--json", action="store_true", help="print JSON")
    balance.add_argument("vendor", nargs="?", help="only this vendor")
    _keys(commands)
    doctor = commands.add_parser("doctor", help="check versions, settings, folders, journal and vendors")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.add_argument("--offline", action="store_true", help="do not contact the vendors")
    config = commands.add_parser("config", help="print how to add this installation to a client, or add it")
    config.add_argument("client", choices=CLIENTS)
    what = config.add_mutually_exclusive_group()
    what.add_argument("--sandbox", action="store_true", help="for the sandbox: no key, no cost")
    what.add_argument("--vendor", help="for a key of this vendor (default: one whose key is stored)")
    config.add_argument("--write", action="store_true", help="add it to the client's file, and keep a copy of the file")
    sandbox = commands.add_parser("sandbox", help="serve the fake vendors over HTTP, for other programs")
    sandbox.add_argument("--port", type=_port, default=8765, help="port on 127.0.0.1 (default 8765)")
    completion = commands.add_parser("completion", help="print what makes a shell complete these commands")
    completion.add_argument("shell", choices=SHELLS)
    return main


class _Version(argparse.Action):
    """Prints the version, which is read only now, so that other commands do not wait for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from seedance_mcp import version  # noqa: PLC0415  (keeps --help fast)

        print(f"seedance-mcp {version()}")
        parser.exit()


_Commands = argparse._SubParsersAction  # noqa: SLF001  # pyright: ignore[reportPrivateUsage, reportMissingTypeArgument, reportUnknownVariableType]  (argparse has no public name for it)


def _demo(commands: _Commands[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser("demo", help="create a video in the embedded sandbox: no key, no cost")
    demo.add_argument("prompt", nargs="?", help="what the video shows")
    _completed(demo.add_argument("--model", help="vendor/model (default: the cheapest that can do it)"))
    demo.add_argument("--duration", type=_count, help="length of the video in seconds")


def _create(commands: _Commands[argparse.ArgumentParser]) -> None:
    create = commands.add_parser("create", help="create a video and wait until it is saved", epilog=EXIT_CODES)
    create.add_argument("prompt", help="what the video shows")
    _completed(create.add_argument("--model", help="vendor/model (default: the cheapest that can do it)"))
    create.add_argument("--duration", type=_count, help="length of the video in seconds")
    create.add_argument("--resolution", help="such as 720p")
    create.add_argument("--aspect-ratio", help="such as 16:9")
    create.add_argument("--first-frame", help="URL or path of the image that the video starts with")
    create.add_argument("--last-frame", help="URL or path of the image that it ends with")
    for kind in ("image", "video", "audio"):
        create.add_argument(
            f"--reference-{kind}",
            action="append",
            dest=f"reference_{kind}s",
            metavar="FILE",
            help=f"URL or path of a reference ({kind}); may be repeated",
        )
    create.add_argument(
        "--audio", action=argparse.BooleanOptionalAction, dest="generate_audio", help="whether the video has audio"
    )
    create.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="any other argument of create_video"
    )
    create.add_argument("-n", type=_variants, help="how many variants to create, 1 to 4; each is paid for")
    create.add_argument("--max-cost", type=_amount, help="refuse if it may cost more than this many USD")
    create.add_argument("--request-key", help="a name for this request: the same name never creates a second video")
    create.add_argument("--again", action="store_true", help="pay again for a request like one that is still open")
    create.add_argument("--dry-run", action="store_true", help="show the price and the exact request; send nothing")
    create.add_argument("--yes", action="store_true", help="spend without asking, above SEEDANCE_CONFIRM_ABOVE too")
    create.add_argument("--no-wait", action="store_true", help="print the job and do not wait for its video")
    create.add_argument("--json", action="store_true", help="print JSON")


def _check(commands: _Commands[argparse.ArgumentParser]) -> None:
    check = commands.add_parser("check", help="show how far a job is", epilog=EXIT_CODES)
    _job(check)
    check.add_argument("--wait", action="store_true", help="wait until the video is saved")
    check.add_argument("--json", action="store_true", help="print JSON")


def _videos(commands: _Commands[argparse.ArgumentParser]) -> None:
    videos = commands.add_parser("videos", help="list the jobs in the journal and what they cost")
    videos.add_argument("--json", action="store_true", help="print JSON")
    videos.add_argument("--wide", action="store_true", help="do not cut lines at the edge of the terminal")
    videos.add_argument("--limit", type=_count, default=20, help="number of jobs to list (default 20)")
    videos.add_argument("--spend", action="store_true", help="list what each day and model cost")
    actions = videos.add_subparsers(dest="action", metavar="action")
    show = actions.add_parser("show", help="show all that is known about a job")
    _job(show)
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
        "--days", type=_days, default=0.0, help="only for jobs that ended at least this many days ago (default 0)"
    )
    purge.add_argument("--dry-run", action="store_true", help="say how many jobs that would be, and delete nothing")
    purge.add_argument("--yes", action="store_true", help="do not ask")


def _join(commands: _Commands[argparse.ArgumentParser]) -> None:
    join = commands.add_parser("join", help="join saved videos into one; nothing is paid")
    join.add_argument("jobs", nargs="+", metavar="job", help="as for check, in order; at least two")
    join.add_argument("--audio", metavar="FILE", help="an audio file in place of the audio of the videos")
    join.add_argument(
        "--crossfade", type=_fade, default=0.0, metavar="SECONDS", help="let each video fade into the next (0 to 2)"
    )
    join.add_argument("--json", action="store_true", help="print JSON")


def _keys(commands: _Commands[argparse.ArgumentParser]) -> None:
    keys = commands.add_parser("keys", help="list the API keys that are set, and where")
    keys.add_argument("--json", action="store_true", help="print JSON")
    actions = keys.add_subparsers(dest="action", metavar="action")
    put = actions.add_parser("set", help="store a vendor's API key for the server and for these commands")
    put.add_argument("vendor", help="such as seedanceapi")
    put.add_argument("--file", action="store_true", help="in the settings file even if there is a keyring")
    remove = actions.add_parser("remove", help="remove a stored API key")
    remove.add_argument("vendor", help="as for set")


def _job(command: argparse.ArgumentParser) -> None:
    command.add_argument("job", help="the id of the job, or at least 4 characters from the beginning or end of it")


def _completed(action: argparse.Action) -> None:
    """Let shells complete the id of a model."""
    action.completer = _models  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  (argcomplete reads it)


def _models(**_: object) -> list[str]:
    from seedance_mcp.vendors import known_vendors  # noqa: PLC0415  (only for completion)

    return [model.id for vendor in known_vendors().values() for model in vendor.models]


def _number(name: str, least: float, most: float, *, whole: bool) -> Callable[[str], float]:
    """Return a type for argparse: a number within bounds."""

    def read(text: str) -> float:
        try:
            number = int(text) if whole else float(text)
        except ValueError:
            number = math.nan
        if least <= number <= most:
            return number
        raise argparse.ArgumentTypeError(f"{text!r} is not {name}")

    return read


_count = _number("a whole number of 1 or more", 1, math.inf, whole=True)
_days = _number("a number of 0 or more", 0, 1_000_000, whole=False)
_amount = _number("an amount in USD such as 2.50", 0, 1_000_000, whole=False)
_variants = _number("a whole number from 1 to 4", 1, 4, whole=True)
_fade = _number("a number of seconds from 0 to 2", 0, 2, whole=False)
_port = _number("a port from 0 to 65535", 0, 65_535, whole=True)
