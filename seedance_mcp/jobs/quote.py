"""Quotes: an order, checked and priced for one model that is named or chosen. Nothing is sent."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from seedance_mcp.catalog import choose
from seedance_mcp.catalog.check import sentences
from seedance_mcp.catalog.choose import Known
from seedance_mcp.catalog.price import price
from seedance_mcp.catalog.request import CONTROLS, FIELDS, MEDIA
from seedance_mcp.errors import InvalidRequest, NotConfigured
from seedance_mcp.jobs.journal.model import NewJob, new_id
from seedance_mcp.uploads.inputs import Inputs, PendingUpload

if TYPE_CHECKING:
    from seedance_mcp.catalog import Advice, Model
    from seedance_mcp.catalog.check import Checked
    from seedance_mcp.catalog.choose import Alternative, Candidate, Suggestion
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
    asked: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The arguments as given, with the content of local files in place of their paths."""

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
        return _hash([self.model.id, self.request.fields()])

    @property
    def asked_hash(self) -> str:
        """A hash of what the caller asked for: equal for equal calls, whichever model was chosen for them."""
        return _hash([self.order.model, {k: v for k, v in self.asked.items() if k not in CONTROLS}])

    def new_job(self, *, owner: str, account: str, cap: int | None) -> NewJob:
        """Return the job that creating it admits, for a process and an account; `cap` is the most it may cost."""
        unit_usd = self.price.unit_usd
        return NewJob(
            id=new_id(),
            vendor=self.vendor.slug,
            model=self.model.id,
            request=self.request.fields(),
            request_hash=self.fingerprint,
            asked_hash=self.asked_hash,
            owner=owner,
            reserve=self.price.usd_micros,
            price=self.price.as_json(),
            account=account,
            unit_usd=None if unit_usd is None else str(unit_usd),
            cap=cap,
            request_key=self.order.request_key,
            allow_duplicate=self.order.allow_duplicate,
        )


