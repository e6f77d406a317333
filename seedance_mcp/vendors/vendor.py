"""What a vendor module is: rows, and pure functions between our words and the vendor's.

A module imports neither HTTP, nor the clock, nor MCP; it turns requests into `Call`s and `Answer`s into facts, so
that it can be read beside the vendor's page and tested without a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Annotated, Any, Generic, Literal, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, ValidationError

from seedance_mcp.catalog import Model, Source
from seedance_mcp.catalog.files import FileKind
from seedance_mcp.catalog.price import UnitPrice
from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.errors import Code, UnexpectedAnswer, VendorUnreachable

TaskState = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]
"""What a vendor's task can be. Every other word a vendor uses is mapped to one of these by its module."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to a vendor, without its origin and key, which the sender adds."""

    method: Literal["GET", "POST"]
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    file_field: str = ""
    """The name under which a file is sent along, as a form instead of JSON; the sender adds the file."""
    public: bool = False
    """Whether it is answered without a key, so that none is sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer: its status and its parsed JSON (None if it was none)."""

    status: int
    body: Any = None
    retry_after: float | None = None
    """Seconds to wait, where the vendor says so in Retry-After."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor has taken the job."""

    task_id: str
    charged: Decimal | None = None
    """What the vendor says it charged, in the unit of the model's billing row."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The vendor's no, in our classes and in its own words."""

    code: Code
    message: str = ""
    vendor_code: str = ""
    status: int = 200
    """The HTTP status it stands for, also where the vendor hides it in a body code; 5xx leaves open what happened."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A look at a task."""

    state: TaskState
    vendor_status: str
    """The vendor's own word for the state, kept for the record; an unknown one counts as running."""
    url: str | None = None
    refusal: Refusal | None = None
    """Why it failed, if it did."""
    charged: Decimal | None = None
    progress: float | None = None
    """Percent, for show only: no state is ever derived from it."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that a vendor keeps and has to look at before it may be used."""

    id: str
    state: Literal["pending", "usable", "failed"]
    reference: str = ""
    """What stands for it in a request, where that is not asset://id."""
    vendor_status: str = ""
    """The vendor\'s own word for the state."""

    @property
    def address(self) -> str:
        """What stands for it in a request."""
        return self.reference or f"asset://{self.id}"


@dataclass(frozen=True, slots=True)
class Review:
    """How a link becomes an asset: submitted, then looked at until it is usable. None of this costs anything."""

    build_submit: Callable[[str, FileKind, str], Call]
    """From the link, what it is, and a name for it."""
    parse_submit: Callable[[Answer], Asset]
    build_status: Callable[[str], Call]
    parse_status: Callable[[Answer], Asset]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """How a vendor takes files from this machine. None of this costs anything."""

    call: Call
    parse_link: Callable[[Answer], str]
    endings: frozenset[str]
    """The formats that it takes."""
    most_mb: float
    days: float
    """How long the link is documented to last."""
    reviews: Callable[[Model], Mapping[str, Review]]
    """By purpose: `asset`, and `person` for pictures of a real person."""
    source: Source


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A GET that costs nothing, and how its answer is read."""

    call: Call
    read: Callable[[Answer], T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One reseller of Seedance: who it is, what it sells, and how it is asked."""

    slug: str
    """How model ids and settings name it; the environment name is `env` where a slug cannot be one."""
    name: str
    base_url: str
    models: tuple[Model, ...]
    build_submit: Callable[[VideoRequest], Call]
    parse_submit: Callable[[Answer], Accepted]
    build_status: Callable[[str], Call]
    parse_status: Callable[[Answer], Snapshot]
    parse_error: Callable[[Answer], Refusal | None]
    """The vendor's no in its own error envelope; None if the answer is not one."""
    build_download: Callable[[str], Call] | None = None
    """How the film is fetched with the key, from the vendor's own origin, where the look gives no URL."""
    idempotency_header: str | None = None
    """The header that makes a repeated create return the first task, where the vendor documents one."""
    video_hosts: tuple[str, ...] = ()
    """Where finished films are known to live, besides the vendor's own origin."""
    link_days: float | None = None
    """How long a film's link is documented to last."""
    upload: Upload | None = None
    """How it takes files from this machine, where it does."""
    account_queries: tuple[Query[str], ...] = ()
    """What can be asked of the account, answered in words."""
    price_list: Query[Mapping[str, UnitPrice]] | None = None
    """Its public price list, by the names of models as they are ordered."""
    env: str = ""
    docs: str = ""
    """The public page the rows were read from."""

    @property
    def env_name(self) -> str:
        """The VENDOR in SEEDANCE_<VENDOR>_API_KEY."""
        return self.env or self.slug.upper().replace("-", "_")

    def model(self, model_id: str) -> Model | None:
        """Return one of its models by its id (`vendor/model`), or None."""
        return next((m for m in self.models if m.id == model_id), None)


def _percent(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


Percent = Annotated[float | None, BeforeValidator(_percent)]
"""Progress, for show only: one that cannot be read must not make the whole look unreadable."""


_MOST = 10**9


def _amount(value: object) -> object:
    """Take a charge for what it is: an amount that no vendor could have charged is none."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount <= _MOST else None


Amount = Annotated[Decimal | None, BeforeValidator(_amount)]
"""What a vendor says it charged: one that cannot be read must not hide the id or the film beside it."""


def in_path(task_id: str) -> str:
    """Write a vendor's id as one segment of a path, whatever is in it."""
    return quote(task_id, safe="")


AnyModel = TypeVar("AnyModel", bound=BaseModel)


def read(shape: type[AnyModel], answer: Answer) -> AnyModel:
    """Parse an answer, or raise UnexpectedAnswer: a vendor's drift is one named error, never a KeyError."""
    try:
        return shape.model_validate(answer.body)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, e["loc"])) or "the body" for e in error.errors()[:3])
        raise UnexpectedAnswer(
            f"The vendor's answer (HTTP {answer.status}) is not in its documented shape: {where}."
        ) from None


def read_snapshot(vendor: Vendor, answer: Answer) -> Snapshot:
    """Read a look at a task.

    Raises:
        VendorUnreachable: it is an error about the look itself, in the vendor's words, and says nothing of the task.
        UnexpectedAnswer: it has none of the shapes that the vendor documents.
    """
    refusal = vendor.parse_error(answer)
    if refusal is None and answer.status < HTTPStatus.BAD_REQUEST:
        return vendor.parse_status(answer)
    message = refusal.message if refusal else f"HTTP {answer.status}"
    raise VendorUnreachable(f"{vendor.name} could not say how the job is: {message}.")
