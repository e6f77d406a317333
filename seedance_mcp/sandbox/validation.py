"""What every vendor does before it accepts a job: check the key, parse the body, check it against the model's rows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from starlette.datastructures import UploadFile
from starlette.requests import Request

from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.sandbox.fakes.body_reader import BodyReader
from seedance_mcp.sandbox.fakes.fake import Fake, Rejection, StoredFile

BAD_KEY, EMPTY_KEY = "bad-key", "no-credit"
"""A key that no fake vendor knows, and one whose account is empty; every other key is good."""

_REFERENCE_MARK = re.compile(r"@(?=(?:image|video|audio)\d)")


class Rejected(Exception):
    """The vendor rejects a request."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.kind)
        self.rejection = rejection


def bearer_key(request: Request) -> str:
    """Return the bearer key, or an empty text."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.casefold() == "bearer" else ""


def authenticate(request: Request) -> None:
    """Reject a request without a key, or with `BAD_KEY`."""
    if bearer_key(request) in ("", BAD_KEY):
        raise Rejected(Rejection("auth"))


def parse_json(request: Request, raw: bytes) -> Mapping[str, Any]:
    """Return the JSON object in a body."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if content_type != "application/json":
        raise Rejected(Rejection("malformed", "the content type must be application/json"))
    try:
        body: Any = json.loads(raw, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise Rejected(Rejection("malformed", "the body is not JSON")) from None
    if not isinstance(body, dict):
        raise Rejected(Rejection("malformed", "the body must be a JSON object"))
    return cast("dict[str, Any]", body)


def _reject_constant(constant: str) -> None:
    """Refuse NaN and Infinity, which Python would read although they are not JSON."""
    raise ValueError(constant)


async def parse_form(request: Request, field: str) -> StoredFile:
    """Return the file in a field of a form."""
    async with request.form() as form:
        file = form.get(field)
        if not isinstance(file, UploadFile):
            raise Rejected(Rejection("malformed", f"the form must have a file named {field}"))
        return StoredFile(file.filename or "", await file.read(), file.content_type or "")


def check_job(fake: Fake, body: Mapping[str, Any]) -> tuple[VideoRequest, tuple[str, ...]]:
    """Return the request in a body, and the names in the body that the vendor's page does not document."""
    reader = BodyReader(body)
    name = reader.take("model") or fake.default_model
    model = fake.model(name)
    if model is None:
        raise Rejected(Rejection("unknown_model", str(name)[:80]))
    args = fake.read_request(reader, model)
    prompt = args.get("prompt")
    if isinstance(prompt, str):
        # @image1 is our own name for a reference; to a vendor it is ordinary text.
        args["prompt"] = _REFERENCE_MARK.sub(" ", prompt)
    checked = check(model, args)
    problems = reader.problems + [(p.field, p.sentence()) for p in checked.problems]
    if problems or checked.request is None:
        sentences = "; ".join(sentence for _, sentence in problems)
        raise Rejected(Rejection("invalid_request", sentences, tuple(field for field, _ in problems)))
    return replace(checked.request, prompt=prompt or ""), reader.ignored
