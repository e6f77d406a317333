"""The vocabulary in which a model's limits are written down: one row, one documented fact.

A row knows four things about its fact and nothing else: whether a value keeps to it, what to say when it does
not, the nearest value that would, and how JSON Schema says the same. Refusals, tool schemas, `list_models`, the
docs tables and the sandbox's own refusals are all made from these rows, so a limit is never stated twice.

Rows are plain data. They import neither HTTP, nor the clock, nor MCP (`tests/test_house.py` keeps it so).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal, Protocol, Self

Args = Mapping[str, Any]
"""What a caller asks for, by the neutral field names of `seedance_mcp.catalog.request`, before it is checked."""

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact stands: the vendor's page (`where`) and its key in `facts/<vendor>.yaml` (`fact`).

    `where` begins with SEED (the vendor's own page, by line), PUB (another public page of the vendor), ARK (the
    official upstream) or INF (inferred, with the reason).
    """

    where: str
    fact: str

    @property
    def documented(self) -> bool:
        """Whether the vendor itself states the fact; only the rest may turn out to be wrong without notice."""
        return self.where.startswith(("SEED", "PUB"))


class Row(Protocol):
    """One field of one model: what it takes."""

    @property
    def source(self) -> Source: ...
    @property
    def required(self) -> bool: ...
    @property
    def default(self) -> Any: ...

    def wrong(self, value: object) -> str | None:
        """Say what is wrong with the value, or None if it keeps to the row."""
        ...

    def allowed(self) -> str:
        """Say in words what the row takes, ranges and choices included."""
        ...

    def nearest(self, value: object) -> Any:
        """Return the legal value closest to this one, or None where no value is closer than another."""
        ...

    def schema(self) -> Schema:
        """Return the JSON Schema that accepts exactly what `wrong` does not object to."""
        ...

    def merged(self, other: Self) -> Self:
        """Return the row that takes whatever either takes (the hull that `tools/list` shows)."""
        ...


def _is_whole(value: object) -> bool:
    """JSON Schema's idea of an integer: 5 and 5.0 are, True is not."""
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))


@dataclass(frozen=True, slots=True)
class OneOf:
    """A text out of a list, such as a resolution or an aspect ratio."""

    values: tuple[str, ...]
    source: Source
    default: str | None = None
    default_with_media: str | None = "="
    """What is sent instead of `default` when pictures, clips or sounds are given ("=": the same, None: nothing)."""
    required: bool = False

    def wrong(self, value: object) -> str | None:
        return None if isinstance(value, str) and value in self.values else f"must be {self.allowed()}"

    def allowed(self) -> str:
        return self.values[0] if len(self.values) == 1 else "one of " + ", ".join(self.values)

    def nearest(self, value: object) -> str | None:
        """The closest resolution or ratio by its number, else the same word in another case."""
        if not isinstance(value, str):
            return None
        for candidate in self.values:
            if candidate.casefold() == value.strip().casefold():
                return candidate
        wanted = _magnitude(value)
        measured = [(abs(size - wanted), v) for v in self.values if wanted and (size := _magnitude(v))]
        return min(measured)[1] if measured else (self.values[0] if len(self.values) == 1 else None)

    def schema(self) -> Schema:
        return {"type": "string", "enum": list(self.values)}

    def merged(self, other: OneOf) -> OneOf:
        extra = tuple(v for v in other.values if v not in self.values)
        default = self.default if self.default == other.default else None
        return replace(self, values=self.values + extra, default=default, required=self.required and other.required)


_RESOLUTION = re.compile(r"(\d{1,5})\s*([pk])", re.IGNORECASE)
_RATIO = re.compile(r"(\d{1,3})\s*[:x/]\s*(\d{1,3})", re.IGNORECASE)


