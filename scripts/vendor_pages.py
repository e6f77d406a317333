"""What people want to know of each vendor before they get a key: README.md and docs/vendors.md print it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from seedance_mcp.catalog import Model, Number, OneOf
from seedance_mcp.settings import vendor_settings
from seedance_mcp.vendors import Vendor
from tests import facts
from tests.about import ABOUT

TALLEST = ("4k", "2k", "1440p", "1080p", "720p", "480p")
UNIVERSAL = 2
"""A field that at most this many vendors have is something special; two sites of one vendor are one."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of the table in one language."""

    head: tuple[str, ...]
    seconds: str
    frames: str
    files: str
    inline: str
    cancel: str
    with_field: str
    per: str
    unpublished: str
    listed: str
    worthless: str
    units: dict[str, str]
    """What is paid for, by the name that a billing row has for it."""


ENGLISH = Words(
    ("Vendor", "Key", "Price", "What stands out", "Sees your prompts and files"),
    "up to {} s", "first and last frame", "local files without a bucket", "local images and audio without a bucket",
    "cancelling", "`{}`",
    "per {}, rate not published", "not published", "in {}, in a public price list that is read daily",
    "{} (worth not published)", {"second": "second", "video": "video", "million tokens": "million tokens"},
)  # fmt: skip
CHINESE = Words(
    ("供应商", "密钥", "价格", "特点", "能看到提示词和素材的服务器"),
    "最长 {} 秒", "首尾帧", "本地文件无需存储桶", "本地图片和音频无需存储桶", "可取消", "`{}`",
    "按{}计费,单价未公布", "未公布", "按 {} 计价,公开价目表每日读取",
    "{}(折合金额未公布)", {"second": "秒", "video": "个视频", "million tokens": "百万 token"},
)  # fmt: skip


def table_rows(vendors: Sequence[Vendor], words: Words) -> Iterator[tuple[str, ...]]:
    """Yield a row for each vendor: name, where a key is got, price, what stands out, whose servers see a prompt."""
    for vendor in vendors:
        website = _website(vendor)
        key = f"[{urlsplit(website).hostname}]({website}), `{vendor_settings(vendor)[0].name}`"
        name = f"[{vendor.name}]({vendor.docs}), {len(vendor.models)} × `{vendor.slug}/`"
        yield name, key, price(vendor, words), ", ".join(strengths(vendor, vendors, words)), ", ".join(hosts(vendor))


def _website(vendor: Vendor) -> str:
    return vendor.website or vendor.base_url


def _people(vendor: Vendor) -> dict[str, Any]:
    return facts.FACTS.get(vendor.slug, {}).get("people", {})


def hosts(vendor: Vendor) -> list[str]:
    """Return the hosts of a vendor that a request, its files and its video pass."""
    return [f"`{host}`" for host in (urlsplit(vendor.base_url).hostname, *vendor.video_hosts) if host]


def price(vendor: Vendor, words: Words) -> str:
    """Return the range of a vendor's prices in dollars, or else in its own unit."""
    if vendor.price_list is not None:
        return words.listed.format(vendor.models[0].billing.unit)
    billings = [model.billing for model in vendor.models]
    if not any(b.rates for b in billings):
        kinds = sorted({words.units[b.per] for b in billings if b.per})
        return words.per.format("/".join(kinds)) if kinds else words.unpublished
    rates = sorted(_rates(vendor.models))
    unit = words.units[next(b.per for b in billings if b.per)]
    low, high = rates[0], rates[-1]
    if all(b.usd_per_unit or b.unit == "USD" for b in billings if b.rates):
        return f"${low:.2f}–{high:.2f}/{unit}"
    in_unit = f"{low:g}–{high:g} {billings[0].unit}/{unit}"
    return in_unit if billings[0].unit in _CURRENCIES else words.worthless.format(in_unit)


_CURRENCIES = {"CNY"}


