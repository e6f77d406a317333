"""Run agents and MCP clients against the sandbox server, each from its registry and with a scripted model on loopback.

    uv run python scripts/clients.py            all of them
    uv run python scripts/clients.py NAME ...   those whose names begin so; the other rows of the table stay
    uv run python scripts/clients.py --short    a few that are quickly installed; docs/clients.md is left alone

Each has an environment of its own in the folder SEEDANCE_CLIENTS (a cache folder of the user), and is run as an agent:
it lists the tools, creates a video, checks it, gives each result back to the model, and tells the user the path. One
that cannot be had is skipped, and the reason is said; the exit code is 1 if one that could be had does not work. The
table in docs/clients.md is written anew.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.installing import CACHE, NotHadError, with_npm, with_uv  # noqa: E402  (found by the line above)
from scripts.measured import record  # noqa: E402  (as above)
from tests.clients import agents  # noqa: E402  (as above)

LONGEST_INSTALL, LONGEST_SHORT = 900, 90
"""Seconds that one installation may take, and in the short form."""
WORKS, LISTS = "whole", "tools listed"
SHORT = ("OpenAI Agents, as in frameworks.md", "Pydantic AI, as in frameworks.md", "MCP Inspector")
_HERE = Path(__file__).parent / "agents"


@dataclass(frozen=True)
class Client:
    """One row of the table."""

    name: str
    packages: tuple[str, ...]
    """What is installed; the version of the first is shown."""
    command: tuple[str, ...]
    """What is run; {model} is the model's address, {folder} an empty folder."""
    node: bool = False
    files: Mapping[str, object] = field(default_factory=dict[str, object])
    """Settings in its folder: JSON, or a text."""
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    env: str = ""
    """The environment, where several rows share one."""
    judge: Callable[[agents.Run], str] = lambda run: run.problem


def _python(name: str, script: str, packages: str, *arguments: str, env: str = "") -> Client:
    return Client(name, tuple(packages.split()), (str(_HERE / f"{script}.py"), *arguments), env=env or script)


def _snippet(name: str, env: str, packages: str) -> Client:
    return Client(f"{name}, as in frameworks.md", tuple(packages.split()), ("-c", agents.snippets()[name]), env=env)


def _lists(run: agents.Run) -> str:
    """Judge a client that only lists the tools."""
    return "" if run.code == 0 and '"create_video"' in run.stdout else (run.stderr + run.stdout).strip()[-160:]


LANGCHAIN = "langchain-mcp-adapters langchain langchain-openai langchain-anthropic langchain-google-genai"
OPENAI = "openai-agents"
PYDANTIC = "pydantic-ai-slim[openai,mcp]"
ASKED = "Make a video of a fox"
SERVER = {"command": "seedance-mcp", "args": list[str]()}
SERVERS = {"mcpServers": {"seedance": SERVER}}
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
INSPECT = ("mcp-inspector", "--cli", "seedance-mcp", "--connect-timeout", "60000")
CODEX = """model_provider = "scripted"
model = "gpt-5"
[model_providers.scripted]
name = "scripted"
base_url = "{model}/v1"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
[mcp_servers.seedance]
command = "seedance-mcp"
default_tools_approval_mode = "approve"
required = true
startup_timeout_sec = 60
"""
OPENCODE = {
    "provider": {
        "scripted": {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": "{model}/v1", "apiKey": "for-tests"},
            "models": {"scripted": {"tool_call": True}},
        }
    },
    "model": "scripted/scripted",
    "small_model": "scripted/scripted",
    "mcp": {"seedance": {"type": "local", "command": ["seedance-mcp"], "timeout": 60000}},
}
CLAUDE = ("claude", "-p", ASKED, "--mcp-config", "{folder}/mcp.json", "--strict-mcp-config")

