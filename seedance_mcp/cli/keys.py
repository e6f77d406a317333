"""`seedance-mcp keys`: API keys in the keyring or the settings file, which servers and commands both read."""

from __future__ import annotations

import difflib
import getpass
import sys
from typing import TYPE_CHECKING

from seedance_mcp import settings_file
from seedance_mcp.cli import output
from seedance_mcp.errors import InvalidRequest, SettingError
from seedance_mcp.runtime import read_settings
from seedance_mcp.settings import vendor_settings
from seedance_mcp.vendors import known_vendors

if TYPE_CHECKING:
    import argparse

    from seedance_mcp.settings import Settings
    from seedance_mcp.vendors import Vendor


def run(options: argparse.Namespace) -> int:
    """List the keys, store one or remove one; returns the exit code."""
    settings = read_settings()
    if options.action == "set":
        _set(vendor_named(options.vendor), settings, in_file=options.file)
    elif options.action == "remove":
        _remove(vendor_named(options.vendor), settings)
    else:
        _list(settings, as_json=options.json)
    return 0


def vendor_named(name: str) -> Vendor:
    """Return the vendor with a name that a person typed.

    Raises:
        InvalidRequest: there is none; the nearest is suggested.
    """
    vendors = known_vendors()
    if vendor := vendors.get(name.casefold()):
        return vendor
    close = difflib.get_close_matches(name.casefold(), vendors, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}?" if close else f"The vendors are {', '.join(vendors)}."
    raise InvalidRequest(f"There is no vendor {name[:40]!r}.", next_step=hint)


def _list(settings: Settings, *, as_json: bool) -> None:
    names = {vendor.slug: vendor_settings(vendor)[0].name for vendor in known_vendors().values()}
    sources = {slug: settings.sources.get(name) for slug, name in names.items()}
    if as_json:
        output.print_json({slug: {"setting": names[slug], "source": source} for slug, source in sources.items()})
    else:
        rows = [(slug, _place(source), names[slug]) for slug, source in sources.items()]
        for line in output.table(("vendor", "key", "setting"), rows, output.width()):
            print(line)
    output.remark(f"Settings file: {settings.settings_file}")
    output.remark("What a client passes to its server is not visible here.")
    if settings.sandbox:
        output.remark("SEEDANCE_SANDBOX is set, so no key is used.")


def _place(source: str | None) -> str:
    return "not set" if source is None else {"environment": "environment", "keyring": "keyring"}.get(source, source)


def _set(vendor: Vendor, settings: Settings, *, in_file: bool) -> None:
    name, file_name, _ = (setting.name for setting in vendor_settings(vendor))
    key = _read_key(vendor)
    problem = settings_file.key_problem(key) or settings_file.placeholder_problem(key)
    if problem:
        raise SettingError(f"The key {problem}.", next_step="Nothing was stored.")
    keyring = None if in_file else settings_file.open_keyring()
    stored = False
    if keyring is not None:
        try:
            keyring.set_password(settings_file.SERVICE, name, key)
            stored = True
        except Exception as error:  # noqa: BLE001  (backends raise errors of their own)
            output.remark(f"The keyring refused the key ({type(error).__name__}), so the settings file gets it.")
    settings_file.write(settings.settings_file, name, settings_file.IN_KEYRING if stored else key)
    where = "in the system's keyring" if stored else f"in {settings.settings_file}, which only you can read"
    print(f"The key for {vendor.name} is {where}.")
    output.remark("Servers read it when they start, so restart your client; commands read it at once.")
    for other in (name, file_name):
        if settings.sources.get(other) == "environment":
            output.remark(f"{other} is set in this environment and takes precedence here.")


def _read_key(vendor: Vendor) -> str:
    """Return the key that a person types, unseen, or that a program writes to standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(f"API key for {vendor.name} (not shown): ").strip()
    return sys.stdin.readline().strip()


def _remove(vendor: Vendor, settings: Settings) -> None:
    name = vendor_settings(vendor)[0].name
    stored = settings_file.read(settings.settings_file).values.get(name)
    if stored is None:
        raise SettingError(f"{settings.settings_file} has no key for {vendor.name}.", next_step="Nothing was removed.")
    if stored == settings_file.IN_KEYRING and (keyring := settings_file.open_keyring()):
        try:
            keyring.delete_password(settings_file.SERVICE, name)
        except Exception as error:  # noqa: BLE001  (backends raise errors of their own)
            output.remark(f"The keyring did not delete it ({type(error).__name__}).")
    settings_file.write(settings.settings_file, name, None)
    print(f"The key for {vendor.name} is removed.")
