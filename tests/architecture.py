"""Which part of the package may import which: the tables, and the functions that check a folder of modules with them.

A room is a top-level package or module of seedance_mcp; a part is any package or module in it. Every import counts:
those inside functions, those for typing only, relative ones, and `import_module` with a literal name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

import seedance_mcp

PACKAGE = Path(seedance_mcp.__file__).parent

ROOMS: dict[str, set[str]] = {
    "seedance_mcp": set(),
    "errors": set(),
    "catalog": set(),
    "addresses": set(),
    "sanitize": set(),
    "private_files": set(),
    "vendors": {"catalog", "errors"},
    "vendor_kit": {"vendors"},
    "testing": {"catalog", "errors", "vendors"},
    "setting_table": {"vendors"},
    "settings_file": {"errors"},
    "setting_values": {"catalog", "setting_table", "settings_file"},
    "settings": {"addresses", "catalog", "setting_table", "errors", "setting_values", "settings_file", "vendors"},
    "redaction": {"sanitize", "settings"},
    "bodies": {"sanitize", "vendors"},
    "web": {"addresses", "bodies", "errors", "sanitize", "settings", "vendors"},
    "media": {"errors"},
    "uploads": {"addresses", "catalog", "errors", "media", "private_files", "sanitize", "settings", "vendors", "web"},
    "jobs": {"catalog", "errors", "media", "private_files", "settings", "uploads", "vendors", "web"},
    "views": {"catalog", "errors", "jobs", "sanitize", "vendors"},
    "sandbox": {"catalog", "vendors"},
    "runtime": {"errors", "jobs", "media", "sandbox", "settings", "vendors", "web"},
}
"""The rooms that each room may import. A room only imports rooms above it in this table."""
ROOMS["server"] = ROOMS.keys() - {"sandbox"}
ROOMS["cli"] = ROOMS.keys() - {"sandbox"}
ROOMS["__main__"] = {"cli"}

HOLDS = {
    "seedance_mcp": "the version",
    "errors": "every error, with its code, its sentence and its next step",
    "catalog": "what can be requested and what it costs; the schemas made from that; pure",
    "addresses": "which addresses may be used: hosts to download from, this machine, the user's bucket",
    "private_files": "the folder and the files of the state: no links, this user's own, and closed to others",
    "sanitize": "cleaning and repairing text that others wrote",
    "vendors": "one module or package for each vendor: rows, and functions between our terms and the vendor's; pure",
    "vendor_kit": "the one import for authors of vendors",
    "testing": "the contract that every vendor must meet",
    "setting_table": "every setting: name, type, default, meaning",
    "settings_file": "the file with settings that servers and commands share, and keys in the system's keyring",
    "setting_values": "one value after the other, from the environment or that file: parsed, with its problem",
    "settings": "the settings in force",
    "redaction": "logging, without keys and signed links",
    "bodies": "the bodies of HTTP requests and answers: sent, read and parsed piece by piece",
    "web": "every HTTP request",
    "media": "what a file is: its format, its frames, its length and size; decoders run in a child process",
    "uploads": "the user's files on their way to a vendor",
    "jobs": "the life of a paid job: journal, budget, submit, poll, download",
    "views": "a job as fields and as text, for `server` and `cli`",
    "sandbox": "a fake of every vendor's API",
    "runtime": "the composition root: it puts the journal, the network or the sandbox, and the job service together",
    "server": "what an assistant sees",
    "cli": "what a person types; each command imports what it needs",
    "__main__": "`python -m seedance_mcp`",
    "vendors/jimmyai": "a vendor that needs several modules",
    "vendors/ark": "the official upstream, at its two sites",
    "jobs/journal": "the durable record of every paid job, and the caps on spending",
    "jobs/download": "from a vendor's link to a file on disk",
    "sandbox/fakes": "one module for each vendor",
    "sandbox/videos": "the videos that the fakes deliver",
    "server/tools": "one module for each tool",
}
"""What belongs in each room, and in each folder of a room."""

FOLDERS: dict[str, set[str]] = {
    "jobs/journal": set(),
    "jobs/download": {"jobs/journal"},
    "sandbox/fakes": {"sandbox/behaviour", "sandbox/connection", "sandbox/tasks", "sandbox/videos"},
}
"""The parts of its own room, besides itself, that a folder may import. The fakes do not know what runs them."""

FACES: dict[str, set[str]] = {
    "jobs": {
        "jobs/journal/budget",
        "jobs/journal/migrations",
        "jobs/journal/model",
        "jobs/quote",
        "jobs/service",
        "jobs/timing",
    },
    "server": {"server/app", "server/stdio"},
    "vendors": {"vendors", "vendors/abilities", "vendors/fields", "vendors/kit", "vendors/refusals", "vendors/vendor"},
}
"""The parts of a room that other rooms may import. A room without an entry may be imported whole."""

BEHIND_THE_FACE: dict[str, set[str]] = {
    "runtime": {"jobs/journal/process_lock", "jobs/journal/sqlite"},
    "sandbox/fakes": {"vendors"},
}
"""What a part imports although it is not in FACES: `runtime` opens the journal, and a fake imitates its vendor."""

PRIVATE: dict[str, set[str]] = {
    "jobs/accounts": {
        "jobs/creator",
        "jobs/housekeeping",
        "jobs/parts",
        "jobs/poller",
        "jobs/reconcile",
        "jobs/resolve",
        "jobs/submit",
        "jobs/waiter",
    },
    "jobs/cancel": {"jobs/parts"},
    "jobs/download": {
        "jobs/creator",
        "jobs/housekeeping",
        "jobs/parts",
        "jobs/poller",
        "jobs/service",
        "jobs/timing",
        "jobs/waiter",
    },
    "jobs/creator": {"jobs/parts"},
    "jobs/events": {"jobs/parts", "jobs/waiter"},
    "jobs/final_cost": {"jobs/poller", "jobs/recorder"},
    "jobs/find_task": {"jobs/parts", "jobs/reconcile"},
    "jobs/housekeeping": {"jobs/parts"},
    "jobs/lookup": {"jobs/service", "jobs/resolve", "jobs/waiter"},
    "jobs/outcome": {"jobs/recorder", "jobs/submit"},
    "jobs/parts": {"jobs/service"},
    "jobs/poller": {"jobs/housekeeping", "jobs/parts", "jobs/waiter"},
    "jobs/price_lists": {"jobs/parts", "jobs/quoter"},
    "jobs/quoter": {"jobs/creator", "jobs/parts"},
    "jobs/reconcile": {"jobs/creator", "jobs/housekeeping", "jobs/parts", "jobs/waiter"},
    "jobs/recorder": {"jobs/submit"},
    "jobs/resolve": {"jobs/service"},
    "jobs/submit": {"jobs/creator", "jobs/housekeeping", "jobs/parts"},
    "jobs/waiter": {"jobs/parts", "jobs/service"},
    "server/tools": {"server/answers", "server/app", "server/player", "server/sandbox_mark", "server/tool_calls"},
    "web": {"cli/accounts", "cli/doctor", "jobs", "runtime", "server/app", "uploads"},
}
"""The only parts of the package, besides itself, that may import a part. `server/app` only passes a `Web` on."""

PURE = {
    "__future__", "collections", "dataclasses", "decimal", "difflib", "enum", "functools", "http.HTTPStatus",
    "itertools", "json", "math", "operator", "pydantic", "re", "string", "typing", "unicodedata", "urllib.parse",
}  # fmt: skip
"""What `catalog` and `vendors` may import from outside the package: nothing with a clock, a network or files."""
PLUGINS = {"importlib.metadata", "logging"}
"""What `vendors/__init__.py` may import besides: it finds the vendors that other packages add."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement, with the full name of what it imports."""

    file: str
    """The path from the package, such as `jobs/journal/model.py`."""
    line: int
    name: str
    """A module of the package if there is one of this name; otherwise the module and the name taken from it."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An import that a rule forbids."""

    file: str
    line: int
    imported: str
    """The room or part that is imported."""
    rule: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.imported}, but {self.rule}."


