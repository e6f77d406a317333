"""Classify errors: codes and messages that resellers pass on from the official upstream, and HTTP statuses.

Sources: facts/ark.yaml (`errors`), and the gateway's codes that ope and 12ai share (facts/ope.yaml, INF:newapi).
"""

from __future__ import annotations

import json
import re
from typing import Any

from seedance_mcp.errors import Code
from seedance_mcp.vendors.vendor import Refusal

_BY_STATUS = {
    400: Code.INVALID_REQUEST,
    401: Code.AUTH,
    402: Code.NO_CREDIT,
    403: Code.AUTH,
    404: Code.NOT_FOUND,
    409: Code.BUSY,
    413: Code.INVALID_REQUEST,
    415: Code.INVALID_REQUEST,
    422: Code.INVALID_REQUEST,
    429: Code.RATE_LIMITED,
}

_SEARCHED = 4000
"""Characters of a code, and of a message, that are searched: twice what a record keeps."""
_BAD = "(?:invalid|incorrect|missing|expired)"
# Searched in the vendor's code and message together; the more specific pattern comes first.
_BY_MESSAGE: tuple[tuple[Code, re.Pattern[str]], ...] = tuple(
    (code, re.compile(pattern, re.IGNORECASE))
    for code, pattern in (
        (Code.REAL_PERSON, r"real person|PrivacyInformation|real human face|真人"),
        (Code.CONTENT_POLICY, r"sensitive|moderation|content_filter|content policy|policy.?violation|违规|敏感"),
        (Code.MODEL_NOT_OPEN, r"ModelNotOpen|not activated the model"),
        (
            Code.NO_CREDIT,
            (
                r"insufficient|quota is not enough|Account(?:Overdue|QuotaExceeded)|free trial|SetLimit"
                r"|(?<!load[ _-])balance|余额不足|积分不足"
            ),
        ),
        # What is left of QuotaExceeded is the limit of queued tasks, by the upstream's page of errors.
        (Code.BUSY, r"task limit|ServerOverloaded|InflightBatch|QuotaExceeded|too many (?:running|active|queued)"),
        (Code.RATE_LIMITED, r"rate.?limit|RateLimitExceeded"),
        (
            Code.AUTH,
            rf"{_BAD}[ _]api.?key|{_BAD} token|auth(?:entication)? ?(?:fail|err)|AccessDenied",
        ),
        (Code.NOT_FOUND, r"task_not_exist|task.?not.?found|InvalidEndpoint"),
    )
)


def classify(status: int, vendor_code: str, message: str, otherwise: Code | None = None) -> Refusal:
    """Classify a vendor's refusal by its code and message, then by `otherwise` or its HTTP status."""
    inner_code, message = _unwrap(message)
    text = f"{vendor_code[:_SEARCHED]} {inner_code[:_SEARCHED]} {message[:_SEARCHED]}"
    by_status = otherwise or _BY_STATUS.get(status, Code.VENDOR_DOWN if status >= 500 else Code.INVALID_REQUEST)
    code = next((code for code, pattern in _BY_MESSAGE if pattern.search(text)), by_status)
    return Refusal(code, message, inner_code or vendor_code, status)


def status_of(code: object) -> int | None:
    """Return the HTTP status of 300 or more that a code in an answer's body represents, as number or text, or None."""
    text = "" if isinstance(code, bool) else str(code)
    return int(text) if re.fullmatch("[3-5][0-9]{2}", text) else None


def _unwrap(message: str) -> tuple[str, str]:
    """Return (code, message) of the upstream's error body, which gateways put into their own message as a string."""
    if not message.startswith("{"):
        return "", message
    try:
        body: Any = json.loads(message)
    except (ValueError, RecursionError):
        return "", message
    error = body.get("error") if isinstance(body, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  (any JSON)
    if isinstance(error, dict):
        return str(error.get("code") or ""), str(error.get("message") or message)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  (any JSON)
    return "", str(error) if error else message  # pyright: ignore[reportUnknownArgumentType]  (any JSON)
