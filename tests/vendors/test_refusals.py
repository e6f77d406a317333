"""The official upstream's error codes (facts/ark.yaml), which every reseller passes on, are classified."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seedance_mcp.errors import Code
from seedance_mcp.vendors.refusals import classify
from tests.facts import load

ARK = load("ark")["errors"]

MEANING = {
    "MissingParameter": Code.INVALID_REQUEST,
    "InvalidParameter": Code.INVALID_REQUEST,
    "InvalidParameter.content": Code.INVALID_REQUEST,
    "InvalidParameter.TaskTypeMismatch": Code.INVALID_REQUEST,
    "InvalidParameter.TaskTypeConstraint": Code.INVALID_REQUEST,
    "InputTextSensitiveContentDetected": Code.CONTENT_POLICY,
    "InputImageSensitiveContentDetected": Code.CONTENT_POLICY,
    "InputImageSensitiveContentDetected.PrivacyInformation": Code.REAL_PERSON,
    "InputImageSensitiveContentDetected.PolicyViolation": Code.CONTENT_POLICY,
    "InputVideoSensitiveContentDetected": Code.CONTENT_POLICY,
    "InputVideoSensitiveContentDetected.PrivacyInformation": Code.REAL_PERSON,
    "InputAudioSensitiveContentDetected": Code.CONTENT_POLICY,
    "AuthenticationError": Code.AUTH,
    "AccountOverdueError": Code.NO_CREDIT,
    "AccessDenied": Code.AUTH,
    "InvalidEndpoint.NotFound": Code.NOT_FOUND,
    "NotFound.task": Code.NOT_FOUND,
    "ModelNotOpen": Code.MODEL_NOT_OPEN,
    "RateLimitExceeded.EndpointRPMExceeded": Code.RATE_LIMITED,
    "ModelAccountRpmRateLimitExceeded": Code.RATE_LIMITED,
    "QuotaExceeded": Code.BUSY,
    "SetLimitExceeded": Code.NO_CREDIT,
    "ServerOverloaded": Code.BUSY,
    "TaskRunningCannotCancel": Code.BUSY,
    "InternalServiceError": Code.VENDOR_DOWN,
}


def _codes() -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for entry in ARK["table"]:
        found.append((entry["http"], entry["code"]))
        others = [entry["code"] + o if o.startswith(".") else o for o in entry.get("also", ())]
        found += [(entry["http"], other) for other in others]
    return found


@pytest.mark.parametrize(("status", "code"), _codes())
def test_an_upstream_code_is_classified_in_every_envelope(status: int, code: str) -> None:
    plain = classify(status, code, "The request failed. Request id: 0217")
    wrapped: dict[str, Any] = {"error": {"code": code, "message": "The request failed. Request id: 0217"}}
    passed_on = classify(status, "fail_to_fetch_task", json.dumps(wrapped))
    assert plain.code == passed_on.code == MEANING[code]
    assert passed_on.vendor_code == code
    assert passed_on.message == "The request failed. Request id: 0217"


@pytest.mark.parametrize(
    ("code", "message", "meaning"),
    [
        (
            "QuotaExceeded",
            "Your account [21000] has exhausted its free trial quota for the [doubao-seedance-2-0] model.",
            Code.NO_CREDIT,
        ),
        ("SetLimitExceeded", "Your account has reached the set inference limit for this model.", Code.NO_CREDIT),
        ("QuotaExceeded", "The request has exceeded the quota. Request ID: 0217", Code.BUSY),
        ("", "You have too many queued tasks.", Code.BUSY),
        ("InflightBatchsizeExceeded", "The limit of requests in flight was exceeded.", Code.BUSY),
        ("ModelNotOpen", "Your account has not activated the model. Please activate it.", Code.MODEL_NOT_OPEN),
        ("RateLimitExceeded.EndpointTPMExceeded", "The TPM limit was exceeded.", Code.RATE_LIMITED),
    ],
)
def test_what_ends_only_when_someone_pays_or_a_task_ends_is_not_a_rate_limit(
    code: str, message: str, meaning: Code
) -> None:
    assert classify(429, code, message).code == meaning


@pytest.mark.parametrize("code", ARK["async_in_task"])
def test_a_withheld_video_is_classified_as_a_content_problem(code: str) -> None:
    assert classify(200, code, "", Code.GENERATION_FAILED).code == Code.CONTENT_POLICY


def test_an_upstream_message_about_a_real_person_is_classified_as_such() -> None:
    message = "The request failed because the input image 'content[1]' may contain real person."
    assert classify(400, "", message).code == Code.REAL_PERSON


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_request"),
        (401, "auth"),
        (402, "no_credit"),
        (403, "auth"),
        (404, "not_found"),
        (409, "busy"),
        (413, "invalid_request"),
        (418, "invalid_request"),
        (422, "invalid_request"),
        (429, "rate_limited"),
        (500, "vendor_down"),
        (502, "vendor_down"),
        (503, "vendor_down"),
        (504, "vendor_down"),
    ],
)
def test_a_refusal_without_a_known_message_is_classified_by_its_status(status: int, code: str) -> None:
    refusal = classify(status, "", "no")
    assert (refusal.code, refusal.status, refusal.message) == (code, status, "no")


def test_of_an_endless_message_the_beginning_is_searched() -> None:
    assert classify(400, "", "too sensitive" + "x" * 100_000).code == Code.CONTENT_POLICY
    assert classify(400, "", "x" * 100_000 + "too sensitive").code == Code.INVALID_REQUEST
