"""Settings: what is read, where it comes from, and the errors about what cannot be used."""

from __future__ import annotations

import os
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from seedance_mcp.addresses import is_loopback
from seedance_mcp.errors import SettingError
from seedance_mcp.settings import SETTINGS, every_setting, load, vendor_settings
from seedance_mcp.vendors import known_vendors
from tests.about import ABOUT

KEY = "sk-test-123456"
ENV_NAMES = {slug: about.environment for slug, about in ABOUT.items()}


def load_error(**environ: str) -> str:
    """Load settings that cannot be used; return the sentence of the error."""
    with pytest.raises(SettingError) as caught:
        load(environ)
    assert caught.value.code == "setting"
    return caught.value.sentence


def test_without_any_setting_nothing_is_configured() -> None:
    settings = load({})
    assert settings.vendors == ()
    assert settings.models == ()
    assert not settings.sandbox
    assert settings.autosave
    assert settings.sources == {}
    assert (settings.max_cost, settings.daily_budget, settings.confirm_above, settings.max_open_jobs) == (None,) * 4


@pytest.mark.parametrize("slug", ENV_NAMES)
def test_a_key_configures_only_its_vendor(slug: str) -> None:
    settings = load({f"SEEDANCE_{ENV_NAMES[slug]}_API_KEY": f"  {KEY}\n"})
    assert [v.slug for v in settings.vendors] == [slug]
    assert settings.keys[slug].get_secret_value() == KEY
    assert settings.sources == {f"SEEDANCE_{ENV_NAMES[slug]}_API_KEY": "environment"}
    assert {m.vendor for m in settings.models} == {slug}


def test_a_base_url_alone_configures_no_vendor() -> None:
    settings = load({"SEEDANCE_OPE_BASE_URL": "https://proxy.example.com/ope/"})
    assert settings.vendors == ()
    assert settings.base_urls["ope"] == "https://proxy.example.com/ope"


def test_the_default_base_urls_are_those_the_vendors_document() -> None:
    assert load({}).base_urls == {slug: about.base_url for slug, about in ABOUT.items()}


def test_a_key_can_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n", "utf-8")
    settings = load({"SEEDANCE_TWELVEAI_API_KEY_FILE": str(file)})
    assert settings.keys["12ai"].get_secret_value() == KEY
    assert settings.sources["SEEDANCE_TWELVEAI_API_KEY"] == str(file)


