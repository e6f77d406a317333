"""Write every file that is printed from code, or check that each is up to date.

    uv run python scripts/generate.py write
    uv run python scripts/generate.py check     names the stale files and exits with 1

GENERATED has a function for each file. In README.md, AGENTS.md and docs/design.md, only the parts between
`<!-- generated: NAME -->` and `<!-- end -->` are written.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import io
import json
import os
import re
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
from mcp.client import Client

from seedance_mcp import cli, vendors
from seedance_mcp.catalog import Model
from seedance_mcp.catalog.request import FIELDS
from seedance_mcp.catalog.schema import field_descriptions
from seedance_mcp.catalog.switches import audio_text
from seedance_mcp.cli.config import snippet
from seedance_mcp.cli.models import rate_text
from seedance_mcp.sandbox import BEHAVIOURS
from seedance_mcp.server.app import App
from seedance_mcp.settings import Setting, Settings, every_setting, load, vendor_settings
from seedance_mcp.vendors import OURS, Vendor, kit, known_vendors
from tests import coverage
from tests.about import About
from tests.architecture import HOLDS, ROOMS, allowance, drawing, file_name
from tests.cli import captures
from tests.jobs.download import hostile

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def main(argv: Sequence[str], root: Path = ROOT, files: Mapping[str, Callable[[], str]] | None = None) -> int:
    """Write the stale files, or name them."""
    if list(argv) not in (["write"], ["check"]):
        print("usage: python scripts/generate.py write|check", file=sys.stderr)
        return 2
    wanted = {name: make() for name, make in (GENERATED if files is None else files).items()}
    stale = [name for name, text in wanted.items() if not _holds(root / name, text)]
    if argv[0] == "check" and stale:
        print("\n".join(f"{name} is stale" for name in stale))
        print("Run `uv run python scripts/generate.py write`.")
        return 1
    for name in stale:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(wanted[name], encoding="utf-8", newline="\n")
        print(f"{name} written")
    print(f"{len(wanted)} generated files are up to date.")
    return 0


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text("utf-8") == text


# -- README.md -------------------------------------------------------------------------------------------------------

CLIENTS = {
    "claude-code": ("Claude Code", "sh"),
    "claude-desktop": ("Claude Desktop", "jsonc"),
    "cursor": ("Cursor", "jsonc"),
    "vscode": ("VS Code", "jsonc"),
    "codex": ("Codex", "toml"),
}
"""The clients that the README shows: name and syntax of the snippet."""

PARAMETERS = {
    "model": "`vendor/model`; if left out, the cheapest that can do it, of those with a known price",
    "prompt": "what to show; `@image1`, `@video1`, `@audio1` name the references in their order",
    "duration": "seconds",
    "resolution": "such as `720p`",
    "aspect_ratio": "such as `16:9`, or `adaptive` to match the images",
    "first_frame": "URL of the image that the video starts with",
    "last_frame": "URL of the image that it ends with",
    "reference_images": "URLs of images of people, things or a style",
    "reference_videos": "URLs of videos whose motion or camera work to imitate",
    "reference_audios": "URLs of music, voices or other audio",
    "generate_audio": "whether the video has audio",
    "seed": "a number that may make a video repeatable",
    "web_search": "whether the vendor searches the web first; for videos from text alone",
    "watermark": "whether the vendor adds its watermark",
    "safety_filter": "whether the vendor's content filter is on",
    "callback_url": "a public URL that the vendor calls when the video is done",
    "public": "whether the vendor may show the video in its gallery",
    "options": "fields of one vendor's own, which `list_models` names for a model",
    "max_cost": "refuse if the video may cost more than this many USD; lowers your cap, never raises it",
    "request_key": "a name for this request: the same name and request give the same job, never a second one",
    "allow_duplicate": "pay again for a request like one that is still open",
    "dry_run": "check the request, show its price and exact content, and send nothing",
}
"""For people. The descriptions for assistants are much shorter, because they cost tokens in every conversation."""


def readme() -> str:
    """Return README.md with its generated parts brought up to date."""
    tools = tool_lists()["all"]
    return with_parts(
        "README.md",
        {
            "scope": f"- **{len(OURS)} vendors, {sum(len(v.models) for v in OURS)} models**: "
            + ", ".join(v.name for v in OURS)
            + ".",
            "clients": "\n\n".join(
                f"**{name}**\n\n```{kind}\n{snippet(c)}\n```" for c, (name, kind) in CLIENTS.items()
            ),
            "commands": table(("Command", "What it does"), ((code(usage), help_) for usage, help_ in commands())),
            "tools": table(("Tool", "What it is for", "Takes"), map(_tool_row, tools)),
            "parameters": _parameters_table(tools),
            "vendors": table(("Vendor", "Ids begin with", "Models", "Key", "Finished video"), map(_vendor_row, OURS)),
            "settings": table(("Setting", "Meaning", "Default"), map(_setting_row, every_setting())),
            "behaviours": table(("Behaviour", "What happens"), ((code(b.usage), b.help) for b in BEHAVIOURS)),
        },
    )


def commands(*path: str) -> Iterator[tuple[str, str]]:
    """Yield the usage of each command, and its help text."""
    for name, help_ in re.findall(r"^ {4}([a-z]+) +(\S.*)$", _help(*path), re.MULTILINE):
        usage = _help(*path, name).partition("\n")[0].removeprefix("usage: ")
        yield usage.replace(" [-h]", "").removesuffix(" action ..."), help_
        yield from commands(*path, name)


def _help(*path: str) -> str:
    printed = io.StringIO()
    wide = mock.patch.dict(os.environ, {"COLUMNS": "1000", "NO_COLOR": "1"})
    with wide, contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        cli.main([*path, "--help"])
    return printed.getvalue()


def _tool_row(tool: dict[str, Any]) -> tuple[str, str, str]:
    name, arguments = tool["name"], tool["inputSchema"]["properties"]
    takes_ = "see below" if name == "create_video" else ", ".join(map(code, arguments))
    return code(name), f"{tool['description']}.", takes_


def _parameters_table(tools: list[dict[str, Any]]) -> str:
    shown = next(t for t in tools if t["name"] == "create_video")["inputSchema"]["properties"]
    if list(shown) != list(PARAMETERS):
        difference = sorted(set(shown) ^ set(PARAMETERS)) or "their order"
        raise SystemExit(f"PARAMETERS does not match the parameters of create_video: {difference}")
    rows = ((code(name), meaning, _takers(name)) for name, meaning in PARAMETERS.items())
    return table(("`create_video` takes", "Meaning", "Vendors"), rows)


def _takers(name: str) -> str:
    takers = [v.slug for v in OURS if any(name in model.rows for model in v.models)]
    return "all" if len(takers) in {0, len(OURS)} else ", ".join(takers)


def _vendor_row(vendor: Vendor) -> tuple[str, ...]:
    if vendor.link_days:
        download = f"link lasts {vendor.link_days:g} days"
    else:
        download = "downloaded with the key" if vendor.build_download else "by link"
    key = vendor_settings(vendor)[0].name
    return f"[{vendor.name}]({vendor.docs})", f"`{vendor.slug}/`", f"{len(vendor.models)}", code(key), download


def _setting_row(setting: Setting) -> tuple[str, str, str]:
    default = setting.default_text or (code(setting.default) if setting.default else "–")
    return code(setting.name), setting.help, default


# -- AGENTS.md -------------------------------------------------------------------------------------------------------


def house_rules() -> str:
    """Return AGENTS.md with its table of rooms brought up to date."""
    rows = ((code(file_name(room)), HOLDS[room], allowance(room, mark="`")) for room in ROOMS)
    return with_parts("AGENTS.md", {"rooms": table(("Room", "What belongs there", "May import"), rows)})


# -- CONTRIBUTING.md -------------------------------------------------------------------------------------------------


def contributing() -> str:
    """Return CONTRIBUTING.md with its tables of the vendor kit brought up to date."""
    rows = ((code(name), PARAMETERS[name]) for name in FIELDS)
    kinds = [getattr(kit, name) for name in kit.__all__]
    parts = [kind for kind in kinds if isinstance(kind, type) and kind.__module__.startswith("seedance_mcp.catalog")]
    described = ((code(part.__name__), first_sentence(part)) for part in parts if part.__name__ not in _NOT_WRITTEN)
    optional = ((code(name), doc) for name, doc in attributes(vendors.vendor.Vendor, optional=True))
    known = ((code(name), doc) for name, doc in attributes(About, optional=False))
    return with_parts(
        "CONTRIBUTING.md",
        {
            "fields": table(("Field", "Meaning"), rows),
            "kit": table(("Part", "What it is"), described),
            "vendor": table(("`Vendor` may have", "What it is"), optional),
            "about": table(("Key", "What it is"), known),
        },
    )


_NOT_WRITTEN = {"Row", "Rule", "Schema", "UnitPrice", "VideoRequest"}
"""What authors import and do not make."""


def first_sentence(of: type) -> str:
    """Return the first paragraph of a docstring as one line."""
    return " ".join((of.__doc__ or "").partition("\n\n")[0].split())


def attributes(of: type, *, optional: bool) -> Iterator[tuple[str, str]]:
    """Yield the attributes of a class with the texts below them; `optional`: only those with a default."""
    (definition,) = (
        node
        for node in ast.parse(inspect.getsource(sys.modules[of.__module__])).body
        if isinstance(node, ast.ClassDef) and node.name == of.__name__
    )
    for node, text in zip(definition.body, definition.body[1:], strict=False):
        if not isinstance(node, ast.AnnAssign) or (optional and node.value is None):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            yield ast.unparse(node.target), " ".join(str(text.value.value).split())


# -- docs/design.md --------------------------------------------------------------------------------------------------


def design() -> str:
    """Return docs/design.md with its drawing of the rooms brought up to date."""
    return with_parts("docs/design.md", {"rooms": f"```\n{drawing()}\n```"})


# -- docs/models.md --------------------------------------------------------------------------------------------------

_MODELS_HEAD = """\
# Models

