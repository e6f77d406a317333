"""The pages for users: both READMEs, and those of docs/ with parts that are printed from the program."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator
from typing import Any
from unittest import mock

from scripts import vendor_pages
from scripts.markdown import code, table, with_parts
from scripts.tool_lists import tool_lists
from seedance_mcp import cli
from seedance_mcp.cli.clients import CLIENTS, PUBLISHED, Client, snippet
from seedance_mcp.sandbox import BEHAVIOURS
from seedance_mcp.settings import Setting, every_setting
from seedance_mcp.vendors import OURS

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
    "like": "the id of a job to repeat, except for the arguments given; the model stays, unless another one is named",
    "max_cost": "refuse if the video may cost more than this many USD; lowers your cap, never raises it",
    "request_key": "a name for this request: the same name and request give the same job, never a second one",
    "allow_duplicate": "pay again for a request like one that is still open",
    "dry_run": "check the request, show its price and exact content, and send nothing",
}
"""For people. The descriptions for assistants are much shorter, because they cost tokens in every conversation."""


def readme() -> str:
    """Return README.md with its generated parts brought up to date."""
    tools = tool_lists()["all"]
    models = sum(len(vendor.models) for vendor in OURS)
    counts = (
        f"- **{len(OURS)} vendors, {models} models**, each with its exact limits and, where the vendor publishes it, "
        "its price.\n  A request that a model cannot do is refused before money is spent, with a suggestion that "
        "would work."
    )
    return with_parts(
        "README.md",
        {
            "counts": counts,
            "clients": table(("Client", "`seedance-mcp config …`", "File"), map(_client_row, CLIENTS.values())),
            "tools": table(("Tool", "What it is for", "Takes"), map(_tool_row, tools)),
            "parameters": _parameters_table(tools),
            "vendors": table(vendor_pages.ENGLISH.head, vendor_pages.table_rows(OURS, vendor_pages.ENGLISH)),
        },
    )


def chinese_readme() -> str:
    """Return README.zh-CN.md with its generated parts brought up to date."""
    models = sum(len(vendor.models) for vendor in OURS)
    counts = (
        f"- **{len(OURS)} 家供应商,{models} 个模型**:每个模型的限制都逐条核对,供应商公布的价格也在其中。\n"
        "  模型做不到的请求在花钱之前就被拒绝,并给出可行的改法。"
    )
    return with_parts(
        "README.zh-CN.md",
        {
            "counts": counts,
            "clients": table(("客户端", "`seedance-mcp config …`", "配置文件"), map(_client_row, CLIENTS.values())),
            "vendors": table(vendor_pages.CHINESE.head, vendor_pages.table_rows(OURS, vendor_pages.CHINESE)),
        },
    )


def _client_row(client: Client) -> tuple[str, str, str]:
    return client.name, code(client.slug), code(_file(client)) if client.file else code("claude mcp add")


def _file(client: Client) -> str:
    return client.file.replace("{apps}", "<settings of programs>")


def clients_page() -> str:
    """Return docs/clients.md with what each client is given."""
    blocks = [
        f"## {c.name}\n\n`seedance-mcp config {c.slug}`" + (f", in `{_file(c)}`" if c.file else "")
        + f":\n\n```{c.syntax}\n{snippet(c, PUBLISHED)}\n```"
        for c in CLIENTS.values()
    ]  # fmt: skip
    return with_parts("docs/clients.md", {"clients": "\n\n".join(blocks)})


def settings_page() -> str:
    """Return docs/settings.md with the table of settings."""
    rows = map(_setting_row, every_setting())
    return with_parts("docs/settings.md", {"settings": table(("Setting", "Meaning", "Default"), rows)})


def commands_page() -> str:
    """Return docs/commands.md with the table of commands."""
    rows = ((code(usage), help_) for usage, help_ in commands())
    return with_parts("docs/commands.md", {"commands": table(("Command", "What it does"), rows)})


def sandbox_page() -> str:
    """Return docs/sandbox.md with the table of behaviours."""
    rows = ((code(b.usage), b.help) for b in BEHAVIOURS)
    return with_parts("docs/sandbox.md", {"behaviours": table(("Behaviour", "What happens"), rows)})


def vendors_page() -> str:
    """Return docs/vendors.md with what is known of each vendor."""
    return with_parts("docs/vendors.md", {"vendors": vendor_pages.page(OURS)})


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
    return code(name), f"{tool['description'].partition('. ')[0]}.", takes_


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


def _setting_row(setting: Setting) -> tuple[str, str, str]:
    default = setting.default_text or (code(setting.default) if setting.default else "–")
    return code(setting.name), setting.help, default