def _magnitude(value: str) -> float:
    """Put resolutions (lines) and ratios (width / height) on a scale, so that «nearest» has a meaning."""
    if found := _RESOLUTION.fullmatch(value.strip()):
        number = float(found[1])
        return number if found[2] in "pP" else number * 540
    if (found := _RATIO.fullmatch(value.strip())) and int(found[2]):
        return int(found[1]) / int(found[2])
    return 0.0


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a range (None: the vendor states no such end), or out of `only`."""

    least: int | None
    most: int | None
    source: Source
    only: tuple[int, ...] = ()
    default: int | None = None
    unit: str = ""
    required: bool = False

    def wrong(self, value: object) -> str | None:
        return None if self._takes(value) else f"must be {self.allowed()}"

    def _takes(self, value: object) -> bool:
        if not _is_whole(value):
            return False
        number = int(value)  # pyright: ignore[reportArgumentType]
        if self.only:
            return number in self.only
        return (self.least is None or self.least <= number) and (self.most is None or number <= self.most)

    def allowed(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.only:
            return ", ".join(map(str, self.only[:-1])) + f" or {self.only[-1]}{unit}"
        if self.least is None or self.most is None:
            return "a whole number" if self.least is None else f"a whole number from {self.least}{unit}"
        return f"{self.least}–{self.most}{unit}"

    def nearest(self, value: object) -> int | None:
        try:
            number = float(value)  # pyright: ignore[reportArgumentType]
        except (TypeError, ValueError, OverflowError):
            return self.default
        if not math.isfinite(number):
            return self.default
        if self.only:
            return min(self.only, key=lambda v: (abs(v - number), v))
        if self.most is not None and number > self.most:
            return self.most
        return round(number) if self.least is None else max(self.least, round(number))

    def schema(self) -> Schema:
        if self.only:
            return {"type": "integer", "enum": list(self.only)}
        ends = {"minimum": self.least, "maximum": self.most}
        return {"type": "integer"} | {end: value for end, value in ends.items() if value is not None}

    def merged(self, other: Whole) -> Whole:
        default = self.default if self.default == other.default else None
        required = self.required and other.required
        if self.only and self.only == other.only:
            return replace(self, default=default, required=required)
        most = None if self.most is None or other.most is None else max(self.most, other.most)
        least = None if self.least is None or other.least is None else min(self.least, other.least)
        return replace(self, least=least, most=most, only=(), default=default, required=required)


@dataclass(frozen=True, slots=True)
class Number:
    """A number, such as an amount of money, that is not below `least`."""

    least: float
    source: Source
    unit: str = ""
    required: bool = False

    default = None

    def wrong(self, value: object) -> str | None:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and self.least <= value < float("inf")
        return None if fits else f"must be {self.allowed()}"

    def allowed(self) -> str:
        return f"a number from {self.least:g} {self.unit}".rstrip()

    def nearest(self, value: object) -> float | None:
        return self.least if isinstance(value, int | float) and value < self.least else None

    def schema(self) -> Schema:
        return {"type": "number", "minimum": self.least}

    def merged(self, other: Number) -> Number:
        return replace(self, least=min(self.least, other.least))


@dataclass(frozen=True, slots=True)
class Text:
    """Free text, its length counted in characters (Unicode code points, which is also how JSON Schema counts)."""

    source: Source
    most: int | None = None
    least: int = 1
    required: bool = False

    default = None

    def wrong(self, value: object) -> str | None:
        if not isinstance(value, str):
            return "must be text"
        if len(value) < self.least:
            return "must not be empty"
        if self.most is not None and len(value) > self.most:
            return f"has {len(value)} characters; at most {self.most} are taken"
        return None

    def allowed(self) -> str:
        return "text" if self.most is None else f"text of {self.least}–{self.most} characters"

    def nearest(self, value: object) -> None:
        """A text is for its author to shorten; cutting it would change what is paid for."""

    def schema(self) -> Schema:
        most = {} if self.most is None else {"maxLength": self.most}
        return {"type": "string"} | ({"minLength": self.least} if self.least else {}) | most

    def merged(self, other: Text) -> Text:
        most = None if self.most is None or other.most is None else max(self.most, other.most)
        return replace(self, most=most, least=min(self.least, other.least), required=self.required and other.required)


@dataclass(frozen=True, slots=True)
class Flag:
    """A switch. `default` is what is sent when the caller says nothing (None: nothing is sent)."""

    source: Source
    default: bool | None = None
    required: bool = False

    def wrong(self, value: object) -> str | None:
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


_PRIVATE_HOST = (
    r"(?:[^/?#]*@)?(?:[lL][oO][cC][aA][lL][hH][oO][sS][tT]\.?(?:[:/?#]|$)|127\.|0\.0\.0\.0|10\.|192\.168\.|169\.254\."
    r"|172\.(?:1[6-9]|2[0-9]|3[01])\.|\[(?:::1?|[fF][cCdDeE][0-9a-fA-F:]*)\])"
)


@dataclass(frozen=True, slots=True)
class Link:
    """A URL of one of the `schemes`; `public` refuses localhost and private addresses, which no vendor can reach."""

    schemes: tuple[str, ...]
    source: Source
    public: bool = False
    never: tuple[str, ...] = ()
    """File endings that are refused, such as gif."""
    required: bool = False

    default = None

    @property
    def pattern(self) -> str:
        """One regular expression for both this row and the JSON Schema made from it (ECMA-262 and `re` agree on it)."""
        private = f"(?!{_PRIVATE_HOST})" if self.public else ""
        web = "|".join(s for s in self.schemes if s != "asset")
        ending = f"(?!\\S*\\.(?:{'|'.join(self.never)})(?:[?#]|(?![\\s\\S])))" if self.never else ""
        forms = [f"(?:{web})://{private}{ending}[^\\s/]+\\S*"] if web else []
        if "asset" in self.schemes:
            forms.append("asset://[A-Za-z0-9._-]+")
        return f"^(?:{'|'.join(forms)})(?![\\s\\S])"  # not «$», which in Python lets a final newline by

    def wrong(self, value: object) -> str | None:
        fits = isinstance(value, str) and re.search(self.pattern, value)
        return None if fits else f"must be {self.allowed()}"

    def allowed(self) -> str:
        forms = " or ".join(f"{s}://" for s in self.schemes)
        public = ", reachable from the internet" if self.public else ""
        return f"a URL beginning with {forms}{public}" + (f", not {'/'.join(self.never)}" if self.never else "")

    def nearest(self, value: object) -> str | None:
        if isinstance(value, str) and value.startswith("http://") and "http" not in self.schemes:
            secure = "https" + value[4:]
            return secure if self.wrong(secure) is None else None
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
    """What a vendor says of each file behind a URL. Not knowable from a URL, so shown, and checked on local files."""

    source: Source
    under_mb: float | None = None
    seconds: tuple[float, float] | None = None
    total_seconds: float | None = None
    total_mb: float | None = None
    pixels: tuple[int, int] | None = None

    def words(self) -> str:
        """Say the limits in a few words, for `list_models`."""
        said: list[str] = []
        if self.seconds:
            low, high = self.seconds
            said.append(f"each ≥ {low:g} s" if high == float("inf") else f"each {low:g}–{high:g} s")
        if self.total_seconds:
            said.append(f"together ≤ {self.total_seconds:g} s")
        if self.under_mb:
            said.append(f"each < {self.under_mb:g} MB")
        if self.total_mb:
            said.append(f"together ≤ {self.total_mb:g} MB")
        if self.pixels:
            said.append(f"{self.pixels[0]}–{self.pixels[1]} px")
        return ", ".join(said)


@dataclass(frozen=True, slots=True)
class Media:
    """Pictures, clips or sounds handed over as URLs. `most=None`: the vendor states no number."""

    kind: Literal["image", "video", "audio"]
    link: Link
    source: Source
    most: int | None = None
    files: FileLimits | None = None
    required: bool = False

    default = None

    def wrong(self, value: object) -> str | None:
        if not isinstance(value, Sequence) or isinstance(value, str):
            return f"must be a list of {self.kind} URLs"
        items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        if not items:
            return "is an empty list"
        bad = [str(i) for i, item in enumerate(items, 1) if self.link.wrong(item)]
        said = [f"item {', '.join(bad)} must be {self.link.allowed()}"] if bad else []
        if self.most is not None and len(items) > self.most:
            said.append(f"has {len(items)} items; at most {self.most} are taken")
        return "; ".join(said) or None

    def allowed(self) -> str:
        count = f"1–{self.most}" if self.most else "any number of"
        return f"{count} {self.kind} URLs, each {self.link.allowed()}"

    def nearest(self, value: object) -> None:
        """Which pictures to leave out is the author's choice."""

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


