"""What a request would be and cost: one model named or chosen, everything checked and priced, nothing sent."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog import choose
from seedance_mcp.catalog.check import Checked
from seedance_mcp.catalog.price import Price, Prices, price
from seedance_mcp.errors import InvalidRequest, NotConfigured
from seedance_mcp.uploads.inputs import Inputs, PendingUpload

if TYPE_CHECKING:
    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.settings import Settings
    from seedance_mcp.vendors.vendor import Call, Vendor

_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Quote:
    """What a request would be and cost: a checked request, its price, and why this model."""

    request: VideoRequest
    price: Price
    checked: Checked
    vendor: Vendor
    chosen: str | None = None
    """Why this model was taken, where the caller left the choice to us."""
    uploads: Mapping[str, PendingUpload] = field(default_factory=dict[str, PendingUpload])
    """Files of this machine that have to be handed over first, by the URLs that stand for them in the request."""

    @property
    def call(self) -> Call:
        """The exact HTTP request that creating it sends."""
        return self.vendor.build_submit(self.request)

    @property
    def with_consent(self) -> str | None:
        """What to do about the picture of a real person, where the vendor reviews such pictures for this model."""
        upload = self.vendor.upload
        if upload is None or "person" not in upload.reviews(self.request.model):
            return None
        return (
            f"{self.vendor.name} takes pictures of real persons after a review of its own. With the person's consent, "
            "give each as a path below SEEDANCE_MEDIA_ROOTS that ends in #person; else use other pictures."
        )

    @property
    def fingerprint(self) -> str:
        """The same for the same request to the same model, and for nothing else."""
        fields = self.request.fields()
        canonical = json.dumps(
            [self.request.model.id, fields], sort_keys=True, ensure_ascii=False, separators=(",", ":")
        )
        return hashlib.sha256(canonical.encode()).hexdigest()


NO_FILES = Inputs()


def quote(settings: Settings, args: Mapping[str, Any], inputs: Inputs, prices: Prices) -> Quote:
    """Check and price a request; choose the cheapest configured model that can do it where none is named.

    `inputs` are the files that it names, `book` what is known of prices besides the models' rows.

    Raises:
        InvalidRequest: listing every problem, the nearest legal values, and who else would do it.
        NotConfigured: no vendor has a key.
    """
    if not settings.models:
        raise NotConfigured("No vendor is configured.")
    args = dict(args)
    name = args.pop("model", None)
    if name is None:
        return _cheapest(settings, args, inputs, prices)
    model = next((m for m in settings.models if m.id == name), None)
    if model is None:
        raise _no_such_model(name, [m.id for m in settings.models])
    check = inputs.check
    checked = check(model, args)
    if checked.request is None:
        others = choose.others(settings.models, args, model, check)
        raise _refusal(model.id, checked, others, choose.nearest(model, args, check))
    cost, vendor = price(checked.request, prices), settings.vendor_of(model)
    return Quote(checked.request, cost, checked, vendor, uploads=inputs.uploads(model, args))


def _cheapest(settings: Settings, args: dict[str, Any], inputs: Inputs, prices: Prices) -> Quote:
    check = inputs.check
    found = choose.ranked(settings.models, args, prices, check)
    if not found:
        model, checked = choose.fewest_problems(settings.models, args, check)
        raise _refusal(model.id, checked, [], choose.nearest(model, args, check), of=len(settings.models))
    checked, cost = found[0]
    assert checked.request is not None  # noqa: S101  (`ranked` returns accepted requests only)
    model = checked.request.model
    unpriced = sum(other.usd_micros is None for _, other in found)
    why = f"{'first' if cost.usd_micros is None else 'cheapest'} of {len(found)} that can"
    if unpriced:
        why += f" ({unpriced} without a known price)"
    return Quote(checked.request, cost, checked, settings.vendor_of(model), why, inputs.uploads(model, args))


def _no_such_model(name: object, ids: Sequence[str]) -> InvalidRequest:
    close = difflib.get_close_matches(str(name), ids, n=3, cutoff=0.4)
    hint = f"The closest are {', '.join(close)}." if close else "list_models shows those there are."
    return InvalidRequest(f"There is no model {str(name)[:60]!r} at a configured vendor.", next_step=hint)


def _refusal(
    model: str, checked: Checked, others: Sequence[str], nearest: Mapping[str, Any] | None, of: int | None = None
) -> InvalidRequest:
    count = len(checked.problems)
    head = f"{model} cannot do this" if of is None else f"None of {of} models can do this; the closest is {model}"
    lines = [f"{head}, {count} problem{'s' if count > 1 else ''}:"]
    lines += [f"- {problem.sentence()}" for problem in checked.problems]
    if nearest is not None:
        lines.append(f"It would do: {json.dumps(nearest, ensure_ascii=False)}")
    if others:
        shown = ", ".join(others[:_SHOWN]) + (f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else "")
        lines.append(f"As it is, it would be accepted by: {shown}.")
    lines.append("Nothing was sent.")
    return InvalidRequest("\n".join(lines), next_step="Correct these and call again.")
