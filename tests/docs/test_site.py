"""The site has every page, and the check of its links finds those that lead nowhere."""

from __future__ import annotations

from pathlib import Path

from scripts.site import broken_links, missing_pages


def test_the_navigation_leads_to_every_page() -> None:
    assert list(missing_pages()) == []


def test_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "index.html").write_text('<h1 id="top"></h1><a href="../">up</a>', "utf-8")
    links = "".join(
        f'<a href="{link}"></a>'
        for link in ("two/", "two/#top", "two/#gone", "three/", "#here", "https://example.com/x", "mailto:a@b.c")
    )
    (tmp_path / "index.html").write_text(f'<p id="here"></p>{links}<img src="gone.png">', "utf-8")
    assert list(broken_links(tmp_path)) == [
        "index.html: two/#gone names a heading that does not exist.",
        "index.html: three/ leads nowhere.",
        "index.html: gone.png leads nowhere.",
    ]
