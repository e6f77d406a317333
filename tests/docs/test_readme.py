"""What the README and other pages say is true: commands, settings, links and examples."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import seedance_mcp
from scripts.generate import CLIENTS, commands
from seedance_mcp import cli
from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.price import price
from seedance_mcp.cli.config import snippet
from seedance_mcp.sandbox import BEHAVIOURS
from seedance_mcp.settings import every_setting, load
from seedance_mcp.vendors import known_vendors
from tests.about import RESELLERS
from tests.server.mcp_client import connected, with_keys

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "facts").glob("*.md")])


def text_of(heading: str) -> str:
    """Return the text below a heading, up to the next one."""
    return re.split(r"^#+ .*$", README.partition(f" {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def test_the_readme_starts_with_the_two_commands() -> None:
    assert re.findall(r"```sh\n(.*)\n```", text_of("Try it")) == [
        "python3 -m pip install -q uv && uv run seedance-mcp demo",
        "python3 -m pip install -q uv && uv run pytest",
    ]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "python3 -m pip install -q uv" in script
    assert "uv run pytest" in script


@pytest.mark.parametrize("name", [setting.name for setting in every_setting()])
def test_every_setting_is_documented(name: str) -> None:
    assert f"| `{name}` |" in text_of("Settings")


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
    section = text_of("Commands")
    assert [name for name in found if name not in section] == []
    assert len(list(commands())) >= 7


@pytest.mark.parametrize("client", CLIENTS)
def test_the_readme_shows_what_config_prints(client: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", client]) == 0
    assert capsys.readouterr().out.strip() == snippet(client)
    assert f"\n{snippet(client)}\n```" in README


@pytest.mark.parametrize("client", CLIENTS)
def test_the_configuration_of_a_client_can_be_parsed(client: str) -> None:
    text = snippet(client)
    if CLIENTS[client][1] == "jsonc":
        (server,) = next(iter(json.loads(re.sub(r"^//.*$", "", text, flags=re.MULTILINE)).values())).values()
        names = set(server["env"])
    else:
        names = set(re.findall(r"SEEDANCE_\w+", text))
    assert names <= {s.name for s in every_setting()}
    assert names


@pytest.mark.anyio
async def test_the_example_refusal_is_what_the_server_answers(tmp_path: Path) -> None:
    (example,) = re.findall(r"```\n(invalid_request: .*?)\n```", README, re.DOTALL)
    request = {"model": "seedanceapi/seedance-2-mini", "resolution": "1080p", "duration": 3}
    async with connected(tmp_path, "legacy", **with_keys(*RESELLERS)) as session:
        assert await session.refused("A red kite over a grey beach", **request) == example


def test_every_behaviour_of_the_sandbox_is_documented() -> None:
    section = text_of("The sandbox").replace("\\|", "|")
    for behaviour in BEHAVIOURS:
        assert f"| `{behaviour.usage}` | {behaviour.help} |" in section


def test_the_example_prices_can_be_used_unchanged() -> None:
    (example,) = re.findall(r"```json\n(.*?)\n```", text_of("Prices"), re.DOTALL)
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


def test_the_design_draws_every_room_of_the_package() -> None:
    page = (ROOT / "docs" / "design.md").read_text("utf-8")
    (drawing,) = re.findall(r"```\nseedance_mcp/\n(.*?)```", page, re.DOTALL)
    drawn = set(re.findall(r"^  ([a-z]\w+)(?:/|\.py) ", drawing, re.MULTILINE))
    package = Path(seedance_mcp.__file__).parent
    assert drawn == {p.stem for p in package.iterdir() if (p.suffix == ".py" or p.is_dir()) and p.name[0] != "_"}
