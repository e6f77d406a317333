"""Every setting, stated once: name, type, default and meaning. README.md and server.json are printed from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seedance_mcp.vendors import Vendor, known_vendors

Kind = Literal["text", "flag", "usd", "seconds", "whole", "path", "prices", "choice", "url"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable."""

    name: str
    help: str
    kind: Kind = "text"
    default: str = ""
    secret: bool = False
    choices: tuple[str, ...] = ()
    default_text: str = ""
    """A description of the default, where it is computed."""


LONGEST_WAIT = 50
"""Seconds that one check may wait; some clients give a whole call no more than 60."""

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "SEEDANCE_SETTINGS_FILE",
        "File with further settings, one NAME=value a line; the environment takes precedence. "
        "`seedance-mcp keys set` writes keys there.",
        "path",
        default_text="settings.env in your user configuration folder",
    ),
    Setting("SEEDANCE_SANDBOX", "1 = every vendor is an embedded fake: no key, no cost, no network.", "flag"),
    Setting(
        "SEEDANCE_OUTPUT_DIR", "Folder for finished videos.", "path", default_text="Seedance in your videos folder"
    ),
    Setting("SEEDANCE_STATE_DIR", "Folder of the job journal.", "path", default_text="your user state folder"),
    Setting(
        "SEEDANCE_SAVE",
        "Whether finished videos are downloaded: auto (yes on stdio, no on HTTP) or off.",
        "choice",
        "auto",
        choices=("auto", "off"),
    ),
    Setting("SEEDANCE_MAX_COST", "Maximum cost of one video, in USD.", "usd"),
    Setting("SEEDANCE_DAILY_BUDGET", "Maximum spent or reserved in one day, in USD, from local midnight.", "usd"),
    Setting("SEEDANCE_CONFIRM_ABOVE", "Ask the user before spending more than this on one video, in USD.", "usd"),
    Setting("SEEDANCE_MAX_OPEN_JOBS", "Maximum number of paid jobs that run at the same time.", "whole"),
    Setting(
        "SEEDANCE_ALLOW_UNPRICED",
        "1 = allow models without a known price though a cap is set, and choose them where none is named.",
        "flag",
    ),
    Setting(
        "SEEDANCE_PRICES",
        "Unit prices that a vendor does not publish: JSON, or the path to a JSON file. "
        'By model or vendor: {"jimmyai": {"usd_per_unit": 0.14}, '
        '"12ai/seedance-2-official": {"per": "second", "unit": "USD", "rates": {"480p": 0.05, "720p": 0.1}}}.',
        "prices",
    ),
    Setting(
        "SEEDANCE_MODELS",
        "What models take at your vendor by now, where that differs from this release: JSON, or the path to a JSON "
        "file. false takes a field away, a list gives its values, most and least the ends of its range; endpoint is "
        "your own name for the model at the vendor, which is sent instead: "
        '{"ark/2.0": {"endpoint": "ep-20260701-abcde", "duration": {"most": 10}, "resolution": ["480p", "720p"], '
        '"last_frame": false}}.',
        "prices",
    ),
    Setting(
        "SEEDANCE_RETENTION_DAYS",
        "Days after which prompts and links of finished jobs are deleted from the journal; costs stay.",
        "whole",
        default_text="never",
    ),
    Setting(
        "SEEDANCE_MEDIA_ROOTS",
        "Folders whose images, videos and audio files may be used by path; separated as in PATH.",
        default_text="none: local files are refused",
    ),
    Setting(
        "SEEDANCE_UPLOAD_URL",
        "Your bucket, for local files that a vendor cannot take itself: s3://bucket/prefix (with ?region=…&endpoint=… "
        "where needed), gs://bucket/prefix or az://container/prefix. Credentials come from the provider's own "
        "variables, such as AWS_ACCESS_KEY_ID.",
    ),
    Setting(
        "SEEDANCE_MAX_WAIT",
        f"Seconds that one check_video may wait, 1 to {LONGEST_WAIT}: less than the client's time limit for a call.",
        "whole",
        str(LONGEST_WAIT),
    ),
    Setting("SEEDANCE_POLL_INTERVAL", "Seconds between status checks, instead of the adaptive schedule.", "seconds"),
    Setting(
        "SEEDANCE_LOG",
        "Log level on standard error.",
        "choice",
        "warning",
        choices=("debug", "info", "warning", "error"),
    ),
)


def vendor_settings(vendor: Vendor) -> tuple[Setting, Setting, Setting]:
    """Return the three settings of one vendor: its API key, a file with the key, and its base URL."""
    prefix = f"SEEDANCE_{vendor.env_name}"
    return (
        Setting(f"{prefix}_API_KEY", f"API key for {vendor.name}; without one the vendor is not used.", secret=True),
        Setting(f"{prefix}_API_KEY_FILE", f"File with the API key for {vendor.name}.", "path"),
        Setting(f"{prefix}_BASE_URL", f"Base URL of {vendor.name}'s API.", "url", vendor.base_url),
    )


def every_setting() -> Iterator[Setting]:
    """Yield all settings, the vendors' included, in the order of the documentation."""
    yield from SETTINGS
    for vendor in known_vendors().values():
        yield from vendor_settings(vendor)


def user_state() -> Path:
    """Return the default of SEEDANCE_STATE_DIR."""
    import platformdirs  # noqa: PLC0415  (only needed when no folder is set)

    return platformdirs.user_state_path("seedance-mcp", appauthor=False)


def user_videos() -> Path:
    """Return the default of SEEDANCE_OUTPUT_DIR."""
    import platformdirs  # noqa: PLC0415  (only needed when no folder is set)

    return platformdirs.user_videos_path() / "Seedance"
