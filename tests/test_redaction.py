"""Neither keys nor the queries of links get into the log, whatever way they are on."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from seedance_mcp.redaction import Redaction

KEY = "sk-live-0123456789"
SECRETS = (KEY, "another-key-987", "short")
LINK = "https://cdn.example.com/films/1.mp4"
SIGNED = f"{LINK}?signature=abc"


@contextmanager
def logging_to_text(level: int = logging.DEBUG) -> Generator[tuple[logging.Logger, io.StringIO]]:
    """Log through our filter into a text."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.addFilter(Redaction(SECRETS))
    logger = logging.getLogger("tests.redacted")
    logger.setLevel(level)
    logger.propagate = False
    logger.addHandler(handler)
    yield logger, text
    logger.removeHandler(handler)


def chained(logger: logging.Logger) -> None:
    try:
        try:
            raise ValueError(f"the key {KEY} was refused")  # noqa: TRY301  (to be logged)
        except ValueError as error:
            raise RuntimeError(f"GET {SIGNED}&key={KEY}") from error
    except RuntimeError:
        logger.exception("it failed with %s", KEY)


def already_formatted(logger: logging.Logger) -> None:
    """Another handler has seen the record first, and left the text of its exception in it."""
    try:
        raise ValueError(f"the key {KEY} was refused by {SIGNED}")  # noqa: TRY301  (to be logged)
    except ValueError as error:
        record = logger.makeRecord("x", logging.ERROR, "x", 1, "it failed", (), (ValueError, error, None))
    record.stack_info = f"Stack of {KEY} and {SIGNED}"
    logging.Formatter().format(record)
    logger.handle(record)


def of_the_client(logger: logging.Logger) -> None:
    request = httpx2.Request("GET", f"{LINK}?X-Amz-Signature=abc", headers={"authorization": f"Bearer {KEY}"})
    try:
        raise httpx2.ConnectError(f"cannot connect to {request.url}", request=request)  # noqa: TRY301  (to be logged)
    except httpx2.ConnectError:
        logger.warning("a look failed: %r %s", request, dict(request.headers), exc_info=True)


WAYS: dict[str, Callable[[logging.Logger], None]] = {
    "in the words": lambda logger: logger.info(f"the key is {KEY}"),  # noqa: G004
    "as an argument": lambda logger: logger.info("the key is %s", KEY),
    "in an object": lambda logger: logger.info("%r", {"authorization": f"Bearer {KEY}"}),
    "another one": lambda logger: logger.error("first %s, then %s", "another-key-987", KEY),
    "in a link": lambda logger: logger.debug("GET %s?signature=abc&expires=5 -> 200", LINK),
    "in a link in quotes": lambda logger: logger.debug('{"url": "%s?signature=abc"}', LINK),
    "in two links": lambda logger: logger.debug("%s?signature=abc %s?X-Amz-Signature=def", LINK, LINK),
    "in an exception": chained,
    "in a record that was formatted already": already_formatted,
    "in an error of the client": of_the_client,
}


@pytest.mark.parametrize("way", WAYS)
def test_keys_and_signatures_are_left_out(way: str) -> None:
    with logging_to_text() as (logger, text):
        WAYS[way](logger)
    said = text.getvalue()
    assert said
    for secret in (KEY, "another-key-987", "signature=", "Signature=", "abc", "expires"):
        assert secret not in said
    assert "***" in said


def test_what_is_no_secret_is_left_as_it_is() -> None:
    with logging_to_text() as (logger, text):
        logger.info("job %s: %s, %d%% of %s? a short one", "abc", LINK, 50, "it")
    assert text.getvalue() == f"INFO job abc: {LINK}, 50% of it? a short one\n"


def test_where_it_went_wrong_is_still_said() -> None:
    with logging_to_text() as (logger, text):
        chained(logger)
    said = text.getvalue()
    assert "ValueError: the key *** was refused" in said
    assert f"RuntimeError: GET {LINK}?***" in said
    assert said.count("Traceback (most recent call last):") == 2


PROGRAM = f"""
import logging
from seedance_mcp.redaction import log_to_stderr
from seedance_mcp.settings import load

log_to_stderr(load({{"SEEDANCE_OPE_API_KEY": "{KEY}", "SEEDANCE_LOG": "debug"}}))
for name in ("seedance_mcp.web", "httpx2", "httpcore2.connection", "mcp.server", "elsewhere"):
    for level in (logging.DEBUG, logging.INFO, logging.WARNING):
        logging.getLogger(name).log(level, "%s at %s says {KEY} {LINK}?signature=abc", name, level)
print("nothing of that")
"""


def test_the_log_goes_to_standard_error_without_secrets_and_without_the_clients_own_chatter(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, encoding="utf-8", timeout=60, check=True
    )
    assert done.stdout == "nothing of that\n"
    assert KEY not in done.stderr
    assert "signature" not in done.stderr
    said = {tuple(line.split(": ", 1)[1].split(" says")[0].split(" at ")) for line in done.stderr.splitlines()}
    assert said == {
        *(("seedance_mcp.web", level) for level in ("10", "20", "30")),
        *(("elsewhere", level) for level in ("10", "20", "30")),
        *((name, "30") for name in ("httpx2", "httpcore2.connection", "mcp.server")),
    }
