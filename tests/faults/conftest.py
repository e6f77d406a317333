"""One runner for all tests of a worker process: a fork server takes a second to start."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.faults.fork_server import scratch
from tests.faults.runner import Runner, open_runner


@pytest.fixture(scope="session")
def runner() -> Generator[Runner]:
    with scratch() as folder, open_runner(folder / "runner") as runner:
        yield runner