CLIENTS = (
    _python("LangChain, OpenAI chat", "langchain_agent", LANGCHAIN, "openai", env="langchain"),
    _python("LangChain, OpenAI responses", "langchain_agent", LANGCHAIN, "responses", env="langchain"),
    _python("LangChain, Anthropic", "langchain_agent", LANGCHAIN, "anthropic", env="langchain"),
    _python("LangChain, Gemini", "langchain_agent", LANGCHAIN, "google", env="langchain"),
    _snippet("LangChain", "langchain", LANGCHAIN),
    _python("OpenAI Agents, chat", "openai_agents_agent", OPENAI, "chat", env="openai-agents"),
    _python("OpenAI Agents, responses", "openai_agents_agent", OPENAI, "responses", env="openai-agents"),
    _snippet("OpenAI Agents", "openai-agents", OPENAI),
    _python("Pydantic AI, OpenAI chat", "pydantic_ai_agent", PYDANTIC, "chat", env="pydantic-ai"),
    _python("Pydantic AI, OpenAI responses", "pydantic_ai_agent", PYDANTIC, "responses", env="pydantic-ai"),
    _snippet("Pydantic AI", "pydantic-ai", PYDANTIC),
    _python("FastMCP client", "fastmcp_client", "fastmcp", env="fastmcp"),
    _python("smolagents", "smolagents_agent", "smolagents[mcp,openai] mcp<2 websockets", env="smolagents"),
    _python("Haystack", "haystack_agent", "mcp-haystack haystack-ai", env="haystack"),
    _python("Agno", "agno_agent", "agno fastmcp>=4,<5 openai", env="agno"),
    _python("Strands", "strands_agent", "strands-agents[openai]", env="strands"),
    _python(
        "LlamaIndex", "llama_index_agent", "llama-index-tools-mcp llama-index-core llama-index-llms-openai-like",
        env="llama-index",
    ),
    _python("AutoGen", "autogen_agent", "autogen-ext[openai,mcp] autogen-agentchat mcp<2", env="autogen"),
    _python("Semantic Kernel", "semantic_kernel_agent", "semantic-kernel[mcp]", env="semantic-kernel"),
    _python("Google ADK, Gemini", "google_adk_agent", "google-adk mcp", env="google-adk"),
    _python("CrewAI", "crewai_agent", "crewai crewai-tools[mcp]", env="crewai"),
    Client(
        "MCP Inspector, strict, 2025-11-25", (INSPECTOR, "node@22"),
        (*INSPECT, "--method", "tools/list", "--strict"),
        node=True, env="inspector", judge=_lists,
    ),
    Client(
        "MCP Inspector, strict, 2026-07-28", (INSPECTOR, "node@22"),
        (*INSPECT, "--protocol-era", "modern", "--method", "tools/list", "--strict"),
        node=True, env="inspector", judge=_lists,
    ),
    Client(
        "TypeScript SDK", ("@modelcontextprotocol/sdk",), ("node", "{folder}/client.mjs"),
        node=True, env="typescript", files={"client.mjs": (_HERE / "typescript_sdk.mjs").read_text("utf-8")},
    ),
    Client(
        "Claude Code", ("@anthropic-ai/claude-code@latest", "node@22"), (*CLAUDE, "--allowedTools", "mcp__seedance"),
        node=True, env="claude-code", files={"mcp.json": SERVERS},
        environ={
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "ENABLE_TOOL_SEARCH": "false",
        },
    ),
    Client(
        "Codex", ("@openai/codex",), ("codex", "exec", "--skip-git-repo-check", ASKED),
        node=True, env="codex", files={".codex/config.toml": CODEX},
    ),
    Client(
        "Gemini CLI", ("@google/gemini-cli",), ("gemini", "--yolo", "-m", "gemini-2.5-pro", "-p", ASKED),
        node=True, env="gemini-cli", environ={"GEMINI_CLI_TRUST_WORKSPACE": "true"},
        files={
            ".gemini/settings.json": SERVERS
            | {"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False}}
        },
    ),
    Client(
        "opencode", ("opencode-ai",), ("opencode", "run", ASKED),
        node=True, env="opencode", files={"opencode.json": OPENCODE},
    ),
    Client(
        "Qwen Code", ("@qwen-code/qwen-code@latest", "node@22"),
        ("qwen", "--yolo", "--auth-type", "openai", "-p", ASKED),
        node=True, env="qwen-code", environ={"OPENAI_MODEL": "scripted"},
        files={".qwen/settings.json": SERVERS | {"privacy": {"usageStatisticsEnabled": False}}},
    ),
)  # fmt: skip


# -- running ------------------------------------------------------------------------------------------------------


def ran(client: Client, longest_install: float) -> tuple[str, str, str]:
    """Run a client; return its version, the protocol revision that it spoke, and what became of it."""
    try:
        version = (with_npm if client.node else with_uv)(CACHE / client.env, client.packages, longest_install)
    except NotHadError as error:
        return "–", "–", f"skipped, because it cannot be had: {error}"
    environment = CACHE / client.env
    environ = dict(client.environ)
    command = client.command
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if client.node:
            environ["PATH"] = f"{environment / 'node_modules' / '.bin'}:{folder}:{os.environ['PATH']}"
            (folder / "node_modules").symlink_to(environment / "node_modules")
        else:
            command = (str(environment / "bin" / "python"), *command)
        for path, content in client.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content if isinstance(content, str) else json.dumps(content))
        run = agents.run(folder, command, environ)
        works = LISTS if client.judge is _lists else WORKS
        return version, run.revision or "–", client.judge(run) or works


def main(names: Sequence[str]) -> int:
    """Run the clients with these names, or all, and return the exit code."""
    short = list(names) == ["--short"]
    wanted = tuple(name.casefold() for name in (SHORT if short else names))
    chosen = [client for client in CLIENTS if not wanted or client.name.casefold().startswith(wanted)]
    rows: dict[str, tuple[str, str, str]] = {}
    limit = LONGEST_SHORT if short else LONGEST_INSTALL
    with ThreadPoolExecutor(len(SHORT) if short else 1) as pool:  # one at a time where it is to be measured
        for client, row in zip(chosen, pool.map(partial(ran, longest_install=limit), chosen), strict=True):
            rows[client.name] = row
            print(f"{client.name}: {', '.join(row)}", flush=True)
            if not short:
                record("measured", ("Client", "Version", "Protocol", "Outcome"), [c.name for c in CLIENTS], rows)
    return int(any(outcome not in {WORKS, LISTS} and version != "–" for version, _, outcome in rows.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
