"""The kinds of rows in which a model's limits are written: one row, one documented fact.

A row answers four questions: whether a value is legal, what to say if it is not, which legal value is nearest, and how
JSON Schema expresses the same limit. Refusals, tool schemas, `list_models`, the tables of the docs and the sandbox's
refusals are all made from rows, so a limit is stated once.

Rows are plain data without effects (`tests/test_architecture.py` checks their imports).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

Args = Mapping[str, Any]
"""A caller's unchecked arguments, by the vendor-neutral field names of `seedance_mcp.catalog.request`."""

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """The origin of a fact: the vendor's page (`where`) and the key in `facts/<vendor>.yaml` (`fact`).

    `where` begins with SEED (the vendor's own API page, by line) or PUB (another public page of the vendor). The other
    origins are not the vendor's: ARK (the official upstream), KIE (a reseller's upstream), INF (inferred, with the
    reason), GAP (documented nowhere), OPERATOR (the user's own setting SEEDANCE_MODELS), OURS.
    """

    where: str
    fact: str

    @property
    def documented(self) -> bool:
        """Whether the vendor itself documents the fact."""
        return self.where.startswith(("SEED", "PUB"))

    @property
    def soft(self) -> bool:
        """Whether only the official upstream or a reseller states the fact: then it binds us, and not the caller."""
        return self.where.startswith(("ARK", "KIE"))

    @property
    def own(self) -> bool:
        """Whether the user's own setting states the fact."""
        return self.where.startswith("OPERATOR")


class Row(Protocol):
    """One field of one model: what it accepts."""

    @property
    def source(self) -> Source: ...
    @property
    def required(self) -> bool: ...
    @property
    def default(self) -> Any: ...

    def problem(self, value: object) -> str | None:
        """Return what is wrong with the value, or None if it is legal."""
        ...

    def allowed(self) -> str:
        """Return the legal values as text, with ranges and choices."""
        ...

    def nearest(self, value: object) -> Any:
        """Return the legal value closest to this one, or None where none is closest."""
        ...

    def schema(self) -> Schema:
        """Return the JSON Schema that accepts exactly the legal values."""
        ...

    def merged(self, other: Self) -> Self:
        """Return the row that accepts every value that either row accepts (`tools/list` shows merged rows)."""
        ...


