"""`seedance-mcp keys`: a key that is stored once is read by servers and commands."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from seedance_mcp.settings import load
from tests.cli.command import run

KEY = "sk-live-0123456789"


class Drawer(KeyringBackend):
    """A keyring in memory."""

    priority = 1  # pyright: ignore[reportAssignmentType]  (a property of the class, by the library's design)

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked
        return self.keys.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise KeyringLocked
        self.keys[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.keys[service, username]


@pytest.fixture
def drawer() -> Generator[Drawer]:
    before, drawer = keyring.get_keyring(), Drawer()
    keyring.set_keyring(drawer)
    yield drawer
    keyring.set_keyring(before)


def file_of(folder: Path) -> Path:
    return folder / "settings.env"


def environment(folder: Path) -> dict[str, Any]:
    return {"SEEDANCE_SETTINGS_FILE": str(file_of(folder))}


def test_a_key_is_stored_in_a_private_file_that_server_and_commands_read(tmp_path: Path) -> None:
    env = environment(tmp_path)
    stored = run(tmp_path, "keys", "set", "ope", "--file", sandbox=False, typed=f"{KEY}\n", **env)
    assert (stored.code, stored.out) == (
        0,
        f"The key for OPE.AI is in {file_of(tmp_path)}, which only you can read.\n",
    )
    assert "restart your client" in stored.err
    assert KEY not in stored.out + stored.err
    if sys.platform != "win32":
        assert stat.S_IMODE(file_of(tmp_path).stat().st_mode) == 0o600
    settings = load(env)
    assert settings.keys["ope"].get_secret_value() == KEY
    assert settings.sources["SEEDANCE_OPE_API_KEY"] == str(file_of(tmp_path))
    listed = run(tmp_path, "keys", sandbox=False, **env)
    assert f"ope          {file_of(tmp_path)}" in listed.out
    assert KEY not in listed.out + listed.err
    assert f"Settings file: {file_of(tmp_path)}" in listed.err
    report = json.loads(run(tmp_path, "doctor", "--offline", "--json", sandbox=False, **env).out)
    assert report["settings"]["SEEDANCE_OPE_API_KEY"] == {"value": "set", "source": str(file_of(tmp_path))}
    assert report["problems"] == []


def test_the_environment_takes_precedence(tmp_path: Path) -> None:
    file_of(tmp_path).write_text(f"# mine\nexport SEEDANCE_OPE_API_KEY='{KEY}'\nSEEDANCE_MAX_COST = 2.50\n")
    settings = load(environment(tmp_path) | {"SEEDANCE_OPE_API_KEY": "sk-other", "SEEDANCE_MAX_COST": ""})
    assert settings.keys["ope"].get_secret_value() == "sk-other"
    assert settings.max_cost == 2_500_000
    settings = load(environment(tmp_path) | {"SEEDANCE_OPE_API_KEY": "${OPE_KEY}"})
    assert settings.keys["ope"].get_secret_value() == KEY
    env: dict[str, Any] = environment(tmp_path) | {"SEEDANCE_OPE_API_KEY": "sk-other"}
    run_again = run(tmp_path, "keys", "set", "ope", "--file", sandbox=False, typed="sk-third", **env)
    assert "SEEDANCE_OPE_API_KEY is set in this environment and takes precedence here." in run_again.err
    assert file_of(tmp_path).read_text() == "# mine\nSEEDANCE_MAX_COST = 2.50\nSEEDANCE_OPE_API_KEY=sk-third\n"


def test_a_key_is_stored_in_the_keyring_if_there_is_one(tmp_path: Path, drawer: Drawer) -> None:
    env = environment(tmp_path)
    stored = run(tmp_path, "keys", "set", "12ai", sandbox=False, typed=f"{KEY}\n", **env)
    assert stored.out == "The key for 12AI is in the system's keyring.\n"
    assert KEY not in file_of(tmp_path).read_text()
    assert drawer.keys == {("seedance-mcp", "SEEDANCE_TWELVEAI_API_KEY"): KEY}
    settings = load(env)
    assert settings.keys["12ai"].get_secret_value() == KEY
    assert settings.sources["SEEDANCE_TWELVEAI_API_KEY"] == "keyring"
    removed = run(tmp_path, "keys", "remove", "12ai", sandbox=False, **env)
    assert (removed.code, drawer.keys) == (0, {})
    assert load(env).vendors == ()
    assert run(tmp_path, "keys", "remove", "12ai", sandbox=False, **env).code == 1


def test_a_keyring_that_is_locked_is_a_fault_with_a_next_step(tmp_path: Path, drawer: Drawer) -> None:
    env = environment(tmp_path)
    run(tmp_path, "keys", "set", "ope", sandbox=False, typed=KEY, **env)
    drawer.locked = True
    result = run(tmp_path, "videos", sandbox=False, **env)
    assert result.code == 1
    assert "the keyring cannot be read (KeyringLocked). Run `seedance-mcp keys set VENDOR` again, with --file" in (
        result.err
    )
    again = run(tmp_path, "keys", "set", "ope", sandbox=False, typed=KEY, **env)
    assert "The keyring refused the key (KeyringLocked), so the settings file gets it." in again.err
    assert load(env).keys["ope"].get_secret_value() == KEY


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "The key is empty. Nothing was stored."),
        ("your-key", "The key is a placeholder"),
        (f'"{KEY}"', "The key is in quotation marks"),
        (f"Bearer {KEY}", 'The key begins with "Bearer "'),
        ("two words", "The key has characters that an HTTP header cannot carry."),
    ],
)
def test_what_cannot_be_a_key_is_not_stored(tmp_path: Path, typed: str, sentence: str) -> None:
    result = run(tmp_path, "keys", "set", "ope", "--file", typed=typed, **environment(tmp_path))
    assert result.code == 1
    assert sentence in result.err
    assert KEY not in result.err
    assert not file_of(tmp_path).exists()


def test_a_vendor_that_does_not_exist_is_answered_with_the_closest(tmp_path: Path) -> None:
    result = run(tmp_path, "keys", "set", "jimyai", typed=KEY)
    assert result.err == "seedance-mcp: There is no vendor 'jimyai'. Did you mean jimmyai?\n"


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    file_of(tmp_path).mkdir()
    for arguments in (("videos",), ("keys", "set", "ope", "--file")):
        result = run(tmp_path, *arguments, typed=KEY, **environment(tmp_path))
        assert result.code == 1
        assert f"The settings file {file_of(tmp_path)} cannot be " in result.err
