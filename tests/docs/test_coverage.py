"""The program does what each line of the vendors' own pages says, or a reason is given."""

from __future__ import annotations

import pytest

from tests.coverage import PAGE_LINES, VERDICTS, Page, Statement, carry_out, pages, totals

PAGES = pages()
CHECKS = [
    pytest.param(page, step, id=f"{slug}-{line.lines}-{number}")
    for slug, page in PAGES.items()
    for line in page.lines
    for number, step in enumerate(line.checks, 1)
]
LINES = [pytest.param(line, id=f"{slug}-{line.lines}") for slug, page in PAGES.items() for line in page.lines]


@pytest.mark.parametrize(("page", "step"), CHECKS)
def test_a_line_of_a_page_is_held_where_the_table_says(page: Page, step: dict[str, object]) -> None:
    carry_out(page, step)


@pytest.mark.parametrize("line", LINES)
def test_a_line_has_a_verdict_and_a_check_or_a_reason(line: Statement) -> None:
    assert line.verdict in VERDICTS
    assert line.checks or line.verdict == "n/a"
    assert bool(line.why) is (line.verdict != "same"), "a reason belongs to every other verdict"


def test_nothing_that_a_page_says_is_missing_or_wrong() -> None:
    for slug, counts in totals().items():
        assert (counts["missing"], counts["wrong"]) == (0, 0), slug


@pytest.mark.parametrize("slug", PAGES)
def test_every_line_of_a_page_is_in_the_table_or_states_no_fact(slug: str) -> None:
    page = PAGES[slug]
    stated = set[int]().union(*(line.numbers for line in page.lines))
    other = Statement(slug, page.other, "", "n/a", "", ()).numbers
    assert stated | other == set(range(1, PAGE_LINES[slug] + 1))
    assert not stated & other
