"""Introduces small bugs one at a time and counts how many the tests notice: `uv run python scripts/mutants.py jobs`.

The sample is seeded, so that two runs introduce the same bugs. Each worker has a copy of the tree for its own bugs.
Bugs that no test notices are listed with their lines: some change nothing, the others need a test. It takes about half
a minute for each bug, so it is run by hand.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "seedance_mcp"

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
_NOT_CODE = {"annotation", "returns", "decorator_list", "type_params", "bases"}
"""Parts of a definition that are not executed, or only to define it."""


@dataclass(frozen=True)
class Bug:
    """One bug that can be introduced: the `number`th of a file."""

    file: str
    number: int
    line: int
    text: str

    @property
    def room(self) -> str:
        return Path(self.file).parts[1].removesuffix(".py")


Change = tuple[int, str, Callable[[], None]]
"""A line, what is changed there, and how to change it in the tree."""


def changes(parent: ast.AST) -> Iterator[Change]:
    """Find every small change below a node, always in the same order."""
    for field, value in ast.iter_fields(parent):
        if field in _NOT_CODE:
            continue
        if isinstance(value, list):
            for index, child in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  (fields are untyped)
                if isinstance(child, ast.AST) and not _is_described(child):
                    yield from _of(child, lambda new, i=index, v=value: v.__setitem__(i, new))  # pyright: ignore[reportUnknownMemberType, reportUnknownLambdaType, reportUnknownArgumentType]  (as above)
        elif isinstance(value, ast.AST):
            yield from _of(value, lambda new, f=field: setattr(parent, f, new))


def _of(node: ast.AST, replace: Callable[[ast.AST], None]) -> Iterator[Change]:  # noqa: C901  (one case for each kind)
    line = getattr(node, "lineno", 0)
    match node:
        case ast.Constant(value=bool(value)):
            yield line, f"{value} becomes {not value}", lambda: replace(ast.Constant(not value))
        case ast.Constant(value=int(value) | float(value)):
            yield line, f"{value} becomes {value + 1}", lambda: replace(ast.Constant(value + 1))
        case ast.Constant(value=str(value)) if value:
            yield line, f"{value[:40]!r} gets XX in front", lambda: replace(ast.Constant("XX" + value))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield line, "not is dropped", lambda: replace(operand)
        case ast.IfExp(body=body, orelse=orelse):
            yield line, "the branches are swapped", lambda: replace(ast.IfExp(node.test, orelse, body))
        case ast.Return(value=ast.AST() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield line, f"return {ast.unparse(value)[:40]} becomes return None", lambda: replace(ast.Return(None))
        case ast.Expr() | ast.Raise() | ast.AugAssign() | ast.Delete():
            yield line, f"{ast.unparse(node)[:50]!r} is left out", lambda: replace(ast.Pass())
        case ast.If(test=test) | ast.While(test=test) if not isinstance(test, ast.Constant):
            negated = ast.UnaryOp(ast.Not(), test)
            yield line, f"if {ast.unparse(test)[:40]} is negated", lambda: setattr(node, "test", negated)
        case ast.BinOp(op=op) | ast.BoolOp(op=op) if type(op) in _SWAPPED:
            new = _SWAPPED[type(op)]
            yield line, f"{type(op).__name__} becomes {new.__name__}", lambda: setattr(node, "op", new())
        case ast.Compare(ops=[op, *_] as ops):
            swapped = [_SWAPPED[type(op)](), *ops[1:]]
            yield line, f"{type(op).__name__} becomes its opposite", lambda: setattr(node, "ops", swapped)
        case _:
            pass
    yield from changes(node)


def _is_described(node: ast.AST) -> bool:
    """Whether changing a statement changes nothing that a test should see: texts, types, and what is logged."""
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom() | ast.If(test=ast.Name("TYPE_CHECKING")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name("log")))) | ast.Assign([ast.Name("__all__")]):
            return True
        case _:
            return False


def bugs_of(file: str) -> list[Bug]:
    """List the bugs that can be introduced in a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return [Bug(file, number, line, text) for number, (line, text, _) in enumerate(changes(tree))]


