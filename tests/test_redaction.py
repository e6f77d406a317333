"""The log holds neither keys nor the queries of links, however they reach it."""

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
LINK = "https://cdn.example.com/videos/1.mp4"
SIGNED = f"{LINK}?signature=abc"


@contextmanager
def logging_to_text() -> Generator[tuple[logging.Logger, io.StringIO]]:
    """Log through the filter into a text, by a logger that has no other handler and no parent."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.addFilter(Redaction(SECRETS))
    logger = logging.Logger("redacted", logging.DEBUG)  # noqa: LOG001  (a registered one would pass records on to pytest)
    logger.addHandler(handler)
    yield logger, text


def log_chained_exceptions(logger: logging.Logger) -> None:
    try:
        try:
            raise ValueError(f"the key {KEY} was refused")  # noqa: TRY301  (the exception is there to be logged)
        except ValueError as error:
            raise RuntimeError(f"GET {SIGNED}&key={KEY}") from error
    except RuntimeError:
        logger.exception("it failed with %s", KEY)


def log_a_formatted_record(logger: logging.Logger) -> None:
    """Log a record that another handler has already formatted, so that it holds the text of the exception."""
    try:
        raise ValueError(f"the key {KEY} was refused by {SIGNED}")  # noqa: TRY301  (the exception is there to be logged)
    except ValueError as error:
        record = logger.makeRecord("x", logging.ERROR, "x", 1, "it failed", (), (ValueError, error, None))
    record.stack_info = f"Stack of {KEY} and {SIGNED}"
    logging.Formatter().format(record)
    logger.handle(record)


def log_an_error_of_the_http_client(logger: logging.Logger) -> None:
    request = httpx2.Request("GET", f"{LINK}?X-Amz-Signature=abc", headers={"authorization": f"Bearer {KEY}"})
    try:
        raise httpx2.ConnectError(f"cannot connect to {request.url}", request=request)  # noqa: TRY301  (the exception is there to be logged)
    except httpx2.ConnectError:
        logger.warning("a poll failed: %r %s", request, dict(request.headers), exc_info=True)


ROUTES: dict[str, Callable[[logging.Logger], None]] = {
    "in the message": lambda logger: logger.info(f"the key is {KEY}"),  # noqa: G004  (a formatted message is what is tested)
    "as an argument": lambda logger: logger.info("the key is %s", KEY),
    "in an object": lambda logger: logger.info("%r", {"authorization": f"Bearer {KEY}"}),
    "another key": lambda logger: logger.error("first %s, then %s", "another-key-987", KEY),
    "in a link": lambda logger: logger.debug("GET %s?signature=abc&expires=5 -> 200", LINK),
    "in a link in quotes": lambda logger: logger.debug('{"url": "%s?signature=abc"}', LINK),
    "in two links": lambda logger: logger.debug("%s?signature=abc %s?X-Amz-Signature=def", LINK, LINK),
    "in a chained exception": log_chained_exceptions,
    "in a record that was formatted before": log_a_formatted_record,
    "in an error of the HTTP client": log_an_error_of_the_http_client,
}


@pytest.mark.parametrize("route", ROUTES)
def test_keys_and_signatures_are_redacted(route: str) -> None:
    with logging_to_text() as (logger, text):
        ROUTES[route](logger)
    logged = text.getvalue()
    assert logged
    for secret in (KEY, "another-key-987", "signature=", "Signature=", "abc", "expires"):
        assert secret not in logged
    assert "***" in logged


def test_everything_else_is_logged_unchanged() -> None:
    with logging_to_text() as (logger, text):
        logger.info("job %s: %s, %d%% of %s? a short one", "abc", LINK, 50, "it")
    assert text.getvalue() == f"INFO job abc: {LINK}, 50% of it? a short one\n"


def test_the_traceback_is_still_logged() -> None:
    with logging_to_text() as (logger, text):
        log_chained_exceptions(logger)
    logged = text.getvalue()
    assert "ValueError: the key *** was refused" in logged
    assert f"RuntimeError: GET {LINK}?***" in logged
    assert logged.count("Traceback (most recent call last):") == 2


PROGRAM = f"""
import logging
from seedance_mcp.redaction import log_to_stderr
from seedance_mcp.settings import load

log_to_stderr(load({{"SEEDANCE_OPE_API_KEY": "{KEY}", "SEEDANCE_LOG": "debug"}}))
for name in ("seedance_mcp.web", "httpx2", "httpcore2.connection", "mcp.server", "elsewhere"):
    for level in (logging.DEBUG, logging.INFO, logging.WARNING):
        logging.getLogger(name).log(level, "%s at %s says {KEY} {LINK}?signature=abc", name, level)
print("only this")
"""


def test_the_log_goes_to_standard_error_without_secrets_and_without_the_http_clients_own_messages(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, encoding="utf-8", timeout=60, check=True
    )
    assert done.stdout == "only this\n"
    assert KEY not in done.stderr
    assert "signature" not in done.stderr
    logged = {tuple(line.split(": ", 1)[1].split(" says")[0].split(" at ")) for line in done.stderr.splitlines()}
    assert logged == {
        *(("seedance_mcp.web", level) for level in ("10", "20", "30")),
        *(("elsewhere", level) for level in ("10", "20", "30")),
        *((name, "30") for name in ("httpx2", "httpcore2.connection", "mcp.server")),
    }