def test_a_key_takes_precedence_over_a_key_file(tmp_path: Path) -> None:
    settings = load({"SEEDANCE_OPE_API_KEY": KEY, "SEEDANCE_OPE_API_KEY_FILE": str(tmp_path / "missing")})
    assert settings.keys["ope"].get_secret_value() == KEY


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        *((None, "cannot read"), (b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "cannot read")),
        (b"k" * 100_000, "too large"),
    ],
)
def test_a_key_file_without_a_key_is_an_error(tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    sentence = load_error(SEEDANCE_OPE_API_KEY_FILE=str(file))
    assert sentence.startswith("SEEDANCE_OPE_API_KEY_FILE: ")
    assert problem in sentence


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes are another thing on Windows")
@pytest.mark.parametrize("name", ["SEEDANCE_OPE_API_KEY_FILE", "SEEDANCE_PRICES", "SEEDANCE_SETTINGS_FILE"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_file_of_settings_that_would_never_end_is_not_waited_for(tmp_path: Path, name: str, kind: str) -> None:
    file = Path("/dev/zero")
    if kind == "pipe":
        file = tmp_path / "pipe"
        os.mkfifo(file)
    sentence = load_error(**{name: str(file)})
    assert name in sentence or str(file) in sentence


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel", "tab\tbed", "sk-\u200b1234567"])
def test_a_key_that_an_http_header_cannot_carry_is_refused_without_being_shown(key: str) -> None:
    assert load_error(SEEDANCE_OPE_API_KEY=key) == (
        "SEEDANCE_OPE_API_KEY has characters that an HTTP header cannot carry."
    )


def test_the_repr_of_settings_contains_no_key() -> None:
    settings = load({"SEEDANCE_OPE_API_KEY": KEY})
    assert KEY not in repr(settings)
    assert KEY not in str(settings.keys)


@pytest.mark.parametrize("value", ["${user_config.ope_key}", "${SEEDANCE_OPE_API_KEY}", "", "   "])
def test_a_placeholder_that_the_client_did_not_fill_in_counts_as_unset(value: str) -> None:
    settings = load({"SEEDANCE_OPE_API_KEY": value, "SEEDANCE_SAVE": value, "SEEDANCE_SANDBOX": value})
    assert settings.vendors == ()
    assert settings.autosave
    assert not settings.sandbox
    assert settings.sources == {}
    assert set(settings.unfilled) == (
        {"SEEDANCE_OPE_API_KEY", "SEEDANCE_SAVE", "SEEDANCE_SANDBOX"} if value.strip() else set()
    )


def test_a_key_file_with_a_placeholder_counts_as_unset_and_is_named() -> None:
    settings = load({"SEEDANCE_OPE_API_KEY_FILE": "${user_config.key_file}"})
    assert (settings.vendors, settings.unfilled) == ((), ("SEEDANCE_OPE_API_KEY_FILE",))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEEDANCE_STATE_DIR", "${HOME}/state"),
        ("SEEDANCE_OUTPUT_DIR", "${HOME}/videos"),
        ("SEEDANCE_MEDIA_ROOTS", "/images:${env:HOME}/more"),
        ("SEEDANCE_OPE_API_KEY_FILE", "${HOME}/key"),
        ("SEEDANCE_OPE_BASE_URL", "https://${HOST}/v1"),
        ("SEEDANCE_OPE_BASE_URL", "${OPE_URL}"),
        ("SEEDANCE_UPLOAD_URL", "s3://${BUCKET}/videos"),
    ],
)
def test_a_value_of_which_a_part_is_missing_is_an_error_and_not_dropped(name: str, value: str) -> None:
    assert load_error(**{name: value}) == f"{name} holds a placeholder that the client did not fill in."


def test_a_key_of_which_a_part_is_missing_is_an_error_and_not_shown() -> None:
    error = load_error(SEEDANCE_OPE_API_KEY="sk-123-${REST}")
    assert error == "SEEDANCE_OPE_API_KEY holds a placeholder that the client did not fill in."


@pytest.mark.parametrize(
    "name", ["SEEDANCE_MAX_COST", "SEEDANCE_DAILY_BUDGET", "SEEDANCE_CONFIRM_ABOVE", "SEEDANCE_MAX_OPEN_JOBS"]
)
@pytest.mark.parametrize("value", ["${env:CAP}", "${input:cap}", "${CAP:-2}", "$${CAP}"])
def test_a_cap_with_a_placeholder_that_the_client_did_not_fill_in_is_an_error(name: str, value: str) -> None:
    assert load_error(**{name: value}) == f"{name} holds a placeholder that the client did not fill in."


def test_a_cap_that_is_empty_counts_as_unset() -> None:
    assert load({"SEEDANCE_MAX_COST": "  "}).max_cost is None


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    unusable = {
        "SEEDANCE_SANDBOX": "maybe",
        "SEEDANCE_SAVE": "always",
        "SEEDANCE_MAX_COST": "much",
        "SEEDANCE_DAILY_BUDGET": "-1",
        "SEEDANCE_CONFIRM_ABOVE": "NaN",
        "SEEDANCE_MAX_OPEN_JOBS": "2.5",
        "SEEDANCE_ALLOW_UNPRICED": "2",
        "SEEDANCE_PRICES": "{",
        "SEEDANCE_RETENTION_DAYS": "a week",
        "SEEDANCE_POLL_INTERVAL": "Infinity",
        "SEEDANCE_LOG": "loud",
        "SEEDANCE_OPE_API_KEY": "two words",
        "SEEDANCE_JIMMYAI_API_KEY_FILE": str(tmp_path / "missing"),
        "SEEDANCE_AIGPTIMAGE_BASE_URL": "http://aigptimage.com",
        "SEEDANCE_TWELVEAI_BASE_URL": "ftp://cdn.12ai.org",
    }
    sentence = load_error(**unusable)
    for name in unusable:
        assert name in sentence


@pytest.mark.parametrize("name", ["SEEDANCE_MAX_COST", "SEEDANCE_DAILY_BUDGET", "SEEDANCE_CONFIRM_ABOVE"])
@pytest.mark.parametrize(
    ("value", "micros"), [("2.50", 2_500_000), ("$2", 2_000_000), ("0", 0), ("0.29", 290_000), (" 1.13 ", 1_130_000)]
)
def test_amounts_are_exact(name: str, value: str, micros: int) -> None:
    settings = load({name: value})
    assert getattr(settings, name.removeprefix("SEEDANCE_").lower()) == micros


@pytest.mark.parametrize("name", ["SEEDANCE_MAX_OPEN_JOBS", "SEEDANCE_RETENTION_DAYS"])
def test_counts_are_whole_numbers(name: str) -> None:
    assert getattr(load({name: "3"}), name.removeprefix("SEEDANCE_").lower()) == 3
    for value in ("2.5", "-1", "three", "NaN"):
        assert load_error(**{name: value}) == f"{name} must be a whole number."


@pytest.mark.parametrize("yes", ["1", "true", "YES", "on"])
@pytest.mark.parametrize("no", ["0", "False", "no", "OFF", ""])
def test_flags_have_several_spellings(yes: str, no: str) -> None:
    assert load({"SEEDANCE_ALLOW_UNPRICED": yes}).allow_unpriced
    assert not load({"SEEDANCE_ALLOW_UNPRICED": no}).allow_unpriced


def test_a_check_may_wait_1_to_50_seconds() -> None:
    assert load({}).max_wait == 50
    assert load({"SEEDANCE_MAX_WAIT": "1"}).max_wait == 1
    for value in ("0", "51"):
        assert load_error(SEEDANCE_MAX_WAIT=value) == f"SEEDANCE_MAX_WAIT must be 1 to 50 seconds, not {value}."


def test_seconds_may_have_a_fraction() -> None:
    assert load({"SEEDANCE_POLL_INTERVAL": "0.5"}).poll_interval == 0.5


# -- base URLs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/v2",
        "http://localhost:8080/ope",
        "http://127.0.0.1:8080",
        "http://127.8.9.10",
        "http://[::1]:8080",
    ],
)
def test_a_vendor_can_have_another_base_url(url: str) -> None:
    assert load({"SEEDANCE_OPE_BASE_URL": url}).base_urls["ope"] == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://127.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://2130706433",
        "http://0x7f.0.0.1",
        "http://[::ffff:10.0.0.1]",
        "ftp://localhost",
        "file:///etc/passwd",
        "example.com",
        "https://",
        "https://[",
        "https://user@example.com",
        "https://user:secret-word@example.com",
        "https://:secret-word@example.com",
        "https://example.com:99999",
        "https://example.com?key=secret-word",
    ],
)
def test_a_base_url_that_would_expose_the_key_is_refused(url: str) -> None:
    sentence = load_error(SEEDANCE_OPE_BASE_URL=url)
    assert sentence.startswith("SEEDANCE_OPE_BASE_URL must ")
    assert "secret-word" not in sentence


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("127.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("128.0.0.1", False),
        ("::2", False),
        ("", False),
        ("example.com", False),
    ],
)
def test_only_hosts_that_can_only_mean_this_machine_are_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


