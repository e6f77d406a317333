"""What each command runs. Each imports what it needs, so that the others do not wait for it."""
# ruff: noqa: PLC0415  (that is what this module is for)

from __future__ import annotations

import argparse
import gc
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.cli import output

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings


log = logging.getLogger(__name__)


def _settings(*, sandbox: bool = False) -> Settings:
    """Read the settings, and log as they say.

    Raises:
        SettingError: names every value that cannot be used.
    """
    from seedance_mcp.redaction import log_to_stderr
    from seedance_mcp.runtime import load_settings

    settings = load_settings(sandbox=sandbox)
    log_to_stderr(settings)
    return settings


def _serve(_: argparse.Namespace) -> int:
    """Serve; a wrong setting does not end the server, because each call answers with what is wrong."""
    gc.disable()  # imports leave nothing to collect, and looking for it takes a tenth of the start
    from seedance_mcp.cli.misspelt import misspelt
    from seedance_mcp.redaction import log_to_stderr
    from seedance_mcp.runtime import read_settings
    from seedance_mcp.server.stdio import serve_stdio

    settings = read_settings()
    log_to_stderr(settings)
    for problem in misspelt(os.environ, "the environment"):
        log.warning("%s", problem)  # a misspelt cap limits nothing
    gc.freeze()
    gc.enable()
    anyio.run(serve_stdio, settings)
    return 0


def _demo(options: argparse.Namespace) -> int:
    from seedance_mcp.cli.demo import demo

    args = {"prompt": options.prompt, "model": options.model, "duration": options.duration}
    return anyio.run(demo, _settings(sandbox=True), {k: v for k, v in args.items() if v is not None})


def _create(options: argparse.Namespace) -> int:
    from seedance_mcp.cli.create import create

    return anyio.run(create, _settings(), options)


def _check(options: argparse.Namespace) -> int:
    from seedance_mcp.cli.create import check

    return anyio.run(check, _settings(), options)


def _videos(options: argparse.Namespace) -> int:
    from seedance_mcp.cli import videos

    return anyio.run(videos.run, _settings(), options)


def _join(options: argparse.Namespace) -> int:
    from seedance_mcp.cli.join import join

    return anyio.run(join, _settings(), options)


def _open(options: argparse.Namespace) -> int:
    from seedance_mcp.cli import videos

    options.action = "open"
    return anyio.run(videos.run, _settings(), options)


def _models(options: argparse.Namespace) -> int:
    from seedance_mcp.cli.models import models

    return models(_settings(), options.model, as_json=options.json, wide=options.wide)


def _balance(options: argparse.Namespace) -> int:
    from seedance_mcp.cli.accounts import balance

    return anyio.run(balance, _settings(), options.vendor, options.json)


def _keys(options: argparse.Namespace) -> int:
    from seedance_mcp.cli import keys

    return keys.run(options)


def _doctor(options: argparse.Namespace) -> int:
    from seedance_mcp.cli.doctor import doctor

    return anyio.run(doctor, options.json, options.offline)


def _config(options: argparse.Namespace) -> int:
    from seedance_mcp.cli.config import config

    return config(options)


def _sandbox(options: argparse.Namespace) -> int:
    from seedance_mcp.cli.sandbox import sandbox

    _settings()
    anyio.run(sandbox, options.port)
    return 0


def _completion(options: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    print(shellcode(["seedance-mcp"], shell=options.shell))
    output.remark(_INSTALL[options.shell])
    return 0


_INSTALL = {
    "bash": 'To use it: eval "$(seedance-mcp completion bash)" in ~/.bashrc',
    "zsh": 'To use it: eval "$(seedance-mcp completion zsh)" in ~/.zshrc, after compinit',
    "fish": "To use it: seedance-mcp completion fish > ~/.config/fish/completions/seedance-mcp.fish",
    "powershell": "To use it: seedance-mcp completion powershell | Out-String | Invoke-Expression in $PROFILE",
}

COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "serve": _serve,
    "demo": _demo,
    "create": _create,
    "check": _check,
    "videos": _videos,
    "join": _join,
    "open": _open,
    "models": _models,
    "balance": _balance,
    "keys": _keys,
    "doctor": _doctor,
    "config": _config,
    "sandbox": _sandbox,
    "completion": _completion,
}
"""The commands by name; each returns its exit code."""
