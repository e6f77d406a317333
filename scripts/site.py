# /// script
# requires-python = ">=3.11"
# dependencies = ["zensical>=0.0.73,<0.2"]
# ///
"""Build the documentation as a site, strictly, and check every link in it.

    uv run --script scripts/site.py [FOLDER]

The pages keep their places in the tree, so the links that work on GitHub work on the site. The folder is dist/site if
none is given. Links to other sites are not requested.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parent.parent
PAGES = ("*.md", "LICENSE", "docs/**/*", "facts/README.md")


def main(argv: Sequence[str]) -> int:
    """Build and check the site; name what is wrong."""
    target = Path(argv[0]).absolute() if argv else ROOT / "dist" / "site"
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for path in sources():
            copy = work / "pages" / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        shutil.copy(ROOT / "zensical.toml", work)
        built = subprocess.run([sys.executable, "-m", "zensical", "build", "--strict"], cwd=work, check=False)
        if built.returncode:
            return built.returncode
        problems = [*missing_pages(), *broken_links(work / "site")]
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(work / "site", target)
    print(
        "\n".join(problems)
        or f"{target} has {len(list(target.rglob('*.html')))} pages, and every link leads somewhere."
    )
    return 1 if problems else 0


def sources() -> Iterator[Path]:
    """Yield the files that the site is built from: the pages, and what they link to in this tree."""
    pages = {path.resolve() for pattern in PAGES for path in ROOT.glob(pattern) if path.is_file()}
    linked = {
        (page.parent / unquote(link)).resolve()
        for page in pages
        if page.suffix == ".md"
        for link in re.findall(r"\]\(([^):#]+)", page.read_text("utf-8"))
    }
    yield from sorted(pages | {path for path in linked if path.is_file()})


def missing_pages() -> Iterator[str]:
    """Name the pages that the navigation does not lead to."""
    nav = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]["nav"]
    led = set(_files(nav))
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".md" and name not in led:
            yield f"{name} is not in the navigation of zensical.toml."


def _files(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        yield from _files(list(cast("dict[str, Any]", nav).values()))
    else:
        for part in nav:
            yield from _files(part)


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name in {"href", "src"} and tag != "base":
                self.links.append(value)
            elif value and name in {"id", "name"}:
                self.anchors.add(value)


def broken_links(site: Path) -> Iterator[str]:
    """Name the links within a site that lead nowhere."""
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        where = path.relative_to(site.resolve())
        if where.name == "404.html":  # its links are absolute, for wherever the site will be
            continue
        for link in dict.fromkeys(page.links):
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{where}: {link} leads nowhere."
            elif url.fragment and target in pages and unquote(url.fragment) not in pages[target].anchors:
                yield f"{where}: {link} names a heading that does not exist."


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
