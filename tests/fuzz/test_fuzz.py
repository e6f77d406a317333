"""No line that a client sends stops the server, or gets an internal error, or none; the short form of `tests.fuzz`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.fuzz import fuzz
from tests.server.mcp_client import ERAS


@pytest.mark.parametrize("era", ERAS)
def test_every_line_is_answered_and_none_with_an_internal_error(tmp_path: Path, era: str) -> None:
    report = fuzz(tmp_path, era, 200, seed=7)
    assert report.problems == []
    assert report.kinds["result"] > 20
    assert report.kinds["refusal"] > 20
