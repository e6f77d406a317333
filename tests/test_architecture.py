"""The structure of the package: which part imports which, what is pure, and how long a module may be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.architecture import (
    BEHIND_THE_FACE,
    FACES,
    FOLDERS,
    HOLDS,
    PACKAGE,
    PRIVATE,
    ROOMS,
    circle,
    folders,
    rooms,
    violations,
)


def test_no_import_breaks_a_rule() -> None:
    assert [str(violation) for violation in violations(PACKAGE)] == []


def test_the_tables_have_every_room_and_folder_and_no_other() -> None:
    assert rooms(PACKAGE) == ROOMS.keys()
    assert folders(PACKAGE) == HOLDS.keys() - ROOMS.keys()


def test_every_part_that_the_tables_name_exists() -> None:
    tables = (FOLDERS, FACES, BEHIND_THE_FACE, PRIVATE)
    named = {part for table in tables for key, values in table.items() for part in (key, *values)}
    missing = [part for part in named if not (PACKAGE / part).is_dir() and not (PACKAGE / f"{part}.py").is_file()]
    assert missing == []


def test_the_table_has_no_circle_and_a_room_imports_only_rooms_above_it() -> None:
    assert circle({room: sorted(allowed) for room, allowed in ROOMS.items()}) == []
    order = list(ROOMS)
    assert [room for room, allowed in ROOMS.items() if allowed - set(order[: order.index(room)])] == []


# Each case: the modules, and the one sentence that is reported.
BROKEN: dict[str, tuple[dict[str, str], str]] = {
    "a forbidden import": (
        {"errors.py": "\nimport seedance_mcp.web", "web.py": ""},
        "errors.py:2 imports web, but errors may import no other room.",
    ),
    "a forbidden import of a name": (
        {"media/boxes.py": "from seedance_mcp.jobs.service import JobService", "jobs/service.py": ""},
        "media/boxes.py:1 imports jobs, but media may import only errors.",
    ),
    "a forbidden import of a module": (
        {"redaction.py": "from seedance_mcp import web", "web.py": ""},
        "redaction.py:1 imports web, but redaction may import only sanitize and settings.",
    ),
    "a forbidden import of the package itself": (
        {"__init__.py": "", "errors.py": "from seedance_mcp import version"},
        "errors.py:1 imports seedance_mcp, but errors may import no other room.",
    ),
    "a lazy import": (
        {"cli/demo.py": "def demo():\n    from seedance_mcp.sandbox import Sandbox", "sandbox/__init__.py": ""},
        "cli/demo.py:2 imports sandbox, but cli may import every room but __main__ and sandbox.",
    ),
    "a lazy import by name": (
        {"setting_table.py": "import importlib\nimportlib.import_module('seedance_mcp.web')", "web.py": ""},
        "setting_table.py:2 imports web, but setting_table may import only vendors.",
    ),
    "a typing import": (
        {"web.py": "if TYPE_CHECKING:\n    from seedance_mcp.jobs import Job", "jobs/__init__.py": ""},
        "web.py:2 imports jobs, but web may import only addresses, bodies, errors, sanitize, settings and vendors.",
    ),
    "a relative import of a module": (
        {"vendors/new.py": "from .. import settings", "settings.py": ""},
        "vendors/new.py:1 imports settings, but vendors may import only catalog and errors.",
    ),
    "a relative import of a name": (
        {"jobs/journal/model.py": "from ...views import Fields", "views.py": ""},
        (
            "jobs/journal/model.py:1 imports views, but jobs may import only catalog, errors, media, "
            "private_files, settings, uploads, vendors and web."
        ),
    ),
    "a room that is not in the table": (
        {"helpers.py": "from seedance_mcp.errors import Code", "errors.py": ""},
        "helpers.py:1 imports errors, but helpers is not in the table of rooms.",
    ),
    "a circle": (
        {
            "jobs/a.py": "from seedance_mcp.jobs import b",
            "jobs/b.py": "\nfrom .c import x",
            "jobs/c.py": "from . import a",
        },
        (
            "jobs/a.py:1 imports jobs/b, but the modules of a room must not import each other in a circle: "
            "jobs/a -> jobs/b -> jobs/c -> jobs/a."
        ),
    ),
    "a folder that imports the rest of its room": (
        {"jobs/journal/sqlite.py": "from seedance_mcp.jobs.quote import Quote", "jobs/quote.py": ""},
        "jobs/journal/sqlite.py:1 imports jobs/quote, but from jobs, jobs/journal may import only jobs/journal.",
    ),
    "a fake that imports what runs it": (
        {"sandbox/fakes/ope.py": "from seedance_mcp.sandbox.app import App", "sandbox/app.py": ""},
        (
            "sandbox/fakes/ope.py:1 imports sandbox/app, but from sandbox, sandbox/fakes may import only "
            "sandbox/behaviour, sandbox/connection, sandbox/fakes, sandbox/tasks and sandbox/videos."
        ),
    ),
    "a private part of another room": (
        {"server/app.py": "from seedance_mcp.jobs.poller import Poller", "jobs/poller.py": ""},
        (
            "server/app.py:1 imports jobs/poller, but from jobs, other rooms may import only jobs/journal/budget, "
            "jobs/journal/migrations, jobs/journal/model, jobs/quote, jobs/service and jobs/timing."
        ),
    ),
    "a vendor's internals": (
        {"cli/doctor.py": "from seedance_mcp.vendors.ope import VENDOR", "vendors/ope.py": ""},
        (
            "cli/doctor.py:1 imports vendors/ope, but from vendors, other rooms may import only vendors, "
            "vendors/abilities, vendors/fields, vendors/kit, vendors/refusals and vendors/vendor."
        ),
    ),
    "a private part of its own room": (
        {"jobs/quote.py": "from seedance_mcp.jobs.submit import Submitter", "jobs/submit.py": ""},
        (
            "jobs/quote.py:1 imports jobs/submit, but only jobs/creator, jobs/housekeeping and jobs/parts may import "
            "jobs/submit."
        ),
    ),
    "a tool that is imported by more than the app": (
        {"server/resources.py": "from seedance_mcp.server.tools.tool import Tool", "server/tools/tool.py": ""},
        (
            "server/resources.py:1 imports server/tools/tool, but only server/answers, server/app, server/player, "
            "server/sandbox_mark and server/tool_calls may import server/tools."
        ),
    ),
    "a tool that makes a request": (
        {"server/tools/check_video.py": "from seedance_mcp.web import Web", "web.py": ""},
        (
            "server/tools/check_video.py:1 imports web, but only cli/accounts, cli/doctor, jobs, runtime, "
            "server/app and uploads may import web."
        ),
    ),
    "an effect in the catalog": (
        {"catalog/price.py": "from sqlite3 import connect"},
        "catalog/price.py:1 imports sqlite3.connect, but catalog is pure and may import only what the set PURE lists.",
    ),
    "an effect in a vendor": (
        {"vendors/jimmyai/files.py": "def now():\n    import time"},
        "vendors/jimmyai/files.py:2 imports time, but vendors is pure and may import only what the set PURE lists.",
    ),
}


def package_of(modules: dict[str, str], folder: Path) -> Path:
    package = folder / "seedance_mcp"
    for name, text in modules.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, "utf-8")
    return package


def test_an_import_that_breaks_a_rule_is_found_in_a_copy_of_the_package(tmp_path: Path) -> None:
    package = tmp_path / PACKAGE.name
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    rows = package / "catalog" / "rows.py"
    line = len(rows.read_text("utf-8").splitlines()) + 1
    with rows.open("a", encoding="utf-8") as file:
        file.write("import sqlite3\nfrom seedance_mcp.jobs.journal.sqlite import SqliteJournal\n")
    assert [str(violation) for violation in violations(package)] == [
        f"catalog/rows.py:{line} imports sqlite3, but catalog is pure and may import only what the set PURE lists.",
        f"catalog/rows.py:{line + 1} imports jobs, but catalog may import no other room.",
    ]


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_is_reported_with_its_file_and_line(case: str, tmp_path: Path) -> None:
    modules, sentence = BROKEN[case]
    assert [str(violation) for violation in violations(package_of(modules, tmp_path))] == [sentence]


def test_what_the_tables_allow_is_not_reported(tmp_path: Path) -> None:
    modules = {
        "__init__.py": "",
        "catalog/__init__.py": "from __future__ import annotations\nfrom .rows import Row",
        "catalog/rows.py": "import re\nfrom urllib.parse import quote",
        "jobs/download/transfer.py": "from ..journal.model import Job\nfrom seedance_mcp.catalog import Row",
        "jobs/journal/model.py": "import sqlite3",
        "server/app.py": "from seedance_mcp import version\nfrom seedance_mcp.server.tools import tool",
        "server/tools/tool.py": "import anyio",
        "vendors/__init__.py": "from importlib.metadata import entry_points",
    }
    assert violations(package_of(modules, tmp_path)) == []


def test_a_circle_in_a_table_is_found() -> None:
    assert circle({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == ["a", "b", "c", "a"]


MOST_LINES = 320
LONGER = {
    "jobs/service.py": "a method for each use of a job, with what it raises",
    "vendors/jimmyai/models.py": "22 models on six routes",
}
"""Modules that are longer, each with its reason. A module that has become shorter must leave the table."""


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_short_enough_to_be_read_in_one_go(path: Path) -> None:
    is_longer = len(path.read_text("utf-8").splitlines()) > MOST_LINES
    assert is_longer is (path.relative_to(PACKAGE).as_posix() in LONGER)
