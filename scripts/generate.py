"""Everything in the tree that is printed from code: `uv run python docs/generate.py write`, or `check`.

`write` brings every file up to date; `check` names those that are not and exits with 1. In README.md only the parts
between `<!-- generated: NAME -->` and `<!-- end -->` are written.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
from mcp.client import Client

from seedance_mcp import cli
from seedance_mcp.catalog.schema import takes
from seedance_mcp.cli.config import snippet
from seedance_mcp.cli.models import rate_text
from seedance_mcp.sandbox import BEHAVIOURS
from seedance_mcp.server.app import App
from seedance_mcp.settings import Setting, Settings, every_setting, load, vendor_settings
from seedance_mcp.vendors import OURS, Vendor
from tests.jobs.download import hostile

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REGISTRY_NAME = "io.github.seedance-mcp/seedance-mcp"
CLIENTS = {
    "claude-code": ("Claude Code", "sh"),
    "claude-desktop": ("Claude Desktop", "jsonc"),
    "cursor": ("Cursor", "jsonc"),
    "vscode": ("VS Code", "jsonc"),
    "codex": ("Codex", "toml"),
}


def generated() -> dict[str, str]:
    """Return every generated file: its path from the root, and what it should hold."""
    shown = tool_lists()
    return {
        "README.md": readme((ROOT / "README.md").read_text("utf-8"), shown["all"]),
        "docs/models.md": models_page(),
        "docs/hostile-downloads.md": hostile.page(),
        "server.json": as_json(server_json()),
        **{f"tests/snapshots/tools-{name}.json": as_json(shown[name]) for name in shown},
    }


def as_json(value: object) -> str:
    """Write JSON as it stands in the tree."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# -- what an assistant sees ------------------------------------------------------------------------------------------


def configured(*vendors: Vendor) -> dict[str, str]:
    """Return an environment in which these vendors have a key."""
    return {vendor_settings(vendor)[0].name: "key" for vendor in vendors}


def tool_lists() -> dict[str, list[dict[str, Any]]]:
    """Return the answer to tools/list with each vendor alone, and with all of them."""
    environments = {vendor.slug: configured(vendor) for vendor in OURS} | {"all": configured(*OURS)}
    with tempfile.TemporaryDirectory() as folder:
        place = {"SEEDANCE_STATE_DIR": folder, "SEEDANCE_OUTPUT_DIR": folder}
        return {name: anyio.run(_tools, load(env | place)) for name, env in environments.items()}


async def _tools(settings: Settings) -> list[dict[str, Any]]:
    async with Client(App(settings).server) as client:
        listed = await client.list_tools()
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools]


# -- README.md -------------------------------------------------------------------------------------------------------


def readme(text: str, tools: list[dict[str, Any]]) -> str:
    """Return the README with its generated parts brought up to date."""
    parts = {
        "clients": clients_part(),
        "commands": table(("Command", "What it does"), ((_code(usage), allowed) for usage, allowed in commands())),
        "tools": tools_part(tools),
        "parameters": parameters_part(tools),
        "vendors": vendors_part(),
        "settings": settings_part(),
        "behaviours": table(("Behaviour", "What happens"), ((f"`{b.usage}`", b.help) for b in BEHAVIOURS)),
    }
    for name, part in parts.items():
        marked = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = marked.subn(lambda found, part=part: f"{found[1]}\n{part}\n\n{found[2]}", text)
        if count != 1:
            raise SystemExit(f"README.md has {count} parts named {name}, and should have one.")
    return text


def clients_part() -> str:
    """Show how each client is told of the server: what `seedance-mcp config CLIENT` prints."""
    return "\n\n".join(f"**{name}**\n\n```{kind}\n{snippet(c)}\n```" for c, (name, kind) in CLIENTS.items())


