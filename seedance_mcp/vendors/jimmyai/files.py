"""Jimmy AI's other endpoints: files and assets, the account, and the public price list. All calls are free.

Facts: facts/jimmyai.yaml (`endpoints`, `asset_status`, `media_url_rules`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from itertools import islice
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from seedance_mcp.catalog import Media, Model, Source
from seedance_mcp.catalog.files import FileKind
from seedance_mcp.catalog.price import UnitPrice
from seedance_mcp.errors import UnexpectedAnswer
from seedance_mcp.vendors.fields import Amount, read
from seedance_mcp.vendors.vendor import Answer, Asset, Call, Query, Review, Upload

_API = "/api/open-api/v1"
_STATES: Mapping[str, Literal["usable", "failed"]] = {
    "active": "usable",
    "failed": "failed",
    "rejected": "failed",
    "expired": "failed",
    "deleted": "failed",
}
"""Every other status means that the review is pending (asset_status)."""


class _File(BaseModel):
    url: str = Field(pattern="^https?://")


class _Uploaded(BaseModel):
    data: _File


class _Asset(BaseModel):
    asset_id: str = Field(pattern="^[A-Za-z0-9._-]+$")
    status: str = ""
    asset_ref: str | None = Field(default=None, pattern="^asset://[A-Za-z0-9._-]+$")

    def as_asset(self) -> Asset:
        return Asset(self.asset_id, _STATES.get(self.status.casefold(), "pending"), self.asset_ref or "", self.status)


class _One(BaseModel):
    data: _Asset


class _Items(BaseModel):
    items: list[_Asset] = []
    failed_items: list[Any] | None = None


class _Many(BaseModel):
    data: _Items


def _one(answer: Answer) -> Asset:
    return read(_One, answer).data.as_asset()


def _first(answer: Answer) -> Asset:
    """Return the only asset of the request; the audit lists assets that it refuses at once separately."""
    found = read(_Many, answer).data
    if found.items:
        return found.items[0].as_asset()
    if found.failed_items:
        return Asset("", "failed", vendor_status="refused")
    raise UnexpectedAnswer("The vendor's answer does not contain an asset.")


def _found(answer: Answer) -> Asset:
    """Return the only asset of the request, which the vendor may have deleted."""
    found = read(_Many, answer).data.items
    return found[0].as_asset() if found else Asset("", "failed", vendor_status="no longer there")


def _post(path: str, **body: Any) -> Call:
    return Call("POST", _API + path, body)


_SP = Review(
    build_submit=lambda url, kind, name: _post("/seedance/sp/assets/upload", name=name, type=kind, url=url),
    parse_submit=_one,
    build_status=lambda asset: _post("/seedance/sp/assets/status", asset_ids=[asset]),
    parse_status=_found,
)
_PERSON = Review(
    build_submit=lambda url, kind, name: _post("/seedance/sp/realperson/submit", name=name, url=url),  # noqa: ARG005  (persons are always images)
    parse_submit=_one,
    build_status=lambda asset: _post("/seedance/sp/realperson/status", asset_id=asset),
    parse_status=_one,
)


def _audit(url: str, kind: FileKind, name: str) -> Call:
    del name
    urls: dict[str, list[str]] = {f"{k}_urls": [url] if k == kind else [] for k in ("image", "video", "audio")}
    return _post("/seedance/assets/audit", **urls)


_FULL = Review(
    build_submit=_audit,
    parse_submit=_first,
    build_status=lambda asset: _post("/seedance/assets/status", asset_ids=[asset]),
    parse_status=_found,
)


def reviews(model: Model) -> Mapping[str, Review]:
    """Return the reviews: Full accepts audited assets only; SP accepts links, assets and images of real persons."""
    row = model.rows["reference_images"]
    schemes = row.link.schemes if isinstance(row, Media) else ()
    if "asset" not in schemes:
        return {}
    return {"asset": _SP, "person": _PERSON} if "https" in schemes else {"asset": _FULL}


UPLOAD = Upload(
    call=replace(_post("/files/upload"), body=None, file_field="file"),
    parse_link=lambda answer: read(_Uploaded, answer).data.url,
    endings=frozenset(
        "jpg png gif webp bmp mp4 mov avi webm mkv m4v flv mp3 wav aac m4a flac ogg".split()  # noqa: SIM905  (one line, not 18)
    ),
    most_mb=100,
    days=3,
    reviews=reviews,
    source=Source("PUB:CLI", "endpoints.file_upload"),
)


class _Balance(BaseModel):
    balance: Decimal
    used_coin: Decimal
    available: Decimal


class _BalanceAnswer(BaseModel):
    data: _Balance


class _Quota(BaseModel):
    total_quota: Decimal = Decimal(0)
    used_quota: Decimal = Decimal(0)
    available_quota: Decimal = Decimal(0)
    unlimited: bool = False


class _QuotaAnswer(BaseModel):
    data: _Quota


def _balance(answer: Answer) -> str:
    found = read(_BalanceAnswer, answer).data
    return f"{found.available:f} JimiCoin available ({found.used_coin:f} used, balance {found.balance:f})"


def _quota(answer: Answer) -> str:
    found = read(_QuotaAnswer, answer).data
    if found.unlimited:
        return "this key has no separate limit"
    return f"this key may use {found.available_quota:f} more of {found.total_quota:f}"


ACCOUNT_QUERIES = (
    Query(Call("GET", f"{_API}/user/balance"), _balance),
    Query(Call("GET", f"{_API}/key/balance"), _quota),
)


class _Entry(BaseModel):
    model_name: str
    price_mode: str = ""
    unit_price: Amount = None


class _List(BaseModel):
    entries: list[Any] = Field(alias="list")
    """Each is read for itself, so that one that cannot be read voids itself alone."""


class _PriceList(BaseModel):
    data: _List


_MOST_ENTRIES = 2000
"""Entries of a price list that are read: many times what any vendor lists."""
_PER: Mapping[str, Literal["second", "video"]] = {"per_second": "second", "per_task": "video"}
_MINI = re.compile(r"(seedance2\.0-mini(?:-sp)?)-([0-9]+p)")
_SP_NAMES = re.compile(r"sd2_sp(_video)?_([0-9]+p)")
_SP_MODEL = "seedance2.0-sp"
_FINEST = Decimal("0.000001")


def _requested(listed: str) -> tuple[str, str, bool]:
    """Return the model of a listed name, its resolution ("" for any), and whether it needs reference videos.

    Most names are those of requests; mini and SP are listed once per resolution (pricing.catalog_names). The names of
    the other SP models are not documented, so these have no price.
    """
    if mini := _MINI.fullmatch(listed):
        return mini[1], mini[2], False
    if sp := _SP_NAMES.fullmatch(listed):
        return _SP_MODEL, sp[2], sp[1] is not None
    return listed, "", False


def _readable(entries: Iterable[Any]) -> Iterator[_Entry]:
    """Yield the entries that name a model and a documented way of charging."""
    for entry in islice(entries, _MOST_ENTRIES):
        try:
            found = _Entry.model_validate(entry)
        except ValidationError:
            continue
        if found.price_mode in _PER:
            yield found


def _prices(answer: Answer) -> dict[str, UnitPrice]:
    """Parse the price list. The higher of two prices for one thing counts, since the maximum cost is reserved."""
    modes: defaultdict[str, set[str]] = defaultdict(set)
    rates: defaultdict[tuple[str, bool], dict[str, Decimal]] = defaultdict(dict)
    for entry in _readable(read(_PriceList, answer).data.entries):
        model, resolution, videos = _requested(entry.model_name)
        modes[model].add(entry.price_mode)
        if entry.unit_price:  # nothing here is free: a zero means that the price is missing
            price = entry.unit_price.quantize(_FINEST, ROUND_CEILING).normalize()
            known = rates[model, videos]
            known[resolution] = max(price, known.get(resolution, price))
    found: dict[str, UnitPrice] = {}
    for model, (mode, *others) in modes.items():
        if not others and rates[model, False]:
            with_video = rates[model, True] if model == _SP_MODEL else None
            found[model] = UnitPrice(rates=rates[model, False], per=_PER[mode], unit="JimiCoin", with_video=with_video)
    return found


# Here the path is /api/openapi, not /api/open-api, and the endpoint does not need a key (PUB:cat).
PRICE_LIST: Query[Mapping[str, UnitPrice]] = Query(
    Call("GET", "/api/openapi/model/catalog", query={"search": "seedance"}, public=True), _prices
)
