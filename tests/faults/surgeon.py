"""How a mutant is made: functions of the product are replaced, and each replacement reports that it was called."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.kill_points import patch


@dataclass(slots=True)
class Surgeon:
    """Replaces functions, and reports each replacement and its first call."""

    report: Callable[..., None]
    _called: set[str] = field(default_factory=set[str])

    def replace(self, owner: Any, name: str, value: Callable[..., Any]) -> None:
        """Replace a function or a method.

        Raises:
            AttributeError: there is none of this name.
        """
        title = f"{owner.__name__}.{name}"

        @functools.wraps(value)
        def replacement(*args: Any, **kwargs: Any) -> Any:
            if title not in self._called:
                self._called.add(title)
                self.report(called=title)
            return value(*args, **kwargs)

        patch(owner, name, replacement)
        self.report(replaced=title)
