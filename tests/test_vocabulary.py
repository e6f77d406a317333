"""One word for each thing: every file of the tree avoids the words that we no longer use.

The checks cover names of files, code, comments and text. They skip what others wrote: the license, the vendors' pages,
and the vendors' parts of recorded answers.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Banned:
    """Something that we no longer write."""

    pattern: re.Pattern[str]
    instead: str
    legitimate: dict[str, str] = field(default_factory=dict[str, str])
    """Where it may still be written: patterns of paths, each with the reason."""


def word(forms: str) -> re.Pattern[str]:
    """Match a word in text, and as a part of snake_case and CamelCase names. `forms` begins with a letter."""
    inner = f"{forms[0].upper()}{forms[1:]}"
    return re.compile(rf"(?<![A-Za-z])(?i:{forms})(?![a-z])|(?<=[a-z]){inner}(?![a-z])")


def phrase(pattern: str) -> re.Pattern[str]:
    """Match a phrase, in any case."""
    return re.compile(pattern, re.IGNORECASE)


OLD_COLUMNS = {
    "seedance_mcp/jobs/journal/migrations.py": "renames the columns of older journals",
    "tests/jobs/journal/test_migrations.py": "has journals with the older columns",
}

BANNED: dict[str, Banned] = {
    "film": Banned(word("film(?:s|ed|ing)?"), "video"),
    "clip": Banned(word("clips?"), "video"),
    "picture": Banned(word("pictures?"), "image"),
    "sound": Banned(word("sounds?"), "audio", OLD_COLUMNS),
    "look": Banned(
        word(r"look(?:s|ed|ing|er|ers)?(?! (?:like|up|for|right)\b|-alike)"),
        "poll for a status, inspect for a file, read for text",
        OLD_COLUMNS,
    ),
    "watch": Banned(word("watch(?:es|ed|ing|er)?"), "poll or track"),
    "follow": Banned(re.compile(r"(?<![\w.])follow\(|\.follow\b|def _?follow\b"), "track"),
    "hand over": Banned(word("hand(?:s|ed|ing)?[ _-]over"), "upload or pass"),
    "parcel": Banned(word("parcels?"), "pending upload"),
    "porter": Banned(word("porters?"), "uploader"),
    "keeper": Banned(word("keepers?"), "downloader"),
    "healer": Banned(word("heal(?:s|ed|ing|er)?"), "reconcile"),
    "studio": Banned(re.compile(rf"(?<!LM )(?:{word('studios?').pattern})"), "job service"),
    "standing": Banned(word("standing"), "review status"),
    "stand-in": Banned(word("stand(?:[_-]?ins?|s? for)"), "placeholder or fallback; represents"),
    "unfit": Banned(word("unfit"), "not a video"),
    "wrong()": Banned(re.compile(r"\bwrong\(|\.wrong\b"), "problem()"),
    "hull": Banned(word("hulls?"), "merged schema"),
    "book": Banned(word("books?"), "prices"),
    "catalogue": Banned(word("catalogues?"), "price list; the folder is `catalog`"),
    "news": Banned(word("news"), "events or subscriptions"),
    "heard": Banned(word("heard"), "notified"),
    "told": Banned(
        re.compile(r"\.told\b|\btold[:=(]|\btold =|\.tell\([^)]|def tell\b|\b_told\b"), "on_change or notify"
    ),
    "mend": Banned(word("mend(?:s|ed|ing)?"), "repair or fix"),
    "nursery": Banned(word("nursery"), "fork server"),
    "planted": Banned(word("plant(?:s|ed|ing)?"), "mutants; introduce"),
    "words": Banned(re.compile(r"error_words|\.words\b|\"words?\":"), "message or vendor_status", OLD_COLUMNS),
    "a method of a vendor": Banned(
        re.compile(r"(?i:\bvendor)\.(?:submit|accepted|status|progress|refusal|catalogue|account)\b"),
        "build_submit, parse_submit, build_status, parse_status, parse_error, price_list, account_queries",
    ),
    "a class": Banned(
        re.compile(r"\b(?:Ambiguous|NotUsable|StillOnItsWay|_Cut)\b|class (?:No|Kept|Visit|Wire|Wishes|Line)\b"),
        "OutcomeUnknown, UnusableFile, UploadPending, Interrupted; Rejection, StoredFile, EndpointRequest, BodyReader, "
        "Directives, Connection",
    ),
    "a place": Banned(
        re.compile(r"\.ci/(?:lock|lowest|browsers|wheel)\b|docs/(?:generate|pictures)\b|\btest_house\b|\bstudio\.py"),
        "scripts/, docs/images, test_architecture, service.py",
    ),
    "guillemets": Banned(re.compile("[«»“”„‘’]"), "straight quotes"),
    "the vendor's no": Banned(
        phrase(r"(?:\bvendor'?s'?|\bour own|\bread a|\bis a|\bas a|\ba) no\b(?![-\w])"), "refusal"
    ),
    "is no URL": Banned(
        phrase(r"(?<!there )\b(?:is|are|was|were) no (?!longer\b|more\b|less\b|better\b|worse\b)"), "is not a URL"
    ),
    "for ever": Banned(phrase(r"\bfor ever\b|\bof late\b"), "indefinitely; recently"),
    "whoever": Banned(word("who(?:so)?ever"), "the user, the caller, the process: name the one who acts"),
}

NOT_OURS = {
    "LICENSE": "the text of the license",
    "facts/*.yaml": "quotes the vendors' own pages",
    "tests/schemas/*": "the registry's own schema",
    "tests/test_vocabulary.py": "this list",
}
"""Files that nothing here applies to."""
VENDORS_PARTS = {"answer", "expect", "request", "sent"}
"""The keys of recorded answers and requests (tests/vendors) whose values a vendor wrote."""


def tracked() -> list[str]:
    """Return the files that git tracks or would add; none outside a checkout."""
    if shutil.which("git") is None:
        return []
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


FILES = tracked()


def our_text(name: str) -> str | None:
    """Return what we wrote in a file; None if it is not text."""
    try:
        text = (ROOT / name).read_text("utf-8")
    except UnicodeDecodeError:
        return None
    if fnmatch(name, "tests/vendors/*.json"):
        return "\n".join(f"{key}: {value}" for key, value in json.loads(text).items() if key not in VENDORS_PARTS)
    return text


def findings(name: str, text: str) -> Iterator[str]:
    """Yield a sentence for each line, and for the name of the file, that holds a banned word."""
    if any(fnmatch(name, pattern) for pattern in NOT_OURS):
        return
    for banned in BANNED.values():
        if any(fnmatch(name, pattern) for pattern in banned.legitimate):
            continue
        if match := banned.pattern.search(name):
            yield f"The name of {name} holds {match[0]!r}; write: {banned.instead}."
        for number, line in enumerate(text.splitlines(), 1):
            if match := banned.pattern.search(line):
                yield f"{name}:{number} holds {match[0]!r}; write: {banned.instead}."


def all_findings() -> dict[str, list[str]]:
    """Return what is found in each file, files without findings left out."""
    found = {name: list(findings(name, our_text(name) or "")) for name in FILES}
    return {name: sentences for name, sentences in found.items() if sentences}


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    return all_findings()


pytestmark = pytest.mark.skipif(not FILES, reason="the tree is not a checkout of git")


def test_no_file_holds_a_banned_word(found: dict[str, list[str]]) -> None:
    assert [sentence for sentences in found.values() for sentence in sentences] == []


def test_every_legitimate_place_exists() -> None:
    patterns = [*NOT_OURS, *(pattern for banned in BANNED.values() for pattern in banned.legitimate)]
    assert [pattern for pattern in patterns if not any(fnmatch(name, pattern) for name in FILES)] == []


EXAMPLES = {
    "film": ["a film", "Films", "film_days", "FILM_HOSTS", "aFilm", "FilmHost", "re-filmed"],
    "clip": ["a clip", "clip-1"],
    "look": ["the next look", "it looks at", "looked", "look_at(", "Look(BaseModel)", "look = read()"],
    "stand-in": ["a stand-in", "stand_in", "standin.mp4", "stands for it"],
    "the vendor's no": ["the vendor's no, in our terms", "our own no: nothing was sent", "Read a no (SEED)"],
    "is no URL": ["is no URL", "are no messages"],
    "guillemets": ["«unknown»", "“unknown”"],
    "a method of a vendor": ["vendor.progress", "VENDOR.submit"],
    "a class": ["raise Ambiguous", "class No(Exception)"],
    "a place": [".ci/lock", "docs/generate.py"],
    "whoever": ["whoever wrote it"],
}
PLAIN = (
    "filament", "eclipse", "clipboard", "it looks like a URL", "look up the name", "lookup", "look-alikes", "a no-op",
    "there is no URL", "is no longer known", "Notwithstanding", "understanding", "file.tell()",
    "follow_redirects=False", "notebook", "for every job", ".ci/run", "the catalog", "vendor.parse_status", "instant",
)  # fmt: skip


@pytest.mark.parametrize(("title", "text"), [(title, text) for title in EXAMPLES for text in EXAMPLES[title]])
def test_a_banned_word_is_found(title: str, text: str) -> None:
    (sentence,) = findings("a.py", f"\n{text}\n")
    assert re.fullmatch(rf"a\.py:2 holds .+; write: {re.escape(BANNED[title].instead)}\.", sentence)


@pytest.mark.parametrize("text", PLAIN)
def test_a_word_that_only_resembles_a_banned_one_is_allowed(text: str) -> None:
    assert list(findings("a.py", text)) == []


def test_the_name_of_a_file_is_checked_too() -> None:
    assert list(findings("tests/test_film.py", "")) == ["The name of tests/test_film.py holds 'film'; write: video."]