def present(args: Args, field: str) -> bool:
    """Whether the caller asks for this field; a switch that is off asks for nothing."""
    return field in args and args[field] is not False


def _asks(field: str, switches: Iterable[str] = ("web_search",)) -> Schema:
    """The JSON Schema for `present`."""
    return {"required": [field]} | ({"properties": {field: {"const": True}}} if field in switches else {})


def _any_of(fields: Iterable[str]) -> Schema:
    clauses = [_asks(field) for field in fields]
    return clauses[0] if len(clauses) == 1 else {"anyOf": clauses}


def _or(fields: Sequence[str]) -> str:
    return fields[0] if len(fields) == 1 else ", ".join(fields[:-1]) + " or " + fields[-1]


class Rule(Protocol):
    """A fact about several fields of one request."""

    @property
    def source(self) -> Source: ...

    def broken(self, args: Args) -> tuple[str, str] | None:
        """Return (the field to change, what is wrong), or None if the request keeps to the rule."""
        ...

    def words(self) -> str:
        """Say the rule in a few words, for `list_models`."""
        ...

    def schema(self) -> Schema:
        """Return the clause of `allOf` that says the same in JSON Schema."""
        ...


@dataclass(frozen=True, slots=True)
class NotTogether:
    """None of `these` in one request with any of `those`."""

    these: tuple[str, ...]
    those: tuple[str, ...]
    source: Source

    def broken(self, args: Args) -> tuple[str, str] | None:
        left = [f for f in self.these if present(args, f)]
        right = [f for f in self.those if present(args, f)]
        if not (left and right):
            return None
        return left[0], f"cannot be combined with {_or(right)}; leave out one side ({_or(left)}, or {_or(right)})"

    def words(self) -> str:
        return f"not together: {_or(self.these)} with {_or(self.those)}"

    def schema(self) -> Schema:
        return {"not": {"allOf": [_any_of(self.these), _any_of(self.those)]}}