Printed by `scripts/generate.py` from the models' rows in `seedance_mcp/vendors/`. `seedance-mcp models MODEL` shows the
same in a terminal, and the resource `seedance://models/VENDOR/MODEL` is an exact JSON Schema.

A model refuses every field that is not in its table. The source of a row begins with **SEED** (the vendor's own API
page, by line), **PUB** (another public page of the vendor), **ARK** (the official upstream) or **INF** (inferred, with
the reason); **GAP** marks what is not documented anywhere. [facts/README.md](../facts/README.md) says more.

A limit or rule whose source begins with **ARK** or **KIE** (a reseller) is soft: whatever the program chooses, suggests
or lists keeps to it, and a caller who names the model may go beyond it. Advice is shown and never enforced; a model
with a caution about something that is asked for is chosen last.
"""


def models_page() -> str:
    """Return docs/models.md: an overview of each vendor's models, then each model's rows with their sources."""
    parts = [_MODELS_HEAD]
    for vendor in OURS:
        overview = ((code(m.id), m.summary, ", ".join(m.modes).replace("_", " "), rate_text(m)) for m in vendor.models)
        parts += [f"## {vendor.name}\n\nRead from {vendor.docs}\n"]
        parts += [table(("Model", "What it is", "Starts from", "Price"), overview)]
        for model in vendor.models:
            parts += [f"\n### {model.id}\n", table(("Field", "Takes", "Source"), _model_rows(model))]
        parts += [""]
    return "\n".join(parts)


def _model_rows(model: Model) -> Iterator[tuple[str, str, str]]:
    billing = model.billing
    for name, allowed in field_descriptions(model):
        yield code(name), allowed, model.kept_rows[name].source.where
    for rule in model.rules:
        yield "rule", rule.describe(), rule.source.where
    if "generate_audio" not in model.rows and (trait := model.traits.get("generate_audio")):
        yield "audio", audio_text(trait), trait.source.where
    for advice in model.advice:
        yield "caution" if advice.caution else "advice", advice.text, advice.source.where
    yield "price", rate_text(model), billing.source.where
    if billing.with_video:
        rates = ", ".join(f"{resolution or 'any'} {rate:g}" for resolution, rate in billing.with_video.items())
        yield "price", f"with reference videos: {rates} {billing.unit}/{billing.per}", billing.source.where
    for caution in billing.cautions:
        yield "caution", caution.text, caution.source.where


# -- docs/coverage.md ------------------------------------------------------------------------------------------------

_COVERAGE_HEAD = """\
# The vendors' pages, line by line

