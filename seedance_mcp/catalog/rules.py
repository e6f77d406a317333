"""Rules and advice about several fields of one request: which fields exclude or need each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from seedance_mcp.catalog.rows import Args, Schema, Source


def present(args: Args, field: str, values: tuple[object, ...] = ()) -> bool:
    """Whether the caller uses this field (with one of these values); a switch that is off does not count.

    `options.NAME` is a field of a vendor's own.
    """
    outer, dot, inner = field.partition(".")
    if dot:
        options: object = args.get(outer)
        return isinstance(options, Mapping) and present(cast("Args", options), inner, values)
    return field in args and args[field] is not False and (not values or args[field] in values)


_SWITCHES = {"generate_audio", "web_search", "watermark", "safety_filter", "public"}


def _present_schema(field: str, values: tuple[object, ...] = ()) -> Schema:
    """Return the JSON Schema for `present`."""
    outer, dot, inner = field.partition(".")
    if dot:
        used = _present_schema(inner, values)
        if not values:
            used["properties"] = {inner: {"not": {"const": False}}}
        return {"required": [outer], "properties": {outer: used}}
    if values:
        return {"required": [field], "properties": {field: {"enum": list(values)}}}
    return {"required": [field]} | ({"properties": {field: {"const": True}}} if field in _SWITCHES else {})


def _value(args: Args, field: str) -> object:
    outer, dot, inner = field.partition(".")
    return args[outer][inner] if dot else args[field]


def _with_values(field: str, values: tuple[object, ...]) -> str:
    return f"{field} {'/'.join(map(str, values))}" if values else field


def _any_of(fields: Iterable[str]) -> Schema:
    clauses = [_present_schema(field) for field in fields]
    return clauses[0] if len(clauses) == 1 else {"anyOf": clauses}


def _or(fields: Sequence[str]) -> str:
    return _listed(fields, "or")


def _listed(fields: Sequence[str], conjunction: str) -> str:
    return fields[0] if len(fields) == 1 else f"{', '.join(fields[:-1])} {conjunction} {fields[-1]}"


class Rule(Protocol):
    """A documented fact about several fields of one request."""

    @property
    def source(self) -> Source: ...

    def broken(self, args: Args) -> tuple[str, str] | None:
        """Return (the field to change, what is wrong), or None if the request complies."""
        ...

    def describe(self) -> str:
        """Return the rule as short text, for `list_models`."""
        ...

    def schema(self) -> Schema:
        """Return the equivalent JSON Schema, a clause of `allOf`."""
        ...


@dataclass(frozen=True, slots=True)
class NotTogether:
    """A request may use any of `these` or any of `those`, but not both.

    With `values`, it is about these values only of the one field in `these`.
    """

    these: tuple[str, ...]
    those: tuple[str, ...]
    source: Source
    values: tuple[object, ...] = ()

    def broken(self, args: Args) -> tuple[str, str] | None:
        left = [f for f in self.these if present(args, f, self.values)]
        right = [f for f in self.those if present(args, f)]
        if not (left and right):
            return None
        if self.values:
            return left[0], f"{_value(args, left[0])!r} cannot be combined with {_or(right)}; use another value"
        either = f"either {_listed(left, 'and')} or {_listed(right, 'and')}"
        return left[0], f"cannot be combined with {_or(right)}; leave out {either}"

    def describe(self) -> str:
        return f"{_with_values(_or(self.these), self.values)} cannot be combined with {_or(self.those)}"

    def schema(self) -> Schema:
        left = _present_schema(self.these[0], self.values) if self.values else _any_of(self.these)
        return {"not": {"allOf": [left, _any_of(self.those)]}}


@dataclass(frozen=True, slots=True)
class Needs:
    """A request with `field` (with `values`: with one of these values of it) also needs at least one of `one_of`."""

    field: str
    one_of: tuple[str, ...]
    source: Source
    values: tuple[object, ...] = ()

    def broken(self, args: Args) -> tuple[str, str] | None:
        if not present(args, self.field, self.values) or any(present(args, f) for f in self.one_of):
            return None
        add = "add it" if len(self.one_of) == 1 else "add one of them"
        if self.values:
            return self.field, f"{_value(args, self.field)!r} also needs {_or(self.one_of)}; {add} or use another value"
        return self.field, f"also needs {_or(self.one_of)}; {add} or leave {self.field} out"

    def describe(self) -> str:
        return f"{_with_values(self.field, self.values)} needs {_or(self.one_of)}"

    def schema(self) -> Schema:
        return {"if": _present_schema(self.field, self.values), "then": _any_of(self.one_of)}


@dataclass(frozen=True, slots=True)
class NeedsOneOf:
    """A request needs at least one of `fields`."""

    fields: tuple[str, ...]
    source: Source

    def broken(self, args: Args) -> tuple[str, str] | None:
        if any(present(args, f) for f in self.fields):
            return None
        return self.fields[0], f"or at least one of {_or(self.fields[1:])} is required"

    def describe(self) -> str:
        return f"needs {_or(self.fields)}"

    def schema(self) -> Schema:
        return _any_of(self.fields)


@dataclass(frozen=True, slots=True)
class Advice:
    """A warning before money is spent; the request is still accepted.

    It applies when every field of `when` is present, no field of `unless` is, and the first field of `when` meets the
    condition: it is one of `values`, lies `outside` a range (for a list: its length), has an `asset`, or
    is `wordy`. Without a condition, presence is enough. It is judged on the request as it will be sent, defaults
    included.
    """

    when: tuple[str, ...]
    text: str
    source: Source
    values: tuple[object, ...] = ()
    outside: tuple[int, int] | None = None
    asset: bool = False
    """Whether it is about URLs that begin with asset://."""
    wordy: tuple[int, int] | None = None
    """The limits in (Chinese characters, words) above which a prompt loses details."""
    unless: tuple[str, ...] = ()
    caution: bool = True
    """Whether something asked for may not come as asked: then every model without such doubt is chosen first."""

    def applies(self, args: Args) -> bool:
        first, *others = self.when
        asked = first in args if self.values else present(args, first)  # the values may include False
        if not asked or not all(present(args, f) for f in others) or any(present(args, f) for f in self.unless):
            return False
        return self._meets(args[first])

    def _meets(self, value: object) -> bool:
        if self.values:
            return any(value == v and isinstance(value, bool) is isinstance(v, bool) for v in self.values)
        if self.outside:
            measure = len(value) if isinstance(value, list | tuple) else value  # pyright: ignore[reportUnknownArgumentType]  (untrusted)
            return isinstance(measure, int | float) and not self.outside[0] <= measure <= self.outside[1]
        if self.asset:
            urls: list[object] = list(value) if isinstance(value, list | tuple) else [value]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  (untrusted)
            return any(isinstance(url, str) and url.startswith("asset://") for url in urls)
        return self.wordy is None or (isinstance(value, str) and _too_wordy(value, *self.wordy))


_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


def _too_wordy(text: str, characters: int, words: int) -> bool:
    return len(_HAN.findall(text)) > characters or len(_HAN.sub(" ", text).split()) > words