@dataclass(frozen=True, slots=True)
class Needs:
    """A request with `field` needs at least one of `one_of` beside it."""

    field: str
    one_of: tuple[str, ...]
    source: Source

    def broken(self, args: Args) -> tuple[str, str] | None:
        if not present(args, self.field) or any(present(args, f) for f in self.one_of):
            return None
        return self.field, f"needs {_or(self.one_of)} beside it; add that or leave {self.field} out"

    def words(self) -> str:
        return f"{self.field} needs {_or(self.one_of)}"

    def schema(self) -> Schema:
        return {"if": _asks(self.field), "then": _any_of(self.one_of)}


@dataclass(frozen=True, slots=True)
class NeedsOneOf:
    """A request that has none of `fields` asks for nothing."""

    fields: tuple[str, ...]
    source: Source

    def broken(self, args: Args) -> tuple[str, str] | None:
        if any(present(args, f) for f in self.fields):
            return None
        return self.fields[0], f"or another of {_or(self.fields[1:])} must be given"

    def words(self) -> str:
        return f"needs {_or(self.fields)}"

    def schema(self) -> Schema:
        return _any_of(self.fields)


@dataclass(frozen=True, slots=True)
class Advice:
    """Something worth saying before money is spent, which is no reason to refuse.

    It is said when every field of `when` is present, none of `unless` is, and the first of `when` is one of `values`
    or lies `outside` a range (a list: the number of its items). With none of these, presence is enough.
    """

    when: tuple[str, ...]
    text: str
    source: Source
    values: tuple[object, ...] = ()
    outside: tuple[int, int] | None = None
    wordy: tuple[int, int] | None = None
    """(Chinese characters, words) beyond which a prompt is said to lose details."""
    unless: tuple[str, ...] = ()

    def applies(self, args: Args) -> bool:
        if not all(present(args, f) for f in self.when) or any(present(args, f) for f in self.unless):
            return False
        value = args.get(self.when[0])
        if self.values:
            return value in self.values
        if self.outside:
            measure = len(value) if isinstance(value, list | tuple) else value  # pyright: ignore[reportUnknownArgumentType]
            return isinstance(measure, int | float) and not self.outside[0] <= measure <= self.outside[1]
        if self.wordy:
            return isinstance(value, str) and _too_wordy(value, *self.wordy)
        return True


_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


def _too_wordy(text: str, characters: int, words: int) -> bool:
    return len(_HAN.findall(text)) > characters or len(_HAN.sub(" ", text).split()) > words


@dataclass(frozen=True, slots=True)
class Billing:
    """How a vendor charges for a model. Empty `rates` mean that the formula is published and the number is not.

    `rates` are units for each second or video, by resolution ("" for any); `with_video` are those that hold when
    reference videos are given. `usd_per_unit` is the documented worth of one unit.
    """

    per: Literal["second", "video"] | None
    unit: str
    source: Source
    rates: Mapping[str, Decimal] | None = None
    with_video: Mapping[str, Decimal] | None = None
    usd_per_unit: Decimal | None = None
    cautions: tuple[Advice, ...] = ()
    failure_is_free: bool = False
    """Whether the vendor documents that a failed job is not charged."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model of one vendor: what it takes, and what it costs. A field without a row is a field it refuses."""

    vendor: str
    name: str
    summary: str
    rows: Mapping[str, Row]
    billing: Billing
    source: Source
    rules: tuple[Rule, ...] = ()
    advice: tuple[Advice, ...] = ()
    sizes: Mapping[tuple[str, str], str] | None = None
    """Documented pixel size by (resolution, aspect ratio)."""
    prefers: tuple[str, ...] = ()
    """Fields without which the model is legal but not what its vendor made it for."""

    @property
    def id(self) -> str:
        """The name callers use: `vendor/model`."""
        return f"{self.vendor}/{self.name}"

    @property
    def modes(self) -> tuple[str, ...]:
        """What it can start from, read off the media rows: text, first_frame, first_last_frame, references."""
        rows = self.rows
        pictures = {"first_frame", "last_frame", "reference_images", "reference_videos", "reference_audios"}
        found: list[str] = []
        if not any(rows[f].required for f in pictures & rows.keys()):
            found.append("text")
        framed = [r.one_of for r in self.rules if isinstance(r, Needs) and r.field == "first_frame"]
        if "first_frame" in rows and not framed:
            found.append("first_frame")
        if "last_frame" in rows:
            found.append("first_last_frame")
        if any(f.startswith("reference_") for f in rows):
            found.append("references")
        return tuple(found)
