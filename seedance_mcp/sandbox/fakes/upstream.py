"""The official upstream's own errors, which resellers pass on (facts/ark.yaml, `errors`)."""

from __future__ import annotations

from seedance_mcp.sandbox.tasks import Task

UPSTREAM_ERRORS = {
    "content_policy": (
        400,
        "InputTextSensitiveContentDetected",
        "The request failed because the input text may contain sensitive information.",
    ),
    "real_person": (
        400,
        "InputImageSensitiveContentDetected.PrivacyInformation",
        "The request failed because the input image may contain real person.",
    ),
    "busy": (429, "ServerOverloaded", "The service is currently unable to process additional requests."),
    "not_found": (404, "InvalidEndpoint.NotFound", "The model or endpoint does not exist."),
    "model_not_open": (
        404,
        "ModelNotOpen",
        "Your account has not activated the model. Please activate the model service in the Ark Console.",
    ),
    "invalid_request": (400, "InvalidParameter", "A parameter specified in the request is not valid."),
}
"""HTTP status, code and message, by reason."""

_FAILURES = {
    "content_policy": (
        "OutputVideoSensitiveContentDetected",
        "The request failed because the output video may contain sensitive information.",
    ),
    "real_person": UPSTREAM_ERRORS["real_person"][1:],
    "generation_failed": ("InternalServiceError", "The service encountered an unexpected internal error."),
}


def failure(task: Task) -> tuple[str, str]:
    """Return the code and the message of a failed task."""
    return _FAILURES[task.directives.choice("fail") or "generation_failed"]