def commands(*path: str) -> Iterator[tuple[str, str]]:
    """Yield each command as it is called, with its words from --help."""
    for name, allowed in re.findall(r"^ {4}([a-z]+) +(\S.*)$", _help(*path), re.MULTILINE):
        usage = _help(*path, name).partition("\n")[0].removeprefix("usage: ")
        yield usage.replace(" [-h]", "").removesuffix(" action ..."), allowed
        yield from commands(*path, name)


def _help(*path: str) -> str:
    printed = io.StringIO()
    wide = mock.patch.dict(os.environ, {"COLUMNS": "200", "NO_COLOR": "1"})
    with wide, contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        cli.main([*path, "--help"])
    return printed.getvalue()


def tools_part(tools: list[dict[str, Any]]) -> str:
    """Show each tool and what it takes."""
    return table(
        ("Tool", "What it is for", "Takes"),
        (
            (
                f"`{tool['name']}`",
                tool["description"] + ".",
                "see below"
                if tool["name"] == "create_video"
                else ", ".join(map(_code, tool["inputSchema"]["properties"])),
            )
            for tool in tools
        ),
    )


def _code(name: str) -> str:
    return f"`{name}`"


MEANING = {
    "model": "`vendor/model`; the cheapest that can do it if left out",
    "prompt": "what to show; `@image1`, `@video1`, `@audio1` name the references in their order",
    "duration": "seconds",
    "resolution": "such as `720p`",
    "aspect_ratio": "such as `16:9`, or `adaptive` to follow the pictures",
    "first_frame": "URL of the picture that the film opens with",
    "last_frame": "URL of the picture that it ends with",
    "reference_images": "URLs of pictures of people, things or a style",
    "reference_videos": "URLs of clips whose motion or camera to follow",
    "reference_audios": "URLs of music, voices or sounds",
    "generate_audio": "whether the film has sound",
    "seed": "a number that may make a film repeatable",
    "web_search": "whether the vendor looks things up first; for films from text alone",
    "watermark": "whether the vendor's mark is put on it",
    "safety_filter": "whether the vendor's content filter is on",
    "callback_url": "a public URL that the vendor calls when the film is done",
    "public": "whether the vendor may show the film in its gallery",
    "max_cost": "refuse if it may cost more than this many USD; lowers your cap, never raises it",
    "request_key": "a name for this request: the same name and request give the same job, never a second one",
    "allow_duplicate": "pay again for a request like one that is still open",
    "dry_run": "check and price it, show the exact request, and send nothing",
}
"""For people who read. What an assistant is told is much shorter, for it costs tokens in every conversation."""


def parameters_part(tools: list[dict[str, Any]]) -> str:
    """Show what create_video takes when all vendors are configured, and which vendors have a use for it."""
    shown = next(t for t in tools if t["name"] == "create_video")["inputSchema"]["properties"]
    if list(shown) != list(MEANING):
        raise SystemExit(f"MEANING has other parameters than create_video: {sorted(set(shown) ^ set(MEANING))}")
    rows = ((_code(name), meaning, _takers(name)) for name, meaning in MEANING.items())
    return table(("`create_video` takes", "Meaning", "Vendors"), rows)


def _takers(name: str) -> str:
    takers = [v.slug for v in OURS if any(name in model.rows for model in v.models)]
    return "all" if len(takers) in {0, len(OURS)} else ", ".join(takers)


def vendors_part() -> str:
    """Show the vendors."""
    return table(
        ("Vendor", "Ids begin with", "Models", "Key", "Finished film"),
        (
            (
                f"[{v.name}]({v.docs})",
                f"`{v.slug}/`",
                f"{len(v.models)}",
                _code(vendor_settings(v)[0].name),
                f"link lasts {v.link_days:g} days"
                if v.link_days
                else "fetched with the key"
                if v.build_download
                else "by link",
            )
            for v in OURS
        ),
    )


def settings_part() -> str:
    """Show every setting."""
    return table(("Setting", "Meaning", "Default"), ((_code(s.name), s.help, _default(s)) for s in every_setting()))


def _default(setting: Setting) -> str:
    return setting.default_text or (_code(setting.default) if setting.default else "–")


