"""Reading a request's JSON body field by field, so that fields which nobody reads can be reported as ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class BodyReader:
    """A JSON object whose fields are taken one by one."""

    def __init__(self, body: Mapping[str, Any], prefix: str = "") -> None:
        self._left = dict(body)
        self._prefix = prefix
        self._nested: list[BodyReader] = []
        self._problems: list[tuple[str, str]] = []

    def take(self, name: str) -> Any:
        """Return the value of a field; None if it is missing or null."""
        return self._left.pop(name, None)

    def nested(self, name: str) -> BodyReader:
        """Return a reader of an object within the body, empty if there is none."""
        value: Any = self.take(name)
        if value is not None and not isinstance(value, Mapping):
            self.problem(name, "must be an object")
            value = None
        reader = BodyReader(value or {}, f"{self._prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]  (JSON)
        self._nested.append(reader)
        return reader

    def problem(self, field: str, message: str) -> None:
        """Note a mistake that our neutral fields cannot express, such as a number instead of a text."""
        self._problems.append((field, message))

    @property
    def problems(self) -> list[tuple[str, str]]:
        """All mistakes noted, as (field, message)."""
        return self._problems + [problem for reader in self._nested for problem in reader.problems]

    @property
    def ignored(self) -> tuple[str, ...]:
        """The names of the fields that were not taken, such as `metadata.tone`."""
        own = tuple(self._prefix + name for name in self._left)
        return own + tuple(name for reader in self._nested for name in reader.ignored)


def drop_nulls(**fields: Any) -> dict[str, Any]:
    """Return the fields that are set: null in JSON means the same as a missing field."""
    return {name: value for name, value in fields.items() if value is not None}
