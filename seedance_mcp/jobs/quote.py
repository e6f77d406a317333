"""Quotes: an order, checked and priced for one model that is named or chosen. Nothing is sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog import choose
from seedance_mcp.catalog.check import sentences
from seedance_mcp.catalog.price import price
from seedance_mcp.errors import InvalidRequest, NotConfigured
from seedance_mcp.uploads.inputs import Inputs, PendingUpload

if TYPE_CHECKING:
    from seedance_mcp.catalog import Advice, Model
    from seedance_mcp.catalog.check import Checked
    from seedance_mcp.catalog.order import Order
    from seedance_mcp.catalog.price import Price, Prices
    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.settings import Settings
    from seedance_mcp.vendors.vendor import Call, Vendor

_SHOWN = 6
"""The most models that a refusal names as alternatives."""
_LONGEST_SHOWN = 1000
"""Characters of the longest argument that a refusal repeats."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A request that can be created: what would be sent, to which vendor, and the most that it can cost."""

    order: Order
    """What the caller asked for."""
    request: VideoRequest
    """What would be sent, defaults included."""
    price: Price
    vendor: Vendor
    advice: tuple[Advice, ...] = ()
    chosen: str | None = None
    """Why this model was chosen, where the caller named none."""
    uploads: Mapping[str, PendingUpload] = field(default_factory=dict[str, PendingUpload])
    """Local files to upload first, by the placeholder URLs that represent them in the request."""
    alternatives: tuple[str, ...] = ()
    """Fingerprints of the same order at every model that could have been chosen. Prices change, and the same call again
    must not be another video because another model is the cheapest by now."""

    @property
    def model(self) -> Model:
        """The model that would make the video."""
        return self.request.model

    @property
    def call(self) -> Call:
        """The exact HTTP request that creating it would send."""
        return self.vendor.build_submit(self.request)

    @property
    def fingerprint(self) -> str:
        """A hash of the model and the request: equal for equal requests to the same model."""
        return _fingerprint(self.request)


def _fingerprint(request: VideoRequest) -> str:
    return _hash([request.model.id, request.fields()])


def _hash(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def make_quote(settings: Settings, order: Order, inputs: Inputs, prices: Prices) -> Quote:
    """Check and price an order; choose the cheapest configured model that can do it where none is named.

    `inputs` are the local files that it names, `prices` what is known about prices besides the models' rows.

    Raises:
        InvalidRequest: lists every problem, the nearest legal values, and the models that would accept the request.
        NotConfigured: no vendor has an API key.
    """
    if not settings.models:
        unfilled = [_unfilled(name) for name in settings.unfilled if "_API_KEY" in name]
        raise NotConfigured(" ".join(["No vendor is configured.", *unfilled]))
    if order.model is None:
        return _cheapest(settings, order, inputs, prices)
    model = settings.model(order.model)
    checked = inputs.check(model, order.args)
    if checked.request is None:
        others = choose.others(settings.models, order.args, model, inputs.check)
        raise _refusal(model.id, checked, others, choose.nearest(model, order.args, inputs.check))
    return _quote(settings, order, inputs, checked, price(checked.request, prices))


def _unfilled(name: str) -> str:
    return f"{name} holds a placeholder that the client did not fill in."


def all_quotes(settings: Settings, order: Order, inputs: Inputs, prices: Prices) -> list[Quote]:
    """Return a quote by every configured model that can do the order, cheapest first."""
    ranked = choose.ranked(settings.models, order.args, prices, inputs.check)
    return [_quote(settings, order, inputs, checked, cost) for checked, cost in ranked]


def _quote(
    settings: Settings, order: Order, inputs: Inputs, checked: Checked, cost: Price, chosen: str | None = None
) -> Quote:
    if checked.request is None:
        raise ValueError("a request with problems has no quote")
    model = checked.request.model
    uploads = inputs.uploads(model, order.args)
    return Quote(order, checked.request, cost, settings.vendor_of(model), checked.advice, chosen, uploads)


def _cheapest(settings: Settings, order: Order, inputs: Inputs, prices: Prices) -> Quote:
    ranked = choose.ranked(settings.models, order.args, prices, inputs.check)
    if not ranked:
        model, checked = choose.fewest_problems(settings.models, order.args, inputs.check)
        nearest = choose.nearest(model, order.args, inputs.check)
        raise _refusal(model.id, checked, [], nearest, of=len(settings.models))
    checked, cost = ranked[0]
    unpriced = sum(price.usd_micros is None for _, price in ranked)
    why = f"{'cheapest' if cost.usd_micros is not None else 'first'} of {len(ranked)} that can"
    if unpriced:
        why += f" ({unpriced} without a known price)"
    requests = [checked.request for checked, _ in ranked if checked.request]
    return replace(_quote(settings, order, inputs, checked, cost, why), alternatives=tuple(map(_fingerprint, requests)))


def _refusal(
    model: str, checked: Checked, others: Sequence[str], nearest: Mapping[str, Any] | None, of: int | None = None
) -> InvalidRequest:
    count = len(checked.problems)
    head = f"{model} cannot do this" if of is None else f"None of {of} models can do this; the closest is {model}"
    lines = [f"{head}, {count} problem{'s' if count > 1 else ''}:"]
    lines += [f"- {sentence}" for sentence in sentences(checked.problems)]
    if nearest is not None:
        shown = {name: value for name, value in nearest.items() if len(str(value)) <= _LONGEST_SHOWN}
        unchanged = " and ".join(name for name in nearest if name not in shown)
        with_it = f", with {unchanged} as it is" if unchanged else ""
        lines.append(f"This would work{with_it}: {json.dumps(shown, ensure_ascii=False)}")
    if others:
        shown = ", ".join(others[:_SHOWN]) + (f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else "")
        lines.append(f"Unchanged, the request would be accepted by: {shown}.")
    lines.append("Nothing was sent.")
    return InvalidRequest("\n".join(lines), next_step="Correct these and call again.")
