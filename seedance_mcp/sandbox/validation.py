"""What every vendor does before it takes a job: look at the key, read the body, hold it against the model's rows."""

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
from seedance_mcp.sandbox.fakes.fake import BodyReader, Fake, Rejection, StoredFile

BAD_KEY, EMPTY_KEY = "bad-key", "no-credit"
"""The keys that a fake vendor does not know, and whose account is empty; every other key is good."""

_OUR_NAMES = re.compile(r"@(?=(?:image|video|audio)\d)")


class Rejected(Exception):
    """The vendor's no, on its way out."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.kind)
        self.rejection = rejection


def key_of(request: Request) -> str:
    """Return the bearer key, or nothing."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.casefold() == "bearer" else ""


def authenticate(request: Request) -> None:
    """Let in whoever has a key that is not the bad one."""
    if key_of(request) in ("", BAD_KEY):
        raise Rejected(Rejection("auth"))


def parse(request: Request, raw: bytes) -> Mapping[str, Any]:
    """Return the JSON object that was sent."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind != "application/json":
        raise Rejected(Rejection("malformed", "the content type must be application/json"))
    try:
        body: Any = json.loads(raw, parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise Rejected(Rejection("malformed", "the body is not JSON")) from None
    if not isinstance(body, dict):
        raise Rejected(Rejection("malformed", "the body must be a JSON object"))
    return cast("dict[str, Any]", body)


async def received(request: Request, field: str) -> StoredFile:
    """Return the file that a form brings under a name."""
    async with request.form() as form:
        file = form.get(field)
        if not isinstance(file, UploadFile):
            raise Rejected(Rejection("malformed", f"a form with a file named {field} is expected"))
        return StoredFile(file.filename or "", await file.read(), file.content_type or "")


def _not_json(constant: str) -> None:
    """Refuse NaN and Infinity, which Python would read and no vendor does."""
    raise ValueError(constant)


def understand(fake: Fake, body: Mapping[str, Any]) -> tuple[VideoRequest, tuple[str, ...]]:
    """Return the request that a body means, and the names in it that the vendor's page does not know."""
    reader = BodyReader(body)
    name = reader.take("model") or fake.default_model
    model = fake.model(name)
    if model is None:
        raise Rejected(Rejection("unknown_model", str(name)[:80]))
    args = fake.read_request(reader, model)
    prompt = args.get("prompt")
    if isinstance(prompt, str):
        # @image1 is our own way of naming a reference; for a vendor it is a text like any other.
        args["prompt"] = _OUR_NAMES.sub(" ", prompt)
    checked = check(model, args)
    problem = reader.problems + [(p.field, p.sentence()) for p in checked.problems]
    if problem or checked.request is None:
        raise Rejected(
            Rejection(
                "invalid_request", "; ".join(message for _, message in problem), tuple(field for field, _ in problem)
            )
        )
    return replace(checked.request, prompt=prompt or ""), reader.ignored