Printed by `scripts/generate.py` from `facts/coverage/*.yaml`. Each row is a statement of a vendor's own API page, by
its lines there; `tests/docs/test_coverage.py` carries out every check of the third column against the program, and
checks that each line of a page is in the table or states nothing about the API.

| Verdict | Meaning |
| --- | --- |
| same | the program does what the line says |
| stronger | the program refuses, or decides, more than the line says |
| weaker | the program lets through what the line excludes, or cannot check it |
| missing, wrong | the program does not do it, or does something else |
| n/a | there is nothing for the program to do |
"""


def coverage_page() -> str:
    """Return docs/coverage.md: the totals, then a table for each vendor's page."""
    totals = coverage.totals()
    counts = [
        (known_vendors()[slug].name, *map(str, found.values()), str(sum(found.values())))
        for slug, found in totals.items()
    ]
    sums = [sum(found[verdict] for found in totals.values()) for verdict in coverage.VERDICTS]
    parts = [
        _COVERAGE_HEAD,
        table(("Page", *coverage.VERDICTS, "all"), [*counts, ("all", *map(str, [*sums, sum(sums)]))]),
    ]
    for page in coverage.pages().values():
        head = ("Lines", "What the page says", "Where it is held", "Verdict", "Why")
        parts += [f"\n## {page.vendor.name}\n\n{page.vendor.docs}\n", table(head, coverage.rows(page))]
    return "\n".join(parts) + "\n"