# -- prices -------------------------------------------------------------------------------------------------------

PRICES = (
    '{"jimmyai": {"usd_per_unit": 0.14}, '
    '"12ai/seedance-2-official": {"per": "second", "unit": "USD", "rates": {"480p": 0.05, "720p": 0.1}}}'
)


def test_prices_can_be_given_in_place(tmp_path: Path) -> None:
    settings = load({"SEEDANCE_PRICES": PRICES})
    assert settings.prices["jimmyai"].usd_per_unit == Decimal("0.14")
    official = settings.prices["12ai/seedance-2-official"]
    assert (official.per, official.unit) == ("second", "USD")
    assert official.rates == {"480p": Decimal("0.05"), "720p": Decimal("0.1")}


def test_prices_can_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text(PRICES, "utf-8")
    assert load({"SEEDANCE_PRICES": str(file)}).prices == load({"SEEDANCE_PRICES": PRICES}).prices


@pytest.mark.parametrize(
    "prices",
    [
        "{",
        "{}{}",
        "/no/such/file.json",
        "~no-such-user/prices.json",
        '{"ope": 5}',
        '{"ope": null}',
        '{"ope": []}',
        '{"ope": {"price": 5}}',
        '{"ope": {"usd_per_unit": "5"}}',
        '{"ope": {"usd_per_unit": -1}}',
        '{"ope": {"usd_per_unit": NaN}}',
        '{"ope": {"usd_per_unit": 1000001}}',
        '{"ope": {"rates": 1e400}}',
        '{"ope": {"usd_per_unit": Infinity}}',
        '{"ope": {"usd_per_unit": true}}',
        '{"ope": {"rates": {"480p": "cheap"}}}',
        '{"ope": {"rates": {"480p": null}}}',
        '{"ope": {"rates": [1]}}',
        '{"ope": {"per": "minute"}}',
        '{"ope": {"per": []}}',
        '{"ope": {"unit": 5}}',
    ],
)
def test_prices_that_cannot_be_used_are_an_error(prices: str) -> None:
    assert load_error(SEEDANCE_PRICES=prices).startswith(
        "SEEDANCE_PRICES must be JSON in the form that the README shows ("
    )


