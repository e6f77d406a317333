"""The price of a request: an amount with its unit and its basis, or the reason why it is unknown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from seedance_mcp.catalog.model import Billing, Per
    from seedance_mcp.catalog.request import VideoRequest

MICROS = 1_000_000
_CENT = MICROS // 100
UNNAMED_CURRENCY = "the vendor's currency"
"""The unit of a vendor that charges money and does not say in which currency."""


@dataclass(frozen=True, slots=True)
class Price:
    """The maximum cost of a request. Money is in whole micro-USD, so that sums are exact."""

    basis: str
    amount: Decimal | None = None
    unit: str = ""
    usd_micros: int | None = None
    unknown: str | None = None
    """Why the price in USD is unknown, and which setting supplies it."""
    caution: str | None = None
    per: Per | None = None
    """What it grows with: "second" of the video, "video", or tokens; None where the vendor does not say."""
    tokens: int | None = None
    """The tokens that `amount` pays for, where the vendor counts in tokens."""
    unit_usd: Decimal | None = None
    """What one unit in which the vendor reports charges is worth in USD, at the time of the quote."""

    def brief(self) -> str:
        """Return the price as short text: "$2.40", "400 credits" or "unknown"."""
        if self.usd_micros is not None:
            return dollars(self.usd_micros)
        return f"{_plain(self.amount)} {self.unit}" if self.amount is not None else "unknown"

    def rounded(self) -> str:
        """Return the price as `brief` does, in two decimals where it is not less: prices by tokens have more."""
        if self.usd_micros is not None:
            return f"${self.usd_micros / MICROS:.2f}" if self.usd_micros >= _CENT else self.brief()
        return self.brief() if self.amount is None else f"{round(float(self.amount), 2):g} {self.unit}"

    def times(self, count: int) -> Price:
        """Return the price of so many such requests."""
        if count == 1:
            return self
        return replace(
            self,
            basis=f"{count} × ({self.basis})",
            amount=None if self.amount is None else self.amount * count,
            usd_micros=None if self.usd_micros is None else self.usd_micros * count,
            tokens=None if self.tokens is None else self.tokens * count,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the `cost` object of an answer, without the keys whose values are unknown."""
        pairs = {
            "usd": None if self.usd_micros is None else self.usd_micros / MICROS,
            "amount": None if self.amount is None else float(self.amount),
            "unit": self.unit if self.amount is not None else None,
            "basis": self.basis,
            "tokens": self.tokens,
            "unknown": self.unknown,
            "caution": self.caution,
        }
        return {k: v for k, v in pairs.items() if v is not None}


def dollars(micros: int) -> str:
    """Format micro-USD as $2.40, or as $0.0479 where cents are too coarse."""
    exact = f"{Decimal(micros) / MICROS:.6f}".rstrip("0")
    whole, _, part = exact.partition(".")
    return f"${whole}.{part.ljust(2, '0')}"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The cost of a model or of a vendor's unit: an entry of SEEDANCE_PRICES or of a vendor's price list."""

    usd_per_unit: Decimal | None = None
    rates: Mapping[str, Decimal] | None = None
    per: Per | None = None
    unit: str | None = None
    with_video: Mapping[str, Decimal] | None = None
    """The rates for requests with reference videos; None: the same as `rates`."""
    source: str = ""
    """Which price list it comes from, or why that list has no price, as short text."""


Prices = Mapping[str, UnitPrice]
"""Entries by model id, or by vendor slug for all its models; the model's own entry wins."""


def parse_prices(text: str) -> Prices:
    """Parse the operator's prices, the JSON of SEEDANCE_PRICES.

    Raises:
        ValueError: an entry cannot be used; the message gives its number, and repeats nothing of it.
    """
    entries = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    if not isinstance(entries, dict):
        raise ValueError("expected an object keyed by model id or vendor")  # noqa: TRY004  (callers catch ValueError)
    named = cast("dict[str, Any]", entries).items()
    return {name: _unit_price(f"entry {number}", entry) for number, (name, entry) in enumerate(named, 1)}


def _unit_price(which: str, entry: Any) -> UnitPrice:
    if not isinstance(entry, dict):
        raise ValueError(f"{which}: expected an object")  # noqa: TRY004  (callers catch ValueError)
    given = cast("dict[str, Any]", entry)
    if given.keys() - _UNIT_PRICE_KEYS:
        raise ValueError(f"{which}: expected only {', '.join(sorted(_UNIT_PRICE_KEYS))}")
    rates = given.get("rates")
    by_resolution = cast("dict[str, Any] | None", rates if rates is None or isinstance(rates, dict) else {"": rates})
    usd_per_unit, per, unit = given.get("usd_per_unit"), given.get("per"), given.get("unit")
    for number in (*(by_resolution or {}).values(), *(() if usd_per_unit is None else (usd_per_unit,))):
        if not isinstance(number, Decimal) or not number.is_finite() or number <= 0:
            raise ValueError(f"{which}: prices must be numbers above 0")
        if number > _HIGHEST:
            raise ValueError(f"{which}: prices must be at most {_HIGHEST:,}")
    if per not in (None, "second", "video", "million tokens") or not isinstance(unit, str | None):
        raise ValueError(f'{which}: per must be "second", "video" or "million tokens", and unit a text such as "USD"')
    return UnitPrice(usd_per_unit, by_resolution, per, unit)


