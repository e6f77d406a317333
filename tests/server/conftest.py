"""Tests that take an `era` run in both eras of the protocol, and must see the same behaviour in both."""

from __future__ import annotations

import pytest

from tests.server.mcp_client import ERAS


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return request.param
