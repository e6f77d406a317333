"""The fields of vendors' answers that are read alike everywhere: ids of tasks, amounts, charges, progress."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar, cast
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, BeforeValidator, PlainValidator, ValidationError

from seedance_mcp.errors import UnexpectedAnswer
from seedance_mcp.vendors.exchange import Answer


def _percent(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


Percent = Annotated[float | None, BeforeValidator(_percent)]
"""Progress, for display only: an invalid value is dropped, and the rest of the status is still read."""


_MOST = 10**9


def _amount(value: object) -> Decimal | None:
    """Parse an amount; an implausible one counts as missing."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount <= _MOST else None


def _charge(value: object) -> Decimal | None:
    if value is None or value == "":
        return None
    found = _amount(value)
    return UNREADABLE if found is None else found


UNREADABLE = Decimal("NaN")
"""A charge that a vendor reports and that cannot be true: something was charged, and nobody knows what."""

Charge = Annotated[Decimal | None, PlainValidator(_charge)]
"""What a vendor says that it has charged: None if it says nothing, `UNREADABLE` if it says nothing that can be true."""

Amount = Annotated[Decimal | None, BeforeValidator(_amount)]
"""A price that a vendor reports: an invalid value is dropped, and the rest of the answer is still read."""


LONGEST_TASK_ID = 512
"""Characters of the longest id of a task that is accepted; every known one is shorter than 64."""


def _task_id(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def is_task_id(value: object) -> bool:
    """Whether a value can be the id of a task: a visible text of at most 512 characters that can be part of a path."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        return False
    return len(value) <= LONGEST_TASK_ID and value not in {".", ".."}


def _checked_id(value: str) -> str:
    if not is_task_id(value):
        raise ValueError("not the id of a task")
    return value


TaskId = Annotated[str, BeforeValidator(_task_id), AfterValidator(_checked_id)]
"""The id of a task; some vendors write a whole number."""


def find_task_id(body: Any) -> str | None:
    """Return the id of a task that stands in an answer, whatever else the answer says; None if there is none.

    An `id` on its own at the top may be the id of the request, so there it is not taken for one.
    """
    if not isinstance(body, dict):
        return None
    outer = cast("dict[str, Any]", body)
    inner: Any = outer.get("data")
    data = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
    candidates = [outer.get("task_id"), outer.get("taskId"), data.get("task_id"), data.get("taskId"), data.get("id")]
    for value in map(_task_id, candidates):
        if is_task_id(value):
            return cast("str", value)
    return None


def in_path(task_id: str) -> str:
    """Quote a vendor's id as one segment of a path.

    Raises:
        UnexpectedAnswer: it cannot be one: HTTP clients take "." and ".." for folders.
    """
    if task_id in {"", ".", ".."}:
        raise UnexpectedAnswer(f"The vendor's id {task_id!r} cannot be part of a URL.")
    return quote(task_id, safe="")


AnyModel = TypeVar("AnyModel", bound=BaseModel)


def read(shape: type[AnyModel], answer: Answer) -> AnyModel:
    """Parse an answer.

    Raises:
        UnexpectedAnswer: it does not have the documented shape.
    """
    try:
        return shape.model_validate(answer.body)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, e["loc"])) or "the body" for e in error.errors()[:3])
        raise UnexpectedAnswer(
            f"The vendor's answer (HTTP {answer.status}) does not have its documented shape: {where}."
        ) from None