_HIGHEST = 1_000_000
"""No unit costs more; sums of such prices still fit the journal's integers."""
_UNIT_PRICE_KEYS = {"usd_per_unit", "rates", "per", "unit"}


def price(request: VideoRequest, prices: Prices) -> Price:
    """Price a checked request from `prices` and, where they have no entry, from the model's billing row."""
    billing = request.model.billing
    for_vendor = prices.get(request.model.vendor, UnitPrice())
    own = prices.get(request.model.id, for_vendor)
    per = own.per or billing.per
    unit = own.unit or billing.unit
    rate = _rate(request, own, billing)
    usd_per_unit = own.usd_per_unit or for_vendor.usd_per_unit or billing.usd_per_unit
    if unit == "USD":
        usd_per_unit = Decimal(1)
    caution = " ".join(c.text for c in billing.cautions if c.applies(request.fields())) or None
    reported = _unit_usd(billing, own, for_vendor)
    if rate is None or per is None:
        return Price(
            _formula(request, per, unit),
            unknown=_why(request, per, own.source),
            caution=caution,
            per=per,
            unit_usd=reported,
        )
    quantity, times = _quantity(request, per)
    if quantity is None:
        why = "the price depends on the length of the video, which the request does not fix; give a duration"
        return Price(f"{_plain(rate)} {unit} per {per}", unknown=why, caution=caution, per=per, unit_usd=reported)
    amount = rate * quantity
    if unit == "credits":  # vendors charge whole credits, rounded up
        amount = amount.to_integral_value(ROUND_CEILING)
    tokens = int(quantity * MICROS) if per == "million tokens" else None
    source = f" ({own.source})" if own.source else ""
    basis = f"{_plain(rate)} {unit} per {per}{source}{times} = {_plain(amount)} {unit}"
    known = Price(basis, amount, unit, caution=caution, per=per, tokens=tokens, unit_usd=reported)
    if usd_per_unit is None:
        return replace(known, unknown=_worthless(request.model.vendor, unit))
    return replace(known, usd_micros=int((amount * usd_per_unit * MICROS).to_integral_value(ROUND_CEILING)))


def _quantity(request: VideoRequest, per: Per) -> tuple[Decimal | None, str]:
    """Return how many times the rate is paid at most, and that as text; None where it is not known."""
    if per == "video":
        return Decimal(1), ""
    if per == "second":
        # The upstream makes whole seconds, whatever a reseller's page accepts.
        seconds = None if request.seconds is None else Decimal(str(request.seconds)).to_integral_value(ROUND_CEILING)
        return (None, "") if seconds is None else (seconds, f" × {_plain(seconds)} s")
    count = request.model.billing.tokens
    tokens = count(request) if count else None
    return (None, "") if tokens is None else (Decimal(tokens) / MICROS, f" × {tokens:,} tokens")


def _unit_usd(billing: Billing, own: UnitPrice, for_vendor: UnitPrice) -> Decimal | None:
    """Return the worth of the vendor's own unit; an operator's entry about another unit says nothing about it."""
    if billing.unit == "USD":
        return Decimal(1)
    entries = [e.usd_per_unit for e in (own, for_vendor) if e.usd_per_unit and e.unit in {None, billing.unit}]
    return entries[0] if entries else billing.usd_per_unit


def _rate(request: VideoRequest, own: UnitPrice, billing: Billing) -> Decimal | None:
    known = own if own.rates else billing
    rates = known.with_video if request.reference_videos and known.with_video is not None else known.rates
    rate = rates.get(request.resolution or "", rates.get("")) if rates else None
    if rate is None or own.rates or billing.factor is None:
        return rate
    return rate * billing.factor(request)


_CURRENCIES = {"CNY", "EUR", "GBP", "HKD", "JPY", "SGD"}


def _worthless(vendor: str, unit: str) -> str:
    if unit in _CURRENCIES:
        return f"{vendor} charges {unit}; ask the user to set SEEDANCE_PRICES, with what one is worth in USD"
    what = "in which currency it charges" if unit == UNNAMED_CURRENCY else f"what its {unit} are worth"
    return f"{vendor} does not publish {what}; ask the user to set SEEDANCE_PRICES"


def _formula(request: VideoRequest, per: Per | None, unit: str) -> str:
    if per in ("second", "million tokens"):
        return f"unit price in {unit}{_quantity(request, per)[1]}"
    return f"unit price in {unit} per video" if per else "not published"


def _why(request: VideoRequest, per: Per | None, source: str) -> str:
    vendor = request.model.vendor
    missing = f"does not publish a {'unit price' if per else 'price'}"
    reason = f"{vendor}'s unit price is unknown ({source})" if source else f"{vendor} {missing}"
    return f"{reason}; ask the user to set SEEDANCE_PRICES"
