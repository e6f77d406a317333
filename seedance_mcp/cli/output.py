"""What commands print: data on standard output, whole where a program reads it; remarks on standard error.

Lines fit a terminal. Nothing is cut where the output is not one, no closed pipe and no encoding ends in a traceback.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence

_HANDLER = "seedance_mcp.plain"
_PLAIN = {"–": "-", "—": "-", "−": "-", "…": "...", "×": "x", "·": "-", "→": "->", "━": "-", "✓": "ok"}
"""How our own characters are written in encodings that lack them."""


def prepare_streams() -> None:
    """Let standard output and error carry any text, whatever their encoding."""
    codecs.register_error(_HANDLER, _substitute)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _substitute(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace one character that an encoding lacks; bytes of file names that are not text stay what they were."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return _PLAIN.get(character, "?"), error.start + 1


def flush() -> None:
    """Write what is still held back, so that a closed pipe is noticed here.

    Raises:
        BrokenPipeError: nobody reads standard output any more.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # pyright: ignore[reportUnnecessaryComparison]  (None where it was closed)
            stream.flush()


def abandon() -> None:
    """Discard what is left to write: the reader has gone, and Python would complain at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            os.dup2(nowhere, stream.fileno())
        except AttributeError:
            pass
    os.close(nowhere)


def print_json(value: object) -> None:
    """Print JSON; in an encoding other than UTF-8, with escapes, so that nothing is lost."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").replace("-", "").casefold()
    print(json.dumps(value, ensure_ascii=encoding != "utf8", indent=2))


def remark(text: str) -> None:
    """Print a line for a person, on standard error and after what is on standard output."""
    sys.stdout.flush()
    print(text, file=sys.stderr)


def width() -> int | None:
    """Return the columns of the terminal; None where standard output is not one, so that nothing needs to be cut."""
    return max(20, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def table(head: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None) -> Iterator[str]:
    """Yield one line for each row, with aligned cells; with `columns`, a line that is longer ends in an ellipsis."""
    from rich.cells import cell_len  # noqa: PLC0415  (`--help` needs no widths)

    lines = [head, *rows]
    widths = [max(cell_len(line[index]) for line in lines) for index in range(len(head))]
    for line in lines:
        padded = (cell + " " * (size - cell_len(cell)) for cell, size in zip(line, widths, strict=True))
        yield cut("  ".join(padded).rstrip(), columns)


def cut(text: str, columns: int | None) -> str:
    """Return a text of at most so many columns, the last of which is an ellipsis if something is missing."""
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415  (as above)

    return text if columns is None or cell_len(text) <= columns else set_cell_size(text, columns - 1).rstrip() + "…"


def wrapped(text: str, indent: str) -> list[str]:
    """Return a paragraph as lines that fit the terminal, with whole words; elsewhere as one line."""
    columns = width()
    if columns is None:
        return [text]
    return textwrap.wrap(text, columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def ask(question: str) -> bool | None:
    """Ask the person at the terminal a question that "no" answers safely; None if there is no person."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    sys.stdout.flush()
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().casefold() in {"y", "yes"}


def command(*arguments: str, sandbox: bool = False) -> str:
    """Return a command that can be pasted: this program, as it was started, with these arguments."""
    line = f"{_program()} {shlex.join(arguments)}"
    if not sandbox:
        return line
    return f"set SEEDANCE_SANDBOX=1&& {line}" if sys.platform == "win32" else f"SEEDANCE_SANDBOX=1 {line}"


def _program() -> str:
    if "UV_RUN_RECURSION_DEPTH" in os.environ:
        return "uv run seedance-mcp"
    if f"{os.sep}archive-v" in sys.prefix:  # where uvx keeps what it runs
        return "uvx seedance-mcp"
    return "seedance-mcp" if shutil.which("seedance-mcp") else "python -m seedance_mcp"
