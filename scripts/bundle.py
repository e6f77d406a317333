"""Pack dist/seedance-mcp.mcpb, which Claude Desktop installs with a double click. The same tree gives the same bytes.

uv run python scripts/bundle.py
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
OWN = ("pyproject.toml", "README.md", "LICENSE")
_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest day of a ZIP file."""


def contents() -> Iterator[tuple[str, Path]]:
    """Yield the files of the bundle, each with its name there: the manifest, the package, and what builds it."""
    yield "manifest.json", ROOT / "bundle" / "manifest.json"
    for name in OWN:
        yield name, ROOT / name
    for path in sorted((ROOT / "seedance_mcp").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT).as_posix(), path


def pack(target: Path) -> None:
    """Write the bundle."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, path in contents():
            entry = zipfile.ZipInfo(name, _DAY)
            entry.external_attr = 0o644 << 16
            bundle.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def main(argv: Sequence[str]) -> int:
    """Pack it, to dist or to the given path."""
    target = Path(argv[0]) if argv else ROOT / "dist" / "seedance-mcp.mcpb"
    pack(target)
    print(f"{target} written, {target.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
