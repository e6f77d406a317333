"""Rows for values given as URLs: images, videos, audio files, and callback addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from seedance_mcp.catalog.rows import Schema, Source


def _any_case(text: str) -> str:
    """Return a pattern for ASCII text in upper and lower case; ECMA-262 has no flag for that within a pattern."""
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else re.escape(c) for c in text)


_LETTER = r"A-Za-z\u00c0-\u024f\u0370-\u1fff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"
"""Letters of names, without those (such as full-width ones) that programs turn into digits or dots of an address."""
_LOCAL_ENDING = "|".join(
    map(_any_case, ("localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "home.arpa"))
)
_NAME = (
    rf"(?!(?:[^/?#:]*\.)?(?:{_LOCAL_ENDING})\.?(?:[:/?#]|(?![\s\S])))(?:[{_LETTER}0-9_-]+\.)+"
    rf"(?:[xX][nN]--[A-Za-z0-9-]+|[{_LETTER}]{{2,}})\.?"
)
_PRIVATE_IPV4 = (
    r"(?:0|10|127|22[4-9]|2[3-5][0-9])\.|169\.254\.|192\.168\.|192\.0\.[02]\.|192\.88\.99\.|198\.1[89]\.|198\.51\.100\."
    r"|203\.0\.113\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\."
)
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"(?!{_PRIVATE_IPV4}){_BYTE}(?:\.{_BYTE}){{3}}"
# Of 2000::/3, the only public part of IPv6, these are not: 2001:0/23 (Teredo and others), documentation, 6to4.
_IPV6 = r"\[(?!2001:(?:[01]?[0-9a-fA-F]{0,2}|0?[dD][bB]8):|2002:|3[fF]{3}:)[23][0-9a-fA-F]{3}:[0-9a-fA-F:]+\]"
_PUBLIC = rf"(?:[^\s/?#@\\]*@)?(?:{_NAME}|{_IPV4}|{_IPV6})(?::[0-9]+)?(?:[/?#]\S*)?"
"""What follows `https://` where a vendor can fetch it: a name with a dot, or a public address in its usual notation.

Bare names are refused, and addresses as one number, in octal, in hexadecimal or mapped into IPv6.
"""


@dataclass(frozen=True, slots=True)
class Link:
    """A URL with one of the `schemes`; `public` refuses localhost and private addresses, which no vendor can reach."""

    schemes: tuple[str, ...]
    source: Source
    public: bool = False
    never: tuple[str, ...] = ()
    """File extensions that the vendor refuses, such as gif."""
    required: bool = False

    default = None

    @property
    def pattern(self) -> str:
        """The regular expression for both this row and its JSON Schema (ECMA-262 and `re` agree on it)."""
        rest = _PUBLIC if self.public else r"[^\s/]+\S*"
        web = "|".join(s for s in self.schemes if s != "asset")
        ending = f"(?!\\S*\\.(?:{'|'.join(self.never)})(?:[?#]|(?![\\s\\S])))" if self.never else ""
        forms = [f"(?:{web})://{ending}{rest}"] if web else []
        if "asset" in self.schemes:
            forms.append("asset://[A-Za-z0-9._-]+")
        return f"^(?:{'|'.join(forms)})(?![\\s\\S])"  # not "$", which in Python also matches before a final newline

    def problem(self, value: object) -> str | None:
        fits = isinstance(value, str) and re.search(self.pattern, value)
        return None if fits else f"must be {self.allowed()}"

    def allowed(self) -> str:
        forms = " or ".join(f"{s}://" for s in self.schemes)
        public = ", reachable from the internet" if self.public else ""
        return f"a URL beginning with {forms}{public}" + (f", not {'/'.join(self.never)}" if self.never else "")

    def nearest(self, value: object) -> str | None:
        if isinstance(value, str) and value.startswith("http://") and "http" not in self.schemes:
            secure = "https" + value[4:]
            return secure if self.problem(secure) is None else None
        return None

    def schema(self) -> Schema:
        return {"type": "string", "pattern": self.pattern}

    def merged(self, other: Link) -> Link:
        schemes = self.schemes + tuple(s for s in other.schemes if s not in self.schemes)
        never = tuple(e for e in self.never if e in other.never)
        public, required = self.public and other.public, self.required and other.required
        return replace(self, schemes=schemes, public=public, never=never, required=required)


@dataclass(frozen=True, slots=True)
class FileLimits:
    """A vendor's limits for the files behind URLs. They are shown to the caller, and checked for local files only."""

    source: Source
    under_mb: float | None = None
    seconds: tuple[float, float] | None = None
    total_seconds: float | None = None
    total_mb: float | None = None
    pixels: tuple[int, int] | None = None

    def describe(self) -> str:
        """Return the limits as short text, for `list_models`."""
        parts: list[str] = []
        if self.seconds:
            low, high = self.seconds
            parts.append(f"each ≥ {low:g} s" if high == float("inf") else f"each {low:g}–{high:g} s")
        if self.total_seconds:
            parts.append(f"together ≤ {self.total_seconds:g} s")
        if self.under_mb:
            parts.append(f"each < {self.under_mb:g} MB")
        if self.total_mb:
            parts.append(f"together ≤ {self.total_mb:g} MB")
        if self.pixels:
            parts.append(f"{self.pixels[0]}–{self.pixels[1]} px")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Media:
    """A list of URLs of images, videos or audio files. `most=None`: the vendor does not state a limit."""

    kind: Literal["image", "video", "audio"]
    link: Link
    source: Source
    most: int | None = None
    files: FileLimits | None = None
    required: bool = False

    default = None

    def problem(self, value: object) -> str | None:
        if not isinstance(value, Sequence) or isinstance(value, str):
            return f"must be a list of {self.kind} URLs"
        items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  (untrusted items)
        if not items:
            return "must not be empty"
        bad = [str(i) for i, item in enumerate(items, 1) if self.link.problem(item)]
        found = [f"item {', '.join(bad)} must be {self.link.allowed()}"] if bad else []
        if self.most is not None and len(items) > self.most:
            found.append(f"has {len(items)} items; the limit is {self.most}")
        return "; ".join(found) or None

    def allowed(self) -> str:
        count = f"1–{self.most}" if self.most else "any number of"
        return f"{count} {self.kind} URLs, each {self.link.allowed()}"

    def nearest(self, value: object) -> None:
        """Return None: the author chooses which files to leave out."""

    def schema(self) -> Schema:
        most = {} if self.most is None else {"maxItems": self.most}
        return {"type": "array", "items": self.link.schema(), "minItems": 1} | most

    def merged(self, other: Media) -> Media:
        most = None if self.most is None or other.most is None else max(self.most, other.most)
        return replace(
            self,
            link=self.link.merged(other.link),
            most=most,
            files=self.files if self.files == other.files else None,
            required=self.required and other.required,
        )