# -- server.json -----------------------------------------------------------------------------------------------------

_FORMATS = {"flag": "boolean", "usd": "number", "seconds": "number", "whole": "number", "path": "filepath"}


def registry_entry() -> str:
    """Return server.json, the entry for the MCP registry."""
    version: str = PROJECT["version"]
    package = {
        "registryType": "pypi",
        "identifier": PROJECT["name"],
        "version": version,
        "runtimeHint": "uvx",
        "transport": {"type": "stdio"},
        "environmentVariables": [_variable(setting) for setting in every_setting()],
    }
    return as_json(
        {
            "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": "io.github.seedance-mcp/seedance-mcp",
            "title": "Seedance videos",
            "description": PROJECT["description"],
            "version": version,
            "packages": [package],
        }
    )


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


# -- tests/snapshots -------------------------------------------------------------------------------------------------


def snapshot(name: str) -> str:
    """Return the answer to tools/list with one vendor configured, or with all."""
    return as_json(tool_lists()[name])


@functools.cache
def tool_lists() -> dict[str, list[dict[str, Any]]]:
    """Return the answer to tools/list with each vendor alone, and with all of them."""
    environments = {vendor.slug: _configured(vendor) for vendor in OURS} | {"all": _configured(*OURS)}
    with tempfile.TemporaryDirectory() as folder:
        folders = {"SEEDANCE_STATE_DIR": folder, "SEEDANCE_OUTPUT_DIR": folder}
        return {name: anyio.run(_tools, load(env | folders)) for name, env in environments.items()}


def _configured(*vendors: Vendor) -> dict[str, str]:
    return {vendor_settings(vendor)[0].name: "key" for vendor in vendors}


async def _tools(settings: Settings) -> list[dict[str, Any]]:
    async with Client(App(settings).server) as client:
        listed = await client.list_tools()
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools]


# -- how files are written -------------------------------------------------------------------------------------------


def with_parts(name: str, parts: Mapping[str, str]) -> str:
    """Return a file of the tree with its marked parts replaced."""
    text = (ROOT / name).read_text("utf-8")
    for part, content in parts.items():
        marked = re.compile(rf"(<!-- generated: {part} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = marked.subn(lambda found, content=content: f"{found[1]}\n{content}\n\n{found[2]}", text)
        if count != 1:
            raise SystemExit(f"{name} has {count} parts named {part}, and should have one.")
    return text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: str) -> str:
    """Write Markdown for a name in code."""
    return f"`{text}`"


def as_json(value: object) -> str:
    """Write JSON in the style of this tree."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


GENERATED: dict[str, Callable[[], str]] = {
    "README.md": readme,
    "AGENTS.md": house_rules,
    "CONTRIBUTING.md": contributing,
    "docs/design.md": design,
    "docs/models.md": models_page,
    "docs/coverage.md": coverage_page,
    "docs/hostile-downloads.md": hostile.page,
    "server.json": registry_entry,
    **{
        f"tests/snapshots/tools-{name}.json": functools.partial(snapshot, name)
        for name in (*(vendor.slug for vendor in OURS), "all")
    },
    **{f"tests/cli/captures/{name}.txt": functools.partial(captures.capture, name) for name in captures.COMMANDS},
}
"""The generated files, by their paths from the root, and the function that returns the text of each."""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