def _hash(value: object) -> str:
    canonical = json.dumps(_normal(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode(errors="surrogatepass")).hexdigest()


def _normal(value: object) -> object:
    """Return a JSON value in which 5.0 is 5, as it is in a request."""
    if isinstance(value, dict):
        return {k: _normal(v) for k, v in cast("dict[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_normal(v) for v in cast("Sequence[object]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


Affordable = Callable[["Price"], bool]
"""Tells whether the caps in force allow a price."""


def make_quote(
    settings: Settings,
    order: Order,
    inputs: Inputs,
    prices: Prices,
    affordable: Affordable = lambda _: True,
) -> Quote:
    """Check and price an order; choose the cheapest configured model that can do it where none is named.

    `inputs` are the local files that it names, `prices` what is known about prices besides the models' rows.

    Raises:
        InvalidRequest: lists every problem, the nearest legal values, and the models that would accept the request.
        NotConfigured: no vendor has an API key.
    """
    require_vendor(settings)
    if order.model is None:
        ranked = choose.ranked(settings.models, order.args, prices, inputs.check, affordable)
        return _first(settings, order, inputs, prices, ranked)
    model = settings.model(order.model)
    checked = inputs.check(model, order.args)
    if checked.request is None:
        ranked = choose.ranked(settings.models, order.args, prices, inputs.check, affordable)
        others = [c.model.id for c in ranked if c.model.id != model.id and not c.over_cap]
        instead = [] if others else choose.alternatives(settings.models, order.args, prices, inputs.check)
        nearest = choose.nearest(model, order.args, inputs.check)
        more = _in_parts(checked, settings) if not others else ()
        raise _refusal(model, checked, order, nearest, others=others, instead=instead, more=more)
    cost = price(checked.request, prices)
    chosen = f"the model of job {order.model_of}" if order.model_of else None
    return _quote(settings, order, inputs, checked.request, checked.advice, cost, chosen)


def require_vendor(settings: Settings) -> None:
    """Return if a vendor is configured.

    Raises:
        NotConfigured: none has an API key.
    """
    if not settings.models:
        unfilled = [_unfilled(name) for name in settings.unfilled if "_API_KEY" in name]
        raise NotConfigured(" ".join(["No vendor is configured.", *unfilled]))


def _unfilled(name: str) -> str:
    return f"{name} holds a placeholder that the client did not fill in."


def all_quotes(settings: Settings, order: Order, inputs: Inputs, prices: Prices) -> list[Quote]:
    """Return a quote by every configured model that may be chosen for the order, the one to choose first."""
    ranked = choose.ranked(settings.models, order.args, prices, inputs.check)
    return [_quote(settings, order, inputs, c.request, c.advice, c.price) for c in ranked]


def _quote(
    settings: Settings,
    order: Order,
    inputs: Inputs,
    request: VideoRequest,
    advice: tuple[Advice, ...],
    cost: Price,
    chosen: str | None = None,
) -> Quote:
    uploads = inputs.uploads(request.model, order.args)
    vendor = settings.vendor_of(request.model)
    return Quote(order, request, cost, vendor, advice, chosen, uploads, inputs.asked(order.args))


def _first(settings: Settings, order: Order, inputs: Inputs, prices: Prices, ranked: Sequence[Candidate]) -> Quote:
    if not ranked:
        models = choose.choosable(settings.models)
        if not models:
            raise InvalidRequest(
                "Every configured model is without a content filter, and such a model has to be named.",
                next_step="Call list_models, and create_video again with model.",
            )
        model = choose.closest(models, order.args, prices, inputs.check)
        checked = inputs.check(model, order.args, strict=True)
        others = choose.alternatives(models, order.args, prices, inputs.check)
        nearest = choose.nearest(model, order.args, inputs.check)
        more = _in_parts(checked, settings)
        raise _refusal(model, checked, order, nearest, instead=others, more=more, of=len(settings.models))
    best = ranked[0]
    why = "; ".join([_why(ranked), *_excluding(settings, order, inputs, prices, best)])
    return _quote(settings, order, inputs, best.request, best.advice, best.price, why)


def _excluding(settings: Settings, order: Order, inputs: Inputs, prices: Prices, best: Candidate) -> Iterator[str]:
    """Yield which argument excludes the models with a known price, where the best has none."""
    if best.known is Known.USD:
        return
    found: list[tuple[int, str]] = []
    for name in order.args:
        if name in FIELDS and name not in {"prompt", *MEDIA}:
            without = {k: v for k, v in order.args.items() if k != name}
            ranked = choose.ranked(settings.models, without, prices, inputs.check)
            if ranked and ranked[0].known is Known.USD and ranked[0].price.usd_micros is not None:
                other = ranked[0]
                found.append((ranked[0].price.usd_micros, f"without {name}: {other.model.id}, {other.price.brief()}"))
    if found:
        yield min(found)[1]


def _why(ranked: Sequence[Candidate]) -> str:
    """Say why the first candidate was chosen, and what speaks against the others."""
    best = ranked[0]
    peers = [c for c in ranked if c.standard == best.standard]
    if best.known in {Known.USD, Known.USD_WITH_CAUTION}:
        why = f"cheapest of {len(peers)} with a known price" if len(peers) > 1 else "the only one with a known price"
    elif best.known is Known.OWN_UNITS:
        of = f"cheapest of {best.model.vendor}'s {len(peers)}" if len(peers) > 1 else f"{best.model.vendor}'s only one"
        why = f"{of} with a price in {best.price.unit}"
    else:
        why = f"first of {len(peers)}, none with a known price" if len(peers) > 1 else "its price is unknown"
    rest = [c for c in ranked if c.standard != best.standard]
    if rest:
        reasons = Counter(_against(c, best) for c in rest)
        counts = ", ".join(f"{count} ({reason})" for reason, count in reasons.items())
        why += f"; {len(rest)} more could" + (f", {next(iter(reasons))}" if len(reasons) == 1 else f": {counts}")
    return why


def _against(other: Candidate, best: Candidate) -> str:
    """Return the first reason why a candidate comes after the best."""
    if other.over_cap != best.over_cap:
        return "above a cap" if other.price.usd_micros is not None else "price in USD unknown, which a cap refuses"
    if other.cautious != best.cautious:
        return "with a caution about what is asked"
    if other.known != best.known:
        return _KNOWN[other.known]
    if other.misused != best.misused:
        return "made for other requests"
    if other.vendor != best.vendor:
        return "priced in other units"
    return "at another resolution"


_KNOWN = {
    Known.USD: "priced in USD",
    Known.USD_WITH_CAUTION: "with a caution about the price",
    Known.OWN_UNITS: "price in USD unknown",
    Known.UNKNOWN: "price in USD unknown",
}


def _refusal(
    model: Model,
    checked: Checked,
    order: Order,
    suggestion: Suggestion | None,
    *,
    others: Sequence[str] = (),
    instead: Sequence[Alternative] = (),
    more: Iterable[str] = (),
    of: int = 0,
) -> InvalidRequest:
    count = len(checked.problems)
    args, named = order.args, not of
    whose = f", the model of job {order.model_of}," if order.model_of else ""
    head = (
        f"{model.id}{whose} cannot do this" if named else f"None of {of} models can do this; the closest is {model.id}"
    )
    lines = [f"{head}, {count} problem{'s' if count > 1 else ''}:"]
    lines += [f"- {sentence}" for sentence in sentences(checked.problems)]
    if suggestion is not None:
        without = f", without {' and '.join(suggestion.dropped)}" if suggestion.dropped else ""
        works = ({"model": model.id} if named else {}) | suggestion.args
        shown = {name: value for name, value in works.items() if len(str(value)) <= _LONGEST_SHOWN}
        unchanged = " and ".join(name for name in works if name not in shown)
        with_it = f", with {unchanged} as it is" if unchanged else ""
        lines.append(f"This would work{without}{with_it}: {json.dumps(shown, ensure_ascii=False)}")
    shown_above = suggestion.changed(args).keys() if suggestion is not None else set[str]()
    lines += [f"Or: {other.text()}." for other in instead if other.changed.keys() != shown_above]
    lines += more
    if others:
        shown = ", ".join(others[:_SHOWN]) + (f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else "")
        lines.append(f"Unchanged, the request would be accepted by: {shown}.")
    lines.append("Nothing was sent.")
    wished = any(problem.field in FIELDS and problem.field in args for problem in checked.problems)
    return InvalidRequest("\n".join(lines), next_step=_ASK if wished else _CORRECT)


_MOST_PARTS = 20
"""More would be a slip rather than a wish."""


def _in_parts(checked: Checked, settings: Settings) -> Iterator[str]:
    """Yield how several videos make the length that none of them can have."""
    able = "/".join(vendor.slug for vendor in settings.vendors if settings.takes_files(vendor))
    for problem in checked.problems:
        asked, longest = problem.value, problem.nearest
        if problem.field == "duration" and isinstance(asked, int | float) and isinstance(longest, int | float):
            count = math.ceil(asked / longest) if 0 < longest < asked <= _MOST_PARTS * longest else 0
            if count:
                how = f"; with a model of {able}, first_frame: job_id continues that video" if able else ""
                yield f"{asked:g} s take {count} videos, each paid for{how}."


_CORRECT = "Correct these and call again."
_ASK = "Correct your own mistakes and call again; where the user asked for it, tell the user or ask before paying."
