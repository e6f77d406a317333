"""What became of a paid POST, read off the vendor's answer. Pure.

| observed                                               | outcome   | next                                        |
|--------------------------------------------------------|-----------|---------------------------------------------|
| the HTTP trace shows that the POST never began         | not sent  | up to 3 further attempts, then rejected     |
| an answer with the id of a task, whatever else it says | accepted  |                                             |
| 400-404, 413, 415, 422 in the vendor's own error       | rejected  | no retry                                    |
|   envelope; such a body code inside 2xx or a 4xx       |           |                                             |
| 421, 425, 429, likewise; and, in the vendor's own      | rejected  | up to 2 further attempts after Retry-After, |
|   error envelope, statuses that it documents as "busy" |           |   if that is at most 30 s                   |
| any other status, in HTTP or in the body; timeout,     | ambiguous | `unknown`; never sent again, except with an |
|   reset, no whole answer, no id in it                  |           |   idempotency key to a vendor that has them |

The more ambiguous of HTTP status and body code wins: a body code 429 inside HTTP 500 is ambiguous.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from seedance_mcp.errors import Code, UnexpectedAnswer
from seedance_mcp.vendors.fields import find_task_id
from seedance_mcp.vendors.refusals import classify, status_of
from seedance_mcp.vendors.vendor import Accepted

if TYPE_CHECKING:
    from seedance_mcp.vendors.vendor import Answer, Refusal, Vendor

REJECTING = {400, 401, 402, 403, 404, 413, 415, 422}
ASKING_TO_WAIT = {421, 425, 429}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a POST: accepted, refused, or (with the reason) ambiguous."""

    accepted: Accepted | None = None
    refusal: Refusal | None = None
    ambiguous: str = ""
    asks_to_wait: bool = False
    """Whether the refusal says nothing against sending the same request again later."""
    retry_after: float | None = None

    @property
    def text(self) -> str:
        """What the vendor said, or why the outcome is ambiguous."""
        if self.accepted is not None:
            return f"the vendor accepted it as its task {self.accepted.task_id}"
        return self.refusal.message if self.refusal else self.ambiguous


def read_outcome(vendor: Vendor, answer: Answer) -> Outcome:
    """Classify a vendor's answer by the table above."""
    if accepted := _accepted(vendor, answer):
        return Outcome(accepted=accepted)
    refusal = vendor.parse_error(answer)
    statuses, waiting = {answer.status} - set(range(200, 300)), ASKING_TO_WAIT
    if refusal is not None:
        statuses.add(refusal.status)
        waiting = ASKING_TO_WAIT | vendor.busy_statuses
    judged = refusal.vendor_code if refusal is not None else ""  # the vendor's module knows what this one means
    statuses |= {code for code in _body_codes(answer.body) if str(code) != judged}
    if ambiguous := sorted(statuses - REJECTING - waiting):
        message = refusal.message if refusal is not None else answer.text
        return Outcome(ambiguous=f"HTTP {ambiguous[-1]}: {message or 'no message'}")
    asks_to_wait = bool(statuses & waiting)
    if refusal is None and asks_to_wait:
        message = f"{vendor.name} answered HTTP {answer.status}."
        refusal = classify(answer.status, "", message, Code.RATE_LIMITED)
    if refusal is not None:
        return Outcome(refusal=refusal, asks_to_wait=asks_to_wait, retry_after=answer.retry_after)
    if answer.status >= 300:  # noqa: PLR2004  (HTTP statuses are clearest as numbers)
        return Outcome(
            ambiguous=f"HTTP {answer.status} without the vendor's own error message: {answer.text or 'it is empty'}"
        )
    return Outcome(ambiguous=f"the answer has no usable task id: {answer.text or 'it is empty'}")


def _body_codes(body: Any) -> set[int]:
    """Return the codes in an answer's body that read as HTTP statuses of 300 or more."""
    outer = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    parts: list[Any] = [outer, outer.get("error"), outer.get("data")]
    codes: list[Any] = [cast("dict[str, Any]", part).get("code") for part in parts if isinstance(part, dict)]
    return {status for code in codes if (status := status_of(code))}


def _accepted(vendor: Vendor, answer: Answer) -> Accepted | None:
    """Return what an answer says about a new task, if it has the id of one."""
    try:
        return vendor.parse_submit(answer)
    except UnexpectedAnswer:
        task_id = find_task_id(answer.body)
        return None if task_id is None else Accepted(task_id)