# -- docs/models.md --------------------------------------------------------------------------------------------------

_MODELS_HEAD = """\
# Models

Printed from the constraint rows (`seedance_mcp/vendors/*.py`) by `docs/generate.py`; `seedance-mcp models MODEL` shows
the same in a terminal, and the resource `seedance://models/VENDOR/MODEL` as an exact JSON Schema.

A field that is not in a model's table is refused. The source of a row begins with **SEED** (the vendor's own API page,
by line), **PUB** (another public page of the vendor), **ARK** (the official upstream) or **INF** (inferred, with the
reason); **GAP** is what nobody documents. [facts/README.md](../facts/README.md) says more. Advice is said and never
enforced.
"""


def models_page() -> str:
    """Show every model of every vendor: an overview, then each model's rows with their sources."""
    return "\n".join([_MODELS_HEAD, *(part for vendor in OURS for part in _vendor_parts(vendor))])


def _vendor_parts(vendor: Vendor) -> Iterator[str]:
    yield f"## {vendor.name}\n\nRead from {vendor.docs}\n"
    yield table(
        ("Model", "What it is", "Starts from", "Price"),
        ((f"`{m.id}`", m.summary, ", ".join(m.modes).replace("_", " "), rate_text(m)) for m in vendor.models),
    )
    for model in vendor.models:
        billing = model.billing
        rows = [(_code(name), allowed, model.rows[name].source.where) for name, allowed in takes(model)]
        rows += [("rule", rule.describe(), rule.source.where) for rule in model.rules]
        rows += [("advice", advice.text, advice.source.where) for advice in model.advice]
        rows += [("price", rate_text(model), billing.source.where)]
        if billing.with_video:
            rates = ", ".join(f"{resolution or 'any'} {rate:g}" for resolution, rate in billing.with_video.items())
            rows += [("price", f"with reference videos: {rates} {billing.unit}/{billing.per}", billing.source.where)]
        rows += [("caution", caution.text, caution.source.where) for caution in billing.cautions]
        yield f"\n### {model.id}\n"
        yield table(("Field", "Takes", "Source"), rows)
    yield ""


# -- server.json -----------------------------------------------------------------------------------------------------

_FORMATS = {"flag": "boolean", "usd": "number", "seconds": "number", "whole": "number", "path": "filepath"}


def server_json() -> dict[str, Any]:
    """Return the entry for the MCP registry."""
    version: str = PROJECT["version"]
    package = {
        "registryType": "pypi",
        "identifier": PROJECT["name"],
        "version": version,
        "runtimeHint": "uvx",
        "transport": {"type": "stdio"},
        "environmentVariables": [_variable(setting) for setting in every_setting()],
    }
    return {
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": REGISTRY_NAME,
        "title": "Seedance videos",
        "description": PROJECT["description"],
        "version": version,
        "packages": [package],
    }


def _variable(setting: Setting) -> dict[str, Any]:
    pairs = {
        "name": setting.name,
        "description": setting.help,
        "format": _FORMATS.get(setting.kind),
        "isSecret": setting.secret or None,
        "default": setting.default or None,
        "choices": list(setting.choices) or None,
    }
    return {key: value for key, value in pairs.items() if value is not None}


# -- the command -----------------------------------------------------------------------------------------------------


def main(argv: Sequence[str]) -> int:
    """Write the files, or name those that are stale."""
    if list(argv) not in (["write"], ["check"]):
        print("usage: python docs/generate.py write|check", file=sys.stderr)
        return 2
    wanted = generated()
    stale = [name for name, text in wanted.items() if not _holds(ROOT / name, text)]
    for name in stale:
        if argv[0] == "write":
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(wanted[name], encoding="utf-8", newline="\n")
        print(f"{name} {'written' if argv[0] == 'write' else 'is stale'}")
    if stale and argv[0] == "check":
        print("Run `uv run python docs/generate.py write`.")
        return 1
    print(f"{len(wanted)} generated files are up to date.")
    return 0


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text("utf-8") == text


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
