"""What a fake vendor is: its paths, how it reads a request, and how it answers. It has no effects of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from seedance_mcp.catalog import Model
from seedance_mcp.catalog.price import Prices, UnitPrice
from seedance_mcp.sandbox.fakes.body_reader import BodyReader
from seedance_mcp.sandbox.tasks import Task, TaskView
from seedance_mcp.vendors.vendor import Vendor

Json = dict[str, Any]

RejectionKind = Literal[
    "auth",
    "no_credit",
    "rate_limited",
    "busy",
    "not_found",
    "model_not_open",
    "content_policy",
    "real_person",
    "invalid_request",
    "malformed",
    "unknown_model",
    "unknown_task",
    "unknown_video",
    "not_ready",
    "video_gone",
    "cannot_cancel",
    "server_error",
]
"""Every reason for which a vendor rejects a request."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a vendor rejects a request, before it is written in the vendor's own format."""

    kind: RejectionKind
    message: str = ""
    """The problem in English; for an unknown model its name, for an unfinished video the state of its task."""
    fields: tuple[str, ...] = ()
    """Our names of the fields with a problem."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer with a JSON body."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class StoredFile:
    """A file that was uploaded, or an asset that was made from one."""

    name: str
    content: bytes = b""
    mime: str = ""
    kind: str = ""
    url: str = ""
    ready_at: float = 0.0
    """When its review ends, on the sandbox's clock."""

    @property
    def bad(self) -> bool:
        """Whether its content asks for the vendor's review to fail."""
        return b"sandbox: asset-failed" in self.content


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    """One request to an `Endpoint`. It costs nothing."""

    body: Mapping[str, Any]
    file: StoredFile | None
    stored: dict[str, StoredFile]
    """The files uploaded to this vendor, by URL or asset id."""
    now: float
    """On the sandbox's clock."""
    review_seconds: float
    """How long a review takes, with the pace already applied."""
    spent: float
    """What the vendor has charged so far, in its own unit."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that neither creates nor polls a task."""

    method: Literal["GET", "POST"]
    path: str
    answer: Callable[[EndpointRequest], Reply]
    form_field: str = ""
    """The field of a form that carries a file, if it takes a form instead of JSON."""
    public: bool = False
    """Whether it needs no key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fake:
    """One vendor's API, as its page documents it. Paths are below the vendor's base URL."""

    vendor: Vendor
    create_path: str
    status_path: str
    """With {task_id} in it, unless `status_query` names the parameter that carries the id."""
    status_query: str = ""
    content_path: str = ""
    """Where the video is downloaded with the key, if the vendor gives no link."""
    id_style: str
    default_model: str = ""
    read_request: Callable[[BodyReader, Model], dict[str, Any]]
    """From a body to our neutral arguments, written independently of `vendor.build_submit`."""
    render_created: Callable[[Task], Json]
    render_status: Callable[[TaskView], Json]
    render_error: Callable[[Rejection], Reply]
    endpoints: tuple[Endpoint, ...] = ()
    render_list: Callable[[Sequence[TaskView], Mapping[str, str]], Reply] | None = None
    """From all tasks and the query, for a GET of `create_path`, if the vendor lists tasks."""
    cancel: Callable[[TaskView], tuple[str, Reply]] | None = None
    """What a DELETE of `status_path` does to a task ("cancelled", "erased" or "" for nothing), and its answer."""
    prices: Prices = field(default_factory=dict[str, UnitPrice])
    """What the fake charges where the vendor publishes no price."""

    @property
    def slug(self) -> str:
        """The vendor's slug, which is also the first part of every path."""
        return self.vendor.slug

    @property
    def prefix(self) -> str:
        """The path of the sandbox's base URL for this vendor: the slug, and the path of the vendor's own base URL."""
        return f"/{self.slug}{urlsplit(self.vendor.base_url).path.rstrip('/')}"

    def model(self, name: object) -> Model | None:
        """Return the model with this name in requests, or None."""
        return next((m for m in self.vendor.models if m.wire == name), None)