def _rates(models: Sequence[Model]) -> Iterator[Decimal]:
    for billing in (model.billing for model in models):
        for rates in (billing.rates or {}, billing.with_video or {}):
            yield from (rate * (billing.usd_per_unit or 1) for rate in rates.values())


def strengths(vendor: Vendor, vendors: Sequence[Vendor], words: Words) -> Iterator[str]:
    """Yield what a vendor's models can do, the rarest fields last."""
    sizes = {v for m in vendor.models for v in _values(m, "resolution")}
    yield next((size for size in TALLEST if size in sizes), "")
    lengths = [row for m in vendor.models if isinstance(row := m.rows.get("duration"), Number)]
    if longest := max((row.most or 0 for row in lengths), default=0):
        yield words.seconds.format(f"{longest:g}")
    if any("first_last_frame" in m.modes for m in vendor.models):
        yield words.frames
    if vendor.upload is not None:
        yield words.files
    if vendor.inline is not None:
        yield words.inline
    if vendor.cancel is not None:
        yield words.cancel
    fields = {name for m in vendor.models for name in m.rows}
    for name in sorted(fields - {"last_frame", "callback_url"}):
        if len({ABOUT[v.slug].facts for v in vendors if any(name in m.rows for m in v.models)}) <= UNIVERSAL:
            yield words.with_field.format(name)


def _values(model: Model, field: str) -> tuple[str, ...]:
    row = model.rows.get(field)
    return row.values if isinstance(row, OneOf) else ()


def page(vendors: Sequence[Vendor]) -> str:
    """Return the part of docs/vendors.md about each vendor."""
    parts: list[str] = []
    for vendor in vendors:
        people = _people(vendor)
        summaries = {model.summary for model in vendor.models}
        if vendor.link_days:
            video = "by link, for " + ("a day" if vendor.link_days == 1 else f"{vendor.link_days:g} days")
        else:
            video = "downloaded with the key" if vendor.build_download else "by link; no lifetime is documented"
        lines = [
            ("Models", f"{len(vendor.models)}, as `{vendor.slug}/…`: {'; '.join(sorted(summaries))}"),
            ("Key", f"{people.get('key', {}).get('value', 'its website')} ({_website(vendor)})"),
            ("Setting", f"`{vendor_settings(vendor)[0].name}`, or `seedance-mcp keys set {vendor.slug}`"),
            ("Price", price(vendor, ENGLISH)),
            ("A failed video", "not charged, says the vendor" if _free(vendor) else "the vendor does not say"),
            ("What stands out", ", ".join(strengths(vendor, vendors, ENGLISH))),
            ("Your local files", _local_files(vendor)),
            ("Finished video", video),
            (
                "Sees your prompts and files",
                ", ".join(hosts(vendor)) + ("" if "maker" in people else ", and the company that it buys from"),
            ),
            ("Repeating a lost request", _repeat(vendor)),
            ("Facts", f"read on {people.get('read', 'an unknown day')} from {vendor.docs}"),
        ]
        parts += [f"## {vendor.name}", "\n".join(f"- **{name}:** {text}" for name, text in lines)]
    return "\n\n".join(parts)


def _local_files(vendor: Vendor) -> str:
    if vendor.upload:
        return f"uploaded to the vendor, whose links last {vendor.upload.days:g} days"
    if vendor.inline:
        return "images and audio travel within the request; videos need a bucket of yours (`SEEDANCE_UPLOAD_URL`)"
    return "need a bucket of yours (`SEEDANCE_UPLOAD_URL`)"


def _free(vendor: Vendor) -> bool:
    return all(model.billing.failure_is_free for model in vendor.models)


def _repeat(vendor: Vendor) -> str:
    if vendor.idempotency_header:
        return "safe: the vendor returns the first task"
    if vendor.listing:
        return "not needed: the program finds the task in the vendor's list"
    return "never done by this program; you settle it (see [Costs](costs.md#when-an-answer-is-lost))"
