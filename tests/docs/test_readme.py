"""What the README and other pages say is true: commands, settings, links and examples."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import seedance_mcp
from scripts.pages import commands
from seedance_mcp import cli
from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.price import price
from seedance_mcp.cli.clients import CLIENTS, PUBLISHED, snippet
from seedance_mcp.cli.parser import parser
from seedance_mcp.sandbox import BEHAVIOURS
from seedance_mcp.settings import every_setting, load
from seedance_mcp.vendors import known_vendors
from tests.about import RESELLERS
from tests.server.mcp_client import connected, with_keys

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "facts").glob("*.md")])


def text_of(heading: str, page: str = "README.md") -> str:
    """Return the text below a heading of a page, up to the next one."""
    text = (ROOT / page).read_text("utf-8")
    return re.split(r"^#+ .*$", text.partition(f" {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize(("page", "heading"), [("README.md", "Try it"), ("README.zh-CN.md", "试一试")])
def test_the_readme_starts_with_the_two_commands(page: str, heading: str) -> None:
    assert re.findall(r"```sh\n(.*)\n```", text_of(heading, page)) == [
        "python3 -m pip install -q uv && uv run seedance-mcp demo",
        "python3 -m pip install -q uv && uv run pytest",
        "python3 -m venv ~/.uv && ~/.uv/bin/python -m pip install -q uv && ~/.uv/bin/uv run seedance-mcp demo",
    ]


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_first_screen_of_the_readme_is_a_wish_an_image_and_few_lines(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert len([line for line in text.splitlines() if not line.startswith("|")]) <= 165  # each vendor has its rows
    first = text.splitlines()[:12]
    assert any(line.startswith("> ") for line in first)
    assert any("docs/images/chat.svg" in line for line in first)


def test_both_readmes_show_the_same_examples_and_tools() -> None:
    chinese = (ROOT / "README.zh-CN.md").read_text("utf-8")
    for pattern in (r"^```\n(invalid_request.*?)\n```", r"^> (\*\w+\* `.*?`)$", r"^```sh\n(.*?)\n```"):
        found = re.findall(pattern, README, re.DOTALL | re.MULTILINE)
        assert found
        assert [text for text in found if text not in chinese] == []
    tools = re.compile(r"^\| (`(?:list|create|check|cancel|preview)_\w+`) \|", re.MULTILINE)
    assert tools.findall(chinese) == tools.findall(README)


@pytest.mark.parametrize("name", [setting.name for setting in every_setting()])
def test_every_setting_is_documented(name: str) -> None:
    assert f"| `{name}` |" in text_of("Settings", "docs/settings.md")


def every_option(*path: str) -> Iterator[str]:
    """Yield every command and option in the output of --help."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        cli.main([*path, "--help"])
    if path:
        yield " ".join(path)
        yield from re.findall(r"^  (?:-\w, )?(--[a-z-]+)", printed.getvalue(), re.MULTILINE)
    for name in re.findall(r"^ {4}([a-z]+) ", printed.getvalue(), re.MULTILINE):
        yield from every_option(*path, name)


def test_every_command_is_documented_with_its_options() -> None:
    found = set(every_option())
    assert {"demo", "videos", "--json"} <= found
    section = text_of("Commands", "docs/commands.md")
    assert [name for name in found if name not in section] == []
    assert len(list(commands())) >= 7


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_is_shown_with_the_published_package(client: str) -> None:
    assert f"\n{snippet(CLIENTS[client], PUBLISHED)}\n```" in text_of(CLIENTS[client].name, "docs/clients.md")
    assert f"| `{client}` |" in README


@pytest.mark.anyio
async def test_the_example_refusal_is_what_the_server_answers(tmp_path: Path) -> None:
    (example,) = re.findall(r"```\n(invalid_request: .*?)\n```", README, re.DOTALL)
    request = {"model": "seedanceapi/seedance-2-mini", "resolution": "1080p", "duration": 3}
    async with connected(tmp_path, "legacy", **with_keys(*RESELLERS)) as session:
        assert await session.refused("A red kite over a grey beach", **request) == example


def test_every_behaviour_of_the_sandbox_is_documented() -> None:
    section = text_of("The sandbox", "docs/sandbox.md").replace("\\|", "|")
    for behaviour in BEHAVIOURS:
        assert f"| `{behaviour.usage}` | {behaviour.help} |" in section


def test_the_example_prices_can_be_used_unchanged() -> None:
    (example,) = re.findall(r"```json\n(.*?)\n```", text_of("Prices", "docs/costs.md"), re.DOTALL)
    prices = load({"SEEDANCE_PRICES": example}).prices
    models = {model.id: model for vendor in known_vendors().values() for model in vendor.models}
    for name in prices:
        model = models.get(name) or next(m for m in models.values() if m.vendor == name)
        request = check(model, {"prompt": "x", "reference_images": ["https://example.com/x.png"]}).request
        assert request is not None
        assert price(request, prices).usd_micros, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_files_that_exist(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        if not link.startswith("https://"):
            assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_setting_and_command_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    known = {s.name for s in every_setting()} | {"SEEDANCE_"}
    named = set(re.findall(r"SEEDANCE_[A-Z_]*[A-Z](?![A-Z_<{])", text))
    assert {n for n in named - known if "TOY" not in n} == set()
    known_commands = {usage.split()[1] for usage, _ in commands()}
    assert set(re.findall(r"`seedance-mcp ([a-z]+)", text)) <= known_commands


COMMANDS = sorted(
    {
        (str(page.relative_to(ROOT)), command)
        for page in PAGES
        for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        for command in re.findall(r"(?:^|[&] )(?:uv run )?(seedance-mcp [^&#\n]+)", block, re.MULTILINE)
    }
)


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_every_command_line_of_a_page_is_one_that_the_program_takes(page: str, command: str) -> None:
    options = parser().parse_args(shlex.split(command)[1:])
    assert options.command


def test_the_design_draws_every_room_of_the_package() -> None:
    page = (ROOT / "docs" / "design.md").read_text("utf-8")
    (drawing,) = re.findall(r"```\nseedance_mcp/\n(.*?)```", page, re.DOTALL)
    drawn = set(re.findall(r"^  ([a-z]\w+)(?:/|\.py) ", drawing, re.MULTILINE))
    package = Path(seedance_mcp.__file__).parent
    assert drawn == {p.stem for p in package.iterdir() if (p.suffix == ".py" or p.is_dir()) and p.name[0] != "_"}