# -- models -------------------------------------------------------------------------------------------------------


def test_what_the_operator_says_about_models_is_in_force(tmp_path: Path) -> None:
    said = '{"ope": {"duration": {"most": 7}}, "ark/2.0": {"endpoint": "ep-1"}}'
    file = tmp_path / "models.json"
    file.write_text(said, "utf-8")
    for value in (said, str(file)):
        settings = load({"SEEDANCE_SANDBOX": "1", "SEEDANCE_MODELS": value})
        assert settings.model("ark/2.0").wire == "ep-1"
        assert settings.model("ope/seedance-2-0").rows["duration"].problem(8)
        assert settings.model("ark/2.0-fast") is next(m for m in known_vendors()["ark"].models if m.name == "2.0-fast")


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ('{"nobody": {}}', "SEEDANCE_MODELS: one entry is neither a vendor nor a model"),
        ('{"ope": {"duration": true}}', "SEEDANCE_MODELS: ope/seedance-2-0 duration cannot be changed so"),
        ("{", "SEEDANCE_MODELS must be JSON in the form that the README shows"),
        ('{"ope": 5}', "SEEDANCE_MODELS must be JSON in the form that the README shows"),
    ],
)
def test_models_that_cannot_be_changed_so_are_an_error(said: str, problem: str) -> None:
    assert load_error(SEEDANCE_MODELS=said).startswith(problem)


# -- folders and the sandbox --------------------------------------------------------------------------------------


def test_folders_may_begin_with_a_tilde(tmp_path: Path) -> None:
    settings = load({"SEEDANCE_OUTPUT_DIR": "~/videos", "SEEDANCE_STATE_DIR": "~/state"})
    assert settings.output_dir == tmp_path / "videos"
    assert settings.state_dir == tmp_path / "state"


@pytest.mark.parametrize("name", ["SEEDANCE_STATE_DIR", "SEEDANCE_OUTPUT_DIR", "SEEDANCE_OPE_API_KEY_FILE"])
def test_a_home_folder_that_does_not_exist_is_an_error(name: str) -> None:
    assert load_error(**{name: "~no-such-user/x"}).startswith(f"{name}: ")


