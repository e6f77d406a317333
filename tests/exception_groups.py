"""Unwraps exception groups: each layer of task groups wraps an error in a group of its own."""

from __future__ import annotations

from typing import cast


def single_error(error: BaseException) -> BaseException:
    """Return the one error inside nested groups; a group of several errors stays as it is."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    errors = cast("BaseExceptionGroup[BaseException]", error).exceptions
    return single_error(errors[0]) if len(errors) == 1 else cast("BaseException", error)