def introduced(bug: Bug) -> str:
    """Return the source of a file with its bug."""
    tree = ast.parse((ROOT / bug.file).read_text(encoding="utf-8"))
    for number, (_, _, change) in enumerate(list(changes(tree))):
        if number == bug.number:
            change()
    return ast.unparse(ast.fix_missing_locations(tree))


def copy_tree(folder: Path) -> None:
    """Copy everything that git knows, changes included."""
    names = subprocess.run(["git", "ls-files", "-z", "--cached"], cwd=ROOT, capture_output=True, check=True, text=True)  # noqa: S607  (git is on the path of whichever process runs this)
    for name in filter(None, names.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)


def notices(folder: Path, tests: list[str], bound: float, room_file: str = "") -> bool:
    """Run the tests in a copy, those of the changed module first; return whether one failed, or took too long."""
    own = Path("tests", *Path(room_file).parts[1:-1], f"test_{Path(room_file).name}")
    first = [str(own)] if room_file and (folder / own).is_file() else []
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:randomly", "-p", "no:cacheprovider"]
    environ = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            command += [f"--basetemp={scratch}/tests", *first, *tests]
            run = subprocess.run(command, cwd=folder, env=environ, timeout=bound, capture_output=True, check=False)  # noqa: S603  (our own tests)
    except subprocess.TimeoutExpired:
        return True
    return run.returncode != 0


def main() -> None:
    """Introduce the sample and print what was noticed, by room."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="+", help="rooms, or files below seedance_mcp, such as jobs or jobs/poller.py")
    parser.add_argument("--sample", type=int, default=60, help="how many bugs are introduced")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tests", nargs="+", help="what pytest runs; the tests of the rooms if not given")
    options = parser.parse_args()
    paths = [ROOT / PACKAGE / room for room in options.rooms]
    paths = [path if path.exists() else path.with_suffix(".py") for path in paths]
    files = sorted(f for p in paths for f in ([p] if p.is_file() else p.rglob("*.py")))
    everything = [bug for file in files for bug in bugs_of(str(file.relative_to(ROOT)))]
    sample = random.Random(options.seed).sample(everything, min(options.sample, len(everything)))  # noqa: S311  (a seeded choice)
    tests: list[str] = options.tests or [f"tests/{room}" for room in options.rooms if (ROOT / "tests" / room).exists()]
    print(f"{len(everything)} possible bugs in {len(files)} files; {len(sample)} of them are introduced")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folders: SimpleQueue[Path] = SimpleQueue()
        for number in range(options.workers):
            copy_tree(folder := Path(scratch) / str(number))
            folders.put(folder)
        began = time.monotonic()
        if notices(Path(scratch) / "0", tests, 3600):
            sys.exit("Without any bug, the tests fail or take longer than an hour.")
        bound = 60 + 3 * options.workers * (time.monotonic() - began)

        def introduce(bug: Bug) -> bool:
            folder = folders.get()
            try:
                (folder / bug.file).write_text(introduced(bug), encoding="utf-8")
                noticed = notices(folder, tests, bound, bug.file)
            finally:
                shutil.copyfile(ROOT / bug.file, folder / bug.file)
                folders.put(folder)
            print(f"{'noticed' if noticed else 'NOT NOTICED'}: {bug.file}:{bug.line}: {bug.text}", flush=True)
            return noticed

        with ThreadPoolExecutor(options.workers) as pool:
            results = list(pool.map(introduce, sample))
    total = Counter(bug.room for bug in sample)
    noticed = Counter(bug.room for bug, found in zip(sample, results, strict=True) if found)
    for room in sorted(total):
        print(f"{room}: {noticed[room]} of {total[room]} noticed ({100 * noticed[room] / total[room]:.0f} %)")


if __name__ == "__main__":
    main()