def imports(path: Path, package: Path) -> Iterator[Import]:
    """Yield every import of a module, wherever it is written, as an absolute name."""
    file = path.relative_to(package).as_posix()
    folder = [package.name, *PurePosixPath(file).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import():
                yield from (Import(file, node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom():
                parents = folder[: len(folder) + 1 - node.level] if node.level else []
                module = ".".join([*parents, *filter(None, [node.module])])
                for alias in node.names:
                    yield Import(file, node.lineno, f"{module}.{alias.name}")
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield Import(file, node.lineno, name)
            case _:
                pass


def imported_packages(path: Path, package: Path) -> set[str]:
    """Return the top-level packages that a module imports."""
    return {found.name.split(".")[0] for found in imports(path, package)}


def rooms(package: Path) -> set[str]:
    """Return the rooms that exist: the packages and modules directly in the package, and the package itself."""
    return {_room(part) for part in _parts(package)}


def folders(package: Path) -> set[str]:
    """Return the folders that exist inside rooms."""
    return {path.parent.relative_to(package).as_posix() for path in package.glob("*/*/__init__.py")}


def file_name(room: str) -> str:
    """Return the name of a room's folder or module."""
    if room == PACKAGE.name:
        return "__init__.py"
    return f"{room}/" if (PACKAGE / room).is_dir() else f"{room}.py"


def drawing() -> str:
    """Draw the rooms and their folders; a room imports only rooms below it."""
    lines = [f"{PACKAGE.name}/"]
    for room in reversed(ROOMS):
        lines.append(f"  {file_name(room):<18}{HOLDS[room]}")
        inner = [name for name in HOLDS if name.startswith(f"{room}/")]
        lines += [f"    {name.removeprefix(room)[1:] + '/':<16}{HOLDS[name]}" for name in inner]
    return "\n".join(lines)


def violations(package: Path) -> list[Violation]:
    """Return every import that breaks a rule, and every circle, in the order of the files."""
    parts = _parts(package)
    found: list[Violation] = []
    within: dict[str, dict[str, dict[str, int]]] = {}
    for path in parts.values():
        for one in imports(path, package):
            source = _part(one.file)
            target = _target(one.name, package.name, parts)
            if target is None:
                found += _impure(one)
                continue
            if _room(source) == _room(target):
                within.setdefault(_room(source), {}).setdefault(source, {}).setdefault(target, one.line)
            found += _forbidden(one, source, target)
    for graph in within.values():
        found += _circles(graph, parts, package)
    return sorted(set(found), key=lambda v: (v.file, v.line, v.imported))


def allowance(room: str, mark: str = "") -> str:
    """Say which rooms a room may import, with a mark around each name."""
    allowed = ROOMS[room]
    others = ROOMS.keys() - allowed - {room}
    if not allowed:
        return "no other room"
    if len(allowed) <= len(others):
        return f"only {_list({mark + name + mark for name in allowed})}"
    return f"every room but {_list({mark + name + mark for name in others})}"


def circle(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a circle in a graph of imports, its first node repeated at the end, or an empty list if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        nodes: list[str] = error.args[1][:0:-1]
        first = nodes.index(min(nodes))
        return [*nodes[first:], *nodes[:first], nodes[first]]
    return []


def _parts(package: Path) -> dict[str, Path]:
    """Return the modules by part: `jobs/journal/model`; the folder for an `__init__.py`; "" for the topmost one."""
    return {_part(path.relative_to(package).as_posix()): path for path in sorted(package.rglob("*.py"))}


def _part(file: str) -> str:
    return file.removesuffix(".py").removesuffix("__init__").removesuffix("/")


def _room(part: str) -> str:
    return part.split("/", maxsplit=1)[0] or PACKAGE.name


def _target(name: str, package: str, parts: Mapping[str, Path]) -> str | None:
    """Return the part that an import means, or None if it is outside the package."""
    top, *rest = name.split(".")
    if top != package:
        return None
    part = "/".join(rest)
    # The last name of `from module import name` may be a module or something in it.
    return part if part in parts else part.rpartition("/")[0]


def _forbidden(one: Import, source: str, target: str) -> Iterator[Violation]:
    """Yield the first rule that an import breaks, if there is one."""
    for imported, rule in (*_between_rooms(source, target), *_within_a_room(source, target), *_private(source, target)):
        yield Violation(one.file, one.line, imported, rule)
        return


def _between_rooms(source: str, target: str) -> Iterator[tuple[str, str]]:
    room, other = _room(source), _room(target)
    if room == other:
        return
    if room not in ROOMS:
        yield other, f"{room} is not in the table of rooms"
    elif other not in ROOMS[room]:
        yield other, f"{room} may import {allowance(room)}"
    elif target not in FACES.get(other, {target}):
        exceptions = {part for name, parts in BEHIND_THE_FACE.items() if _is_in(source, {name}) for part in parts}
        if not _is_in(target, exceptions):
            yield target, f"from {other}, other rooms may import only {_list(FACES[other])}"


def _within_a_room(source: str, target: str) -> Iterator[tuple[str, str]]:
    room = _room(source)
    for folder, others in FOLDERS.items():
        allowed = {folder} | others
        if _is_in(source, {folder}) and room == _room(target) and not _is_in(target, allowed):
            yield target, f"from {room}, {folder} may import only {_list(allowed)}"


def _private(source: str, target: str) -> Iterator[tuple[str, str]]:
    for part, importers in PRIVATE.items():
        if _is_in(target, {part}) and not _is_in(source, {part} | importers):
            yield target, f"only {_list(importers)} may import {part}"


def _is_in(part: str, parents: set[str]) -> bool:
    return any(part == parent or part.startswith(f"{parent}/") for parent in parents)


def _impure(one: Import) -> Iterator[Violation]:
    room = _room(_part(one.file))
    allowed = PURE | PLUGINS if one.file == "vendors/__init__.py" else PURE
    if room in {"catalog", "vendors"} and not any(f"{one.name}.".startswith(f"{name}.") for name in allowed):
        yield Violation(one.file, one.line, one.name, f"{room} is pure and may import only what the set PURE lists")


def _circles(graph: dict[str, dict[str, int]], parts: Mapping[str, Path], package: Path) -> Iterator[Violation]:
    nodes = circle({part: sorted(targets) for part, targets in sorted(graph.items())})
    if nodes:
        file = parts[nodes[0]].relative_to(package).as_posix()
        rule = f"the modules of a room must not import each other in a circle: {' -> '.join(nodes)}"
        yield Violation(file, graph[nodes[0]][nodes[1]], nodes[1], rule)


def _list(names: set[str]) -> str:
    *most, last = sorted(names)
    return f"{', '.join(most)} and {last}" if most else last
