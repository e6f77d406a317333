"""Every behaviour is told in both eras of the protocol, and must be the same in both."""

from __future__ import annotations

import pytest

from tests.server.mcp_client import ERAS


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return request.param
