"""The interface of a vendor module: rows, and pure functions between our types and the vendor's API.

A module imports neither HTTP, nor the clock, nor MCP. It turns requests into `Call`s and parses `Answer`s, so that it
can be compared with the vendor's page and tested without a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Generic, Literal, TypeVar

from seedance_mcp.catalog import Model, Source
from seedance_mcp.catalog.files import FileKind
from seedance_mcp.catalog.price import UnitPrice
from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.errors import Code, NoSuchTask, VendorUnreachable
from seedance_mcp.vendors.abilities import Cancel, Inline, Listing
from seedance_mcp.vendors.exchange import Answer, Call, TaskState


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor has accepted the job."""

    task_id: str
    charged: Decimal | None = None
    """The reported charge, in the unit of the model's billing row."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A vendor's refusal: our code, and the vendor's message and code."""

    code: Code
    message: str = ""
    vendor_code: str = ""
    status: int = 200
    """The HTTP status, or its equivalent in the body's code; after 5xx the outcome is unknown."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The status of a task at one moment."""

    state: TaskState
    vendor_status: str
    """The status as the vendor names it; an unknown one counts as running."""
    url: str | None = None
    refusal: Refusal | None = None
    """Why it failed, if it did."""
    charged: Decimal | None = None
    progress: float | None = None
    """Percent, for display only; it never decides the state."""
    tokens: Decimal | None = None
    """What the video took, where the vendor counts tokens instead of reporting a charge; see `fields.Charge`."""
    last_frame_url: str | None = None
    """The link to the video's last frame as an image, where the vendor makes one."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that a vendor stores and reviews before a request may use it."""

    id: str
    state: Literal["pending", "usable", "failed"]
    reference: str = ""
    """How a request refers to it, where that is not asset://id."""
    vendor_status: str = ""
    """The status as the vendor names it."""

    @property
    def address(self) -> str:
        """The URL by which a request refers to it."""
        return self.reference or f"asset://{self.id}"


@dataclass(frozen=True, slots=True)
class Review:
    """How a link becomes an asset: submit it, then poll until it is usable. All calls are free."""

    build_submit: Callable[[str, FileKind, str], Call]
    """From the link, the kind of file, and a name for it."""
    parse_submit: Callable[[Answer], Asset]
    build_status: Callable[[str], Call]
    parse_status: Callable[[Answer], Asset]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """How to upload local files to a vendor. All calls are free."""

    call: Call
    parse_link: Callable[[Answer], str]
    endings: frozenset[str]
    """The file extensions that the vendor accepts."""
    most_mb: float
    days: float
    """The documented lifetime of the link, in days."""
    reviews: Callable[[Model], Mapping[str, Review]]
    """By purpose: `asset`, and `person` for images of a real person."""
    source: Source


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A free GET request, and how to parse its answer."""

    call: Call
    read: Callable[[Answer], T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One seller of Seedance videos: its models, and how to call its API."""

    slug: str
    """The vendor's name in model ids and settings; `env` replaces it in settings where it does not fit."""
    name: str
    base_url: str
    models: tuple[Model, ...]
    build_submit: Callable[[VideoRequest], Call]
    parse_submit: Callable[[Answer], Accepted]
    build_status: Callable[[str], Call]
    parse_status: Callable[[Answer], Snapshot]
    parse_error: Callable[[Answer], Refusal | None]
    """Parse an error in the vendor's envelope; None if the answer is not an error."""
    build_download: Callable[[str], Call] | None = None
    """How to download the video with the key from the vendor's origin, where the status has no URL."""
    no_such_task: frozenset[str] = frozenset()
    """The codes by which the vendor says that it knows no such task, or what they have before a dot; in lower case."""
    busy_statuses: frozenset[int] = frozenset()
    """HTTP statuses, besides the usual ones, by which the vendor documents that it takes no job for the moment."""
    idempotency_header: str | None = None
    """The header that makes a repeated submit return the first task, where the vendor documents one."""
    video_hosts: tuple[str, ...] = ()
    """Known hosts of finished videos, besides the vendor's origin."""
    link_days: float | None = None
    """The documented lifetime of a video's link, in days."""
    upload: Upload | None = None
    """How to upload local files, where the vendor accepts them."""
    inline: Inline | None = None
    """Whether requests may contain local files themselves."""
    cancel: Cancel | None = None
    """How to cancel a task, where the vendor can."""
    listing: Listing | None = None
    """How to find a task whose submit was not answered, where the vendor lists tasks."""
    account_queries: tuple[Query[str], ...] = ()
    """Queries about the account; each answer is returned as text."""
    price_list: Query[Mapping[str, UnitPrice]] | None = None
    """The public price list, by the model names that requests use."""
    env: str = ""
    website: str = ""
    """Where a person sees the account's tasks and what they cost; the facts' `website`."""
    docs: str = ""
    """The public page that documents the rows."""

    @property
    def env_name(self) -> str:
        """The <VENDOR> in SEEDANCE_<VENDOR>_API_KEY."""
        return self.env or self.slug.upper().replace("-", "_")

    def model(self, model_id: str) -> Model | None:
        """Return one of its models by its id (`vendor/model`), or None."""
        return next((m for m in self.models if m.id == model_id), None)


def read_snapshot(vendor: Vendor, answer: Answer) -> Snapshot:
    """Parse the answer to a status request.

    Raises:
        NoSuchTask: the vendor does not know the task.
        VendorUnreachable: it is an error of the request, with the vendor's message, and does not show the task's state.
        UnexpectedAnswer: it does not have a documented shape.
    """
    refusal = vendor.parse_error(answer)
    if refusal is None and answer.status < HTTPStatus.BAD_REQUEST:
        return vendor.parse_status(answer)
    code = refusal.vendor_code.casefold() if refusal is not None else ""
    if refusal is not None and not vendor.no_such_task.isdisjoint({code, code.partition(".")[0]}):
        raise NoSuchTask(f"{vendor.name} does not know the task of this job: {refusal.message or 'no message'}.")
    message = refusal.message if refusal else f"HTTP {answer.status}"
    raise VendorUnreachable(f"{vendor.name} could not report the status of the job: {message}.")