SAME = "="
"""The default, whatever else the request has."""
NEAREST = "~"
"""The ratio that is nearest to the shape of the image, or the default where that is not known."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """A text from a list, such as a resolution or an aspect ratio."""

    values: tuple[str, ...]
    source: Source
    default: str | None = None
    default_with_media: str | None = SAME
    """What is sent instead of `default` with images or videos; SAME, NEAREST, or None: nothing."""
    required: bool = False

    def problem(self, value: object) -> str | None:
        return None if isinstance(value, str) and value in self.values else f"must be {self.allowed()}"

    def allowed(self) -> str:
        return self.values[0] if len(self.values) == 1 else "one of " + ", ".join(self.values)

    def nearest(self, value: object) -> str | None:
        """Return the same value in another case, else the closest resolution or ratio by its number."""
        if not isinstance(value, str):
            return None
        for candidate in self.values:
            if candidate.casefold() == value.strip().casefold():
                return candidate
        wanted = magnitude(value)
        measured = [(abs(size - wanted), v) for v in self.values if wanted and (size := magnitude(v))]
        return min(measured)[1] if measured else (self.values[0] if len(self.values) == 1 else None)

    def nearest_ratio(self, pixels: tuple[int, int]) -> str | None:
        """Return the aspect ratio that is nearest to a size in pixels."""
        shape = pixels[0] / pixels[1]
        ratios = [(abs(math.log(ratio / shape)), v) for v in self.values if ":" in v and (ratio := magnitude(v))]
        return min(ratios)[1] if ratios else None

    def schema(self) -> Schema:
        return {"type": "string", "enum": list(self.values)}

    def merged(self, other: OneOf) -> OneOf:
        extra = tuple(v for v in other.values if v not in self.values)
        default = self.default if self.default == other.default else None
        return replace(self, values=self.values + extra, default=default, required=self.required and other.required)


_RESOLUTION = re.compile(r"(\d{1,5})\s*([pk]?)", re.IGNORECASE)
_RATIO = re.compile(r"(\d{1,3})\s*[:x/]\s*(\d{1,3})", re.IGNORECASE)


def magnitude(value: str) -> float:
    """Return the number by which values compare: lines of a resolution, width / height of a ratio, 0 if neither."""
    if found := _RESOLUTION.fullmatch(value.strip()):
        number = float(found[1])
        return number * 540 if found[2] in {"k", "K"} else number
    if (found := _RATIO.fullmatch(value.strip())) and int(found[2]):
        return int(found[1]) / int(found[2])
    return 0.0


_MANY = 12
"""More numbers are not listed one by one in a text; they follow a pattern."""


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number in a range (None: the vendor does not state this limit), or one of `only`."""

    least: float | None
    most: float | None
    source: Source
    only: tuple[int, ...] = ()
    default: int | None = None
    unit: str = ""
    required: bool = False
    automatic: int | None = None
    """One more legal value, by which the vendor chooses the number: priced at the largest, and never suggested."""
    whole: bool = False
    """Whether decimals are refused."""

    def problem(self, value: object) -> str | None:
        return None if self._accepts(value) else f"must be {self.allowed()}"

    def _accepts(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            return False
        if self.whole and int(value) != value:
            return False
        if value == self.automatic:
            return True
        if self.only:
            return value in self.only
        return (self.least is None or self.least <= value) and (self.most is None or value <= self.most)

    def allowed(self) -> str:
        automatic = "" if self.automatic is None else f", or {self.automatic} (the vendor chooses)"
        return self._span() + automatic

    def _span(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if len(self.only) > _MANY:
            return ", ".join(map(str, self.only[:3])) + f" … {self.only[-1]}{unit}"
        if self.only:
            return ", ".join(map(str, self.only[:-1])) + f" or {self.only[-1]}{unit}"
        kind = "a whole number" if self.whole else "a number"
        if self.least is None:
            return kind
        if self.most is None:
            return f"{kind} from {self.least:g}{unit}"
        return f"{self.least:g}–{self.most:g}{unit}" + ("" if self.whole else ", decimals allowed")

    def nearest(self, value: object) -> float | None:
        """Return the closest legal number; the default where the value is not one."""
        try:
            number = float(value)  # pyright: ignore[reportArgumentType]  (other types raise, which is caught)
        except (TypeError, ValueError, OverflowError):
            return self.default
        if not math.isfinite(number) or (isinstance(value, str) and self.default is None and not self.whole):
            return self.default
        if self.only:
            offered = [v for v in self.only if v >= 0] or self.only  # below 0, a number means something else
            return min(offered, key=lambda v: (abs(v - number), v))
        number = max(number, number if self.least is None else self.least)
        number = min(number, number if self.most is None else self.most)
        return round(number) if self.whole or number == round(number) else number

    def schema(self) -> Schema:
        kind = "integer" if self.whole else "number"
        ends = {"minimum": self.least, "maximum": self.most}
        span: Schema = {end: value for end, value in ends.items() if value is not None}
        if self.only:
            span = {"enum": list(self.only)}
        if self.automatic is not None:
            span = {"anyOf": [span, {"const": self.automatic}]}
        return {"type": kind} | span

    def merged(self, other: Number) -> Self:
        default = self.default if self.default == other.default else None
        merged = replace(
            self,
            default=default,
            required=self.required and other.required,
            whole=self.whole and other.whole,
            automatic=other.automatic if self.automatic is None else self.automatic,
        )
        if self.only and self.only == other.only:
            return merged
        most = None if self.most is None or other.most is None else max(self.most, other.most)
        least = None if self.least is None or other.least is None else min(self.least, other.least)
        return replace(merged, least=least, most=most, only=())


@dataclass(frozen=True, slots=True)
class Whole(Number):
    """A whole number in a range, or one of `only`."""

    whole: bool = True


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return True


@dataclass(frozen=True, slots=True)
class Text:
    """Free text, its length counted in characters (Unicode code points, which is also how JSON Schema counts)."""

    source: Source
    most: int | None = None
    least: int = 1
    required: bool = False
    never: str = ""
    """A regular expression (the same in ECMA-262 and `re`) for what the vendor would take for a command."""
    instead: str = ""
    """What to do about such a text: "give the duration as a field"."""

    default = None

    def problem(self, value: object) -> str | None:
        if not isinstance(value, str):
            return "must be text"
        if self.never and (found := re.search(self.never, value)):
            return f"must not contain {found[0].strip()!r}, which the vendor would take for a command; {self.instead}"
        if len(value) < self.least:
            return "must not be empty"
        if self.most is not None and len(value) > self.most:
            return f"has {len(value)} characters; the limit is {self.most}"
        return None

    def allowed(self) -> str:
        return "text" if self.most is None else f"text of {self.least}–{self.most} characters"

    def nearest(self, value: object) -> None:
        """Return None: only the author can shorten a text without changing its meaning."""

    def schema(self) -> Schema:
        most = {} if self.most is None else {"maxLength": self.most}
        never = {"not": {"pattern": self.never}} if self.never else {}
        return {"type": "string"} | ({"minLength": self.least} if self.least else {}) | most | never

    def merged(self, other: Text) -> Text:
        most = None if self.most is None or other.most is None else max(self.most, other.most)
        never, instead = (self.never, self.instead) if self.never == other.never else ("", "")
        required, least = self.required and other.required, min(self.least, other.least)
        return replace(self, most=most, least=least, required=required, never=never, instead=instead)


@dataclass(frozen=True, slots=True)
class Flag:
    """A switch. `default` is sent where the caller leaves it out (None: nothing is sent)."""

    source: Source
    default: bool | None = None
    required: bool = False

    def problem(self, value: object) -> str | None:
        return None if isinstance(value, bool) else "must be true or false"

    def allowed(self) -> str:
        return "true or false"

    def nearest(self, value: object) -> bool | None:
        if isinstance(value, str) and value.strip().casefold() in {"true", "yes", "on", "false", "no", "off"}:
            return value.strip().casefold() in {"true", "yes", "on"}
        return bool(value) if value in (0, 1) else None

    def schema(self) -> Schema:
        return {"type": "boolean"}

    def merged(self, other: Flag) -> Flag:
        default = self.default if self.default == other.default else None
        return replace(self, default=default, required=self.required and other.required)
