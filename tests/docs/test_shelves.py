"""What registries and clients read about this program is valid, and agrees with the table of settings."""

from __future__ import annotations

import dataclasses
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from scripts import bundle, shelves
from seedance_mcp.settings import Settings, every_setting, load

ROOT = Path(__file__).parent.parent.parent
NAMES = {setting.name for setting in every_setting()}


def read(name: str) -> Any:
    text = (ROOT / name).read_text("utf-8")
    return yaml.safe_load(text) if name.endswith((".yaml", ".yml")) else json.loads(text)


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("bundle/manifest.json", "mcpb-manifest-v0.4.schema.json"),
        ("plugin/plugin.json", "agent-plugins-1.0.0-plugin.schema.json"),
        ("plugin/mcp.json", "agent-plugins-1.0.0-mcp.schema.json"),
    ],
)
def test_a_manifest_is_valid(name: str, schema: str) -> None:
    validator: Any = jsonschema.Draft202012Validator(read(f"tests/schemas/{schema}"))
    assert [error.message for error in validator.iter_errors(read(name))] == []


def test_every_manifest_has_the_version_of_the_package() -> None:
    version = shelves.PROJECT["version"]
    names = ("bundle/manifest.json", "plugin/plugin.json", "plugin/.claude-plugin/plugin.json", "gemini-extension.json")
    assert {name: read(name)["version"] for name in names} == dict.fromkeys(names, version)
    assert read(".claude-plugin/marketplace.json")["metadata"]["version"] == version


def test_forms_ask_for_every_key_and_hide_it() -> None:
    keys = {s.name for s in every_setting() if s.secret}
    form = read("bundle/manifest.json")
    assert {n for n in form["server"]["mcp_config"]["env"] if n.endswith("_API_KEY")} == keys
    assert {f"SEEDANCE_{n.upper()}" for n, q in form["user_config"].items() if q.get("sensitive")} == keys
    assert {s["envVar"] for s in read("gemini-extension.json")["settings"] if s["sensitive"]} == keys


def in_force(environment: dict[str, str]) -> Settings:
    """Return the settings, without where they come from."""
    return dataclasses.replace(load(environment), values={}, sources={})


def test_a_form_that_is_left_empty_changes_no_setting(tmp_path: Path) -> None:
    form = read("bundle/manifest.json")
    env: dict[str, str] = {}
    for name, value in form["server"]["mcp_config"]["env"].items():
        (field,) = re.findall(r"^\$\{user_config\.(\w+)\}$", value)
        default = form["user_config"][field]["default"]
        env[name] = str(default).lower() if isinstance(default, bool) else default
    assert set(env) <= NAMES
    folder = {"SEEDANCE_STATE_DIR": str(tmp_path), "SEEDANCE_SETTINGS_FILE": str(tmp_path / "none")}
    assert in_force(env | folder) == in_force(folder)
    assert in_force(dict.fromkeys(env, "") | folder) == in_force(folder)


def test_compose_passes_every_setting_that_is_not_a_folder() -> None:
    service = read("compose.yaml")["services"]["seedance"]
    assert set(service["environment"]) <= NAMES
    assert all(value == f"${{{name}:-}}" for name, value in service["environment"].items())
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    assert set(re.findall(r"SEEDANCE_[A-Z_]+(?==/)", dockerfile)) == NAMES - set(service["environment"]) - {
        name for name in NAMES if name.endswith(("_KEY_FILE", "_SETTINGS_FILE", "_MEDIA_ROOTS"))
    }


def test_the_marketplace_leads_to_the_plugin_and_its_skill() -> None:
    (plugin,) = read(".claude-plugin/marketplace.json")["plugins"]
    folder = ROOT / plugin["source"]
    assert read(f"{plugin['source']}/.claude-plugin/plugin.json")["name"] == plugin["name"]
    (skill,) = folder.glob("skills/*/SKILL.md")
    head = yaml.safe_load(skill.read_text("utf-8").split("---")[1])
    assert head["name"] == skill.parent.name
    assert len(head["description"]) <= 1024
    servers = read(f"{plugin['source']}/.mcp.json")["mcpServers"]
    assert {name: [s["command"], *s["args"]] for name, s in servers.items()} == {"seedance": ["uvx", "seedance-mcp"]}


def test_the_bundle_is_the_package_and_the_same_each_time(tmp_path: Path) -> None:
    bundle.pack(tmp_path / "one")
    bundle.pack(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with zipfile.ZipFile(tmp_path / "one") as packed:
        names = set(packed.namelist())
        manifest = json.loads(packed.read("manifest.json"))
    assert manifest["server"]["entry_point"] in names
    assert {"pyproject.toml", "README.md", "LICENSE", "seedance_mcp/server/player.html"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("/", "tests"))]


def test_ci_tests_every_promised_python_on_three_systems() -> None:
    workflow = read(".github/workflows/ci.yml")
    matrix = workflow["jobs"]["tests"]["strategy"]["matrix"]
    promised = [c.rsplit(" ", 1)[1] for c in shelves.PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert matrix["python"] == promised
    assert [name.split("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]


def test_only_the_jobs_that_need_it_may_write() -> None:
    for name in ("ci", "release"):
        workflow = read(f".github/workflows/{name}.yml")
        assert workflow["permissions"] == {"contents": "read"}
    release = read(".github/workflows/release.yml")["jobs"]
    assert release["build"]["permissions"]["attestations"] == "write"
    assert release["publish"]["environment"] == "pypi"
