"""Write every file that is printed from code, or check that each is up to date.

    uv run python scripts/generate.py write
    uv run python scripts/generate.py check     names the stale files and exits with 1

GENERATED has a function for each file. In pages for people, only the parts between `<!-- generated: NAME -->`
and `<!-- end -->` are written.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from scripts import contributing, pages, shelves
from scripts.markdown import ROOT, as_json, code, table, with_parts
from scripts.tool_lists import tool_lists
from seedance_mcp.catalog import Model
from seedance_mcp.catalog.schema import field_descriptions
from seedance_mcp.catalog.switches import audio_text
from seedance_mcp.cli.models import rate_text
from seedance_mcp.vendors import OURS, known_vendors
from tests import coverage
from tests.architecture import HOLDS, ROOMS, allowance, drawing, file_name
from tests.cli import captures
from tests.jobs.download import hostile


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


# -- AGENTS.md -------------------------------------------------------------------------------------------------------


def house_rules() -> str:
    """Return AGENTS.md with its table of rooms brought up to date."""
    rows = ((code(file_name(room)), HOLDS[room], allowance(room, mark="`")) for room in ROOMS)
    return with_parts("AGENTS.md", {"rooms": table(("Room", "What belongs there", "May import"), rows)})


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


# -- tests/snapshots -------------------------------------------------------------------------------------------------


def snapshot(name: str) -> str:
    """Return the answer to tools/list with one vendor configured, or with all."""
    return as_json(tool_lists()[name])


# -- all of them ----------------------------------------------------------------------------------------------------

GENERATED: dict[str, Callable[[], str]] = {
    "README.md": pages.readme,
    "README.zh-CN.md": pages.chinese_readme,
    "docs/clients.md": pages.clients_page,
    "docs/settings.md": pages.settings_page,
    "docs/commands.md": pages.commands_page,
    "docs/sandbox.md": pages.sandbox_page,
    "docs/vendors.md": pages.vendors_page,
    "AGENTS.md": house_rules,
    "CONTRIBUTING.md": contributing.page,
    "docs/design.md": design,
    "docs/models.md": models_page,
    "docs/coverage.md": coverage_page,
    "docs/hostile-downloads.md": hostile.page,
    "server.json": shelves.registry_entry,
    "bundle/manifest.json": shelves.bundle_manifest,
    ".claude-plugin/marketplace.json": shelves.claude_marketplace,
    "plugin/.claude-plugin/plugin.json": shelves.claude_plugin,
    "plugin/.mcp.json": shelves.claude_servers,
    "plugin/plugin.json": shelves.agent_plugin,
    "plugin/mcp.json": shelves.agent_servers,
    "gemini-extension.json": shelves.gemini_extension,
    "compose.yaml": shelves.compose_file,
    **{
        f"tests/snapshots/tools-{name}.json": functools.partial(snapshot, name)
        for name in (*(vendor.slug for vendor in OURS), "all")
    },
    **{f"tests/cli/captures/{name}.txt": functools.partial(captures.capture, name) for name in captures.COMMANDS},
}
"""The generated files, by their paths from the root, and the function that returns the text of each."""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