def test_the_default_folders_are_in_the_users_home(tmp_path: Path) -> None:
    settings = load({})
    assert settings.state_dir.is_relative_to(tmp_path)
    assert settings.output_dir.is_relative_to(tmp_path)
    assert settings.output_dir.name == "Seedance"


def test_loading_creates_no_folder(tmp_path: Path) -> None:
    load({"SEEDANCE_STATE_DIR": str(tmp_path / "a"), "SEEDANCE_OUTPUT_DIR": str(tmp_path / "b")})
    assert list(tmp_path.iterdir()) == []


def test_the_sandbox_configures_every_vendor_and_uses_no_real_key(tmp_path: Path) -> None:
    settings = load({"SEEDANCE_SANDBOX": "1", "SEEDANCE_OPE_API_KEY": KEY, "SEEDANCE_STATE_DIR": str(tmp_path)})
    assert [v.slug for v in settings.vendors] == list(ENV_NAMES)
    assert {key.get_secret_value() for key in settings.keys.values()} == {"key-of-the-sandbox"}
    assert settings.models == tuple(m for v in known_vendors().values() for m in v.models)


def test_the_sandbox_has_its_own_journal(tmp_path: Path) -> None:
    real = load({"SEEDANCE_STATE_DIR": str(tmp_path)})
    play = load({"SEEDANCE_STATE_DIR": str(tmp_path), "SEEDANCE_SANDBOX": "1"})
    assert real.state_dir == tmp_path
    assert play.state_dir != real.state_dir
    assert load({"SEEDANCE_STATE_DIR": str(tmp_path)}, sandbox=True).state_dir == play.state_dir


def test_each_setting_has_one_name_and_a_description() -> None:
    names = [setting.name for setting in every_setting()]
    assert len(names) == len(set(names)) == len(SETTINGS) + 3 * len(known_vendors())
    assert all(name.startswith("SEEDANCE_") for name in names)
    assert all(setting.help.endswith(".") or setting.kind == "prices" for setting in every_setting())
    for slug, name in ENV_NAMES.items():
        key, file, url = vendor_settings(known_vendors()[slug])
        assert (key.name, file.name, url.name) == tuple(
            f"SEEDANCE_{name}_{what}" for what in ("API_KEY", "API_KEY_FILE", "BASE_URL")
        )
        assert key.secret


# -- what a refusal says ------------------------------------------------------------------------------------------


def refusal(name: str, value: str) -> str:
    """Return all that the error about a setting holds; empty if the setting can be used."""
    try:
        load({name: value})
    except SettingError as error:
        return f"{error} {error.__cause__} {error.__context__}"
    return ""


NAMES = [s.name for s in every_setting() if not s.name.endswith("_API_KEY")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["sk-secret-0123", "~sk-secret-0123/x", "s3://sk-secret-0123?sk-secret-0123=1"])
def test_a_refused_setting_never_repeats_its_value(name: str, value: str) -> None:
    said = refusal(name, value)
    assert "secret" not in said
    assert not said or name in said


def test_a_text_is_refused_by_every_setting_with_a_form_of_its_own() -> None:
    accept_any_text = {"SEEDANCE_OUTPUT_DIR", "SEEDANCE_STATE_DIR", "SEEDANCE_SETTINGS_FILE"}
    assert {name for name in NAMES if not refusal(name, "sk-secret-0123")} <= accept_any_text


@pytest.mark.parametrize(
    "prices",
    ['{"sk-secret": 1}', '{"x": {"sk-secret": 1}}', '{"sk-secret": {"per": "sk-secret"}}', '{"sk-secret"', "[]"],
)
def test_refused_prices_are_named_by_their_number(prices: str) -> None:
    assert "secret" not in refusal("SEEDANCE_PRICES", prices)
