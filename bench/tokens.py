"""What tools, answers and refusals cost a conversation, counted in cl100k tokens, beside servers that people use."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rs_bpe.bpe import openai  # type: ignore[import-untyped]  # the module has no types

from bench.peers import PEERS, installed
from bench.process import Server, text_of
from bench.report import Figure, Result, Skipped
from bench.startup import all_keys
from seedance_mcp.vendors import known_vendors

SECTION = "Tokens"
ALL = "all five vendors"
REFUSALS: dict[str, dict[str, Any]] = {
    "a duration that no model has": {"prompt": "a fox in the snow", "duration": 60},
    "a model that does not exist": {"prompt": "a fox in the snow", "model": "seedance-9"},
    "a cap that is too low": {"prompt": "a fox in the snow", "max_cost": 0.01},
}
_codec: Any = openai.cl100k_base()


def tokens(text: str) -> int:
    return len(_codec.encode(text))


def of_tools(tools: Sequence[Mapping[str, Any]]) -> int:
    """Count what clients give to a model: name, description and input schema of each tool."""
    return sum(tokens(t["name"] + t.get("description", "") + json.dumps(t["inputSchema"])) for t in tools)


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _server(folder: str, **env: str) -> Server:
    state = str(Path(tempfile.mkdtemp(dir=folder)))
    places = {"SEEDANCE_STATE_DIR": state, "SEEDANCE_OUTPUT_DIR": state, "HOME": state}
    server = Server([sys.executable, "-m", "seedance_mcp"], {**os.environ, **places, **env})
    server.hello()
    return server


def run(*, peers: bool = True) -> list[Result]:
    """Count everything once: the counts do not depend on the machine."""
    figures: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        keys = all_keys()
        for vendor in known_vendors().values():
            name = f"SEEDANCE_{vendor.env_name}_API_KEY"
            with _server(folder, **{name: keys[name]}) as server:
                count = of_tools(server.tools())
            figures.append(Figure(SECTION, f"tools/list, {vendor.name}", count, "tokens", 800, "budget"))
        with _server(folder, **keys) as server:
            ours = of_tools(server.tools())
            figures.append(Figure(SECTION, f"tools/list, {ALL}", ours, "tokens", 1200, "budget"))
        with _server(folder, SEEDANCE_SANDBOX="1", **keys) as server:
            figures += _answers(server)
    for peer in PEERS if peers else ():
        name = f"tools/list, {peer.name}"
        found = installed(peer)
        if isinstance(found, str):
            figures.append(Skipped(SECTION, name, found))
            continue
        with Server(*found) as server:
            try:
                server.hello()
                tools = server.tools()
            except (EOFError, ValueError) as error:
                figures.append(Skipped(SECTION, name, f"it does not start ({error})"))
                continue
        many = f"{name} ({len(tools)} tool{'s' * (len(tools) > 1)})"
        figures.append(Figure(SECTION, many, of_tools(tools), "tokens", ours, f"ours, {ALL}"))
    figures.append(Skipped(SECTION, "a video's conversation with the peers", "their sandboxes need accounts"))
    return figures


def _answers(server: Server) -> list[Result]:
    arguments = {"prompt": "a fox in the snow", "duration": 5, "resolution": "720p"}
    created = server.call("create_video", **arguments)
    job = {"job_id": created["structuredContent"]["job_id"], "wait_seconds": 45}
    said = [compact(arguments), text_of(created)]
    checks = 0
    while True:
        checks += 1
        checked = server.call("check_video", **job)
        said += [compact(job), text_of(checked)]
        if checked["structuredContent"]["state"] in {"succeeded", "failed", "expired", "cancelled", "unknown"}:
            break
    conversation = f"a video's conversation: create_video, {checks} check_video, result"
    listed = text_of(server.call("list_models"))
    narrow = text_of(server.call("list_models", duration=5, resolution="720p"))
    figures: list[Result] = [
        Figure(SECTION, conversation, sum(map(tokens, said)), "tokens", 600, "budget"),
        Figure(SECTION, f"list_models, {ALL}", tokens(listed), "tokens"),
        Figure(SECTION, "list_models for 5 s in 720p", tokens(narrow), "tokens"),
    ]
    figures += [
        Figure(SECTION, f"refusal: {name}", tokens(text_of(server.call("create_video", **asked))), "tokens")
        for name, asked in REFUSALS.items()
    ]
    return figures
