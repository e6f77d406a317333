"""Rows about several fields of one request: what excludes what, what needs what, and what is worth saying."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from seedance_mcp.catalog.rows import Args, Schema, Source


def present(args: Args, field: str) -> bool:
    """Whether the caller asks for this field; a switch that is off asks for nothing."""
    return field in args and args[field] is not False


_SWITCHES = {"generate_audio", "web_search", "watermark", "safety_filter", "public"}


def _asks(field: str) -> Schema:
    """The JSON Schema for `present`."""
    return {"required": [field]} | ({"properties": {field: {"const": True}}} if field in _SWITCHES else {})


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

    def describe(self) -> str:
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

    def describe(self) -> str:
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

    def describe(self) -> str:
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

    def describe(self) -> str:
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
